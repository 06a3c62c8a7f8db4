package attack

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
)

// hoarder keeps something in every place that a call could leave something in, and says
// what it found there.
const hoarder = `
let n = 0;
const cache = new Map();
const buffer = new Uint8Array(4096);
const weak = new WeakMap();
class Registry { static all = []; #own = 0; bump() { return this.#own++; } }
const registry = new Registry();
function* generator() { let i = 0; for (;;) yield i++; }
const sequence = generator();
const late = [];
const symbol = Symbol.for("hoard");
const sdk = __annex_require("@annex/api");
const events = __annex_require("node:events");
const path = __annex_require("node:path");
const regexp = /x/g;

async function hoard(request) {
  const me = request.body;
  const seen = {
    n, cache: [...cache.keys()], buffer: buffer[0], statics: Registry.all, own: registry.bump(), sequence: sequence.next().value, late,
    global: globalThis.hoard, symbol: globalThis[symbol], object: Object.prototype.hoard, array: Array.prototype.hoard,
    promise: Promise.prototype.hoard, json: JSON.hoard, fn: Function.prototype.hoard, proto: Object.getPrototypeOf(async function () {}).hoard,
    sdk: sdk.hoard, fetch: fetch.hoard, events: (events.default ?? events).hoard, env: process.env.HOARD, console: console.hoard,
    lastIndex: regexp.lastIndex, text: "".hoard, error: Error.stackTraceLimit === 7, emitter: process.listenerCount?.("hoard"),
    path: (path.default ?? path).hoard, random: null,
  };
  const found = JSON.stringify(seen);
  const random = [String(Math.random()), crypto.randomUUID()];
  n++;
  cache.set(me, me);
  buffer.fill(7);
  Registry.all.push(me);
  weak.set(hoard, me);
  regexp.test("x");
  for (const place of [globalThis, Object.prototype, Array.prototype, Promise.prototype, JSON, Function.prototype, String.prototype,
    Object.getPrototypeOf(async function () {}), sdk, fetch, events.default ?? events, console, path.default ?? path]) {
    try { Object.defineProperty(place, "hoard", { value: me, configurable: true, writable: true, enumerable: false }); } catch {}
  }
  globalThis[symbol] = me;
  process.env.HOARD = me;
  Error.stackTraceLimit = 7;
  try { process.on?.("hoard", () => {}); } catch {}
  setTimeout(() => { late.push(me); n += 100; }, 1);
  setInterval(() => { n += 1000; }, 1);
  Promise.resolve().then(() => Promise.resolve()).then(() => { n += 10; });
  JSON.parse = () => ({ stolen: me });
  await new Promise((done) => setTimeout(done, 2));
  return { statusCode: 200, headers: { "content-type": ["application/json"] }, body: '{"me":"' + me + '","random":' + JSON.stringify(random) + ',"seen":' + found + '}' };
}
`

// SPEC 1, RUNTIME: what a call leaves, no other call finds: not of another site, not of
// the same installation.
func TestAttackKeepState(t *testing.T) {
	p := newPlatformOf(t, 2)
	app := p.deploy("development", source{hooks: []string{"hoard"}, code: hoarder})
	other := app.on("other", p.site("other"))
	production := app
	production.environment = "production"
	production.redeploy(source{hooks: []string{"hoard"}, code: hoarder})
	production = production.install()
	hooks := []string{app.hook("hoard"), other.hook("hoard"), production.hook("hoard")}

	const want = `{"n":0,"cache":[],"buffer":0,"statics":[],"own":0,"sequence":0,"late":[],"error":false,"lastIndex":0,"random":null}`
	clean := canonical(t, want)
	const callers, each = 8, 250
	var mu sync.Mutex
	drawn := map[string]string{}
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				me := fmt.Sprintf("%d-%d", caller, i)
				a := p.ask("POST", hooks[(caller+i)%len(hooks)], nil, me)
				var got struct {
					Me     string
					Random []string
					Seen   map[string]any
				}
				if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || got.Me != me {
					t.Errorf("%s: %d %s", me, a.status, a.body)
					return
				}
				if got.Seen["emitter"] == float64(0) {
					delete(got.Seen, "emitter")
				}
				if seen, _ := json.Marshal(got.Seen); string(seen) != clean {
					t.Errorf("%s found what another call left: %s", me, seen)
					return
				}
				mu.Lock()
				for _, r := range got.Random {
					if before, twice := drawn[r]; twice {
						t.Errorf("%s and %s drew the same random number: %s", me, before, r)
					}
					drawn[r] = me
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(drawn) != 2*callers*each && !t.Failed() {
		t.Errorf("%d random numbers", len(drawn))
	}
}

// A version that cannot be snapshotted runs its module scope at each call, and keeps no
// more than others.
func TestAttackKeepStateWithoutSnapshot(t *testing.T) {
	p := newPlatformOf(t, 2)
	app := p.deploy("development", source{also: []string{"count"}, code: `
let n = 0;
setTimeout(() => { n = 100; }, 1);
function count() { globalThis.left = (globalThis.left ?? 0) + 1; return [++n < 100 || n === 101, globalThis.left]; }`})
	for range 20 {
		var got []any
		app.result("count", nil, &got)
		if got[0] != true || got[1] != float64(1) {
			t.Fatalf("a call found %v", got)
		}
	}
}

// A call that failed, ran out of memory or was cut off leaves no more than one that ended well.
func TestAttackKeepStateByFailing(t *testing.T) {
	t.Parallel()
	p := newPlatformOf(t, 2)
	app := p.deploy("development", source{also: []string{"leave", "look"}, code: `
let secret = "none";
async function leave(how) {
  secret = globalThis.secret = Object.prototype.secret = "left by " + how;
  const junk = new Uint8Array(8 << 20); junk.fill(65);
  if (how === "throw") throw new Error("thrown");
  if (how === "recurse") return (function f() { return f() + 1; })();
  if (how === "memory") { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(66)); }
  if (how === "never") return new Promise(() => {});
  if (how === "timer") { setTimeout(() => { throw new Error("late"); }, 1); return new Promise((r) => setTimeout(r, 5000)); }
  if (how === "large") return "x".repeat(6 << 20);
  if (how === "logs") for (;;) console.log("x");
}
function look() {
  const fresh = new Uint8Array(16 << 20);
  let dirty = 0;
  for (let i = 0; i < fresh.length; i += 512) if (fresh[i] !== 0) dirty++;
  return [secret, globalThis.secret ?? null, ({}).secret ?? null, dirty];
}`})
	for _, how := range []string{"throw", "recurse", "memory", "never", "timer", "large", "logs"} {
		if a := app.invoke("leave", how); a.status < 400 {
			t.Errorf("%s: %d %s", how, a.status, a.body)
		}
		for range 4 { // both workers, and instances that are handed on
			var got []any
			app.result("look", nil, &got)
			if fmt.Sprint(got) != "[none <nil> <nil> 0]" {
				t.Errorf("after %s a call found %v", how, got)
			}
		}
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, _ := json.Marshal(v)
	return string(out)
}
