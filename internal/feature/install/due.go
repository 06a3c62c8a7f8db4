package install

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
)

// dueEvery is how often is looked for versions whose time has come.
const dueEvery = 2 * time.Second

// due lets versions in when they have waited as long as their site wants. The database
// knows what is due, so a restart forgets nothing and any server may do it.
type due struct {
	run func(context.Context) error
	log *slog.Logger

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

func newDue(run func(context.Context) error, log *slog.Logger) *due { return &due{run: run, log: log} }

func (d *due) start(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		return
	}
	ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	d.done = make(chan struct{})
	go d.loop(ctx, d.done)
}

func (d *due) loop(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	t := time.NewTicker(dueEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := d.run(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "versions that are due wait on; they are tried again shortly", "err", err)
		}
	}
}

func (d *due) stop() {
	d.mu.Lock()
	cancel, done := d.cancel, d.done
	d.cancel, d.done = nil, nil
	d.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// bySchedule is who lets in what a site's policy lets in.
var bySchedule = id.Principal{Kind: id.Operator, Account: "schedule"}

// runDue lets in what is due, each in its own transaction.
func (s *Service) runDue(ctx context.Context) error {
	rows, err := s.query(ctx, dueNow, s.Now().UnixMilli())
	if err != nil {
		return fault.Op("install.runDue", err)
	}
	for n := range rows {
		if err := s.letIn(ctx, rows[n].ID, rows[n].Site); err != nil {
			return fault.Op("install.runDue", err)
		}
	}
	if len(rows) > 0 {
		s.Refresh(ctx)
	}
	return nil
}

// letIn gives one installation what it waited for. Another server may have done it, or
// an admin declined it, since the row was read: the policy clock puts them in order, and
// the row is read again behind it.
func (s *Service) letIn(ctx context.Context, install id.Install, site id.Site) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tick(ctx); err != nil {
			return err
		}
		i, err := s.one(ctx, byID, install, site)
		if err != nil || i == nil || i.WaitingReason != Scheduled || i.WaitingDue.After(s.Now()) || i.Suspended {
			return err
		}
		release, err := s.Releases.Release(ctx, i.App, i.EnvName)
		if err != nil {
			return err
		}
		act := "install.wait"
		if i.take(release, rollout.Policy{}, s.Now()) {
			act = "install.upgrade"
		}
		if err := s.save(ctx, i); err != nil {
			return err
		}
		return s.record(ctx, bySchedule, i, act)
	})
}
