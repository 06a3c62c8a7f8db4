package provider

import (
	"context"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/manifest"
)

// Ready refuses a call of a function that demands scopes (requiredScopes) for which the user
// who is present has connected no account: the page asks the user, and the call is made again.
// Where nobody is present the function runs, and finds no account.
func (s *Service) Ready(ctx context.Context, p *call.Policy, c *call.Call) error {
	if len(p.Set.Providers) == 0 || c.Principal.Kind != id.EndUser {
		return nil
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return err
	}
	for _, f := range m.Functions() {
		if f.Handler != c.Function {
			continue
		}
		for _, use := range f.Providers.Auth {
			if err := s.ready(ctx, p, c, f, use); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) ready(ctx context.Context, p *call.Policy, c *call.Call, f manifest.Function, use manifest.ProviderUse) error {
	if len(use.RequiredScopes) == 0 {
		return nil
	}
	d, err := s.declared(ctx, p, use.Provider)
	if err != nil || d.OfSite() || d.Actions.RetrieveProfile.Function == f.Key { // that one runs while the account is connected
		return err
	}
	o, err := s.ownerOf(ctx, p, c.Principal)
	if err != nil {
		return err
	}
	if a, err := s.pick(ctx, o, d, "", use.RequiredScopes); err != nil || a != nil {
		return err
	}
	ask := slices.Clone(use.RequiredScopes)
	if use.RequestAllScopes != nil && *use.RequestAllScopes {
		return missing(d, d.Scopes)
	}
	// An account that is connected again has what was agreed to last: what it had is kept.
	if have, err := s.pick(ctx, o, d, "", nil); err != nil {
		return err
	} else if have != nil {
		ask = append(ask, have.Scopes...)
	}
	ask = slices.DeleteFunc(ask, func(sc string) bool { return !slices.Contains(d.Scopes, sc) })
	slices.Sort(ask)
	return missing(d, slices.Compact(ask))
}
