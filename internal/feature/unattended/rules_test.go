package unattended_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
)

// A rule that is made between an event's coming and its telling counts: the app is not told.
func TestRulesCountWhenAnEventIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newListeners(t, d)
		l.module.Trigger = append(l.module.Trigger, trigger("t", "", ""))
		withheld := 0
		q := jobs.New(jobs.Config{DB: d, Poll: 2 * time.Millisecond})
		s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: l, Manifests: l, Products: l, Invoker: l, AppLog: l, Withheld: func(*call.Policy) {
			l.mu.Lock()
			defer l.mu.Unlock()
			withheld++
		}})
		take := func(id, project string) int {
			t.Helper()
			n, err := s.Take(t.Context(), unattended.Event{Product: "p", Site: "s", ID: id, Type: "made", Time: l.clock(), Data: json.RawMessage(`{}`),
				Containers: []call.Container{{Type: "project", ID: "7"}, {Type: "project", ID: project}}})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := take("before", "DEMO") + take("elsewhere", "OTHER"); n != 2 {
			t.Fatalf("%d are to be told", n)
		}
		ruled := *l.policy
		ruled.Epoch++
		ruled.AccessRules = []call.AccessRule{{Container: call.Container{Type: "project", ID: "demo"}, Rule: "r"}}
		l.mu.Lock()
		l.policy = &ruled
		l.mu.Unlock()
		if n := take("after", "Demo"); n != 0 {
			t.Errorf("%d are to be told of what came after the rule", n)
		}
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(q.Close)
		<-l.told // of the other project
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for left := 1; left > 0; time.Sleep(time.Millisecond) {
			if err := d.QueryRow(ctx, `SELECT COUNT(*) FROM jobs`).Scan(&left); err != nil {
				t.Fatal(err)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.told) > 0 || withheld != 2 {
			t.Errorf("%d were told too, %d were withheld and counted", len(l.told), withheld)
		}
	})
}
