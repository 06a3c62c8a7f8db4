package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// part is a group of Go benchmarks that say in metrics of their own what they measured.
type part struct {
	name string
	runs []benchmarks
}

type benchmarks struct {
	pkg, names string
	// repeated are those of the usual kind, whose times per operation are medians of five runs;
	// the others have rounds of their own, and run once.
	repeated bool
	// script is one of test/browser in their place, which writes its figures as JSON.
	script string
}

// parts are measured in this order. Each takes three minutes at most at a scale of 100 percent,
// ui some ten.
var parts = []part{
	{"egress", []benchmarks{
		{pkg: "./internal/feature/egress", names: "^BenchmarkDecision$", repeated: true},
		{pkg: "./internal/feature/install", names: "^BenchmarkPolicy$", repeated: true},
		{pkg: "./bench/inside", names: "^BenchmarkBroker$"},
	}},
	{"queue", []benchmarks{{pkg: "./bench/inside", names: "^BenchmarkQueue$"}}},
	{"fair", []benchmarks{{pkg: "./bench/inside", names: "^BenchmarkFair$"}}},
	{"events", []benchmarks{{pkg: "./bench/inside", names: "^(BenchmarkEvents|BenchmarkPublished)$"}}},
	{"schedules", []benchmarks{{pkg: "./bench/inside", names: "^BenchmarkSchedules$"}}},
	{"storage", []benchmarks{{pkg: "./bench/inside", names: "^(BenchmarkKVS|BenchmarkRows)$"}}},
	{"ui", []benchmarks{
		{pkg: "./internal/core/csp", names: "^BenchmarkCompose$", repeated: true},
		{pkg: "./test/uikit", names: "^(BenchmarkEvent|BenchmarkParked)$"},
		{script: "bench.js", names: "^BenchmarkBrowser$"},
	}},
}

// measured are figures by benchmark, "Queue", and by metric, "river-jobs/s".
type measured map[string]map[string]float64

func isPart(name string) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.name == name })
}

// inParts runs the part of the name, or all for "".
func inParts(ctx context.Context, o options) (measured, error) {
	out := measured{}
	for _, p := range parts {
		if o.only != "" && o.only != p.name {
			continue
		}
		for _, r := range p.runs {
			if err := r.run(ctx, o, out); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return out, nil
}

func (r benchmarks) run(ctx context.Context, o options, into measured) error {
	if r.script != "" {
		return inBrowser(ctx, o, r.script, into)
	}
	args := []string{"test", "-run", "^$", "-bench", r.names, "-timeout", "40m"}
	if r.repeated {
		args = append(args, "-count", "5")
	} else {
		args = append(args, "-benchtime", "1x")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, r.pkg)...)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), fmt.Sprintf("ANNEX_BENCH_SCALE=%g", o.scale))
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	fmt.Printf("%s", text)
	all := map[string]map[string][]float64{}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		name, metrics, ok := metricsOf(lines.Text())
		if !ok {
			continue
		}
		if all[name] == nil {
			all[name] = map[string][]float64{}
		}
		for unit, x := range metrics {
			all[name][unit] = append(all[name][unit], x)
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("no figures: %s", text)
	}
	for name, metrics := range all {
		into[name] = map[string]float64{}
		for unit, xs := range metrics {
			into[name][unit] = median(xs)
		}
	}
	return nil
}

// inBrowser runs a script of test/browser, whose figures are a median and a 95th percentile each.
func inBrowser(ctx context.Context, o options, script string, into measured) error {
	out := filepath.Join(os.TempDir(), fmt.Sprintf("annex-bench-%d.json", os.Getpid()))
	defer os.Remove(out)
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Dir = filepath.Join(o.root, "test", "browser")
	cmd.Env = append(os.Environ(), "BENCH_UI_JSON="+out, fmt.Sprintf("RUNS=%d", max(3, int(0.3*o.scale))))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	var figures map[string]struct{ Median, P95 float64 }
	if err := json.Unmarshal(raw, &figures); err != nil {
		return fmt.Errorf("%s: %w", script, err)
	}
	into["Browser"] = map[string]float64{}
	for name, f := range figures {
		into["Browser"][name+"-p50"], into["Browser"][name+"-p95"] = f.Median, f.P95
	}
	return nil
}

var threads = regexp.MustCompile(`-\d+$`)

// metricsOf reads a line that a benchmark wrote.
func metricsOf(line string) (name string, metrics map[string]float64, ok bool) {
	f := strings.Fields(line)
	if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
		return "", nil, false
	}
	metrics = map[string]float64{}
	for i := 2; i+1 < len(f); i += 2 {
		x, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			return "", nil, false
		}
		metrics[f[i+1]] = x
	}
	return threads.ReplaceAllString(strings.TrimPrefix(f[0], "Benchmark"), ""), metrics, true
}

// row is a line of the table: what is measured, the figures, and what they are held against.
// A figure is written "Benchmark metric", and 0 of it leaves the row out.
type row struct{ what, figures, beside, bar string }

var rows = []row{
	{"a decision about a fetch (taken in, matched) with 1, 10, 100, 1,000 patterns", "{Decision/patterns=1 µs}, {Decision/patterns=10 µs}, {Decision/patterns=100 µs}, {Decision/patterns=1000 µs} µs", "the installation's policy and epoch: {Policy µs} µs", "≤ 5 µs, flat"},
	{"a fetch of 1 KB over TLS by the broker, with its receipt", "{Broker receipt-µs} µs", "Go's client {Broker direct-µs} µs, through a CONNECT proxy {Broker connect-µs} µs", ""},
	{"what the broker and the receipt add to Go's client", "{Broker adds-µs} µs", "", "≤ 200 µs"},
	{"the same with a new connection", "{Broker receipt-new-µs} µs", "Go's client {Broker direct-new-µs} µs, through a CONNECT proxy {Broker connect-new-µs} µs", ""},
	{"a receipt (both lines)", "{Broker each-receipt-µs} µs", "", "≤ 50 µs"},
	{"jobs worked off on Postgres", "{Queue postgres-jobs/s} /s", "River {Queue river-jobs/s} /s, a bare `SKIP LOCKED` loop {Queue bare-jobs/s} /s", ""},
	{"jobs put on Postgres, 200 at once", "{Queue postgres-put/s} /s", "River {Queue river-put/s} /s, one `INSERT` by hand {Queue bare-put/s} /s", ""},
	{"jobs worked off, and put, on SQLite", "{Queue sqlite-jobs/s} /s, {Queue sqlite-put/s} /s", "", ""},
	{"how late another installation's job begins while one has {Fair/sqlite queued} due, at most: SQLite, Postgres", "{Fair/sqlite late-most-ms}, {Fair/postgres late-most-ms} ms", "medians {Fair/sqlite late-p50-ms}, {Fair/postgres late-p50-ms} ms", "≤ 2 s"},
	{"events from publish to handled: SQLite, Postgres", "{Events/sqlite events/s}, {Events/postgres events/s} /s", "one alone: {Events/sqlite one-p50-ms}, {Events/postgres one-p50-ms} ms", ""},
	{"events signed, sent over HTTP and handled by an app's function: SQLite, Postgres", "{Published/sqlite events/s}, {Published/postgres events/s} /s", "twenty in a message: {Published/sqlite together-events/s}, {Published/postgres together-events/s} /s", ""},
	{"schedules of {Schedules/sqlite installations} installations every five minutes, how late: SQLite, Postgres", "median {Schedules/sqlite late-p50-ms}, {Schedules/postgres late-p50-ms} ms; p99 {Schedules/sqlite late-p99-ms}, {Schedules/postgres late-p99-ms} ms", "all of them at once, after an outage: {Schedules/sqlite round-s}, {Schedules/postgres round-s} s", ""},
	{"those schedules planned for the first time; a look when nothing is new: SQLite, Postgres", "{Schedules/sqlite plan-s}, {Schedules/postgres plan-s} s; {Schedules/sqlite look-ms}, {Schedules/postgres look-ms} ms", "", ""},
	{"KVS get, query of ten, set on SQLite", "{KVS/sqlite get-µs}, {KVS/sqlite query-µs}, {KVS/sqlite set-µs} µs", "the same SQL by hand: {KVS/sqlite get-hand-µs}, {KVS/sqlite query-hand-µs}, {KVS/sqlite set-hand-µs} µs", ""},
	{"KVS get, query of ten, set on Postgres", "{KVS/postgres get-µs}, {KVS/postgres query-µs}, {KVS/postgres set-µs} µs", "the same SQL by hand: {KVS/postgres get-hand-µs}, {KVS/postgres query-hand-µs}, {KVS/postgres set-hand-µs} µs", ""},
	{"get, query, set among {Rows/sqlite rows} rows of 1,000 installations on SQLite", "{Rows/sqlite many-get-µs}, {Rows/sqlite many-query-µs}, {Rows/sqlite many-set-µs} µs", "among 4,000 rows: {Rows/sqlite few-get-µs}, {Rows/sqlite few-query-µs}, {Rows/sqlite few-set-µs} µs", "flat"},
	{"get, query, set among {Rows/postgres rows} rows of 1,000 installations on Postgres", "{Rows/postgres many-get-µs}, {Rows/postgres many-query-µs}, {Rows/postgres many-set-µs} µs", "among 4,000 rows: {Rows/postgres few-get-µs}, {Rows/postgres few-query-µs}, {Rows/postgres few-set-µs} µs", "flat"},
	{"a page of an app's own visible in Chromium, after navigation (median, p95)", "{Browser panel_visible_ms-p50}, {Browser panel_visible_ms-p95} ms", "", ""},
	{"a first tree of UI Kit painted in Chromium, after navigation (median, p95)", "{Browser first_tree_painted_ms-p50}, {Browser first_tree_painted_ms-p95} ms", "", ""},
	{"an event of UI Kit in Chromium until what it changed is painted (median, p95)", "{Browser event_painted_ms-p50}, {Browser event_painted_ms-p95} ms", "over HTTP alone until the patch is there: {Event/typing ms-median}, {Event/typing ms-p95} ms; with a value stored {Event/ticking ms-median} ms", "≤ 50 ms"},
	{"{Parked sessions} sessions of UI Kit that nobody touches: each in memory; each at rest, in the database", "{Parked KB-parked}; {Parked KB-at-rest} KB", "each at rest, in memory: {Parked KB-of-RAM-at-rest} KB", "≤ 1,500; ≤ 400 KB"},
	{"the policy of an app's page composed", "{Compose µs} µs", "", "≤ 20 µs"},
}

var figure = regexp.MustCompile(`\{(\S+) (\S+)\}`)

// print writes the README's second table, of the parts that were measured.
func (m measured) print(w io.Writer) {
	if len(m) == 0 {
		return
	}
	fmt.Fprint(w, "\n| what | Annex | beside | bar |\n|---|---|---|---|\n")
	for _, r := range rows {
		text, ok := m.fill(r.figures)
		if !ok {
			continue
		}
		what, _ := m.fill(r.what)
		beside, _ := m.fill(r.beside)
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", what, text, beside, r.bar)
	}
}

// fill puts figures into a text; ok is false where there are none.
func (m measured) fill(text string) (out string, ok bool) {
	ok = true
	out = figure.ReplaceAllStringFunc(text, func(s string) string {
		f := figure.FindStringSubmatch(s)
		x, has := m[f[1]][f[2]]
		if f[2] == "µs" && !has { // of a benchmark of the usual kind
			x, has = m[f[1]]["ns/op"]
			x /= 1000
		}
		if !has {
			ok = false
			return "–"
		}
		return rounded(x)
	})
	return out, ok
}

// rounded is a figure with three digits that count, or whole.
func rounded(x float64) string {
	switch {
	case x >= 100:
		return thousands(x)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
}
