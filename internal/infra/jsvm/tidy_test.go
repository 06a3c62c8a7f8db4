package jsvm

import (
	"fmt"
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
	return builtOf(t, e, Source{Bundle: runtimetest.Bundle(source)})
}

func builtOf(t *testing.T, e *Engine, src Source) (*Image, int) {
	t.Helper()
	b, err := e.Build(src, nil, Limits{})
	if err != nil || b.Snapshot == nil {
		t.Fatalf("no snapshot: %v", err)
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
