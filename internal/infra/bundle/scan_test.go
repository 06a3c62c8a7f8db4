package bundle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func scan(t *testing.T, name, text string) *Facts {
	t.Helper()
	f, err := Scan(app(t, name, text), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestScanFetched(t *testing.T) {
	f := scan(t, "src/index.tsx", `import api, { fetch as forgeFetch, type Foo } from '@forge/api';
const BASE = "https://api.const.com/v1";
const x = <a href="it's">don't</a>;
export const run = async (id: string) => {
  await fetch("https://one.example.com/a?b");
  await api.fetch(`+"`https://two.example.com:8443/${id}/x`"+`);
  await fetch(`+"`${BASE}/users/${id}`"+`);
  await axios.get('https://three.example.com');
  await fetch("/rest/api/3/issue");
  return /https:\/\/regexp\.example\.com/.test(id) ? "https://text.example.com" : map.get("key");
};`)
	var got []string
	for _, d := range f.Fetched {
		got = append(got, fmt.Sprintf("%d:%s", d.Line, d.Origin))
	}
	want := []string{"5:https://one.example.com", "6:https://two.example.com:8443", "7:https://api.const.com", "8:https://three.example.com"}
	if !slices.Equal(got, want) {
		t.Errorf("fetched %v, want %v", got, want)
	}
	if len(f.Dynamic) > 0 {
		t.Error("all addresses are literal")
	}
	if !f.Mentions("text.example.com") || f.Mentions("absent.example.com") {
		t.Error("Mentions is wrong")
	}
}

func TestScanDynamic(t *testing.T) {
	for _, call := range []string{"fetch(url)", "fetch(`https://${host}/x`)", "fetch(`https://a.${host}`)", "fetch(build('x'))"} {
		if f := scan(t, "src/index.js", "export const run = (url, host) => "+call); len(f.Dynamic) != 1 || len(f.Fetched) > 0 {
			t.Errorf("%s: dynamic %v, fetched %v", call, f.Dynamic, f.Fetched)
		}
	}
}

func TestScanSQL(t *testing.T) {
	for src, want := range map[string]int{
		"import sql from '@forge/sql'; sql.prepare('x')":                         1,
		"import { migrationRunner } from '@forge/sql/out/migration'":             1,
		"import sql, { errorCodes } from '@forge/sql'":                           1,
		"const { sql } = require('@forge/sql')":                                  1,
		"import { sql } from './sql'; import x from '@other/sql'":                0,
		"import { kvs } from '@forge/kvs'; const sql = '@forge/sql'; kvs.get(x)": 0,
	} {
		if f := scan(t, "src/index.js", src); len(f.SQL) != want {
			t.Errorf("%s: %v, want %d", src, f.SQL, want)
		}
	}
}

func TestScanStorage(t *testing.T) {
	for src, want := range map[string]int{
		"import { storage, route } from '@forge/api'; storage.get('x'); route``":               1,
		"import kvs from '@forge/kvs'; kvs.get('x')":                                           1,
		"const { storage } = require('@forge/api'); storage.get('x')":                          1,
		"const s = require('@forge/api').storage; s.get('x')":                                  1,
		"import { route } from '@forge/api'; import { storage } from './mine'; route(storage)": 0,
	} {
		if f := scan(t, "src/index.js", src); len(f.Storage) != want {
			t.Errorf("%s: %v, want %d", src, f.Storage, want)
		}
	}
}

func TestScanImports(t *testing.T) {
	f := scan(t, "src/index.js", "import api, { authorize as may, route } from '@forge/api';\nimport { x } from './x';\nimport * as all from 'lib';\nmay(route, x, all, api)")
	var got []string
	for _, i := range f.Imports {
		got = append(got, fmt.Sprintf("%d:%d %s %s", i.Line, i.Column, i.Module, i.Name))
	}
	if want := []string{"1:15 @forge/api authorize", "1:33 @forge/api route"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestScanModuleScope(t *testing.T) {
	f := scan(t, "src/index.ts", `const started = Date.now();
const config = { at: new Date(), id: crypto.randomUUID(), later: () => Math.random() };
const token = fetch('https://a.example.com');
const list = [1].map((x) => Math.random() + x), when = Math.random();
class A { at = Date.now(); m() { return Math.random(); } }
function f() { return Date.now(); }
export const run = async () => { storage.get('x'); return [started, config, token, list, when, A, f, new Date(started)]; };
const fixed = new Date(0);
setTimeout(f, 10);
`)
	var got []string
	for _, e := range f.ModuleScope {
		got = append(got, fmt.Sprintf("%d %s %s", e.Line, e.Kind, e.What))
	}
	want := []string{"1 time Date.now()", "2 time new Date()", "2 random crypto.randomUUID()", "3 call fetch()", "4 random Math.random()", "9 timer setTimeout()"}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A method may be called fetch, or setTimeout: that it is there sends nothing.
func TestScanTellsMethodsFromCalls(t *testing.T) {
	f := scan(t, "src/index.js", `const ops = {
  async fetch({ url }, more = [1, (2)]) { return await fetch(url); },
  setTimeout(ms) { return ms; }
};
class Client { fetch(url) { return url; } static get(url) { return url; } }
function fetchAll() { return ops.fetch({ url: "https://a.example.com" }); }
if (ops) { const early = fetch("https://b.example.com"); }
export const run = () => [ops, Client, fetchAll];
`)
	if len(f.ModuleScope) > 0 || len(f.Dynamic) != 2 { // the call inside, and that of ops
		t.Errorf("module scope %+v, dynamic %+v", f.ModuleScope, f.Dynamic)
	}
	if len(f.Fetched) != 1 || f.Fetched[0].Origin != "https://b.example.com" {
		t.Errorf("fetched %+v", f.Fetched)
	}
}

func TestScanKnowsWhatADeployRefuses(t *testing.T) {
	for _, c := range []struct {
		src  string
		want bool
	}{
		{"const id = crypto.randomUUID(); export const f = () => id;", true},
		{"export const id = crypto.randomUUID();", true},
		{"import crypto from 'node:crypto'; let id = crypto.randomBytes(4).toString('hex'); export const f = () => id;", true},
		{"import crypto from './mine'; const id = crypto.randomUUID(); export const f = () => id;", false},
		{"const crypto = { randomUUID: () => 1 }; const id = crypto.randomUUID(); export const f = () => id;", false},
		{"const id = globalThis.on ? crypto.randomUUID() : 1; export const f = () => id;", false},
		{"let id; if (globalThis.on) id = crypto.randomUUID(); export const f = () => id;", false},
		{"let id; if (globalThis.on) { id = 1; } else { id = 2; crypto.randomUUID(); } export const f = () => id;", false},
		{"import kvs from '@forge/kvs'; const all = kvs.get('x'); export const f = () => all;", true},
		{"import { kvs } from '@forge/kvs'; kvs.set('x', 1); export const f = () => 1;", true},
		{"import kvs from './kvs'; const all = kvs.get('x'); export const f = () => all;", false},
		{"import { storage } from '@forge/api'; const all = storage.get('x'); export const f = () => all;", true},
		{"const r = fetch('https://example.com'); export const f = () => r;", true},
		{"function fetch() {} const r = fetch('https://example.com'); export const f = () => r;", false},
		{"const now = Date.now(); export const f = () => now;", false},
	} {
		f := scan(t, "src/index.js", c.src)
		if got := slices.ContainsFunc(f.ModuleScope, func(e Effect) bool { return e.Refused }); got != c.want {
			t.Errorf("%s: %+v", c.src, f.ModuleScope)
		}
	}
	for src, want := range map[string]bool{"import('./x')": true, "require('./x')": true, "require('crypto')": false, "import './x'": false} {
		if f := scan(t, "src/index.js", src+";"); f.Lazy != want {
			t.Errorf("%s: lazy %v", src, f.Lazy)
		}
	}
}

func TestScanPassesOverBrokenSource(t *testing.T) {
	if f := scan(t, "src/index.js", "const = ;"); len(f.Fetched) > 0 {
		t.Error("facts from a source that does not parse")
	}
}

func TestScanPassesOverTypesAlone(t *testing.T) {
	f := scan(t, "src/index.ts", "export interface Note { text: string }")
	if len(f.Fetched) > 0 || !f.Mentions("Note") {
		t.Errorf("%+v", f)
	}
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"a/b/c", "`x${`y${z}`}`", "'\\", "`${", "/[/]/", "}{", "//", "/*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		last := -1
		for _, tok := range tokens(src) {
			if tok.at < last || tok.at > len(src) {
				t.Fatalf("offset %d after %d in %q", tok.at, last, src)
			}
			last = tok.at
		}
	})
}
