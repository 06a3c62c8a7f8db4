package applog_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/infra/db"
)

var _ invoke.Recorder = (*applog.Service)(nil)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// open gives a service that writes only when it is asked to.
func open(t testing.TB, d *db.DB, change func(*applog.Config)) (*applog.Service, *clock) {
	t.Helper()
	if err := d.Migrate(t.Context(), applog.Migrations); err != nil {
		t.Fatal(err)
	}
	c := newClock()
	cfg := applog.Config{Now: c.now, Interval: time.Hour, CountInterval: time.Hour}
	if change != nil {
		change(&cfg)
	}
	s := applog.New(d, cfg)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

var (
	alice     = id.Principal{Kind: id.Developer, Account: "alice"}
	bob       = id.Principal{Kind: id.Developer, Account: "bob"}
	siteAdmin = id.Principal{Kind: id.SiteAdmin, Account: "carol", Site: "site"}
)

func policy(install id.Install, env call.EnvType) *call.Policy {
	name := map[call.EnvType]string{call.Development: "development", call.Staging: "staging", call.Production: "production"}[env]
	return &call.Policy{
		Install: install, Site: "site", Product: "tracker", App: "app", Owner: "alice",
		Environment: id.Env("env-" + name), EnvName: name, EnvType: env, Version: "v", Number: "1.2.3",
	}
}

func aCall(n int) *call.Call {
	return &call.Call{ID: id.Invocation(fmt.Sprintf("call-%03d", n)), Attempt: 1, Kind: call.WebTrigger, Function: "index.run"}
}

func says(c *clock, text string) call.LogLine {
	args, err := json.Marshal([]string{text})
	if err != nil {
		panic(err)
	}
	return call.LogLine{Time: c.now(), Level: "info", Args: args}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func texts(entries []applog.Entry) (out []string) {
	for _, e := range entries {
		out = append(out, string(e.Args))
	}
	return out
}
