package server

import (
	"context"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/manifest"
)

// openProviders makes the vault of external accounts, and says when its accounts end.
func (s *System) openProviders(door *lateDoor) {
	s.Providers = provider.New(provider.Config{
		DB: s.DB, Sealer: s.Ring, Audit: s.Audit, Broker: pinned{s.Broker}, Policies: s.Installs, Manifests: s.Registry,
		Apps: providerApps{s.Registry, s.Installs}, People: s.declared, Invoker: door, Jobs: s.Jobs, Callback: s.Origins.UIURL() + "/oauth/cb",
	})
	s.Jobs.Handle("provider.revoke", s.Providers.Run)
	s.Tenancy.Ends = append(s.Tenancy.Ends, s.Providers.EndSite)
	told := s.Installs.Happened
	s.Installs.Happened = func(ctx context.Context, by id.Principal, i *install.Installation, act string) error {
		if act == "install.uninstall" {
			if err := s.Providers.Ended(ctx, by, i.Environment, i.Site, i.ID); err != nil {
				return err
			}
		}
		return told(ctx, by, i, act)
	}
}

// pinned sends a provider's requests by the broker.
type pinned struct{ broker *egress.Broker }

func destination(to provider.Destination) egress.Destination {
	return egress.Destination{
		Kind: egress.ToProvider, Key: to.Provider, Remote: to.Remote, Base: to.Base, Inject: to.Inject, Secrets: to.Secrets, Mints: to.Mints, Still: to.Still,
	}
}

// Fetch implements provider.Broker.
func (b pinned) Fetch(ctx context.Context, p *call.Policy, c *call.Call, to provider.Destination, req call.Request) (call.Reply, error) {
	ask, err := egress.ReadAsk(req)
	if err != nil {
		return call.Reply{}, err
	}
	return b.broker.Pinned(ctx, p, c, destination(to), ask)
}

// GiveUp implements provider.Broker.
func (b pinned) GiveUp(c *call.Call, r call.Reply) { b.broker.GiveUp(c, r) }

// Ask implements provider.Broker.
func (b pinned) Ask(ctx context.Context, p *call.Policy, c *call.Call, to provider.Destination, ask provider.Ask) (exchange.Answer, error) {
	return b.broker.PinnedAnswer(ctx, p, c, destination(to), egress.Ask{Path: ask.Path, Method: ask.Method, Headers: ask.Headers, Body: ask.Body, Timeout: ask.Timeout})
}

// Refused implements provider.Broker.
func (b pinned) Refused(ctx context.Context, p *call.Policy, c *call.Call, tried provider.Attempt, req call.Request, err error) error {
	ask, malformed := egress.ReadAsk(req)
	if malformed != nil {
		return err
	}
	return b.broker.Refused(ctx, p, c, egress.Attempt{Kind: egress.ToProvider, Key: tried.Provider, Remote: tried.Remote, Origin: tried.Origin, Ask: ask,
		Rule: tried.Rule, Never: tried.Never, Keyed: tried.Keyed}, err)
}

// providerApps tells the vault of apps' environments.
type providerApps struct {
	registry *registry.Service
	installs *install.Service
}

// Owned implements provider.Apps.
func (a providerApps) Owned(ctx context.Context, p id.Principal, app id.App, environment string) (id.Env, *manifest.Manifest, error) {
	if !p.Is(id.Developer) {
		return "", nil, fault.New(fault.Denied, "ROLE_REQUIRED", "only the app's developer configures its providers")
	}
	all, err := a.registry.Environments(ctx, p, app) // for its owner only
	if err != nil {
		return "", nil, err
	}
	for _, e := range all {
		if e.Name != environment {
			continue
		}
		running, err := a.registry.Release(ctx, app, environment)
		if err != nil {
			return "", nil, err
		}
		m, err := a.registry.Manifest(ctx, running.Version)
		return e.ID, m, err
	}
	return "", nil, fault.New(fault.NotFound, "ENVIRONMENT_UNKNOWN", "the app has no environment %.64q", environment)
}

// Elsewhere implements provider.Apps.
func (a providerApps) Elsewhere(ctx context.Context, env id.Env, site id.Site, besides id.Install) (bool, error) {
	all, err := a.installs.List(ctx, id.Principal{Kind: id.SiteAdmin, Site: site}, install.Filter{Site: site})
	for _, i := range all {
		if i.Environment == env && i.ID != besides {
			return true, err
		}
	}
	return false, err
}

// Directory implements provider.People: a product's own, unless its operator says that its
// people have the same ids as those of other products.
func (p *products) Directory(ctx context.Context, key id.Product) (string, error) {
	api, err := p.tenancy.API(ctx, key)
	if err != nil {
		return "", err
	}
	if api.Directory != "" {
		return "directory:" + api.Directory, nil
	}
	return "product:" + string(key), nil
}
