// Package applog keeps what apps write and how their calls went, under the policy of
// their environment (SPEC 9): in development and staging an app's developer reads the
// lines; in production only the site's admin does, and the developer sees counts,
// error classes, file:line and ids, never what the app wrote.
//
// Collecting never waits for the database and has a bounded size. While the database is
// away what was collected waits for it; what does not fit is dropped, counted, and the
// log says so.
package applog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Config has the figures of a Service; zero values take the defaults.
type Config struct {
	Logger *slog.Logger
	Now    func() time.Time
	// Audit is told of sharing, and of each read that sharing allowed.
	Audit Audit
	// Policy says of which app an installation is that has written nothing yet; it may be nil.
	Policy func(ctx context.Context, install id.Install) (*call.Policy, error)
	// Interval is how long a line waits for others before all are written.
	Interval time.Duration
	// CountInterval is the same for counts of calls that neither logged nor failed.
	CountInterval time.Duration
	// Buffer bounds the bytes that wait to be written.
	Buffer int
	// Keep bounds what is kept of one installation.
	Keep Keep
}

// Keep bounds what is kept of one installation; the oldest goes first.
type Keep struct {
	Lines int
	Bytes int
	Calls int
	Age   time.Duration // of lines, calls and counts; applied by Sweep
}

func (c *Config) defaults() {
	or(&c.Interval, 50*time.Millisecond)
	or(&c.CountInterval, time.Second)
	or(&c.Buffer, 8<<20)
	or(&c.Keep.Lines, 20_000)
	or(&c.Keep.Bytes, 20<<20)
	or(&c.Keep.Calls, 10_000)
	or(&c.Keep.Age, 14*24*time.Hour)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func or[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Service collects lines and calls and writes them in batches.
type Service struct {
	db  *db.DB
	cfg Config

	mu     sync.Mutex
	batch  *batch
	talks  map[id.Invocation]*talk
	forgot time.Time // when talks were last looked through

	erased map[id.Install]time.Time // and when: what their last calls still write is not kept

	flushing sync.Mutex    // one writer; taken before mu
	some     chan struct{} // the batch has something
	urgent   chan struct{} // and somebody may be waiting to read it
	quit     chan struct{}
	done     chan struct{}
	closing  sync.Once
}

// New starts the service. Its Migrations must have run. Close it to keep what it holds.
func New(d *db.DB, cfg Config) *Service {
	cfg.defaults()
	s := &Service{
		db: d, cfg: cfg, batch: newBatch(), talks: map[id.Invocation]*talk{}, erased: map[id.Install]time.Time{},
		some: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s
}

// Close writes what is left and stops. Stop what makes calls first: what is recorded
// after Close is lost.
func (s *Service) Close() error {
	s.closing.Do(func() { close(s.quit) })
	<-s.done
	return fault.Op("applog.Close", s.Flush(context.Background()))
}

// run writes the batch some time after its first entry: soon when somebody may be
// waiting to read it, later when it only counts.
func (s *Service) run() {
	defer close(s.done)
	failing := false
	for {
		select {
		case <-s.quit:
			return
		case <-s.some:
		}
		if !s.wait() {
			return
		}
		err := s.Flush(context.Background())
		switch { // once, not at each of the tries
		case err != nil && !failing:
			s.cfg.Logger.Error("app logs were not written; they are tried again each second", "err", err)
		case err == nil && failing:
			s.cfg.Logger.Info("app logs are written again")
		}
		failing = err != nil
	}
}

func (s *Service) wait() bool {
	calm := time.NewTimer(s.cfg.CountInterval)
	defer calm.Stop()
	select {
	case <-s.quit:
		return false
	case <-calm.C:
		return true
	case <-s.urgent:
	}
	brisk := time.NewTimer(s.cfg.Interval)
	defer brisk.Stop()
	select {
	case <-s.quit:
		return false
	case <-brisk.C:
		return true
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
