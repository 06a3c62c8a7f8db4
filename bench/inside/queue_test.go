package inside

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
)

const (
	atOnce = 200 // jobs that are put in one transaction
	hands  = 8   // of the bare loop: as many as the queue has connections that write
)

// BenchmarkQueue puts jobs that do nothing into an empty queue and works them off: with the
// queue on SQLite and on Postgres, and on the same Postgres with River and with a bare loop over
// FOR UPDATE SKIP LOCKED.
func BenchmarkQueue(b *testing.B) {
	n := scaled(5000)
	river := buildRiver(b)
	ways := []struct {
		name string
		run  func() (put, work time.Duration)
	}{
		{"sqlite", func() (put, work time.Duration) {
			return ownQueue(b, openStore(b, "sqlite:"+filepath.Join(b.TempDir(), "annex.db"), jobs.Migrations), n)
		}},
		{"postgres", func() (put, work time.Duration) {
			return ownQueue(b, openStore(b, dbtest.PostgresURL(b), jobs.Migrations), n)
		}},
		{"bare", func() (put, work time.Duration) { return bareLoop(b, dbtest.PostgresURL(b), n) }},
		{"river", func() (put, work time.Duration) { return byRiver(b, river, dbtest.PostgresURL(b), n) }},
	}
	puts, works := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, w := range ways {
			if w.name == "river" && river == "" {
				continue
			}
			put, work := w.run()
			puts[w.name], works[w.name] = append(puts[w.name], float64(n)/put.Seconds()), append(works[w.name], float64(n)/work.Seconds())
		}
	}
	for _, w := range ways {
		b.ReportMetric(median(puts[w.name]), w.name+"-put/s")
		b.ReportMetric(median(works[w.name]), w.name+"-jobs/s")
	}
}

// ownQueue shares the jobs among fifty owners, as installations have them.
func ownQueue(b *testing.B, s store, n int) (put, work time.Duration) {
	b.Helper()
	q := jobs.New(jobs.Config{DB: s.DB})
	var left atomic.Int64
	left.Store(int64(n))
	all := make(chan struct{})
	q.Handle("k", func(context.Context, jobs.Job) jobs.Verdict {
		if left.Add(-1) == 0 {
			close(all)
		}
		return jobs.Verdict{}
	})
	began := time.Now()
	for done := 0; done < n; {
		var list []jobs.Job
		for ; done < n && len(list) < atOnce; done++ {
			list = append(list, jobs.Job{ID: fmt.Sprint("j", done), Owner: fmt.Sprint("o", done%50), Kind: "k", Due: began, Body: []byte(`{"n":1}`)})
		}
		if err := q.Enqueue(b.Context(), list...); err != nil {
			b.Fatal(err)
		}
	}
	put = time.Since(began)
	began = time.Now()
	if err := q.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	<-all
	q.Close() // what was done is written down by then
	return put, time.Since(began)
}

// bareLoop takes one job in a transaction, does nothing, and deletes it.
func bareLoop(b *testing.B, url string, n int) (put, work time.Duration) {
	b.Helper()
	ctx := b.Context()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	cfg.MaxConns = hands
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE work (id BIGSERIAL PRIMARY KEY, due BIGINT NOT NULL, body BYTEA NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for done := 0; done < n; done += atOnce {
		if _, err := pool.Exec(ctx, `INSERT INTO work (due, body) SELECT 0, '{"n":1}'::bytea FROM generate_series(1, $1)`, min(atOnce, n-done)); err != nil {
			b.Fatal(err)
		}
	}
	put = time.Since(began)
	began = time.Now()
	failed := make(chan error, hands)
	for range hands {
		go func() { failed <- takeAll(ctx, pool) }()
	}
	for range hands {
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
	}
	return put, time.Since(began)
}

func takeAll(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		n := 0
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			var id int64
			var body []byte
			err := tx.QueryRow(ctx, `SELECT id, body FROM work WHERE due <= $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`, time.Now().UnixMilli()).Scan(&id, &body)
			if err == pgx.ErrNoRows {
				return nil
			}
			if err != nil {
				return err
			}
			n++
			_, err = tx.Exec(ctx, `DELETE FROM work WHERE id = $1`, id)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// buildRiver builds bench/peers/river; "" where its module cannot be had.
func buildRiver(b *testing.B) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "river")
	build := exec.CommandContext(b.Context(), "go", "build", "-o", binary, ".")
	build.Dir = filepath.Join("..", "peers", "river")
	if out, err := build.CombinedOutput(); err != nil {
		b.Logf("River is left out: %v: %s", err, out)
		return ""
	}
	return binary
}

func byRiver(b *testing.B, binary, url string, n int) (put, work time.Duration) {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), binary, url, fmt.Sprint(n)).Output()
	if err != nil {
		b.Fatalf("River: %v: %s", err, out)
	}
	var took struct {
		Put  float64 `json:"put_s"`
		Work float64 `json:"work_s"`
	}
	if err := json.Unmarshal(out, &took); err != nil {
		b.Fatal(err)
	}
	return time.Duration(took.Put * float64(time.Second)), time.Duration(took.Work * float64(time.Second))
}
