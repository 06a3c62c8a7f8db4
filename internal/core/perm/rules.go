package perm

import "github.com/annexhq/annex/internal/core/hostrule"

// Rules are the egress of one set, indexed: their answers are those of AllowsURL and
// Admitting, at a cost that does not grow with the number of entries. A set is asked far more
// often than it is made, so whoever keeps one keeps its Rules with it; nil has no index, and
// asks entry by entry. Rules are safe for concurrent use.
type Rules struct {
	egress []Egress // which they were made of
	types  map[EgressType]*typeRules
}

type typeRules struct {
	patterns []hostrule.Pattern
	index    *hostrule.Index
}

// RulesOf indexes the set's egress; nil where there is none.
func RulesOf(s Set) *Rules {
	if len(s.Egress) == 0 {
		return nil
	}
	r := &Rules{egress: s.Egress, types: map[EgressType]*typeRules{}}
	for _, e := range s.Egress {
		t := r.types[e.Type]
		if t == nil {
			t = &typeRules{}
			r.types[e.Type] = t
		}
		t.patterns = append(t.patterns, e.Pattern)
	}
	for name, t := range r.types {
		t.index = hostrule.NewIndex(t.patterns, UseOf(name))
	}
	return r
}

// about reports whether the rules were made of this very set: what was made of another one
// says nothing about it, whatever it was copied along with.
func (r *Rules) about(s Set) bool {
	return r != nil && len(r.egress) == len(s.Egress) && &r.egress[0] == &s.Egress[0]
}

// AllowsURL is the decision of that name about the set.
func (r *Rules) AllowsURL(s Set, t EgressType, u hostrule.URL) hostrule.Verdict {
	if !r.about(s) || UseOf(t) == 0 {
		return AllowsURL(s, t, u)
	}
	if of := r.types[t]; of != nil {
		return of.index.Decide(u)
	}
	return hostrule.Decide(nil, UseOf(t), u)
}

// Admitting are the patterns of that name.
func (r *Rules) Admitting(s Set, t EgressType, u hostrule.URL) (admitting, missing []string) {
	if !r.about(s) {
		return Admitting(s, t, u)
	}
	of := r.types[t]
	if of == nil {
		return nil, nil
	}
	for i := range of.index.Near(u) {
		p := of.patterns[i]
		bare := p
		bare.Path = ""
		switch use := UseOf(t); {
		case hostrule.Match(p, u, use):
			admitting = append(admitting, p.String())
		case hostrule.Match(bare, u, use):
			missing = append(missing, p.String())
		}
	}
	return admitting, missing
}
