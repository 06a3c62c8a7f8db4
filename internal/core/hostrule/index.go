package hostrule

import (
	"iter"
	"slices"
)

// Index answers as Decide does about the same patterns, at a cost that does not grow with
// their number: a host is found in a map, itself and each name above it, and a path in a map
// of the patterns that share a host. It is not changed after it was made, and safe for
// concurrent use.
type Index struct {
	use      Use
	patterns []Pattern
	any      []int // those that are "*"
	hosts    map[hostKey]*hostIndex
}

// none is the place of a pattern that is not there: after all others.
const none = int(^uint(0) >> 1)

type hostKey struct {
	host string
	wild bool
}

// hostIndex are the patterns of one host, or of what lies below it; its numbers are places
// in the list.
type hostIndex struct {
	first   int
	schemes map[string]int // the first of each
	ports   map[portKey]*portIndex
}

type portKey struct {
	scheme string
	port   uint16
}

type portIndex struct {
	all     []int
	open    int            // the first without a path, or none
	paths   map[string]int // the first with each
	longest int            // path
}

// NewIndex indexes patterns of one use. It keeps the slice.
func NewIndex(patterns []Pattern, use Use) *Index {
	x := &Index{use: use, patterns: patterns, hosts: make(map[hostKey]*hostIndex, len(patterns))}
	for i, p := range patterns {
		switch p = p.In(use); {
		case p.Any:
			x.any = append(x.any, i)
		case p.Host != "":
			x.add(i, p)
		}
	}
	return x
}

func (x *Index) add(i int, p Pattern) {
	k := hostKey{p.Host, p.Wild}
	h := x.hosts[k]
	if h == nil {
		h = &hostIndex{first: i, schemes: make(map[string]int, 1), ports: make(map[portKey]*portIndex, 1)}
		x.hosts[k] = h
	}
	if _, ok := h.schemes[p.Scheme]; !ok {
		h.schemes[p.Scheme] = i
	}
	q := h.ports[portKey{p.Scheme, p.Port}]
	if q == nil {
		q = &portIndex{open: none}
		h.ports[portKey{p.Scheme, p.Port}] = q
	}
	q.all = append(q.all, i)
	if p.Path == "" {
		q.open = min(q.open, i)
		return
	}
	if q.paths == nil {
		q.paths = map[string]int{}
	}
	if _, ok := q.paths[p.Path]; !ok {
		q.paths[p.Path] = i
	}
	q.longest = max(q.longest, len(p.Path))
}

// Decide is the verdict of the function of that name.
func (x *Index) Decide(u URL) Verdict {
	if err, refused := CanAdmit(u, x.use).(*Error); refused {
		return Verdict{Rule: err.Rule, Reason: err.Reason}
	}
	i := x.admitting(u)
	if i == none {
		return x.missed(u)
	}
	return Verdict{Allow: true, Rule: "egress-declared", Reason: "admitted by " + x.patterns[i].String(), By: &x.patterns[i]}
}

// admitting is the place of the first pattern that admits the URL, or none.
func (x *Index) admitting(u URL) int {
	first := none
	if len(x.any) > 0 && (Pattern{Any: true}).admits(u, x.use) {
		first = x.any[0]
	}
	path := ""
	for h := range x.of(u.Host) {
		q := h.ports[portKey{u.Scheme, u.Port}]
		if q == nil {
			continue
		}
		if first = min(first, q.open); len(q.paths) == 0 {
			continue
		}
		if path == "" {
			path = canonicalURLPath(u.Path)
		}
		first = min(first, q.admitting(path))
	}
	return first
}

// admitting asks for the path itself and for each folder that it lies in.
func (q *portIndex) admitting(path string) int {
	first := none
	for i := range min(len(path), q.longest) {
		if path[i] != '/' {
			continue
		}
		if at, ok := q.paths[path[:i+1]]; ok {
			first = min(first, at)
		}
	}
	if at, ok := q.paths[path]; ok {
		first = min(first, at)
	}
	return first
}

// missed is what is said of a URL that no pattern admits: the first of the nearest misses.
func (x *Index) missed(u URL) Verdict {
	best := [5]int{1: none, none, none, none} // by rank, see nearMiss
	if len(x.any) > 0 {
		best[2] = x.any[0]
	}
	for h := range x.of(u.Host) {
		best[2] = min(best[2], h.first)
		if i, ok := h.schemes[u.Scheme]; ok {
			best[3] = min(best[3], i)
		}
		if q := h.ports[portKey{u.Scheme, u.Port}]; q != nil {
			best[4] = min(best[4], q.all[0])
		}
	}
	if apex := x.hosts[hostKey{u.Host, true}]; apex != nil {
		best[1] = apex.first
	}
	for rank := 4; rank > 0; rank-- {
		if i := best[rank]; i != none {
			verdict, _ := nearMiss(x.patterns[i].In(x.use), u, x.use)
			return verdict
		}
	}
	return notDeclared(u, x.use)
}

// Near yields, in their order, the places of the patterns that admit the URL or would, were
// it not for its path. All others do not.
func (x *Index) Near(u URL) iter.Seq[int] {
	return func(yield func(int) bool) {
		near := slices.Clone(x.any)
		for h := range x.of(u.Host) {
			if q := h.ports[portKey{u.Scheme, u.Port}]; q != nil {
				near = append(near, q.all...)
			}
		}
		slices.Sort(near)
		for _, i := range near {
			if !yield(i) {
				return
			}
		}
	}
}

// of yields what there is of patterns that admit the host: of it, and of what lies below
// each name above it.
func (x *Index) of(host string) iter.Seq[*hostIndex] {
	return func(yield func(*hostIndex) bool) {
		if h := x.hosts[hostKey{host, false}]; h != nil && !yield(h) {
			return
		}
		for i := 1; i < len(host); i++ { // from 1: at least one label stands before the dot
			if host[i] != '.' {
				continue
			}
			if h := x.hosts[hostKey{host[i+1:], true}]; h != nil && !yield(h) {
				return
			}
		}
	}
}
