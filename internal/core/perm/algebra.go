package perm

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
)

// Normal is the one form of all sets that permit the same: sorted, nothing named that
// another entry covers or that permits nothing, patterns as they count for their type.
func Normal(s Set) Set { return join(maximal(atoms(s))) }

// Covers reports whether have permits everything that want permits. It is a partial
// order on normal forms.
func Covers(have, want Set) bool { return len(missing(have, want)) == 0 }

// Diff is what want has that have does not cover, in normal form. It is empty exactly
// when have covers want.
func Diff(have, want Set) Set {
	lacking := missing(have, want)
	// A bound of what may be asked makes sense only whole: a lone type would read as
	// "that type, for any host".
	for _, a := range lacking {
		if a.kind == configurableTypeKind || a.kind == configurablePatternKind {
			lacking = append(lacking, configurableAtoms(*want.Configurable)...)
			break
		}
	}
	return join(maximal(lacking))
}

// missing are the maximal atoms of want that have does not cover, in order.
func missing(have, want Set) []atom {
	x := newIndex(atoms(have))
	var out []atom
	for _, w := range maximal(atoms(want)) {
		if !x.covered(w, true) {
			out = append(out, w)
		}
	}
	return out
}

// Union permits what a or b permits, in normal form: the least set that covers both.
// (What may later be asked for is a product of types and patterns; its union is the
// least such product.)
func Union(a, b Set) Set { return join(maximal(append(atoms(a), atoms(b)...))) }

// Intersect permits what both permit, in normal form: the greatest set that both
// cover. It is the middle of "effective = (granted ∩ declared) ∪ configured".
func Intersect(granted, declared Set) Set {
	// Most often one covers the other, and then there is nothing to multiply out.
	switch {
	case Covers(granted, declared):
		return Normal(declared)
	case Covers(declared, granted):
		return Normal(granted)
	}
	a, b := maximal(atoms(granted)), maximal(atoms(declared))
	var out []atom
	for _, g := range a {
		for _, d := range b {
			if m, ok := g.meet(d); ok {
				out = append(out, m)
			}
		}
	}
	return join(maximal(out))
}

// Empty reports whether the set permits nothing.
func Empty(s Set) bool { return len(atoms(s)) == 0 }

// Equal reports whether two sets permit the same.
func Equal(a, b Set) bool { return reflect.DeepEqual(Normal(a), Normal(b)) }

// Digest names what a set permits: the SHA-256, in hexadecimal, of the JSON of its
// normal form. An admin confirms the digest of the set that was shown; spelling and
// order do not change it.
func Digest(s Set) string {
	text, err := json.Marshal(Normal(s))
	if err != nil {
		// A normal form holds strings, numbers and patterns that have a text.
		panic("perm: a normal form has no JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
