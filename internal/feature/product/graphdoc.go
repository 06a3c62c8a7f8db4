package product

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

// Graph is a product's GraphQL endpoint: its root fields are mapped to scopes (OR of
// ANDs); a field that is not mapped is closed.
type Graph struct {
	Path            string // below the API's base URL
	Query, Mutation map[string][][]string
	// MaxDepth and MaxFields bound a query, its fragments put in.
	MaxDepth, MaxFields int
}

// maxTokens bounds what is parsed at all.
const maxTokens = 20_000

// query is what a GraphQL document asks for.
type query struct {
	mutation bool
	fields   []string // of the root, sorted, each once
	text     string   // as it was understood: what is sent is what was decided about
}

// readQuery takes a document in. It holds one operation: with several, two programs could
// disagree about which is meant.
func readQuery(text string, g *Graph) (*query, error) {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens)
	if err != nil {
		return nil, closed("GRAPH_REFUSED", "the query is not well-formed GraphQL: %.200s", err.Error())
	}
	if len(doc.Operations) != 1 {
		return nil, closed("GRAPH_REFUSED", "the document has %d operations; one is allowed", len(doc.Operations)).WithFix("send one operation a request")
	}
	op := doc.Operations[0]
	if op.Operation == ast.Subscription {
		return nil, closed("GRAPH_REFUSED", "subscriptions are not offered").WithFix("ask with a query")
	}
	w := graphWalk{doc: doc, graph: g, roots: map[string]bool{}, open: map[string]bool{}}
	if err := w.selections(op.SelectionSet, 1); err != nil {
		return nil, err
	}
	q := &query{mutation: op.Operation == ast.Mutation}
	for name := range w.roots {
		q.fields = append(q.fields, name)
	}
	slices.Sort(q.fields)
	var out strings.Builder
	formatter.NewFormatter(&out, formatter.WithCompacted()).FormatQueryDocument(doc)
	q.text = out.String()
	return q, nil
}

// graphWalk counts what a query asks for, its fragments put in.
type graphWalk struct {
	doc   *ast.QueryDocument
	graph *Graph
	roots map[string]bool
	open  map[string]bool // fragments that are being put in
	count int
}

func (w *graphWalk) selections(set ast.SelectionSet, depth int) error {
	if depth > w.graph.MaxDepth {
		return closed("GRAPH_REFUSED", "the query is deeper than %d", w.graph.MaxDepth).WithFix("ask for less at once")
	}
	for _, s := range set {
		if w.count++; w.count > w.graph.MaxFields {
			return closed("GRAPH_REFUSED", "the query asks for more than %d fields", w.graph.MaxFields).WithFix("ask for less at once")
		}
		if err := w.selection(s, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *graphWalk) selection(s ast.Selection, depth int) error {
	switch s := s.(type) {
	case *ast.Field:
		if depth == 1 && s.Name != "__typename" {
			w.roots[s.Name] = true
		}
		return w.selections(s.SelectionSet, depth+1)
	case *ast.InlineFragment:
		return w.selections(s.SelectionSet, depth)
	case *ast.FragmentSpread:
		f := w.doc.Fragments.ForName(s.Name)
		if f == nil || w.open[s.Name] {
			return closed("GRAPH_REFUSED", "the fragment %.64q is not defined, or contains itself", s.Name)
		}
		w.open[s.Name] = true
		defer delete(w.open, s.Name)
		return w.selections(f.SelectionSet, depth)
	default:
		return closed("GRAPH_REFUSED", "the query has a part of an unknown kind")
	}
}
