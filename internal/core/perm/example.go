package perm

import (
	"cmp"
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// Example is one thing that a set permits and another does not.
type Example struct {
	// Type and URL are set where it is a request that could leave.
	Type EgressType `json:"type,omitempty"`
	URL  string     `json:"url,omitempty"`
	Change
	// Text says it in one sentence: "new: may …; before: …".
	Text string `json:"text"`
}

// Counterexample shows why have does not cover want: one thing that want permits and
// have does not. It is the least in a fixed order (kind, then shortest, then
// alphabetical), so that the same question has the same answer. ok is false exactly
// when have covers want.
func Counterexample(have, want Set) (_ Example, ok bool) {
	lacking := missing(have, want)
	if len(lacking) == 0 {
		return Example{}, false
	}
	// Atoms are in the order of kinds; the least one is of the first kind's.
	first := lacking[0]
	var examples []Example
	for _, a := range lacking {
		if a.kind == first.kind && a.rank() == first.rank() {
			examples = append(examples, example(have, a))
		}
	}
	return slices.MinFunc(examples, func(a, b Example) int {
		return cmp.Or(cmp.Compare(btoi(a.URL == ""), btoi(b.URL == "")),
			cmp.Compare(len(a.URL), len(b.URL)), cmp.Compare(a.URL, b.URL),
			cmp.Compare(len(a.Text), len(b.Text)), cmp.Compare(a.Text, b.Text))
	}), true
}

func example(have Set, a atom) Example {
	e := Example{Change: change(have, a)}
	if a.kind != egressKind {
		e.Text = e.sentence()
		return e
	}
	e.Type = EgressType(a.id[0])
	e.Text = e.sentence()
	for u := range candidates(a.pattern, len(have.Egress)+1) {
		if !AllowsURL(have, e.Type, u).Allow {
			e.URL = u.String()
			break
		}
	}
	// Without such a URL each one is permitted already; what grows is what an admin is
	// told of it, and the words say so.
	return e
}

// candidates gives n URLs that the pattern admits, shortest first. Among one more
// than have has patterns there is one that have does not admit, if there is any:
// a pattern that admits two of them is a wildcard or "*" and admits all.
func candidates(p hostrule.Pattern, n int) func(yield func(hostrule.URL) bool) {
	u := hostrule.URL{Scheme: p.Scheme, Host: p.Host, Port: p.Port, Path: cmp.Or(p.Path, "/")}
	return func(yield func(hostrule.URL) bool) {
		switch {
		case p.Any:
			u.Scheme, u.Port = "https", 443
			for i := range n {
				u.Host = letters(i) + ".example"
				if !yield(u) {
					return
				}
			}
		case p.Wild:
			for i := range n {
				u.Host = letters(i) + "." + p.Host
				if !yield(u) {
					return
				}
			}
		default:
			yield(u)
		}
	}
}

// letters numbers labels: a … z, aa, ab …
func letters(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letters(i/26-1) + letters(i%26)
}
