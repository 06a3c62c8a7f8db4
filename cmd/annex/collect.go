package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// A heap may grow by heapGrowth percent of what is in use, or by heapRoom bytes if that is
	// more, before it is collected. A small one would be collected several times a second
	// under load; a large one costs no more memory than without heapRoom.
	heapGrowth = 400
	heapRoom   = 96 << 20
)

// growthFor is the percentage for a heap of which live bytes are in use.
func growthFor(live uint64) int {
	return max(heapGrowth, int(heapRoom*100/max(live, 1<<20)))
}

// collectRarely sets the percentage, and again after each collection.
func collectRarely() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 {
		debug.SetGCPercent(growthFor(live[0].Value.Uint64()))
	}
	// What nobody holds goes with the next collection, and has this run again.
	runtime.AddCleanup(new([16]byte), func(struct{}) { collectRarely() }, struct{}{})
}
