package applog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func read(t *testing.T, s *applog.Service, q applog.Query) []string {
	t.Helper()
	q.Limit = 1000
	got, err := s.Read(t.Context(), alice, q)
	if err != nil {
		t.Fatal(err)
	}
	return texts(got)
}

// 100 lines for each started minute of a call; what is too much is counted and said.
func TestLinesOfOneCallAreLimited(t *testing.T) {
	s, c := open(t, dbtest.SQLite(t), nil)
	p := policy("dev", call.Development)
	for n := range 130 {
		s.Log(p, aCall(1), says(c, fmt.Sprint(n)))
	}
	c.add(time.Minute)
	for n := range 10 {
		s.Log(p, aCall(1), says(c, fmt.Sprint("later", n)))
	}
	s.Log(p, aCall(2), says(c, "another call"))
	s.Record(p, aCall(1), c.now(), call.Stats{}, nil)
	got := read(t, s, applog.Query{Invocation: "call-001"})
	if len(got) != 111 || !strings.Contains(got[110], "30 more lines of this call were not kept") {
		t.Error(len(got), got[len(got)-1])
	}
	// What never came here counts too, and the note names the limit as other errors do.
	s.Log(p, aCall(4), says(c, "first"))
	s.Record(p, aCall(4), c.now(), call.Stats{Logs: 1, LogsDropped: 7}, nil)
	s.Record(p, aCall(5), c.now(), call.Stats{LogsDropped: 1}, nil)
	for id, want := range map[id.Invocation]string{"call-004": "7 more lines", "call-005": "1 more lines"} {
		got := read(t, s, applog.Query{Invocation: id})
		if last := got[len(got)-1]; !strings.Contains(last, want) || !strings.Contains(last, `"code":"LIMIT_LOG"`) || !strings.Contains(last, `"figure":100`) {
			t.Error(id, got)
		}
	}
	if got := read(t, s, applog.Query{Invocation: "call-002"}); len(got) != 1 {
		t.Error(got)
	}
	big := call.LogLine{Time: c.now(), Level: "info", Args: json.RawMessage(`["` + strings.Repeat("x", 30<<10) + `"]`)}
	for range 10 {
		s.Log(p, aCall(3), big)
	}
	s.Record(p, aCall(3), c.now(), call.Stats{}, nil)
	if got := read(t, s, applog.Query{Invocation: "call-003"}); len(got) != 7 || !strings.Contains(got[6], "4 more lines") {
		t.Error(len(got))
	}
}

// What the worker sends has any form; what is kept is a JSON array of bounded size.
func TestHostileLines(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, nil)
		p := policy("dev", call.Development)
		for i, args := range []string{"", "{", `"text"`, "[1", "[\"\xff\"]", "[\"\x00\"]", "\x00\x01", `["` + strings.Repeat("é", 40<<10) + `"]`, "null", `["ok\u0000"]`, " [1]"} {
			s.Log(p, aCall(i), call.LogLine{Time: time.UnixMilli(-1 << 60), Level: "\x00fatal", Args: json.RawMessage(args)})
		}
		got, err := s.Read(t.Context(), alice, applog.Query{})
		if err != nil || len(got) != 11 {
			t.Fatal(len(got), err)
		}
		for _, e := range got {
			var list []any
			if json.Unmarshal(e.Args, &list) != nil || len(e.Args) > 16<<10 || e.Level != "info" || !e.Time.Equal(c.now()) {
				t.Errorf("%+v", e)
			}
		}
		if !strings.Contains(string(got[7].Args), "cut: the line had") {
			t.Error(string(got[7].Args))
		}
	})
}

// When more comes than can wait, the rest is dropped, and the log says how much.
func TestBufferIsBounded(t *testing.T) {
	s, c := open(t, dbtest.SQLite(t), func(cfg *applog.Config) { cfg.Buffer = 10_000 })
	p := policy("dev", call.Development)
	const n = 100
	for i := range n {
		s.Log(p, aCall(i), says(c, "line"))
	}
	got := read(t, s, applog.Query{})
	last := got[len(got)-1]
	if kept := len(got) - 1; kept > 50 || !strings.Contains(last, fmt.Sprintf("%d lines or records of this installation were lost", n-kept)) {
		t.Error(len(got), last)
	}
}

// One installation's flood does not cost another one its lines.
func TestFloodOfANeighbour(t *testing.T) {
	s, c := open(t, dbtest.SQLite(t), nil)
	flood, quiet := policy("flood", call.Development), policy("quiet", call.Development)
	for i := range 5000 {
		s.Log(flood, aCall(i), says(c, "noise"))
		s.Record(flood, aCall(i), c.now(), call.Stats{}, errors.New("x"))
	}
	s.Log(quiet, aCall(9999), says(c, "heard"))
	if got := read(t, s, applog.Query{Install: "quiet"}); !slices.Equal(got, []string{`["heard"]`}) {
		t.Error(got)
	}
	sum, err := s.Summary(t.Context(), alice, applog.Query{Install: "flood"})
	if err != nil || len(sum.Counts) != 1 || sum.Counts[0].Calls != 5000 {
		t.Error(sum.Counts, err)
	}
	if got := read(t, s, applog.Query{Install: "flood"}); len(got) > 1001 || !strings.Contains(got[len(got)-1], "9000 lines or records") {
		t.Error(len(got), got[len(got)-1])
	}
}

// A line that comes after its call's end leaves nothing behind for ever.
func TestTalksAreForgotten(t *testing.T) {
	s, c := open(t, dbtest.SQLite(t), nil)
	p := policy("dev", call.Development)
	s.Record(p, aCall(1), c.now(), call.Stats{}, nil)
	s.Log(p, aCall(1), says(c, "late"))
	for range 101 {
		s.Log(p, aCall(2), says(c, "too much"))
	}
	for _, step := range []struct {
		wait time.Duration
		left int
	}{{0, 2}, {2 * time.Minute, 1}, {30 * time.Minute, 0}} {
		c.add(step.wait)
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.Talks(); n != step.left {
			t.Errorf("after %v: %d", step.wait, n)
		}
	}
}

// A database that fails costs lines, not memory, and not the counts.
func TestDatabaseAway(t *testing.T) {
	d := dbtest.SQLite(t)
	var out bytes.Buffer
	s, c := open(t, d, func(cfg *applog.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	p := policy("dev", call.Development)
	if _, err := d.Exec(t.Context(), `ALTER TABLE applog_lines RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	s.Log(p, aCall(1), says(c, "lost"))
	s.Record(p, aCall(1), c.now(), call.Stats{}, nil)
	if err := s.Flush(t.Context()); err == nil {
		t.Fatal("the failure was swallowed")
	}
	if _, err := s.Summary(t.Context(), alice, applog.Query{}); err != nil || !strings.Contains(out.String(), "not written") {
		t.Error("reading what is stored needs no writing:", err, out.String())
	}
	if _, err := d.Exec(t.Context(), `ALTER TABLE away RENAME TO applog_lines`); err != nil {
		t.Fatal(err)
	}
	s.Log(p, aCall(2), says(c, "kept"))
	if got := read(t, s, applog.Query{}); len(got) != 2 || got[0] != `["kept"]` || !strings.Contains(got[1], "2 lines or records") {
		t.Error(got)
	}
	sum, err := s.Summary(t.Context(), alice, applog.Query{})
	if err != nil || len(sum.Counts) != 1 || sum.Counts[0].Calls != 1 {
		t.Error(sum, err)
	}
}

// While the database is away lines wait for it, in bounded memory, and come into the log
// in their order when it is back: by themselves, with what was lost counted.
func TestLinesWaitForTheDatabase(t *testing.T) {
	d := dbtest.SQLite(t)
	s, c := open(t, d, func(cfg *applog.Config) { cfg.Buffer = 40_000 })
	p, q := policy("dev", call.Development), policy("other", call.Development)
	away := func(fail bool) {
		t.Helper()
		// A disk without room: the database may not grow.
		pages := map[bool]int{true: 1, false: 1 << 30}[fail]
		if err := d.Tx(t.Context(), func(ctx context.Context) error {
			return d.QueryRow(ctx, fmt.Sprint("PRAGMA max_page_count = ", pages)).Scan(&pages)
		}); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 150)
	away(true)
	const n = 60
	for i := range n {
		s.Log(p, aCall(i), says(c, fmt.Sprint(i, long)))
		err := s.Flush(t.Context())
		if i == n-1 && fault.KindOf(err) != fault.Unavailable {
			t.Fatal("the full disk was not noticed:", err)
		}
	}
	s.Log(q, aCall(1), says(c, "heard"))
	away(false)
	got := read(t, s, applog.Query{Install: "dev"})
	last := got[len(got)-1]
	if len(got) < 20 || !strings.Contains(last, fmt.Sprintf("%d lines or records of this installation were lost", n-(len(got)-1))) {
		t.Errorf("%d lines, at the end %s", len(got), last)
	}
	for i, line := range got[:len(got)-1] {
		if line != fmt.Sprintf("[%q]", fmt.Sprint(i, long)) {
			t.Errorf("line %d is %s", i, line)
		}
	}
	if got := read(t, s, applog.Query{Install: "other"}); len(got) != 1 {
		t.Error(got)
	}
}

// Counts that cannot be written do not fill the memory either.
func TestCountsAreBounded(t *testing.T) {
	s, c := open(t, dbtest.SQLite(t), nil)
	p := policy("dev", call.Development)
	const most, more = 50_000, 7
	for range most + more {
		c.add(time.Minute)
		s.Record(p, aCall(1), c.now(), call.Stats{}, nil)
	}
	if n := s.Counts(); n != most {
		t.Errorf("%d counts wait", n)
	}
	if got := read(t, s, applog.Query{}); len(got) != 1 || !strings.Contains(got[0], fmt.Sprint(more, " lines or records")) {
		t.Error(got)
	}
}

func TestRetention(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, c := open(t, d, func(cfg *applog.Config) { cfg.Keep = applog.Keep{Lines: 50, Bytes: 100_000, Calls: 20, Age: time.Hour} })
		p, quiet := policy("dev", call.Development), policy("quiet", call.Development)
		s.Log(quiet, aCall(0), says(c, "quiet"))
		s.Record(quiet, aCall(0), c.now(), call.Stats{}, nil)
		for n := range 300 {
			k := aCall(1 + n)
			s.Log(p, k, says(c, fmt.Sprint(n)))
			s.Record(p, k, c.now(), call.Stats{}, nil)
			c.add(time.Millisecond)
			if n%10 == 9 {
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := read(t, s, applog.Query{Install: "dev"})
		if len(got) < 50 || len(got) > 65 || got[len(got)-1] != `["299"]` {
			t.Error(len(got), got[len(got)-1])
		}
		sum, err := s.Summary(t.Context(), alice, applog.Query{Install: "dev"})
		if err != nil || len(sum.Calls) < 20 || len(sum.Calls) > 32 {
			t.Error(len(sum.Calls), err)
		}
		// By size.
		for n := range 10 {
			s.Log(p, aCall(500+n), call.LogLine{Time: c.now(), Level: "info", Args: json.RawMessage(`["` + strings.Repeat("x", 30_000) + `"]`)})
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, applog.Query{Install: "dev"}); len(got) != 3 {
			t.Error(len(got))
		}
		if got := read(t, s, applog.Query{Install: "quiet"}); len(got) != 1 {
			t.Error("another installation's lines went:", got)
		}
		// By age.
		c.add(2 * time.Hour)
		s.Log(quiet, aCall(999), says(c, "new"))
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, applog.Query{}); !slices.Equal(got, []string{`["new"]`}) {
			t.Error(got)
		}
		sum, err = s.Summary(t.Context(), alice, applog.Query{Since: c.now().Add(-24 * time.Hour)})
		if err != nil || len(sum.Calls)+len(sum.Counts) != 0 {
			t.Error(sum, err)
		}
	})
}

// Lines are written by themselves soon after they come, and what is left at Close.
func TestWritesByItself(t *testing.T) {
	d := dbtest.SQLite(t)
	s, c := open(t, d, func(cfg *applog.Config) { cfg.Interval = time.Millisecond })
	reader, _ := open(t, d, nil)
	p := policy("dev", call.Development)
	s.Log(p, aCall(1), says(c, "by itself"))
	for {
		got, err := reader.Read(t.Context(), alice, applog.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 {
			break
		}
	}
	s.Record(p, aCall(2), c.now(), call.Stats{}, errors.New("at the end"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sum, err := reader.Summary(t.Context(), alice, applog.Query{})
	if err != nil || len(sum.Calls) != 1 || sum.Calls[0].Outcome != "INTERNAL" {
		t.Error(sum, err)
	}
	if err := s.Close(); err != nil { // twice is fine
		t.Error(err)
	}
}

// BenchmarkRecord is what each call pays that neither logs nor fails.
func BenchmarkRecord(b *testing.B) {
	s, c := open(b, dbtest.SQLite(b), func(cfg *applog.Config) { cfg.Interval, cfg.CountInterval, cfg.Now = 0, 0, nil })
	_ = c
	var policies []*call.Policy
	for i := range 50 {
		policies = append(policies, policy(id.Install(fmt.Sprint("install", i)), call.Production))
	}
	k := aCall(1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Record(policies[i%len(policies)], k, time.Now(), call.Stats{CPU: time.Microsecond}, nil)
	}
}
