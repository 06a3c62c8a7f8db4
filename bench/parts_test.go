package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestMetricsOf(t *testing.T) {
	name, metrics, ok := metricsOf("BenchmarkFair/sqlite-2         	       1	2494238272 ns/op	       113.1 late-most-ms	    100000 queued")
	if !ok || name != "Fair/sqlite" || metrics["late-most-ms"] != 113.1 || metrics["queued"] != 100000 || metrics["ns/op"] != 2494238272 {
		t.Error(name, metrics, ok)
	}
	for _, line := range []string{"", "ok  	github.com/annexhq/annex/bench/inside	51.734s", "BenchmarkFair"} {
		if _, _, ok := metricsOf(line); ok {
			t.Errorf("%q was read", line)
		}
	}
}

// Each figure of the table is one that a benchmark of a part gives.
func TestTableNamesBenchmarks(t *testing.T) {
	for _, r := range rows {
		for _, f := range figure.FindAllStringSubmatch(r.what+r.figures+r.beside, -1) {
			name, _, _ := strings.Cut(f[1], "/")
			found := false
			for _, p := range parts {
				for _, b := range p.runs {
					found = found || regexp.MustCompile(b.names).MatchString("Benchmark"+name)
				}
			}
			if !found {
				t.Errorf("no part runs the benchmark of %s", f[0])
			}
		}
	}
	m := measured{"KVS/sqlite": {"get-µs": 11.5, "query-µs": 25.3, "set-µs": 1341, "get-hand-µs": 7.69}}
	var out strings.Builder
	m.print(&out)
	if want := "| KVS get, query of ten, set on SQLite | 11.5, 25.3, 1,341 µs | the same SQL by hand: 7.69, –, – µs |  |\n"; !strings.HasSuffix(out.String(), want) {
		t.Error(out.String())
	}
}
