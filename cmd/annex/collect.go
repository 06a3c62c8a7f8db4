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
	// Whatever is in use, Go lets a heap grow to the percentage of leastHeap.
	leastHeap = 4 << 20
)

// growthFor is the percentage where so many bytes are in use.
func growthFor(used uint64) int {
	return max(heapGrowth, int(heapRoom*100/max(used, leastHeap)))
}

// collectRarely sets the percentage, and again after each collection: a heap that grows fast
// has the old one until then. The percentage is one of all that a collection looks at, stacks too.
func collectRarely() {
	used := uint64(0)
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			used += s.Value.Uint64()
		}
	}
	debug.SetGCPercent(growthFor(used))
	// What nobody holds goes with the next collection, and has this run again.
	runtime.AddCleanup(new([16]byte), func(struct{}) { collectRarely() }, struct{}{})
}
