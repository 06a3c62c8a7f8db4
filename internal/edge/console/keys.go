package console

import (
	"context"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/provider"
)

// Services on the page of data that the app calls with a credential of the site's.

func (c *Console) keysOf(v *visit, i install.Installation) ([]provider.SiteKey, error) {
	p, err := c.viewer(v)
	if err != nil {
		return nil, err
	}
	all, err := c.Providers.SiteKeys(v.ctx(), p, i.ID)
	if err != nil {
		return nil, err
	}
	for n := range all {
		if all[n].By != "" {
			all[n].By = c.person(v.ctx(), all[n].By)
		}
	}
	return all, nil
}

// readKey reads what a form says of a service's credential; its secret is typed later.
func (p *proposal) readKey(v *visit) {
	p.Provider, p.Client = v.PostFormValue("provider"), strings.TrimSpace(v.PostFormValue("client"))
	p.Sends = v.PostForm["sends"]
}

// keyNow is the service as it is now.
func (c *Console) keyNow(ctx context.Context, by id.Principal, p proposal) (provider.SiteKey, error) {
	all, err := c.Providers.SiteKeys(ctx, by, p.Installation)
	if err != nil {
		return provider.SiteKey{}, err
	}
	if at := slices.IndexFunc(all, func(k provider.SiteKey) bool { return k.Key == p.Provider }); at >= 0 {
		return all[at], nil
	}
	return provider.SiteKey{}, fault.New(fault.NotFound, "PROVIDER_UNKNOWN", "the app needs no credential of the site's for %.64q", p.Provider)
}

func (c *Console) showKey(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	k, err := c.keyNow(ctx, by, p)
	if err != nil {
		return summary{}, err
	}
	what := map[string]string{"api_key": "The key", "hmac": "The secret for signatures", "client_credentials": "The secret of the client " + quote.Line(p.Client, 60)}[k.Type]
	return summary{Title: "Give " + p.Name + " a credential for " + quote.Line(k.Name, 80) + "?", Button: "Store", Back: dataPage(p), Secret: what,
		Text: []string{"It goes to " + quote.Line(strings.Join(p.Sends, ", "), 400) + " and nowhere else. The app uses it, for whoever works with it, and never reads it; neither does its developer, nor you, once it is stored.",
			"When a version of the app names another place, it finds no credential there. One that was there before is replaced."}}, nil
}

func (c *Console) doKey(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Providers.GiveSiteKey(ctx, by, p.Installation, p.Provider, provider.SiteCredential{Sends: p.Sends, Client: p.Client, Secret: p.secret})
	return "saved", dataPage(p), err
}

func (c *Console) showNoKey(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	k, err := c.keyNow(ctx, by, p)
	return summary{Title: "Take the credential for " + quote.Line(k.Name, 80) + " away from " + p.Name + "?", Button: "Take away", Back: dataPage(p),
		Text: []string{"From then on the app cannot call the service: it is told that an admin has to give the credential."}}, err
}

func (c *Console) doNoKey(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", dataPage(p), c.Providers.TakeSiteKey(ctx, by, p.Installation, p.Provider)
}
