package jsvm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// hostile runs the body of a function, on an engine that other tests of one test share,
// and shows that the engine serves others afterwards.
func hostile(t *testing.T, e *jsvm.Engine, body string, l jsvm.Limits) (*jsvm.Outcome, *recorder) {
	t.Helper()
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(`
const { kernel } = __annex_require("test:kernel");
const log = [];
const refused = () => kernel.native("tz", "Nowhere/Land", 0);
__annex_register({ index: { run: () => { ` + body + `
} } });`)})
	r := &recorder{}
	in := acquire(t, e, img, r, l)
	start(in, "index.run", "1")
	o := in.Outcome()
	in.Release()
	if o == nil {
		t.Fatal("the call waits")
	}
	if again := invoke(t, e, snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(counterApp)}), "index.count", "1"); !again.OK {
		t.Fatalf("a call after it: %+v", again)
	}
	return o, r
}

func ended(o *jsvm.Outcome) string {
	switch {
	case o.Fault != nil:
		return o.Fault.Code
	case !o.OK:
		return "app: " + string(o.Head)
	}
	return string(o.Body)
}

// The engine's functions have one native stack each. A host operation that ran inside
// another would overwrite the frames of the first.
func TestNoHostOperationInsideAnother(t *testing.T) {
	e := newEngine(t)
	for name, tc := range map[string]struct{ body, want string }{
		// The errors of refused operations run no setter of the app.
		"setter": {`
Object.defineProperty(Error.prototype, "name", { configurable: true, get: () => "E", set() { log.push("set"); refused(); } });
Object.defineProperty(Error.prototype, "message", { configurable: true, get: () => "M", set() { log.push("set"); refused(); } });
try { refused() } catch (err) { log.push(err.name, err.message) }
return log`, `["RangeError","invalid time zone: Nowhere/Land"]`},
		// The engine is not asked for the bytes of what has none: its error would run this.
		"stack trace": {`
Error.prepareStackTrace = () => { log.push("prepared"); try { kernel.native("hash", "md5", {}) } catch {} return "" };
try { kernel.native("hash", "md5", {}) } catch (err) { log.push(err.name) }
Error.prepareStackTrace = undefined;
return log.filter((l, i) => log.indexOf(l) === i).sort()`, `["TypeError","prepared"]`},
		"proxy": {`try { kernel.native("hash", "md5", new Proxy(new Uint8Array(8), { get() { log.push("trap"); refused() } })) } catch (err) { log.push(err.name) } return log`,
			`["TypeError"]`},
		"valueOf":  {`try { kernel.native("random", { valueOf() { log.push("ran"); refused() } }) } catch (err) { log.push(err.name) } return log`, `["RangeError"]`},
		"toString": {`try { kernel.native("tz", { toString() { log.push("ran"); refused() } }, 0) } catch (err) { log.push(err.name) } return log`, `["TypeError"]`},
		// Where the engine does throw inside an operation, its inner one ends the call.
		"detached": {`
const gone = new Uint8Array(8);
gone.buffer.transfer();
Error.prepareStackTrace = () => { refused(); return "" };
try { kernel.native("hash", "md5", gone) } catch {}
return "went on"`, "ENGINE_TRAP"},
		"detached, same operation": {`
const gone = new Uint8Array(8);
gone.buffer.transfer();
Error.prepareStackTrace = () => { try { kernel.native("hash", "md5", new Uint8Array(8)) } catch {} return "" };
for (let i = 0; i < 3; i++) try { kernel.native("hash", "md5", gone) } catch {}
return "went on"`, "ENGINE_TRAP"},
		"limit of frames": {`
const gone = new Uint8Array(8);
gone.buffer.transfer();
let ran = false;
try { Error.stackTraceLimit = { valueOf() { if (!ran) { ran = true; kernel.native("now") } return 3 } } } catch {}
try { kernel.native("hash", "md5", gone) } catch {}
return "went on"`, "ENGINE_TRAP|\"went on\""},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := hostile(t, e, tc.body, jsvm.Limits{})
			if got := ended(o); !strings.Contains("|"+tc.want+"|", "|"+got+"|") {
				t.Errorf("%s, want %s (%v)", got, tc.want, o.Fault)
			}
		})
	}
}

// A frame of a stack trace must not give what runs in it: that is the kernel, and the
// host's own function.
func TestFramesGiveNoFunctions(t *testing.T) {
	o, _ := hostile(t, newEngine(t), `
const found = [];
Error.prepareStackTrace = (_, sites) => {
  for (const s of sites) {
    log.push(s.getFunctionName());
    for (const name of [...Object.getOwnPropertyNames(Object.getPrototypeOf(s)), "getFunction", "getThis"]) {
      let v;
      try { v = s[name]?.() } catch {}
      if (v !== null && (typeof v === "object" || typeof v === "function")) found.push(name);
    }
  }
  return "";
};
const e = {}; Error.captureStackTrace(e);
try { kernel.native("hash", "md5", {}) } catch (err) { err.stack }
const gone = new Uint8Array(8);
gone.buffer.transfer();
try { kernel.native("hash", "md5", gone) } catch (err) { err.stack }
return [found, log.length > 3]`, jsvm.Limits{})
	if got := ended(o); got != `[[],true]` {
		t.Error(got)
	}
}

// Built-ins that the app has changed change what the kernel tells the host. It ends that
// call, and nothing goes on the wire.
func TestHeadsAreObjects(t *testing.T) {
	e := newEngine(t)
	for name, tc := range map[string]struct{ body, want string }{
		"call":   {`Object.prototype.toJSON = () => [1]; kernel.call("echo", { a: 1 }); return 1`, "INVALID_HOST_OP"},
		"result": {`Object.prototype.toJSON = () => "x"; throw new Error("y")`, "INVALID_HOST_OP"},
	} {
		o, r := hostile(t, e, tc.body, jsvm.Limits{})
		if got := ended(o); got != tc.want || len(r.calls) != 0 {
			t.Errorf("%s: %s and %d calls, want %s", name, got, len(r.calls), tc.want)
		}
	}
	o, r := hostile(t, e, `Array.prototype.toJSON = () => "x"; console.log("y"); return 1`, jsvm.Limits{})
	if !o.OK || len(r.logs) != 1 || r.logs[0] != `info ["x"]` {
		t.Errorf("%s, logged %q", ended(o), r.logs)
	}
}

// A host call that is too large is refused to the app, which may go on.
func TestLargeHostCallsAreRefused(t *testing.T) {
	e := newEngine(t)
	for _, args := range []string{`{ a: "<".repeat(61440) }`, `{}, new Uint8Array((10 << 20) + 1)`} {
		o, r := hostile(t, e, `return kernel.call("echo", `+args+`).catch((err) => [err.name, err.code, err.message.slice(0, 14)])`, jsvm.Limits{})
		if got := ended(o); got != `["RangeError","LIMIT_REQUEST","echo was given"]` || len(r.calls) != 0 {
			t.Errorf("%s and %d calls", got, len(r.calls))
		}
	}
}

// nothings makes u, 30 MB of a unit.
func nothings(unit string) string {
	return `const m = ` + unit + `, u = new Uint8Array((30 << 20) - (30 << 20) % m.length); u.set(m);
for (let n = m.length; n < u.length; n *= 2) u.copyWithin(n, 0, n);
`
}

// emptyBlocks are four blocks with trees of their own and no data; together they have whole
// bytes.
const emptyBlocks = `(() => { const bits = [], put = (v, n) => { for (let i = 0; i < n; i++) bits.push((v >> i) & 1) };
for (let k = 0; k < 4; k++) { put(0,1);put(2,2);put(0,5);put(0,5);put(14,4);
for (const s of [16,17,18,0,8,7,9,6,10,5,11,4,12,3,13,2,14,1]) put(s === 18 || s === 1 ? 1 : 0, 3);
put(1,1);put(127,7);put(1,1);put(107,7);put(0,1);put(0,1);put(0,1); }
const unit = []; for (let i = 0; i < bits.length; i += 8) { let b = 0; for (let j = 0; j < 8; j++) b |= bits[i+j] << j; unit.push(b) } return unit })()`

// Natives take long; the host hears of the call meanwhile, and can end it. The clock of this
// test moves on whenever it is read, so that each look at it is one at which others may run:
// what is counted is how often a native looks, on a fast machine as on a slow one.
func TestLongNativesPause(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	e := newEngine(t, func(c *jsvm.Config) {
		c.Now = func() time.Time { now = now.Add(6 * time.Millisecond); return now }
	})
	const zeros = `const b = new Uint8Array(30 << 20);`
	// A native looks at least this often for each megabyte it is given or makes.
	const looks = 4
	for name, x := range map[string]struct {
		setup, native string
		megabytes     int
	}{
		"hash":    {zeros, `kernel.native("hash", "sha512", b)`, 30},
		"hmac":    {zeros, `kernel.native("hmac", "sha512", b, b)`, 60},
		"deflate": {zeros, `kernel.native("deflate", "br", b)`, 30},
		"inflate": {zeros + `const z = kernel.native("deflate", "gzip", b);`, `kernel.native("inflate", "gzip", z)`, 30},
		// Input of which nothing comes: members of nothing, blocks of nothing but their tables,
		// metadata.
		"empty members":  {nothings(`[0x1f,0x8b,8,0,0,0,0,0,0,3,3,0,0,0,0,0,0,0,0,0]`), `kernel.native("inflate", "gzip", u)`, 30},
		"empty blocks":   {nothings(emptyBlocks), `kernel.native("inflate", "deflate-raw", u)`, 30},
		"empty metadata": {nothings(`[6]`) + `u[0] = 12;`, `kernel.native("inflate", "br", u)`, 30},
		"utf16":          {zeros, `kernel.native("utf16dec", b)`, 30},
		"many":           {`const b = new Uint8Array(200_000);`, `for (let n = 0; n < 150; n++) kernel.native("hash", "sha512", b)`, 30},
	} {
		t.Run(name, func(t *testing.T) {
			body := x.setup + `console.log("now"); ` + x.native + `; console.log("done"); return 1`
			img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(`
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: { run: () => { ` + body + ` } } });`)})
			r := &recorder{}
			in := acquire(t, e, img, r, jsvm.Limits{})
			defer in.Release()
			seen := 0
			e.OnTick(func() {
				if len(r.logs) != 1 {
					return
				}
				if seen++; seen == looks*x.megabytes {
					in.End(fault.New(fault.Unavailable, "CANCELLED", "enough"))
				}
			})
			defer e.OnTick(nil)
			start(in, "index.run", "1")
			if o := in.Outcome(); o == nil || ended(o) != "CANCELLED" || len(r.logs) != 1 {
				t.Errorf("%+v after %d looks at the clock, and it wrote %q", o, seen, r.logs)
			}
		})
	}
	// Natives that follow each other for ever end where the call's time does.
	if o, _ := hostile(t, e, zeros+`for (;;) kernel.native("hash", "sha512", b)`, jsvm.Limits{CPU: 10 * time.Second}); ended(o) != "LIMIT_CPU" {
		t.Error(ended(o))
	}
	o, _ := hostile(t, e, `try { kernel.native("hash", "md5", new Uint8Array((64 << 20) + 1)) } catch (err) { return err.name }`, jsvm.Limits{})
	if got := ended(o); got != `"RangeError"` {
		t.Error(got)
	}
}

// Text that is decoded in pieces is what it is at one go, wherever characters lie.
func TestTextIsDecodedInPieces(t *testing.T) {
	o, _ := hostile(t, newEngine(t), `
const utf16 = (s) => { const b = new Uint8Array(2 * s.length); for (let i = 0; i < s.length; i++) { b[2 * i] = s.charCodeAt(i); b[2 * i + 1] = s.charCodeAt(i) >> 8 } return b };
const wrong = [];
for (let pad = 0; pad < 4; pad++) {
  const s = "a".repeat(pad) + "\u{1f600}é€".repeat(40000);
  if (kernel.native("utf16dec", utf16(s), true) !== s) wrong.push("utf16 " + pad);
  const b = kernel.native("utf8enc", s), c = new Uint8Array(b.length + 1);
  c.set(b); c[b.length] = 0xff;
  if (kernel.native("utf8dec", c, false) !== s + "\ufffd") wrong.push("utf8 " + pad);
}
return wrong`, jsvm.Limits{})
	if got := ended(o); got != `[]` {
		t.Error(got)
	}
}
