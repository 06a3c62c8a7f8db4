package perm

import (
	"iter"
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// index finds what covers an atom without comparing it with each other one: a hostile
// manifest may hold thousands of entries. An atom lies under each key by which one
// that it covers may ask for it.
type index map[key][]atom

type key struct {
	kind    kind
	id      [4]string
	feature string
	reach   reach
	region  string
	pattern hostrule.Pattern
}

func newIndex(atoms []atom) index {
	x := make(index, len(atoms))
	for _, a := range atoms {
		for k := range a.filed() {
			x[k] = append(x[k], a)
		}
	}
	return x
}

// covered reports whether some atom of the index covers w; one equal to w counts only
// where orEqual says so.
func (x index) covered(w atom, orEqual bool) bool {
	for k := range w.asked() {
		for _, h := range x[k] {
			if h.covers(w) && (orEqual || h != w) {
				return true
			}
		}
	}
	return false
}

// filed are the keys under which an atom lies: its own, and those of the thing
// without its feature and of the remote without its address, which it covers too.
func (h atom) filed() iter.Seq[key] {
	return func(yield func(key) bool) {
		k := key{kind: h.kind, id: h.id, feature: h.feature, reach: h.reach, region: h.region, pattern: h.pattern}
		bare := k
		bare.reach, bare.region, bare.pattern = nowhere, "", hostrule.Pattern{}
		keys := []key{k}
		if h.kind == remoteKind && h.reach != nowhere {
			keys = append(keys, bare)
		}
		for _, k := range keys {
			if !yield(k) {
				return
			}
			if h.feature == "" {
				continue
			}
			if k.feature = ""; !yield(k) {
				return
			}
		}
	}
}

// asked are the keys under which whatever covers w lies.
func (w atom) asked() iter.Seq[key] {
	return func(yield func(key) bool) {
		k := key{kind: w.kind, id: w.id, feature: w.feature, reach: w.reach, region: w.region}
		if w.kind == appEventKind {
			all := k
			all.feature = everyone
			if !yield(all) {
				return
			}
		}
		use := UseOf(EgressType(w.id[0]))
		switch w.kind {
		case remoteKind:
			use = hostrule.Remote
		case configurablePatternKind:
			use = hostrule.Resource
		}
		if w.reach == within {
			free := k
			free.reach = unbounded
			if !yield(free) {
				return
			}
		}
		if w.pattern == (hostrule.Pattern{}) {
			yield(k)
			return
		}
		for p := range hostrule.Covering(w.pattern, use) {
			if k.pattern = p; !yield(k) {
				return
			}
		}
	}
}

// maximal sorts atoms and drops those that another covers: the one antichain that
// means the same.
func maximal(atoms []atom) []atom {
	slices.SortFunc(atoms, atom.compare)
	atoms = slices.Compact(atoms)
	x := newIndex(atoms)
	return slices.DeleteFunc(atoms, func(a atom) bool { return x.covered(a, false) })
}
