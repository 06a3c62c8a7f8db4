package uikit

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// changing is a policy and a clock that a test changes.
type changing struct {
	mu  sync.Mutex
	now time.Time
	p   call.Policy
	err error
}

func (c *changing) Policy(context.Context, id.Install) (*call.Policy, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.p
	return &p, c.err
}

func (c *changing) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *changing) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// What ends a session ends it for events that come after, in memory and at rest, and for the
// page that looks at it.
func TestWhatEndsASession(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Service, c *changing, session string){
		"half an hour without an event": func(_ *testing.T, _ *Service, c *changing, _ string) {
			c.set(func() { c.now = c.now.Add(maxIdle + time.Second) })
		},
		"eight hours": func(t *testing.T, s *Service, c *changing, session string) {
			for n := int64(2); c.clock().Sub(began) < maxAge; n++ {
				c.set(func() { c.now = c.now.Add(maxIdle - time.Minute) })
				if c.clock().Sub(began) < maxAge {
					click(t, s, session, n)
				}
			}
		},
		"another version": func(_ *testing.T, _ *Service, c *changing, _ string) { c.set(func() { c.p.Version = "w" }) },
		"a grant that was narrowed": func(_ *testing.T, _ *Service, c *changing, _ string) {
			c.set(func() { c.p.Set, c.p.Epoch = perm.Set{}, c.p.Epoch+1 })
		},
		"no installation": func(_ *testing.T, _ *Service, c *changing, _ string) {
			c.set(func() { c.err = fault.New(fault.NotFound, "UNKNOWN_INSTALLATION", "gone") })
		},
		"sign-out": func(_ *testing.T, s *Service, _ *changing, _ string) { s.EndPerson(alice.Session) },
	} {
		for _, rest := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", at rest"}[rest], func(t *testing.T) {
				d := dbtest.SQLite(t)
				s, c := newChanging(t, d)
				session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
				if err != nil {
					t.Fatal(err)
				}
				r := read(t, s, session, 0)
				r.until(t, `"n":0`)
				click(t, s, session, 1)
				r.until(t, `"idle":true,`)
				if rest {
					s.Rest(began.Add(100 * time.Hour))
				}
				end(t, s, c, session)
				if err := s.Event(t.Context(), alice, session, Event{Number: 99, Handle: "b:onClick"}); fault.CodeOf(err) != "SESSION_GONE" {
					t.Fatalf("after its end: %v", err)
				}
				if err := <-r.ended; err != nil && fault.CodeOf(err) != "SESSION_GONE" {
					t.Errorf("the page's connection: %v", err)
				}
				var rows int
				if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM ui_sessions`).Scan(&rows); err != nil || rows != 0 {
					t.Errorf("%d rows are kept, %v", rows, err)
				}
			})
		}
	}
}

// A session that nobody asks for again leaves the database too.
func TestSweepOfEndedSessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := newChanging(t, d)
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		read(t, s, session, 0).until(t, `"n":0`)
		s.all()[0].settle()
		s.Rest(began.Add(time.Hour))
		c.set(func() { c.now = began.Add(maxIdle - time.Minute) })
		sweep(t, s, d, 1)
		c.set(func() { c.now = began.Add(maxIdle + time.Minute) })
		sweep(t, s, d, 0)
	})
}

func sweep(t *testing.T, s *Service, d *db.DB, want int) {
	t.Helper()
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM ui_sessions`).Scan(&rows); err != nil || rows != want {
		t.Errorf("%d rows, want %d, %v", rows, want, err)
	}
}

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newChanging(t *testing.T, d *db.DB) (*Service, *changing) {
	t.Helper()
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	scope, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: "site"})
	if err != nil {
		t.Fatal(err)
	}
	c := &changing{now: began, p: call.Policy{Install: install, Site: "site", Version: "v", Epoch: 3, Scope: scope, Set: perm.Set{Scopes: []perm.Scope{{Name: "storage:app"}}}}}
	s := New(Config{DB: d, Sealer: newRing(t), Invoker: &counter{wake: -1}, Policies: c, Now: c.clock})
	t.Cleanup(s.Close)
	return s, c
}
