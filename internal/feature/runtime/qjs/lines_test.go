package qjs_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
)

// mapped is an app of one TypeScript file, with its source map.
func mapped(t *testing.T, key, source string) call.Artifact {
	t.Helper()
	res := api.Transform(source, api.TransformOptions{
		Loader: api.LoaderTS, Format: api.FormatCommonJS, MinifyWhitespace: true,
		Sourcefile: "src/index.ts", Sourcemap: api.SourceMapExternal,
	})
	if len(res.Errors) > 0 {
		t.Fatal(res.Errors)
	}
	var m map[string]any
	if err := json.Unmarshal(res.Map, &m); err != nil {
		t.Fatal(err)
	}
	m["mappings"] = ";" + m["mappings"].(string) // the wrapper's start has a line of its own
	shifted, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	art := runtimetest.App(key, "")
	art.Load = func(context.Context) (call.Source, error) {
		return call.Source{SourceMap: shifted, Bundle: []byte("(function(__annex_require, __annex_register) { const require = __annex_require, module = { exports: {} };\n" +
			string(res.Code) + "\n__annex_register({ index: module.exports }) })")}, nil
	}
	return art
}

const talkative = `declare const require: any;
const { kernel } = require("test:kernel");
export function talk() {
  console.log("app.js:1:1 as the app wrote it");
  console.error(new Error("outer", { cause: new TypeError("inner") }));
  console.log("after");
  console.warn({ deep: [new RangeError("in here")] });
}
export async function refused() {
  const none = await 1;
  await kernel.call("unknown", {});
}
export async function fetching() {
  return await viaHelper();
}
async function viaHelper() {
  return await require("@annex/api").fetch("https://undeclared.example/");
}
export async function caught() {
  try { await refused(); } catch (err) { return (err as Error).stack; }
}
export function careless() {
  Promise.reject(new RangeError("nobody awaits this"));
  const late = Promise.reject(new Error("somebody does"));
  late.catch(() => {});
  return "done";
}
export async function failing() {
  Promise.reject("a text");
  throw new Error("outer", { cause: new TypeError("inner") });
}
export function retell() {
  console.log("so: " + new Error("told").stack);
  console.info({ stack: new Error("kept").stack });
  console.trace("here");
}
`

// What app code logs names the lines of its source, as what it throws does; lines keep
// their order, and what is no error is left as it was written.
func TestLogsNameTheAppsSource(t *testing.T) {
	rt, art := newRuntime(t), mapped(t, "talkative", talkative)
	for range 2 { // the map has to be read, and is at hand
		h := &runtimetest.Host{}
		if _, err := rt.Run(t.Context(), art, runtimetest.Call("index.talk", "1"), nil, h); err != nil {
			t.Fatal(err)
		}
		lines := h.Lines()
		if len(lines) != 4 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, want := range [][]string{
			{"app.js:1:1 as the app wrote it"}, {"outer", "src/index.ts:5:", "inner", "cause"}, {"after"}, {"in here", "src/index.ts:7:"},
		} {
			got := string(lines[i].Args)
			for _, w := range want {
				if !strings.Contains(got, w) {
					t.Errorf("line %d lacks %q: %s", i, w, got)
				}
			}
			if i > 0 && strings.Contains(got, "app.js:") || !json.Valid(lines[i].Args) {
				t.Errorf("line %d: %s", i, got)
			}
		}
	}
}

// A stack is one at every level, also as text.
func TestLoggedStacksNameTheAppsSource(t *testing.T) {
	h := &runtimetest.Host{}
	if _, err := newRuntime(t).Run(t.Context(), mapped(t, "retelling", talkative), runtimetest.Call("index.retell", "1"), nil, h); err != nil {
		t.Fatal(err)
	}
	lines := h.Lines()
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, want := range []string{"src/index.ts:33:", "src/index.ts:34:", "src/index.ts:35:"} {
		if got := string(lines[i].Args); !strings.Contains(got, want) || strings.Contains(got, "app.js:") {
			t.Errorf("line %d lacks %q: %s", i, want, got)
		}
	}
}

func TestModuleScopeFailuresNameTheAppsSource(t *testing.T) {
	art := mapped(t, "scope-throws", "const a: number = 1;\n\nfunction inner() {\n  throw new RangeError('at once');\n}\ninner();\nexport const run = () => a;\n")
	_, err := newRuntime(t).Prepare(t.Context(), art, []string{"index.run"})
	f, ok := fault.As(err)
	if !ok || f.Fields["location"] != "src/index.ts:4" || !strings.Contains(f.Fields["stack"].(string), "src/index.ts:6:") {
		t.Errorf("%v %+v", err, f)
	}
}

// A refused host call says where it was made, awaited or not.
func TestRefusalsHaveTheCallersStack(t *testing.T) {
	rt, art := newRuntime(t), mapped(t, "refused", talkative)
	_, err := rt.Run(t.Context(), art, runtimetest.Call("index.refused", "1"), nil, &runtimetest.Host{})
	f, ok := fault.As(err)
	if !ok || f.Fields["location"] != "src/index.ts:11" || strings.Contains(f.Fields["stack"].(string), "sdk.js") {
		t.Errorf("%v %+v", err, f)
	}
	_, err = rt.Run(t.Context(), art, runtimetest.Call("index.fetching", "1"), nil, &runtimetest.Host{})
	if f, ok = fault.As(err); !ok || f.Fields["location"] != "src/index.ts:17" || !strings.Contains(f.Fields["stack"].(string), "src/index.ts:14:") {
		t.Errorf("%v %+v", err, f)
	}
	res, err := rt.Run(t.Context(), art, runtimetest.Call("index.caught", "1"), nil, &runtimetest.Host{})
	if err != nil || !strings.Contains(string(res.Body), "app.js:") {
		t.Errorf("%s, %v", res.Body, err)
	}
}

func TestCausesAreKept(t *testing.T) {
	rt, art := newRuntime(t), mapped(t, "failing", talkative)
	h := &runtimetest.Host{}
	_, err := rt.Run(t.Context(), art, runtimetest.Call("index.failing", "1"), nil, h)
	f, ok := fault.As(err)
	if !ok {
		t.Fatal(err)
	}
	cause, _ := f.Fields["cause"].(json.RawMessage)
	if !strings.Contains(string(cause), `"name":"TypeError","message":"inner"`) || !strings.Contains(string(cause), "src/index.ts:30:") {
		t.Errorf("cause: %s", cause)
	}
	if lines := h.Lines(); len(lines) != 1 || !strings.Contains(string(lines[0].Args), "a text") {
		t.Errorf("%+v", lines)
	}
}

// A rejection that nobody handles is a line in the log, with its place, and changes nothing
// of the call.
func TestUnhandledRejectionsAreLogged(t *testing.T) {
	rt, art := newRuntime(t), mapped(t, "careless", talkative)
	h := &runtimetest.Host{}
	res, err := rt.Run(t.Context(), art, runtimetest.Call("index.careless", "1"), nil, h)
	if err != nil || string(res.Body) != `"done"` {
		t.Fatalf("%s, %v", res.Body, err)
	}
	lines := h.Lines()
	if len(lines) != 1 || lines[0].Level != "warn" {
		t.Fatalf("%+v", lines)
	}
	for _, want := range []string{"unhandled promise rejection", "RangeError", "nobody awaits this", "src/index.ts:23:"} {
		if !strings.Contains(string(lines[0].Args), want) {
			t.Errorf("no %q in %s", want, lines[0].Args)
		}
	}
}
