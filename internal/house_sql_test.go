package internal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// statement is one SQL statement of a feature.
type statement struct {
	feature, file, name string
	text                string
}

func (s statement) key() string { return s.feature + "/" + s.file + ":" + s.name }

// store is what a feature's sources say about its tables and statements.
type store struct {
	tables     map[string][]string // table → columns
	statements []statement
}

// tenantColumns are the columns that say whose a row is.
var tenantColumns = []string{"install_id", "site_id"}

// tenant are the tenant columns of a table, none if its rows belong to nobody.
func tenant(columns []string) (out []string) {
	for _, c := range tenantColumns {
		if slices.Contains(columns, c) {
			out = append(out, c)
		}
	}
	return out
}

// CONTRACTS 10: a statement on a tenant's rows names the tenant in its WHERE, or in the
// columns that it inserts. What reaches further on purpose is listed with its reason.
func TestStatementsNameTheTenant(t *testing.T) {
	golden := listed(t, "testdata/cross-tenant.txt")
	tenants := 0
	for name, f := range stores(t) {
		for _, columns := range f.tables {
			if len(tenant(columns)) > 0 {
				tenants++
			}
		}
		for _, s := range f.statements {
			wrong := unscoped(s.text, f.tables)
			reason, listed := golden[s.key()]
			delete(golden, s.key())
			switch {
			case wrong != "" && !listed:
				t.Errorf("%s: %s; name the tenant, or list it in testdata/cross-tenant.txt with the reason", s.key(), wrong)
			case wrong == "" && listed:
				t.Errorf("%s names its tenant and is listed as cross-tenant: %s", s.key(), reason)
			}
		}
		if len(f.tables) > 0 && len(f.statements) == 0 {
			t.Errorf("%s has tables and no statement was found", name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(golden)) {
		t.Errorf("testdata/cross-tenant.txt lists %s, which is no statement", key)
	}
	if tenants < 8 {
		t.Errorf("only %d tenant tables were found", tenants)
	}
}

// A feature's tables are its own: who reads another one's depends on what may change.
func TestStatementsStayInTheirFeature(t *testing.T) {
	owner := map[string]string{}
	all := stores(t)
	for name, f := range all {
		for table := range f.tables {
			if owner[table] != "" {
				t.Errorf("%s and %s both have a table %s", owner[table], name, table)
			}
			owner[table] = name
		}
	}
	for name, f := range all {
		for _, s := range f.statements {
			for _, b := range blocks(s.text) {
				for _, r := range b.tables {
					if owner[r.table] != name {
						t.Errorf("%s names the table %s of %q: ask that feature by an interface", s.key(), r.table, owner[r.table])
					}
				}
			}
		}
	}
}

// stores reads every feature's sources.
func stores(t *testing.T) map[string]*store {
	t.Helper()
	out := map[string]*store{}
	dirs, err := filepath.Glob("feature/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		out[filepath.Base(dir)] = readStore(t, dir)
	}
	return out
}

// readStore takes a feature's constants apart. SQL lies in constants of sql*.go, so that
// it can be read in one place and never holds what somebody sent.
func readStore(t *testing.T, dir string) *store {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := &store{tables: map[string][]string{}}
	constants, places, used := map[string]ast.Expr{}, map[string]string{}, map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		inSQL := strings.HasPrefix(filepath.Base(path), "sql")
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST || !inSQL {
				note(d, used)
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					constants[name.Name], places[name.Name] = v.Values[i], filepath.Base(path)
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			for table, columns := range created(text) {
				out.tables[table] = columns
			}
			if isStatement.MatchString(text) && !(inSQL && constant(f, lit)) {
				t.Errorf("%s: SQL that is no constant of sql*.go: %.60q", path, text)
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		text, ok := value(constants[name], constants)
		if !ok || !isStatement.MatchString(text) {
			continue
		}
		// A text that only other constants use is the beginning of statements.
		if used[name] {
			out.statements = append(out.statements, statement{filepath.Base(dir), places[name], name, text})
		} else if !begins(name, constants) {
			t.Errorf("%s/%s: the statement %s is not used", dir, places[name], name)
		}
	}
	return out
}

func constant(f *ast.File, lit *ast.BasicLit) bool {
	return slices.ContainsFunc(f.Decls, func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		return ok && g.Tok == token.CONST && g.Pos() <= lit.Pos() && lit.End() <= g.End()
	})
}

var isStatement = regexp.MustCompile(`(?is)^\s*(SELECT\s.*\sFROM|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|WITH\s.*\sAS)\s`)

// note collects the names that a declaration uses.
func note(d ast.Decl, used map[string]bool) {
	ast.Inspect(d, func(n ast.Node) bool {
		if i, ok := n.(*ast.Ident); ok {
			used[i.Name] = true
		}
		return true
	})
}

func begins(name string, constants map[string]ast.Expr) bool {
	for _, e := range constants {
		found := false
		ast.Inspect(e, func(n ast.Node) bool {
			i, ok := n.(*ast.Ident)
			found = found || ok && i.Name == name
			return true
		})
		if found {
			return true
		}
	}
	return false
}

// value is the text of a constant expression.
func value(e ast.Expr, constants map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return value(e.X, constants)
	case *ast.Ident:
		if of, ok := constants[e.Name]; ok {
			return value(of, constants)
		}
	case *ast.BinaryExpr:
		a, ok := value(e.X, constants)
		b, ok2 := value(e.Y, constants)
		return a + b, ok && ok2 && e.Op == token.ADD
	}
	return "", false
}

var createTable = regexp.MustCompile(`(?is)CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)\s*\(`)

// created are the tables that a text makes, with their columns.
func created(text string) map[string][]string {
	out := map[string][]string{}
	for _, at := range createTable.FindAllStringSubmatchIndex(text, -1) {
		body := words(text[at[1]-1:])
		depth, first := 0, false
		var columns []string
	scan:
		for _, w := range body {
			switch {
			case w == "(":
				depth++
				first = depth == 1
			case w == ")":
				if depth--; depth == 0 {
					break scan
				}
			case w == "," && depth == 1:
				first = true
			default:
				if first && !slices.Contains([]string{"primary", "unique", "foreign", "check", "constraint"}, w) {
					columns = append(columns, w)
				}
				first = false
			}
		}
		out[text[at[2]:at[3]]] = columns
	}
	return out
}

// unscoped says which part of a statement reaches beyond one tenant, "" if none does.
func unscoped(text string, tables map[string][]string) string {
	for _, b := range blocks(text) {
		for _, r := range b.tables {
			owners := tenant(tables[r.table])
			if len(owners) == 0 {
				continue
			}
			names := func(column string) bool { return slices.Contains(owners, column) }
			if b.verb == "insert" {
				if !slices.ContainsFunc(b.inserted, names) {
					return fmt.Sprintf("inserts into %s without %s", r.table, strings.Join(owners, " or "))
				}
				if b.updates && !slices.ContainsFunc(b.conflict, names) {
					return fmt.Sprintf("overwrites a row of %s that may be another tenant's", r.table)
				}
				continue
			}
			if !slices.ContainsFunc(owners, func(c string) bool { return b.demands(r, c) }) {
				return fmt.Sprintf("%ss %s without %s = ? in its WHERE", b.verb, r.table, strings.Join(owners, " or "))
			}
		}
	}
	return ""
}
