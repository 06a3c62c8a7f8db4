package jsvm_test

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

const settleApp = `
class Lazy extends Promise {
  then(...how) { return Promise.resolve("begun by then").then(...how); }
}
const table = {
  plain: () => "at once",
  async asyn() { return "async" },
  async awaits() { await null; await null; return "awaited" },
  async throws() { throw new Error("thrown") },
  async throwsLater() { await null; throw new Error("thrown later") },
  resolved: () => Promise.resolve("resolved"),
  rejected: () => Promise.reject(new Error("rejected")),
  never: () => new Promise(() => {}),
  nested: async () => table.asyn().then((v) => table.awaits().then((w) => v + " " + w)),
  thenable: () => ({ then(done) { done("a thenable") } }),
  lazy: () => new Lazy(() => {}),
  fake: () => Object.assign(Object.create(Promise.prototype), { kind: "no promise" }),
  ownThen: () => Object.assign(Promise.resolve("its own"), { then() { throw new Error("never asked") } }),
  badProxy: () => new Proxy({}, { getPrototypeOf() { throw new Error("a trap") } }),
  // What was to run before the answer runs before it, however it was begun.
  async first() {
    Promise.resolve().then(() => console.log("before the answer"));
    return "after the log";
  },
  async chain() {
    const more = (n) => { console.log("link " + n); if (n < 3) Promise.resolve().then(() => more(n + 1)) };
    Promise.resolve().then(() => more(1));
    await null;
    return "after a link";
  },
  patched: () => {
    const p = Promise.resolve("patched");
    Promise.prototype.then = () => { throw new Error("patched") };
    Promise.prototype.constructor = null;
    return p;
  },
};
__annex_register({ index: table });`

// A function's promise is waited for as the language waits, though the host looks at it
// itself where it can; and its failure is the call's, and no unhandled rejection.
func TestPromisesSettle(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(settleApp)})
	for fn, want := range map[string]string{
		"plain": `"at once"`, "asyn": `"async"`, "awaits": `"awaited"`, "throws": "error: thrown", "throwsLater": "error: thrown later",
		"resolved": `"resolved"`, "rejected": "error: rejected", "never": "NEVER_SETTLED", "nested": `"async awaited"`, "thenable": `"a thenable"`,
		"lazy": `"begun by then"`, "fake": `error: `, "ownThen": `"its own"`, "badProxy": "{}",
		"first": `before the answer, "after the log"`, "chain": `link 1, link 2, "after a link"`, "patched": `"patched"`,
	} {
		r := &recorder{}
		in, err := e.Acquire(img, r, jsvm.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		start(in, "index."+fn, "1")
		got := ""
		for _, l := range r.logs {
			got += strings.Trim(strings.TrimPrefix(l, "info "), `["]`) + ", "
		}
		switch o := in.Outcome(); {
		case o == nil:
			got += "waits"
		case o.Fault != nil:
			got += o.Fault.Code
		case !o.OK:
			got += "error: " + strings.Split(string(o.Head), `"message":"`)[1]
		default:
			got += string(o.Body)
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, not %s", fn, got, want)
		}
		in.Release()
	}
}
