package jsvm_test

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// benchApp parses JSON, awaits once and returns about 1 KB of JSON; its counter shows
// whether the instance was fresh.
const benchApp = `
let n = 0;
const row = { id: 1, name: "issue", labels: ["a", "b"], nested: { x: 2 } };
async function run(payload) { n++; await null; return { n, hello: payload.hello, rows: Array.from({ length: 14 }, () => row) } }
async function wait() { n++; await new Promise((done) => setTimeout(done, 1000)); return n }
__annex_register({ index: { run, wait } });`

// withSDK measures over the base image that ships.
func withSDK(b *testing.B) func(*jsvm.Config) {
	sdk, err := assets.SDK()
	if err != nil {
		b.Skip(err)
	}
	return func(c *jsvm.Config) { c.SDK = sdk }
}

// BenchmarkCall interleaves fresh and reused calls, so that both see the same machine.
func BenchmarkCall(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var engines [2]*jsvm.Engine
	var images [2]*jsvm.Image
	for i := range engines {
		engines[i] = newEngine(b, withSDK(b), func(c *jsvm.Config) { c.SkipReset = i == 1 })
		images[i] = snapshot(b, engines[i], jsvm.Source{Bundle: runtimetest.Bundle(benchApp)})
	}
	var took [2][]time.Duration
	for round := 0; b.Loop(); round++ {
		i := round / 50 % 2
		began := time.Now()
		o := invoke(b, engines[i], images[i], "index.run", `{"hello":"world"}`)
		d := time.Since(began)
		if fresh := strings.HasPrefix(string(o.Body), `{"n":1,`); fresh != (i == 0) && round > 100 {
			b.Fatalf("engine %d answered %.20s", i, o.Body)
		}
		took[i] = append(took[i], d)
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Nanoseconds()) / 1000
	}
	if len(took[1]) == 0 {
		return
	}
	fresh, reused := median(took[0]), median(took[1])
	b.ReportMetric(fresh, "fresh-µs")
	b.ReportMetric(reused, "reused-µs")
	b.ReportMetric(fresh/reused, "fresh/reused")
}

// BenchmarkLive reports the private memory of an instance that waits for a timer.
func BenchmarkLive(b *testing.B) {
	e := newEngine(b, withSDK(b))
	img := snapshot(b, e, jsvm.Source{Bundle: runtimetest.Bundle(benchApp)})
	for range 100 {
		invoke(b, e, img, "index.run", `{"hello":"world"}`)
	}
	const n = 1000
	for b.Loop() {
		runtime.GC()
		before := anonymous()
		live := make([]*jsvm.Instance, n)
		for i := range live {
			in, err := e.Acquire(img, &recorder{}, jsvm.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			start(in, "index.wait", "1")
			if in.Outcome() != nil {
				b.Fatalf("%+v", in.Outcome())
			}
			live[i] = in
		}
		runtime.GC()
		b.ReportMetric(float64(anonymous()-before)/n, "KB/instance")
		for _, in := range live {
			in.Release()
		}
	}
}

// anonymous is this process's private memory in KB.
func anonymous() int {
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Anonymous:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return n
		}
	}
	return 0
}
