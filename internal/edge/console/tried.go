package console

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// tried refuses at the form what would be refused at the last button: nobody proves to the
// product who they are, or types a secret, for what cannot be done. The button decides
// by itself all the same. A remote's address is from then on the one that would be kept,
// so that the last page shows that one and not what was typed.
func (c *Console) tried(v *visit, kind string, p *proposal) error {
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	var act func(ctx context.Context) error
	switch kind {
	case "remote":
		act = func(ctx context.Context) error {
			i, err := c.Installs.SetRemote(ctx, by, p.Installation, p.Remote, p.Host, p.Why, p.Epoch)
			for _, r := range i.Remotes {
				if r.Key == p.Remote && err == nil {
					p.Host = r.URL
				}
			}
			return err
		}
	case "network":
		act = c.openNetwork(by, *p)
	case "egress":
		act = func(ctx context.Context) error {
			_, err := c.Installs.AddEgress(ctx, by, p.Installation, p.Type, p.Host)
			return err
		}
	case "credential":
		if p.Credential == nil {
			return nil // the page says what is missing
		}
		return c.Remotes.Accepts(v.ctx(), by, p.Installation, p.Remote, p.Origin, *p.Credential)
	case "key", "no-key":
		_, err := c.keyNow(v.ctx(), by, *p)
		return err
	default:
		return nil
	}
	_, _, _, err = c.Installs.Try(v.ctx(), by, p.Installation, act)
	return err
}

func (c *Console) openNetwork(by id.Principal, p proposal) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if p.Port == 0 {
			return fault.New(fault.Usage, "BAD_PORT", "that is no port").WithFix("write the port as a number, such as 8088")
		}
		_, err := c.Installs.GrantNetwork(ctx, by, p.Installation, p.Network, p.Remote, p.Host, p.Port, p.CA, p.Epoch)
		return err
	}
}

// cameFrom is the page of ours on which a refused form or link lies, "" when the browser
// does not say.
func (c *Console) cameFrom(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Scheme+"://"+u.Host != c.URL || u.User != nil || u.Path == r.URL.Path && r.Method == http.MethodGet {
		return ""
	}
	if u.Path == "" || u.Path != path.Clean(u.Path) || strings.HasPrefix(u.EscapedPath(), "//") { // //host would lead to another server
		return ""
	}
	return u.EscapedPath() // its query may be one that decided something
}
