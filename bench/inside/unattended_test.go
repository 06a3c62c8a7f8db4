package inside

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

const happened = "avi:tracker:updated:issue"

// installed are installations of one app, whose functions do nothing: what is left is what
// the platform does.
type installed struct {
	policies map[id.Install]*call.Policy
	bySite   map[id.Site][]*call.Policy
	manifest *manifest.Manifest
	invoked  func(c *call.Call)
}

func newInstalled(n, sites int, m *manifest.Manifest) *installed {
	w := &installed{policies: make(map[id.Install]*call.Policy, n), bySite: map[id.Site][]*call.Policy{}, manifest: m}
	for i := range n {
		p := &call.Policy{
			Install: id.Install(fmt.Sprint("i", i)), Site: id.Site(fmt.Sprint("s", i%sites)), Product: "tracker", Version: "v1", Epoch: 1,
			Set: perm.Set{Events: []string{happened}},
		}
		w.policies[p.Install] = p
		w.bySite[p.Site] = append(w.bySite[p.Site], p)
	}
	return w
}

func (w *installed) Policy(_ context.Context, i id.Install) (*call.Policy, error) {
	return w.policies[i], nil
}
func (w *installed) Running() map[id.Install]*call.Policy { return w.policies }
func (w *installed) OnSite(s id.Site) []*call.Policy      { return w.bySite[s] }

func (w *installed) Manifest(context.Context, id.Version) (*manifest.Manifest, error) {
	return w.manifest, nil
}

func (w *installed) EventType(context.Context, id.Product, string) (unattended.EventType, error) {
	return unattended.EventType{Names: []string{happened}}, nil
}

func (w *installed) Invoke(_ context.Context, c *call.Call) (call.Result, error) {
	w.invoked(c)
	return call.Result{}, nil
}

// over is the service on the database, and its queue, which has not begun.
func (w *installed) over(b *testing.B, s store, now func() time.Time) (*unattended.Service, *jobs.Queue) {
	b.Helper()
	s.migrate(b, jobs.Migrations, unattended.Migrations)
	q := jobs.New(jobs.Config{DB: s.DB, Now: now})
	return unattended.New(unattended.Config{DB: s.DB, Jobs: q, Installed: w, Manifests: w, Products: w, Invoker: w, Now: now}), q
}

// BenchmarkEvents publishes events of a hundred sites from sixteen places at once, each for one
// installation, and waits until all are handled; then one after the other, to see how long one takes.
func BenchmarkEvents(b *testing.B) {
	eachStore(b, func(b *testing.B, s store) {
		m := &manifest.Manifest{}
		m.Modules.Function = []manifest.Function{{Key: "f", Handler: "index.f"}}
		m.Modules.Trigger = []manifest.Trigger{{Key: "t", Function: "f", Events: []manifest.EventRef{{EventType: happened}}}}
		const sites, places = 100, 16
		w := newInstalled(sites, sites, m)
		handled := make(chan struct{}, 1<<20)
		w.invoked = func(*call.Call) { handled <- struct{}{} }
		service, q := w.over(b, s, time.Now)
		if err := q.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer q.Close()
		var next atomic.Int64
		publish := func() error {
			i := next.Add(1)
			_, err := service.Take(b.Context(), unattended.Event{
				Product: "tracker", Site: id.Site(fmt.Sprint("s", i%sites)), ID: fmt.Sprint("e", i), Type: happened, Time: time.Now(), User: "alice@example.com",
				Data: json.RawMessage(`{"issue":{"key":"DEMO-1","summary":"An issue of some words"}}`),
			})
			return err
		}
		n := scaled(5000) / places
		began := time.Now()
		failed := make(chan error, places)
		for range places {
			go func() {
				for range n {
					if err := publish(); err != nil {
						failed <- err
						return
					}
				}
				failed <- nil
			}()
		}
		for range places {
			if err := <-failed; err != nil {
				b.Fatal(err)
			}
		}
		put := time.Since(began)
		for range n * places {
			<-handled
		}
		all := time.Since(began)
		var one []time.Duration
		timed(b, &one, scaled(200), func(int) error { err := publish(); <-handled; return err })
		b.ReportMetric(float64(n*places)/put.Seconds(), "published/s")
		b.ReportMetric(float64(n*places)/all.Seconds(), "events/s")
		b.ReportMetric(millis(at(0.5, one)), "one-p50-ms")
		b.ReportMetric(millis(at(0.99, one)), "one-p99-ms")
	})
}

// shifted is a clock that a benchmark may put forward.
type shifted struct {
	mu sync.Mutex
	by time.Duration
}

func (c *shifted) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *shifted) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by += d
}

// BenchmarkSchedules has a hundred thousand installations with a schedule of five minutes each: how
// long it takes to plan them all, how long a look at them all takes when nothing is new, how late
// they run as they fall due, and how long a server that missed a time takes to make up for it.
func BenchmarkSchedules(b *testing.B) {
	eachStore(b, func(b *testing.B, s store) {
		m := &manifest.Manifest{}
		m.Modules.Function = []manifest.Function{{Key: "f", Handler: "index.f"}}
		m.Modules.ScheduledTrigger = []manifest.ScheduledTrigger{{Key: "s", Function: "f", Interval: "fiveMinute"}}
		n := scaled(100_000)
		w := newInstalled(n, 1000, m)
		clock := &shifted{}
		late := make(chan time.Duration, n)
		w.invoked = func(c *call.Call) {
			var in struct {
				ScheduledFor time.Time `json:"scheduledFor"`
			}
			if err := json.Unmarshal(c.Payload, &in); err != nil {
				panic(err) // the platform wrote it
			}
			select {
			case late <- clock.now().Sub(in.ScheduledFor):
			default: // nobody looks any more
			}
		}
		service, q := w.over(b, s, clock.now)
		began := time.Now()
		if err := service.Plan(b.Context()); err != nil {
			b.Fatal(err)
		}
		planned := time.Since(began)
		began = time.Now()
		if err := service.Plan(b.Context()); err != nil {
			b.Fatal(err)
		}
		look := time.Since(began)
		// The first fell due while the last were planned: time goes on only when all are.
		clock.forward(-planned)
		if err := q.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer q.Close()
		span, lates := 15*time.Second, []time.Duration{}
		for end := time.After(span); end != nil; {
			select {
			case d := <-late:
				lates = append(lates, d)
			case <-end:
				end = nil
			}
		}
		// How many of the missed ones are made up for within ten seconds.
		clock.forward(5 * time.Minute)
		began = time.Now()
		caught := 0
		for end := time.After(10 * time.Second); end != nil && caught < n; {
			select {
			case <-late:
				caught++
			case <-end:
				end = nil
			}
		}
		rate := float64(max(1, caught)) / time.Since(began).Seconds()
		b.ReportMetric(float64(n), "installations")
		b.ReportMetric(planned.Seconds(), "plan-s")
		b.ReportMetric(millis(look), "look-ms")
		b.ReportMetric(float64(len(lates))/span.Seconds(), "due/s")
		b.ReportMetric(millis(at(0.5, lates)), "late-p50-ms")
		b.ReportMetric(millis(at(0.99, lates)), "late-p99-ms")
		b.ReportMetric(rate, "runs/s")
		b.ReportMetric(float64(n)/rate, "round-s")
	})
}
