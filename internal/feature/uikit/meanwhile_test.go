package uikit

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// unsure are policies that nobody confirmed for a while.
type unsure struct {
	policies
	left atomic.Int32 // for so many questions more
}

func (u *unsure) Policy(ctx context.Context, install id.Install) (*call.Policy, error) {
	if u.left.Add(-1) >= 0 {
		return nil, fault.New(fault.Unavailable, "POLICY_STALE", "nobody knows")
	}
	return u.policies.Policy(ctx, install)
}

// gated is an app whose first press waits for a host call until it is told to make room, and
// whose others are handled at once.
type gated struct {
	counter
	asked carriedCall
	rooms chan struct{} // a value for each event that waits
	free  chan struct{} // closed when the answer is there
	seen  []*call.Activation
}

type carriedCall struct{ waits, dropped atomic.Bool }

func (c *carriedCall) Waits() bool { return c.waits.Load() }
func (c *carriedCall) Drop()       { c.dropped.Store(true); c.waits.Store(false) }

func (g *gated) Invoke(ctx context.Context, x *call.Call) (call.Result, error) {
	g.mu.Lock()
	g.seen = append(g.seen, x.Session)
	carried := x.Session.Carried
	g.mu.Unlock()
	res, err := g.counter.Invoke(ctx, x)
	if err != nil || x.Session.Number < 0 || x.Session.Number > 1 && carried == nil {
		return res, err
	}
	if x.Session.Number == 1 {
		g.asked.waits.Store(true)
	}
	g.rooms <- struct{}{}
	select {
	case <-x.Session.Room:
		res.Carried = &g.asked
		res.Head = []byte(`{"wake":-1,"open":[1]}`)
	case <-g.free:
		g.asked.waits.Store(false)
	}
	return res, err
}

// An event that waits for an answer makes room for the next one, which carries what it waits for;
// when nothing else is to be handled the session waits for it by itself. Whoever looks on learns
// which events are handled and which of them are not.
func TestEventsMakeRoomForOthers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		app := &gated{counter: counter{wake: -1}, rooms: make(chan struct{}, 20), free: make(chan struct{})}
		s := newService(t, d, newRing(t), app)
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, s, session, 0)
		r.until(t, `"begun":true`)
		click(t, s, session, 1)
		<-app.rooms
		click(t, s, session, 2)
		r.until(t, `"event":2,"idle":true,"open":[1]`)
		<-app.rooms // of the second
		<-app.rooms // nobody else is there: it waits for itself
		if l := s.all()[0]; s.let(t.Context(), l, false) == nil {
			t.Error("a session whose answers are to come is put to rest")
		}
		click(t, s, session, 3)
		r.until(t, `"event":3,"idle":true,"open":[1]`)
		close(app.free)
		r.until(t, `"event":3,"idle":true,"seq"`)
		app.mu.Lock()
		seen := app.seen
		app.mu.Unlock()
		for i, a := range seen {
			if i > 1 && a.Carried == nil {
				t.Errorf("event %d does not carry what the first one waits for", a.Number)
			}
			if a.Parked != nil {
				t.Errorf("event %d still holds the memory before it", a.Number)
			}
		}
		// One that fails while it waits does not make the session wait for ever.
		app.asked.waits.Store(false)
		click(t, s, session, 4)
		r.until(t, `"event":4,"idle":true`)
		s.settleAll()
		app.mu.Lock()
		app.fail = fault.New(fault.Unavailable, "WORKER_LOST", "lost")
		app.mu.Unlock()
		l := s.all()[0]
		l.mu.Lock()
		l.carried = &app.asked
		l.mu.Unlock()
		app.asked.waits.Store(true)
		click(t, s, session, 5)
		r.until(t, `"event":5,"idle":true`)
		s.settleAll()
		if !app.asked.dropped.Load() {
			t.Error("what nobody waits for is carried on")
		}
	})
}

// A press that was taken is handled also where the server is so busy that nobody knows for a while
// what the app may do: nothing is done until then, and nobody presses twice.
func TestEventsWaitForAPolicy(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	app := &refusing{counter: counter{wake: -1}}
	s := newService(t, d, newRing(t), app)
	known, ok := s.Policies.(policies)
	if !ok {
		t.Fatal("other policies")
	}
	stale := &unsure{policies: known}
	s.Policies = stale
	session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, s, session, 0)
	r.until(t, `"begun":true`)
	s.settleAll()
	l := s.all()[0]
	for n, when := range map[int64]func(){1: func() { stale.left.Store(3) }, 2: func() { app.left.Store(3) }} {
		l.mu.Lock()
		l.running = true // nothing begins meanwhile
		l.mu.Unlock()
		click(t, s, session, n)
		when()
		l.mu.Lock()
		l.running = false
		l.begin()
		l.mu.Unlock()
		r.until(t, fmt.Sprintf(`"event":%d,"idle":true`, n))
	}
	if all := r.all(); strings.Contains(all, "POLICY_STALE") || !strings.Contains(all, `"n":2`) {
		t.Error(all)
	}
}

// refusing is an app whose door does not know for a while what it may do.
type refusing struct {
	counter
	left atomic.Int32
}

func (f *refusing) Invoke(ctx context.Context, x *call.Call) (call.Result, error) {
	if f.left.Add(-1) >= 0 {
		return call.Result{}, fault.New(fault.Unavailable, "POLICY_STALE", "nobody knows")
	}
	return f.counter.Invoke(ctx, x)
}
