package jsvm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
)

// Texts that are written into the engine's memory are strings like its own: of every length, and
// whatever is not ASCII is left to it.
func TestTextsBecomeStrings(t *testing.T) {
	e := testEngine(t)
	inside(t, e, e.Base(), func(in *Instance) {
		cx := in.meta.Context
		for _, want := range []string{
			"", "a", "abc", strings.Repeat("0123456789", 100), strings.Repeat("x", atOnce), strings.Repeat("y", atOnce+1),
			"a\x00b", "\x7f", "\u0080", "grün", "日本", "\U0001f600", strings.Repeat("a", 999) + "é", "toString", "__proto__", "1",
		} {
			v, err := e.newString(cx, []byte(want))
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.ownText(cx, v, 8<<20)
			if err != nil || string(got) != want {
				t.Errorf("%.20q (%d) reads %.20q (%d), %v", want, len(want), got, len(got), err)
			}
			_, plain, err := e.plainString([]byte(want))
			if err != nil || plain != (want != "" && len(want) <= atOnce && isASCII([]byte(want))) {
				t.Errorf("%.20q: written in place: %v, %v", want, plain, err)
			}
			if len(want) > 1000 {
				continue
			}
			// As a name it is the one that a script means, and as a text equal to it.
			global, err := e.call(fnGlobal, uint64(cx))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.withBytes([]byte("made"), func(at uint32) (uint64, error) {
				return e.call(fnSetPropertyStr, uint64(cx), global, uint64(at), v)
			}); err != nil {
				t.Fatal(err)
			}
			same, err := e.eval(cx, "<test>", fmt.Appendf(nil, `((own) => made === own && made + "!" === own + "!" && { [own]: 1 }[made] === 1 && new Set([own]).has(made))(%q)`, want))
			if err != nil || same != e.tags.bool(true) {
				t.Errorf("%q is not what a script means by it: %v", want, err)
			}
		}
	})
}

// An app that has no memory left for a text can catch that, whatever the text's length.
func TestTextsWithoutMemory(t *testing.T) {
	e := testEngine(t)
	img, _ := builtOf(t, e, Source{Memory: 16 << 20, Bundle: runtimetest.Bundle(`
async function run({ n, of }) {
  const kept = [], row = { text: of.repeat(n) };
  try { for (;;) kept.push(JSON.stringify(row)) } catch (err) { kept.length = 0; return err.name + ": " + err.message }
}
__annex_register({ index: { run } });`)})
	for i, n := range []int{300, 3000, 7000, 65_000, 500_000, 1_040_000, 1_100_000, 300, 3000, 7000, 300_000} {
		of := "x"
		if i >= 7 {
			of = "é"
		}
		in, err := e.Acquire(img, nil, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		in.Start(Start{Kind: "invoke", Function: "index.run", Envelope: []byte("{}"), Context: []byte("{}"), Body: fmt.Appendf(nil, `{"n":%d,"of":%q}`, n, of), Text: true, Seed: 1, Remaining: time.Minute})
		o := in.Outcome()
		in.Release()
		if o == nil || string(o.Body) != `"InternalError: out of memory"` {
			t.Errorf("texts of %d characters: %+v", n, o)
		}
	}
}

// An answer for which there is no memory ends its call: the app is not handed something else.
func TestAnswersWithoutMemory(t *testing.T) {
	e := testEngine(t)
	img, _ := builtOf(t, e, Source{Memory: 16 << 20, Bundle: runtimetest.Bundle(`
const { kernel } = __annex_require("test:kernel");
async function run() {
  const answer = kernel.call("fetch", {});
  const kept = [];
  try { for (let size = 1 << 20; size >= 1 << 13; size /= 2) try { for (;;) kept.push(new Uint8Array(size)) } catch {} } catch {}
  const got = await answer;
  return [typeof got.head, typeof got.body, kept.length];
}
__annex_register({ index: { run } });`)})
	for _, text := range []bool{true, false} {
		in, err := e.Acquire(img, silence{}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		in.Start(Start{Kind: "invoke", Function: "index.run", Envelope: []byte("{}"), Context: []byte("{}"), Seed: 1, Remaining: time.Minute})
		if len(in.calls) != 1 {
			t.Fatalf("%+v", in.Outcome())
		}
		for id := range in.calls {
			in.calls[id] = text
			in.Reply(id, true, []byte(`"`+strings.Repeat("h", 60_000)+`"`), bytes.Repeat([]byte("b"), 60_000))
		}
		if o := in.Outcome(); o == nil || o.Fault == nil || o.Fault.Code != "LIMIT_MEMORY" {
			t.Errorf("as a text %v: %+v", text, o)
		}
		in.Release()
	}
}

// Making room for a text may let another call run, which makes texts of its own: each call
// gets its own all the same. The clock moves whenever it is read, so that a tick is due at each
// look; the app has the allocator search its memory, where it looks.
func TestTextsAreTheirCallsOwn(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	e, err := New(t.Context(), Config{WASM: runtimetest.QuickJS(t), SDK: runtimetest.KernelOnly(t), Now: func() time.Time {
		now = now.Add(2 * tickEvery)
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	other, _ := built(t, e, `async function run() { return JSON.stringify({ other: "of another call ".repeat(2000) }).length } __annex_register({ index: { run } });`)
	img, _ := built(t, e, `
async function run() {
  const text = "a".repeat(5000), own = [], list = new Array(100).fill(0);
  for (let i = 0; i < 3000; i++) own.push("x".repeat(300 + i * 7919 % 9000));
  for (let i = 0; i < 3000; i += 2) own[i] = null;
  let wrong = 0;
  for (let n = 0; n < 20000; n++) {
    list.indexOf(7); // takes of the fuel
    if (JSON.stringify({ t: text }) !== '{"t":"' + text + '"}') wrong++;
  }
  return wrong;
}
__annex_register({ index: { run } });`)
	run := func(img *Image) *Outcome {
		in, err := e.Acquire(img, nil, Limits{CPU: 1000 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Release()
		in.Start(Start{Kind: "invoke", Function: "index.run", Envelope: []byte("{}"), Context: []byte("{}"), Seed: 1, Remaining: time.Minute})
		return in.Outcome()
	}
	yields, within := 0, false
	e.OnTick(func() {
		if within || !e.cur.hosting || e.fuel.Get() != fullTank {
			return // it is not the allocator that asks
		}
		within = true
		defer func() { within = false }()
		yields++
		if err := e.Yield(func() {
			if o := run(other); o == nil || !o.OK {
				t.Errorf("%+v", o)
			}
		}); err != nil {
			t.Error(err)
		}
	})
	if o := run(img); o == nil || string(o.Body) != "0" {
		t.Errorf("texts of another call: %+v", o)
	}
	if yields == 0 {
		t.Error("no other call ran meanwhile: this shows nothing")
	}
}
