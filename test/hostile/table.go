// Package hostile holds code of apps that take whatever they can get. Each row names in
// which typed errors it may end; that nobody else notices is what the attack tests and the
// benchmark show with it.
package hostile

import (
	"fmt"
	"strings"
)

// Row is one function of a hostile app.
type Row struct {
	Name string
	Body string // of an async function; kvs, fetch and need("node:…") are in its scope
	// Codes are the errors in which a call may end, "" for none: what it does is its own
	// matter then. None of them is WORKER_LOST: a worker is not what an app can take.
	Codes []string
	// Short rows are run by every make test.
	Short bool
	// Web rows answer a web request.
	Web bool
}

// Endless reports whether only a limit of time ends the row.
func (r Row) Endless() bool {
	for _, c := range r.Codes {
		if c == "LIMIT_WALL" {
			return true
		}
	}
	return false
}

// SlowHost is a host that never answers, LargeHost one that answers 10 MB.
const (
	SlowHost  = "slow.example"
	LargeHost = "large.example"
)

var (
	wall    = []string{"LIMIT_WALL"}
	memory  = []string{"LIMIT_MEMORY", "LIMIT_WALL"}
	threw   = []string{"FUNCTION_ERR"}
	fine    = []string{""}
	refused = []string{"LIMIT_HOSTCALLS"}
)

// Rows is the table.
var Rows = []Row{
	// Loops of every kind.
	{Name: "loop", Body: `for (;;);`, Codes: wall, Short: true},
	{Name: "whileCaught", Body: `while (true) try { throw 1 } catch {} finally { continue }`, Codes: wall},
	{Name: "labelled", Body: `a: for (;;) { for (;;) continue a }`, Codes: wall},
	{Name: "promises", Body: `for (;;) await null;`, Codes: wall, Short: true},
	{Name: "microtasks", Body: `const again = () => queueMicrotask(again); again(); await new Promise(() => {});`, Codes: wall},
	{Name: "thenables", Body: `const t = { then(ok) { ok(t) } }; await t;`, Codes: wall},
	{Name: "timers", Body: `for (;;) await new Promise((r) => setTimeout(r, 0));`, Codes: wall, Short: true},
	{Name: "generator", Body: `function* g() { for (;;) yield 1 } for (const x of g());`, Codes: wall},
	{Name: "delegates", Body: `function* g() { yield* g() } for (const x of g());`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL", "LIMIT_MEMORY"}},
	{Name: "asyncGenerator", Body: `async function* g() { for (;;) yield 1 } for await (const x of g());`, Codes: wall},
	{Name: "iterator", Body: `[...{ [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) }];`, Codes: memory},
	{Name: "arrayFrom", Body: `Array.from({ length: 2 ** 32 - 1 }, () => 1);`, Codes: memory},
	{Name: "getter", Body: `const o = { get x() { return o.x } }; o.x;`, Codes: threw},
	{Name: "getterLoop", Body: `const o = { get x() { for (;;); } }; JSON.stringify(o);`, Codes: wall, Short: true},
	{Name: "proxy", Body: `const p = new Proxy({}, { get: (t, k, r) => r[k] }); p.x;`, Codes: threw},
	{Name: "proxyKeys", Body: `const p = new Proxy({}, { ownKeys() { for (;;); } }); Object.keys(p);`, Codes: wall},
	{Name: "proxyChain", Body: `let p = {}; for (let i = 0; i < 1e6; i++) p = new Proxy(p, {}); p.x;`, Codes: []string{"FUNCTION_ERR", "LIMIT_MEMORY", "LIMIT_WALL", ""}},
	{Name: "comparator", Body: `[3, 2, 1].sort(() => { for (;;); });`, Codes: wall, Short: true},
	{Name: "comparatorLies", Body: `const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) a.sort(() => Math.random() - 0.5);`, Codes: wall},
	{Name: "replacer", Body: `"a".repeat(1e6).replace(/a/g, () => { for (;;); });`, Codes: wall},
	{Name: "reviver", Body: `JSON.parse("[1,2,3]", () => { for (;;); });`, Codes: wall, Short: true},
	{Name: "reviverGrows", Body: `JSON.parse("[[1]]", function (k, v) { this[k + "x"] = [v, v]; return v });`, Codes: []string{"", "FUNCTION_ERR", "LIMIT_WALL", "LIMIT_MEMORY"}},
	{Name: "toString", Body: "`${{ toString() { for (;;); } }}`;", Codes: wall},
	{Name: "valueOf", Body: `+{ valueOf() { for (;;); } };`, Codes: wall},
	{Name: "toPrimitive", Body: `1n + { [Symbol.toPrimitive]() { for (;;); } };`, Codes: wall},
	{Name: "hasInstance", Body: `({}) instanceof { [Symbol.hasInstance]() { for (;;); } };`, Codes: wall},
	{Name: "species", Body: `class A extends Array { static get [Symbol.species]() { for (;;); } } new A(1).map((x) => x);`, Codes: wall},
	{Name: "toJSON", Body: `return { toJSON() { for (;;); } };`, Codes: wall, Short: true},
	{Name: "finalizer", Body: `const f = new FinalizationRegistry(() => { for (;;); }); for (;;) f.register({}, 1);`, Codes: memory},
	{Name: "evals", Body: `for (;;) (0, eval)("1 + 1");`, Codes: []string{"LIMIT_WALL", "LIMIT_MEMORY", "FUNCTION_ERR"}},

	// What keeps the engine in one of its own operations.
	{Name: "join", Body: `const a = []; a.length = 2 ** 32 - 1; Array(100).fill(a).join("");`, Codes: wall, Short: true},
	{Name: "sparseIndexOf", Body: `const a = []; a.length = 2 ** 32 - 1; for (;;) a.indexOf(1);`, Codes: wall},
	{Name: "arrayLike", Body: `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`, Codes: wall, Short: true},
	{Name: "reverse", Body: `new Array(2 ** 32 - 1).reverse();`, Codes: memory},
	{Name: "unshift", Body: `const a = new Array(2 ** 32 - 2); a[0] = 1; a.unshift(1);`, Codes: []string{"LIMIT_WALL", "LIMIT_MEMORY", "FUNCTION_ERR"}},
	{Name: "power", Body: `3n ** 50000000n;`, Codes: []string{"LIMIT_WALL", "FUNCTION_ERR", "LIMIT_MEMORY"}},
	{Name: "powerOnce", Body: `for (;;) 3n ** 600000n;`, Codes: wall, Short: true},
	{Name: "bigText", Body: `const a = 3n ** 600000n; for (;;) a.toString();`, Codes: wall},
	{Name: "bigSquare", Body: `let n = 3n; for (;;) n = n * n;`, Codes: []string{"LIMIT_WALL", "FUNCTION_ERR", "LIMIT_MEMORY"}},
	{Name: "bigParse", Body: `const s = "7".repeat(300000); for (;;) BigInt(s);`, Codes: wall},
	{Name: "regexp", Body: `/^(a+)+$/.test("a".repeat(40) + "b"); /(x+x+)+y/.test("x".repeat(60));`, Codes: wall, Short: true},
	{Name: "regexpBack", Body: `/^(.*)\1\1x$/s.test("ab".repeat(30000));`, Codes: []string{"LIMIT_WALL", "LIMIT_MEMORY", "FUNCTION_ERR"}},
	{Name: "regexpLook", Body: `/(?=(a*))(?=(a*))*b/.test("a".repeat(1e6)); for (;;) /(?<=a*)b/.test("a".repeat(5e4));`, Codes: []string{"LIMIT_WALL", "LIMIT_MEMORY", "FUNCTION_ERR"}},
	{Name: "regexpCompile", Body: `for (;;) new RegExp("[^\\u{10000}-\\u{10ffff}]".repeat(2000), "giu");`, Codes: []string{"LIMIT_WALL", "LIMIT_MEMORY", "FUNCTION_ERR"}},
	{Name: "replaceAll", Body: `const s = "ab".repeat(8 << 20); for (;;) s.replaceAll("a", "xx");`, Codes: memory},
	{Name: "normalize", Body: `const s = "é".repeat(5 << 20); for (;;) s.normalize("NFD");`, Codes: memory, Short: true},
	{Name: "search", Body: `const s = "ab".repeat(8 << 20) + "c", x = "aba".repeat(1000) + "c"; for (;;) s.indexOf(x);`, Codes: wall},
	{Name: "upper", Body: `const s = "ab".repeat(8 << 20); for (;;) s.toUpperCase();`, Codes: memory},
	{Name: "number", Body: `const s = "1".repeat(10 << 20); for (;;) parseFloat(s);`, Codes: wall},
	{Name: "compile", Body: `for (;;) new Function("return " + "1+".repeat(1 << 20) + "1");`, Codes: []string{"LIMIT_WALL", "LIMIT_MEMORY", "FUNCTION_ERR"}},
	{Name: "typedFill", Body: `const u = new Uint8Array(60 << 20); for (;;) u.fill(1);`, Codes: wall, Short: true},
	{Name: "typedIndexOf", Body: `const u = new Uint8Array(60 << 20); for (;;) u.indexOf(7);`, Codes: wall},
	{Name: "typedSort", Body: `const u = new Float64Array(6 << 20); for (;;) u.sort();`, Codes: wall},
	{Name: "typedSet", Body: `const u = new Uint8Array(60 << 20), v = new Uint8Array(30 << 20); for (;;) u.set(v);`, Codes: wall},
	{Name: "copyWithin", Body: `const u = new Uint8Array(60 << 20); for (;;) u.copyWithin(0, 1000);`, Codes: wall},
	{Name: "sort", Body: `const a = Array.from({ length: 1e6 }, (_, i) => (i * 7919) % 1000003); for (;;) a.sort();`, Codes: memory},
	{Name: "hash", Body: `const b = new Uint8Array(24 << 20), { createHash } = need("node:crypto"); for (;;) createHash("sha512").update(b).digest();`, Codes: wall, Short: true},
	{Name: "derive", Body: `const c = need("node:crypto"); c.pbkdf2Sync("a", "b", 2e9, 64, "sha512");`, Codes: []string{"LIMIT_WALL", "FUNCTION_ERR", "LIMIT_CPU"}},
	{Name: "compress", Body: `const b = crypto.getRandomValues(new Uint8Array(65536)), all = new Uint8Array(16 << 20); for (let i = 0; i < all.length; i += 65536) all.set(b, i);
const z = need("node:zlib"); for (;;) z.brotliCompressSync(all);`, Codes: memory},
	{Name: "inflate", Body: `const z = need("node:zlib"), bomb = z.gzipSync(new Uint8Array(32 << 20)), all = []; for (;;) all.push(z.gunzipSync(bomb));`, Codes: []string{"LIMIT_MEMORY", "LIMIT_WALL", "FUNCTION_ERR"}},

	{Name: "deriveSalt", Body: `const c = need("node:crypto"), salt = Buffer.alloc(4 << 20); for (;;) c.pbkdf2Sync("a", salt, 1, 1 << 20, "sha256");`, Codes: memory, Short: true},
	{Name: "inflateNothing", Body: `const m = [0x1f,0x8b,8,0,0,0,0,0,0,3,3,0,0,0,0,0,0,0,0,0], u = Buffer.alloc(20 << 20); u.set(m); for (let n = m.length; n < u.length; n *= 2) u.copyWithin(n, 0, n);
const z = need("node:zlib"); for (;;) try { z.gunzipSync(u) } catch {}`, Codes: memory, Short: true},
	{Name: "longLocale", Body: `const t = "en-" + Array.from({ length: 35000 }, (_, i) => "v" + (i + 1e5).toString(36).padStart(5, "0")).join("-"); for (;;) try { new Date(0).toLocaleDateString(t) } catch {}`, Codes: wall, Short: true},
	{Name: "printControls", Body: `for (;;) JSON.stringify({ a: "\u0001".repeat(2 << 20) });`, Codes: memory},

	// Memory and depth.
	{Name: "repeat", Body: `const all = []; for (;;) all.push("x".repeat(2 ** 24));`, Codes: memory},
	{Name: "repeatOnce", Body: `"x".repeat(2 ** 29);`, Codes: []string{"LIMIT_MEMORY", "FUNCTION_ERR"}, Short: true},
	{Name: "memory", Body: `const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));`, Codes: memory, Short: true},
	{Name: "objects", Body: `let o = null; for (;;) o = { o };`, Codes: memory},
	{Name: "keys", Body: `const o = {}; for (let i = 0; i < 1e6; i++) o["k" + i] = i; return Object.keys(o).length;`, Codes: []string{"", "LIMIT_MEMORY", "LIMIT_WALL"}},
	{Name: "map", Body: `const m = new Map(); for (let i = 0; ; i++) m.set(i, i);`, Codes: memory},
	{Name: "symbols", Body: `for (let i = 0; ; i++) Symbol.for("s" + i);`, Codes: memory},
	{Name: "catchMemory", Body: `const all = []; for (;;) try { all.push(new Array(1 << 16).fill(all)); } catch {}`, Codes: memory, Short: true},
	{Name: "text", Body: `let s = "x"; for (;;) s += s;`, Codes: []string{"LIMIT_MEMORY", "FUNCTION_ERR"}},
	{Name: "closures", Body: `let f = () => 1; for (;;) { const g = f; f = () => g() }`, Codes: memory},
	{Name: "pending", Body: `const all = []; for (;;) all.push(new Promise(() => {}));`, Codes: memory},
	{Name: "recursion", Body: `const f = () => f() + 1; f();`, Codes: threw, Short: true},
	{Name: "recursionCaught", Body: `const f = () => { try { f(); } finally { f(); } }; f();`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL"}},
	{Name: "recursionAsync", Body: `const f = async () => { await f() }; await f();`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL", "LIMIT_MEMORY"}},
	{Name: "recursionNative", Body: `const a = [1]; const f = () => a.map(f); f();`, Codes: threw},
	{Name: "nestedJSON", Body: `JSON.parse("[".repeat(1e6));`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL"}},
	{Name: "nestedValue", Body: `let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; JSON.stringify(o);`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL"}},
	{Name: "nestedCode", Body: `new Function("(".repeat(2e5));`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL", "LIMIT_MEMORY"}},
	{Name: "nestedRegExp", Body: `new RegExp("(".repeat(1e5) + ")".repeat(1e5));`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL", "LIMIT_MEMORY"}},
	{Name: "parseMegabytes", Body: `const s = "[" + "1,".repeat(15 << 20) + "1]"; JSON.parse(s);`, Codes: memory, Short: true},
	{Name: "parseAgain", Body: `const s = "[" + "1,".repeat(1 << 20) + "1]"; for (;;) JSON.parse(s);`, Codes: memory},
	{Name: "printMegabytes", Body: `const s = "\u0001".repeat(8 << 20); for (;;) JSON.stringify(s);`, Codes: memory},
	{Name: "split", Body: `"a,".repeat(16 << 20).split(",");`, Codes: memory},
	{Name: "clone", Body: `let o = []; for (let i = 0; i < 30; i++) o = [o, o]; structuredClone(o); return JSON.stringify(o).length;`, Codes: []string{"LIMIT_MEMORY", "LIMIT_WALL", "FUNCTION_ERR"}},

	// Timers, promises and what is left behind.
	{Name: "intervals", Body: `for (let i = 0; i < 9000; i++) setInterval(() => { let n = 0; while (n < 1000) n++; }, 1); await new Promise(() => {});`, Codes: wall, Short: true},
	{Name: "manyTimers", Body: `for (;;) setTimeout(() => {}, 100000);`, Codes: threw, Short: true},
	{Name: "tenThousandTimers", Body: `let n = 0; await new Promise((done) => { for (let i = 0; i < 9999; i++) setTimeout(() => { if (++n === 9999) done() }, 0) }); return n;`, Codes: []string{"", "LIMIT_WALL"}},
	{Name: "never", Body: `await new Promise(() => {});`, Codes: []string{"NEVER_SETTLED"}, Short: true},
	{Name: "neverRejects", Body: `await Promise.race([]);`, Codes: []string{"NEVER_SETTLED"}},
	{Name: "waitsForEver", Body: `await new Promise((done) => setTimeout(done, 2 ** 31 - 1));`, Codes: wall},
	{Name: "afterTheAnswer", Body: `setTimeout(() => { for (;;); }, 0); fetch("https://slow.example/").catch(() => {}); new Promise((r) => setTimeout(r, 1)).then(() => { for (;;); }); return 1;`, Codes: fine, Short: true},
	{Name: "changedAfterwards", Body: `const o = { n: 1 }; setTimeout(() => { o.n = 2; for (;;); }, 0); return o;`, Codes: fine},
	{Name: "unhandled", Body: `for (let i = 0; i < 1e5; i++) Promise.reject(new Error("x".repeat(1000))); return 1;`, Codes: []string{"", "LIMIT_WALL", "LIMIT_MEMORY"}},

	// Host calls and logs.
	{Name: "hostCalls", Body: `for (;;) await kvs.get("key");`, Codes: refused, Short: true},
	{Name: "hostCallsAtOnce", Body: `const all = []; for (let i = 0; i < 5000; i++) all.push(kvs.set("key" + i, i).catch(() => {})); await Promise.all(all);`, Codes: refused, Short: true},
	{Name: "requests", Body: `const all = []; for (let i = 0; i < 200; i++) all.push(fetch("https://slow.example/").catch(() => {})); await Promise.all(all);`, Codes: refused, Short: true},
	{Name: "largeRequests", Body: `const body = new Uint8Array(8 << 20); await Promise.all(Array.from({ length: 32 }, () => fetch("https://slow.example/", { method: "POST", body })));`, Codes: []string{"FUNCTION_ERR", "LIMIT_WALL", "LIMIT_MEMORY"}},
	{Name: "largeAnswers", Body: `const all = await Promise.allSettled(Array.from({ length: 32 }, () => fetch("https://large.example/").then((r) => r.arrayBuffer())));
const codes = [...new Set(all.filter((r) => r.status === "rejected").map((r) => r.reason.code))]; if (codes.length !== 1 || codes[0] !== "LIMIT_HOSTCALLS") throw new Error("refused: " + codes); return codes;`, Codes: []string{"", "LIMIT_MEMORY", "LIMIT_WALL"}, Short: true},
	{Name: "waits", Body: `await fetch("https://slow.example/");`, Codes: wall},
	{Name: "logs", Body: `for (;;) console.log("x".repeat(1000));`, Codes: wall, Short: true},
	{Name: "longLog", Body: `for (;;) { console.log("x".repeat(1 << 20)); console.log("x".repeat(1 << 18)); }`, Codes: memory},
	{Name: "logGetter", Body: `for (;;) console.error({ get x() { throw new Error("y") } }, new Proxy({}, { ownKeys() { throw 1 } }));`, Codes: wall},
	{Name: "logCycle", Body: `const o = {}; o.o = o; o[Symbol.toStringTag] = o; for (;;) console.log(o, [o], new Map([[o, o]]));`, Codes: memory},

	// Answers and errors.
	{Name: "large", Body: `return "x".repeat(6 << 20);`, Codes: []string{"LIMIT_RESPONSE"}, Short: true},
	{Name: "largeEscaped", Body: `return "\u0000".repeat(4 << 20);`, Codes: []string{"LIMIT_RESPONSE"}},
	{Name: "wide", Body: `return Object.fromEntries(Array.from({ length: 1e6 }, (_, i) => ["k" + i, i]));`, Codes: []string{"LIMIT_RESPONSE", "LIMIT_MEMORY", "LIMIT_WALL"}},
	{Name: "deep", Body: `let o = {}; for (let i = 0; i < 1e6; i++) o = { o }; return o;`, Codes: []string{"FUNCTION_ERR", "LIMIT_MEMORY", "LIMIT_WALL"}},
	{Name: "cycle", Body: `const o = {}; o.o = o; return o;`, Codes: threw, Short: true},
	{Name: "bigResult", Body: `return 1n;`, Codes: threw},
	{Name: "proxyResult", Body: `return new Proxy({}, { get() { throw new Proxy({}, { get() { throw 1 } }) } });`, Codes: threw},
	{Name: "largeError", Body: `throw new Error("x".repeat(6 << 20));`, Codes: threw, Short: true},
	{Name: "throwsNull", Body: `throw null;`, Codes: threw},
	{Name: "throwsSymbol", Body: `throw Symbol("x");`, Codes: threw},
	{Name: "throwsFunction", Body: `throw () => {};`, Codes: threw},
	{Name: "throwsProxy", Body: `throw new Proxy(new Error("x"), { get() { throw new Error("again") }, getPrototypeOf() { throw 1 } });`, Codes: threw, Short: true},
	{Name: "throwsGetters", Body: `throw Object.defineProperties(new Error("x"), { name: { get() { throw 1 } }, message: { get() { throw 2 } }, stack: { get() { throw 3 } }, code: { get() { throw 4 } }, cause: { get() { throw 5 } } });`, Codes: threw},
	{Name: "throwsLoop", Body: `throw { get message() { for (;;); } };`, Codes: wall, Short: true},
	{Name: "throwsCycle", Body: `const e = new Error("x"); e.cause = e; e.errors = [e]; throw e;`, Codes: threw},
	{Name: "throwsChain", Body: `let e = new Error("x"); for (let i = 0; i < 1e5; i++) e = new Error("y", { cause: e }); throw e;`, Codes: []string{"FUNCTION_ERR", "LIMIT_MEMORY", "LIMIT_WALL"}},
	{Name: "throwsCode", Body: `throw Object.assign(new Error("x"), { code: "LIMIT_CPU", name: "HANDLER_NOT_FOUND", reasonId: {}, allowedBy: [1], status: 1e999, stack: { toString() { throw 1 } } });`, Codes: threw},
	{Name: "throwsStack", Body: `const e = new Error("x"); e.stack = "at f (app.js:99999999999999999999:1)\n".repeat(1e5) + "\ud800"; throw e;`, Codes: threw},
	{Name: "prepareStackTrace", Body: `Error.prepareStackTrace = () => { for (;;); }; throw new Error("x").stack;`, Codes: wall},
	{Name: "patched", Body: `for (const c of [Object, Array, String, Promise, JSON, Map, Function]) for (const k of Object.getOwnPropertyNames(c.prototype ?? c)) try { (c.prototype ?? c)[k] = () => { for (;;); } } catch {} return 1;`, Codes: []string{"", "FUNCTION_ERR", "LIMIT_WALL", "INVALID_HOST_OP", "NEVER_SETTLED", "HANDLER_NOT_FOUND"}},
	{Name: "tampered", Body: `Object.prototype.toJSON = () => { for (;;); }; return { a: 1 };`, Codes: []string{"LIMIT_WALL", "", "INVALID_HOST_OP"}},

	// Web answers.
	{Name: "webHeaders", Body: `return { statusCode: 200, headers: Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => ["x-" + i, ["y"]])) };`, Codes: []string{"LIMIT_RESPONSE", "INVALID_WEB_TRIGGER_RESPONSE", "LIMIT_HEADERS"}, Web: true},
	{Name: "webHeader", Body: `return { statusCode: 200, headers: { x: ["y".repeat(4 << 20)] } };`, Codes: []string{"LIMIT_RESPONSE", "INVALID_WEB_TRIGGER_RESPONSE", "LIMIT_HEADERS"}, Web: true, Short: true},
	{Name: "webHeaderNames", Body: `return { statusCode: 200, headers: { "a\r\nb: c": ["d\r\n\r\n<html>"], "": [""] } };`, Codes: []string{"", "INVALID_WEB_TRIGGER_RESPONSE"}, Web: true},
	{Name: "webStatus", Body: `return { statusCode: 2 ** 60, statusText: "\r\n".repeat(1e5) };`, Codes: []string{"", "INVALID_WEB_TRIGGER_RESPONSE", "LIMIT_RESPONSE"}, Web: true},
	{Name: "webBody", Body: `return { statusCode: 200, body: "x".repeat(6 << 20) };`, Codes: []string{"LIMIT_RESPONSE"}, Web: true},
	{Name: "webGetter", Body: `return { get statusCode() { for (;;); } };`, Codes: wall, Web: true},
}

// Code is the source of an app of these rows; "ok" is a function beside them.
func Code(rows []Row) string {
	var b strings.Builder
	b.WriteString(`const { kvs } = __annex_require("@annex/kvs");
const { fetch } = __annex_require("@annex/api");
const need = (name) => { const m = __annex_require(name); return m.default ?? m };
function ok() { return 1; }
`)
	for _, r := range rows {
		fmt.Fprintf(&b, "async function %s() { %s }\n", r.Name, r.Body)
	}
	return b.String()
}

// Names are the rows' functions.
func Names(rows []Row) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Name)
	}
	return out
}
