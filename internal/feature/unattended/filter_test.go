package unattended_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
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
	others []*call.Policy // with the same module
	told   chan string
	notes  []string
}

func (l *listeners) OnSite(id.Site) []*call.Policy {
	return append([]*call.Policy{l.policy}, l.others...)
}

func (l *listeners) Manifest(context.Context, id.Version) (*manifest.Manifest, error) {
	m := &manifest.Manifest{Modules: l.module}
	m.Modules.Function = []manifest.Function{{Key: "f", Handler: "index.f"}}
	return m, nil
}

func (l *listeners) EventType(_ context.Context, _ id.Product, name string) (unattended.EventType, error) {
	if name == "undeclared" {
		return unattended.EventType{}, fault.New(fault.NotFound, "EVENT_UNKNOWN", "undeclared")
	}
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

// newListeners are those of one installation that may hear of "made".
func newListeners(t *testing.T, d *db.DB) *listeners {
	t.Helper()
	for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
		if err := d.Migrate(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	l := &listeners{world: world{now: time.Now()}, told: make(chan string, 100)}
	l.policy = &call.Policy{Install: "i", Site: "s", Product: "p", Version: "one", Set: perm.Set{Events: []string{"made"}}}
	return l
}

// Conditions decide what is told, are held against what the installation may see, and
// where they fail, onError decides and says so.
func TestConditions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newListeners(t, d)
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
	l := newListeners(t, d)
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

// That bound is of all installations together.
func TestConditionsOfAllInstallationsAreBounded(t *testing.T) {
	d := dbtest.SQLite(t)
	l := newListeners(t, d)
	for n := range 39 {
		other := *l.policy
		other.Install = id.Install(fmt.Sprint("i", n))
		l.others = append(l.others, &other)
	}
	for _, key := range []string{"a", "b"} {
		l.module.Trigger = append(l.module.Trigger, trigger(key, endless, "IGNORE"))
	}
	s := unattended.New(unattended.Config{DB: d, Jobs: jobs.New(jobs.Config{DB: d}), Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l})
	e := unattended.Event{Product: "p", Site: "s", ID: "e", Type: "made", Time: l.clock(), Data: json.RawMessage(`{"n": 1}`)}
	if n, err := s.Take(t.Context(), e); err != nil || n != 60 {
		t.Errorf("%d of 80 triggers wait, want all but 20: %v", n, err)
	}
}

// endless is a condition that ends when its steps do.
const (
	ten     = "[1,2,3,4,5,6,7,8,9,10]"
	endless = ten + ".every(a => " + ten + ".every(b => " + ten + ".every(c => " + ten + ".every(d => " + ten + ".every(x => x > 0)))))"
)

// One installation's conditions take a tenth of that, so that the next one's are looked at too; what
// it has more to look at is counted as calls are, and waits where there are too many.
func TestConditionsOfOneInstallationLeaveRoom(t *testing.T) {
	d := dbtest.SQLite(t)
	l := newListeners(t, d)
	for n := range 10 {
		l.module.Trigger = append(l.module.Trigger, trigger(string(rune('a'+n)), endless, "IGNORE"))
	}
	l.module.Trigger = append(l.module.Trigger, trigger("fails", "event.none.x == 1", ""))
	q := jobs.New(jobs.Config{DB: d, Poll: 2 * time.Millisecond})
	looked := make(chan struct{}, 100)
	var room atomic.Int32
	room.Store(5)
	s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l, Looked: func(*call.Policy) error {
		looked <- struct{}{}
		if room.Add(-1) < 0 {
			return fault.New(fault.Limit, "LIMIT_INVOCATIONS", "full")
		}
		return nil
	}})
	// Two are looked at and do not hold, in the time of two; the others wait.
	e := unattended.Event{Product: "p", Site: "s", ID: "e", Type: "made", Time: l.clock(), Data: json.RawMessage(`{"n": 1}`)}
	for _, want := range []int{9, 9} { // the second time it is known
		if n, err := s.Take(t.Context(), e); err != nil || n != want {
			t.Fatalf("%d triggers wait, want %d: %v", n, want, err)
		}
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 9 {
		<-looked
	}
	q.Close() // what was begun is finished
	c, err := q.Counts(t.Context(), "i")
	if err != nil || len(c) != 4 {
		t.Errorf("%d jobs wait for the next minute, want those of 4 modules: %v", len(c), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.notes) > 1 {
		t.Errorf("%q", l.notes)
	}
}

// What is refused, or known already, leaves no line in any app's log.
func TestNothingIsSaidOfEventsThatDoNotCount(t *testing.T) {
	d := dbtest.SQLite(t)
	l := newListeners(t, d)
	l.module.Trigger = []manifest.Trigger{trigger("fails", "event.none.x == 1", "")}
	s := unattended.New(unattended.Config{DB: d, Jobs: jobs.New(jobs.Config{DB: d}), Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l})
	e := unattended.Event{Product: "p", Site: "s", ID: "e", Type: "made", Time: l.clock(), Data: json.RawMessage(`{"n": 1}`)}
	bad := e
	bad.ID, bad.Type = "bad", "undeclared"
	if _, err := s.Take(t.Context(), e, bad); err == nil || len(l.notes) > 0 {
		t.Errorf("refused: %v, and said %q", err, l.notes)
	}
	for range 2 {
		if _, err := s.Take(t.Context(), e); err != nil || len(l.notes) != 1 {
			t.Errorf("%v, and said %q", err, l.notes)
		}
	}
}

// Each event of several that come together is held against conditions by itself.
func TestConditionsOnEventsThatComeTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newListeners(t, d)
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
