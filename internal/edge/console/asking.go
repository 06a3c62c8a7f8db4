package console

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/install"
)

// hint is an address, of a host or for a remote, that an app asked for while no admin was present. Its button begins a
// decision of the admin's own: nothing of what the app asked is approved by it.
type hint struct {
	Type  perm.EgressType
	Host  string
	Line  perm.Line
	Times int
	Last  time.Time
	// Of a remote, whose address Host then is.
	Remote string
	Epoch  uint64
}

// hintsOf are what the app asked for in vain, and whether it may ask at all.
func (c *Console) hintsOf(ctx context.Context, scope tenant.Scope, i install.Installation, words perm.Words) (out []hint, silent bool, err error) {
	has := i.Effective()
	all, err := c.Asking.Hints(ctx, scope)
	if err != nil {
		return nil, false, err
	}
	for _, h := range all {
		for _, d := range h.Egress {
			set := perm.Set{Egress: []perm.Egress{{Type: d.Type, Pattern: d.Pattern, InScopeEUD: true}}}
			lines := perm.Describe(set, words)
			if len(lines) == 0 || perm.Covers(has, set) || !perm.Bounds(has.Configurable, d.Type, d.Pattern) {
				continue // allowed by now, or no longer to be allowed
			}
			out = append(out, hint{Type: d.Type, Host: d.Pattern.String(), Line: lines[0], Times: h.Count, Last: h.Last})
		}
		for _, r := range h.Remotes {
			url, _, err := c.Installs.CheckRemote(ctx, scope, r.Key, r.URL)
			if err != nil || url == perm.URLOf(has, r.Key) {
				continue // it may not be set there, or is there by now
			}
			out = append(out, hint{Host: url, Remote: r.Key, Epoch: i.Epoch, Times: h.Count, Last: h.Last})
		}
	}
	silent, err = c.Asking.Blocked(ctx, scope)
	return out, silent, err
}

func (c *Console) showAskAgain(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Let " + p.Name + " ask admins again?", Button: "Let it ask", Back: pageOf(p),
		Text: []string{"While an admin uses it, it may ask for further addresses, at most three times an hour. It gets nothing by that: an admin decides each time."}}, nil
}

func (c *Console) doAskAgain(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", pageOf(p), c.Asking.SetBlocked(ctx, by, p.Installation, false)
}
