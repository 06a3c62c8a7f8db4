package qjs

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

const (
	// silentFor is after how long a silent worker gets no new calls, hungFor after how
	// long it is killed when others wait.
	silentFor = 50 * time.Millisecond
	hungFor   = time.Second
	watchTick = 25 * time.Millisecond
	// probation is how many calls of a version must end well before it leaves quarantine.
	probation = 3
	// maxOwn is how many versions with strikes get a worker of their own.
	maxOwn = 4
)

// pool keeps the workers alive.
type pool struct {
	cfg Config

	mu sync.Mutex
	// slots are the shared workers; nil while one is being replaced.
	slots []*worker
	// front is how many of them get the short calls as long as they keep up.
	front int
	// quarantine runs first calls of versions; the second, started then, while the first is
	// silent.
	quarantine [2]keeper
	builders   builders
	// own are the workers of environments with strikes, by the tally's owner.
	own     map[string]*ownKeeper
	groups  map[string]*group // the workers of sites or apps
	image   *image.Image      // the base; that of the first worker
	changed chan struct{}
	closed  bool
	wg      sync.WaitGroup
	stop    chan struct{}
}

func newPool(cfg Config) (*pool, error) {
	if cfg.Isolation == BySite || cfg.Isolation == ByApp {
		cfg.Workers = 1 // only for its base image
	}
	p := &pool{
		cfg: cfg, slots: make([]*worker, cfg.Workers), front: inFront(cfg.Workers), own: map[string]*ownKeeper{}, groups: map[string]*group{},
		changed: make(chan struct{}), stop: make(chan struct{}),
		builders: newBuilders(),
	}
	first, apart, err := p.startTwo()
	if err != nil {
		return nil, err
	}
	p.put(0, first)
	if apart != nil {
		p.quarantine[0].w = apart
		p.stand(&p.quarantine[0])
	}
	for i := 1; i < cfg.Workers; i++ {
		p.replace(i)
	}
	p.wg.Go(p.watch)
	return p, nil
}

// startTwo starts the first shared worker and, where versions begin in quarantine, its
// worker beside it: whoever calls a version first would otherwise wait for that start.
func (p *pool) startTwo() (first, apart *worker, err error) {
	built := make(chan struct{})
	ready := make(chan error, 1)
	if p.cfg.Isolation == BySite || p.cfg.Isolation == ByApp {
		ready <- nil // each site or app has a quarantine of its own
	} else {
		go func() {
			var err error
			apart, err = p.startOn(func() (*image.Image, error) {
				<-built
				if p.image == nil {
					return nil, errors.New("qjs: there is no base image")
				}
				return p.image, nil
			})
			ready <- err
		}()
	}
	if first, err = startWorker(p.cfg, nil); err == nil {
		p.image = first.base
	}
	close(built)
	if failed := <-ready; err == nil {
		err = failed
	}
	if err == nil {
		return first, apart, nil
	}
	for _, w := range []*worker{first, apart} {
		if w != nil {
			w.kill()
			<-w.gone
		}
	}
	return nil, nil, err
}

// stand keeps a worker there from now on, and not only from its next use.
func (p *pool) stand(k *keeper) {
	p.wg.Go(func() {
		const least = 50 * time.Millisecond
		for wait := least; ; {
			began := time.Now()
			w, err := k.get(p)
			if err == nil {
				select {
				case <-w.gone:
				case <-p.stop:
					return
				}
			}
			if p.isClosed() {
				return
			}
			if err != nil {
				p.cfg.Log.Error("worker does not start", "err", err)
			}
			// What ends it again and again shall not keep a processor busy with starts.
			if wait = min(2*wait, 5*time.Second); time.Since(began) > time.Minute {
				wait = least
			}
			select {
			case <-time.After(wait):
			case <-p.stop:
				return
			}
		}
	})
}

// put installs a worker in a slot and replaces it when it is gone.
func (p *pool) put(slot int, w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[slot] = w
	p.announce()
	p.wg.Go(func() {
		<-w.gone
		p.mu.Lock()
		p.slots[slot] = nil
		p.mu.Unlock()
		p.replace(slot)
	})
}

// announce wakes who waits for a worker; p.mu is held.
func (p *pool) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// replace starts a worker for a slot, and tries again ever more slowly while it fails.
func (p *pool) replace(slot int) {
	p.wg.Go(func() {
		for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
			if p.isClosed() {
				return
			}
			w, err := p.start()
			if err == nil {
				p.put(slot, w)
				if p.isClosed() {
					w.kill()
				}
				return
			}
			p.cfg.Log.Error("worker does not start", "err", err)
			select {
			case <-time.After(wait):
			case <-p.stop:
				return
			}
		}
	})
}

func (p *pool) start() (*worker, error) {
	return p.startOn(func() (*image.Image, error) { return p.image, nil })
}

// startOn starts a worker on the base image that it is given in time.
func (p *pool) startOn(base func() (*image.Image, error)) (*worker, error) {
	w, err := startWorker(p.cfg, base)
	if err != nil {
		return nil, err
	}
	if w.base.Hash != p.image.Hash {
		w.kill()
		return nil, fmt.Errorf("qjs: a worker built another base image: %s, not %s", w.base.Hash, p.image.Hash)
	}
	_ = w.base.Close() // the first worker's is enough
	return w, nil
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// keeper is a place for one worker that is started at its first use, and again at its
// first use after a loss.
type keeper struct {
	nice int // how its process yields to others; see yieldTo

	mu sync.Mutex
	w  *worker
}

func (k *keeper) get(p *pool) (*worker, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.isClosed() {
		return nil, shuttingDown()
	}
	if k.w != nil && !k.w.ending.Load() {
		return k.w, nil
	}
	w, err := p.start()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "WORKER_LOST", "no worker could be started").Because(err)
	}
	if k.nice > 0 {
		w.yieldTo(k.nice)
	}
	k.w = w
	return w, nil
}

// present is the worker, if there is one; it never waits for a start.
func (k *keeper) present() *worker {
	if !k.mu.TryLock() {
		return nil
	}
	defer k.mu.Unlock()
	return k.w
}

// ownKeeper keeps the worker of an environment with strikes.
type ownKeeper struct {
	keeper
	tally *tally
}

// ownNice is how much less of a busy processor those get who cost a worker before, or
// burnt their time, and buildNice who is being deployed.
const (
	ownNice   = 5
	buildNice = 10
)

// ownWorker gives the worker of an environment that has cost one before: it can only stop
// itself. Further ones of that kind share the quarantine.
func (p *pool) ownWorker(v *version) (*worker, error) {
	p.mu.Lock()
	own, ok := p.own[v.tally.owner]
	if !ok && len(p.own) < maxOwn {
		own = &ownKeeper{keeper: keeper{nice: ownNice}, tally: v.tally}
		p.own[v.tally.owner] = own
	}
	p.mu.Unlock()
	if own == nil {
		return p.quarantined()
	}
	return own.get(p)
}

// pardon ends the own workers of environments whose strikes have expired.
func (p *pool) pardon(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropIdle(now, groupIdle)
	for owner, own := range p.own {
		w := own.present()
		if own.tally.struck(now) || w != nil && w.inflight.Load() > 0 {
			continue
		}
		delete(p.own, owner)
		if w != nil {
			w.kill()
		}
	}
}

// forget takes a version from all workers.
func (p *pool) forget(v *version) {
	for _, w := range p.all() {
		w.forget(v)
	}
}

func (p *pool) all() []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*worker, 0, len(p.slots)+1+len(p.own))
	for _, w := range p.slots {
		if w != nil {
			all = append(all, w)
		}
	}
	for i := range p.quarantine {
		if w := p.quarantine[i].present(); w != nil {
			all = append(all, w)
		}
	}
	for _, g := range p.groups {
		if w := g.present(); w != nil {
			all = append(all, w)
		}
	}
	for _, k := range p.own {
		if w := k.present(); w != nil {
			all = append(all, w)
		}
	}
	return append(all, p.builders.all()...)
}

// watch kills workers that are silent while others wait.
func (p *pool) watch() {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-tick.C:
			p.pardon(now)
			for _, w := range p.all() {
				w.ping(now)
				if w.silent(now) > silentFor && !w.ending.Load() {
					w.handOver()
				}
				if w.silent(now) > hungFor && w.othersWait() && !w.ending.Load() {
					p.cfg.Log.Warn("worker is silent while calls wait and is killed", "pid", w.cmd.Process.Pid)
					w.suspect(now)
					w.kill()
				}
			}
		}
	}
}

// settled waits for a start that is under way.
func (k *keeper) settled() {
	k.mu.Lock()
	defer k.mu.Unlock()
}

// othersWait reports whether a hung worker keeps somebody waiting who is not the one that
// hangs it: several are in it; or one that was sent after the worker fell silent; or
// nobody, since the caller of what hangs it went away, and the next one would wait.
func (w *worker) othersWait() bool {
	if w.inflight.Load() != 1 {
		return true
	}
	since := w.unseen.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.attempts {
		if since != 0 && a.started.UnixNano() > since {
			return true
		}
	}
	return false
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	close(p.stop)
	p.announce()
	keepers := []*keeper{&p.quarantine[0], &p.quarantine[1]}
	for _, g := range p.groups {
		keepers = append(keepers, &g.keeper)
	}
	for _, k := range p.own {
		keepers = append(keepers, &k.keeper)
	}
	p.mu.Unlock()
	for _, k := range keepers {
		k.settled()
	}
	for _, w := range p.all() {
		w.kill()
		<-w.gone
	}
	p.wg.Wait()
	_ = p.image.Close()
}
