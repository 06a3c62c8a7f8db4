package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

const countedBundle = `(function(__annex_require, __annex_register) {` + told + `
  const kvs = __annex_require("@annex/kvs").default;
  const { Queue } = __annex_require("@annex/events");
  const queue = new Queue({ key: "work" });
  async function keep(request) {
    await queue.push(request.queryParameters.push.map((n) => ({ body: { n } })));
    return { statusCode: 200, body: "{}" };
  }
  async function ran(what) {
    const key = "ran." + what + "." + Math.random().toString(36).slice(2);
    for (;;) { // a busy server may refuse
      try { return await kvs.set(key, 1); } catch { await new Promise((go) => setTimeout(go, 50)); }
    }
  }
  __annex_register({ index: {
    keep: (request) => keep(request).catch(told),
    consume: (event) => ran("queue" + event.body.n),
    hear: () => {},
    tick: (request) => ran("tick"),
  } });
})`

// Two server processes on one Postgres run what is due once, whichever of them looks: a
// schedule, each time that it comes, and every event that was pushed through either.
func TestServersRunWhatIsDueOnce(t *testing.T) {
	one := newPlace(t)
	one.database, one.blobs = dbtest.PostgresURL(t), filepath.Join(filepath.Dir(one.data), "shared")
	first := one.start(t)
	c := newClient(t, one, first)
	two := newPlace(t)
	two.database, two.blobs = one.database, one.blobs
	if err := os.MkdirAll(filepath.Dir(two.ring), 0o700); err != nil {
		t.Fatal(err)
	}
	copyRing(t, one.ring, two.ring)
	second := two.start(t)

	text := strings.Replace(manifest, "modules:\n", "modules:\n"+strings.Replace(unwatchedModules, "cron: '* * * * *'", "cron: '0 0 29 2 *'", 1), 1)
	for _, f := range []string{"consume", "hear", "tick"} {
		text += "    - {key: " + f + ", handler: index." + f + "}\n"
	}
	c.other = &source{text, countedBundle}
	_, install, hook := c.fresh()

	d, err := db.Open(t.Context(), db.Config{URL: one.database, Readers: 1, Writers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	schedule := func() (due int64, held bool) {
		var token string
		if err := d.QueryRow(t.Context(), `SELECT due, token FROM jobs WHERE owner = ? AND kind = 'schedule'`, install).Scan(&due, &token); err != nil {
			return 0, true // it is not planned yet
		}
		return due, token != ""
	}
	want := map[string]int{}
	for n := range 6 {
		c.meet([]*process{first, second}[n%2])
		try := 0
		within(t, commandTime, func() string { // a busy server may refuse; each try pushes events of its own
			try++
			names := []string{fmt.Sprint(n, "a", try), fmt.Sprint(n, "b", try)}
			a := c.call(hook, map[string][]string{"push": names})
			if !a.acknowledged() {
				return a.String()
			}
			want["queue"+names[0]], want["queue"+names[1]] = 1, 1
			return ""
		})
		within(t, commandTime, func() string {
			if due, held := schedule(); held || due == 0 {
				return "the schedule is held"
			}
			return ""
		})
		for _, q := range []string{`UPDATE jobs SET due = 1 WHERE owner = ? AND kind = 'schedule' AND token = ''`, `UPDATE job_owners SET serve_at = 1 WHERE owner = ?`} {
			if _, err := d.Exec(t.Context(), q, install); err != nil {
				t.Fatal(err)
			}
		}
		want["tick"]++
		within(t, commandTime, func() string {
			// One that was refused comes again soon, one that ran in years.
			if due, held := schedule(); held || due < time.Now().Add(time.Hour).UnixMilli() {
				return "the schedule did not run"
			}
			return ""
		})
	}
	got := map[string]int{}
	within(t, commandTime, func() string {
		clear(got)
		rows(t, d, func(scan func(...any) error) error {
			var key string
			err := scan(&key)
			got[strings.Split(key, ".")[1]]++
			return err
		}, `SELECT key FROM kv WHERE install_id = ? AND key LIKE 'ran.%'`, install)
		for what, n := range want {
			if got[what] < n {
				return fmt.Sprintf("%s ran %d times of %d", what, got[what], n)
			}
		}
		return ""
	})
	first.stop()
	second.stop()
	if log := first.log.String() + second.log.String(); strings.Contains(log, "WORKER_LOST") || strings.Contains(log, "is killed") {
		return // what a worker took along is run again, as it has to be
	}
	for what, n := range got {
		if n > max(want[what], 1) { // what was refused may have been kept all the same
			t.Errorf("%s ran %d times, not %d", what, n, want[what])
		}
	}
}
