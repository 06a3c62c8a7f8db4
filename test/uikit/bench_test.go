package uikit

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/annexhq/annex/test/uikit/client"
)

// BenchmarkEvent is what an event takes over HTTP, from its sending to the patch having
// come: typing draws again what the sandbox holds, ticking also stores. `make bench-ui`.
func BenchmarkEvent(b *testing.B) {
	w := newWorld(b)
	module := w.app(copied(b, checklist)) + "/checklist"
	v := w.page("alice", "TR-1").Open(module)
	v.Until("the empty list", func(s *client.State) bool { return len(s.Tree.All("EmptyState")) > 0 })
	for n := range 10 {
		add(v, fmt.Sprint("thing ", n))
	}
	b.Run("typing", func(b *testing.B) {
		took := make([]time.Duration, 0, events(b))
		for n := range events(b) {
			field := v.Now().Tree.All("Textfield")[0]
			text := fmt.Sprint("some text ", n)
			began := time.Now()
			v.Click(field, "onChange", map[string]any{"target": map[string]any{"value": text}})
			took = append(took, time.Since(began))
		}
		report(b, took)
	})
	b.Run("ticking", func(b *testing.B) {
		took := make([]time.Duration, 0, events(b))
		for n := range events(b) {
			box := v.Now().Tree.All("Checkbox")[n%10]
			began := time.Now()
			v.Click(box, "onChange", map[string]any{"target": map[string]any{"checked": n%20 < 10}})
			took = append(took, time.Since(began))
		}
		report(b, took)
	})
}

// events is how many are timed: `-benchtime 200x`, or what ANNEX_BENCH_SCALE says in percent of that.
func events(b *testing.B) int { return max(b.N, int(2*scale())) }

// scale is 0 unless the benchmarks of `make bench` are run.
func scale() float64 {
	percent, err := strconv.ParseFloat(os.Getenv("ANNEX_BENCH_SCALE"), 64)
	if err != nil {
		return 0
	}
	return percent
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
}

// BenchmarkParked is what sessions cost the server that nobody touches: in its memory, and at
// rest. ANNEX_UI_SESSIONS says how many (100), or `make bench`: 10,000.
func BenchmarkParked(b *testing.B) {
	n := 100
	if s := scale(); s > 0 {
		n = max(10, int(100*s))
	}
	if text := os.Getenv("ANNEX_UI_SESSIONS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	w := newWorld(b)
	module := w.app(copied(b, checklist)) + "/checklist"
	view := func(i int) *client.View {
		v := w.page(fmt.Sprint("user-", i), "TR-1").Open(module)
		v.Until("the list", func(s *client.State) bool { return len(s.Tree.All("EmptyState")) > 0 })
		return v
	}
	view(-1).Disconnect()
	before := held()
	for i := range n {
		view(i).Disconnect()
	}
	parked := held() - before
	// Those that were opened more than a minute ago rest already.
	var inMemory int
	if err := w.System.DB.QueryRow(b.Context(), `SELECT COUNT(*) FROM ui_sessions WHERE state IS NULL`).Scan(&inMemory); err != nil {
		b.Fatal(err)
	}
	w.System.Interfaces.Rest(time.Now().Add(time.Hour))
	rest := held() - before
	var sessions int
	var bytes float64
	if err := w.System.DB.QueryRow(b.Context(), `SELECT COUNT(*), COALESCE(AVG(LENGTH(state)), 0) FROM ui_sessions WHERE state IS NOT NULL`).Scan(&sessions, &bytes); err != nil {
		b.Fatal(err)
	}
	if sessions < n {
		b.Errorf("%d of %d sessions are at rest", sessions, n)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(sessions), "sessions")
	b.ReportMetric(float64(parked)/float64(max(inMemory, 1))/1024, "KB-parked")
	b.ReportMetric(float64(rest)/float64(n)/1024, "KB-of-RAM-at-rest")
	b.ReportMetric(bytes/1024, "KB-at-rest")
}

// held is what this process, the server's, holds.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
