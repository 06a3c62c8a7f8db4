package applint

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func TestAddItem(t *testing.T) {
	scopes, backend := []string{"permissions", "scopes"}, []string{"permissions", "external", "fetch", "backend"}
	for name, c := range map[string]struct {
		text string
		path []string
		want string
	}{
		"list":          {"permissions:\n  scopes:\n    - a\nmodules: {}\n", scopes, "permissions:\n  scopes:\n    - x\n    - a\nmodules: {}\n"},
		"flat list":     {"permissions:\n  scopes:\n  - a\n", scopes, "permissions:\n  scopes:\n  - x\n  - a\n"},
		"no section":    {"app:\n  id: a\n", scopes, "app:\n  id: a\npermissions:\n  scopes:\n    - x\n"},
		"no list":       {"permissions:\n    content: {}\napp: {}\n", scopes, "permissions:\n    scopes:\n      - x\n    content: {}\napp: {}\n"},
		"half the path": {"permissions:\n  external:\n    images:\n      - i\n", backend, "permissions:\n  external:\n    fetch:\n      backend:\n        - x\n    images:\n      - i\n"},
		"flow list":     {"permissions:\n  scopes: [a]\n", scopes, "permissions:\n  scopes: [a, x]\n"},
		"empty list":    {"permissions:\n  scopes: [ ]\n", scopes, "permissions:\n  scopes: [x]\n"},
		"map":           {"permissions:\n  scopes:\n    a:\n      allowImpersonation: true\n", scopes, "permissions:\n  scopes:\n    x: {}\n    a:\n      allowImpersonation: true\n"},
		"scalar":        {"permissions:\n  scopes: a\n", scopes, "permissions:\n  scopes: a\n"},
		"same name":     {"modules:\n  permissions:\n    scopes: 1\npermissions:\n  scopes:\n    - a\n", scopes, "modules:\n  permissions:\n    scopes: 1\npermissions:\n  scopes:\n    - x\n    - a\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := addItem(c.text, c.path, "x"); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestFixAddsWhatTheCodeNeeds(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "src"), 0o755)
	os.WriteFile(filepath.Join(dir, "src/index.js"), []byte("import { storage } from '@forge/api';\nexport const run = async () => [await storage.get('x'), await fetch('https://a.example.com/x')];\n"), 0o644)
	text := "# kept\napp:\n  id: ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001\n  runtime:\n    name: nodejs22.x\npermissions:\n  external:\n    fetch:\n      backend:\n        - *.example.org\nmodules:\n  function:\n    - key: run\n      handler: index.run\n  webtrigger:\n    - key: hook\n      function: run\n"
	got, applied, err := Fix(context.Background(), dir, []byte(text), Options{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, d := range applied {
		rules = append(rules, d.Rule)
	}
	if len(rules) != 3 || rules[0] != "yaml-unquoted-star" {
		t.Errorf("applied %v", rules)
	}
	if err := os.WriteFile(filepath.Join(dir, ManifestName), got, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Check(context.Background(), dir, Options{Table: table})
	if err != nil || len(r.Diagnostics) > 1 { // *.example.org is used by nothing
		t.Errorf("after the fix: %v %v\n%s", r.Diagnostics, err, got)
	}
	if again, applied, _ := Fix(context.Background(), dir, got, Options{Table: table}); string(again) != string(got) || len(applied) > 0 {
		t.Errorf("a second run changed it again: %v", applied)
	}
}
