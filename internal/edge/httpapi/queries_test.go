package httpapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a route reads of a query, the document says, and what it says is read: a parameter that
// nobody can know of is one that nobody looks at when something is allowed.
func TestQueriesAreTheDocuments(t *testing.T) {
	want := map[string][]string{}
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.In == "query" {
					want[method+" "+path] = append(want[method+" "+path], p.Value.Name)
				}
			}
		}
	}
	read := queriesRead(t)
	for _, r := range routes {
		key := r.method + " " + r.path
		got := slices.Sorted(maps.Keys(read[key]))
		slices.Sort(want[key])
		if !slices.Equal(got, want[key]) {
			t.Errorf("%s reads %v of its query, openapi.yaml says %v", key, got, want[key])
		}
	}
}

// queriesRead are the query parameters that each route's code asks for, in functions of this
// package that it calls too.
func queriesRead(t *testing.T) map[string]map[string]bool {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]*ast.FuncDecl{}
	served := map[string]string{} // route → function
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				functions[n.Name.Name] = n
			case *ast.CompositeLit:
				if len(n.Elts) == 4 && text(n.Elts[0]) != "" && strings.HasPrefix(text(n.Elts[1]), "/") {
					if s, ok := n.Elts[3].(*ast.SelectorExpr); ok {
						served[text(n.Elts[0])+" "+text(n.Elts[1])] = s.Sel.Name
					}
				}
			}
			return true
		})
	}
	out := map[string]map[string]bool{}
	for route, name := range served {
		out[route] = map[string]bool{}
		seen := map[string]bool{}
		var walk func(name string)
		walk = func(name string) {
			f := functions[name]
			if f == nil || seen[name] || name == "flag" {
				return
			}
			seen[name] = true
			for _, q := range queriesOf(f) {
				out[route][q] = true
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					switch fun := call.Fun.(type) {
					case *ast.Ident:
						walk(fun.Name)
					case *ast.SelectorExpr:
						if on, ok := fun.X.(*ast.Ident); ok && (on.Name == "a" || on.Name == "r") {
							walk(fun.Sel.Name)
						}
					}
				}
				return true
			})
		}
		walk(name)
	}
	if len(out) != len(routes) {
		t.Fatalf("%d routes were found, there are %d", len(out), len(routes))
	}
	return out
}

// queriesOf are the parameters that one function names.
func queriesOf(f *ast.FuncDecl) (names []string) {
	holds := map[string]bool{} // variables that are the query
	var keys []string          // of the maps that it goes through
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && isQuery(n.Rhs[0]) {
				holds[n.Lhs[0].(*ast.Ident).Name] = true
			}
		case *ast.RangeStmt:
			if m, ok := n.X.(*ast.CompositeLit); ok {
				for _, e := range m.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						keys = append(keys, text(kv.Key))
					}
				}
			}
		case *ast.CallExpr:
			s, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) != 1 {
				return true
			}
			on, _ := s.X.(*ast.Ident)
			asks := s.Sel.Name == "Get" && (isQuery(s.X) || on != nil && holds[on.Name]) || s.Sel.Name == "flag"
			switch {
			case asks && text(n.Args[0]) != "":
				names = append(names, text(n.Args[0]))
			case asks:
				names = append(names, keys...)
			}
		}
		return true
	})
	return names
}

// isQuery reports whether an expression is a request's query.
func isQuery(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Query" && len(call.Args) == 0
}

// text is a string literal's, "" of anything else.
func text(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
