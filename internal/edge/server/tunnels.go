package server

import (
	"context"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/devtunnel"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// openTunnels lets developers run their own calls in development on their machines.
func (s *System) openTunnels() {
	s.Tunnels = devtunnel.New(devtunnel.Config{
		DB: s.DB, Audit: s.Audit, Log: s.Config.Log,
		Lend: func(link *weblink.Link) devtunnel.Guest { return s.Runtime.Lend(link, s.Config.Log) },
		May: func(ctx context.Context, p id.Principal, app id.App, environment string) (devtunnel.Place, error) {
			r, err := s.Registry.Tunnelled(ctx, p, app, environment)
			if err != nil {
				return devtunnel.Place{}, err
			}
			return devtunnel.Place{App: r.App, Environment: r.Environment, Name: r.EnvName}, nil
		},
		Agreed: func(ctx context.Context, proof string) (devtunnel.Agreement, error) {
			a, err := s.Accounts.AgreedTo(ctx, proof)
			if err != nil {
				return devtunnel.Agreement{}, err
			}
			return devtunnel.Agreement{Account: a.Account, Install: a.Install, Site: a.Site, Product: a.Product, User: a.User}, nil
		},
	})
}

// divert is the tunnel of whoever makes a call, nil without one.
func (s *System) divert(ctx context.Context, p *call.Policy, c *call.Call) (invoke.Runtime, error) {
	g, err := s.Tunnels.Divert(ctx, p, c)
	if g == nil || err != nil {
		return nil, err
	}
	return g, nil
}
