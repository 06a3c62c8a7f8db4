package inside

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/jobs"
)

// flood is a queue's rows as Enqueue writes them, many at once.
var flood = map[bool]string{
	false: `WITH RECURSIVE n (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO jobs (id, owner, kind, name, batch, state, due, attempt, token, limit_key, most, created_at, expires_at, ended_at, class, head, body)
		SELECT 'flood' || i, 'flood', 'slow', 'q', '', 0, 1000000 + i, 0, '', '', 0, 0, 0, 0, '', '{}', x'7b7d' FROM n`,
	true: `INSERT INTO jobs (id, owner, kind, name, batch, state, due, attempt, token, limit_key, most, created_at, expires_at, ended_at, class, head, body)
		SELECT 'flood' || i, 'flood', 'slow', 'q', '', 0, 1000000 + i, 0, '', '', 0, 0, 0, 0, '', '{}', '\x7b7d' FROM generate_series(%d, %d) AS i`,
}

// BenchmarkFair has one installation with a million jobs that are due, each of 5 ms, and
// another one that puts a job every 20 ms: how late those begin. The bar is 2 s.
func BenchmarkFair(b *testing.B) {
	eachStore(b, func(b *testing.B, s store) {
		s.migrate(b, jobs.Migrations)
		n := scaled(1_000_000)
		const step = 50_000 // the database gives a statement a few seconds
		for from := 1; from <= n; from += step {
			if _, err := s.Exec(b.Context(), fmt.Sprintf(flood[s.Postgres()], from, min(from+step-1, n))); err != nil {
				b.Fatal(err)
			}
		}
		q := jobs.New(jobs.Config{DB: s.DB})
		if err := q.Enqueue(b.Context(), jobs.Job{ID: "flood", Owner: "flood", Kind: "slow", Due: time.UnixMilli(1)}); err != nil {
			b.Fatal(err)
		}
		began := make(chan time.Duration, 1)
		q.Handle("slow", func(ctx context.Context, _ jobs.Job) jobs.Verdict {
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
			return jobs.Verdict{}
		})
		q.Handle("quick", func(_ context.Context, j jobs.Job) jobs.Verdict {
			began <- time.Since(j.Due)
			return jobs.Verdict{}
		})
		if err := q.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer q.Close()
		var late []time.Duration
		for i := range scaled(400) {
			// Without Wake, as a job comes that another server put there.
			if err := q.Enqueue(b.Context(), jobs.Job{ID: fmt.Sprint("quick", i), Owner: "quick", Kind: "quick", Due: time.Now()}); err != nil {
				b.Fatal(err)
			}
			late = append(late, <-began)
			time.Sleep(20 * time.Millisecond)
		}
		b.ReportMetric(float64(n), "queued")
		b.ReportMetric(millis(at(0.5, late)), "late-p50-ms")
		b.ReportMetric(millis(at(0.99, late)), "late-p99-ms")
		b.ReportMetric(millis(at(1, late)), "late-most-ms")
	})
}
