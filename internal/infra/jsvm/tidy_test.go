package jsvm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

func testEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := New(t.Context(), Config{WASM: runtimetest.QuickJS(t), SDK: runtimetest.KernelOnly(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// inside runs fn in a fresh instance of img, as an operation between two steps would.
func inside(t *testing.T, e *Engine, img *Image, fn func(in *Instance)) {
	t.Helper()
	in, err := e.Acquire(img, nil, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	if err := e.point(in.sp); err != nil {
		t.Fatal(err)
	}
	e.cur = in
	e.sp.Set(in.meta.StackPointer)
	e.fuel.Set(fullTank)
	in.stepStart = e.cfg.Now()
	in.nextTick = in.stepStart.Add(tickEvery)
	fn(in)
	e.cur = nil
}

// built is an app's image.
func built(t *testing.T, e *Engine, source string) (*Image, int) {
	t.Helper()
	b, err := e.Build(Source{Bundle: runtimetest.Bundle(source)}, nil, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	composed, err := image.Compose(e.Base().Image, "app", b.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	img, err := e.Open(composed.File)
	if err != nil {
		t.Fatal(err)
	}
	return img, len(b.Snapshot)
}

// Whatever module scope took and gave back, a call finds pieces of every small size in slabs
// that are there: it makes none, which would write four kilobytes for each.
func TestImagesHaveSlabsInReserve(t *testing.T) {
	e := testEngine(t)
	const run = `__annex_register({ index: { run() { return typeof kept } } });`
	sources := map[string]string{"little": run}
	for i := range 12 { // so that a slab of every fill is the last one in some of them
		sources[fmt.Sprint("much ", i)] = fmt.Sprintf(`const kept = []; for (let i = 0; i < %d; i++) kept.push({ i, s: "x" + i, f() { return i } });`, 1000+7*i) + run
		sources[fmt.Sprint("garbage ", i)] = fmt.Sprintf(`const kept = []; for (let i = 0; i < %d; i++) { const o = { i, t: "z".repeat(i %% 500) }; if (i %% 3) kept.push(o) }`, 1000+7*i) + run
	}
	for name, source := range sources {
		img, _ := built(t, e, source)
		inside(t, e, img, func(in *Instance) {
			end, err := e.malloc(64 << 10)
			if err != nil {
				t.Fatal(err)
			}
			for size := uint64(8); size <= maxSmall; size += slabStep(size) {
				for n := range inReserve / size {
					p, err := e.take(in, size)
					if err != nil {
						t.Fatal(err)
					}
					if p >= end {
						t.Errorf("%s: piece %d of %d bytes is of a slab that was made for it", name, n, size)
						break
					}
				}
			}
		})
	}
}

// What an app's image has of its own is what its module scope left, not what keeping slabs in
// reserve wrote.
func TestReserveAddsNothingToImages(t *testing.T) {
	e := testEngine(t)
	if _, n := built(t, e, `__annex_register({ index: { run() {} } });`); n > 20<<10 {
		t.Errorf("the image of an app that does nothing takes %d bytes", n)
	}
}

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

// Where a call has no memory left for a text, the engine says so in its own way: the call ends
// with its limit, and nobody else notices.
func TestTextsWithoutMemory(t *testing.T) {
	e := testEngine(t)
	img, _ := built(t, e, `const kept = []; async function run() { const row = { text: "0123456789".repeat(5000) }; for (;;) kept.push(JSON.stringify(row)); } __annex_register({ index: { run } });`)
	for range 3 {
		in, err := e.Acquire(img, nil, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		in.Start(Start{Kind: "invoke", Function: "index.run", Envelope: []byte("{}"), Context: []byte("{}"), Seed: 1})
		o := in.Outcome()
		in.Release()
		if o == nil || o.OK || o.Fault == nil || o.Fault.Code != "LIMIT_MEMORY" && o.Fault.Code != "LIMIT_CPU" {
			t.Fatalf("%+v", o)
		}
	}
}
