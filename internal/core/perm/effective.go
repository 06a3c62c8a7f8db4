package perm

import (
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// Authority is all that decides what one installation may do. Its Effective set is the
// only input of every decision about it.
type Authority struct {
	Granted  Set // what the site's admin allowed
	Declared Set // what the running version asks for
	// Configured is what the site's admin added at run time.
	Configured []Egress
	// Remotes are the URLs that the admin set, Registered the remotes that the app
	// registered at run time: one of those exists only with a URL.
	Remotes    []RemoteURL
	Registered []Remote
	// Off are the keys of pieces that the admin switched off.
	Off []string
	// Blocked says that the installation may do nothing at all.
	Blocked bool
}

// Effective is (granted ∩ declared) ∪ configured − switched off − blocked. What was
// configured counts within the bounds that the running version declares and the admin
// granted: a version that may no longer be configured is not. A remote that may be
// configured has the URL that was set, in the place of the declared one.
func (a Authority) Effective() Set {
	if a.Blocked {
		return Set{}
	}
	s := Intersect(a.Granted, a.Declared)
	var added []Egress
	for _, e := range a.Configured {
		if Bounds(s.Configurable, e.Type, e.Pattern) {
			added = append(added, e)
		}
	}
	if len(added) > 0 {
		s = Union(s, Set{Egress: added})
	}
	s = configureRemotes(s, a.Remotes, a.Registered)
	if len(a.Off) > 0 {
		s = Without(s, a.Off...)
	}
	return s
}

// Bounds reports whether an admin may add egress of the type to the pattern at run
// time. A bound that is empty does not bound; without any nothing may be added.
func Bounds(c *Configurable, t EgressType, p hostrule.Pattern) bool {
	use := UseOf(t)
	if c == nil || use == 0 || p.In(use) == (hostrule.Pattern{}) {
		return false
	}
	if len(c.Types) > 0 && !slices.Contains(c.Types, t) {
		return false
	}
	return len(c.Patterns) == 0 || slices.ContainsFunc(c.Patterns, func(b hostrule.Pattern) bool {
		return hostrule.Covers(b.In(use), p.In(use), use)
	})
}
