package uikit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// counter is an app that counts its events: what it is parked as is the count.
type counter struct {
	mu   sync.Mutex
	wake int64
	fail error
}

func (c *counter) Invoke(_ context.Context, x *call.Call) (call.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return call.Result{}, c.fail
	}
	n := 0
	_, _ = fmt.Sscan(string(x.Session.Parked), &n)
	x.Session.Emit(fmt.Appendf(nil, `{"tree":{"type":"Root","key":"root","props":{},"children":[{"type":"Button","key":"b","props":{"n":%d,"onClick":{"$fn":"b:onClick"}},"children":[]}]}}`, n))
	head, err := json.Marshal(call.Rest{WakeMS: c.wake})
	return call.Result{Head: head, Body: fmt.Appendf(nil, "%d ", n+1)}, err
}

type policies struct{ p *call.Policy }

func (f policies) Policy(context.Context, id.Install) (*call.Policy, error) { return f.p, nil }

const install = id.Install("01939f00-0000-4000-8000-000000000001")

var alice = Person{Session: "s1", Principal: id.Principal{Kind: id.EndUser, Site: "site", User: "alice"}}

func newService(t *testing.T, d *db.DB, ring *seal.Ring, app Invoker) *Service {
	t.Helper()
	scope, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: "site"})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{DB: d, Sealer: ring, Invoker: app, Policies: policies{&call.Policy{Install: install, Site: "site", Version: "v", Epoch: 3, Scope: scope}}})
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func newRing(t *testing.T) *seal.Ring {
	t.Helper()
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// reader is a page that reads a session's stream.
type reader struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
	ended chan error
}

func read(t *testing.T, s *Service, session string, seen uint64) *reader {
	r := &reader{more: make(chan struct{}, 1), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	go func() {
		r.ended <- s.Stream(ctx, alice, session, seen, func(context.Context) error { return nil }, func(b []byte) error {
			r.mu.Lock()
			r.lines = append(r.lines, string(b))
			r.mu.Unlock()
			select {
			case r.more <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	return r
}

func (r *reader) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "")
}

func (r *reader) until(t *testing.T, part string) {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		all := r.all()
		if strings.Contains(all, part) {
			return
		}
		select {
		case <-r.more:
		case <-limit.C:
			t.Fatalf("no %s in %s", part, all)
		}
	}
}

func click(t *testing.T, s *Service, session string, n int64) {
	t.Helper()
	if err := s.Event(t.Context(), alice, session, Event{Number: n, Handle: "b:onClick"}); err != nil {
		t.Fatal(err)
	}
}

// Whichever of two servers an event comes to, the session goes on there: at rest it is in the
// database, and a server that has it in its memory lets it go.
func TestServersShareSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		ring, app := newRing(t), &counter{wake: -1}
		a, b := newService(t, d, ring, app), newService(t, d, ring, app)
		session, err := a.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		first := read(t, a, session, 0)
		first.until(t, `"n":0`)
		click(t, a, session, 1)
		first.until(t, `"idle":true`)
		if !d.Postgres() {
			a.Rest(time.Now().Add(time.Hour)) // of one server's file nobody else asks
		}
		click(t, b, session, 2)
		second := read(t, b, session, 0)
		second.until(t, `"n":2`)
		if d.Postgres() {
			<-first.ended // the page connects again, wherever it is sent
		}
		if all := second.all(); strings.Contains(all, `"n":1}`) && !strings.Contains(all, "tree") {
			t.Error(all)
		}
		stranger := Person{Session: "s2", Principal: alice.Principal}
		if err := b.Event(t.Context(), stranger, session, Event{Handle: "b:onClick"}); fault.CodeOf(err) != "SESSION_GONE" {
			t.Errorf("another sign-in: %v", err)
		}
		b.Close() // as a server that stops does
		click(t, a, session, 3)
		read(t, a, session, 0).until(t, `"n":3`)
	})
}

// At rest nothing of a session is in memory; a timer of its own wakes it while a page looks.
func TestSessionsAtRest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		app := &counter{wake: 0}
		s := newService(t, d, newRing(t), app)
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, s, session, 0)
		r.until(t, `"n":2`) // woken twice
		app.mu.Lock()
		app.wake = -1
		app.mu.Unlock()
		click(t, s, session, 1)
		r.until(t, `"idle":true,`)
		l := s.all()[0]
		s.Rest(time.Now().Add(time.Hour))
		l.mu.Lock()
		if !l.resting || l.parked != nil || l.tree != nil || l.backlog != nil || l.spec.Context != nil {
			t.Errorf("at rest it still holds: %+v", l.spec)
		}
		l.mu.Unlock()
		app.mu.Lock()
		app.fail = fault.New(fault.Unavailable, "WORKER_LOST", "lost")
		app.mu.Unlock()
		click(t, s, session, 2)
		r.until(t, "WORKER_LOST")
		r.until(t, `"event":2,`)
		app.mu.Lock()
		app.fail = fault.New(fault.Conflict, "SESSION_ENDED", "over")
		app.mu.Unlock()
		click(t, s, session, 3)
		r.until(t, `"gone":true`)
		if err := s.Event(t.Context(), alice, session, Event{Handle: "b:onClick"}); fault.CodeOf(err) != "SESSION_ENDED" {
			t.Errorf("%v", err)
		}
	})
}

// A page that did not hear that its event arrived sends it again, and it counts once: at once,
// and after the session rested. A page that comes back too late for the messages in between
// learns with the tree what was handled.
func TestEventsCountOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		s := newService(t, d, newRing(t), &counter{wake: -1})
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, s, session, 0)
		r.until(t, `"n":0`)
		for range 3 {
			click(t, s, session, 1)
		}
		r.until(t, `"event":1,`)
		s.Rest(time.Now().Add(time.Hour))
		for range 2 {
			click(t, s, session, 1)
		}
		click(t, s, session, 2)
		click(t, s, session, 2)
		r.until(t, `"event":2,`)
		if all := r.all(); !strings.Contains(all, `"n":2`) || strings.Contains(all, `"n":3`) {
			t.Errorf("two events, some sent again: %s", all)
		}
		s.Rest(time.Now().Add(time.Hour))
		late := read(t, s, session, 1)
		late.until(t, `"tree"`)
		if all := late.all(); !strings.Contains(all, `"n":2`) || !strings.Contains(all, `"event":2,"idle":true`) {
			t.Errorf("a page that was away for long is told: %s", all)
		}
	})
}

// What a person did before the page closed is handled, also what comes with the end; nothing is
// taken after it, and a view that is over for another reason handles nothing more.
func TestAPageThatClosesLosesNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name string
			end  func(*Service, string) error
			want int // events that were handled, with the first
		}{
			{"closed", func(s *Service, name string) error {
				return s.End(t.Context(), alice, name, []Event{{Number: 2, Handle: "b:onClick"}, {Number: 3, Handle: "gone"}, {Number: 4, Handle: "b:onClick"}})
			}, 4},
			{"signed out", func(s *Service, _ string) error { s.EndPerson(alice.Session); return nil }, 2},
		} {
			t.Run(tt.name, func(t *testing.T) {
				app := &held{counter: counter{wake: -1}, at: make(chan struct{}), on: make(chan struct{})}
				s := newService(t, d, newRing(t), app)
				name, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
				if err != nil {
					t.Fatal(err)
				}
				read(t, s, name, 0).until(t, `"n":0`)
				s.settleAll()
				app.hold.Store(true)
				click(t, s, name, 1) // under way
				<-app.at
				click(t, s, name, 2) // waits
				views := s.all()
				if err := tt.end(s, name); err != nil {
					t.Fatal(err)
				}
				if err := s.Event(t.Context(), alice, name, Event{Number: 9, Handle: "b:onClick"}); fault.CodeOf(err) != "SESSION_GONE" {
					t.Errorf("an event after the end: %v", err)
				}
				app.hold.Store(false)
				close(app.on)
				for _, l := range views {
					l.settle()
				}
				if got := int(app.calls.Load()); got != tt.want {
					t.Errorf("%d events were handled, want %d", got, tt.want)
				}
			})
		}
		var left int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM ui_sessions`).Scan(&left); err != nil || left != 0 {
			t.Errorf("%d sessions are left, %v", left, err)
		}
	})
}

// A page that closes brings with the end what it sent a moment before and has no answer to.
// Whichever of the two comes first, that is done once.
func TestWhatComesWithTheEndIsDoneOnce(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	app := &held{counter: counter{wake: -1}, at: make(chan struct{}), on: make(chan struct{})}
	s := newService(t, d, newRing(t), app)
	slow := &interrupted{Policies: s.Policies}
	s.Policies = slow
	name, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
	if err != nil {
		t.Fatal(err)
	}
	read(t, s, name, 0).until(t, `"n":0`)
	s.settleAll()
	app.hold.Store(true)
	click(t, s, name, 1) // under way
	<-app.at
	click(t, s, name, 2)
	views := s.all()
	slow.at, slow.do = 4, func() { // 3 comes after 4, which came with the end
		if err := s.Event(t.Context(), alice, name, Event{Number: 3, Handle: "b:onClick"}); fault.CodeOf(err) != "SESSION_GONE" {
			t.Errorf("what came with the end and comes again: %v", err)
		}
	}
	if err := s.End(context.WithValue(t.Context(), slow, true), alice, name, []Event{{Number: 3, Handle: "b:onClick"}, {Number: 4, Handle: "b:onClick"}, {Number: 5, Handle: "gone"}}); err != nil {
		t.Fatal(err)
	}
	app.hold.Store(false)
	close(app.on)
	for _, l := range views {
		l.settle()
	}
	if got := app.calls.Load(); got != 5 || slow.at != 0 {
		t.Errorf("%d events were handled, want 5 with the first", got)
	}
}

// interrupted has something happen before the answer to a question of those under its mark.
type interrupted struct {
	Policies
	at int
	do func()
}

func (i *interrupted) Policy(ctx context.Context, x id.Install) (*call.Policy, error) {
	if ctx.Value(i) != nil {
		if i.at--; i.at == 0 {
			i.do()
		}
	}
	return i.Policies.Policy(ctx, x)
}

// A page that is gone before it got its connection holds none: a session at rest is
// forgotten, and no timer wakes it for nobody.
func TestAPageThatIsGoneAtOnceHoldsNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := newChanging(t, d)
		name, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		first := read(t, s, name, 0)
		first.until(t, `"n":0`)
		s.settleAll()
		s.Rest(began.Add(time.Hour))
		l := s.all()[0]
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		err = s.Stream(gone, alice, name, l.seq, func(context.Context) error { return nil }, func([]byte) error { return nil })
		<-first.ended
		if all := s.all(); len(all) != 0 || err == nil {
			t.Errorf("%d sessions at rest are held for a page that is gone (%v)", len(all), err)
		}
	})
}

// What is under way when a view is closed is not cut: it has its time. What waits behind it for
// that long is not begun any more, and nothing that comes is taken.
func TestWhatIsUnderWayOutlivesItsView(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		app := &held{counter: counter{wake: -1}, at: make(chan struct{}), on: make(chan struct{})}
		s := newService(t, d, newRing(t), app)
		s.leave = 0
		name, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		read(t, s, name, 0).until(t, `"n":0`)
		s.settleAll()
		app.hold.Store(true)
		click(t, s, name, 1)
		<-app.at
		click(t, s, name, 2)
		view := s.all()[0]
		if err := s.End(t.Context(), alice, name, nil); err != nil {
			t.Fatal(err)
		}
		for waits := true; waits; time.Sleep(time.Millisecond) { // until the time of what waits is over
			view.mu.Lock()
			waits = len(view.queue) > 0
			view.mu.Unlock()
		}
		if err := s.Event(t.Context(), alice, name, Event{Number: 3, Handle: "b:onClick"}); fault.CodeOf(err) != "SESSION_GONE" {
			t.Errorf("the view takes more: %v", err)
		}
		if view.ended() || app.cut.Load() {
			t.Error("what was under way was cut off")
		}
		app.hold.Store(false)
		close(app.on)
		view.settle()
		if got := app.calls.Load(); got != 2 || app.cut.Load() {
			t.Errorf("%d events were handled, want the first and what was under way", got)
		}
		if all := s.all(); len(all) != 0 {
			t.Errorf("%d views are kept", len(all))
		}
	})
}

// An event that comes to no end does not outlive the view that was closed: it has its time.
func TestAViewThatWasClosedDoesNotGoOn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		app := &endless{counter: counter{wake: -1}, at: make(chan struct{}), on: make(chan struct{})}
		s := newService(t, d, newRing(t), app)
		s.within = time.Millisecond
		name, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		<-app.at
		views := s.all()
		if err := s.End(t.Context(), alice, name, nil); err != nil {
			t.Fatal(err)
		}
		close(app.on)
		for _, l := range views {
			l.settle()
		}
		if all := s.all(); len(all) != 0 {
			t.Errorf("%d views are kept", len(all))
		}
		if err := s.Event(t.Context(), alice, name, Event{Number: 1, Handle: "b:onClick"}); err == nil {
			t.Error("the view is there")
		}
	})
}

// endless never comes to its end by itself.
type endless struct {
	counter
	at, on chan struct{}
}

func (e *endless) Invoke(ctx context.Context, _ *call.Call) (call.Result, error) {
	close(e.at)
	<-e.on
	<-ctx.Done()
	return call.Result{}, ctx.Err()
}

// held is a counter that can be kept from coming to its end.
type held struct {
	counter
	hold   atomic.Bool
	calls  atomic.Int32
	at, on chan struct{}
	cut    atomic.Bool // one was cut off while it was held
	yield  atomic.Pointer[<-chan struct{}]
}

// yields says whether the newest event was asked to make room when it waits for timers alone.
func (h *held) yields() bool {
	select {
	case <-*h.yield.Load():
		return true
	default:
		return false
	}
}

func (h *held) Invoke(ctx context.Context, x *call.Call) (call.Result, error) {
	h.calls.Add(1)
	h.yield.Store(&x.Session.Yield)
	if h.hold.Load() {
		h.at <- struct{}{}
		select {
		case <-h.on:
		case <-ctx.Done():
			h.cut.Store(true)
			<-h.on
		}
	}
	return h.counter.Invoke(ctx, x)
}

// A user's views of an app are bounded, also when they open at once.
func TestRoomOfAUser(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		s := newService(t, d, newRing(t), &counter{wake: -1})
		var all sync.WaitGroup
		var opened, refused atomic.Int64
		for range maxOfUser + 10 {
			all.Go(func() {
				switch _, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"}); {
				case err == nil:
					opened.Add(1)
				case fault.CodeOf(err) == "LIMIT_SESSIONS":
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if opened.Load() != maxOfUser || refused.Load() != 10 {
			t.Errorf("%d opened, %d refused", opened.Load(), refused.Load())
		}
	})
}

// What a person did makes room for what they do next once it waits for nothing but timers. What
// those do, in a run of their own, makes room when somebody comes, or when nobody is there.
func TestTimersMakeRoom(t *testing.T) {
	for name, come := range map[string]func(t *testing.T, s *Service, session string){
		"something else is done": func(t *testing.T, s *Service, session string) { click(t, s, session, 2) },
		"the page is closed": func(t *testing.T, s *Service, session string) {
			if err := s.End(t.Context(), alice, session, nil); err != nil {
				t.Fatal(err)
			}
		},
		"another server wants it": func(t *testing.T, s *Service, _ string) {
			if err := s.let(t.Context(), s.all()[0], true); !errors.Is(err, errBusy) {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.SQLite(t)
			if err := d.Migrate(t.Context(), Migrations); err != nil {
				t.Fatal(err)
			}
			app := &held{counter: counter{wake: -1}, at: make(chan struct{}, 3), on: make(chan struct{})}
			s := newService(t, d, newRing(t), app)
			session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, s, session, 0)
			r.until(t, `"n":0`)
			s.settleAll()
			if !app.yields() {
				t.Error("the first event waits for timers")
			}
			view := s.all()[0]
			app.counter.mu.Lock()
			app.counter.wake = 1 // one of its timers is due in a moment
			app.counter.mu.Unlock()
			click(t, s, session, 1)
			r.until(t, `"event":1,`)
			app.hold.Store(true)
			<-app.at // of the timer, or of what came before it
			if app.yields() {
				t.Error("a timer's run makes room for nobody")
			}
			come(t, s, session)
			if !app.yields() {
				t.Error("it does not make room")
			}
			app.hold.Store(false)
			close(app.on)
			s.EndPerson(alice.Session)
			view.settle()
		})
	}
}
