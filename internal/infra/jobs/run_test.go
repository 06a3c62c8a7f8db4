package jobs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
)

// Two servers on one Postgres share the work and hand none out twice; what one of them
// held when it ended without a word is done by the other.
func TestServersShareOneDatabase(t *testing.T) {
	url := dbtest.PostgresURL(t)
	var mu sync.Mutex
	runs, left := map[string]int{}, 400
	all := make(chan struct{})
	stuck := make(chan string, 100)
	deaf := func(ctx context.Context, j jobs.Job) jobs.Verdict {
		stuck <- j.ID
		<-ctx.Done()
		return jobs.Verdict{Next: jobs.Again}
	}
	open := func(h jobs.Handler) *jobs.Queue {
		d, err := db.Open(t.Context(), db.Config{URL: url, Relaxed: true, Readers: 4, Writers: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		if err := d.Migrate(t.Context(), jobs.Migrations); err != nil {
			t.Fatal(err)
		}
		q := jobs.New(jobs.Config{DB: d, Lease: 2 * time.Second, Poll: 10 * time.Millisecond, PerOwner: 8})
		q.Handle("k", h)
		return q
	}
	work := func(_ context.Context, j jobs.Job) jobs.Verdict {
		mu.Lock()
		defer mu.Unlock()
		if runs[j.ID]++; runs[j.ID] == 1 {
			if left--; left == 0 {
				close(all)
			}
		}
		return jobs.Verdict{}
	}
	// The first one takes some and never finishes them: its context is cut off from its leases.
	lost := open(deaf)
	var list []jobs.Job
	for i := range 400 {
		list = append(list, jobs.Job{ID: fmt.Sprint("j", i), Owner: fmt.Sprint("o", i%10), Kind: "k", Due: time.Now()})
	}
	if err := lost.Enqueue(t.Context(), list...); err != nil {
		t.Fatal(err)
	}
	if err := lost.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-stuck
	lost.Vanish()
	one, two := open(work), open(work)
	for _, q := range []*jobs.Queue{one, two} {
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer q.Close()
	}
	<-all
	mu.Lock()
	defer mu.Unlock()
	for id, n := range runs {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
}

// A handler that does not end, and one that panics, are nobody else's matter; what was
// under way when the server stopped runs after it started again.
func TestRestart(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), jobs.Migrations); err != nil {
		t.Fatal(err)
	}
	began, ended := make(chan jobs.Job, 10), make(chan jobs.Job, 10)
	open := func(stuck bool) *jobs.Queue {
		q := jobs.New(jobs.Config{DB: d, Poll: 5 * time.Millisecond})
		q.Handle("slow", func(ctx context.Context, j jobs.Job) jobs.Verdict {
			began <- j
			if stuck {
				<-ctx.Done()
				return jobs.Verdict{Next: jobs.Dead, Class: "CANCELLED"}
			}
			ended <- j
			return jobs.Verdict{}
		})
		q.Handle("panics", func(context.Context, jobs.Job) jobs.Verdict { panic("no") })
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return q
	}
	q := open(true)
	if err := q.Enqueue(t.Context(), jobs.Job{ID: "p", Owner: "o", Kind: "panics"}, jobs.Job{ID: "s", Owner: "o", Kind: "slow"}); err != nil {
		t.Fatal(err)
	}
	<-began
	q.Close()
	q = open(false)
	defer q.Close()
	if j := <-ended; j.ID != "s" || j.Attempt != 2 {
		t.Errorf("%+v", j)
	}
	for { // what became of it is written a moment after it ended
		dead, err := q.Dead(t.Context(), "o", 5)
		if err != nil || len(dead) > 1 || len(dead) == 1 && dead[0].ID != "p" {
			t.Fatalf("%+v %v", dead, err)
		}
		if len(dead) == 1 {
			return
		}
	}
}
