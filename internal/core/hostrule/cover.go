package hostrule

import "strings"

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
	return have == "" || want != "" && pathAdmits(have, want)
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
