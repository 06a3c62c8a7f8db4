package unattended_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// world is one installation whose app has one schedule, and the times at which it ran.
type world struct {
	mu     sync.Mutex
	now    time.Time
	policy *call.Policy
	rules  map[id.Version]string
	ran    []time.Time
	tokens []string
	calls  chan struct{}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) Policy(context.Context, id.Install) (*call.Policy, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.policy, nil
}

func (w *world) Running() map[id.Install]*call.Policy {
	return map[id.Install]*call.Policy{"i": w.policy}
}
func (w *world) OnSite(id.Site) []*call.Policy { return nil }

func (w *world) Manifest(_ context.Context, v id.Version) (*manifest.Manifest, error) {
	m := &manifest.Manifest{}
	m.Modules.Function = []manifest.Function{{Key: "f", Handler: "index.f"}}
	if rule := w.rules[v]; rule != "" {
		m.Modules.ScheduledTrigger = []manifest.ScheduledTrigger{{Key: "s", Function: "f", Interval: rule}}
	}
	return m, nil
}

func (w *world) EventType(context.Context, id.Product, string) (unattended.EventType, error) {
	return unattended.EventType{}, nil
}

func (w *world) Invoke(_ context.Context, c *call.Call) (call.Result, error) {
	var in struct {
		ScheduledFor time.Time `json:"scheduledFor"`
		ContextToken string    `json:"contextToken"`
	}
	err := json.Unmarshal(c.Payload, &in)
	w.mu.Lock()
	w.tokens = append(w.tokens, in.ContextToken)
	w.ran = append(w.ran, in.ScheduledFor)
	w.mu.Unlock()
	w.calls <- struct{}{}
	return call.Result{}, err
}

// server is one of the servers of a database.
func (w *world) server(t *testing.T, d *db.DB) *unattended.Service {
	t.Helper()
	q := jobs.New(jobs.Config{DB: d, Now: w.clock, Poll: 2 * time.Millisecond})
	s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: w, Manifests: w, Products: w, Invoker: w, Now: w.clock})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return s
}

// Two servers plan and run a schedule, are started anew, and miss some times: each time is
// run once, at its distance, and what was missed is made up for by one run.
func TestSchedulesRunOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
			if err := d.Migrate(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		w := &world{
			now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), calls: make(chan struct{}, 100),
			policy: &call.Policy{Install: "i", Site: "s", Version: "one"}, rules: map[id.Version]string{"one": "hour"},
		}
		servers := []*unattended.Service{w.server(t, d)}
		if d.Postgres() { // SQLite has one
			servers = append(servers, w.server(t, d))
		}
		plan := func() {
			t.Helper()
			var all sync.WaitGroup // servers do not wait for each other
			for _, s := range servers {
				all.Go(func() {
					for range 3 {
						if err := s.Plan(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
		}
		// runs waits for a run and for what became of it: a lease must not run out meanwhile,
		// which passing time would make it do.
		runs := func() {
			t.Helper()
			<-w.calls
			for {
				c, err := jobs.New(jobs.Config{DB: d}).Counts(t.Context(), "i")
				if err != nil {
					t.Fatal(err)
				}
				if len(c) == 1 && c[0].Running == 0 {
					return
				}
			}
		}
		plan()
		for range 4 {
			w.pass(time.Hour)
			runs()
			plan()
		}
		servers[0] = w.server(t, d) // one that knows nothing of what was planned
		plan()
		w.pass(3 * time.Hour)
		runs()
		w.pass(time.Hour)
		runs()
		ran := slices.Clone(w.ran)
		want := []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, 3 * time.Hour}
		if len(ran) != len(want)+1 {
			t.Fatalf("%v", ran)
		}
		for n, apart := range want {
			if got := ran[n+1].Sub(ran[n]); got != apart {
				t.Errorf("run %d came %v after the one before, want %v: %v", n+1, got, apart, ran)
			}
		}
		w.mu.Lock()
		w.policy = &call.Policy{Install: "i", Site: "s", Version: "two"} // declares none
		w.mu.Unlock()
		plan()
		w.pass(2 * time.Hour)
		for { // the schedule ends at its next time
			c, err := jobs.New(jobs.Config{DB: d}).Counts(t.Context(), "i")
			if err != nil {
				t.Fatal(err)
			}
			if len(c) == 0 {
				break
			}
		}
		if len(w.calls) != 0 {
			t.Error("it ran after the version without it")
		}
	})
}

// A run is given a token of where it runs; one for which none can be made is not lost.
func TestSchedulesAreToldWhereTheyRun(t *testing.T) {
	d := dbtest.SQLite(t)
	for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
		if err := d.Migrate(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), calls: make(chan struct{}, 100),
		policy: &call.Policy{Install: "i", Site: "s", Version: "one"}, rules: map[id.Version]string{"one": "hour"},
	}
	q := jobs.New(jobs.Config{DB: d, Now: w.clock, Poll: 2 * time.Millisecond})
	asked := make(chan string, 10)
	s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: w, Manifests: w, Products: w, Invoker: w, Now: w.clock,
		ContextToken: func(_ context.Context, p *call.Policy, module string) (string, error) {
			asked <- string(p.Install) + " " + module
			if len(asked) == 1 {
				return "", fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is none")
			}
			return "signed", nil
		}})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	if err := s.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	for waits := false; !waits; { // it comes again in half a minute
		c, err := q.Counts(t.Context(), "i")
		if err != nil {
			t.Fatal(err)
		}
		waits = len(asked) == 1 && len(c) == 1 && c[0].Running == 0
	}
	w.pass(31 * time.Second)
	<-w.calls
	if first := <-asked; first != "i s" {
		t.Errorf("a token was asked for %s", first)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.ran) != 1 || w.tokens[0] != "signed" {
		t.Errorf("it ran for %v with %q", w.ran, w.tokens)
	}
}
