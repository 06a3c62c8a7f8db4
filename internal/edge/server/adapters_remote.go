package server

import (
	"context"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/product"
	"github.com/annexhq/annex/internal/feature/remote"
)

// toRemotes sends what goes to remotes through the broker.
type toRemotes struct{ broker *egress.Broker }

// Send implements remote.Broker.
func (b toRemotes) Send(ctx context.Context, p *call.Policy, c *call.Call, out remote.Outgoing) (call.Reply, error) {
	return b.broker.Pinned(ctx, p, c,
		egress.Destination{Kind: egress.ToRemote, Key: out.Remote, Endpoint: out.Endpoint, Base: out.Base, Inject: out.Inject, Secrets: out.Secrets, As: out.As, Mints: out.Mint},
		egress.Ask{Path: out.Path, Method: out.Method, Headers: out.Headers, Body: out.Body, Timeout: out.Timeout, Room: out.Room, Lasting: out.Lasting})
}

// Refused implements remote.Broker.
func (b toRemotes) Refused(ctx context.Context, p *call.Policy, c *call.Call, out remote.Attempt, err error) error {
	return b.broker.Refused(ctx, p, c, egress.Attempt{Kind: egress.ToRemote, Key: out.Remote, Endpoint: out.Endpoint, Origin: out.Origin,
		Ask: egress.Ask{Path: out.Path, Method: out.Method, Headers: out.Headers, Body: out.Body}, Rule: out.Rule}, err)
}

// openRemotes makes what calls the back ends of apps.
func (s *System) openRemotes() {
	s.Remotes = remote.New(remote.Config{
		DB: s.DB, Broker: toRemotes{s.Broker}, Signer: s.Signer, Products: s.Products, Policies: s.Installs, Sealer: s.Ring, Audit: s.Audit,
		Facts: func(p *call.Policy) []byte { return s.Door.Facts(p) }, Resolver: s.resolverEndpoint, Gateway: s.Origins.ControlURL(), Log: s.Config.Log,
	})
	s.Installs.RemoteChanged = s.Remotes.Changed
	s.Erasures.Parts = append(s.Erasures.Parts, s.Remotes.Erase)
}

// resolverEndpoint is the endpoint that a module of the running version names as its resolver.
func (s *System) resolverEndpoint(ctx context.Context, p *call.Policy, module string) (string, error) {
	m, err := s.Registry.Manifest(ctx, p.Version)
	if err != nil {
		return "", err
	}
	u, ok := m.Module(module)
	switch {
	case !ok:
		return "", nil
	case u.Resolver.Endpoint != "":
		return u.Resolver.Endpoint, nil
	default:
		return u.Endpoint, nil
	}
}

// registerModule takes down a remote that an app registers for the installation of its call.
func (s *System) registerModule(ctx context.Context, p *call.Policy, m product.Module) error {
	r := install.RegisteredRemote{Key: m.Key, Name: m.Name, Description: m.Description}
	for _, text := range m.DomainPatterns {
		pattern, err := hostrule.ParsePattern(text, hostrule.Remote)
		if err != nil {
			return fault.New(fault.Invalid, "INVALID_PATTERN", "%.100q is no pattern for a remote's address", text).WithFix("write a host such as logs.example.com, or *.example.com")
		}
		r.Patterns = append(r.Patterns, pattern)
	}
	return s.Installs.RegisterRemote(ctx, p.Scope, r)
}
