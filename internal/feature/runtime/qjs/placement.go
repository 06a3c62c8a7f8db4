package qjs

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/core/fault"
)

// Isolation says whose calls run in one worker process. Each call has an instance of its
// own in any case; this is about what an escape from the engine would reach.
type Isolation string

// The grades, from the cheapest on.
const (
	Shared    Isolation = "shared"
	BySite    Isolation = "site"
	ByApp     Isolation = "app" // by environment of an app
	maxOwns             = 64    // workers of sites or apps at once
	groupIdle           = time.Minute
)

// Grade reads a configured isolation.
func Grade(s string) (Isolation, error) {
	switch i := Isolation(s); i {
	case "":
		return Shared, nil
	case Shared, BySite, ByApp:
		return i, nil
	}
	return "", fault.New(fault.Usage, "WORKER_ISOLATION", "isolation.worker is %q", s).WithFix("use shared, site or app")
}

// pick gives the worker for the next attempt of a call, which has entered it then.
func (p *pool) pick(ctx context.Context, f *flight) (*worker, error) {
	v := f.version
	apart, struck := f.apart || v.served.Load() < probation, v.tally.struck(time.Now())
	var w *worker
	var err error
	switch {
	case p.cfg.Isolation == BySite || p.cfg.Isolation == ByApp:
		w, err = p.groupWorker(f, apart || struck)
	case struck:
		w, err = p.ownWorker(v)
	case apart:
		w, err = p.quarantined()
	default:
		return p.shared(ctx, f)
	}
	if err == nil {
		w.enter(f.short)
	}
	return w, err
}

// shared waits for a shared worker, as long as the caller and the call's own time last. The
// call enters it before another one is placed: of many that come at once, each sees those
// before it.
func (p *pool) shared(ctx context.Context, f *flight) (*worker, error) {
	var late <-chan time.Time
	for {
		p.mu.Lock()
		best := p.choose(f)
		full := best != nil && best.inflight.Load() >= maxPerWorker
		changed, closed := p.changed, p.closed
		if best != nil && !closed && !full {
			best.enter(f.short)
		}
		p.mu.Unlock()
		switch {
		case closed:
			return nil, shuttingDown()
		case full:
			return nil, overloaded(maxPerWorker * p.cfg.Workers)
		case best != nil:
			return best, nil
		}
		if late == nil {
			timer := time.NewTimer(time.Until(f.deadline))
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, noWorker().Because(ctx.Err())
		case <-late:
			return nil, noWorker()
		}
	}
}

func noWorker() *fault.Error {
	return fault.New(fault.Unavailable, "WORKER_LOST", "no worker became ready in time")
}

func overloaded(calls int) *fault.Error {
	return fault.New(fault.Unavailable, "OVERLOADED", "too many calls are in flight").With("figure", calls).With("retryable", true)
}

// quarantined gives the worker in which versions begin; a second one while that is silent.
func (p *pool) quarantined() (*worker, error) {
	w, err := p.quarantine[0].get(p)
	if err == nil && w.silent(time.Now()) > silentFor {
		return p.quarantine[1].get(p)
	}
	return w, err
}

// group is the worker of one site or app.
type group struct {
	keeper
	used time.Time // under pool.mu
}

// groupWorker gives the worker of the call's site or app. What has to prove itself does so
// in a second one: never together with others' calls, and not with its site's.
func (p *pool) groupWorker(f *flight, apart bool) (*worker, error) {
	key := p.cfg.Isolation.group(f, apart)
	p.mu.Lock()
	g, ok := p.groups[key]
	if !ok {
		if len(p.groups) >= maxOwns && !p.dropIdle(time.Now(), 0) {
			p.mu.Unlock()
			return nil, fault.New(fault.Unavailable, "OVERLOADED", "too many sites or apps have calls in flight").
				With("figure", maxOwns).With("retryable", true)
		}
		g = &group{}
		p.groups[key] = g
	}
	g.used = time.Now()
	p.mu.Unlock()
	w, err := g.get(p)
	if err == nil && w.inflight.Load() >= maxPerWorker {
		return nil, overloaded(maxPerWorker)
	}
	return w, err
}

// group names who shares a worker with the call.
func (i Isolation) group(f *flight, apart bool) string {
	key := "app " + f.version.tally.owner
	if i == BySite {
		key = "site " + string(f.call.Site)
	}
	if apart {
		key += " apart"
	}
	return key
}

// dropIdle ends the worker of a group that was not used for a while, the one that was not
// used for longest; p.mu is held.
func (p *pool) dropIdle(now time.Time, while time.Duration) bool {
	oldest := ""
	for key, g := range p.groups {
		w := g.present()
		if now.Sub(g.used) < while || w != nil && w.inflight.Load() > 0 {
			continue
		}
		if oldest == "" || g.used.Before(p.groups[oldest].used) {
			oldest = key
		}
	}
	g, ok := p.groups[oldest]
	if !ok {
		return false
	}
	delete(p.groups, oldest)
	if w := g.present(); w != nil {
		w.kill()
	}
	return true
}

// memoryShare is what the calls of each of n workers may hold: half of the machine's
// memory in all, and enough for a few large calls anyway.
func memoryShare(n int) int {
	const least = 512 << 20
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return least
	}
	return max(least, int(info.Totalram*uint64(info.Unit)/2)/n)
}

// yieldTo makes a process wait for others when the processors are busy: what hangs or
// computes in it must not slow down the calls that run elsewhere. Where it is not allowed,
// the scheduler's fairness has to do.
func (w *worker) yieldTo(nice int) {
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(w.cmd.Process.Pid) + "/task/*")
	if err != nil {
		return
	}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(filepath.Base(t)); err == nil {
			if err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice); err != nil && !os.IsNotExist(err) {
				w.log.Debug("a worker's priority stays", "err", err)
				return
			}
		}
	}
}
