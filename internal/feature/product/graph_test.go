package product

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func graphWorld(t *testing.T, scopes ...string) (*world, func(query string) (answered, error)) {
	t.Helper()
	w := newWorld(t, scopes...)
	w.graph = &Graph{Path: "/graphql", MaxDepth: 4, MaxFields: 10,
		Query: map[string][][]string{"issue": {{"read"}}, "me": {{"read"}, {"other"}}}, Mutation: map[string][][]string{"addComment": {{"write"}}}}
	w.method = graphMethod
	return w, func(query string) (answered, error) {
		body, _ := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"a": 1}, "extensions": map[string]any{"persistedQuery": "x"}})
		return w.ask(request("app", "POST", "", [2]string{"Content-Type", "application/json"}), string(body))
	}
}

func TestGraph(t *testing.T) {
	w, ask := graphWorld(t, "read", "write")
	a, err := ask(`query Q($a: Int) { first: issue(n: $a, s: "x \" } evil") { title ...F } __typename me @include(if: true) { id } } fragment F on Issue { state }`)
	if err != nil || a.Status != 200 {
		t.Fatalf("%+v, %v", a, err)
	}
	if w.got[0].URL.Path != "/api/graphql" || !slices.Equal(w.asked[0].Scopes, []string{"read"}) {
		t.Errorf("%s %v", w.got[0].URL, w.asked[0])
	}
	var sent map[string]any
	if err := json.Unmarshal(w.bodies[0], &sent); err != nil || len(sent) != 2 || sent["variables"] == nil {
		t.Fatalf("%s", w.bodies[0])
	}
	again, err := readQuery(sent["query"].(string), w.graph)
	if err != nil || !slices.Equal(again.fields, []string{"issue", "me"}) || !strings.Contains(again.text, `"x \" } evil"`) || !strings.Contains(again.text, "first:") {
		t.Errorf("%+v, %v", again, err)
	}
	if a, err := ask(`mutation { addComment(t: "x") { id } }`); err != nil || a.Status != 200 || !slices.Equal(w.asked[1].Scopes, []string{"write"}) {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestGraphRefusals(t *testing.T) {
	for name, tt := range map[string]struct{ query, code string }{
		"closed field":             {`{ issue { id } users { id } }`, "OPERATION_CLOSED"},
		"closed in a fragment":     {`{ ...F } fragment F on Query { users { id } }`, "OPERATION_CLOSED"},
		"closed in a nested one":   {`{ ... on Query { ... on Query { users { id } } } }`, "OPERATION_CLOSED"},
		"a mutation of that name":  {`mutation { issue { id } }`, "OPERATION_CLOSED"},
		"under an alias":           {`{ issue: users { id } }`, "OPERATION_CLOSED"},
		"introspection":            {`{ __schema { types { name } } }`, "OPERATION_CLOSED"},
		"scope":                    {`mutation { addComment { id } }`, "SCOPE_NOT_GRANTED"},
		"two operations":           {`query A { issue { id } } mutation B { addComment { id } }`, "GRAPH_REFUSED"},
		"no operation":             {`fragment F on Query { issue { id } }`, "GRAPH_REFUSED"},
		"subscription":             {`subscription { issue { id } }`, "GRAPH_REFUSED"},
		"too deep":                 {`{ issue { a { b { c { d } } } } }`, "GRAPH_REFUSED"},
		"too broad":                {`{ issue { a b c d e f g h i j k } }`, "GRAPH_REFUSED"},
		"too broad by fragments":   {`{ issue { ...F ...F ...F ...F } } fragment F on Issue { a b c }`, "GRAPH_REFUSED"},
		"a fragment within itself": {`{ issue { ...F } } fragment F on Issue { ...F }`, "GRAPH_REFUSED"},
		"a fragment that is not":   {`{ issue { ...G } }`, "GRAPH_REFUSED"},
		"no GraphQL":               {`{`, "GRAPH_REFUSED"},
		"more text than anybody's": {"{ issue { " + strings.Repeat("a ", 30_000) + "} }", "GRAPH_REFUSED"},
	} {
		t.Run(name, func(t *testing.T) {
			w, ask := graphWorld(t, "read")
			a, err := ask(tt.query)
			if err != nil || a.Status != 403 || a.code() != tt.code || len(w.got) != 0 {
				t.Fatalf("%d %s, %v", a.Status, a.body, err)
			}
		})
	}
	w, ask := graphWorld(t, "read")
	w.graph = nil
	if a, err := ask(`{ issue { id } }`); err != nil || a.code() != "OPERATION_UNKNOWN" {
		t.Errorf("%+v, %v", a, err)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add(`query Q($a: Int) { first: issue(n: $a) { title ...F } } fragment F on Issue { state }`)
	f.Add(`{ a(x: """block " string""", y: [1, {b: $c}]) @d(e: 1) { f } }`)
	f.Fuzz(func(t *testing.T, text string) {
		g := &Graph{MaxDepth: 6, MaxFields: 50}
		q, err := readQuery(text, g)
		if err != nil {
			return
		}
		// What is sent means the same when it is read again.
		again, err := readQuery(q.text, g)
		if err != nil || again.mutation != q.mutation || !slices.Equal(again.fields, q.fields) {
			t.Fatalf("%q was sent as %q, which is read as %+v, %v", text, q.text, again, err)
		}
	})
}
