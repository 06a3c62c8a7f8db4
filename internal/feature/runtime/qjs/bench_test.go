package qjs_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/edge/worker"
	"github.com/annexhq/annex/internal/feature/runtime/qjs"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
)

// handler is what the project's benchmark runs everywhere: parse JSON, one await, return
// about 1 KB of JSON with a counter that must say 1.
const handler = `
let n = 0;
const row = { id: 1, name: "issue", labels: ["a", "b"], nested: { x: 2 } };
async function run(payload) { n++; await null; return { n, hello: payload.hello, rows: Array.from({ length: 14 }, () => row) } }
__annex_register({ index: { run } });`

// BenchmarkCall runs whole calls through the socket, 16 at once.
func BenchmarkCall(b *testing.B) {
	for _, workers := range []int{1, 2} {
		for _, skip := range []bool{false, true} {
			name := "fresh"
			if skip {
				name = "reused"
			}
			b.Run(fmt.Sprintf("%s/workers=%d", name, workers), func(b *testing.B) {
				if skip {
					b.Setenv(worker.SkipResetEnv, "measure-what-isolation-costs")
				}
				rt := newRuntime(b, func(c *qjs.Config) { c.Workers = workers })
				art := runtimetest.App("bench", handler)
				call := func() time.Duration {
					began := time.Now()
					if _, err := rt.Run(b.Context(), art, runtimetest.Call("index.run", `{"hello":"world"}`), nil, &runtimetest.Host{}); err != nil {
						b.Error(err)
					}
					return time.Since(began)
				}
				for range 200 {
					call()
				}
				b.ResetTimer()
				var mu sync.Mutex
				var all []time.Duration
				b.SetParallelism(8)
				b.RunParallel(func(pb *testing.PB) {
					var mine []time.Duration
					for pb.Next() {
						mine = append(mine, call())
					}
					mu.Lock()
					all = append(all, mine...)
					mu.Unlock()
				})
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
				b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "calls/s")
			})
		}
	}
}
