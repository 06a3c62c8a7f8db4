package attack

import (
	"bytes"
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/edge/testenv"
)

// keeper puts what it is given wherever it can.
const keeper = `
const { Queue } = __annex_require("@annex/events");
const { kvs } = __annex_require("@annex/kvs");
async function keep(canary) {
  console.log("it said " + canary);
  await kvs.set("key", { kept: canary });
  await kvs.entity("row").set("e", { owner: canary, at: 1 });
  await new Queue({ key: "work" }).push({ body: { fails: true, canary }, delayInSeconds: 900 });
  return true;
}
async function consume(event) { throw new Error("no: " + event.body.canary); }
async function hear(event) { console.log("it heard " + event.secret); throw new Error("no"); }
`

// holding are the tables of the server's database in which a text is, in any column.
func (p *platform) holding(text string) (tables []string) {
	p.t.Helper()
	var file string
	_ = filepath.WalkDir(p.dir, func(path string, _ fs.DirEntry, _ error) error {
		if filepath.Base(path) == "annex.db" {
			file = path
		}
		return nil
	})
	d, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.Close()
	rows := func(query string) (out [][]any) {
		r, err := d.QueryContext(p.ctx, query)
		if err != nil {
			p.t.Fatal(err)
		}
		defer r.Close()
		columns, err := r.Columns()
		if err != nil {
			p.t.Fatal(err)
		}
		for r.Next() {
			row, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := r.Scan(into...); err != nil {
				p.t.Fatal(err)
			}
			out = append(out, row)
		}
		if err := r.Err(); err != nil {
			p.t.Fatal(err)
		}
		return out
	}
	for _, table := range rows(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
		name := table[0].(string)
		if slices.ContainsFunc(rows(`SELECT * FROM "`+name+`"`), func(row []any) bool {
			return slices.ContainsFunc(row, func(v any) bool {
				switch v := v.(type) {
				case string:
					return strings.Contains(v, text)
				case []byte:
					return bytes.Contains(v, []byte(text))
				}
				return false
			})
		}) {
			tables = append(tables, name)
		}
	}
	return tables
}

// older makes what the tables say of times that much older.
func (p *platform) older(by time.Duration, columns ...string) {
	p.t.Helper()
	for _, c := range columns {
		table, column, _ := strings.Cut(c, ".")
		if _, err := p.System.DB.Exec(p.ctx, fmt.Sprintf("UPDATE %s SET %s = %s - ?", table, column, column), by.Milliseconds()); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Nothing that an app was told, queued or said stays past its time: events and their ids, the
// bodies of what was queued and of dead letters, and the log. What it stored goes with it.
func TestAttackStayPastItsTime(t *testing.T) {
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	at := p.deploy("development", source{
		also: []string{"keep", "consume", "hear"}, scopes: []string{"storage:app", "read:jira-work"}, options: rowOptions, code: keeper,
		modules: `  consumer: [{key: worker, queue: work, function: consume}]
  trigger: [{key: hearer, function: hear, events: ['tracker:issue:created']}]
`,
	})
	const first, second = "canary-0123456789-first", "canary-0123456789-second"
	var said bool
	letters := func() int { return p.counted(`SELECT COUNT(*) FROM jobs WHERE owner = ? AND state = 2`, at) }
	leave := func(canary string, dead int) {
		at.result("keep", canary, &said)
		e := at.event("tracker:issue:created", map[string]any{"secret": canary})
		e.ID = canary
		if a := p.tell(p.signed(p.Tracker.Key(), e)); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		// What is queued is tried until its time is over: it is, and its consumer fails.
		if _, err := p.System.DB.Exec(p.ctx, `UPDATE jobs SET expires_at = 1 WHERE owner = ? AND state = 0 AND batch <> ''`, at.installation); err != nil {
			t.Fatal(err)
		}
		p.dueNow(at)
		eventually(t, "an event and what was queued are dead letters", func() bool { return letters() == dead })
		if err := p.System.Logs.Flush(p.ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func() {
		if err := p.System.Unattended.Sweep(p.ctx); err != nil {
			t.Fatal(err)
		}
		if err := p.System.Logs.Sweep(p.ctx); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when, canary string, want ...string) {
		t.Helper()
		var got []string
		eventually(t, when, func() bool { got = p.holding(canary); return slices.Equal(got, want) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s is in %v, want %v", when, canary, got, want)
		}
	}
	stored := []string{"kv", "kv_entities", "kv_entity_entries"}
	unattended := []string{"applog_lines", "jobs", "taken_events"}

	leave(first, 2)
	is("when it was left", first, slices.Sorted(slices.Values(slices.Concat(stored, unattended)))...)
	// A day before the time of each, everything is there; a moment after it, nothing is.
	const day = 24 * time.Hour
	p.older(13*day, "jobs.ended_at", "applog_lines.at")
	p.older(6*day, "taken_events.taken_at")
	sweep()
	is("a day before its time", first, slices.Sorted(slices.Values(slices.Concat(stored, unattended)))...)
	p.older(day+time.Second, "jobs.ended_at", "taken_events.taken_at", "applog_lines.at")
	leave(second, 4)
	sweep()
	is("of one that is not past its time", second, slices.Sorted(slices.Values(slices.Concat(stored, unattended)))...)
	if got := p.holding(first); len(got) != 0 {
		t.Errorf("past its time %s is in %v", first, got) // what was stored was replaced
	}
	if letters() != 2 {
		t.Errorf("%d dead letters", letters())
	}

	// What is left goes when the grace of the ended installation is over, and not before.
	if a := at.uninstall(); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p.older(27*day, "erasures.due_at", "erasures.ended_at")
	due := func() {
		if _, err := p.System.Erasures.Due(p.ctx); err != nil {
			t.Fatal(err)
		}
	}
	due()
	is("in its grace", second, slices.Sorted(slices.Values(slices.Concat(stored, unattended)))...)
	p.older(day+time.Second, "erasures.due_at", "erasures.ended_at")
	due()
	p.older(7*day+time.Second, "taken_events.taken_at") // an event's id is the product's, and has its own time
	sweep()
	is("when it was erased", second)
	for _, table := range []string{"jobs", "job_batches", "job_chains", "job_owners"} {
		if n := p.counted(`SELECT COUNT(*) FROM `+table+` WHERE owner = ?`, at); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	for _, table := range []string{"applog_lines", "applog_calls", "applog_counts", "applog_places", "kv", "kv_secrets", "kv_entities", "kv_entity_entries", "erasures"} {
		if n := p.counted(`SELECT COUNT(*) FROM `+table+` WHERE install_id = ?`, at); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}
