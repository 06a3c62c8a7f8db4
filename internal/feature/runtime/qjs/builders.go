package qjs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// maxBuilds is how many module scopes run at once, those that take long aside, of
	// which there may be maxSlow.
	maxBuilds = 4
	maxSlow   = 8
	// slowFrom is from when on a module scope takes long: it gives its place to others.
	slowFrom = 2 * time.Second
	// maxOfOwner is how many of one owner run at once; one, when the owner's took too long
	// before.
	maxOfOwner = 2
)

// builders run module scopes, each alone in its process: one that hangs takes no other
// version with it, neither its deploy nor its first calls. pool.mu guards the processes.
type builders struct {
	turns turns
	busy  map[*worker]bool
	spare *worker // of the last build that ended well
	of    string  // whose build that was
}

func newBuilders() builders {
	return builders{turns: turns{owners: map[string]int{}, struck: map[string]time.Time{}}, busy: map[*worker]bool{}}
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
func (p *pool) build(ctx context.Context, owner string, source []byte) (built, error) {
	leave, err := p.builders.turns.enter(ctx, owner)
	if err != nil {
		return built{}, err
	}
	b, err := p.buildTwice(ctx, owner, source)
	leave(isLimit(err))
	return b, err
}

func (p *pool) buildTwice(ctx context.Context, owner string, source []byte) (built, error) {
	for attempt := 0; ; attempt++ {
		b, err := p.buildAlone(ctx, owner, source)
		if err == nil || !isLost(err) || attempt > 0 {
			return b, err
		}
	}
}

func isLimit(err error) bool { return err != nil && fault.KindOf(err) == fault.Limit }

func (p *pool) buildAlone(ctx context.Context, owner string, source []byte) (built, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return built{}, shuttingDown()
	}
	p.wg.Add(1)
	defer p.wg.Done()
	w := p.builders.spare
	p.builders.spare = nil
	if w != nil && (w.ending.Load() || p.builders.of != owner) {
		w.kill()
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
	p.doneBuilding(w, owner, err)
	// The version's first calls are next.
	if p.cfg.Isolation != BySite && p.cfg.Isolation != ByApp {
		p.wg.Go(func() { _, _ = p.quarantined() })
	}
	return out, err
}

func (p *pool) startBuilder() (*worker, error) {
	w, err := p.start()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "WORKER_LOST", "no worker could be started").Because(err)
	}
	w.yieldTo(buildNice)
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
// error of the app's own; any other is in doubt. It is kept for its owner only: module scope
// that has taken a process over would read the next one's code and variables. Where
// processes are not shared, none is kept.
func (p *pool) doneBuilding(w *worker, owner string, err error) {
	var app *appError
	shared := p.cfg.Isolation != BySite && p.cfg.Isolation != ByApp
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.builders.busy, w)
	if (err == nil || errors.As(err, &app)) && shared && owner != "" && p.builders.spare == nil && !p.closed && !w.ending.Load() {
		p.builders.spare, p.builders.of = w, owner
		return
	}
	w.kill()
}

func shuttingDown() *fault.Error {
	return fault.New(fault.Unavailable, "SHUTTING_DOWN", "the server is shutting down; it gave running calls the time that is configured").With("retryable", true)
}

// turns decide who may build next: in the order in which they came, but nobody has more
// than a few places, and none for long.
type turns struct {
	mu     sync.Mutex
	queue  []*turn
	places int            // taken
	slow   int            // builds that gave theirs back
	owners map[string]int // builds under way, slow ones too
	struck map[string]time.Time
}

type turn struct {
	owner string
	ready chan struct{}
	slow  bool
	timer *time.Timer
}

// enter waits for the owner's turn. leave is called at the build's end, and told whether
// it took too long.
func (t *turns) enter(ctx context.Context, owner string) (leave func(tooLong bool), err error) {
	me := &turn{owner: owner, ready: make(chan struct{})}
	t.mu.Lock()
	t.queue = append(t.queue, me)
	t.grant(time.Now())
	t.mu.Unlock()
	select {
	case <-me.ready:
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		if i := slices.Index(t.queue, me); i >= 0 {
			t.queue = slices.Delete(t.queue, i, i+1)
		} else {
			t.end(me, false)
		}
		return nil, fault.New(fault.Unavailable, "NOT_READY", "too many versions are being prepared").Because(ctx.Err())
	}
	return func(tooLong bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.end(me, tooLong)
	}, nil
}

// grant begins the turns that may begin; t.mu is held.
func (t *turns) grant(now time.Time) {
	for i := 0; i < len(t.queue) && t.places < maxBuilds; {
		me := t.queue[i]
		limit := maxOfOwner
		if at, ok := t.struck[me.owner]; ok && now.Sub(at) < strikesFor {
			limit = 1
		}
		if t.owners[me.owner] >= limit {
			i++
			continue
		}
		t.queue = slices.Delete(t.queue, i, i+1)
		t.places++
		t.owners[me.owner]++
		me.timer = time.AfterFunc(slowFrom, func() { t.slowed(me) })
		close(me.ready)
	}
}

// slowed lets others have the place of a build that takes long.
func (t *turns) slowed(me *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if me.timer == nil || t.slow >= maxSlow {
		return // it has ended; or it keeps its place
	}
	me.slow = true
	t.slow++
	t.places--
	t.grant(time.Now())
}

// end ends a turn; t.mu is held.
func (t *turns) end(me *turn, tooLong bool) {
	me.timer.Stop()
	me.timer = nil
	if me.slow {
		t.slow--
	} else {
		t.places--
	}
	if t.owners[me.owner]--; t.owners[me.owner] == 0 {
		delete(t.owners, me.owner)
	}
	now := time.Now()
	for owner, at := range t.struck {
		if now.Sub(at) >= strikesFor {
			delete(t.struck, owner)
		}
	}
	if tooLong {
		t.struck[me.owner] = now
	}
	t.grant(now)
}
