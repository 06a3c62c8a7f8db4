package hostrule

import (
	"iter"
	"strings"
)

// Covers reports whether have admits everything that want admits in the use. It is a
// partial order on patterns as In gives them, and it compares what is admitted, not
// how it is written.
func Covers(have, want Pattern, use Use) bool {
	have, want = have.In(use), want.In(use)
	switch {
	case want == Pattern{}:
		return true
	case have == want:
		return true
	case have.Any:
		return !want.Any && want.Scheme == "https" && (!use.named() || want.Port == 443)
	case want.Any, have.Scheme != want.Scheme, have.Port != want.Port:
		return false
	}
	return have.coversHost(want) && pathCovers(have.Path, want.Path)
}

func (p Pattern) coversHost(q Pattern) bool {
	if !q.Wild {
		return p.admitsHost(q.Host)
	}
	return p.Wild && (q.Host == p.Host || strings.HasSuffix(q.Host, "."+p.Host))
}

func pathCovers(have, want string) bool {
	return have == "" || pathAdmits(have, want)
}

// Covering yields every pattern, as In gives them, that covers p in the use: p itself
// and what is above it. They are few, so an index of patterns can be asked for them
// where comparing with each pattern would be slow.
func Covering(p Pattern, use Use) iter.Seq[Pattern] {
	p = p.In(use)
	return func(yield func(Pattern) bool) {
		if p == (Pattern{}) {
			return
		}
		if star := (Pattern{Any: true}); use != Code && Covers(star, p, use) && !yield(star) || p.Any {
			return
		}
		for host := range p.hostsAbove() {
			for path := range pathsAbove(p.Path) {
				host.Path = path
				if !yield(host) {
					return
				}
			}
		}
	}
}

func (p Pattern) hostsAbove() iter.Seq[Pattern] {
	return func(yield func(Pattern) bool) {
		if !yield(p) {
			return
		}
		w := p
		w.Wild = true
		for {
			_, parent, ok := strings.Cut(w.Host, ".")
			if !ok {
				return
			}
			if w.Host = parent; !yield(w) {
				return
			}
		}
	}
}

func pathsAbove(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield("") || path == "" {
			return
		}
		// "/" is written "", hence from the second byte on.
		for i := 1; i < len(path)-1; i++ {
			if path[i] == '/' && !yield(path[:i+1]) {
				return
			}
		}
		yield(path)
	}
}

// Meet is the pattern that admits exactly what both admit in the use; ok is false
// where that is nothing.
func Meet(a, b Pattern, use Use) (Pattern, bool) {
	a, b = a.In(use), b.In(use)
	switch {
	case Covers(a, b, use):
		return b, b != Pattern{}
	case Covers(b, a, use):
		return a, a != Pattern{}
	case a.Any || b.Any || a.Scheme != b.Scheme || a.Port != b.Port:
		return Pattern{}, false
	}
	m := a
	switch {
	case a.coversHost(b):
		m.Wild, m.Host = b.Wild, b.Host
	case !b.coversHost(a):
		return Pattern{}, false
	}
	switch {
	case pathCovers(a.Path, b.Path):
		m.Path = b.Path
	case !pathCovers(b.Path, a.Path):
		return Pattern{}, false
	}
	return m, true
}
