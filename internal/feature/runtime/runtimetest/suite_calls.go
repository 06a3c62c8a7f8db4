package runtimetest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

func hostCalls(t *testing.T, rt Runtime) {
	art := App("hostcalls", `
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: {
  echo: async (payload) => {
    const body = new Uint8Array(300_000).fill(7);
    const replies = await Promise.all([1, 2, 3].map((n) => kernel.call("echo", { n, payload }, body)));
    return replies.map((r) => [r.head, r.body.length, r.body.every((b) => b === 7)]);
  },
  refused: async () => {
    try { await kernel.call("refuse", {}) } catch (err) {
      return { error: err instanceof Error, name: err.name, code: err.code, status: err.status, origin: err.origin, message: err.message };
    }
  },
  unknown: () => kernel.call("unknown", {}),
  many: async () => { for (let i = 0; i < 101; i++) await kernel.call("fetch", {}) },
  forget: () => { kernel.call("late", {}); return "ended" },
}});`)
	// What app code began and did not await is done all the same, after the call's end.
	h := &Host{Release: make(chan struct{}), Late: make(chan error, 1)}
	if res, err := rt.Run(t.Context(), art, Call("index.forget", "1"), nil, h); err != nil || string(res.Body) != `"ended"` {
		t.Fatalf("%s %v", res.Body, err)
	}
	close(h.Release)
	if err := <-h.Late; err != nil {
		t.Errorf("the call's end stopped a host call that had begun: %v", err)
	}
	got := must[[][]any](t, rt, art, "index.echo", `"x"`)
	b, _ := json.Marshal(got)
	if want := `[[{"n":1,"payload":"x"},300000,true],[{"n":2,"payload":"x"},300000,true],[{"n":3,"payload":"x"},300000,true]]`; string(b) != want {
		t.Errorf("got %s", b)
	}
	refused := must[map[string]any](t, rt, art, "index.refused", "1")
	b, _ = json.Marshal(refused)
	if want := `{"code":"REQUEST_EGRESS_ALLOWLIST_ERR","error":true,"message":"not on the list","name":"REQUEST_EGRESS_ALLOWLIST_ERR","origin":"https://example.com","status":403}`; string(b) != want {
		t.Errorf("got %s", b)
	}
	// What is no fault stays inside the platform.
	if f := mustFail(t, rt, art, Call("index.unknown", "1"), "FUNCTION_ERR"); strings.Contains(f.Public, "no method") {
		t.Errorf("an internal error reached the app: %v", f)
	}
	mustFail(t, rt, art, Call("index.many", "1"), "LIMIT_HOSTCALLS")
}

func appErrors(t *testing.T, rt Runtime) {
	art := App("errors", `
class Custom extends Error { constructor() { super("mine"); this.name = "Custom"; this.code = "E_MINE" } }
__annex_register({ index: {
  custom: async () => { await null; throw new Custom() },
  sync: () => { throw new TypeError("at once") },
  value: () => Promise.reject("a string"),
  hostile: () => { throw { get message() { throw 1 } } },
  never: () => new Promise(() => {}),
  deep: () => { const f = () => f() + 1; return f() },
}});`)
	f := mustFail(t, rt, art, Call("index.custom", "1"), "FUNCTION_ERR")
	if f.Kind != fault.App || f.Fields["name"] != "Custom" || f.Fields["message"] != "mine" {
		t.Errorf("got %+v", f)
	}
	if stack, _ := f.Fields["stack"].(string); !strings.Contains(stack, "app.js:") {
		t.Errorf("stack %q", stack)
	}
	if f = mustFail(t, rt, art, Call("index.sync", "1"), "FUNCTION_ERR"); f.Public != "TypeError: at once" {
		t.Errorf("got %q", f.Public)
	}
	if f = mustFail(t, rt, art, Call("index.value", "1"), "FUNCTION_ERR"); !strings.Contains(f.Public, "a string") {
		t.Errorf("got %q", f.Public)
	}
	mustFail(t, rt, art, Call("index.hostile", "1"), "FUNCTION_ERR")
	mustFail(t, rt, art, Call("index.never", "1"), "NEVER_SETTLED")
	if f = mustFail(t, rt, art, Call("index.deep", "1"), "FUNCTION_ERR"); f.Fields["name"] != "RangeError" {
		t.Errorf("got %+v", f)
	}
	if f = mustFail(t, rt, art, Call("index.custom", "{not json"), "FUNCTION_ERR"); f.Fields["name"] != "SyntaxError" {
		t.Errorf("got %+v", f)
	}
}

func limits(t *testing.T, rt Runtime) {
	art := App("limits", `
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: {
  loop: () => { for (;;); },
  promises: async () => { for (;;) await null },
  memory: () => { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)) },
  strings: () => { let s = "x"; const all = []; for (;;) all.push(s += s) },
  response: () => "x".repeat(5 * 1024 * 1024),
  wait: () => kernel.call("never", {}),
  ok: (p) => p,
}});`)
	soon := func(fn string) *call.Call {
		c := Call(fn, "1")
		c.Deadline = time.Now().Add(300 * time.Millisecond)
		return c
	}
	if must[int](t, rt, art, "index.ok", "5") != 5 {
		t.Error("ok does not work")
	}
	for _, fn := range []string{"index.loop", "index.promises", "index.wait"} {
		f := mustFail(t, rt, art, soon(fn), "LIMIT_WALL")
		if f.Fields["limit"] != "wall" || f.Fields["figure"] == nil {
			t.Errorf("%s: the error names no limit or figure: %v", fn, f.Fields)
		}
	}
	for fn, code := range map[string]string{"index.memory": "LIMIT_MEMORY", "index.response": "LIMIT_RESPONSE"} {
		f := mustFail(t, rt, art, Call(fn, "1"), code)
		if f.Kind != fault.Limit || f.Fields["limit"] == nil || f.Fields["figure"] == nil {
			t.Errorf("%s: %+v", fn, f)
		}
	}
	_, err := rt.Run(t.Context(), art, Call("index.strings", "1"), nil, &Host{})
	if c := fault.CodeOf(err); c != "LIMIT_MEMORY" && c != "FUNCTION_ERR" {
		t.Errorf("doubling strings gave %v", err)
	}
	mustFail(t, rt, art, Call("index.ok", `"`+strings.Repeat("x", 5<<20)+`"`), "LIMIT_REQUEST")
	if must[int](t, rt, art, "index.ok", "6") != 6 {
		t.Error("calls after a limit are not served")
	}
}

// cancel shows that a caller who goes away ends the call, and that a neighbour is served
// while another call loops to its deadline.
func cancel(t *testing.T, rt Runtime) {
	art := App("cancel", `
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: { wait: () => kernel.call("never", {}), loop: () => { for (;;); }, ok: (p) => p } });`)
	for range 5 {
		must[int](t, rt, art, "index.ok", "1")
	}
	ctx, stop := context.WithCancel(t.Context())
	h := &Host{Reached: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		_, err := rt.Run(ctx, art, Call("index.wait", "1"), nil, h)
		ended <- err
	}()
	<-h.Reached
	stop()
	if err := <-ended; fault.CodeOf(err) != "CANCELLED" {
		t.Errorf("a caller who went away got %v", err)
	}

	// Fewer than one app may have under way in one worker: a second may not have started yet.
	loops := make(chan error, 3)
	for range cap(loops) {
		c := Call("index.loop", "1")
		c.Deadline = time.Now().Add(time.Second)
		go func() {
			_, err := rt.Run(t.Context(), art, c, nil, &Host{})
			loops <- err
		}()
	}
	served := 0
	for ended := 0; ended < cap(loops); {
		select {
		case err := <-loops:
			if ended++; fault.CodeOf(err) != "LIMIT_WALL" {
				t.Errorf("a loop ended with %v", err)
			}
		default:
			must[int](t, rt, art, "index.ok", "1")
			served++
		}
	}
	if served < 10 {
		t.Errorf("only %d neighbours were served while three loops ran", served)
	}
}
