package jsvm_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// stringifyApp compares JSON.stringify, which the host answers for plain data, with the
// engine's own, which a replacer asks for: over random values of all kinds.
const stringifyApp = `
const same = (k, v) => v;
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const chars = ["a", "Z", " ", "\"", "\\", "\n", "\u0000", "\u001f", "\u007f", "\u0080", "\u00e9", "\u00ff", "\u0100", "\u2028", "\u65e5", "\ud83d\ude00", "\ud83d", "\ude00", "\uffff"];
const word = () => Array.from({ length: Math.floor(Math.random() * 12) }, () => pick(chars)).join("");
const floats = new Float64Array(1), bits = new Uint32Array(floats.buffer);
const float = () => { bits[0] = Math.random() * 2 ** 32; bits[1] = Math.random() * 2 ** 32; return floats[0] };
const leaves = [
  () => Math.floor(Math.random() * 2 ** 32) - 2 ** 31, () => Math.random() * 10 ** Math.floor(Math.random() * 40 - 20), float,
  () => -0, () => NaN, () => true, () => null, () => undefined, word, word, word,
  () => word() + "x".repeat(400) + word(), () => ("padding of a slice " + word().repeat(9)).slice(3), () => new String(word()), () => new Number(float()),
  () => new Date(0), () => new Map([[1, 2]]), () => new Uint8Array(3), () => () => 1, () => Symbol("s"), () => /x/, () => new Error(word()),
];
const rare = [
  () => 1n, () => new Proxy({ a: word() }, {}), () => ({ toJSON() { return "own" } }), () => ({ get x() { return "got" } }),
  () => { const a = [1, 2]; a.extra = 1; return a }, () => { const a = [1]; a.length = 3; return a }, () => [, 1], () => { const a = []; a[9] = 1; return a },
  () => { const a = [1]; a.toJSON = () => "listed"; return a }, () => { const o = {}; o.self = o; return o },
  () => Object.create({ toJSON() { return "inherited" } }), () => Object.create({ inherited: 1 }), () => Object.create(null),
  () => { const o = { a: 1, b: 2, c: 3 }; delete o[pick(["a", "b", "c"])]; o.d = 4; return o },
  () => ({ 2: "two", b: 1, 1: "one" }), () => ({ [Symbol("k")]: 1, k: 2 }), () => Object.defineProperty({ a: 1 }, "hidden", { value: 2 }),
  () => { class P { #p = 1; constructor() { this.q = word() } static s = 1 } return pick([new P(), P]) }, () => Object.freeze({ f: [1] }),
  () => JSON.parse('{"__proto__": {"toJSON": 1}, "a": 1}'), () => new (class extends Array {})(2, 3, 4), () => arguments0(1, "two"),
];
function arguments0() { return arguments }
function value(depth) {
  const kind = Math.random();
  if (depth === 0 || kind < 0.4) return pick(leaves)();
  if (kind < 0.44) return pick(rare)();
  if (kind < 0.7) return Array.from({ length: Math.floor(Math.random() * 6) }, () => value(depth - 1));
  const o = {};
  for (let n = Math.floor(Math.random() * 6); n > 0; n--) o[pick(["key", "k", "a" + n, word()])] = value(depth - 1);
  return o;
}
const tried = (fn) => { try { return [fn()] } catch (err) { return [undefined, err.name] } };
function compare(v) {
  const [got, gotErr] = tried(() => JSON.stringify(v)), [want, wantErr] = tried(() => JSON.stringify(v, same));
  if (got !== want || gotErr !== wantErr) throw new Error("stringify gives " + (got ?? gotErr) + ", the engine " + (want ?? wantErr));
}
__annex_register({ index: {
  random() { for (let i = 0; i < 300; i++) compare(value(4)); return "same" },
  patched() {
    Object.prototype.toJSON = function () { return Array.isArray(this) ? "list" : "object" };
    for (let i = 0; i < 20; i++) compare(value(3));
    delete Object.prototype.toJSON;
    Array.prototype.toJSON = () => "list";
    for (let i = 0; i < 20; i++) compare(value(3));
    delete Array.prototype.toJSON;
    String.prototype.toJSON = Number.prototype.toJSON = () => "never asked";
    for (let i = 0; i < 20; i++) compare(value(3));
    Object.setPrototypeOf(Array.prototype, { toJSON: () => "deep" });
    compare([1]);
    return "same";
  },
  deep() { let v = 1; for (let i = 0; i < 190; i++) v = i % 2 ? [v] : { v }; compare(v); for (let i = 0; i < 100; i++) v = [v]; compare(v); return "same" },
  large() {
    compare(Array.from({ length: 30000 }, (_, i) => i));
    let v = { w: "z" }; for (let i = 0; i < 12; i++) v = [v, v]; compare(v);
    return "same";
  },
}});`

func TestStringifyIsTheEngines(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(stringifyApp)})
	for _, fn := range []string{"patched", "deep", "large", "random"} {
		rounds := 1
		if fn == "random" {
			rounds = 10
		}
		for range rounds {
			in, err := e.Acquire(img, &recorder{}, jsvm.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			in.Start(jsvm.Start{Kind: "invoke", Function: "index." + fn, Envelope: []byte("{}"), Seed: uint64(seedOf(t)), Remaining: 1e12})
			if o := in.Outcome(); o == nil || string(o.Body) != `"same"` {
				t.Fatalf("%s: %+v %s", fn, o, head(o))
			}
			in.Release()
		}
	}
}

// TestRespondReadsWhatTheKernelDoes compares the host's reading of a web trigger's answer
// with the kernel's own, which is asked for by a getter that says the same.
func TestRespondReadsWhatTheKernelDoes(t *testing.T) {
	answers := []string{
		`{statusCode: 200}`, `{statusCode: 204, headers: {}, body: undefined}`, `{statusCode: 200, headers: null, body: null}`,
		`{statusCode: 201, headers: {"content-type": ["application/json"]}, body: "{}"}`,
		`{statusCode: 200, headers: {a: "1", B: ["2", "\u00e9"], c: []}, body: "\ud83d\ude00"}`,
		`{body: "x", statusCode: 599, more: {than: "asked"}}`, `{statusCode: 200, body: ""}`,
		`{statusCode: 200, statusText: undefined, headers: undefined}`, `{statusCode: 200, statusText: "Fine"}`,
		`{statusCode: 200, headers: {n: 1, b: true, u: undefined, z: null, l: [1, "2", false]}}`,
		`{statusCode: 200, headers: new Headers0()}`, `{statusCode: 200, headers: {a: {}}}`, `{statusCode: 200, headers: "a: b"}`, `{statusCode: 200, headers: ["a"]}`,
		`{statusCode: 199}`, `{statusCode: 600}`, `{statusCode: "200"}`, `{statusCode: 200.5}`, `{}`, `[]`, `{statusCode: 200, body: 5}`, `{statusCode: 200, body: {}}`,
		`{statusCode: 200, body: new Uint8Array([1, 2])}`, `{outputKey: "ok"}`, `{outputKey: 5}`, `{statusCode: 200, statusText: null}`, `{statusCode: 200, outputKey: undefined}`,
		`Object.assign(Object.create({body: "inherited"}), {statusCode: 200})`, `Object.create({statusCode: 202})`, `new (class { statusCode = 200; headers = {x: "y"} })()`,
	}
	app := `class Headers0 { entries() { return [["a", "b"]] } }
		const list = [` + strings.Join(answers, ",\n") + `];
		const slow = (v) => Object.defineProperty(Object.create(Object.getPrototypeOf(v), Object.getOwnPropertyDescriptors(v)), "slow", { get() {}, enumerable: true });
		__annex_register({ index: {` + each(len(answers), `quick%d: () => list[%d], slow%d: () => Array.isArray(list[%d]) ? list[%d] : slow(list[%d]),`) + `}})`
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(app)})
	ask := func(fn string) *jsvm.Outcome {
		in, err := e.Acquire(img, &recorder{}, jsvm.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Release()
		in.Start(jsvm.Start{Kind: "webtrigger", Function: "index." + fn, Envelope: []byte("{}"), Seed: 1, Remaining: 1e12})
		return in.Outcome()
	}
	for i, a := range answers {
		quick, slow := ask(each1("quick", i)), ask(each1("slow", i))
		if quick == nil || slow == nil || quick.OK != slow.OK || quick.HasBody != slow.HasBody || string(quick.Body) != string(slow.Body) ||
			quick.OK && !sameJSON(quick.Head, slow.Head) || !quick.OK && message(quick.Head) != message(slow.Head) {
			t.Errorf("%s:\n%s %q\n%s %q", a, head(quick), quick.Body, head(slow), slow.Body)
		}
	}
}

func each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "%d", strconv.Itoa(i)))
	}
	return b.String()
}

func each1(name string, i int) string { return name + strconv.Itoa(i) }

func seedOf(t *testing.T) int64 {
	seed := time.Now().UnixNano()
	t.Log("seed", seed)
	return seed
}

func head(o *jsvm.Outcome) string {
	if o == nil {
		return "no outcome"
	}
	return string(o.Head)
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func message(head []byte) string {
	var e struct{ Name, Message string }
	_ = json.Unmarshal(head, &e)
	return e.Name + ": " + e.Message
}

// Texts come out as they are, however the engine keeps them and whether they are read in
// place or by the engine.
func TestTextsComeOut(t *testing.T) {
	e := newEngine(t)
	long := strings.Repeat("ascii ", 50)
	for code, want := range map[string]string{
		`""`:                                   "",
		`"name"`:                               "name",
		`Object.keys({ anAtom: 1 })[0]`:        "anAtom",
		`"ascii ".repeat(50)`:                  long,
		`("x" + "ascii ".repeat(50)).slice(1)`: long,
		`"ascii ".repeat(50) + "ascii ".repeat(50)`: long + long,
		`"\u65e5 ascii ascii ascii ascii".slice(2)`: "ascii ascii ascii ascii",
		`"\u007f\u0080"`:                        "\u007f\u0080",
		`"ascii ".repeat(50) + "\u00e9"`:        long + "é",
		`"1234567\u00e9"`:                       "1234567é",
		`"\u65e5\u672c \u{1f600}"`:              "日本 \U0001f600",
		`String.fromCharCode(0, 1, 10, 34, 92)`: "\x00\x01\n\"\\",
	} {
		img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(`function run() { return { statusCode: 200, body: ` + code + ` } } __annex_register({ index: { run } });`)})
		in, err := e.Acquire(img, &recorder{}, jsvm.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		in.Start(jsvm.Start{Kind: "webtrigger", Function: "index.run", Remaining: time.Minute})
		if o := in.Outcome(); o == nil || !o.OK || string(o.Body) != want {
			t.Errorf("%s came out as %+v", code, o)
		}
		in.Release()
	}
}
