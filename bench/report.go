package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// inside are figures of the engine without HTTP and without a process boundary.
type inside struct {
	FreshUS        float64 `json:"fresh_us"`
	ReusedUS       float64 `json:"reused_us"`
	LookupUS       float64 `json:"scope_lookup_us"` // of a request among 1,000 operations of a product
	liveInstanceKB float64
}

type report struct {
	rounds map[string][]sample
	inside inside
	many   many

	neighbours neighbours
	product    productCalls
	parts      measured
}

var order = []string{"annex_fresh", "workerd_reused", "workerd_fresh", "node_worker", "deno_process"}

var titles = map[string]string{
	"annex_fresh":    "**Annex**, web trigger, fresh instance per call",
	"workerd_reused": "workerd, one reused isolate",
	"workerd_fresh":  "workerd, fresh isolate per call (worker loader)",
	"node_worker":    "Node.js, `Worker` per call",
	"deno_process":   "Deno, process per call",
}

func (r report) of(name string, f func(sample) float64) float64 {
	var xs []float64
	for _, s := range r.rounds[name] {
		xs = append(xs, f(s))
	}
	return median(xs)
}

func rate(s sample) float64   { return s.Rate }
func p50(s sample) float64    { return s.P50 }
func p99(s sample) float64    { return s.P99 }
func memory(s sample) float64 { return s.MemoryMB }

// print writes the README's table. Ratios are of the same round, so that they hold on
// a machine whose speed drifts.
func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "\nMedians of %d interleaved rounds.\n\n", len(r.rounds["annex_fresh"]))
	fmt.Fprintln(w, "| system | requests/s | p50 ms | p99 ms | memory MB | Annex is |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|")
	for _, name := range order {
		if len(r.rounds[name]) == 0 {
			continue
		}
		mem := "–" // a process per call has none between calls
		if m := r.of(name, memory); m > 0 {
			mem = fmt.Sprintf("%.0f", m)
		}
		fmt.Fprintf(w, "| %s | %s | %.2f | %.2f | %s | %s |\n", titles[name], thousands(r.of(name, rate)), r.of(name, p50), r.of(name, p99), mem, r.times(name))
	}
	if r.inside.FreshUS > 0 {
		fmt.Fprintf(w, "\nIn process: a fresh call %.1f µs, a reused one %.1f µs: %.2f×. A live instance holds %.0f KB.\n",
			r.inside.FreshUS, r.inside.ReusedUS, ratio(r.inside.FreshUS, r.inside.ReusedUS), r.inside.liveInstanceKB)
	}
	if r.inside.LookupUS > 0 {
		fmt.Fprintf(w, "Finding a product call's operation and scopes among 1,000 operations takes %.2f µs.\n", r.inside.LookupUS)
	}
	if c := r.product; c.CallUS > 0 {
		fmt.Fprintf(w, "A product call takes an app %.0f µs and the same call made directly %.0f µs: %.0f µs more.\n", c.CallUS, c.DirectUS, c.AddsUS)
	}
	if m := r.many; m.Apps > 0 {
		fmt.Fprintf(w, "With %s installed apps: the server starts in %.0f ms; an app's first call then takes %.1f ms (p99 %.1f); calling all of them twice takes\n"+
			"%.0f MB at most, server and workers together; an idle app holds %.0f KB. A deployment of 500 KB takes %.0f ms.\n",
			thousands(float64(m.Apps)), m.StartMS, m.FirstCallMS, m.FirstCallP99, m.MemoryMB, m.IdleAppKB, m.DeployMS)
	}
}

func (r report) times(name string) string {
	if name == "annex_fresh" {
		return ""
	}
	var xs []float64
	for i, s := range r.rounds[name] {
		if i < len(r.rounds["annex_fresh"]) {
			xs = append(xs, ratio(r.rounds["annex_fresh"][i].Rate, s.Rate))
		}
	}
	if len(xs) == 0 {
		return ""
	}
	slices.Sort(xs)
	return fmt.Sprintf("%s× (%s–%s)", times(median(xs)), times(xs[0]), times(xs[len(xs)-1]))
}

func times(x float64) string {
	if x >= 10 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func thousands(x float64) string {
	s := fmt.Sprintf("%.0f", x)
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// figures is the JSON form.
func (r report) figures() any {
	throughput, p99s, mem := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for name := range r.rounds {
		throughput[name], p99s[name], mem[name] = r.of(name, rate), r.of(name, p99), r.of(name, memory)
	}
	ratios := map[string]float64{}
	for _, name := range order[1:] {
		ratios[name] = ratio(throughput["annex_fresh"], throughput[name])
	}
	return map[string]any{
		"throughput": throughput, "p99_ms": p99s, "memory_mb": mem, "annex_fresh_to": ratios, "call": r.inside,
		"neighbour_p99_ratio": r.neighbours.Ratio, "neighbours": r.neighbours,
		"live_instance_kb": r.inside.liveInstanceKB,
		"apps":             r.many.Apps, "first_call_ms": r.many.FirstCallMS, "first_call_p99_ms": r.many.FirstCallP99, "second_call_ms": r.many.SecondCallMS,
		"start_ms": r.many.StartMS, "idle_app_kb": r.many.IdleAppKB, "apps_memory_mb": r.many.MemoryMB, "deploy_500kb_ms": r.many.DeployMS,
		"product_call": r.product, "rounds": r.rounds, "parts": r.parts,
	}
}
