package install

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// Change is what an admin changes at the grant of what is installed. Keys are those of
// perm.Piece. Epoch is the installation's epoch that the admin was shown; it is required
// of a change that gives something, since a key may stand for something else by now.
type Change struct {
	Epoch   uint64
	Trim    []string            // taken away, until given back
	Replace map[string][]string // a wildcard's key, and the hosts that are granted in its place
	Restore []string            // given back, as the running version asks for it
	Off     []string            // switched off, whatever versions come
	On      []string            // no longer switched off
}

// Change changes a grant; only an admin of the site may.
func (s *Service) Change(ctx context.Context, p id.Principal, install id.Install, c Change) (Installation, error) {
	return s.admin(ctx, "install.Change", p, install, "install.grant", func(ctx context.Context, i *Installation) error {
		if i.Held != nil {
			return fault.New(fault.Conflict, "RESTORE_UNCONFIRMED", "a backup brought the installation back; that is to be confirmed first").
				WithFix("look at it and confirm it with `annex install`")
		}
		if len(c.Restore)+len(c.On) > 0 && c.Epoch != i.Epoch {
			return changedMeanwhile(i)
		}
		for _, key := range c.Restore {
			if !perm.HasPiece(i.Declared, key) {
				return noPiece(key, i.Declared)
			}
		}
		for _, key := range c.On {
			if !slices.Contains(i.Off, key) {
				return fault.New(fault.NotFound, "NOT_SWITCHED_OFF", "%q is not switched off", key)
			}
		}
		for _, key := range c.Off {
			if !wellFormed(key) && !perm.HasPiece(i.Declared, key) && !perm.HasPiece(i.Effective(), key) {
				return noPiece(key, i.Effective())
			}
		}
		granted, err := narrowed(i.Granted, c.Trim, c.Replace)
		if err != nil {
			return err
		}
		given := perm.Take(i.Declared, c.Restore...)
		i.Granted = perm.Union(granted, given)
		// What an admin decides about by itself is not asked again.
		i.Decided = perm.Union(i.Decided, perm.Union(given, perm.Take(i.Declared, append(slices.Clone(c.Trim), c.Off...)...)))
		i.Off = slices.DeleteFunc(union(i.Off, c.Off), func(k string) bool { return slices.Contains(c.On, k) })
		if err := csp.Fits(i.Allowed()); err != nil {
			return err
		}
		// Nor does a rollback give back what was taken away since.
		return s.narrowPast(ctx, i, append(slices.Clone(c.Trim), replaced(c.Replace)...))
	})
}

// wellFormed are keys that speak of more than one piece.
func wellFormed(key string) bool {
	t, ok := strings.CutPrefix(key, "egress:")
	return key == "analytics" || ok && perm.UseOf(perm.EgressType(t)) != 0
}

func replaced(replace map[string][]string) []string {
	var out []string
	for key := range replace {
		out = append(out, key)
	}
	return out
}

// narrowed is a grant without some pieces and with hosts in the place of wildcards.
func narrowed(grant perm.Set, trim []string, replace map[string][]string) (perm.Set, error) {
	hosts, err := inPlaceOf(grant, replace)
	if err != nil {
		return perm.Set{}, err
	}
	for _, key := range trim {
		if !perm.HasPiece(grant, key) {
			return perm.Set{}, noPiece(key, grant)
		}
	}
	left := perm.Without(grant, append(slices.Clone(trim), replaced(replace)...)...)
	for key := range replace { // what stood beside the wildcard stays
		left = perm.Union(left, beside(grant, key, trim))
	}
	return perm.Union(left, hosts), nil
}

// beside are the grants that go with a wildcard only because it admits them too.
func beside(grant perm.Set, key string, trim []string) perm.Set {
	gone := perm.Take(grant, key)
	var keep perm.Set
	for _, e := range perm.Without(grant, trim...).Egress {
		one := perm.Set{Egress: []perm.Egress{e}}
		if !perm.Covers(gone, one) {
			keep = perm.Union(keep, one)
		}
	}
	return keep
}

// inPlaceOf gives the hosts that replace wildcards; each must be within its wildcard.
func inPlaceOf(grant perm.Set, replace map[string][]string) (perm.Set, error) {
	var out perm.Set
	for key, texts := range replace {
		was := perm.Take(grant, key)
		if len(was.Egress) == 0 {
			return out, noPiece(key, grant)
		}
		if len(texts) == 0 {
			return out, fault.New(fault.Usage, "MISSING", "no host was named in the place of %q", key).WithFix("trim it to take it away without another")
		}
		for _, text := range texts {
			for _, e := range was.Egress {
				p, err := hostrule.ParsePattern(text, perm.UseOf(e.Type))
				if err != nil {
					return out, badPattern(text, err)
				}
				e.Pattern = p
				one := perm.Set{Egress: []perm.Egress{e}}
				if !perm.Covers(was, one) {
					return out, fault.New(fault.Invalid, "GRANT_EXCEEDS_REQUEST", "%q is not within %q", text, key)
				}
				out = perm.Union(out, one)
			}
		}
	}
	return out, nil
}

func badPattern(text string, err error) error {
	return fault.New(fault.Invalid, "BAD_HOST", "%q is no host: %v", text, err).WithFix("name a host, such as api.example.com or *.example.com")
}

func noPiece(key string, s perm.Set) error {
	keys := []string{}
	for _, p := range perm.Pieces(s) {
		keys = append(keys, p.Key)
	}
	e := fault.New(fault.NotFound, "NO_SUCH_PERMISSION", "there is no permission %q there", key).With("keys", keys)
	if len(keys) == 0 {
		return e
	}
	return e.WithFix("name one of: %s", strings.Join(keys, ", "))
}

func changedMeanwhile(i *Installation) error {
	return fault.New(fault.Conflict, "PREVIEW_CHANGED", "the installation was changed since it was looked at").
		WithFix("look at it again and repeat what still applies").With("epoch", i.Epoch)
}

// narrowPast takes the same away from what a rollback would give back.
func (s *Service) narrowPast(ctx context.Context, i *Installation, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	all, err := s.past(ctx, i)
	if err != nil {
		return err
	}
	for _, v := range all {
		texts, err := encode(perm.Without(v.Granted, keys...))
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, setPast, texts[0], i.ID, i.Site, v.Version); err != nil {
			return err
		}
	}
	return nil
}

// maxConfigured bounds what is configured for one installation.
const maxConfigured = 200

// AddEgress lets an installation send to a host in one way more, within what the
// running version says that may be configured. It is in force within a second.
func (s *Service) AddEgress(ctx context.Context, p id.Principal, install id.Install, t perm.EgressType, host string) (Installation, error) {
	pattern, err := egressPattern(t, host)
	if err != nil {
		return Installation{}, err
	}
	return s.admin(ctx, "install.AddEgress", p, install, "install.egress-add", func(_ context.Context, i *Installation) error {
		bounds := perm.Intersect(i.Granted, i.Declared).Configurable
		if bounds == nil {
			return notConfigurable()
		}
		if !perm.Bounds(bounds, t, pattern) {
			return outsideBounds(bounds, Destination{t, pattern})
		}
		if err := s.notOurs(pattern); err != nil {
			return err
		}
		if n := slices.IndexFunc(i.Configured, same(t, pattern)); n >= 0 {
			return errNothingChanged
		}
		if len(i.Configured) >= maxConfigured {
			return fault.New(fault.Limit, "LIMIT_CONFIGURED", "%d destinations are configured already", maxConfigured).With("limit", maxConfigured)
		}
		i.Configured = append(slices.Clone(i.Configured), Configured{Type: t, Pattern: pattern, By: p.String(), At: s.Now().UTC().Truncate(time.Millisecond)})
		return csp.Fits(i.Allowed())
	})
}

// RemoveEgress takes a configured destination away; it is gone within a second.
func (s *Service) RemoveEgress(ctx context.Context, p id.Principal, install id.Install, t perm.EgressType, host string) (Installation, error) {
	pattern, err := egressPattern(t, host)
	if err != nil {
		return Installation{}, err
	}
	return s.admin(ctx, "install.RemoveEgress", p, install, "install.egress-remove", func(_ context.Context, i *Installation) error {
		left := slices.DeleteFunc(slices.Clone(i.Configured), same(t, pattern))
		if len(left) == len(i.Configured) {
			return fault.New(fault.NotFound, "NOT_CONFIGURED", "%s to %s is not configured", t, pattern).
				WithFix("`annex grants show` tells what is; what the app declares is taken away by `annex grants trim`")
		}
		i.Configured = left
		i.dropEmptyGroups()
		return nil
	})
}

func same(t perm.EgressType, p hostrule.Pattern) func(Configured) bool {
	return func(c Configured) bool { return c.Type == t && c.Pattern == p }
}

func egressPattern(t perm.EgressType, host string) (hostrule.Pattern, error) {
	use := perm.UseOf(t)
	if use == 0 {
		var names []string
		for _, known := range perm.EgressTypes {
			names = append(names, string(known))
		}
		return hostrule.Pattern{}, fault.New(fault.Usage, "EGRESS_TYPE", "there is no way to send of the name %q", t).
			WithFix("it is one of %s", strings.Join(names, ", ")).With("types", perm.EgressTypes)
	}
	p, err := hostrule.ParsePattern(host, use)
	if err != nil {
		return p, badPattern(host, err)
	}
	return p.In(use), nil
}

// Decline says no to the version that waits, or to what the running one asks for
// beyond its grant. It stays declined until there is a newer one.
func (s *Service) Decline(ctx context.Context, p id.Principal, install id.Install, version id.Version) (Installation, error) {
	return s.admin(ctx, "install.Decline", p, install, "install.decline", func(_ context.Context, i *Installation) error {
		switch {
		case version == "" || version != i.Waiting && version != i.Version:
			return fault.New(fault.Conflict, "PREVIEW_CHANGED", "another version waits by now, or none").
				WithFix("look at what waits again").With("waiting", i.Waiting)
		case version == i.Version && perm.Empty(i.Asks()):
			return fault.New(fault.Conflict, "NOTHING_WAITS", "the version runs, and asks for nothing that was not decided about").
				WithFix("`annex grants trim` takes something away")
		}
		i.Declined = append(without(i.Declined, version), version)
		const kept = 100
		i.Declined = i.Declined[max(0, len(i.Declined)-kept):]
		if version == i.Waiting {
			i.WaitingReason, i.WaitingDue = Declined, time.Time{}
		}
		return nil
	})
}

// Pin keeps the version that runs, or no longer: then what waited only for that takes
// the way that the site's policy says.
func (s *Service) Pin(ctx context.Context, p id.Principal, install id.Install, pinned bool) (Installation, error) {
	act := "install.pin"
	if !pinned {
		act = "install.unpin"
	}
	return s.admin(ctx, "install.Pin", p, install, act, func(ctx context.Context, i *Installation) error {
		if i.Pinned == pinned {
			return errNothingChanged
		}
		i.Pinned = pinned
		if pinned {
			if i.WaitingReason == Scheduled || i.WaitingReason == ByHand {
				i.WaitingReason, i.WaitingDue = Pinned, time.Time{}
			}
			return nil
		}
		if i.WaitingReason != Pinned || i.Suspended {
			return nil
		}
		release, err := s.Releases.Release(ctx, i.App, i.EnvName)
		if err != nil {
			return err
		}
		updates, err := s.Sites.SiteUpdates(ctx, i.Site)
		if err != nil {
			return err
		}
		i.take(release, updates, s.Now())
		return nil
	})
}

// stayBehind has the environment's version wait as declined: the admin went back from
// it, and only a newer one comes by itself.
func (s *Service) stayBehind(ctx context.Context, t Target, i *Installation, latest id.Version) error {
	release, err := s.Releases.Release(ctx, t.App, t.Environment)
	if err != nil {
		return err
	}
	i.Declined = append(without(i.Declined, latest), latest)
	i.wait(release, Declined, time.Time{})
	return nil
}

// Detail is an installation with what an admin may want to know before deciding.
type Detail struct {
	Installation
	Past []Past
}

// Detail gives one installation to its site's admin, its app's developer or an operator.
func (s *Service) Detail(ctx context.Context, p id.Principal, install id.Install) (Detail, error) {
	var i *Installation
	var err error
	switch {
	case p.Is(id.SiteAdmin):
		var scope tenant.Scope
		if scope, err = tenant.ForInstall(p, p.Site, install); err == nil {
			i, err = s.byID(ctx, scope)
		}
	case p.Is(id.Developer, id.Operator):
		var all []Installation
		if all, err = s.List(ctx, p, Filter{}); err == nil {
			if n := slices.IndexFunc(all, func(x Installation) bool { return x.ID == install }); n >= 0 {
				i = &all[n]
			}
		}
	default:
		return Detail{}, denied("only a site's admin, an app's developer and an operator see installations")
	}
	if err != nil {
		return Detail{}, fault.Op("install.Detail", err)
	}
	if i == nil {
		return Detail{}, notYours()
	}
	d := Detail{Installation: *i}
	d.Past, err = s.past(ctx, i)
	return d, fault.Op("install.Detail", err)
}

// Words are the words of an installation's product, for people.
func (s *Service) ProductWords(ctx context.Context, product id.Product) (perm.Words, error) {
	return s.words(ctx, product)
}

// TargetOf names what an installation of an admin's site is an installation of.
func (s *Service) TargetOf(ctx context.Context, p id.Principal, install id.Install) (Target, error) {
	d, err := s.Detail(ctx, p, install)
	return Target{App: d.App, Environment: d.EnvName, Site: d.Site, Product: d.Product}, err
}

// errNothingChanged ends a change that changes nothing, without a fault.
var errNothingChanged = fault.New(fault.Conflict, "NOTHING_CHANGED", "nothing changed")

// admin runs an act of a site's admin on one installation, in a transaction that raises
// its epoch, and makes it known.
func (s *Service) admin(ctx context.Context, op string, p id.Principal, install id.Install, act string,
	do func(context.Context, *Installation) error) (Installation, error) {
	if !p.Is(id.SiteAdmin) {
		return Installation{}, denied("only an admin of the site decides about its installations")
	}
	scope, err := tenant.ForInstall(p, p.Site, install)
	if err != nil {
		return Installation{}, err
	}
	var out Installation
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tick(ctx); err != nil { // in turn with other servers
			return err
		}
		i, err := s.byID(ctx, scope)
		if err != nil {
			return err
		}
		if i == nil {
			return notYours()
		}
		out = *i
		switch err := do(ctx, i); {
		case err == error(errNothingChanged):
			return nil
		case err != nil:
			return err
		}
		if err := s.save(ctx, i); err != nil {
			return err
		}
		out = *i
		return s.record(ctx, p, i, act)
	})
	if err != nil {
		return Installation{}, fault.Op(op, err)
	}
	if !s.DB.InTx(ctx) { // else whoever began the transaction does it after the commit
		s.Refresh(ctx)
	}
	return out, nil
}
