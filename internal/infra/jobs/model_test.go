package jobs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// bench is queues on one database with one clock, driven by hand.
type bench struct {
	t   *testing.T
	db  *db.DB
	now time.Time
}

func newBench(t *testing.T, d *db.DB) *bench {
	t.Helper()
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, db: d, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (b *bench) process() *Queue {
	return New(Config{DB: b.db, Lease: 20 * time.Second, Now: func() time.Time { return b.now }})
}

func (b *bench) enqueue(q *Queue, list ...Job) {
	b.t.Helper()
	if err := q.Enqueue(b.t.Context(), list...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) claim(q *Queue, most int) []Job {
	b.t.Helper()
	got, err := q.claim(b.t.Context(), most, func(string) int { return 16 })
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func (b *bench) finish(q *Queue, j Job, v Verdict) {
	b.t.Helper()
	if err := q.finish(b.t.Context(), outcome{j, v}); err != nil {
		b.t.Fatal(err)
	}
}

// thing is a job as the model knows it.
type thing struct {
	job     Job
	due     time.Time
	attempt int
	holder  *Queue // whose lease runs until due
	dead    bool
}

// Whatever is enqueued, taken, finished, tried again, and by whichever process that then
// ends: nothing runs before it is due, or in two places, or beyond its key's limit, and
// in the end everything has run.
func TestModel(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n := rand.Uint64()
		t.Logf("seed %d", n)
		r := rand.New(rand.NewPCG(n, n))
		b := newBench(t, d)
		processes := []*Queue{b.process(), b.process()}
		all := map[string]*thing{}
		begun := map[string]bool{}
		take := func(q *Queue, most int) int {
			got := b.claim(q, most)
			for _, j := range got {
				w := all[j.ID]
				if w == nil || w.dead {
					t.Fatalf("%s was taken, and there is no such job", j.ID)
				}
				if w.due.After(b.now) {
					t.Fatalf("%s was taken %v early", j.ID, w.due.Sub(b.now))
				}
				if w.attempt++; w.attempt != j.Attempt {
					t.Fatalf("%s: attempt %d, want %d", j.ID, j.Attempt, w.attempt)
				}
				w.holder, w.due, w.job, begun[j.ID] = q, b.now.Add(20*time.Second), j, true
			}
			running := map[string]int{}
			for _, w := range all {
				if w.holder != nil && w.job.Key != "" && w.due.After(b.now) {
					if running[w.job.Owner+w.job.Key]++; running[w.job.Owner+w.job.Key] > w.job.Most {
						t.Fatalf("more than %d run with the key %s", w.job.Most, w.job.Key)
					}
				}
			}
			return len(got)
		}
		end := func(w *thing, v Verdict) {
			q := w.holder
			b.finish(q, w.job, v)
			w.holder = nil
			switch v.Next {
			case Done:
				delete(all, w.job.ID)
			case Again:
				w.due = v.At
			case Dead:
				w.dead = true
			}
		}
		for step := range 400 {
			switch q := processes[r.IntN(2)]; r.IntN(10) {
			case 0, 1, 2:
				j := Job{ID: fmt.Sprint("j", step), Owner: fmt.Sprint("o", r.IntN(4)), Kind: "k", Due: b.now.Add(time.Duration(r.IntN(8)-2) * time.Second)}
				if r.IntN(2) == 0 {
					j.Key, j.Most = fmt.Sprint("key", r.IntN(2)), 2
				}
				b.enqueue(q, j)
				all[j.ID] = &thing{job: j, due: j.Due}
			case 3, 4, 5:
				take(q, 1+r.IntN(6))
			case 6, 7, 8:
				for _, w := range all {
					if w.holder != nil && w.due.After(b.now) {
						v := Verdict{Next: []Next{Done, Done, Again, Dead}[r.IntN(4)], At: b.now.Add(time.Duration(r.IntN(5)) * time.Second)}
						end(w, v)
						break
					}
				}
			case 9:
				b.now = b.now.Add(time.Duration(r.IntN(7000)) * time.Millisecond)
				if r.IntN(6) == 0 { // a process is killed; what it held is due when its leases are over
					i := r.IntN(2)
					for _, w := range all {
						if w.holder == processes[i] {
							w.holder = nil
						}
					}
					processes[i] = b.process()
				}
			}
		}
		for rounds := 0; ; rounds++ {
			left := 0
			for _, w := range all {
				if w.holder != nil && w.due.After(b.now) {
					end(w, Verdict{Next: Done})
				}
			}
			for _, w := range all {
				if !w.dead {
					left++
				}
			}
			if left == 0 {
				break
			}
			if rounds > 500 {
				t.Fatalf("%d jobs never run", left)
			}
			if take(processes[0], 8) == 0 {
				b.now = b.now.Add(time.Second)
			}
		}
		if len(begun) < 20 {
			t.Errorf("only %d jobs ran", len(begun))
		}
	})
}

// While one owner has thousands queued (ANNEX_TEST_BACKLOG says how many), another's job is among the very next that
// are taken, wherever it is enqueued.
func TestOwnersTakeTurns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		q := b.process()
		flood := `INSERT INTO jobs (id, owner, kind, name, batch, state, due, attempt, token, limit_key, most, created_at, expires_at, ended_at, class, head, body)
			WITH RECURSIVE n(i) AS (SELECT CAST(? AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			SELECT 'flood' || i, 'heavy', 'k', '', '', 0, ?, 0, '', '', 0, 0, 0, 0, '', '{}', ? FROM n`
		n := 10000
		if text := os.Getenv("ANNEX_TEST_BACKLOG"); text != "" {
			var err error
			if n, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
		for at := 0; at < n; at += 10000 {
			if _, err := d.Exec(t.Context(), flood, at+1, at+10000, b.now.UnixMilli()-1000, []byte{}); err != nil {
				t.Fatal(err)
			}
		}
		b.enqueue(q, Job{ID: "first", Owner: "heavy", Kind: "k", Due: b.now.Add(-time.Second)})
		for i := range 20 {
			if got := b.claim(q, 8); len(got) != 8 {
				t.Fatalf("%d taken", len(got))
			}
			b.now = b.now.Add(10 * time.Millisecond)
			light := Job{ID: fmt.Sprint("light", i), Owner: fmt.Sprint("light", i), Kind: "k", Due: b.now}
			b.enqueue(q, light)
			b.now = b.now.Add(time.Millisecond)
			got := b.claim(q, 8)
			if !slices.ContainsFunc(got, func(j Job) bool { return j.ID == light.ID }) {
				t.Fatalf("the light owner waits behind %d others", len(got))
			}
		}
	})
}

// An owner that may run no more here is passed over and keeps nobody waiting.
func TestFullOwnersArePassedOver(t *testing.T) {
	b := newBench(t, dbtest.SQLite(t))
	q := b.process()
	for i := range ownersAtOnce + 1 {
		b.enqueue(q, Job{ID: fmt.Sprint("full", i), Owner: fmt.Sprint("full", i), Kind: "k", Due: b.now.Add(-time.Hour)})
	}
	b.enqueue(q, Job{ID: "it", Owner: "it", Kind: "k", Due: b.now})
	room := func(owner string) int {
		if owner == "it" {
			return 1
		}
		return 0
	}
	for round := range 3 {
		got, err := q.claim(t.Context(), 100, room)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 && got[0].ID == "it" {
			return
		}
		b.now = b.now.Add(time.Millisecond)
		if round == 2 {
			t.Fatal("it was not taken")
		}
	}
}

// What rolled back is not there; what committed is there once, however often it is put.
func TestEnqueueJoins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		q := b.process()
		j := Job{ID: "x", Owner: "o", Kind: "k", Due: b.now}
		sorry := fmt.Errorf("sorry")
		if err := d.Tx(t.Context(), func(ctx context.Context) error {
			if err := q.Enqueue(ctx, j); err != nil {
				return err
			}
			return sorry
		}); err == nil {
			t.Fatal("it committed")
		}
		if got := b.claim(q, 9); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
		b.enqueue(q, j, j)
		b.enqueue(q, j)
		if got := b.claim(q, 9); len(got) != 1 || got[0].Attempt != 1 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestBatches(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		q := b.process()
		var list []Job
		for i := range 5 {
			list = append(list, Job{ID: fmt.Sprint(i), Owner: "o", Kind: "k", Name: "n", Batch: "b", Due: b.now.Add(time.Duration(i) * time.Minute), Body: []byte("body"), Expires: b.now.Add(time.Hour)})
		}
		b.enqueue(q, list...)
		b.now = b.now.Add(90 * time.Second)
		got := b.claim(q, 9)
		if len(got) != 2 {
			t.Fatalf("%+v", got)
		}
		b.finish(q, got[0], Verdict{})
		b.finish(q, got[1], Verdict{Next: Again, At: b.now.Add(2 * time.Hour), Class: "LATE"}) // after it expires
		b.finish(q, got[0], Verdict{Next: Dead})                                               // nobody's any more
		want := func(w Stats) {
			t.Helper()
			if s, known, err := q.Batch(t.Context(), "o", "b"); err != nil || !known || s != w {
				t.Fatalf("%+v %v %v, want %+v", s, known, err, w)
			}
		}
		want(Stats{Succeeded: 1, InProgress: 3, Failed: 1})
		if l, err := q.Load(t.Context()); err != nil || l.Dead != 1 {
			t.Errorf("%+v %v", l, err)
		}
		if _, known, err := q.Batch(t.Context(), "other", "b"); known || err != nil {
			t.Error("another's batch is known", err)
		}
		if n, known, err := q.Cancel(t.Context(), "o", "b"); n != 3 || !known || err != nil {
			t.Error(n, known, err)
		}
		want(Stats{Succeeded: 1, Failed: 1})
		if c, err := q.Counts(t.Context(), "o"); err != nil || len(c) != 1 || c[0] != (Count{Kind: "k", Name: "n", Dead: 1}) {
			t.Errorf("%+v %v", c, err)
		}
		dead, err := q.Dead(t.Context(), "o", 10)
		if err != nil || len(dead) != 1 || dead[0].Class != "LATE" || string(dead[0].Body) != "body" || dead[0].Ended != b.now {
			t.Fatalf("%+v %v", dead, err)
		}
		if n, err := q.Retry(t.Context(), "other", time.Hour); n != 0 || err != nil {
			t.Error("another owner ran it again", err)
		}
		if n, err := q.Retry(t.Context(), "o", time.Hour); n != 1 || err != nil {
			t.Error(n, err)
		}
		want(Stats{Succeeded: 1, InProgress: 1})
		if got := b.claim(q, 9); len(got) != 1 || got[0].ID != dead[0].ID || got[0].Attempt != 1 {
			t.Fatalf("%+v", got)
		}
		if err := q.Erase(t.Context(), "o"); err != nil {
			t.Fatal(err)
		}
		if c, err := q.Counts(t.Context(), "o"); err != nil || len(c) != 0 {
			t.Errorf("%+v %v", c, err)
		}
		b.now = b.now.Add(time.Hour)
		if got := b.claim(q, 9); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// Dead jobs of one owner are bounded: a sweep leaves the last ones.
func TestSweepLeavesTheLastDead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d)
		q := b.process()
		q.cfg.MaxDead = 3
		for i := range 5 {
			for _, owner := range []string{"many", "few"} {
				if owner == "few" && i > 2 {
					continue
				}
				b.enqueue(q, Job{ID: fmt.Sprint(owner, i), Owner: owner, Kind: "k", Name: "n", Due: b.now, Body: []byte("body"), Head: []byte("{}"), Expires: b.now.Add(time.Hour)})
				for _, j := range b.claim(q, 9) {
					b.finish(q, j, Verdict{Next: Dead})
				}
			}
			b.now = b.now.Add(time.Second)
		}
		if n, bytes, err := q.Held(t.Context(), "many"); n != 5 || bytes != 5*6 || err != nil {
			t.Errorf("%d jobs of %d bytes: %v", n, bytes, err)
		}
		if err := q.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for owner, want := range map[string]string{"many": "many4 many3 many2", "few": "few2 few1 few0"} {
			dead, err := q.Dead(t.Context(), owner, 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range dead {
				got = append(got, j.ID)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("left are %v, want %s", got, want)
			}
		}
	})
}
