package install

import (
	"cmp"
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

// Bounds of what may be configured for one installation. Each destination of a page stands
// in the header of every document that the app serves.
const (
	MaxGroups      = 10
	MaxDomains     = 10 // different patterns in one group
	MaxPagePairs   = 40 // different pairs of pattern and type, all but backend fetch, declared ones among them
	maxDescription = 300
)

// Destination is one pattern for one way of leaving.
type Destination struct {
	Type    perm.EgressType  `json:"type"`
	Pattern hostrule.Pattern `json:"pattern"`
}

// GroupSet says what a group is to hold: these destinations and no others. With the key ""
// the destinations are added to those that are in no group.
type GroupSet struct {
	Key         string        `json:"key"`
	Description string        `json:"description,omitempty"`
	Egress      []Destination `json:"egress"`
}

// SetGroups makes groups hold what is said, within what the running version says that may
// be configured. shown is the epoch that the admin was shown: if the installation has
// another one by now, nothing changes.
func (s *Service) SetGroups(ctx context.Context, p id.Principal, install id.Install, groups []GroupSet, shown uint64) (Installation, error) {
	return s.admin(ctx, "install.SetGroups", p, install, "install.egress-set", func(_ context.Context, i *Installation) error {
		if i.Epoch != shown {
			return changedMeanwhile(i)
		}
		before := i.Settings
		i.Configured, i.Groups = slices.Clone(i.Configured), slices.Clone(i.Groups)
		for _, g := range groups {
			for _, d := range g.Egress {
				if err := s.notOurs(d.Pattern); err != nil {
					return err
				}
			}
			if err := i.setGroup(g, p.String(), s.Now().UTC().Truncate(time.Millisecond)); err != nil {
				return err
			}
		}
		if err := i.fits(); err != nil {
			return err
		}
		if slices.Equal(before.Configured, i.Configured) && slices.Equal(before.Groups, i.Groups) {
			return errNothingChanged
		}
		return nil
	})
}

// TryGroups reports why SetGroups would be refused now, nil if it would not.
func (s *Service) TryGroups(ctx context.Context, scope tenant.Scope, groups []GroupSet) error {
	i, err := s.byID(ctx, scope)
	if err != nil {
		return fault.Op("install.TryGroups", err)
	}
	if i == nil {
		return notYours()
	}
	i.Configured, i.Groups = slices.Clone(i.Configured), slices.Clone(i.Groups)
	for _, g := range groups {
		if err := i.setGroup(g, "", time.Time{}); err != nil {
			return err
		}
	}
	return i.fits()
}

// CheckRemote reads a URL for a remote as SetRemote would take it: as it is kept, and whether
// it is on a private network that was opened.
func (s *Service) CheckRemote(ctx context.Context, scope tenant.Scope, key, url string) (base string, private bool, err error) {
	i, err := s.byID(ctx, scope)
	if err != nil {
		return "", false, fault.Op("install.CheckRemote", err)
	}
	if i == nil {
		return "", false, notYours()
	}
	base, err = i.baseFor(key, url)
	return base, i.privateRemote(key, url), err
}

// RemoveGroup takes a group with all that is in it away. One that is not there is no error.
func (s *Service) RemoveGroup(ctx context.Context, p id.Principal, install id.Install, key string, shown uint64) (Installation, error) {
	return s.removeConfigured(ctx, p, install, "install.egress-remove-group", shown, func(c Configured) bool { return c.Group == key })
}

// RemoveDomain takes one pattern out of a group ("" for those in none), for one type or,
// with "", for all. One that is not there is no error.
func (s *Service) RemoveDomain(ctx context.Context, p id.Principal, install id.Install, key, domain string, t perm.EgressType, shown uint64) (Installation, error) {
	var gone []Destination
	for _, each := range perm.EgressTypes {
		if t == "" || t == each {
			if pattern, err := egressPattern(each, domain); err == nil {
				gone = append(gone, Destination{each, pattern})
			}
		}
	}
	if len(gone) == 0 {
		if _, err := egressPattern(cmp.Or(t, perm.Backend), domain); err != nil {
			return Installation{}, err
		}
	}
	return s.removeConfigured(ctx, p, install, "install.egress-remove", shown, func(c Configured) bool {
		return c.Group == key && slices.Contains(gone, Destination{c.Type, c.Pattern})
	})
}

func (s *Service) removeConfigured(ctx context.Context, p id.Principal, install id.Install, act string, shown uint64, gone func(Configured) bool) (Installation, error) {
	return s.admin(ctx, act, p, install, act, func(_ context.Context, i *Installation) error {
		if shown != 0 && i.Epoch != shown {
			return changedMeanwhile(i)
		}
		left := slices.DeleteFunc(slices.Clone(i.Configured), gone)
		if len(left) == len(i.Configured) {
			return errNothingChanged
		}
		i.Configured = left
		i.dropEmptyGroups()
		return nil
	})
}

// ConfiguredNow is what is configured for an installation, and under which epoch. Who may
// see what of it is the caller's to decide.
func (s *Service) ConfiguredNow(ctx context.Context, scope tenant.Scope) (Settings, perm.Authority, uint64, error) {
	i, err := s.byID(ctx, scope)
	if err != nil {
		return Settings{}, perm.Authority{}, 0, fault.Op("install.ConfiguredNow", err)
	}
	if i == nil {
		return Settings{}, perm.Authority{}, 0, notYours()
	}
	return i.Settings, i.authority(), i.Epoch, nil
}

// setGroup makes one group hold what is said. What was in it stays as it was decided.
func (i *Installation) setGroup(g GroupSet, by string, at time.Time) error {
	bounds := perm.Intersect(i.Granted, i.Declared).Configurable
	if bounds == nil {
		return notConfigurable()
	}
	var had []Configured
	i.Configured = slices.DeleteFunc(i.Configured, func(c Configured) bool {
		if c.Group == g.Key {
			had = append(had, c)
		}
		return c.Group == g.Key && g.Key != ""
	})
	for _, d := range g.Egress {
		if n := slices.IndexFunc(had, same(d.Type, d.Pattern)); n >= 0 {
			if g.Key != "" && !slices.Contains(i.Configured, had[n]) {
				i.Configured = append(i.Configured, had[n])
			}
			continue
		}
		if !perm.Bounds(bounds, d.Type, d.Pattern) {
			return outsideBounds(bounds, d)
		}
		c := Configured{Group: g.Key, Type: d.Type, Pattern: d.Pattern, By: by, At: at}
		if !slices.Contains(i.Configured, c) {
			i.Configured = append(i.Configured, c)
		}
	}
	if g.Key == "" {
		return nil
	}
	group := Group{Key: g.Key, Description: clip(g.Description, maxDescription)}
	if n := slices.IndexFunc(i.Groups, func(x Group) bool { return x.Key == g.Key }); n >= 0 {
		i.Groups[n] = group
	} else {
		i.Groups = append(i.Groups, group)
	}
	i.dropEmptyGroups()
	return nil
}

// notOurs refuses a destination that is, or covers, a host of the platform's own.
func (s *Service) notOurs(p hostrule.Pattern) error {
	if err := p.CheckReserved(s.Reserved); err != nil {
		return fault.New(fault.Invalid, "BAD_DOMAIN", "%s: %v", p, err).With("status", 422)
	}
	return nil
}

// fits refuses what is more than may be configured.
func (i *Installation) fits() error {
	over := func(what string, most int) error {
		return fault.New(fault.Limit, "LIMIT_CONFIGURED", "%s: at most %d", what, most).With("limit", most).
			WithFix("take some away first, or ask for a wildcard in the place of many hosts")
	}
	if len(i.Groups) > MaxGroups {
		return over("groups of configured destinations", MaxGroups)
	}
	if len(i.Configured) > maxConfigured {
		return over("configured destinations", maxConfigured)
	}
	for _, g := range i.Groups {
		domains := map[string]bool{}
		for _, c := range i.Configured {
			if c.Group == g.Key {
				domains[c.Pattern.String()] = true
			}
		}
		if len(domains) > MaxDomains {
			return over("different hosts in one group", MaxDomains)
		}
	}
	allowed := i.Allowed()
	pages := 0
	for _, e := range allowed.Egress {
		if e.Type != perm.Backend {
			pages++
		}
	}
	if pages > MaxPagePairs {
		return over("different pairs of host and type that pages may reach", MaxPagePairs)
	}
	return csp.Fits(allowed)
}

func (i *Installation) dropEmptyGroups() {
	i.Groups = slices.DeleteFunc(slices.Clone(i.Groups), func(g Group) bool {
		return !slices.ContainsFunc(i.Configured, func(c Configured) bool { return c.Group == g.Key })
	})
}

func clip(text string, most int) string {
	if r := []rune(strings.ToValidUTF8(text, "")); len(r) > most {
		return string(r[:most])
	}
	return text
}

func notConfigurable() error {
	return fault.New(fault.Denied, "NOT_CONFIGURABLE", "the app does not offer to be given other hosts, or that was not granted").
		WithFix("the app's manifest says permissions.external.configurable")
}

func outsideBounds(bounds *perm.Configurable, d Destination) error {
	return fault.New(fault.Denied, "OUTSIDE_BOUNDS", "%s to %s is outside what the app says that may be configured", d.Type, d.Pattern).
		With("types", bounds.Types).With("patterns", bounds.Patterns)
}
