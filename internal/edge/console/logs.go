package console

import (
	"context"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
)

// Logs of production are the site's: its admin shares them with the app's developer for a
// stated time, and sees who read them.

// sharing is what an app's page says of its logs.
type sharing struct {
	Production   bool
	With, By     string // "" when nobody reads them
	Since, Until time.Time
	Reads        []logRead
}

type logRead struct {
	At  time.Time
	Who string
}

// shareTimes are the times that the form offers, in hours.
var shareTimes = []int{1, 8, 24, 72, 168, 720}

func (c *Console) sharingOf(ctx context.Context, p id.Principal, i install.Installation, production bool) (sharing, error) {
	out := sharing{Production: production}
	scope, err := tenant.ForInstall(p, i.Site, i.ID)
	if err != nil {
		return out, err
	}
	share, err := c.Logs.Shared(ctx, scope)
	if err != nil {
		return out, err
	}
	if share != nil {
		out.With, out.By, out.Since, out.Until = c.accountName(ctx, share.Account), c.person(ctx, share.By), share.Since, share.Until
	}
	reads, err := c.Audit.Page(ctx, scope, audit.Filter{Act: "logs.read", Limit: 5})
	if err != nil {
		return out, err
	}
	for _, e := range reads.Entries {
		out.Reads = append(out.Reads, logRead{time.UnixMilli(e.At), c.person(ctx, e.Actor)})
	}
	return out, nil
}

func (c *Console) showShare(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	if p.Hours < 1 || p.Hours > 720 {
		return summary{}, fault.New(fault.Usage, "SHARE_TIME", "logs are shared for 1 to 720 hours").WithFix("choose one of the list")
	}
	owner, err := c.ownerOf(ctx, by, p.Installation)
	if err != nil {
		return summary{}, err
	}
	return summary{Title: "Share the logs of " + p.Name + " for " + hours(time.Duration(p.Hours)*time.Hour) + "?", Button: "Share", Back: pageOf(p), Text: []string{
		"Its developer, " + c.accountName(ctx, owner) + ", reads what the app writes from now on, until then. What it wrote before stays unread.",
		"An app can write what people typed and what the product answered into its logs. Each reading is in the audit log.",
	}}, nil
}

func (c *Console) ownerOf(ctx context.Context, by id.Principal, i id.Install) (id.Account, error) {
	d, err := c.Installs.Detail(ctx, by, i)
	return d.Installation.Owner, err
}

func (c *Console) doShare(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	owner, err := c.ownerOf(ctx, by, p.Installation)
	if err != nil {
		return "", "", err
	}
	scope, err := tenant.ForInstall(by, by.Site, p.Installation)
	if err != nil {
		return "", "", err
	}
	_, err = c.Logs.ShareWith(ctx, by, scope, owner, time.Duration(p.Hours)*time.Hour)
	return "saved", pageOf(p), err
}

func (c *Console) showUnshare(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Stop sharing the logs of " + p.Name + "?", Button: "Stop", Back: pageOf(p),
		Text: []string{"Its developer reads nothing more of them, at once. What was read, was read."}}, nil
}

func (c *Console) doUnshare(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	scope, err := tenant.ForInstall(by, by.Site, p.Installation)
	if err != nil {
		return "", "", err
	}
	return "narrowed", pageOf(p), c.Logs.Unshare(ctx, by, scope)
}

// hoursTyped reads a number of hours out of a form.
func hoursTyped(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
