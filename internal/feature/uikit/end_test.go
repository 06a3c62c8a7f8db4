package uikit

import (
	"context"
	"strings"
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

// A rule of an admin about the place of a view ends it, in memory and at rest, and says why;
// one about another place does not.
func TestARuleAboutThePlaceEndsAView(t *testing.T) {
	for _, rest := range []bool{false, true} {
		d := dbtest.SQLite(t)
		s, c := newChanging(t, d)
		demo := call.Container{Type: "project", ID: "DEMO"}
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main", Containers: []call.Container{{Type: "project", ID: "7"}, demo}})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, s, session, 0)
		r.until(t, `"n":0`)
		s.settleAll()
		rule := func(x call.Container) {
			c.set(func() {
				c.p.Epoch++
				c.p.AccessRules = append(c.p.AccessRules, call.AccessRule{Container: x, Rule: "r"})
			})
			s.Changed(install)
		}
		rule(call.Container{Type: "project", ID: "OTHER"})
		click(t, s, session, 1)
		r.until(t, `"event":1,`)
		s.settleAll()
		if rest {
			s.Rest(began.Add(100 * time.Hour))
		}
		rule(call.Container{Type: "project", ID: "demo"})
		if err := <-r.ended; err != nil {
			t.Errorf("the page's connection: %v", err)
		}
		if all := r.all(); !strings.Contains(all, `"code":"ACCESS_RULE"`) || !strings.Contains(all, `"gone":true`) {
			t.Errorf("the page is not told why: %s", all)
		}
		err = s.Event(t.Context(), alice, session, Event{Number: 2, Handle: "b:onClick"})
		if f, ok := fault.As(err); !ok || f.Code != "ACCESS_RULE" || f.Fields["gone"] != true {
			t.Errorf("after its end: %v", err)
		}
		if all := s.all(); len(all) != 0 {
			t.Errorf("%d views are kept", len(all))
		}
	}
}

// What an app broke off is the last thing that its page hears: the words stay in sight. A
// view that never came to anything is over, and says so.
func TestLimits(t *testing.T) {
	limit := fault.New(fault.Limit, "LIMIT_CPU", "the function used more than 10 s of processor time")
	t.Run("the first event", func(t *testing.T) {
		s, _ := newChanging(t, dbtest.SQLite(t))
		app := s.Invoker.(*counter)
		app.fail = limit
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		s.settleAll()
		err = s.Stream(t.Context(), alice, session, 0, func(context.Context) error { return nil }, func([]byte) error { return nil })
		if fault.CodeOf(err) != "SESSION_GONE" && fault.CodeOf(err) != "LIMIT_CPU" {
			t.Fatal(err)
		}
		if fault.CodeOf(err) != "LIMIT_CPU" {
			t.Errorf("a page that connects now learns nothing of why: %v", err)
		}
	})
	t.Run("a later one", func(t *testing.T) {
		s, _ := newChanging(t, dbtest.SQLite(t))
		app := s.Invoker.(*counter)
		session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, s, session, 0)
		r.until(t, `"n":0`)
		s.settleAll()
		app.mu.Lock()
		app.fail = limit
		app.mu.Unlock()
		click(t, s, session, 1)
		r.until(t, `"event":1,`)
		if all := r.all(); strings.LastIndex(all, `"tree"`) > strings.LastIndex(all, "LIMIT_CPU") || strings.Contains(all, `"gone"`) {
			t.Error(all)
		}
	})
}

func (s *Service) settleAll() {
	for _, l := range s.all() {
		l.settle()
	}
}

// A sign-in that is over and may be renewed ends the page's connection alone: the view is
// there when the page comes back under the same session. One that was ended ends the view.
func TestSignInRunsOut(t *testing.T) {
	for code, gone := range map[string]bool{"SESSION_EXPIRED": false, "SIGNED_OUT": true} {
		t.Run(code, func(t *testing.T) {
			s, c := newChanging(t, dbtest.SQLite(t))
			s.ping = time.Millisecond
			session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
			if err != nil {
				t.Fatal(err)
			}
			read(t, s, session, 0).until(t, `"n":0`)
			c.set(func() { c.now = c.now.Add(16 * time.Minute) }) // a page's session lasts for 15
			over := fault.New(fault.Unauthenticated, code, "over")
			err = s.Stream(t.Context(), alice, session, 0, func(context.Context) error { return over }, func([]byte) error { return nil })
			if fault.CodeOf(err) != code {
				t.Fatal(err)
			}
			if err = s.Event(t.Context(), alice, session, Event{Number: 1, Handle: "b:onClick"}); gone != (fault.CodeOf(err) == "SESSION_GONE") || !gone && err != nil {
				t.Fatal(err)
			}
			if !gone {
				read(t, s, session, 0).until(t, `"n":1`)
			}
		})
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
