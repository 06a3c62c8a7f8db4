package applint

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

const callsManifest = `app:
  id: ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001
  runtime:
    name: nodejs22.x
permissions:
  scopes:
    - read:issue
    - manage:all
modules:
  webtrigger:
    - key: run
      function: run
      response:
        type: dynamic
  function:
    - key: run
      handler: index.run
`

const callsCode = `import api, { route } from "@forge/api";
export async function run(request) {
  const key = request.body, options = { method: "PUT" };
  await api.asApp().requestJira(route` + "`/issue/${key}?fields=summary`" + `);
  await api.asApp().requestJira(route` + "`/issue/picker`" + `);
  await api.asApp().requestJira(route` + "`/issue/${key}/comment`" + `, { headers: { method: "x" }, method: "POST", body: "{}" });
  await api.asApp().requestProduct("desk", route` + "`/issue/${key}`" + `, { ...options, method: "DELETE" });
  await api.asApp().requestJira(route` + "`/issue/${key}`" + `, options);
  await api.asApp().requestJira(route` + "`/isue/${key}`" + `);
  await api.asApp().requestWiki(route` + "`/page`" + `);
  return { statusCode: 200 };
}
`

var callsTable = &bundle.Table{Modules: map[string][]string{"@annex/api": {"default", "route"}}, Aliases: table.Aliases}

func callsOptions() Options {
	operations := []Operation{
		{Method: "GET", Path: "/issue/{issue}", Scopes: [][]string{{"read:issue"}}},
		{Method: "PUT", Path: "/issue/{issue}", Scopes: [][]string{{"write:issue"}}},
		{Method: "DELETE", Path: "/issue/{issue}", Closed: true},
		{Method: "GET", Path: "/issue/picker", Scopes: [][]string{{"read:many", "read:more"}, {"read:picker"}}},
		{Method: "POST", Path: "/issue/{issue}/comment", Scopes: [][]string{{"write:comment"}}},
	}
	return Options{Table: callsTable, Products: []manifest.Product{{Key: "desk", Aliases: []string{"jira"}, Scopes: []string{"read:issue", "write:issue", "write:comment", "read:picker", "manage:all"}}},
		Operations: map[string][]Operation{"desk": operations, "jira": operations}}
}

func app(t *testing.T, code string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"manifest.yml": callsManifest, "src/index.js": code} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestScopesOfProductCalls(t *testing.T) {
	r, err := Check(context.Background(), app(t, callsCode), callsOptions())
	if err != nil {
		t.Fatal(err)
	}
	got := rules(r)
	for _, want := range []string{"src/index.js:5 product-scope-required", "src/index.js:6 product-scope-required", "src/index.js:7 operation-closed", "src/index.js:9 operation-unknown", "manifest.yml:8 scope-unused"} {
		if !slices.Contains(got, want) {
			t.Errorf("missing %s", want)
		}
	}
	if len(got) != 5 {
		for _, d := range r.Diagnostics {
			t.Log(d)
		}
		t.Errorf("%d findings, want 5", len(got))
	}
	// Where a path is not written in the code, nothing is known to be unused; without a
	// server nothing is known at all.
	open := strings.Replace(callsCode, "return {", "await api.asApp().requestJira(await key.text());\n  return {", 1)
	if r, err = Check(context.Background(), app(t, open), callsOptions()); err != nil || slices.Contains(rules(r), "manifest.yml:8 scope-unused") {
		t.Errorf("%v, %v", rules(r), err)
	}
	r, err = Check(context.Background(), app(t, callsCode), Options{Table: callsTable})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Diagnostics {
		if strings.HasPrefix(d.Rule, "operation-") || d.Rule == "product-scope-required" || d.Rule == "scope-unused" {
			t.Error(d)
		}
	}
}

func TestFixAddsScopesOfProductCalls(t *testing.T) {
	dir := app(t, callsCode)
	text, applied, err := Fix(context.Background(), dir, []byte(callsManifest), callsOptions())
	if err != nil {
		t.Fatal(err)
	}
	if len(applied) != 2 || !strings.Contains(string(text), "    - manage:all\n") || !strings.Contains(string(text), "read:picker") || !strings.Contains(string(text), "write:comment") || strings.Contains(string(text), "read:many") {
		t.Errorf("%v\n%s", applied, text)
	}
}

// What a front end of UI Kit asks counts too, wherever it lies.
func TestFixReadsWhatTheBundleIsMadeOf(t *testing.T) {
	dir := app(t, "import {route} from '@forge/api';\nexport const run = () => route`/`;\n")
	if err := os.MkdirAll(filepath.Join(dir, "front"), 0o755); err != nil {
		t.Fatal(err)
	}
	code := "import api, { route } from '@forge/api';\nexport default async () => api.asUser().requestJira(route`/issue/1/comment`, { method: 'POST' });\n"
	if err := os.WriteFile(filepath.Join(dir, "front/panel.jsx"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(callsManifest, "  scopes:\n    - read:issue\n    - manage:all\n", "  scopes: [read:issue]\n", 1) +
		"  desk:panel:\n    - key: panel\n      title: P\n      resource: panel\nresources:\n  - key: panel\n    path: front/panel.jsx\n"
	o := callsOptions()
	o.Products[0].Modules = []manifest.ModuleType{{Type: "desk:panel"}}
	got, applied, err := Fix(context.Background(), dir, []byte(text), o)
	if err != nil || len(applied) != 1 || !strings.Contains(string(got), "  scopes: [read:issue, write:comment]\n") {
		t.Errorf("%v %v\n%s", err, applied, got)
	}
}

func TestProductCallsOfCode(t *testing.T) {
	dir := app(t, callsCode)
	f, err := bundle.Scan(dir, []string{"src/index.js"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range f.Calls {
		got = append(got, c.Product+" "+c.Method+" "+strings.ReplaceAll(c.Path, bundle.Hole, "*"))
	}
	want := []string{"jira GET /issue/*", "jira GET /issue/picker", "jira POST /issue/*/comment", "desk DELETE /issue/*", "jira  /issue/*", "jira GET /isue/*", "wiki GET /page"}
	if !slices.Equal(got, want) || len(f.OpenCalls) > 0 {
		t.Errorf("%q", got)
	}
}

// An event whose scope the manifest lacks would never be told, and nothing at run time would say
// so: lint does, and --fix adds the scope.
func TestScopesOfEvents(t *testing.T) {
	dir := app(t, "export const run = () => ({ statusCode: 200 });\n")
	text := strings.Replace(callsManifest, "    - manage:all\n", "", 1) + `  trigger:
    - key: made
      function: run
      events: ['desk:made:issue', 'desk:heard:issue', 'desk:open:issue', 'avi:forge:installed:app']
`
	if err := os.WriteFile(filepath.Join(dir, "manifest.yml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := callsOptions()
	o.Products[0].Events = []string{"desk:made:issue", "desk:heard:issue", "desk:open:issue"}
	o.Events = map[string][]string{"desk:made:issue": {"write:issue", "read:picker"}, "desk:heard:issue": {"read:issue"}}
	o.Needed = map[string]string{"desk:made:issue": "write:issue", "desk:heard:issue": "read:issue", "desk:open:issue": ""}
	o.Told = map[string]bool{"desk": true}
	r, err := Check(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules(r); !slices.Equal(got, []string{"manifest.yml:20 product-scope-required"}) || !strings.Contains(r.Diagnostics[0].Message, "desk:made:issue needs the scope write:issue") {
		t.Errorf("%v", r.Diagnostics)
	}
	fixed, applied, err := Fix(t.Context(), dir, []byte(text), o)
	if err != nil || len(applied) != 1 || !strings.Contains(string(fixed), "- write:issue") {
		t.Errorf("%v %v\n%s", err, applied, fixed)
	}
}
