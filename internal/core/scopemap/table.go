package scopemap

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Table finds the operation of a request. It is a state machine over the segments of a
// path: each state stands for all templates that match so far, so there is one step per
// segment, whatever the number of operations, and no way back. The zero value has no
// operation.
type Table struct {
	start      *state
	operations []*Operation
	byID       map[string]*Operation
}

// state is what may still match after some segments.
type state struct {
	literals map[string]*state
	// near are the literals in the form in which careless products take them for the same.
	near map[string]bool
	// parts are the patterns by their first text, whose lengths are in starts.
	parts  map[string][]part
	starts []int
	any    *state
	accept map[string]*Operation // by method
}

type part struct {
	*segment
	to *state
}

// Operations are all operations, open and closed, by path and method.
func (t *Table) Operations() []*Operation { return t.operations }

// Operation is the one with the id, nil if there is none.
func (t *Table) Operation(id string) *Operation { return t.byID[id] }

const (
	maxStates = 100_000
	maxEdges  = 1_000_000
)

// template is an operation with its path.
type template struct {
	segments []segment
	*Operation
}

// node is a place in the tree of templates.
type node struct {
	literals map[string]int
	patterns map[string]int // by shape
	parts    []*segment
	any      int // 0 for none
	rest     int
	self     bool // a rest: every further segment stays here
	// beside are the literals of longer templates that have one segment where this rest
	// begins. A product whose parameter takes several segments there too would read a rest
	// that contains one of them as that template.
	beside map[string]bool
	ends   []*template
}

type builder struct {
	nodes  []node
	states map[string]*state
	edges  int
	todo   []pending
}

type pending struct {
	set []int
	at  *state
}

// build makes the machine by the subset construction.
func build(templates []*template) (*state, error) {
	b := &builder{nodes: make([]node, 1), states: map[string]*state{}}
	for _, t := range templates {
		b.add(t)
	}
	for i := range b.nodes {
		if n := &b.nodes[i]; n.rest != 0 {
			b.nodes[n.rest].beside = b.below(n)
		}
	}
	start, err := b.state([]int{0})
	for err == nil && len(b.todo) > 0 {
		next := b.todo[len(b.todo)-1]
		b.todo = b.todo[:len(b.todo)-1]
		err = b.complete(next)
	}
	return start, err
}

// below are the literals under the parameters of a node.
func (b *builder) below(n *node) map[string]bool {
	out := map[string]bool{}
	var todo []int
	if n.any != 0 {
		todo = append(todo, n.any)
	}
	for _, i := range n.patterns {
		todo = append(todo, i)
	}
	for len(todo) > 0 {
		n := &b.nodes[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for text, i := range n.literals {
			out[fold(text)] = true
			todo = append(todo, i)
		}
		for _, i := range n.patterns {
			todo = append(todo, i)
		}
		if n.any != 0 {
			todo = append(todo, n.any)
		}
	}
	return out
}

func (b *builder) fresh(self bool) int {
	b.nodes = append(b.nodes, node{self: self})
	return len(b.nodes) - 1
}

func (b *builder) add(t *template) {
	at := 0
	for i := range t.segments {
		s := &t.segments[i]
		n := &b.nodes[at]
		var next int
		switch s.kind {
		case literal:
			next = n.literals[s.text]
		case pattern:
			next = n.patterns[shape(t.segments[i:i+1])]
		case any1:
			next = n.any
		case rest:
			next = n.rest
		}
		if next == 0 {
			next = b.fresh(s.kind == rest)
			n = &b.nodes[at] // fresh may have moved it
			switch s.kind {
			case literal:
				if n.literals == nil {
					n.literals = map[string]int{}
				}
				n.literals[s.text] = next
			case pattern:
				if n.patterns == nil {
					n.patterns = map[string]int{}
				}
				n.patterns[shape(t.segments[i:i+1])] = next
				n.parts = append(n.parts, s)
			case any1:
				n.any = next
			case rest:
				n.rest = next
			}
		}
		at = next
	}
	b.nodes[at].ends = append(b.nodes[at].ends, t)
}

// state gives the state of a set of nodes; nil for the empty set.
func (b *builder) state(set []int) (*state, error) {
	if len(set) == 0 {
		return nil, nil
	}
	slices.Sort(set)
	set = slices.Compact(set)
	key := fmt.Sprint(set)
	if s := b.states[key]; s != nil {
		return s, nil
	}
	if len(b.states) >= maxStates {
		return nil, tooAmbiguous()
	}
	s := &state{accept: b.accept(set)}
	b.states[key] = s
	b.todo = append(b.todo, pending{set, s})
	return s, nil
}

func tooAmbiguous() error {
	return fault.New(fault.Limit, "DOCUMENT_TOO_LARGE", "the paths of the document overlap in too many ways, or are too many").
		WithFix("leave operations out that no app needs")
}

// generic is where any segment leads from a set.
func (b *builder) generic(set []int) []int {
	var out []int
	for _, i := range set {
		n := &b.nodes[i]
		if n.any != 0 {
			out = append(out, n.any)
		}
		if n.rest != 0 {
			out = append(out, n.rest)
		}
		if n.self {
			out = append(out, i)
		}
	}
	return out
}

// complete makes the ways out of a state.
func (b *builder) complete(p pending) (err error) {
	generic := b.generic(p.set)
	if p.at.any, err = b.state(slices.Clone(generic)); err != nil {
		return err
	}
	var parts []*segment
	seen := map[string]bool{}
	literals := map[string]bool{}
	for _, i := range p.set {
		for text := range b.nodes[i].literals {
			literals[text] = true
		}
		for _, s := range b.nodes[i].parts {
			if key := shape([]segment{*s}); !seen[key] {
				seen[key] = true
				parts = append(parts, s)
			}
		}
	}
	if b.edges += len(literals) + len(parts) + 1; b.edges > maxEdges {
		return tooAmbiguous()
	}
	for text := range literals {
		to := b.follow(p.set, func(n *node) int { return n.literals[text] })
		if text != "" {
			for _, i := range generic {
				if !b.nodes[i].self || !slices.Contains(p.set, i) || !b.nodes[i].beside[fold(text)] {
					to = append(to, i)
				}
			}
			for _, s := range parts {
				if _, ok := s.match(text); ok {
					to = append(to, b.follow(p.set, func(n *node) int { return n.patterns[shape([]segment{*s})] })...)
				}
			}
		}
		next, err := b.state(to)
		if err != nil {
			return err
		}
		if p.at.literals == nil {
			p.at.literals = make(map[string]*state, len(literals))
		}
		p.at.literals[text] = next
	}
	for _, s := range parts {
		key := shape([]segment{*s})
		next, err := b.state(append(b.follow(p.set, func(n *node) int { return n.patterns[key] }), generic...))
		if err != nil {
			return err
		}
		if p.at.parts == nil {
			p.at.parts = map[string][]part{}
		}
		if !slices.Contains(p.at.starts, len(s.texts[0])) {
			p.at.starts = append(p.at.starts, len(s.texts[0]))
		}
		p.at.parts[s.texts[0]] = append(p.at.parts[s.texts[0]], part{s, next})
	}
	near := map[string]bool{}
	for text := range literals {
		if text != "" {
			near[fold(text)] = true
		}
	}
	for _, i := range p.set {
		for text := range b.nodes[i].beside {
			near[text] = true
		}
	}
	if len(near) > 0 && (p.at.any != nil || len(parts) > 0) {
		p.at.near = near
	}
	return nil
}

func (b *builder) follow(set []int, to func(*node) int) []int {
	var out []int
	for _, i := range set {
		if n := to(&b.nodes[i]); n != 0 {
			out = append(out, n)
		}
	}
	return out
}

// accept gives the operation of each method when a path ends in a set. Of several the one
// that says most about every segment counts; where each says more about another segment,
// products choose differently, and the request needs what all of them need.
func (b *builder) accept(set []int) map[string]*Operation {
	var out map[string]*Operation
	by := map[string][]*template{}
	for _, i := range set {
		for _, t := range b.nodes[i].ends {
			by[t.Method] = append(by[t.Method], t)
		}
	}
	for method, all := range by {
		if out == nil {
			out = make(map[string]*Operation, len(by))
		}
		var best []*template
		for _, t := range all {
			if !slices.ContainsFunc(all, func(o *template) bool {
				return o != t && within(o.segments, t.segments) && !within(t.segments, o.segments)
			}) {
				best = append(best, t)
			}
		}
		// Left-most literals first: what most products would choose gives the names.
		sort.SliceStable(best, func(i, j int) bool { return leftFirst(best[i], best[j]) })
		op := best[0].Operation
		if len(best) > 1 {
			op = both(best)
		}
		out[method] = op
	}
	return out
}

func leftFirst(a, b *template) bool {
	for i := range max(len(a.segments), len(b.segments)) {
		if x, y := kindAt(a.segments, i), kindAt(b.segments, i); x != y {
			return x > y
		}
	}
	return a.Template < b.Template
}

// both is an operation that asks for everything that each of several asks for.
func both(all []*template) *Operation {
	out := *all[0].Operation
	var names []string
	for _, t := range all {
		names = append(names, t.Method+" "+t.Template)
	}
	for _, t := range all[1:] {
		o := t.Operation
		out.Scopes = together(out.Scopes, o.Scopes)
		if out.Closed == "" && o.Closed != "" {
			out.Closed = "it can be read as " + strings.Join(names, " and as ") + ", and one of these is closed: " + o.Closed
		}
		if out.Class == "" {
			out.Class = o.Class
		}
		out.Query, out.Header, out.Form = common(out.Query, o.Query), common(out.Header, o.Header), common(out.Form, o.Form)
		out.deep = common(out.deep, o.deep)
		out.anyName, out.anyForm = out.anyName && o.anyName, out.anyForm && o.anyForm
		out.Egress = append(slices.Clone(out.Egress), o.Egress...)
		out.Body = out.Body || o.Body
	}
	if out.Closed == "" && len(out.Scopes) == 0 {
		out.Closed = "it can be read as " + strings.Join(names, " and as ") + ", and together these need too much"
	}
	return &out
}

func common(a, b map[string]bool) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		if b[k] {
			out[k] = true
		}
	}
	return out
}

const maxAlternatives = 64

// together gives the alternatives that satisfy one of a and one of b.
func together(a, b [][]string) [][]string {
	if len(a)*len(b) > maxAlternatives {
		return nil
	}
	var out [][]string
	for _, x := range a {
		for _, y := range b {
			out = append(out, normal(append(slices.Clone(x), y...)))
		}
	}
	return alternatives(out)
}

// normal is a set of scopes in order, each once.
func normal(scopes []string) []string {
	out := slices.Clone(scopes)
	slices.Sort(out)
	if out = slices.Compact(out); out == nil {
		out = []string{}
	}
	return out
}

// alternatives are normal, in order, each once.
func alternatives(all [][]string) [][]string {
	slices.SortFunc(all, slices.Compare[[]string])
	return slices.CompactFunc(all, slices.Equal[[]string])
}
