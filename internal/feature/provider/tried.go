package provider

import (
	"context"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// remoteOf is the remote that a request is for, whether or not it may be: the one that the app
// names, or the first of the provider's.
func (s *Service) remoteOf(ctx context.Context, p *call.Policy, h head) string {
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil || h.Remote != "" {
		return h.Remote
	}
	if of, ok := m.Provider(h.Provider); ok && len(of.Remotes) > 0 {
		return of.Remotes[0]
	}
	return ""
}

// would finds out what would become of a request if all were granted that is declared: where
// it would go, and whether there is a credential for that.
func (s *Service) would(ctx context.Context, p *call.Policy, c *call.Call, h head, tried *Attempt) {
	whole := *p
	whole.Set, whole.Rules = p.Declares(), nil
	d, err := s.declared(ctx, &whole, h.Provider)
	if err == nil {
		err = d.usedBy(c.Function)
	}
	if err == nil {
		_, err = d.wanted(h.Scopes)
	}
	if err != nil {
		tried.Never = fault.KindOf(err) != fault.Internal
		return
	}
	to, err := d.toRemote(h.Remote)
	if err != nil { // where it would be nobody has said
		tried.Never = fault.CodeOf(err) == "REMOTE_NOT_OF_PROVIDER"
		return
	}
	tried.Origin = to.Base.Origin()
	if tried.Keyed, err = s.keyed(ctx, &whole, d, c, h, to); err == nil {
		tried.Never = !tried.Keyed
	}
}

// keyed reports whether there is a credential for a request.
func (s *Service) keyed(ctx context.Context, p *call.Policy, d *declared, c *call.Call, h head, to Destination) (bool, error) {
	if d.OfSite() {
		pins, err := d.pins()
		if err != nil || h.Account != "" {
			return false, err
		}
		have, err := s.siteRow(ctx, p.Scope, d.Key)
		return have != nil && have.fits(d, pins), err
	}
	if h.App {
		return false, nil
	}
	o, err := s.ownerOf(ctx, p, c.Principal)
	if o.user == "" { // nobody is there whose account it could be
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a, err := s.pick(ctx, o, d, h.Account, nil)
	if err != nil || a == nil {
		return false, err
	}
	have, ok, err := s.load(ctx, o, d.Key, a.ID)
	over := have.expires != 0 && have.Refresh == "" && s.Now().Add(early).UnixMilli() >= have.expires
	return ok && !over && have.fits(d, to.Base.Origin()) == nil, err
}
