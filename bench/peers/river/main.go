// Command river works off no-op jobs with River (github.com/riverqueue/river) on the Postgres
// that the benchmark names, and says how long that took. It is a module of its own, so that
// nothing of it is in the product.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// work is a job with a small body.
type work struct {
	N int `json:"n"`
}

// Kind is River's name of the job.
func (work) Kind() string { return "work" }

type worker struct {
	river.WorkerDefaults[work]
	left *atomic.Int64
	all  chan struct{}
}

// Work does nothing but count.
func (w *worker) Work(context.Context, *river.Job[work]) error {
	if w.left.Add(-1) == 0 {
		close(w.all)
	}
	return nil
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	w := &worker{left: &atomic.Int64{}, all: make(chan struct{})}
	w.left.Store(int64(n))
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 256}}, Workers: workers,
		FetchCooldown: time.Millisecond, FetchPollInterval: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	began := time.Now()
	for done := 0; done < n; {
		var batch []river.InsertManyParams
		for ; done < n && len(batch) < 200; done++ {
			batch = append(batch, river.InsertManyParams{Args: work{N: done}})
		}
		if _, err := client.InsertMany(ctx, batch); err != nil {
			return err
		}
	}
	put := time.Since(began)
	began = time.Now()
	if err := client.Start(ctx); err != nil {
		return err
	}
	<-w.all
	if err := client.Stop(ctx); err != nil { // what was done is written down by then
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"put_s": put.Seconds(), "work_s": time.Since(began).Seconds()})
}
