// Command bench measures what README's table promises: an Annex web trigger, whose
// every call runs in a fresh instance, against peers of the same machine and minute.
//
// Honest by construction: the handler counts calls at module scope and returns the
// count, and a run fails unless every fresh answer says 1 and the reused ones grow; the
// server under test is the shipped binary with its defaults, reached through its
// listener, but for quotas: these are counted and set higher than the load gets; rounds
// are interleaved and all are printed.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// body is what every request posts.
const body = `{"name":"DEMO-1","values":[1,2,3,4,5]}`

func main() {
	var o options
	flag.StringVar(&o.json, "json", "", "write the figures to this `file`")
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flag.DurationVar(&o.span, "span", 5*time.Second, "time per system and round")
	flag.IntVar(&o.conns, "conns", 16, "connections")
	flag.StringVar(&o.root, "root", ".", "the repository's folder")
	flag.StringVar(&o.only, "only", "", "run one system only, by `name`; apps for the figures of many apps, neighbour for those of an attacked app's neighbour, product for product calls, "+
		"or one of egress, queue, fair, events, schedules, storage, ui")
	flag.Float64Var(&o.scale, "scale", 100, "size of egress, queue, fair, events, schedules, storage and ui in `percent`")
	flag.IntVar(&o.apps, "apps", 10_000, "how many apps are installed for the figures of many apps; 0 for none")
	things := flag.String("things", "", "be the product that apps call, at this `address`; the benchmark starts itself so")
	flag.Parse()
	if *things != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveThings(*things))
		os.Exit(1)
	}
	// The load takes one processor's time at most; the rest is for what is measured.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	json, root, only string
	rounds, conns    int
	apps             int
	span             time.Duration
	scale            float64
}

// system is one thing under test: started anew for each round, so that rounds are
// alike, and loaded through HTTP or by processes of its own.
type system struct {
	name  string
	fresh bool // every answer must say 1
	load  func(ctx context.Context, o options) (sample, error)
}

// sample is one system in one round.
type sample struct {
	Requests int       `json:"requests"`
	Rate     float64   `json:"rate"` // requests/s
	P50, P99 float64   // ms
	MemoryMB float64   `json:"memoryMB"` // resident, proportional, of all its processes
	calls    callRange // of the counters seen
}

func run(ctx context.Context, o options) error {
	tmp, err := os.MkdirTemp("", "annex-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	rep := report{}
	if isPart(o.only) { // needs no server
		if rep.parts, err = inParts(ctx, o); err != nil {
			return err
		}
		return rep.finish(o)
	}
	annex, err := setUpAnnex(ctx, o.root, filepath.Join(tmp, "data"))
	if err != nil {
		return err
	}
	systems := append([]system{annex.system()}, peers(o.root)...)
	rounds := map[string][]sample{}
	for r := range o.rounds {
		for _, s := range systems {
			if o.only != "" && s.name != o.only {
				continue
			}
			got, err := s.load(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if err := got.calls.check(s.fresh); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[s.name] = append(rounds[s.name], got)
			fmt.Printf("round %d  %-18s %8.0f requests/s   p50 %7.2f ms   p99 %7.2f ms   %6.0f MB\n", r+1, s.name, got.Rate, got.P50, got.P99, got.MemoryMB)
		}
	}
	rep.rounds = rounds
	if o.only == "" {
		if rep.inside, err = inProcess(ctx, o.root); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "neighbour" {
		// On data of its own: what the floods leave behind is worked off for a while.
		flooded, err := setUpAnnex(ctx, o.root, filepath.Join(tmp, "flooded"))
		if err != nil {
			return err
		}
		if rep.neighbours, err = flooded.besideAttackers(ctx); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "product" {
		if rep.product, err = annex.ofProduct(ctx); err != nil {
			return err
		}
		if rep.inside.LookupUS == 0 {
			if rep.inside.LookupUS, err = lookUp(ctx, o.root); err != nil {
				return err
			}
		}
	}
	if o.apps > 0 && (o.only == "" || o.only == "apps") {
		if rep.many, err = annex.manyApps(ctx, o.apps); err != nil {
			return err
		}
	}
	if o.only == "" {
		if rep.parts, err = inParts(ctx, o); err != nil {
			return err
		}
	}
	return rep.finish(o)
}

// finish tells the figures, and writes them down.
func (r report) finish(o options) error {
	if len(r.rounds) > 0 || r.many.Apps > 0 || r.product.CallUS > 0 {
		r.print(os.Stdout)
	}
	r.parts.print(os.Stdout)
	r.neighbours.print(os.Stdout)
	if o.json == "" {
		return nil
	}
	out, err := json.MarshalIndent(r.figures(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(out, '\n'), 0o644)
}

// callRange is the least and greatest counter that a system's answers carried.
type callRange struct{ min, max, seen int }

func (c *callRange) add(n int) {
	if c.seen == 0 || n < c.min {
		c.min = n
	}
	c.max = max(c.max, n)
	c.seen++
}

// check refuses a benchmark that isolated too little or too much.
func (c *callRange) check(fresh bool) error {
	switch {
	case c.seen == 0:
		return fmt.Errorf("no answer came")
	case fresh && (c.min != 1 || c.max != 1):
		return fmt.Errorf("answers counted from %d to %d: an instance was used twice", c.min, c.max)
	case !fresh && c.max < c.seen/2:
		return fmt.Errorf("%d answers counted only to %d: the instance was not reused", c.seen, c.max)
	}
	return nil
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(xs))
	return s[len(s)/2]
}
