package perm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// A Set means a set of atoms: the indivisible pieces of authority, each with
// everything below it in the order of atom.covers. All of the algebra is defined on
// that meaning, so two manifests that spell the same authority differently compare
// equal, and none of Covers, Diff, Union and Intersect can disagree with another.
type atom struct {
	kind kind
	// id is what makes two atoms speak of the same thing; atoms with different ids
	// are never comparable.
	id [4]string
	// feature is one right within that thing; "" is the thing itself, below the others.
	feature string
	// pattern, reach, region and base say where data goes (egress, remotes).
	pattern hostrule.Pattern
	reach   reach
	region  string
	base    baseURL
	// limit narrows: "" is unlimited and above every other value.
	limit string
	// userData says that end-user data goes there.
	userData bool
	// size is an amount; more covers less.
	size int
}

type kind uint8

// The kinds, in the order in which differences are reported.
const (
	scopeKind kind = iota
	egressKind
	remoteKind
	endpointKind
	providerKind
	webTriggerKind
	apiRouteKind
	actionKind
	appEventKind
	eventKind
	contentKind
	sandboxKind
	isolationKind
	memoryKind
	configurableTypeKind
	configurablePatternKind
)

// reach says how far a remote goes.
type reach uint8

const (
	nowhere   reach = iota // the remote is declared, and no endpoint is set
	fixed                  // the base URL of one region
	within                 // any endpoint that an admin sets within a pattern
	unbounded              // any endpoint that an admin sets
)

const (
	impersonation = "impersonation"
	userToken     = "userToken"
	systemToken   = "systemToken"
	inScopeEUD    = "inScopeEUD"
	everyone      = "*"
)

// covers is a partial order on canonical atoms.
func (h atom) covers(w atom) bool {
	if h.kind != w.kind || h.id != w.id {
		return false
	}
	switch h.kind {
	case egressKind:
		return hostrule.Covers(h.pattern, w.pattern, UseOf(EgressType(h.id[0]))) && limitCovers(h.limit, w.limit) && (h.userData || !w.userData)
	case remoteKind:
		return h.reaches(w) && featureCovers(h.feature, w.feature)
	case webTriggerKind:
		return limitCovers(h.limit, w.limit)
	case appEventKind:
		return h.feature == everyone || h.feature == w.feature
	case memoryKind:
		return h.size >= w.size
	case configurableTypeKind:
		return limitCovers(h.limit, w.limit)
	case configurablePatternKind:
		return h.reach == unbounded || w.reach == within && coversAnyUse(h.pattern, w.pattern)
	default:
		return featureCovers(h.feature, w.feature)
	}
}

func featureCovers(have, want string) bool { return want == "" || have == want }

func limitCovers(have, want string) bool { return have == "" || have == want }

// coversAnyUse compares bounds that hold for several uses at once.
func coversAnyUse(have, want hostrule.Pattern) bool {
	return hostrule.Covers(have, want, hostrule.Backend) && hostrule.Covers(have, want, hostrule.Resource)
}

func (h atom) reaches(w atom) bool {
	switch w.reach {
	case nowhere:
		return true
	case fixed:
		return h.reach == fixed && h.region == w.region && h.base.covers(w.base)
	case within:
		return h.reach == unbounded || h.reach == within && hostrule.Covers(h.pattern, w.pattern, hostrule.Remote)
	default:
		return h.reach == unbounded
	}
}

// meet is the greatest atom below both; ok is false where there is none.
func (h atom) meet(w atom) (atom, bool) {
	switch {
	case h.covers(w):
		return w, true
	case w.covers(h):
		return h, true
	case h.kind != w.kind || h.id != w.id:
		return atom{}, false
	}
	m := h
	switch h.kind {
	case egressKind:
		var ok bool
		if m.pattern, ok = hostrule.Meet(h.pattern, w.pattern, UseOf(EgressType(h.id[0]))); !ok {
			return atom{}, false
		}
		m.userData = h.userData && w.userData
		m.limit, ok = limitMeet(h.limit, w.limit)
		return m, ok
	case remoteKind:
		m = m.reachMeet(w)
	case webTriggerKind, appEventKind, configurableTypeKind:
		return atom{}, false
	case configurablePatternKind:
		p, ok := hostrule.Meet(h.pattern, w.pattern, hostrule.Resource)
		m.reach, m.pattern = within, p
		return m, ok && h.covers(m) && w.covers(m)
	}
	if h.feature != w.feature {
		m.feature = ""
	}
	return m, true
}

func limitMeet(a, b string) (string, bool) {
	switch {
	case a == "" || a == b:
		return b, true
	case b == "":
		return a, true
	default:
		return "", false
	}
}

func (h atom) reachMeet(w atom) atom {
	m := h
	switch {
	case h.reaches(w):
		m.reach, m.region, m.base, m.pattern = w.reach, w.region, w.base, w.pattern
	case w.reaches(h):
	default:
		m.reach, m.region, m.base, m.pattern = nowhere, "", baseURL{}, hostrule.Pattern{}
		if h.reach == within && w.reach == within {
			if p, ok := hostrule.Meet(h.pattern, w.pattern, hostrule.Remote); ok {
				m.reach, m.pattern = within, p
			}
		}
	}
	return m
}

// baseURL is a remote's base URL: its canonical text, and the tuple where it parses.
type baseURL struct {
	text string
	url  hostrule.URL
}

func newBaseURL(text string) baseURL {
	u, err := hostrule.ParseBaseURL(text)
	if err != nil {
		// Not a usable base URL: it is compared by its text and reaches nothing.
		return baseURL{text: text}
	}
	return baseURL{text: strings.TrimSuffix(u.String(), "/"), url: u}
}

// covers holds for the same address, or one below it on the same origin.
func (h baseURL) covers(w baseURL) bool {
	if h == w {
		return true
	}
	return h.url.Host != "" && h.url.SameOrigin(w.url) &&
		strings.HasPrefix(w.url.Path, strings.TrimSuffix(h.url.Path, "/")+"/")
}

// compare is the fixed order of atoms, on which normal forms and reports rest.
func (h atom) compare(w atom) int {
	if c := cmp.Or(
		cmp.Compare(h.kind, w.kind),
		cmp.Compare(h.rank(), w.rank()),
		slices.Compare(h.id[:], w.id[:]),
		cmp.Compare(h.reach, w.reach),
		cmp.Compare(h.region, w.region),
		cmp.Compare(h.base.text, w.base.text),
	); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(h.pattern.String(), w.pattern.String()),
		cmp.Compare(h.feature, w.feature),
		cmp.Compare(h.limit, w.limit),
		cmp.Compare(btoi(h.userData), btoi(w.userData)),
		cmp.Compare(h.size, w.size),
	)
}

// rank keeps egress types in the order in which they are shown.
func (h atom) rank() int {
	if h.kind == egressKind {
		return slices.Index(EgressTypes, EgressType(h.id[0]))
	}
	if h.kind == configurableTypeKind {
		return slices.Index(EgressTypes, EgressType(h.limit))
	}
	return 0
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
