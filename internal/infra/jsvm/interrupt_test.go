package jsvm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// endless keep the engine in one of its own operations for seconds, minutes or for ever.
var endless = []struct{ name, body string }{
	{"loop", `for (;;);`},
	{"join", `const b = []; b.length = 2**32-1; return b.join("")`},
	{"sparseIndexOf", `const b = []; b.length = 2**32-1; for (;;) b.indexOf(1)`},
	{"arrayLike", `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`},
	{"reverse", `new Array(2**32-1).reverse()`},
	{"power", `for (;;) 3n**600000n`},
	{"bigText", `const a = 3n**600000n; for (;;) a.toString()`},
	{"bigSquare", `let n = 3n; for (;;) n = n * n`},
	{"fill", `const u = new Uint8Array(12<<20); for (;;) u.fill(1)`},
	{"indexOf", `const u = new Uint8Array(12<<20); for (;;) u.indexOf(7)`},
	{"sortBytes", `const u = new Uint8Array(12<<20); for (;;) u.sort()`},
	{"set", `const u = new Uint8Array(12<<20), v = new Uint8Array(6<<20); for (;;) u.set(v)`},
	{"copyWithin", `const u = new Uint8Array(12<<20); for (;;) u.copyWithin(0, 1000)`},
	{"toSorted", `const a = Array.from({ length: 2e5 }, (_, i) => i * 7919 % 1000003); for (;;) a.toSorted()`},
	{"regexp", `for (;;) /^(a+)+$/.test("a".repeat(40) + "b")`},
	{"replaceAll", `const s = "ab".repeat(8<<20); for (;;) s.replaceAll("a", "xx")`},
	{"normalize", `const s = "é".repeat(5<<20); for (;;) s.normalize("NFD")`},
	{"search", `const s = "ab".repeat(8<<20) + "c"; for (;;) s.indexOf("aba".repeat(1000) + "c")`},
	{"upper", `const s = "ab".repeat(8<<20); for (;;) s.toUpperCase()`},
	{"parse", `const s = "[" + "1,".repeat(1<<20) + "1]"; for (;;) JSON.parse(s)`},
	{"print", `const s = "\u0001".repeat(8<<20); for (;;) JSON.stringify(s)`},
	{"shared", `let o = []; for (let i = 0; i < 30; i++) o = [o, o]; return o`},
	{"sharedText", `let o = []; for (let i = 0; i < 30; i++) o = [o, o]; for (;;) JSON.stringify(o)`},
	{"number", `for (;;) parseFloat("1".repeat(10<<20))`},
	{"compile", `for (;;) new Function("return " + "1+".repeat(1<<20) + "1")`},
	{"finally", `const f = () => { try { f() } finally { f() } }; f()`},
}

// Whatever the engine does, the host is asked while it does it, can let others run, and can
// end it.
func TestEveryOperationIsInterrupted(t *testing.T) {
	e := newEngine(t)
	var b strings.Builder
	b.WriteString("__annex_register({ index: { ok: () => 1,\n")
	for _, x := range endless {
		fmt.Fprintf(&b, "%s() { %s },\n", x.name, x.body)
	}
	b.WriteString("} });")
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(b.String())})
	neighbour := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(counterApp)})
	// An engine that does not ask would keep the test for ever.
	defer time.AfterFunc(3*time.Minute, func() { panic("the engine does not ask") }).Stop()
	for _, x := range endless {
		t.Run(x.name, func(t *testing.T) {
			in := acquire(t, e, img, &recorder{}, jsvm.Limits{CPU: 150 * time.Millisecond})
			served := 0
			e.OnTick(func() {
				if err := e.Yield(func() {
					if o := invoke(t, e, neighbour, "index.count", "1"); o.OK {
						served++
					}
				}); err != nil {
					t.Error(err)
				}
			})
			defer e.OnTick(nil)
			start(in, "index."+x.name, "1")
			if o := in.Outcome(); o == nil || ended(o) != "LIMIT_CPU" {
				t.Errorf("it ended with %+v", o)
			}
			if served == 0 {
				t.Error("nobody else ran meanwhile")
			}
			in.Release()
		})
	}
	if o := invoke(t, e, img, "index.ok", "1"); ended(o) != "1" {
		t.Errorf("a call after them: %+v", o)
	}
}

// Large copies and fills go in pieces, and are what they are at one go.
func TestBulkOperationsInPieces(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(`
const size = 300_000, at = (i) => (i * 7919 + (i >> 8)) & 0xff;
const wrong = [];
function check(name, u, want) { for (let i = 0; i < u.length; i++) if (u[i] !== want(i)) { wrong.push(name + " " + i); return } }
__annex_register({ index: { run: () => {
  for (const by of [1000, 20000]) {
    const u = Uint8Array.from({ length: size }, (_, i) => at(i));
    u.copyWithin(by, 0);
    check("up " + by, u, (i) => at(i < by ? i : i - by));
    const d = Uint8Array.from({ length: size }, (_, i) => at(i));
    d.copyWithin(0, by);
    check("down " + by, d, (i) => at(i < size - by ? i + by : i));
    d.fill(9, 5, size - by);
    check("fill " + by, d, (i) => i >= 5 && i < size - by ? 9 : at(i < size - by ? i + by : i));
  }
  return wrong;
} } });`)})
	in := acquire(t, e, img, &recorder{}, jsvm.Limits{CPU: 5 * time.Minute})
	if start(in, "index.run", "1"); in.Outcome() == nil || ended(in.Outcome()) != "[]" {
		t.Errorf("%+v", in.Outcome())
	}
}

const greedyApp = `
const kept = [];
__annex_register({ index: {
  hold: (mb) => { kept.push(new Uint8Array(mb << 20).fill(1)); return new Promise((done) => setTimeout(done, 1000, 1)) },
  ok: (mb) => { kept.push(new Uint8Array(mb << 20).fill(1)); return kept.length },
}});`

// Calls that hold memory while they wait hold no more together than there is. The one that
// holds most, of the app that holds most, makes room for the others.
func TestMemoryOfAllCallsHasABudget(t *testing.T) {
	e := newEngine(t, func(c *jsvm.Config) { c.Budget = 64 << 20 })
	greedy := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(greedyApp)})
	modest := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(greedyApp + "// another")})
	var told []*jsvm.Instance
	e.OnEvict(func(in *jsvm.Instance) { told = append(told, in); in.Release() })
	var all []*jsvm.Instance
	for range 12 {
		in := acquire(t, e, greedy, &recorder{}, jsvm.Limits{})
		start(in, "index.hold", "10")
		all = append(all, in)
		other := acquire(t, e, modest, &recorder{}, jsvm.Limits{})
		if start(other, "index.ok", "4"); other.Outcome() == nil || ended(other.Outcome()) != "1" {
			t.Fatalf("another app's call: %+v", other.Outcome())
		}
		other.Release()
	}
	waiting := 0
	for _, in := range all {
		switch o := in.Outcome(); {
		case o == nil:
			waiting++
			in.Release()
		case ended(o) != "OVERLOADED":
			t.Errorf("ended with %s", ended(o))
		}
	}
	if waiting == 0 || waiting > 8 || waiting+len(told) < 11 {
		t.Errorf("%d calls hold 10 MB each of 64, %d were ended", waiting, len(told))
	}
	last := acquire(t, e, greedy, &recorder{}, jsvm.Limits{})
	if start(last, "index.hold", "40"); last.Outcome() != nil {
		t.Errorf("memory is not given back: %s", ended(last.Outcome()))
	}
}
