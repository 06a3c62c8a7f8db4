package runtimetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// Run is the conformance suite. The runtime must have been built over KernelOnly.
func Run(t *testing.T, rt Runtime) {
	for _, area := range []struct {
		name string
		test func(*testing.T, Runtime)
	}{
		{"Isolation", isolation}, {"Prepare", prepare}, {"Arguments", arguments}, {"WebTrigger", webTrigger},
		{"HostCalls", hostCalls}, {"Errors", appErrors}, {"Limits", limits}, {"Timers", timers},
		{"Randomness", randomness}, {"Logs", logs}, {"ModuleScope", moduleScope}, {"Cancel", cancel},
	} {
		t.Run(area.name, func(t *testing.T) { area.test(t, rt) })
	}
}

// Counter is an app that keeps state in every place that a module has.
const Counter = `
let n = 0;
const map = new Map();
async function count(installation) {
  const seen = [n, map.size, globalThis.leak ?? 0, Object.prototype.leak ?? 0, [].constructor.leak ?? 0];
  n++;
  map.set(Math.random(), installation);
  globalThis.leak = installation;
  Object.prototype.leak = installation;
  Array.leak = installation;
  setTimeout(() => { n++ }, 0);
  await null;
  return { n, seen: seen.map(Number), installation };
}
__annex_register({ index: { count } });`

// Isolated makes calls calls of a stateful app, several at once, and reports an answer
// that shows another call.
func Isolated(rt Runtime, art call.Artifact, calls, parallel int) error {
	var wg sync.WaitGroup
	errs := make(chan error, parallel)
	for p := range parallel {
		wg.Go(func() {
			for i := range calls / parallel {
				who := fmt.Sprintf("installation-%d", p)
				res, err := rt.Run(context.Background(), art, Call("index.count", fmt.Sprintf("%q", who)), nil, &Host{})
				if err != nil {
					errs <- err
					return
				}
				var got struct {
					N            int
					Seen         []int
					Installation string
				}
				if err := json.Unmarshal(res.Body, &got); err != nil {
					errs <- fmt.Errorf("call %d: %s: %w", i, res.Body, err)
					return
				}
				if got.N != 1 || got.Installation != who || fmt.Sprint(got.Seen) != "[0 0 0 0 0]" {
					errs <- fmt.Errorf("call %d of %s saw another call: %s", i, who, res.Body)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func isolation(t *testing.T, rt Runtime) {
	calls := 10_000
	if testing.Short() {
		calls = 1000
	}
	if err := Isolated(rt, App("counter", Counter), calls, 8); err != nil {
		t.Fatal(err)
	}
}

func prepare(t *testing.T, rt Runtime) {
	p, err := rt.Prepare(t.Context(), App("prepare", `__annex_register({ index: { run() {} , data: 1 }, "sub/file": { go() {} } });`),
		[]string{"index.run", "index.data", "sub/file.go", "sub/file.gone", "other.run"})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Snapshotted || p.Bytes == 0 {
		t.Errorf("no snapshot: %+v", p)
	}
	if got := strings.Join(p.Missing, " "); got != "index.data sub/file.gone other.run" {
		t.Errorf("missing: %q", got)
	}
	_, err = rt.Prepare(t.Context(), App("syntax", `this is not JavaScript`), nil)
	if fault.CodeOf(err) != "FUNCTION_ERR" || !strings.Contains(err.Error(), "SyntaxError") {
		t.Errorf("a syntax error gave %v", err)
	}
	_, err = rt.Prepare(t.Context(), App("throws", `throw new RangeError("at module scope")`), nil)
	if fault.CodeOf(err) != "FUNCTION_ERR" || !strings.Contains(err.Error(), "RangeError: at module scope") {
		t.Errorf("a throwing module scope gave %v", err)
	}
	mustFail(t, rt, App("prepare", ""), Call("index.gone", "1"), "HANDLER_NOT_FOUND")
}

func arguments(t *testing.T, rt Runtime) {
	art := App("arguments", `
__annex_register({ index: {
  both: async (payload, context) => ({ payload, context }),
  nothing: () => undefined,
  env: () => process.env.GREETING,
}});`)
	c := Call("index.both", `{"text":"wörld 𝄞 \u0000","list":[1,2.5,null]}`)
	res, err := rt.Run(t.Context(), art, c, json.RawMessage(`{"moduleKey":"wins","cloudId":"site"}`), &Host{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"payload":{"text":"wörld 𝄞 \u0000","list":[1,2.5,null]},"context":{"moduleKey":"wins","cloudId":"site"}}`
	if string(res.Body) != want {
		t.Errorf("got %s\nwant %s", res.Body, want)
	}
	if res, err = rt.Run(t.Context(), art, Call("index.nothing", ""), nil, &Host{}); err != nil || res.Body != nil {
		t.Errorf("nothing gave %q, %v", res.Body, err)
	}
	if got := must[string](t, rt, art, "index.env", "1"); got != "hello" {
		t.Errorf("process.env gave %q", got)
	}
}

func webTrigger(t *testing.T, rt Runtime) {
	art := App("webtrigger", `
__annex_register({ index: {
  echo: (r, c) => ({ statusCode: 201, headers: { "X-One": "1", "X-Two": ["a", "b"] },
    body: JSON.stringify({ ...r, rawBody: [...r.rawBody], context: c }) }),
  bytes: (r) => ({ statusCode: 200, body: r.rawBody }),
  key: () => ({ outputKey: "ok" }),
  none: () => undefined,
  bad: () => ({ statusCode: "200" }),
}});`)
	run := func(fn string, body []byte) (call.Result, error) {
		c := Call(fn, "")
		c.Kind, c.Payload = call.WebTrigger, body
		c.Context = json.RawMessage(`{"request":{"method":"POST","path":"/x","userPath":"","rawQuery":"a=1","queryParameters":{"a":["1"]},"headers":{"h":["1","2"]}}}`)
		c.Module = "m"
		return rt.Run(t.Context(), art, c, nil, &Host{})
	}
	res, err := run("index.echo", []byte("hé"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(res.Head), `{"statusCode":201,"headers":{"X-One":["1"],"X-Two":["a","b"]}}`; got != want {
		t.Errorf("head %s", got)
	}
	want := `{"method":"POST","headers":{"h":["1","2"]},"body":"hé","path":"/x","userPath":"","queryParameters":{"a":["1"]},"rawQuery":"a=1","rawBody":[104,195,169],"context":{"moduleKey":"m"}}`
	if string(res.Body) != want {
		t.Errorf("got %s\nwant %s", res.Body, want)
	}
	raw := []byte{0xff, 0, 0x80, 'a'}
	if res, err = run("index.bytes", raw); err != nil || string(res.Body) != string(raw) {
		t.Errorf("bytes gave %q, %v", res.Body, err)
	}
	if res, err = run("index.key", nil); err != nil || string(res.Head) != `{"outputKey":"ok"}` {
		t.Errorf("output key gave %s, %v", res.Head, err)
	}
	if res, err = run("index.none", nil); err != nil || string(res.Head) != `{"statusCode":null}` {
		t.Errorf("nothing gave %s, %v", res.Head, err)
	}
	if _, err = run("index.bad", nil); fault.CodeOf(err) != "INVALID_WEB_TRIGGER_RESPONSE" || !strings.Contains(err.Error(), `statusCode is "200", not a number`) {
		t.Errorf("a malformed answer gave %v", err)
	}
}

func timers(t *testing.T, rt Runtime) {
	art := App("timers", `
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
__annex_register({ index: {
  order: async () => {
    const seen = [];
    setTimeout(() => seen.push("second"), 20);
    setTimeout(() => seen.push("first"), 5);
    const gone = setTimeout(() => seen.push("never"), 10);
    clearTimeout(gone);
    let ticks = 0;
    await new Promise((done) => { const i = setInterval(() => { if (++ticks === 3) { clearInterval(i); done() } }, 2) });
    await sleep(40);
    return [...seen, ticks];
  },
  dropped: () => { setInterval(() => {}, 1000); return "done" },
  throws: () => { setTimeout(() => { throw new Error("in a timer") }, 1); return sleep(10_000) },
}});`)
	if got := fmt.Sprint(must[[]any](t, rt, art, "index.order", "1")); got != "[first second 3]" {
		t.Errorf("timers fired as %s", got)
	}
	if got := must[string](t, rt, art, "index.dropped", "1"); got != "done" {
		t.Errorf("got %q", got)
	}
	if f := mustFail(t, rt, art, Call("index.throws", "1"), "FUNCTION_ERR"); f.Fields["message"] != "in a timer" {
		t.Errorf("got %v", f)
	}
}

func randomness(t *testing.T, rt Runtime) {
	art := App("randomness", `
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: { draw: () => [String(Math.random()), String(kernel.random(16)), String(Date.now())] } });`)
	seen := map[string]bool{}
	var last string
	for range 50 {
		got := must[[]string](t, rt, art, "index.draw", "1")
		for _, v := range got[:2] {
			if seen[v] {
				t.Fatalf("%s was drawn twice", v)
			}
			seen[v] = true
		}
		last = got[2]
	}
	// The clock is the call's, not the snapshot's.
	first := must[[]string](t, rt, art, "index.draw", "1")[2]
	deadline := time.Now().Add(5 * time.Second)
	for first == last && time.Now().Before(deadline) {
		last = must[[]string](t, rt, art, "index.draw", "1")[2]
	}
	if first == last {
		t.Error("the clock stands still between calls")
	}
}

func logs(t *testing.T, rt Runtime) {
	art := App("logs", `
__annex_register({ index: {
  talk: () => { console.log("a", { b: [1, null, undefined] }, new Map([[1, 2]])); console.error(new TypeError("no")); const c = {}; c.c = c; console.warn(c) },
  flood: () => { for (let i = 0; i < 101; i++) console.log(i); return "done" },
  wide: () => { for (let i = 0; i < 8; i++) console.log(i % 2 ? "x".repeat(60 << 10) : i); return "done" },
}});`)
	h := &Host{}
	if _, err := rt.Run(t.Context(), art, Call("index.talk", "1"), nil, h); err != nil {
		t.Fatal(err)
	}
	lines := h.Lines()
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	if got := lines[0].Level + string(lines[0].Args); got != `info["a",{"b":[1,null,"undefined"]},{"Map":[[1,2]]}]` {
		t.Errorf("line 1: %s", got)
	}
	if got := string(lines[1].Args); lines[1].Level != "error" || !strings.Contains(got, `"name":"TypeError","message":"no"`) {
		t.Errorf("line 2: %s", got)
	}
	if got := lines[2].Level + string(lines[2].Args); got != `warn[{"c":"[Circular]"}]` {
		t.Errorf("line 3: %s", got)
	}
	// A line too many costs the line and not the call.
	for fn, want := range map[string]call.Stats{"index.flood": {Logs: 100, LogsDropped: 1}, "index.wide": {Logs: 7, LogsDropped: 1}} {
		h := &Host{}
		res, err := rt.Run(t.Context(), art, Call(fn, "1"), nil, h)
		if err != nil || string(res.Body) != `"done"` || res.Stats.Logs != want.Logs || res.Stats.LogsDropped != want.LogsDropped || len(h.Lines()) != want.Logs {
			t.Errorf("%s: %s, %+v, %d lines, %v", fn, res.Body, res.Stats, len(h.Lines()), err)
		}
	}
}

func moduleScope(t *testing.T, rt Runtime) {
	_, err := rt.Prepare(t.Context(), App("scope-call", `
const { kernel } = __annex_require("test:kernel");
kernel.call("fetch", {}).catch(() => {});
__annex_register({ index: { run() {} } });`), nil)
	if f, ok := fault.As(err); !ok || f.Code != "MODULE_SCOPE_CALL" || !strings.Contains(fmt.Sprint(f.Fields["stack"]), "app.js:3") {
		t.Errorf("a host call at module scope gave %v", err)
	}
	// What module scope draws would be the same in every call: caught or not, it fails.
	const random = `
const { kernel } = __annex_require("test:kernel");
let drawn;
try { drawn = kernel.random(4); } catch { drawn = [1]; }
__annex_register({ index: { run: () => drawn.length } });`
	draws := App("scope-random", random)
	_, err = rt.Prepare(t.Context(), draws, nil)
	if f, ok := fault.As(err); !ok || f.Code != "MODULE_SCOPE_RANDOM" || !strings.Contains(fmt.Sprint(f.Fields["stack"]), "app.js:4") {
		t.Errorf("randomness at module scope gave %v", err)
	}
	draws = App("scope-random-each-call", random)
	draws.Snapshots = false
	if n := must[int](t, rt, draws, "index.run", "1"); n != 4 {
		t.Errorf("where module scope runs at each call it may draw: %d bytes", n)
	}
	art := App("scope-timer", `
let n = 0;
setTimeout(() => { n = 100 }, 1);
__annex_register({ index: { run: () => new Promise((done) => setTimeout(() => done(++n), 30)) } });`)
	p, err := rt.Prepare(t.Context(), art, []string{"index.run"})
	if err != nil || p.Snapshotted || p.Reason == "" || len(p.Missing) != 0 {
		t.Fatalf("a pending timer gave %+v, %v", p, err)
	}
	for range 3 {
		if n := must[int](t, rt, art, "index.run", "1"); n != 101 {
			t.Errorf("n = %d", n)
		}
	}
	art = App("scope-promise", `
let n = 0;
Promise.resolve().then(() => { n = 7 });
__annex_register({ index: { run: () => n } });`)
	if n := must[int](t, rt, art, "index.run", "1"); n != 7 {
		t.Errorf("a promise of module scope was not run to its end: %d", n)
	}
}
