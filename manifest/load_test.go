package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/manifest"
)

const minimal = "app: {id: ''}\n"

// TestCanonicalIsOneForm: layout, order, comments and older spellings make no difference.
func TestCanonicalIsOneForm(t *testing.T) {
	forms := [][]string{
		{
			"app:\n  id: ''\npermissions:\n  scopes: [b, a]\n  external:\n    configurable: true\n    images: [example.com]\n",
			"# words\npermissions: {external: {images: [{address: example.com}], configurable: {enabled: true}}, scopes: {a: {}, b: null}}\napp: {id: ari:cloud:ecosystem::app/}\n",
		},
		{
			minimal + "remotes: [{key: r, userConfiguration: {name: N, description: D, default: 'https://a.example.com', supportedPatterns: ['*.example.com']}}]",
			minimal + "remotes: [{key: r, baseUrl: {default: 'https://a.example.com'}, configurable: {description: D, name: N, supportedPatterns: ['*.example.com']}}]",
			minimal + "remotes: [{key: r, userConfiguration: {name: N, description: D, default: a.example.com, domainPatterns: '*.example.com'}}]",
			minimal + "remotes: [{key: r, baseUrl: 'https://a.example.com', configurable: {name: N, description: D, domainPatterns: ['*.example.com']}}]",
			minimal + "remotes: [{key: r, configurable: {name: N, description: D, default: a.example.com, supportedPatterns: '*.example.com'}}]",
		},
		{
			minimal + "modules: {function: [{key: f, handler: i.r}], webtrigger: [{key: w, function: f, security: {egress: {allowDataEgress: false, allowedResponses: [{key: ok, statusCode: 200}]}}}]}",
			minimal + "modules: {webtrigger: [{key: w, function: f, response: {type: static, outputs: [{key: ok, statusCode: 200}]}, request: {authentication: none}}], function: [{handler: i.r, key: f}]}",
		},
		{
			minimal + "modules: {tracker:panel: [{key: p, title: T, custom: {b: 1, a: [1.5, true, null, x]}}]}",
			minimal + "modules:\n  tracker:panel:\n    - custom:\n        a:\n        - 1.5\n        - true\n        - ~\n        - x\n        b: 0x1\n      title: \"T\"\n      key: p\n",
		},
	}
	for i, same := range forms {
		var first []byte
		for j, text := range same {
			m, ds := manifest.Load("m.yml", []byte(text), manifest.Options{})
			if m == nil {
				t.Fatalf("form %d.%d does not load:\n%s", i, j, ds)
			}
			got := m.Canonical()
			if j == 0 {
				first = got
			}
			if !bytes.Equal(first, got) {
				t.Errorf("form %d.%d is\n%s\nand not\n%s", i, j, got, first)
			}
			checkCanonical(t, m)
		}
	}
}

// checkCanonical: the canonical form loads, and is the same manifest.
func checkCanonical(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	text := m.Canonical()
	if !json.Valid(text) {
		t.Fatalf("the canonical form is no JSON: %s", text)
	}
	if len(text) > manifest.MaxSize {
		return // aliases may make a small file say a lot
	}
	again, ds := manifest.Load("canonical.json", text, manifest.Options{})
	if again == nil {
		t.Fatalf("the canonical form does not load:\n%s\n%s", ds.Errors(), text)
	}
	if got := again.Canonical(); !bytes.Equal(got, text) {
		t.Fatalf("the canonical form is not stable:\n%s\n%s", text, got)
	}
	if !perm.Equal(m.Permissions(), again.Permissions()) {
		t.Fatalf("the canonical form declares something else:\n%s", text)
	}
}

func TestRuntimeNames(t *testing.T) {
	for name, good := range map[string]bool{"": true, "nodejs18.x": true, "nodejs20.x": true, "nodejs22.x": true, "nodejs24.x": true, "nodejs26.x": true, "nodejs99.x": true, "sandbox": true, "node": false, "process": false} {
		text := minimal
		if name != "" {
			text = "app: {id: '', runtime: {name: " + name + "}}"
		}
		m, ds := manifest.Load("m.yml", []byte(text), manifest.Options{})
		if (m != nil) != good {
			t.Errorf("%q: %s", name, ds)
		}
		if told := strings.Contains(ds.String(), "runtime-unknown"); told != (name == "nodejs26.x" || name == "nodejs99.x") {
			t.Errorf("%q: %s", name, ds)
		}
		if m != nil && m.Permissions().Isolation != "" {
			t.Errorf("%q is not the sandbox", name)
		}
	}
	m, _ := manifest.Load("m.yml", []byte("app: {id: '', runtime: {name: nodejs22.x, isolation: process}}"), manifest.Options{})
	if m == nil || m.Permissions().Isolation != "process" {
		t.Error("isolation: process is not in the declared set")
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("[", 5000)
	bomb := "app: {id: ''}\nconnectModules:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	stars := minimal + "permissions: {external: {images: [" + strings.Repeat("*.example.com, ", 2000) + "]}}"
	for name, c := range map[string]struct{ text, rule string }{
		"size":      {minimal + "#" + strings.Repeat("x", manifest.MaxSize), "manifest-too-big"},
		"depth":     {deep, "yaml-syntax"},
		"nested":    {minimal + "connectModules: {a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}", "yaml-too-deep"},
		"aliases":   {bomb, "yaml-too-big"},
		"loop":      {minimal + "connectModules: &a {b: *a}", "yaml-too-deep"},
		"stars":     {stars, "yaml-unquoted-star"},
		"empty":     {"", "yaml-empty"},
		"comment":   {"# nothing\n", "yaml-empty"},
		"null":      {"~", "yaml-empty"},
		"documents": {minimal + "---\n" + minimal, "yaml-documents"},
		"utf8":      {"app: {id: '\xff'}", "yaml-encoding"},
		"control":   {"app: {id: '\x00'}", "yaml-encoding"},
		"utf16":     {"\xff\xfea\x00", "yaml-encoding"},
		"list":      {"- app", "wrong-type"},
		"text":      {"app", "wrong-type"},
		"key":       {minimal + "? [a]\n: b\n", "wrong-type"},
		"number":    {minimal + "connectModules: {a: .inf}", "wrong-type"},
	} {
		t.Run(name, func(t *testing.T) {
			m, ds := manifest.Load("m.yml", []byte(c.text), manifest.Options{})
			if m != nil {
				t.Error("it loads")
			}
			if !slices.ContainsFunc(ds, func(d manifest.Diagnostic) bool { return d.Rule == c.rule && d.Severity == manifest.Error }) {
				t.Errorf("there is no %s among %.2000s", c.rule, ds)
			}
			if len(ds) > 1000 {
				t.Errorf("there are %d diagnostics", len(ds))
			}
		})
	}
}

// TestVariablesAreNotReadTwice: a value cannot bring in another variable.
func TestVariablesAreNotReadTwice(t *testing.T) {
	text := "app: {id: '', name: '${A}'}\nenvironment: {variables: [A, B]}\n"
	m, ds := manifest.Load("m.yml", []byte(text), manifest.Options{Lookup: func(n string) (string, bool) { return "${B}", true }})
	if m != nil || !strings.Contains(ds.String(), "variable-value") {
		t.Errorf("it loads: %v\n%s", m != nil, ds)
	}
	asked := map[string]bool{}
	m, ds = manifest.Load("m.yml", []byte(text+"resources: [{key: a, path: '${PATH}'}]"), manifest.Options{Lookup: func(n string) (string, bool) { asked[n] = true; return "v", true }})
	if m == nil || m.App.Name != "v" || asked["PATH"] {
		t.Errorf("name is not v, or PATH was asked for: %v\n%s", asked, ds)
	}
}

// TestPlaces: columns count characters, and a star that was quoted to read on does not
// move what follows it.
func TestPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"app: {id: ''}\nünïcode: [1]\n":                                    "2:1",
		"app: {id: '', name: 'é', nmae: x}\n":                              "1:26",
		"app: {id: ''}\nx:\n  - é\xff\n":                                   "3:6",
		"permissions: {sandbox: [*.a.b, *.c.d], sope: x}\napp: {id: ''}\n": "1:40",
	} {
		_, ds := manifest.Load("m.yml", []byte(text), manifest.Options{})
		ds = ds.Errors()
		if len(ds) == 0 {
			t.Errorf("%q loads", text)
			continue
		}
		last := ds[len(ds)-1]
		if got := fmt.Sprintf("%d:%d", last.Line, last.Column); got != want {
			t.Errorf("%q: the place is %s, not %s: %s", text, got, want, last)
		}
	}
}

func TestDiagnosticsHaveOneForm(t *testing.T) {
	line := regexp.MustCompile(`^m\.yml:\d+:\d+: [a-z0-9-]+: .+: .+$`)
	for _, name := range []string{"unknown-fields", "wrong-types", "dangling", "duplicates", "hosts", "products", "syntax", "aliases"} {
		_, ds := manifest.Load("m.yml", goldenManifest(t, name), manifest.Options{Products: tracker})
		for _, d := range ds {
			if !line.MatchString(d.String()) {
				t.Errorf("%q is not of the form file:line:column: rule: what: how", d)
			}
		}
		encoded, err := json.Marshal(ds)
		if err != nil {
			t.Fatal(err)
		}
		var back manifest.Diagnostics
		if err := json.Unmarshal(encoded, &back); err != nil || !slices.Equal(back, ds) {
			t.Errorf("the JSON form loses something (%v)", err)
		}
		if len(ds.Errors())+len(ds.Warnings()) != len(ds) {
			t.Error("a diagnostic is neither error nor warning")
		}
	}
}

func TestLookups(t *testing.T) {
	m, ds := manifest.Load("m.yml", goldenManifest(t, "good"), manifest.Options{})
	if m == nil {
		t.Fatal(ds)
	}
	if f, ok := m.Function("later"); !ok || f.TimeoutSeconds != 600 || len(m.Functions()) != 2 {
		t.Errorf("function later is %+v", f)
	}
	if w, ok := m.WebTrigger("older"); !ok || !w.Static() || len(w.Response.Outputs) != 1 {
		t.Errorf("web trigger older is %+v", w)
	}
	if w, _ := m.WebTrigger("fixed"); true {
		if o, ok := w.Output("no"); !ok || o.StatusCode != 403 {
			t.Errorf("output no is %+v", o)
		}
	}
	if c, ok := m.Consumer("older-jobs"); !ok || c.Resolver.Method != "work" {
		t.Errorf("consumer is %+v", c)
	}
	if m.Snapshots() || m.MemoryMB() != 256 {
		t.Errorf("snapshots %v, memory %d", m.Snapshots(), m.MemoryMB())
	}
	if p := m.Position("modules.webtrigger[1].response.outputs[1].statusCode"); p.Line == 0 || p.Column == 0 {
		t.Errorf("the place of a value is %v", p)
	}
	if p := m.Position("modules.nothing"); p != (manifest.Position{}) {
		t.Errorf("the place of nothing is %v", p)
	}
	if got := manifest.HandlerFiles("jobs/nightly.run"); !slices.Contains(got, "src/jobs/nightly.ts") {
		t.Errorf("handler files are %v", got)
	}
	for _, missing := range []bool{has(m.Endpoint("x")), has(m.Provider("x")), has(m.Resource("x")), has(m.Remote("x")), has(m.Module("x"))} {
		if missing {
			t.Error("something is found that is not there")
		}
	}
}

func has[T any](_ T, ok bool) bool { return ok }

// FuzzLoad: no bytes make Load or Fix panic or disagree with themselves.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"good", "unknown-fields", "wrong-types", "dangling", "duplicates", "hosts", "syntax", "variables", "aliases", "rfc94-egress", "rfc94-remotes"} {
		f.Add(goldenManifest(f, name))
	}
	f.Add([]byte("a: *b.c\nd: [*, *x.y]\n"))
	f.Add([]byte("\ufeffapp: &a {id: *a}\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, ds := manifest.Load("m.yml", data, manifest.Options{Products: tracker, Lookup: lookup})
		if (m == nil) != ds.HasErrors() {
			t.Fatalf("a manifest is given back: %v; there are errors: %v", m != nil, ds.HasErrors())
		}
		lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + bytes.Count(data, []byte("\u0085")) + bytes.Count(data, []byte("\u2028")) + bytes.Count(data, []byte("\u2029")) + 1
		for _, d := range ds {
			if d.Line < 1 || d.Column < 1 || d.Line > lines || d.Rule == "" || d.Message == "" || d.Fix == "" {
				t.Fatalf("a diagnostic without its parts: %+v", d)
			}
		}
		if m != nil {
			checkCanonical(t, m)
		}
		fixed, applied := manifest.Fix("m.yml", data)
		if len(applied) == 0 && !bytes.Equal(fixed, data) {
			t.Fatalf("the text changed, and nothing was mended: %q", fixed)
		}
		if m != nil {
			if after, ds := manifest.Load("m.yml", fixed, manifest.Options{Products: tracker, Lookup: lookup}); after == nil {
				t.Fatalf("mending broke what loaded:\n%s\n%s", ds, fixed)
			}
		}
	})
}

// What a dangling name is answered with are names, also where a module lacks its own.
func TestDanglingNamesNoEmptyKeys(t *testing.T) {
	text := "app: {id: '', runtime: {name: nodejs22.x}}\nmodules:\n  function:\n    - {handler: index.a}\n    - {key: b, handler: index.b}\n  webtrigger:\n    - {key: w, function: other}\n"
	_, ds := manifest.Load("manifest.yml", []byte(text), manifest.Options{})
	i := slices.IndexFunc(ds, func(d manifest.Diagnostic) bool { return d.Rule == "dangling-function" })
	if i < 0 || ds[i].Fix != "define it, or name one of: b" {
		t.Errorf("%v", ds)
	}
}
