package asking

import (
	"context"
	"errors"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// plan is what a request would change, as things stand.
type plan struct {
	configured Configured
	effective  perm.Set
	// fresh is what an admin has to be asked: no grant covers it.
	fresh []fresh
	// groups is what is to be granted when all of fresh is, without what is granted otherwise.
	groups []Group
	// gone is what the groups had and are to have no longer.
	gone []Destination
	// remotes are those that get another address; unset those that lose it.
	remotes []remoteChange
	unset   []string
	// off is what an admin has switched off, of a request for a host in all ways.
	off []Destination
}

type fresh struct {
	group int // index in groups
	Destination
}

type remoteChange struct {
	Remote
	to      string // "" gives the default back
	shown   string // the address that is in force then
	private bool
}

// nothing reports whether the request changes nothing at all.
func (x *plan) nothing() bool {
	return len(x.fresh) == 0 && len(x.gone) == 0 && len(x.remotes) == 0 && len(x.unset) == 0 && !x.regroups()
}

// asks reports whether an admin has to be shown something.
func (x *plan) asks() bool { return len(x.fresh) > 0 || len(x.remotes) > 0 }

func one(d Destination) perm.Set {
	return perm.Set{Egress: []perm.Egress{{Type: d.Type, Pattern: d.Pattern, InScopeEUD: true}}}
}

// planOf compares what is wanted with what is granted.
func (s *Service) planOf(ctx context.Context, p *call.Policy, w *Want) (*plan, error) {
	c, err := s.Installs.Configured(ctx, p.Scope)
	if err != nil {
		return nil, err
	}
	x := &plan{configured: c, effective: c.Authority.Effective()}
	if len(w.Remotes) > 0 {
		return x, s.planRemotes(ctx, p, w.Remotes, x)
	}
	bounds := x.effective.Configurable
	if bounds == nil {
		return nil, fault.New(fault.Denied, "NOT_CONFIGURABLE", "the app's manifest does not say that it may ask for more, or that was not granted").
			WithFix("declare permissions.external.configurable and have the site's admin approve the version").With("status", 403)
	}
	wanted := w.Groups
	if w.Flat != nil {
		wanted = []Group{{Egress: w.Flat.Egress}}
	}
	for n, g := range wanted {
		had := c.group(g.Key)
		out := Group{Key: g.Key, Description: g.Description}
		for _, d := range g.Egress {
			switch {
			case slices.Contains(had.Egress, d) && g.Key != "", c.has(d) && perm.Covers(x.effective, one(d)) && g.Key != "":
				out.Egress = append(out.Egress, d)
			case perm.Covers(x.effective, one(d)):
				// Granted otherwise: what nobody was asked about is not written down as if.
			case !perm.Bounds(bounds, d.Type, d.Pattern):
				return nil, outside(d.Pattern.String())
			case !s.wouldCount(c, d) && w.Flat != nil && w.Flat.Open:
				x.off = append(x.off, d)
			case !s.wouldCount(c, d):
				return nil, switchedOff(d)
			default:
				x.fresh = append(x.fresh, fresh{n, d})
				out.Egress = append(out.Egress, d)
			}
		}
		if g.Key != "" {
			for _, d := range had.Egress {
				if !slices.Contains(g.Egress, d) {
					x.gone = append(x.gone, d)
				}
			}
		}
		x.groups = append(x.groups, out)
	}
	if w.Flat != nil && len(x.off) > 0 && len(x.off) == len(w.Flat.Egress) {
		return nil, switchedOff(x.off[0])
	}
	return x, nil
}

func switchedOff(d Destination) error {
	return fault.New(fault.Denied, "SWITCHED_OFF", "an admin has switched %s to %s off", d.Type, d.Pattern).With("status", 403)
}

// wouldCount reports whether a destination would be allowed once it is configured: what an
// admin switched off stays off.
func (s *Service) wouldCount(c Configured, d Destination) bool {
	a := c.Authority
	a.Configured = append(slices.Clone(a.Configured), one(d).Egress...)
	return perm.Covers(a.Effective(), one(d))
}

// regroups reports whether the groups are to hold granted destinations in another way.
func (x *plan) regroups() bool {
	return slices.ContainsFunc(x.groups, func(g Group) bool {
		had := x.configured.group(g.Key)
		return g.Key != "" && len(g.Egress) > 0 && (had.Description != g.Description || slices.ContainsFunc(g.Egress, func(d Destination) bool { return !slices.Contains(had.Egress, d) }))
	})
}

func (c *Configured) group(key string) Group {
	if n := slices.IndexFunc(c.Groups, func(g Group) bool { return g.Key == key }); n >= 0 {
		return c.Groups[n]
	}
	return Group{Key: key}
}

// has reports whether an admin configured the very destination, in whatever group.
func (c *Configured) has(d Destination) bool {
	return slices.ContainsFunc(c.Groups, func(g Group) bool { return slices.Contains(g.Egress, d) })
}

// answered gives a refusal that was written for a site's admin the status that apps read
// beside the code, as all others of asking have it.
func answered(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Fields["status"] != nil {
		return err
	}
	switch f.Code {
	case "NOT_CONFIGURABLE":
		return f.With("status", 403)
	case "BAD_REMOTE_URL", "OUTSIDE_PATTERNS", "NO_REMOTE":
		return f.With("status", 422)
	case "LIMIT_CONFIGURED":
		return f.With("status", 400)
	}
	return err
}

func (s *Service) planRemotes(ctx context.Context, p *call.Policy, want []RemoteWant, x *plan) error {
	if s.Remotes == nil {
		return fault.New(fault.NotFound, "NOT_OFFERED", "this server does not let remotes be set")
	}
	for _, w := range want {
		found, err := s.Remotes.Configurable(ctx, p, w.Key)
		if err != nil {
			return err
		}
		if w.Key == "" || len(found) != 1 {
			return fault.New(fault.Invalid, "NO_REMOTE", "the app declares no remote %.80q that an admin may set", w.Key).With("status", 422)
		}
		r := remoteChange{Remote: found[0], shown: found[0].Default}
		if w.URL != "" {
			if r.to, r.private, err = s.Remotes.Check(ctx, p, w.Key, w.URL); err != nil {
				return answered(err)
			}
			r.shown = r.to
		}
		switch {
		case r.shown == r.URL:
		case r.shown == "":
			x.unset = append(x.unset, w.Key)
		default:
			x.remotes = append(x.remotes, r)
		}
	}
	return nil
}

// broad says why an item takes a window of its own and a fresh sign-in, "" if it does not.
func broad(d Destination) string {
	switch {
	case d.Pattern.Any:
		return "any address on the internet"
	case perm.UseOf(d.Type) == hostrule.Code:
		return "code, styles or pages of others become part of the app"
	}
	return ""
}
