package applint

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// what lint says of an app's declarations that nothing uses: warnings, and what is undecided.
func unusedOf(t *testing.T, o Options, edit func(files map[string]string)) (warned []string, undecided []string) {
	t.Helper()
	files := map[string]string{"manifest.yml": callsManifest, "src/index.js": `import api, { route } from "@forge/api";
export const run = async () => { await api.asApp().requestJira(route` + "`/issue/1`" + `); return { statusCode: 200 }; };
`}
	edit(files)
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Check(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Diagnostics {
		switch d.Rule {
		case "scope-unused", "egress-unused":
			warned = append(warned, strings.Fields(strings.TrimPrefix(d.Message, "the scope "))[0])
		case "wrong-type", "unknown-field", "import-missing", "member-not-offered":
			t.Error(d)
		}
	}
	for _, u := range r.Undecided {
		undecided = append(undecided, u.String())
	}
	return warned, undecided
}

func TestUnusedScopes(t *testing.T) {
	issue := "modules:\n  desk:issuePanel:\n    - key: panel\n      title: P\n      resource: page\n"
	page := "resources:\n  - key: page\n    path: static\n"
	for name, c := range map[string]struct {
		code     string // in place of the request
		manifest string // instead of "modules:"
		files    map[string]string
		sure     bool
		because  string
	}{
		"nothing needs it":                     {sure: true},
		"a path from elsewhere":                {code: "await api.asApp().requestJira(request.body)", because: "src/index.js:2"},
		"a path that goes on":                  {code: "await api.asApp().requestJira('/issue' + request.body)", because: "src/index.js:2"},
		"a member that is computed":            {code: "await api.asUser()[request.method](route`/issue/1`)", because: "asUser"},
		"a function under another name":        {code: "const r = api.asApp().requestJira; await r(request.path)", because: "requestJira"},
		"a function handed on":                 {code: "const app = api.asApp(); await [1].map(request, app.requestJira, 1)", because: "requestJira"},
		"taken out by its name":                {code: "const { requestJira } = api.asApp(); await requestJira(route`/issue/${request.body}`)", sure: true},
		"GraphQL":                              {code: "await api.asApp().requestGraph('query { all }')", because: "requestGraph"},
		"an own function with a similar name":  {code: "const requestThing = (x) => x; requestThing(request.body)", sure: true},
		"another product's path":               {code: "await api.asApp().requestWiki(request.body)", sure: true},
		"a page that asks nothing":             {manifest: page + issue, files: map[string]string{"static/index.html": "<p>a</p><script src=a.js></script>", "static/a.js": "1"}, sure: true},
		"a page that asks":                     {manifest: page + issue, files: map[string]string{"static/index.html": "<p>a</p>", "static/a.js": "x.callBridge('fetchProduct',y)"}, because: "static/a.js"},
		"a page with scripts from elsewhere":   {manifest: page + issue, files: map[string]string{"static/index.html": "<script src=https://a.example/x.js></script>"}, because: "static/index.html"},
		"an event that needs it":               {manifest: "modules:\n  trigger:\n    - key: t\n      function: run\n      events: [desk:made]\n", sure: true},
		"a dependency that asks":               {code: "require('asker')", files: map[string]string{"node_modules/asker/index.js": "module.exports = (api, p) => api.requestJira(p)", "node_modules/asker/package.json": `{"name":"asker","main":"index.js"}`}, because: "node_modules/asker/index.js"},
		"a back end that is given a token":     {manifest: "remotes:\n  - key: back\n    baseUrl: https://back.example.com\n    operations: [compute]\n    auth:\n      appSystemToken:\n        enabled: true\nmodules:\n", because: "remote back"},
		"events of which the server is silent": {manifest: "modules:\n  trigger:\n    - key: t\n      function: run\n      events: [desk:made]\n", because: "events"},
	} {
		t.Run(name, func(t *testing.T) {
			o := callsOptions()
			o.Products[0].Events = []string{"desk:made"}
			o.Products[0].Modules = nil
			if name != "events of which the server is silent" {
				o.Told, o.Events = map[string]bool{"desk": true}, map[string][]string{"desk:made": {"read:issue"}}
			}
			warned, undecided := unusedOf(t, o, func(files map[string]string) {
				files["src/index.js"] = strings.Replace(files["src/index.js"], "await api.asApp().requestJira(route`/issue/1`)", cmp.Or(c.code, "await api.asApp().requestJira(route`/issue/1`)"), 1)
				files["src/index.js"] = strings.Replace(files["src/index.js"], "async () =>", "async (request) =>", 1)
				if c.manifest != "" {
					files["manifest.yml"] = strings.Replace(files["manifest.yml"], "modules:\n", c.manifest, 1)
				}
				for name, text := range c.files {
					files[name] = text
				}
			})
			if c.sure != slices.Contains(warned, "manage:all") || c.sure && len(undecided) > 0 {
				t.Errorf("warned of %q, undecided %q", warned, undecided)
			}
			if !c.sure && (len(warned) > 0 || len(undecided) != 1 || !strings.Contains(undecided[0], c.because) || !strings.Contains(undecided[0], "manage:all")) {
				t.Errorf("undecided %q, want one because of %q; warned %q", undecided, c.because, warned)
			}
			if name == "an event that needs it" && slices.Contains(warned, "read:issue") {
				t.Error("what an event needs is called unused")
			}
		})
	}
}

func TestUnusedHosts(t *testing.T) {
	for name, c := range map[string]struct {
		external string // below permissions.external
		resource string
		code     string
		files    map[string]string
		warned   string
		because  string
	}{
		"no page":                     {external: "images: [https://pics.example.com]", warned: "https://pics.example.com"},
		"a page that names it":        {external: "images: [https://pics.example.com]", resource: "static", files: map[string]string{"static/index.html": "<img src=https://pics.example.com/a.png>"}},
		"a style that names it":       {external: "fonts: ['https://*.example.com']", resource: "static", files: map[string]string{"static/index.html": "<p>", "static/a.css": "@font-face{src:url(https://f.example.com/x)}"}},
		"a page without it":           {external: "styles: [https://pics.example.com]", resource: "static", files: map[string]string{"static/index.html": "<p>a"}, warned: "https://pics.example.com"},
		"scripts":                     {external: "images: [https://pics.example.com]", resource: "static", files: map[string]string{"static/index.html": "<p>", "static/a.js": "x.src=y"}, because: "static/a.js"},
		"scripts in the page":         {external: "images: [https://pics.example.com]", resource: "static", files: map[string]string{"static/index.html": "<script>x.src=y</script>"}, because: "static/index.html"},
		"UI Kit":                      {external: "images: [https://pics.example.com]", resource: "src/ui.js", files: map[string]string{"src/ui.js": "export default 1"}, because: "UI Kit"},
		"UI Kit that names it":        {external: "images: [https://pics.example.com]", resource: "src/ui.js", files: map[string]string{"src/ui.js": "export default 'https://pics.example.com/a'"}},
		"UI Kit loads no scripts":     {external: "scripts: [https://pics.example.com]", resource: "src/ui.js", files: map[string]string{"src/ui.js": "export default 'https://pics.example.com/a'"}, warned: "https://pics.example.com"},
		"client fetch without a page": {external: "fetch:\n      client: [https://pics.example.com]", warned: "https://pics.example.com"},
		"an address made at run time": {external: "fetch:\n      backend: [https://pics.example.com]", code: "await fetch(request.body)", because: "src/index.js:2"},
		"no request":                  {external: "fetch:\n      backend: [https://pics.example.com]", warned: "https://pics.example.com"},
		"the product sends there":     {external: "fetch:\n      backend: [https://pics.example.com]", code: "await api.asApp().requestJira(route`/hook`, { method: 'POST', body: request.body })", because: "jira then sends"},
	} {
		t.Run(name, func(t *testing.T) {
			o := callsOptions()
			o.Operations["jira"] = append(o.Operations["jira"], Operation{Method: "POST", Path: "/hook", Scopes: [][]string{{"read:issue"}}, Contacts: true})
			warned, undecided := unusedOf(t, o, func(files map[string]string) {
				m := strings.Replace(files["manifest.yml"], "    - manage:all\n", "  external:\n    "+c.external+"\n", 1)
				if c.resource != "" {
					m += "resources:\n  - key: page\n    path: " + c.resource + "\n"
					m = strings.Replace(m, "modules:\n", "modules:\n  desk:panel:\n    - key: panel\n      title: P\n      resource: page\n", 1)
				}
				files["manifest.yml"] = m
				files["src/index.js"] = strings.Replace(strings.Replace(files["src/index.js"], "async () =>", "async (request) =>", 1), "return", c.code+"; return", 1)
				for name, text := range c.files {
					files[name] = text
				}
			})
			if got := strings.Join(warned, " "); got != c.warned {
				t.Errorf("warned of %q, want %q", got, c.warned)
			}
			if c.because == "" && len(undecided) > 0 || c.because != "" && (len(undecided) != 1 || !strings.Contains(undecided[0], c.because)) {
				t.Errorf("undecided %q, want %q", undecided, c.because)
			}
		})
	}
}

func TestUnusedStorage(t *testing.T) {
	for name, c := range map[string]struct {
		code, more, because string
		warned              bool
	}{
		"nothing stores":         {warned: true},
		"a module for it":        {code: "import { kvs } from '@forge/kvs'; kvs.get('k');"},
		"a member of the API":    {code: "api.storage.get('k');"},
		"a name put together":    {code: "api['sto' + 'rage'].get('k'); // the store"},
		"a back end with tokens": {more: "remotes:\n  - key: back\n    baseUrl: https://back.example.com\n    auth: {appSystemToken: {enabled: true}}\n", because: "the remote back"},
	} {
		warned, undecided := unusedOf(t, callsOptions(), func(files map[string]string) {
			files["manifest.yml"] = "app:\n  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000be4d7\n  runtime: {name: nodejs22.x}\n" +
				"permissions:\n  scopes: [storage:app]\nmodules:\n  function: [{key: run, handler: index.run}]\n" + c.more
			files["src/index.js"] = "import api from '@forge/api';\n" + c.code + "\nexport const run = () => api;\n"
		})
		if got := slices.Contains(warned, "storage:app"); got != c.warned {
			t.Errorf("%s: warned %v, %v", name, warned, undecided)
		}
		if said := strings.Join(undecided, "\n"); (c.because == "") != (said == "") || !strings.Contains(said, c.because) {
			t.Errorf("%s: undecided %q", name, said)
		}
	}
}
