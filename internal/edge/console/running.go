package console

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/unattended"
)

// What an app does when nobody watches: what it uses, what it has queued, and what was
// given up, whose bodies are the site's.

// lettersShown is how many dead letters a page lists.
const lettersShown = 100

// counted words what quotas count.
var counted = map[string]string{
	quota.Calls: "Calls", quota.Outbound: "Requests that left", quota.ProductCalls: "Calls of the product", quota.Pushes: "Queued events", quota.LogLines: "Log lines",
	quota.StorageReads: "Pieces of 10 KB read from its storage", quota.StorageWrites: "Pieces of 10 KB written into its storage",
}

// jobKinds words what is queued.
var jobKinds = map[string]string{"queue": "Queue", "event": "Event", "schedule": "Schedule"}

type usedRow struct {
	What          string
	Figure        int // a minute; negative when there is none
	Used, Refused int64
}

// storedBy words whose stored data the page tells of: what the app has on other sites is
// not this site's to know.
var storedBy = map[string]string{kvstore.OfInstallation: "Stored", kvstore.OfSite: "Stored by all apps of the site"}

type storedRow struct {
	What string
	kvstore.Stored
	Refused int64
}

// watched is the installation of a page of its own, and the right to it.
func (c *Console) watched(v *visit) (id.Principal, tenant.Scope, call.EnvType, string, error) {
	i, err := c.installation(v)
	if err != nil {
		return id.Principal{}, tenant.Scope{}, "", "", err
	}
	p, err := c.viewer(v)
	if err != nil {
		return p, tenant.Scope{}, "", "", err
	}
	scope, err := tenant.ForInstall(p, i.Site, i.ID)
	return p, scope, i.EnvType, c.appName(v.ctx(), i.App), err
}

func (c *Console) showRunning(v *visit) error {
	i, err := c.installation(v)
	if err != nil {
		return err
	}
	_, scope, _, name, err := c.watched(v)
	if err != nil {
		return err
	}
	used, err := c.Quotas.Usage(v.ctx(), scope)
	if err != nil {
		return err
	}
	today := c.Now().UTC().Format("2006-01-02")
	f := c.Quotas.Limits(i.App, i.ID)
	figures := map[string]int{quota.Calls: f.Calls, quota.Outbound: f.Outbound, quota.ProductCalls: f.ProductCalls, quota.Pushes: f.Pushes, quota.LogLines: f.LogLines,
		quota.StorageReads: f.StorageReads, quota.StorageWrites: f.StorageWrites}
	var rows []usedRow
	for _, what := range []string{quota.Calls, quota.Outbound, quota.ProductCalls, quota.Pushes, quota.LogLines, quota.StorageReads, quota.StorageWrites} {
		row := usedRow{What: counted[what], Figure: figures[what]}
		for _, u := range used {
			if u.What == what && u.Day.Format("2006-01-02") == today {
				row.Used, row.Refused = u.Used, u.Refused
			}
		}
		rows = append(rows, row)
	}
	all, err := c.Stored(v.ctx(), scope)
	if err != nil {
		return err
	}
	var full int64 // of what was to be stored today, how much had no room
	for _, u := range used {
		if u.What == quota.Stored && u.Day.Format("2006-01-02") == today {
			full = u.Refused
		}
	}
	var stored []storedRow
	for _, s := range all {
		if what := storedBy[s.Of]; what != "" {
			stored = append(stored, storedRow{what, s, full})
			full = 0 // once: with the installation's own
		}
	}
	queued, err := c.Unattended.State(v.ctx(), scope, lettersShown)
	if err != nil {
		return err
	}
	held, err := c.Unattended.Held(v.ctx(), scope)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "running.html", page{Title: "What " + name + " runs", Section: "apps", Data: map[string]any{
		"ID": i.ID, "Name": name, "Used": rows, "Stored": stored, "Held": held, "MaxHeld": unattended.Room{Jobs: int64(f.Queued), Bytes: int64(f.QueuedBytes)}, "Counts": queued.Counts, "Dead": queued.Dead, "Kinds": jobKinds,
	}})
}

// showLetter shows what an app or product put into a job that was given up. That it was
// read is in the audit log.
func (c *Console) showLetter(v *visit) error {
	p, scope, env, name, err := c.watched(v)
	if err != nil {
		return err
	}
	l, err := c.Unattended.Letter(v.ctx(), scope, p, env, v.PathValue("letter"))
	if err != nil {
		return err
	}
	body := ""
	if l.Body != nil {
		if err := c.Audit.Append(v.ctx(), scope.Site(), scope.Install(), p, "queue.read", map[string]any{"letter": l.ID}); err != nil {
			return err
		}
		var b bytes.Buffer
		if json.Indent(&b, l.Body, "", "  ") == nil {
			body = b.String()
		}
	}
	return c.render(v, http.StatusOK, "letter.html", page{Title: "Given up by " + name, Section: "apps", Data: map[string]any{"ID": scope.Install(), "Name": name, "Letter": l, "Body": body, "Kinds": jobKinds}})
}

func (c *Console) showRetryLetters(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	s := summary{Title: "Have what " + p.Name + " gave up tried again?", Button: "Try again", Back: runningOf(p), Text: []string{"Each is handled once more under its old id, with what the app may do now."}}
	if p.Letter != "" {
		s.Title = "Have one event of " + p.Name + " tried again?"
	}
	return s, nil
}

func (c *Console) doRetryLetters(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	scope, err := tenant.ForInstall(by, by.Site, p.Installation)
	if err != nil {
		return "", "", err
	}
	var ids []string
	if p.Letter != "" {
		ids = []string{p.Letter}
	}
	n, err := c.Unattended.Retry(ctx, scope, ids...)
	if err == nil {
		err = c.Audit.Append(ctx, scope.Site(), scope.Install(), by, "queue.retry", map[string]any{"letters": n})
	}
	return "retried", runningOf(p), err
}

func (c *Console) showDropLetter(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	if p.Letter == "" {
		return summary{}, fault.New(fault.Usage, "NO_LETTER", "no event was named")
	}
	return summary{Title: "Drop one event of " + p.Name + "?", Button: "Drop", Danger: true, Back: runningOf(p), Text: []string{"It is gone, and never handled."}}, nil
}

func (c *Console) doDropLetter(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	scope, err := tenant.ForInstall(by, by.Site, p.Installation)
	if err != nil {
		return "", "", err
	}
	if err = c.Unattended.Drop(ctx, scope, p.Letter); err == nil {
		err = c.Audit.Append(ctx, scope.Site(), scope.Install(), by, "queue.drop", map[string]any{"letter": p.Letter})
	}
	return "dropped", runningOf(p), err
}

func runningOf(p proposal) string { return "/apps/" + string(p.Installation) + "/running" }
