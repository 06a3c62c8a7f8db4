package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestGrowthFor(t *testing.T) {
	for live, want := range map[uint64]int{0: 2400, 4 << 20: 2400, 8 << 20: 1200, 24 << 20: 400, 100 << 20: 400, 1 << 40: 400} {
		if got := growthFor(live); got != want {
			t.Errorf("%d bytes in use: %d %%, want %d", live, got, want)
		}
	}
}

// The percentage follows the heap: a small one is given room, a large one is not.
func TestCollectionsFollowTheHeap(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	until := func(what string, ok func(int) bool) {
		t.Helper()
		for range 1000 {
			runtime.GC()
			if ok(percent()) {
				return
			}
			runtime.Gosched() // what sets it runs after the collection
		}
		t.Errorf("%s: %d %%", what, percent())
	}
	collectRarely()
	until("a small heap", func(p int) bool { return p > heapGrowth })
	large := make([]byte, 200<<20)
	until("a large heap", func(p int) bool { return p == heapGrowth })
	runtime.KeepAlive(large)
	until("a small heap again", func(p int) bool { return p > heapGrowth })
}
