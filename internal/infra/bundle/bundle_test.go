package bundle

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/annexhq/annex/internal/core/sourcemap"
)

// app writes files ("name", "text", …) and gives their folder.
func app(t *testing.T, nameText ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(nameText); i += 2 {
		write(t, dir, nameText[i], nameText[i+1])
	}
	return dir
}

// build bundles and fails on any diagnostic.
func build(t *testing.T, o Options) *Result {
	t.Helper()
	o.Table = testTable
	res, ds, err := Build(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		t.Errorf("%s", d)
	}
	return res
}

func contains(t *testing.T, code []byte, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(string(code), text) {
			t.Errorf("the bundle lacks %q:\n%s", text, code)
		}
	}
}

func TestFormIsOneExpression(t *testing.T) {
	dir := app(t, "src/index.js", "export const run = () => 1", "src/folder/file.js", "export const fn = () => 2")
	res := build(t, Options{Dir: dir, Handlers: []string{"folder/file.fn", "index.run"}})
	code := string(res.Code)
	if !strings.HasPrefix(code, "(function(__annex_require, __annex_register){") || !strings.HasSuffix(strings.TrimSpace(code), "})") {
		t.Errorf("not a function expression:\n%s", code)
	}
	if out := api.Transform("use(\n"+code+"\n)", api.TransformOptions{}); len(out.Errors) > 0 {
		t.Errorf("not usable as an expression: %v", out.Errors)
	}
	contains(t, res.Code, `"folder/file": `, `"index": `)
	if want := []string{"src/folder/file.js", "src/index.js"}; !slices.Equal(res.Inputs, want) {
		t.Errorf("inputs %v, want %v", res.Inputs, want)
	}
}

func TestSameSourceSameBytes(t *testing.T) {
	files := []string{
		"src/index.ts", "import { v4 } from 'uuid';\nimport crypto from 'crypto';\nimport logo from './logo.svg';\nconsole.log(__dirname, import.meta.url);\nexport const run = () => [v4(), crypto, logo];\n",
		"src/logo.svg", "<svg/>",
		"node_modules/uuid/package.json", `{"name":"uuid","exports":{"browser":"./b.js","default":"./n.js"}}`,
		"node_modules/uuid/b.js", "export const v4 = () => 'browser'",
		"node_modules/uuid/n.js", "import net from 'net'; export const v4 = () => net",
	}
	one, two := app(t, files...), app(t, files...)
	a := build(t, Options{Dir: one, Handlers: []string{"index.run"}})
	b := build(t, Options{Dir: two, Handlers: []string{"index.run"}})
	if string(a.Code) != string(b.Code) || string(a.SourceMap) != string(b.SourceMap) {
		t.Errorf("two folders, two bundles:\n%s\n%s", a.Code, b.Code)
	}
	for _, text := range []string{string(a.Code), string(a.SourceMap)} {
		if strings.Contains(text, one) {
			t.Errorf("a path of this machine is in the output:\n%s", text)
		}
	}
	contains(t, a.Code, `"browser"`, `"/app/src"`, `"file:///app/src/index.ts"`, "data:image/svg+xml")
	if !slices.Equal(a.Modules, []string{"node:crypto"}) {
		t.Errorf("modules %v", a.Modules)
	}
}

func TestBrowserFormThatNeedsAPageGivesWay(t *testing.T) {
	dir := app(t,
		"src/index.js", "import { parse, get } from 'xml'; export const run = () => parse(get)",
		"node_modules/xml/package.json", `{"name":"xml","main":"./index.js","browser":{"./parse":"./parse.browser","./get":"./get.browser"}}`,
		"node_modules/xml/index.js", "export { parse } from './parse'; export { get } from './get'",
		"node_modules/xml/parse.js", "export const parse = () => 'by hand'",
		"node_modules/xml/parse.browser.js", "const p = new DOMParser(); export const parse = (x) => p.parseFromString(x, 'text/xml')",
		"node_modules/xml/get.js", "export const get = 'by a socket'",
		"node_modules/xml/get.browser.js", "export const get = 'by fetch'",
	)
	code := build(t, Options{Dir: dir, Handlers: []string{"index.run"}}).Code
	contains(t, code, "by hand", "by fetch")
	if strings.Contains(string(code), "DOMParser") {
		t.Error("there is no DOMParser in the sandbox")
	}
}

// The shape of turndown: for browsers it does without the parser that it brings along.
func TestFormForNodeWhereTheOtherNeedsAPage(t *testing.T) {
	dir := app(t,
		"src/index.js", "import Turndown from 'turndown'; export const run = () => new Turndown()",
		"node_modules/turndown/package.json", `{"name":"turndown","main":"lib/turndown.cjs.js","module":"lib/turndown.es.js","browser":{"@mixmark-io/domino":false,"./lib/turndown.cjs.js":"./lib/turndown.browser.cjs.js","./lib/turndown.es.js":"./lib/turndown.browser.es.js"}}`,
		"node_modules/turndown/lib/turndown.cjs.js", "var domino = require('@mixmark-io/domino'); module.exports = function () { return domino.createWindow() }",
		"node_modules/turndown/lib/turndown.es.js", "import domino from '@mixmark-io/domino'; export default function () { return domino.createWindow() }",
		"node_modules/turndown/lib/turndown.browser.cjs.js", "module.exports = function () { return document.implementation }",
		"node_modules/turndown/lib/turndown.browser.es.js", "export default function () { return document.implementation }",
		"node_modules/@mixmark-io/domino/package.json", `{"name":"@mixmark-io/domino","main":"./lib"}`,
		"node_modules/@mixmark-io/domino/lib/index.js", "exports.createWindow = () => 'a window of its own'",
	)
	code := build(t, Options{Dir: dir, Handlers: []string{"index.run"}}).Code
	contains(t, code, "a window of its own")
	if strings.Contains(string(code), "document.implementation") {
		t.Error("there is no page in the sandbox")
	}
}

func TestModuleMayAssignToExports(t *testing.T) {
	dir := app(t, "src/index.js", "import { a } from './a';\nexport { a };\nexports.hook = async () => 'hooked';\nexports.hook = exports.hook;\nexports.other = 1;\n",
		"src/a.js", "export const a = () => 1")
	contains(t, build(t, Options{Dir: dir, Handlers: []string{"index.hook", "index.a"}}).Code, "hooked", "hook: () => __annex_export_hook")
}

func TestHandlerOrderDoesNotMatter(t *testing.T) {
	dir := app(t, "src/a.js", "export const x = () => 1, y = () => 2", "src/b.js", "export const z = () => 3")
	one := build(t, Options{Dir: dir, Handlers: []string{"a.x", "b.z", "a.y"}})
	two := build(t, Options{Dir: dir, Handlers: []string{"a.y", "a.x", "b.z", "b.z"}})
	if string(one.Code) != string(two.Code) {
		t.Error("the manifest's order changed the bundle")
	}
}

func TestSourceMapPointsToTheSource(t *testing.T) {
	dir := app(t, "src/index.ts", "type A = string;\n\nexport const run = (a: A) => {\n  throw new Error('here');\n};\n")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}})
	m, err := sourcemap.Parse(res.SourceMap)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(res.Code), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "throw") })
	p, ok := m.Lookup(at+1, strings.Index(lines[at], "throw"))
	if !ok || p.Source != "src/index.ts" || p.Line != 4 {
		t.Errorf("throw is at %+v (%v), want src/index.ts:4", p, ok)
	}
	var raw struct {
		SourcesContent []any `json:"sourcesContent"`
	}
	if err := json.Unmarshal(res.SourceMap, &raw); err != nil || raw.SourcesContent != nil {
		t.Errorf("the map carries the source: %v %v", raw.SourcesContent, err)
	}
}

func TestJSXOfUIKit1IsForForgeUI(t *testing.T) {
	dir := app(t, "src/index.jsx", "import ForgeUI, { render, Text } from '@forge/ui';\nexport const run = render(<><Text>hi</Text></>);\n",
		"src/other.tsx", "export const run = () => <b>hi</b>;\n",
		"src/pragma.jsx", "/** @jsx h */\nconst h = (x) => x;\nexport const run = () => <i/>;\n")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run", "other.run", "pragma.run"}})
	contains(t, res.Code, ".createElement(", ".Fragment", `jsx("b"`, `h("i"`)
	if !slices.Contains(res.Modules, "@annex/react/jsx-runtime") {
		t.Errorf("modules %v", res.Modules)
	}
}

// An app that moved from one kit to the other has the old one's factory in tsconfig.json.
func TestJSXFactoryOfAnotherKit(t *testing.T) {
	dir := app(t, "tsconfig.json", `{"compilerOptions": {"jsx": "react", "jsxFactory": "ForgeUI.createElement"}} // of UI Kit 1`,
		"src/new.jsx", "export const run = () => <b>hi</b>;\n",
		"src/old.jsx", "import ForgeUI from '@forge/ui';\nexport const run = () => <i>hi</i>;\n",
		"src/own.jsx", "const ForgeUI = { createElement: (x) => x };\nexport const run = () => <u>hi</u>;\n")
	res := build(t, Options{Dir: dir, Handlers: []string{"new.run", "old.run", "own.run"}})
	contains(t, res.Code, `jsx("b"`, `.createElement("i"`, `ForgeUI.createElement("u"`)
}

func TestCommonJS(t *testing.T) {
	dir := app(t, "src/index.js", "const { storage } = require('@forge/api');\nconst EventEmitter = require('events');\nclass E extends EventEmitter {}\nmodule.exports.run = () => [storage, E];\n")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}})
	// require("events") is the class itself, as in Node; require of an SDK module is its namespace.
	contains(t, res.Code, ".default !== void 0 ?", "__toCommonJS")
}

func TestCommonJSHandlerThatCannotExist(t *testing.T) {
	dir := app(t, "src/index.js", "exports.there = () => 1;\n")
	_, ds, err := Build(context.Background(), Options{Dir: dir, Handlers: []string{"index.there", "index.absent"}, Table: testTable,
		At: func(string) Position { return Position{"manifest.yml", 7, 16} }})
	if err != nil || len(ds) != 1 || ds[0].Rule != "handler-export-missing" || ds[0].Line != 7 {
		t.Errorf("got %v %v", ds, err)
	}
}

func TestGlobalsAreNotShadowed(t *testing.T) {
	dir := app(t, "src/index.js", "import { fetch as f } from '@forge/api';\nimport { g } from './g';\nexport const run = () => [f, g];",
		"src/g.js", "export const g = () => fetch('https://example.com');")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}})
	if strings.Contains(string(res.Code), "var fetch =") {
		t.Errorf("the SDK's fetch hides the global one:\n%s", res.Code)
	}
}

func TestAliases(t *testing.T) {
	dir := app(t,
		"tsconfig.json", `{"compilerOptions": {"baseUrl": ".", "paths": {"@lib/*": ["src/lib/*"]}}}`,
		"src/index.ts", "import { a } from '@lib/a';\nimport { b } from 'src/lib/b';\nexport const run = () => [a, b];",
		"src/lib/a.ts", "export const a = 'from a'", "src/lib/b.ts", "export const b = 'from b'")
	contains(t, build(t, Options{Dir: dir, Handlers: []string{"index.run"}}).Code, "from a", "from b")

	plain := app(t, "src/index.js", "import { b } from 'src/lib/b';\nexport const run = () => b;", "src/lib/b.js", "export const b = 'from b'")
	contains(t, build(t, Options{Dir: plain, Handlers: []string{"index.run"}}).Code, "from b")
}

func TestSDKIsRedirectedInsideDependencies(t *testing.T) {
	dir := app(t, "src/index.js", "import lib from 'lib';\nexport const run = () => lib;",
		"node_modules/lib/package.json", `{"name":"lib","main":"i.js"}`,
		"node_modules/lib/i.js", "module.exports = require('@forge/api').storage;",
		"node_modules/@forge/api/package.json", `{"name":"@forge/api","main":"i.js"}`,
		"node_modules/@forge/api/i.js", "module.exports = 'the installed one';")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}})
	if strings.Contains(string(res.Code), "the installed one") || !slices.Contains(res.Modules, "@annex/api") {
		t.Errorf("the installed @forge/api is in the bundle:\n%s", res.Code)
	}
}

func TestUnusedMembersLeaveNoTrace(t *testing.T) {
	dir := app(t, "src/index.js", "import api, { route } from '@forge/api';\nexport const run = () => route`/x`;")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}})
	contains(t, res.Code, "m.route")
	for _, n := range []string{"m.storage", `m["default"]`} {
		if strings.Contains(string(res.Code), n) {
			t.Errorf("%s is taken though nobody uses it:\n%s", n, res.Code)
		}
	}
}

func TestOwnDirnameIsKept(t *testing.T) {
	dir := app(t, "src/index.js", "import { dirname } from 'path';\nimport { fileURLToPath } from 'url';\nconst __filename = fileURLToPath(import.meta.url);\nconst __dirname = dirname(__filename);\nexport const run = () => __dirname;")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}})
	contains(t, res.Code, "file:///app/src/index.js")
}

func TestExtraFiles(t *testing.T) {
	dir := app(t, "src/index.js", "export const run = () => 1", "templates/a.html", "a", "templates/deep/b.txt", "b", "templates/c.png", "c", "secret.env", "no")
	res := build(t, Options{Dir: dir, Handlers: []string{"index.run"}, ExtraFiles: []string{"templates/**/*.html", "./templates/deep/*"}})
	if len(res.Files) != 2 || string(res.Files["templates/a.html"]) != "a" || string(res.Files["templates/deep/b.txt"]) != "b" {
		t.Errorf("files %q", res.Files)
	}
	_, ds, err := Build(context.Background(), Options{Dir: dir, Handlers: []string{"index.run"}, Table: testTable, ExtraFiles: []string{"../*", "none/*"}})
	if err != nil || len(ds) != 2 || ds[0].Rule != "extra-files-empty" {
		t.Errorf("patterns that match nothing: %v %v", ds, err)
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a/*", "a/b", true}, {"a/*", "a/b/c", false}, {"a/**", "a/b/c", true}, {"a/**", "a", false},
		{"**/x", "x", true}, {"**/x", "a/b/x", true}, {"a/**/x", "a/x", true}, {"*.html", "a.html", true}, {"*", "a/b", false},
	} {
		if got := matchGlob(strings.Split(c.pattern, "/"), strings.Split(c.name, "/")); got != c.want {
			t.Errorf("%s matches %s: %v", c.pattern, c.name, got)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := app(t, "src/index.js", "export const run = () => 1")
	for range 50 {
		if _, _, err := Build(ctx, Options{Dir: dir, Handlers: []string{"index.run"}, Table: testTable}); err != nil {
			return
		}
	}
	t.Error("a cancelled build always finished")
}

func TestNoSuchFolder(t *testing.T) {
	if _, _, err := Build(context.Background(), Options{Dir: "/nonexistent/app", Table: testTable}); err == nil {
		t.Error("a missing folder is no error")
	}
}

func TestParseTable(t *testing.T) {
	for _, bad := range []string{"", "{}", `{"modules":{"a":["x"]},"aliases":{"b":"c"}}`} {
		if _, err := ParseTable([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
