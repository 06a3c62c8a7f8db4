package applog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestWhatADeveloperReads(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		p := policy("dev", call.Development)
		k := aCall(1)
		k.Trace = "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b3"
		s.Log(p, k, call.LogLine{Time: c.now(), Level: "error", Args: json.RawMessage(`["found",{"n":1}]`)})
		s.Record(p, k, c.now(), call.Stats{CPU: time.Millisecond}, nil)
		got, err := s.Read(t.Context(), alice, applog.Query{App: "app", Env: "development"})
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		want := applog.Entry{
			Time: c.now(), Level: "error", Args: json.RawMessage(`["found",{"n":1}]`), Invocation: "call-001", Trace: "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b3", Function: "index.run",
			App: "app", Environment: "development", Version: "1.2.3", Site: "site", Install: "dev", Cursor: "1",
		}
		a, _ := json.Marshal(got[0])
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("got  %s\nwant %s", a, b)
		}
	})
}

// One trace is of several calls, and of several apps: of each, whoever reads its lines at all
// finds those of the trace, and nobody others.
func TestLinesOfOneTrace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		const one, other = "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b3", "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b4"
		for n, of := range []struct {
			install id.Install
			env     call.EnvType
			trace   string
		}{{"dev", call.Development, one}, {"dev", call.Development, other}, {"dev", call.Development, one}, {"prod", call.Production, one}, {"dev", call.Development, ""}} {
			k := aCall(n)
			k.Trace = of.trace
			s.Log(policy(of.install, of.env), k, says(c, fmt.Sprint(n)))
		}
		for name, w := range map[string]struct {
			by   id.Principal
			q    applog.Query
			want []string
		}{
			"by trace":            {alice, applog.Query{Env: "development", Trace: one}, []string{`["0"]`, `["2"]`}},
			"from the first on":   {alice, applog.Query{Env: "development", Trace: one, Limit: 1}, []string{`["0"]`}},
			"after a cursor":      {alice, applog.Query{Env: "development", Trace: one, Follow: "1"}, []string{`["2"]`}},
			"of one call":         {alice, applog.Query{Env: "development", Trace: one, Invocation: "call-002"}, []string{`["2"]`}},
			"of a call elsewhere": {alice, applog.Query{Env: "development", Trace: one, Invocation: "call-001"}, nil},
			"by the admin":        {siteAdmin, applog.Query{Trace: one}, []string{`["0"]`, `["2"]`, `["3"]`}},
			"of installations":    {siteAdmin, applog.Query{Trace: one, Installs: []id.Install{"prod", "gone"}}, []string{`["3"]`}},
			"by somebody else":    {bob, applog.Query{Trace: one}, nil},
		} {
			got, err := s.Read(t.Context(), w.by, w.q)
			if err != nil || !slices.Equal(texts(got), w.want) {
				t.Errorf("%s: %q, want %q (%v)", name, texts(got), w.want, err)
			}
		}
		_, err := s.Read(t.Context(), alice, applog.Query{Env: "production", Trace: one})
		wantCode(t, err, "LOGS_NOT_SHARED")
	})
}

// SPEC 9: nothing that an app wrote in production reaches its developer, whichever way
// the developer asks; the site's admin reads it.
func TestProductionIsNotShared(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		p := policy("prod", call.Production)
		k := aCall(1)
		k.Trace = "0197a0b1c2d3e4f5a6b7c8d9e0f1a2b3"
		s.Log(p, k, says(c, "canary"))
		failed := fault.New(fault.App, "FUNCTION_ERR", "canary: %s", "canary").Because(errors.New("canary")).
			With("name", "canary").With("message", "canary").With("stack", "canary at src/index.ts:1").With("location", "canary canary:1")
		s.Record(p, k, c.now(), call.Stats{Logs: 1}, failed)
		for _, q := range []applog.Query{
			{App: "app", Env: "production"}, {App: "app", Env: "Production"}, {App: "app"}, {Install: "prod"},
			{Invocation: k.ID}, {Trace: k.Trace}, {Site: "site"}, {}, {Follow: "0"}, {Env: "PRODUCTION", App: "unknown"},
		} {
			got, err := s.Read(t.Context(), alice, q)
			wantCode(t, err, "LOGS_NOT_SHARED")
			if len(got) > 0 {
				t.Errorf("%+v: %v", q, got)
			}
		}
		// With a development installation beside it, only that one's lines come.
		dev := policy("dev", call.Development)
		s.Log(dev, aCall(2), says(c, "mine"))
		got, err := s.Read(t.Context(), alice, applog.Query{App: "app"})
		if err != nil || !slices.Equal(texts(got), []string{`["mine"]`}) {
			t.Error(texts(got), err)
		}
		for _, q := range []applog.Query{{Invocation: k.ID}, {Trace: k.Trace}} {
			_, err = s.Read(t.Context(), alice, q)
			wantCode(t, err, "LOGS_NOT_SHARED")
		}

		sum, err := s.Summary(t.Context(), alice, applog.Query{App: "app", Env: "production"})
		if err != nil || len(sum.Counts) != 1 || len(sum.Calls) != 1 {
			t.Fatal(sum, err)
		}
		text, err := json.Marshal(sum)
		if err != nil || strings.Contains(string(text), "canary") {
			t.Errorf("the summary tells what the app wrote: %s", text)
		}
		if f := sum.Calls[0]; f.Class != "Error" || f.Location != "" || f.Outcome != "FUNCTION_ERR" || f.Invocation != k.ID {
			t.Errorf("%+v", f)
		}
		got, err = s.Read(t.Context(), siteAdmin, applog.Query{Install: "prod"})
		if err != nil || !slices.Equal(texts(got), []string{`["canary"]`}) {
			t.Error(texts(got), err)
		}
	})
}

func TestOthersReadNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		p := policy("dev", call.Development)
		s.Log(p, aCall(1), says(c, "x"))
		s.Record(p, aCall(1), c.now(), call.Stats{}, errors.New("x"))
		for _, who := range []id.Principal{bob, {Kind: id.SiteAdmin, Account: "alice", Site: "other"}} {
			for _, q := range []applog.Query{{}, {App: "app"}, {Install: "dev"}, {Invocation: "call-001"}, {Site: "site"}} {
				if got, err := s.Read(t.Context(), who, q); err != nil || len(got) != 0 {
					t.Errorf("%v read %v, %v", who, got, err)
				}
				if sum, err := s.Summary(t.Context(), who, q); err != nil || len(sum.Counts)+len(sum.Calls) != 0 {
					t.Errorf("%v read %v, %v", who, sum, err)
				}
			}
		}
		for _, who := range []id.Principal{
			{}, {Kind: id.Operator, Account: "alice"}, {Kind: id.CI, Account: "alice", App: "app"}, {Kind: id.Developer},
			{Kind: id.SiteAdmin, Account: "alice"}, {Kind: id.EndUser, Site: "site"}, {Kind: id.Application, App: "app", Site: "site", Install: "dev"},
		} {
			_, err := s.Read(t.Context(), who, applog.Query{App: "app"})
			wantCode(t, err, "LOGS_DENIED")
			_, err = s.Summary(t.Context(), who, applog.Query{App: "app"})
			wantCode(t, err, "LOGS_DENIED")
		}
	})
}

func TestCounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		p := policy("prod", call.Production)
		start := c.now()
		c.add(time.Millisecond)
		for round := range 3 { // in several batches, which add up
			for n := range 4 {
				var err error
				if n == 3 {
					err = fault.New(fault.App, "FUNCTION_ERR", "x").With("name", "TypeError").With("location", "src/index.ts:7")
				}
				s.Record(p, aCall(round*10+n), start, call.Stats{CPU: 2 * time.Microsecond}, err)
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := s.Summary(t.Context(), alice, applog.Query{Install: "prod"})
		if err != nil {
			t.Fatal(err)
		}
		cell := applog.Count{
			Install: "prod", Site: "site", App: "app", Environment: "production",
			Minute: start.Truncate(time.Minute), Function: "index.run",
		}
		failed, fine := cell, cell
		failed.Outcome, failed.Calls, failed.DurationUS, failed.CPUUS = "FUNCTION_ERR", 3, 3000, 6
		fine.Outcome, fine.Calls, fine.DurationUS, fine.CPUUS = "ok", 9, 9000, 18
		if !reflect.DeepEqual(sum.Counts, []applog.Count{failed, fine}) {
			t.Errorf("%+v", sum.Counts)
		}
		if len(sum.Calls) != 3 {
			t.Fatal(len(sum.Calls), "calls have a row; only those that failed should")
		}
		f := sum.Calls[0]
		if f.Class != "TypeError" || f.Location != "src/index.ts:7" || f.DurationUS != 1000 || f.Version != "1.2.3" || f.Kind != "webtrigger" {
			t.Errorf("%+v", f)
		}
	})
}

// A reader that follows sees each line once, in order, while several services write.
func TestFollow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const services, each = 3, 30
		var all []*applog.Service
		for range services {
			s, _ := open(t, d, nil)
			all = append(all, s)
		}
		done := make(chan struct{})
		var wg sync.WaitGroup
		for i, s := range all {
			wg.Go(func() {
				c := newClock()
				for n := range each {
					p := policy(id.Install(fmt.Sprintf("dev%d", n%2)), call.Development)
					s.Log(p, aCall(i), says(c, fmt.Sprintf("%d-%02d", i, n)))
					if n%3 == 0 {
						if err := s.Flush(t.Context()); err != nil {
							t.Error(err)
						}
					}
				}
				if err := s.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		go func() { wg.Wait(); close(done) }()
		var got []string
		cursor := "0"
		for last := false; ; {
			lines, err := all[0].Read(t.Context(), alice, applog.Query{App: "app", Follow: cursor, Limit: 7})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, texts(lines)...)
			if len(lines) > 0 {
				cursor = lines[len(lines)-1].Cursor
				continue
			}
			if last {
				break
			}
			select {
			case <-done:
				last = true
			default:
			}
		}
		if len(got) != services*each {
			t.Fatalf("%d of %d lines", len(got), services*each)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != services*each {
			t.Error("a line came twice")
		}
	})
}

func TestQueries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		for n := range 6 {
			p := policy(id.Install(fmt.Sprintf("dev%d", n%2)), []call.EnvType{call.Development, call.Staging}[n%2])
			s.Log(p, aCall(n), says(c, fmt.Sprint(n)))
			s.Record(p, aCall(n), c.now(), call.Stats{}, nil)
			c.add(time.Second)
		}
		for _, x := range []struct {
			q    applog.Query
			want string
		}{
			{applog.Query{}, `["0"] ["1"] ["2"] ["3"] ["4"] ["5"]`},
			{applog.Query{Limit: 3}, `["3"] ["4"] ["5"]`},
			{applog.Query{Limit: 3, Follow: "2"}, `["2"] ["3"] ["4"]`},
			{applog.Query{Env: "staging"}, `["1"] ["3"] ["5"]`},
			{applog.Query{Install: "dev0", Limit: 2}, `["2"] ["4"]`},
			{applog.Query{Invocation: "call-004"}, `["4"]`},
			{applog.Query{Invocation: "call-004", Install: "dev1"}, ``},
			{applog.Query{Since: c.now().Add(-2 * time.Second)}, `["4"] ["5"]`},
			{applog.Query{App: "other"}, ``},
		} {
			got, err := s.Read(t.Context(), alice, x.q)
			if err != nil || strings.Join(texts(got), " ") != x.want {
				t.Errorf("%+v: %v, %v", x.q, texts(got), err)
			}
		}
		for code, queries := range map[string][]applog.Query{"INVALID_LIMIT": {{Limit: -1}, {Limit: 1001}}, "INVALID_CURSOR": {{Follow: "x"}, {Follow: "-1"}}} {
			for _, q := range queries {
				_, err := s.Read(t.Context(), alice, q)
				wantCode(t, err, code)
			}
		}
	})
}

func TestErase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		for _, install := range []id.Install{"gone", "kept"} {
			p := policy(install, call.Development)
			s.Log(p, aCall(1), says(c, string(install)))
			s.Record(p, aCall(1), c.now(), call.Stats{}, nil)
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		sc, err := tenant.ForInstall(siteAdmin, "site", "gone")
		if err != nil {
			t.Fatal(err)
		}
		// What waits to be written, and what its last call writes while it ends, go too.
		last := policy("gone", call.Development)
		s.Log(last, aCall(2), says(c, "late"))
		if err := s.Erase(t.Context(), sc); err != nil {
			t.Fatal(err)
		}
		s.Record(last, aCall(2), c.now(), call.Stats{}, nil)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantCode(t, s.Erase(t.Context(), tenant.Scope{}), "NO_TENANT")
		got, err := s.Read(t.Context(), alice, applog.Query{})
		if err != nil || !slices.Equal(texts(got), []string{`["kept"]`}) {
			t.Error(texts(got), err)
		}
		sum, err := s.Summary(t.Context(), alice, applog.Query{})
		if err != nil || len(sum.Counts) != 1 || len(sum.Calls) != 1 {
			t.Error(sum, err)
		}
	})
}
