package perm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// Change is one way in which a set differs from another, in words.
type Change struct {
	// Kind is what it is about: "scope", "egress", "remote" …
	Kind string `json:"kind"`
	// New is what may be done now: "may send from the server to any host below example.com".
	New string `json:"new"`
	// Before is what of that could be done before: "only api.example.com", "nowhere".
	Before string `json:"before"`
}

func (c Change) sentence() string { return "new: " + c.New + "; before: " + c.Before }

// Comparison is what a set means beside another.
type Comparison struct {
	// Grows says that the new set permits something that the old one does not.
	Grows bool
	// Grown and Shrunk are the differences in their fixed order, each in words. What
	// shrank is worded from the other side: its New is what the old set permitted.
	Grown, Shrunk []Change
	// Example is the least thing that the new set permits and the old one does not;
	// nil when nothing grows.
	Example *Example
}

// Compare says how authority changes from have to want.
func Compare(have, want Set) Comparison {
	out := Comparison{Grown: changes(have, want), Shrunk: changes(want, have)}
	if e, ok := Counterexample(have, want); ok {
		out.Grows, out.Example = true, &e
	}
	return out
}

func changes(have, want Set) []Change {
	have = Normal(have)
	var out []Change
	for _, a := range missing(have, want) {
		out = append(out, change(have, a))
	}
	return out
}

// kindNames are the names of kinds in Change.Kind.
var kindNames = map[kind]string{
	scopeKind: "scope", egressKind: "egress", remoteKind: "remote", endpointKind: "endpoint", providerKind: "provider",
	webTriggerKind: "web-trigger", apiRouteKind: "api-route", actionKind: "action", appEventKind: "app-event", eventKind: "event",
	contentKind: "content", sandboxKind: "sandbox", isolationKind: "isolation", memoryKind: "memory",
	configurableTypeKind: "configurable", configurablePatternKind: "configurable",
}

// change words an atom that a set does not cover, with the nearest that the set has.
func change(have Set, a atom) Change {
	return Change{Kind: kindNames[a.kind], New: a.may(), Before: a.before(have)}
}

// may says what an atom permits, as the rest of a sentence about the app.
func (h atom) may() string {
	switch h.kind {
	case scopeKind:
		text := "may use the scope " + name(h.id[0])
		if h.feature == impersonation {
			text += " as a user who is not present"
		}
		return text
	case egressKind:
		text := leavingVerb[EgressType(h.id[0])] + " " + place(h.pattern)
		if h.limit != "" {
			text += " for " + name(h.limit)
		}
		if !h.userData {
			text += ", without end-user data"
		}
		return text
	case remoteKind:
		return "may call its back end " + name(h.id[0]) + h.where() + withFeature(h.feature)
	case endpointKind:
		return "may call " + name(cmp.Or(h.id[2], "/")) + " of its back end " + name(h.id[1]) + " by the endpoint " + name(h.id[0]) + withFeature(h.feature)
	case providerKind:
		return "may have users connect " + name(h.id[1]) + " (provider " + name(h.id[0]) + ", client " + name(h.id[2]) +
			", credential " + name(cmp.Or(h.id[3], "as the integration says")) + ")" + withFeature(h.feature)
	case webTriggerKind:
		if h.limit == "" {
			return "may be called at the web trigger " + name(h.id[0]) + " by anyone who knows its address"
		}
		return "may be called at the web trigger " + name(h.id[0]) + " by whoever holds its " + name(h.limit) + " secret"
	case apiRouteKind:
		text := "may be called by other programs at " + name(h.id[1]+" "+h.id[2]) + " (route " + name(h.id[0]) + ")"
		if h.id[3] != "" {
			text += " with " + strings.Join(names(strings.Split(h.id[3], scopeSeparator)), " and ")
		}
		return text
	case actionKind:
		return "may be called by agents and automations for the action " + name(h.id[0])
	case appEventKind:
		if h.feature == everyone {
			return "may send its event " + name(h.id[0]) + " to any app on the site"
		}
		return "may send its event " + name(h.id[0]) + " to the app " + name(h.feature)
	case eventKind:
		return "is told of the event " + name(h.id[0])
	case contentKind:
		return "may loosen the protection of its pages for " + name(h.id[0]) + ": " + name(h.id[1])
	case sandboxKind:
		return "may give its pages the browser right " + name(h.id[0])
	case isolationKind:
		return "may run as a process of its own, outside the sandbox"
	case memoryKind:
		return fmt.Sprintf("may use %d MB of memory for a call", h.size)
	case configurableTypeKind:
		if h.limit == "" {
			return "may later ask for egress of any type"
		}
		return "may later ask for egress of the type " + name(h.limit)
	case configurablePatternKind:
		if h.reach == unbounded {
			return "may later ask for egress to any host"
		}
		return "may later ask for egress to " + place(h.pattern)
	}
	return "may do what this version has no words for"
}

// leavingVerb is what an app may do by an egress type.
var leavingVerb = map[EgressType]string{
	Backend:    "may send from the server to",
	Client:     "may send from its pages to",
	Images:     "may load images into its pages from",
	Media:      "may load sound and video into its pages from",
	Scripts:    "may run in its pages code from",
	Styles:     "may take style sheets for its pages from",
	Fonts:      "may load fonts into its pages from",
	Frames:     "may embed in its pages those of",
	Navigation: "may lead users to",
}

func (h atom) where() string {
	switch h.reach {
	case fixed:
		text := " at " + name(h.base.text)
		if h.region != "default" {
			text += " (region " + name(h.region) + ")"
		}
		return text
	case within:
		return " at any address that an admin sets within " + place(h.pattern)
	case unbounded:
		return " at any address that an admin sets"
	default:
		return ""
	}
}

// withFeature words a right within a remote, an endpoint or a provider.
func withFeature(f string) string {
	switch {
	case f == "":
		return ""
	case f == userToken:
		return ", which may act as the user who is present"
	case f == systemToken:
		return ", which may act as the app"
	case f == inScopeEUD:
		return ", which keeps end-user data"
	}
	what, value, _ := strings.Cut(f, ":")
	switch what {
	case "operation":
		return ", for " + name(value)
	case "scope":
		return ", asking there for " + name(value)
	case "remote":
		return ", and send the credential to the back end " + name(value)
	default:
		return ", by " + name(value)
	}
}

// place says which hosts a pattern admits.
func place(p hostrule.Pattern) string {
	if p.Any {
		return "any address on the internet"
	}
	text := p.Host
	if p.Wild {
		text = "any host below " + p.Host
	}
	if p.Port != 443 {
		text += fmt.Sprintf(" on port %d", p.Port)
	}
	if p.Scheme == "wss" {
		text += " over WebSocket"
	}
	switch {
	case p.Path == "" || p.Path == "/":
	case strings.HasSuffix(p.Path, "/"):
		text += " below " + p.Path
	default:
		text += " at " + p.Path
	}
	return text
}

// before says how much of an atom a set had.
func (h atom) before(have Set) string {
	var kin []atom
	for _, a := range maximal(atoms(have)) {
		if a.kind == h.kind && h.akin(a) {
			kin = append(kin, a)
		}
	}
	if len(kin) == 0 {
		return h.nothing()
	}
	if h.kind == egressKind {
		return beforeEgress(h, kin)
	}
	// What comes nearest first: it says most about the difference.
	slices.SortStableFunc(kin, func(a, b atom) int { return cmp.Compare(btoi(!h.covers(a)), btoi(!h.covers(b))) })
	return "only: " + kin[0].may() + more(len(kin)-1)
}

// akin holds for atoms about the same thing.
func (h atom) akin(w atom) bool {
	switch h.kind {
	case memoryKind, configurableTypeKind, configurablePatternKind, isolationKind:
		return true
	}
	return h.id == w.id
}

func (h atom) nothing() string {
	switch h.kind {
	case egressKind:
		return "nowhere"
	case memoryKind:
		return "no more than the default"
	case isolationKind:
		return "only in the sandbox"
	default:
		return "not at all"
	}
}

func beforeEgress(h atom, kin []atom) string {
	// The same places under another condition: the condition is the difference.
	for _, a := range kin {
		if hostrule.Covers(a.pattern, h.pattern, UseOf(EgressType(h.id[0]))) {
			var conditions []string
			if a.limit != "" && h.limit == "" {
				conditions = append(conditions, "for "+name(a.limit)+", which an admin can switch off")
			}
			if !a.userData && h.userData {
				conditions = append(conditions, "without end-user data")
			}
			if len(conditions) > 0 {
				return "only " + strings.Join(conditions, " and ")
			}
		}
	}
	slices.SortStableFunc(kin, func(a, b atom) int { return cmp.Compare(btoi(!h.covers(a)), btoi(!h.covers(b))) })
	var places []string
	for _, a := range kin {
		if p := place(a.pattern); !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	const shown = 3
	rest := 0
	if len(places) > shown {
		places, rest = places[:shown], len(places)-shown
	}
	return "only " + strings.Join(places, ", ") + more(rest)
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
