package attack

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// CONTRACTS 2: the server takes manifest, bundle and files as hostile input and decides
// everything again. Nothing of a refused upload is left.
func TestAttackUploadWhatTheCLIRefuses(t *testing.T) {
	p := newPlatform(t)
	fine := source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200, body: "old" }; }`}
	at := p.deploy("production", fine)
	fine.id = at.app
	url := at.hook("run")
	foreign := fine
	foreign.id = ""
	var others struct{ App string }
	p.upload(p.developer("bob"), foreign.parts("development")).must(t).into(t, &others)

	// with is the fine upload with parts replaced or added.
	with := func(change ...part) []part {
		parts := fine.parts("production")
		for _, c := range change {
			found := false
			for i := range parts {
				if parts[i].name == c.name && c.name != "file" {
					parts[i], found = c, true
				}
			}
			if !found {
				parts = append(parts, c)
			}
		}
		return parts
	}
	code := func(text string) []part {
		return with(part{"bundle", "", text})
	}
	scope := func(text string) []part {
		s := fine
		s.code = text + "\n" + fine.code
		return code(s.bundle())
	}
	manifest := func(old, text string) []part {
		m := strings.Replace(fine.manifest(), old, text, 1)
		if m == fine.manifest() {
			t.Fatalf("the manifest has no %q", old)
		}
		return with(part{"manifest", "", m})
	}
	file := func(name string) []part { return with(part{"file", name, "x"}) }
	meta := func(text string) []part { return with(part{"meta", "", text}) }
	without := func(name string) []part {
		var parts []part
		for _, x := range fine.parts("production") {
			if x.name != name {
				parts = append(parts, x)
			}
		}
		return parts
	}
	manyFiles := fine.parts("production")
	for i := range 5001 {
		manyFiles = append(manyFiles, part{"file", "f/" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "/" + strings.Repeat("y", i/26+1), ""})
	}
	before, stored := p.state(), p.blobs()

	for name, parts := range map[string][]part{
		"no meta": without("meta"), "no manifest": without("manifest"), "no bundle": without("bundle"), "nothing": nil,
		"an unknown part": with(part{"extra", "", "x"}), "a part without a name": with(part{"", "", "x"}),
		"two manifests": append(with(), part{"manifest", "", fine.manifest()}), "two bundles": append(with(), part{"bundle", "", fine.bundle()}),
		"two metas": append(with(), part{"meta", "", `{"environment":"production"}`}), "two files of one name": append(file("a.txt"), part{"file", "a.txt", "y"}),

		"meta that is no JSON": meta("{"), "meta of another type": meta(`{"app":1}`), "no environment": meta(`{"app":"` + at.app + `"}`),
		"an unknown environment": meta(`{"app":"` + at.app + `","environment":"elsewhere"}`), "an environment path": meta(`{"app":"` + at.app + `","environment":"../production"}`),
		"another developer's app": meta(`{"app":"` + others.App + `","environment":"development"}`), "an app id that is none": meta(`{"app":"../../x","environment":"production"}`),
		"an odd message": meta(`{"app":"` + at.app + `","environment":"production","message":"a\u0000b"}`), "a long message": meta(`{"app":"` + at.app + `","environment":"production","message":"` + strings.Repeat("x", 2000) + `"}`),
		"a large meta": meta(`{"environment":"` + strings.Repeat("x", 70<<10) + `"}`),

		"an empty manifest": with(part{"manifest", "", ""}), "a manifest that is no YAML": with(part{"manifest", "", "\t{{{"}), "a manifest with NUL": with(part{"manifest", "", "app:\x00"}),
		"a manifest that is no UTF-8": with(part{"manifest", "", "app: \xff\xfe"}), "a large manifest": with(part{"manifest", "", "# " + strings.Repeat("x", 250<<10)}),
		"a YAML bomb": with(part{"manifest", "", "a: &a [x,x,x,x,x,x,x,x,x]\n" + bomb()}), "deep YAML": with(part{"manifest", "", strings.Repeat("[", 90000)}),
		"a duplicate key": manifest("permissions:", "permissions: {}\npermissions:"), "an unknown field": manifest("permissions:", "operator: true\npermissions:"),
		"a missing handler": manifest("handler: index.run", "handler: index.missing"), "a handler elsewhere": manifest("handler: index.run", "handler: ../index.run"),
		"a handler of the prototype": manifest("handler: index.run", "handler: index.constructor"), "a dangling reference": manifest("function: run", "function: gone"),
		"a handler that is a file of the prototype": manifest("handler: index.run", "handler: __proto__.toString"),
		"a process of its own":                      manifest("name: nodejs22.x", "name: nodejs22.x\n    isolation: process"), "too much memory": manifest("name: nodejs22.x", "name: nodejs22.x\n    memoryMB: 100000"),
		"egress to an address": manifest("permissions:", "permissions:\n  external: {fetch: {backend: [\"https://10.0.0.1\"]}}"), "egress to a suffix": manifest("permissions:", "permissions:\n  external: {fetch: {backend: [\"*.co.uk\"]}}"),
		"egress over http": manifest("permissions:", "permissions:\n  external: {fetch: {backend: [\"http://example.com\"]}}"), "a module of no product": manifest("  function:", "  tracker:issuePannel:\n    - key: x\n  function:"),

		"an empty bundle": code(""), "a bundle that is no UTF-8": code("(function(){ /* \xff\xfe */ })"), "a bundle with half a pair": code("\xed\xa0\x80"), "a bundle that is no function": code("1"),
		"a bundle that is an object": code("({})"), "a bundle that does not parse": code("(function(){"), "a bundle that registers nothing": code("(function(){})"), "a native function": code("Function.prototype"),
		"a bundle that registers junk": code(`(function(r, g){ g({ index: null }); })`), "a bundle that registers a proxy": code(`(function(r, g){ g(new Proxy({}, { ownKeys() { throw 1; } })); })`),
		"a large bundle": code("(function(){ /* " + strings.Repeat("x", 26<<20) + " */ })"), "a bundle that throws": scope(`throw new Error("no");`), "one that throws nothing": scope(`throw undefined;`),
		"one that rejects":        scope(`Promise.reject(new Error("no")).catch(() => { throw 1; }); throw 2;`),
		"a host call at scope":    scope(`__annex_require("@annex/kvs").kvs.get("key").catch(() => {});`),
		"a fetch at scope":        scope(`fetch("https://evil.example/").catch(() => {});`),
		"a late call at scope":    scope(`Promise.resolve().then(() => __annex_require("@annex/kvs").kvs.set("key", 1)).catch(() => {});`),
		"an address at scope":     scope(`__annex_require("@annex/api").webTrigger.getUrl("run").catch(() => {});`),
		"an import at scope":      scope(`__annex_require("node:child_process");`),
		"a source map of junk":    with(part{"sourceMap", "", "{"}),
		"one of empty sections":   with(part{"sourceMap", "", `{"version":3,"sections":[{"offset":{"line":0,"column":0}}]}`}),
		"one to no source":        with(part{"sourceMap", "", `{"version":3,"sources":[],"mappings":"AAAA;AAAA;AAAA"}`}),
		"one of many mappings":    with(part{"sourceMap", "", `{"version":3,"sources":["a"],"mappings":"` + strings.Repeat("AAAA,", 3_000_000) + `AAAA"}`}),
		"a path with ..":          file("../x"),
		"a path with .. inside":   file("a/../../x"),
		"an absolute path":        file("/etc/passwd"),
		"a drive":                 file("C:/x"),
		"a backslash":             file(`a\\..\\x`),
		"an empty element":        file("a//x"),
		"a dot":                   file("./x"),
		"a folder":                file("a/"),
		"a long path":             file(strings.Repeat("a", 600)),
		"a deep path":             file(strings.Repeat("a/", 40) + "x"),
		"a path that is no UTF-8": file("a\xff"),
		"a path with a control":   file("a\x01b"),
		"a file and a folder":     append(file("a"), part{"file", "a/b", "x"}),
		"letter case":             append(file("A.txt"), part{"file", "a.TXT", "x"}),
		"a file without a name":   with(part{"file", "", "x"}),
		"too many files":          manyFiles,
		"a file that is too big":  with(part{"file", "a", strings.Repeat("x", 101<<20)}),
	} {
		a := p.upload(at.developer, parts)
		if a.status < 400 || a.status >= 500 || a.code() == "" {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
		for _, inside := range []string{p.dir, "goroutine", "/root/", ".go:"} {
			if strings.Contains(a.body, inside) {
				t.Errorf("%s: the answer tells %q: %.300s", name, inside, a.body)
			}
		}
	}
	for name, send := range map[string]struct{ contentType, body string }{
		"JSON": {"application/json", "{}"}, "a form": {"application/x-www-form-urlencoded", "meta={}"}, "no boundary": {"multipart/form-data", "x"}, "no type": {"", "x"},
		"a body that breaks off": {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"meta\"\r\n\r\n{"}, "no end": {"multipart/form-data; boundary=b", "--b"},
		"a part without a head": {"multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n"}, "large heads": {"multipart/form-data; boundary=b", "--b\r\nX: " + strings.Repeat("x", 20<<20) + "\r\n\r\nx\r\n--b--\r\n"},
	} {
		h := http.Header{"Authorization": {"Bearer " + at.developer}}
		if send.contentType != "" {
			h.Set("Content-Type", send.contentType)
		}
		if a := p.send("POST", p.control(), "/api/v1/deployments", h, []byte(send.body)); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	if after := p.state(); before != after {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	if now := p.blobs(); now != stored {
		t.Errorf("there were %d stored files and are %d", stored, now)
	}
	var versions struct{ Versions []any }
	p.api("GET", "/api/v1/apps/"+at.app+"/environments/production/versions", at.developer, nil).must(t).into(t, &versions)
	if a := p.get(url); a.body != "old" || len(versions.Versions) != 1 {
		t.Errorf("%d versions, the address answers %d %s", len(versions.Versions), a.status, a.body)
	}
}

func bomb() string {
	var b strings.Builder
	for c := 'b'; c < 'k'; c++ {
		b.WriteString(string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n")
	}
	return b.String()
}

// blobs counts the stored files.
func (p *platform) blobs() int {
	n := 0
	err := filepath.WalkDir(filepath.Join(p.dir, "blobs"), func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// Routes that take JSON take what the document says and nothing else.
func TestAttackConfuseRoutes(t *testing.T) {
	p := newPlatform(t)
	before := p.state()
	for _, o := range operations(t) {
		if !o.body || o.path == "/api/v1/deployments" || o.path == "/api/v1/products" {
			continue
		}
		path := strings.NewReplacer("{app}", "x", "{environment}", "development", "{site}", p.Access.Site, "{key}", "KEY").Replace(o.path)
		token := map[string]string{"operator": p.operator, "developer": p.Access.DeveloperToken, "admin": p.Access.AdminToken}[o.roles[0]]
		for _, body := range []string{"", "null", "[]", "1", `"x"`, "{", "{}{}", `{"unknown":1}`, "{}", strings.Repeat("[", 100000), "\xff", `{"name":{}}`, `{"site":[]}`, `{"name":"\u0000"}`, `{"name":"` + strings.Repeat("x", 7<<20) + `"}`} {
			for _, contentType := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", ""} {
				if contentType != "application/json" && body != "{}" {
					continue
				}
				h := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {contentType}}
				a := p.send(o.method, p.control(), path, h, []byte(body))
				if a.status < 400 || a.status >= 500 || a.code() == "" {
					t.Errorf("%s %s with %s %.40q: %d %.300s", o.method, o.path, contentType, body, a.status, a.body)
				}
				// It is refused for what it is, and not for what it happens to lack.
				want := ""
				switch {
				case contentType != "application/json", o.path == "/api/v1/events": // which takes another
					want = "CONTENT_TYPE"
				case len(body) > 6<<20:
					want = "LIMIT_REQUEST"
				case body != "{}" && body != "null" && body != `{"name":"\u0000"}`:
					want = "BAD_JSON"
				}
				if want != "" && a.code() != want {
					t.Errorf("%s %s with %s %.40q: %d %.300s, not %s", o.method, o.path, contentType, body, a.status, a.body, want)
				}
			}
		}
	}
	for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "DEBUG", "HEAD", "OPTIONS"} {
		if a := p.api(method, "/api/v1/accounts", p.operator, nil); a.status < 400 && method != "HEAD" {
			t.Errorf("%s: %d", method, a.status)
		}
	}
	for _, path := range []string{"/api/v1/../../accounts", "/api/v1//accounts", "/api/v1/accounts/", "/api/v1/apps/%2e%2e/environments", "/api/v1/apps/..%2f..%2faccounts/environments", "/debug/pprof/", "/metrics", "/.git/config"} {
		if a := p.api("GET", path, p.Access.DeveloperToken, nil); a.status < 300 {
			t.Errorf("%s: %d %.200s", path, a.status, a.body)
		}
	}
	if after := p.state(); before != after {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}
