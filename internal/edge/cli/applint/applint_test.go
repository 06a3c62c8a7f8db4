package applint

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

var table = &bundle.Table{
	Modules:    map[string][]string{"@annex/api": {"default", "storage", "fetch", "authorize"}},
	Aliases:    map[string]string{"@forge/api": "@annex/api"},
	NotOffered: map[string][]string{"@annex/api": {"authorize"}},
}

func check(t *testing.T, archive string) *Report {
	t.Helper()
	return checkWith(t, table, archive)
}

func checkWith(t *testing.T, table *bundle.Table, archive string) *Report {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		full := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Check(context.Background(), dir, Options{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rules(r *Report) []string {
	var out []string
	for _, d := range r.Diagnostics {
		out = append(out, fmt.Sprintf("%s:%d %s", d.File, d.Line, d.Rule))
	}
	return out
}

const manifestText = `-- manifest.yml --
app:
  id: ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001
  runtime:
    name: nodejs22.x
permissions:
  external:
    fetch:
      backend:
        - https://used.example.com
        - https://unused.example.com
modules:
  function:
    - key: run
      handler: index.run
  webtrigger:
    - key: hook
      function: run
`

func TestCodeAgainstManifest(t *testing.T) {
	r := check(t, manifestText+`-- src/index.js --
import { storage, fetch, authorize } from '@forge/api';
const started = Date.now();
export const run = async () => {
  await fetch('https://used.example.com/a');
  await fetch('https://missing.example.com/a');
  await fetch('https://missing.example.com/b');
  await fetch('http://used.example.com/a');
  await storage.get(String(started), authorize);
};
`)
	want := []string{"manifest.yml:10 egress-unused", "src/index.js:1 permission-scope-required", "src/index.js:1 member-not-built",
		"src/index.js:2 module-scope", "src/index.js:5 egress-undeclared", "src/index.js:7 egress-insecure"}
	if got := rules(r); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if !r.OK() || r.Bundle.Code == nil {
		t.Error("warnings stop a deploy")
	}
}

func TestWhatADeployRefusesIsAnError(t *testing.T) {
	const code = "-- src/index.js --\nimport { storage } from '@forge/api';\nconst id = crypto.randomUUID();\nconst all = storage.get('x');\n" +
		"const now = Date.now(), some = Math.random();\nexport const run = async (url) => [id, await all, now, some, fetch(url)];\n"
	severities := func(r *Report) (out []string) {
		for _, d := range r.Diagnostics {
			if d.Rule == "module-scope" {
				out = append(out, fmt.Sprintf("%d %s", d.Line, d.Severity))
			}
		}
		return out
	}
	if got, want := severities(check(t, manifestText+code)), []string{"2 error", "3 error", "4 warning", "4 warning"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for why, text := range map[string]string{
		"module scope runs at each call": strings.Replace(manifestText, "  runtime:\n", "  runtime:\n    snapshots: false\n", 1) + code,
		"it may never be loaded":         manifestText + strings.Replace(code, "[id,", "[import('./later'), id,", 1) + "-- src/later.js --\nexport const x = 1;\n",
	} {
		if r := check(t, text); !r.OK() {
			t.Errorf("%s, and it is an error: %v", why, r.Diagnostics)
		}
	}
	without := strings.Replace(manifestText, "  runtime:\n", "  runtime:\n    snapshots: false\n", 1)
	if got, want := severities(check(t, without+code)), []string{"3 warning"}; !slices.Equal(got, want) { // nothing there is the same in every call
		t.Errorf("without snapshots: got %q, want %q", got, want)
	}
}

func TestUnknownAddressesSilenceTheUnusedWarning(t *testing.T) {
	r := check(t, manifestText+"-- src/index.js --\nexport const run = (url) => fetch(url);\n")
	if len(r.Diagnostics) != 0 {
		t.Errorf("got %v", rules(r))
	}
}

func TestManifestAndCodeInOneRun(t *testing.T) {
	r := check(t, manifestText+"-- src/index.js --\nimport { nope } from '@forge/api';\nfetch('https://missing.example.com');\nexport const run = () => nope;\n")
	got := rules(r)
	if r.OK() || !slices.Contains(got, "src/index.js:1 member-not-offered") || !slices.Contains(got, "src/index.js:2 egress-undeclared") {
		t.Errorf("got %v", got)
	}
}

func TestCodeIsCheckedBesideABrokenManifest(t *testing.T) {
	text := strings.Replace(manifestText, "    - key: hook\n", "    - key: hook\n      nonsense: 1\n    - key: other\n", 1)
	r := check(t, text+"-- src/index.js --\nimport { nope } from '@forge/api';\nexport const run = () => nope;\n")
	got := rules(r)
	if r.OK() || r.Manifest != nil || r.CodeUnread || !slices.Contains(got, "src/index.js:1 member-not-offered") || len(got) < 2 {
		t.Errorf("got %v, %+v", got, r)
	}
	r = check(t, "-- manifest.yml --\napp: 5\n-- src/index.js --\nconst = 1;\n")
	if r.OK() || !r.CodeUnread {
		t.Errorf("got %v", rules(r))
	}
}

func TestAdviceDoesNotWaitForErrorsToBeMended(t *testing.T) {
	text := strings.Replace(manifestText, "permissions:\n", "permissons:\n  scops: [5, storage:ap]\n", 1) +
		"  scheduledTrigger:\n    - key: often\n      function: run\n      interval: hourly\n  objectStore:\n    - key: files\n      storageClass: standard\n"
	r := check(t, text+"-- src/index.js --\nexport const run = (url) => fetch(url);\n")
	got := strings.Join(rules(r), "\n")
	for _, want := range []string{"manifest.yml:5 unknown-field", "manifest.yml:6 unknown-field", "manifest.yml:6 wrong-type", "not-offered-yet"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not among:\n%s", want, got)
		}
	}
}

func TestBlankIDIsNothingToWorryAbout(t *testing.T) {
	r := check(t, strings.Replace(manifestText, "ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001", "''", 1)+
		"-- src/index.js --\nexport const run = (url) => fetch(url);\n")
	if len(r.Diagnostics) != 0 {
		t.Errorf("got %v", rules(r))
	}
}

func TestAuthenticationIsNothingToWorryAbout(t *testing.T) {
	for _, how := range []string{"none", "hmac", "bearer", "hmacSharedSecret"} {
		text := strings.Replace(manifestText, "    - key: hook\n", "    - key: hook\n      request: {authentication: "+how+"}\n", 1)
		if got := rules(check(t, text+"-- src/index.js --\nexport const run = (url) => fetch(url);\n")); len(got) != 0 {
			t.Errorf("%s: got %v", how, got)
		}
	}
}

func TestWhatIsNotOfferedYetIsSaidOnce(t *testing.T) {
	later := *table
	later.NotOffered = map[string][]string{"@annex/api": {"asApp().requestJira", "asUser().requestJira"}}
	r := checkWith(t, &later, manifestText+`  scheduledTrigger:
    - key: daily
      function: run
      interval: day
    - key: hourly
      function: run
      interval: hour
-- src/index.js --
import api, { fetch } from '@forge/api';
export const run = async (url) => {
  await fetch(url);
  await api.asUser('alice').requestJira('/a');
  await api.asUser().requestJira('/b');
  await api.asUser().requestOther('/b');
};
`)
	want := []string{"src/index.js:4 not-offered-yet"}
	if got := rules(r); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A fifoConsumer runs; lint says what is missing of it, and not that nothing calls it.
func TestOrderedQueuesAreSaidToBeUnordered(t *testing.T) {
	r := check(t, manifestText+"  fifoConsumer:\n    - {key: c, queue: q, function: run}\n-- src/index.js --\nexport const run = (url) => fetch(url);\n")
	if len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Message, "order of its queue is not kept") {
		t.Errorf("got %+v", r.Diagnostics)
	}
}

func TestMissingHandlerFileIsSaidOnce(t *testing.T) {
	r := check(t, manifestText)
	if r.OK() || len(r.Diagnostics) != 1 || r.Diagnostics[0].Line != 14 {
		t.Errorf("got %v", r.Diagnostics)
	}
}

func TestNoManifest(t *testing.T) {
	_, err := Check(context.Background(), t.TempDir(), Options{Table: table})
	if fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "NO_MANIFEST" {
		t.Errorf("got %v", err)
	}
}

func TestStaticFiles(t *testing.T) {
	dir := t.TempDir()
	r := check(t, manifestText+"-- src/index.js --\nexport const run = () => 1;\n")
	for name, text := range map[string]string{"ui/index.html": "<p>", "ui/deep/a.js": "1", "ui/node_modules/x": "no", "other": "no"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "ui/link")); err != nil {
		t.Skip(err)
	}
	m := *r.Manifest
	m.Resources = nil
	if files, err := StaticFiles(dir, &m); err != nil || len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
	m.Resources = append(m.Resources, manifest.Resource{Key: "ui", Path: "ui"}, manifest.Resource{Key: "out", Path: "../elsewhere"})
	files, err := StaticFiles(dir, &m)
	if err != nil || len(files) != 2 || string(files["ui/deep/a.js"]) != "1" {
		t.Errorf("%v %v", files, err)
	}
}

func TestStaticFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, bundle.MaxFileBytes+1); err != nil {
		t.Skip(err)
	}
	m := &manifest.Manifest{Resources: []manifest.Resource{{Key: "r", Path: "big"}}}
	if _, err := StaticFiles(dir, m); fault.KindOf(err) != fault.Limit {
		t.Errorf("got %v", err)
	}
}

func TestSQLIsRefusedByName(t *testing.T) {
	r := check(t, manifestText+"-- src/index.js --\nimport sql from '@forge/sql';\nexport const run = () => sql.executeRaw('SELECT 1');\n")
	i := slices.IndexFunc(r.Diagnostics, func(d bundle.Diagnostic) bool { return d.Rule == "sql-not-offered" })
	if r.OK() || i < 0 || r.Diagnostics[i].File != "src/index.js" || r.Diagnostics[i].Line != 1 || !strings.Contains(r.Diagnostics[i].Message, "@forge/sql") {
		t.Errorf("got %v", r.Diagnostics)
	}
	r = check(t, strings.Replace(manifestText, "modules:\n", "modules:\n  sql:\n    - key: main\n      engine: mysql\n", 1)+"-- src/index.js --\nexport const run = () => 1;\n")
	i = slices.IndexFunc(r.Diagnostics, func(d bundle.Diagnostic) bool { return d.Rule == "sql-not-offered" })
	if !r.OK() || i < 0 || r.Diagnostics[i].Severity != bundle.Warning || r.Diagnostics[i].Line != 13 || r.Diagnostics[i].File != "manifest.yml" {
		t.Errorf("got %v", r.Diagnostics)
	}
}
