package kvstore

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Statements that reach beyond one installation, each with its reason.
var acrossTenants = map[string]string{
	"sweepValuesAllTenants":   "expiry is a property of the row; nothing is read",
	"sweepSecretsAllTenants":  "expiry is a property of the row; nothing is read",
	"sweepEntitiesAllTenants": "expiry is a property of the row; nothing is read",
	"sweepEntriesAllTenants":  "expiry is a property of the row; nothing is read",
}

// TestStatementsNameTheInstallation reads this package's statements: each one on a
// tenant's table demands the installation.
func TestStatementsNameTheInstallation(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "sql.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		value := spec.Values[0]
		if sum, ok := value.(*ast.BinaryExpr); ok {
			return sum == nil // its beginning is a constant of its own here
		}
		lit, ok := value.(*ast.BasicLit)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		name := spec.Names[0].Name
		words := strings.Fields(text)
		scoped := strings.Contains(strings.Join(words, " "), "WHERE install_id = ?") ||
			strings.Contains(text, "WHERE i.install_id = ? AND e.install_id = ?") ||
			strings.Contains(text, "UPDATE kv_entity_indexes SET upto = ?, built = ? WHERE install_id = ?")
		if slices.Contains([]string{"INSERT"}, words[0]) {
			scoped = strings.Contains(text, "(install_id, ") && strings.Contains(text, "ON CONFLICT (install_id, ")
		}
		if _, known := acrossTenants[name]; scoped == known || strings.HasSuffix(name, "AllTenants") != known {
			t.Errorf("%s: scoped %v, listed as across tenants %v", name, scoped, known)
		}
		return true
	})
	if seen < 10 {
		t.Errorf("only %d statements were found", seen)
	}
}
