package unattended_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// listeners is one installation with triggers, and what they were told and noted.
type listeners struct {
	world
	module manifest.Modules
	told   chan string
	notes  []string
}

func (l *listeners) OnSite(id.Site) []*call.Policy { return []*call.Policy{l.policy} }

func (l *listeners) Manifest(context.Context, id.Version) (*manifest.Manifest, error) {
	m := &manifest.Manifest{Modules: l.module}
	m.Modules.Function = []manifest.Function{{Key: "f", Handler: "index.f"}}
	return m, nil
}

func (l *listeners) EventType(context.Context, id.Product, string) (unattended.EventType, error) {
	return unattended.EventType{Names: []string{"made"}, Fields: map[string]string{"secret": "read:secret"}, Optional: []string{"extra", "more"}}, nil
}

func (l *listeners) Invoke(_ context.Context, c *call.Call) (call.Result, error) {
	var in map[string]any
	err := json.Unmarshal(c.Payload, &in)
	_, extra := in["extra"]
	_, more := in["more"]
	l.told <- c.Module + map[bool]string{true: "+extra"}[extra] + map[bool]string{true: "+more"}[more]
	return call.Result{}, err
}

func (l *listeners) Note(_ *call.Policy, _ *call.Call, _, _ string, facts map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, facts["trigger"].(string)+": "+facts["why"].(string))
}

func trigger(key, expression, onError string) manifest.Trigger {
	return manifest.Trigger{
		Key: key, Function: "f", Events: []manifest.EventRef{{EventType: "made"}}, Filter: manifest.EventFilter{Expression: expression, OnError: onError},
	}
}

// hear tells the installation of an event and gives the modules that were called for it.
func (l *listeners) hear(t *testing.T, s *unattended.Service, self bool, data string) []string {
	t.Helper()
	e := unattended.Event{Product: "p", Site: "s", ID: data, Type: "made", Time: l.clock(), Data: json.RawMessage(data)}
	if self {
		e.Install, e.ID = "i", "self"+data
	}
	n, err := s.Take(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for range n {
		out = append(out, <-l.told)
	}
	slices.Sort(out)
	return out
}

// Conditions decide what is told, are held against what the installation may see, and
// where they fail, onError decides and says so.
func TestConditions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
			if err := d.Migrate(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		l := &listeners{world: world{now: time.Now()}, told: make(chan string, 100)}
		l.policy = &call.Policy{Install: "i", Site: "s", Product: "p", Version: "one", Set: perm.Set{Events: []string{"made"}}}
		yes := true
		notSelf := trigger("notSelf", "event.n > 0", "")
		notSelf.Filter.IgnoreSelf = &yes
		asks := trigger("asks", "", "")
		asks.Payload.Include.Fields = []string{"extra"}
		own := trigger("own", "false", "")
		own.Events[0].Filter.Expression = "event.n == 2" // an event's own filter is in the trigger's place
		l.module.Trigger = []manifest.Trigger{
			trigger("two", "event.n == 2 && event.eventType == 'made'", ""), trigger("spy", "event.secret != null", ""), notSelf, asks, own,
			trigger("quiet", "event.none.x == 1", "IGNORE"), trigger("noted", "event.none.x == 1", ""), trigger("told", "event.n", "RECEIVE"),
			trigger("both", "event.n > 'x'", "RECEIVE_AND_LOG"),
		}
		q := jobs.New(jobs.Config{DB: d, Poll: 2 * time.Millisecond})
		s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l})
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(q.Close)
		for _, c := range []struct {
			self bool
			data string
			want string
		}{
			{false, `{"n": 1, "secret": "x", "extra": 1, "more": 1}`, "asks+extra both notSelf told"},
			{false, `{"n": 2, "atlassianId": "false"}`, "asks both notSelf own told two"},
			{true, `{"n": 2, "selfGenerated": false}`, "asks both own told two"},
		} {
			if got := strings.Join(l.hear(t, s, c.self, c.data), " "); got != c.want {
				t.Errorf("%s: told %s, want %s", c.data, got, c.want)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.notes) != 6 || !strings.HasPrefix(l.notes[0], "noted: null has no members") || !strings.HasPrefix(l.notes[1], "both: ") {
			t.Errorf("%q", l.notes)
		}
	})
}

// What all conditions on an event may take while its product waits is bounded; the rest is
// looked at when it is the installation's turn.
func TestLongConditionsWait(t *testing.T) {
	d := dbtest.SQLite(t)
	for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
		if err := d.Migrate(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	l := &listeners{world: world{now: time.Now()}, told: make(chan string, 100)}
	l.policy = &call.Policy{Install: "i", Site: "s", Product: "p", Version: "one", Set: perm.Set{Events: []string{"made"}}}
	const digits, long = "[1,2,3,4,5,6,7,8,9,10]", ".every(a => "
	slow := digits + long + digits + long + digits + long + "[1,2,3,4,5].every(x => x > 0))))"
	var want []string
	for n := range 60 {
		key := string(rune('A'+n%26)) + string(rune('a'+n/26))
		l.module.Trigger = append(l.module.Trigger, trigger(key, slow+map[bool]string{true: " && event.n == 3"}[n%2 == 1], "RECEIVE"))
		if n%2 == 0 {
			want = append(want, key)
		}
	}
	q := jobs.New(jobs.Config{DB: d, Poll: 2 * time.Millisecond})
	s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l})
	n, err := s.Take(t.Context(), unattended.Event{Product: "p", Site: "s", ID: "e", Type: "made", Time: l.clock(), Data: json.RawMessage(`{"n": 1}`)})
	if err != nil || n <= len(want) || n >= 60 {
		t.Fatalf("%d triggers were queued of 60, of which %d hold: %v", n, len(want), err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	var got []string
	for range want {
		got = append(got, <-l.told)
	}
	for { // until nothing is left
		c, err := q.Counts(t.Context(), "i")
		if err != nil {
			t.Fatal(err)
		}
		if len(c) == 0 {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(l.told) > 0 {
		t.Errorf("told %v and %d more, want %v", got, len(l.told), want)
	}
}

// Each event of several that come together is held against conditions by itself.
func TestConditionsOnEventsThatComeTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
			if err := d.Migrate(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		l := &listeners{world: world{now: time.Now()}, told: make(chan string, 100)}
		l.policy = &call.Policy{Install: "i", Site: "s", Product: "p", Version: "one", Set: perm.Set{Events: []string{"made"}}}
		l.module.Trigger = []manifest.Trigger{trigger("one", "event.n == 1", ""), trigger("two", "event.n == 2", ""), trigger("three", "event.n == 3", "")}
		q := jobs.New(jobs.Config{DB: d, Poll: 2 * time.Millisecond})
		s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l})
		of := func(n string) unattended.Event {
			return unattended.Event{Product: "p", Site: "s", ID: n, Type: "made", Time: l.clock(), Data: json.RawMessage(`{"n": ` + n + `}`)}
		}
		if n, err := s.Take(t.Context(), of("1"), of("2"), of("2"), of("3"), of("4")); n != 4 || err != nil {
			t.Fatalf("%d triggers: %v", n, err)
		}
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(q.Close)
		got := []string{<-l.told, <-l.told, <-l.told}
		slices.Sort(got)
		for c := []jobs.Count(nil); c == nil || len(c) > 0; { // until nothing is left
			var err error
			if c, err = q.Counts(t.Context(), "i"); err != nil {
				t.Fatal(err)
			}
			if c == nil {
				break
			}
		}
		if strings.Join(got, " ") != "one three two" || len(l.told) != 0 {
			t.Errorf("told %v and %d more", got, len(l.told))
		}
	})
}
