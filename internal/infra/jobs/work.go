package jobs

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// outcome is a job's run that has ended.
type outcome struct {
	job     Job
	verdict Verdict
}

// Start runs jobs until Close.
func (q *Queue) Start(ctx context.Context) error {
	if !q.cfg.DB.Postgres() {
		if err := q.release(ctx, releaseAll); err != nil {
			return fault.Op("jobs.Start", err)
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	q.mu.Lock()
	q.cancel = cancel
	q.mu.Unlock()
	q.loops.Go(func() { q.take(ctx) })
	q.loops.Go(func() { q.keep(ctx) })
	q.settling.Go(func() { q.settle() })
	return nil
}

// Close ends the handlers, and gives back what they had not done.
func (q *Queue) Close() {
	if !q.stop() {
		return
	}
	ctx, end := context.WithTimeout(context.Background(), 5*time.Second)
	defer end()
	if err := q.release(ctx, release, q.token); err != nil {
		q.cfg.Log.WarnContext(ctx, "jobs under way run elsewhere when their leases have run out", "err", err)
	}
}

// stop ends everything that runs; false when nothing did.
func (q *Queue) stop() bool {
	q.mu.Lock()
	cancel := q.cancel
	q.cancel = nil
	q.mu.Unlock()
	if cancel == nil {
		return false
	}
	cancel()
	q.loops.Wait() // no handler starts any more
	q.running.Wait()
	close(q.finished)
	q.settling.Wait()
	return true
}

// take claims jobs and starts their handlers.
func (q *Queue) take(ctx context.Context) {
	tick := time.NewTicker(q.cfg.Poll)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		taken, err := q.claim(ctx, q.free(), q.room)
		if err != nil && !failing && ctx.Err() == nil {
			q.cfg.Log.ErrorContext(ctx, "jobs cannot be taken; it is tried again", "err", err)
		}
		failing = err != nil
		for _, j := range taken {
			q.run(ctx, j)
		}
		if len(taken) > 0 && q.free() > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-tick.C:
		}
	}
}

func (q *Queue) free() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cfg.Slots - q.holds
}

func (q *Queue) room(owner string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cfg.PerOwner - q.held[owner]
}

func (q *Queue) run(ctx context.Context, j Job) {
	q.mu.Lock()
	q.held[j.Owner]++
	q.holds++
	q.mu.Unlock()
	q.running.Go(func() {
		v := q.handle(ctx, j)
		if ctx.Err() != nil && v.Next != Done {
			q.left(j) // Close gives it back: it was not the job that failed
			return
		}
		q.finished <- outcome{j, v}
	})
}

func (q *Queue) handle(ctx context.Context, j Job) (v Verdict) {
	h, ok := q.handlers[j.Kind]
	if !ok { // another release of the server made it
		return Verdict{Next: Again, At: q.cfg.Now().Add(time.Minute), Class: "UNKNOWN_KIND"}
	}
	defer func() {
		if r := recover(); r != nil {
			q.cfg.Log.ErrorContext(ctx, "a job's handler panicked", "kind", j.Kind, "job", j.ID, "panic", r)
			v = Verdict{Next: Dead, Class: "INTERNAL"}
		}
	}()
	return h(ctx, j)
}

func (q *Queue) left(j Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.holds--
	if q.held[j.Owner]--; q.held[j.Owner] == 0 {
		delete(q.held, j.Owner)
	}
}

// keep extends the leases of what this process runs.
func (q *Queue) keep(ctx context.Context) {
	tick := time.NewTicker(q.cfg.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if q.free() == q.cfg.Slots {
			continue
		}
		if _, err := q.cfg.DB.Exec(ctx, extend, q.cfg.Now().Add(q.cfg.Lease).UnixMilli(), q.token); err != nil && ctx.Err() == nil {
			q.cfg.Log.WarnContext(ctx, "leases cannot be extended; jobs may run twice", "err", err)
		}
	}
}
