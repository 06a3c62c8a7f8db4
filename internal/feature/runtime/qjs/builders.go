package qjs

import (
	"context"
	"errors"

	"github.com/annexhq/annex/internal/core/fault"
)

// maxBuilds is how many module scopes run at once.
const maxBuilds = 4

// builders run module scopes, each alone in its process: one that hangs takes no other
// version with it, neither its deploy nor its first calls. pool.mu guards the fields.
type builders struct {
	slots chan struct{}
	busy  map[*worker]bool
	spare *worker // of the last build that ended well
}

func newBuilders() builders {
	return builders{slots: make(chan struct{}, maxBuilds), busy: map[*worker]bool{}}
}

func (b *builders) all() []*worker {
	var out []*worker
	if b.spare != nil {
		out = append(out, b.spare)
	}
	for w := range b.busy {
		out = append(out, w)
	}
	return out
}

// build makes a snapshot; a lost worker is tried once more.
func (p *pool) build(ctx context.Context, source []byte) (built, error) {
	select {
	case p.builders.slots <- struct{}{}:
		defer func() { <-p.builders.slots }()
	case <-ctx.Done():
		return built{}, fault.New(fault.Unavailable, "NOT_READY", "too many versions are being prepared").Because(ctx.Err())
	}
	for attempt := 0; ; attempt++ {
		b, err := p.buildAlone(ctx, source)
		if err == nil || !isLost(err) || attempt > 0 {
			return b, err
		}
	}
}

func (p *pool) buildAlone(ctx context.Context, source []byte) (built, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return built{}, shuttingDown()
	}
	p.wg.Add(1)
	defer p.wg.Done()
	w := p.builders.spare
	p.builders.spare = nil
	if w != nil && w.ending.Load() {
		w = nil
	}
	if w != nil {
		p.builders.busy[w] = true
	}
	p.mu.Unlock()
	if w == nil {
		var err error
		if w, err = p.startBuilder(); err != nil {
			return built{}, err
		}
	}
	out, err := w.build(ctx, source)
	p.doneBuilding(w, err)
	// The version's first calls are next.
	p.wg.Go(func() { _, _ = p.quarantine.get(p) })
	return out, err
}

func (p *pool) startBuilder() (*worker, error) {
	w, err := p.start()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "WORKER_LOST", "no worker could be started").Because(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.kill()
		return nil, shuttingDown()
	}
	p.builders.busy[w] = true
	return w, nil
}

// doneBuilding keeps a process in which module scope came to its end, well or with an
// error of the app's own; any other is in doubt.
func (p *pool) doneBuilding(w *worker, err error) {
	var app *appError
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.builders.busy, w)
	if (err == nil || errors.As(err, &app)) && p.builders.spare == nil && !p.closed && !w.ending.Load() {
		p.builders.spare = w
		return
	}
	w.kill()
}

func shuttingDown() *fault.Error {
	return fault.New(fault.Unavailable, "SHUTTING_DOWN", "the server is shutting down; it gave running calls the time that is configured").With("retryable", true)
}
