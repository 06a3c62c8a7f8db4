package applog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// Statements that reach beyond one installation, each with its reason.
var acrossTenants = map[string]string{
	"takeNumbersAllTenants":     "the numbering of lines belongs to no tenant; nothing of one is read",
	"lastNumberAllTenants":      "the numbering of lines belongs to no tenant; nothing of one is read",
	"placesOfOwnerAllTenants":   "a developer's installations, asked for by the developer's own account",
	"setOwnerAllTenants":        "an app's owner changes, wherever it is installed",
	"dropSharesOfAppAllTenants": "what was shared with the owner before ends with that",
	"dropSharesAllTenants":      "a restore ends all sharing",
	"installsAllTenants":        "the sweep asks which installations there are; nothing of them is read",
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
		lit, ok := spec.Values[0].(*ast.BasicLit)
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
		plain := strings.Join(words, " ")
		scoped := strings.Contains(plain, "WHERE install_id = ?") || strings.Contains(plain, "WHERE site_id = ?")
		if words[0] == "INSERT" {
			scoped = strings.Contains(text, "(install_id, ") &&
				(!strings.Contains(text, "ON CONFLICT") || strings.Contains(text, "ON CONFLICT (install_id"))
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
