package qjs

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Calls of functions that were short lately go to the workers in front, as long as these
// keep up; others go where the fewest calls are.
const (
	// shortCPU is the most that a short call takes of a processor.
	shortCPU = 250 * time.Microsecond
	// keepsCalls is how many calls a worker has at most that keeps up; all of them are short.
	keepsCalls = 32
	// A worker does not keep up that said nothing of its calls for saysWithin; and not for
	// lateFor after a call came back that waited for nothing outside and was longer away than
	// lateAfter and the calls before it explain: what was short so far need not be now.
	saysWithin = 20 * time.Millisecond
	lateAfter  = 10 * time.Millisecond
	lateFor    = 100 * time.Millisecond
)

// paces are how much of a processor a version's functions took lately, in nanoseconds.
type paces struct {
	of sync.Map // name → *atomic.Int64
}

func (p *paces) took(function string, cpu time.Duration) {
	// A single long call among short ones weighs no more than a few of them.
	now := min(max(int64(cpu), 1), int64(4*shortCPU))
	kept, known := p.of.Load(function)
	if !known {
		kept, _ = p.of.LoadOrStore(function, new(atomic.Int64))
	}
	pace := kept.(*atomic.Int64)
	if was := pace.Load(); was > 0 {
		now = was + (now-was)/8
	}
	pace.Store(now)
}

// short says that calls of the function are known to be short.
func (p *paces) short(function string) bool {
	pace, known := p.of.Load(function)
	return known && pace.(*atomic.Int64).Load() < int64(shortCPU)
}

// rhythm is how a worker answers, in Unix nanoseconds.
type rhythm struct {
	long atomic.Int64 // how many of its calls are not known to be short
	busy atomic.Int64 // since when it has calls
	said atomic.Int64 // when it last said something about one of them
	late atomic.Int64 // until when a call that came back late counts
}

// enter counts a call that is on its way to the worker, until leave.
func (w *worker) enter(short bool) {
	if !short {
		w.rhythm.long.Add(1)
	}
	if w.inflight.Add(1) == 1 {
		w.rhythm.busy.Store(time.Now().UnixNano())
	}
}

func (w *worker) leave(short bool) {
	if !short {
		w.rhythm.long.Add(-1)
	}
	w.inflight.Add(-1)
}

// back notes a call that has ended.
func (r *rhythm) back(a *attempt) {
	now := time.Now()
	if a.hostCalls.Load() == 0 && now.Sub(a.began) > lateAfter+2*shortCPU*time.Duration(a.before) {
		r.late.Store(now.Add(lateFor).UnixNano())
	}
}

// keepsUp says that a short call finds nobody in the worker who makes it wait.
func (w *worker) keepsUp(now time.Time) bool {
	calls, r, at := w.inflight.Load(), &w.rhythm, now.UnixNano()
	return calls == 0 || calls < keepsCalls && r.long.Load() == 0 && at > r.late.Load() && at-max(r.busy.Load(), r.said.Load()) < int64(saysWithin)
}

// inFront is how many of n workers stand in front: one for each processor that the server
// does not use itself. More would take turns with the server and with each other on the same
// processors, and each turn begins with a cold cache: short calls then cost a third more.
func inFront(n int) int {
	return min(max(runtime.NumCPU()-runtime.GOMAXPROCS(0), 1), n)
}

// choose gives the worker for a call; p.mu is held.
func (p *pool) choose(f *flight) *worker {
	now := time.Now()
	if f.short {
		if w := least(p.slots[:p.front], now); w != nil && w.keepsUp(now) {
			return w
		}
	}
	return least(p.slots, now)
}

// least is the least loaded worker, of those that are not silent if there is one.
func least(slots []*worker, now time.Time) *worker {
	var best *worker
	bestSilent := true
	for _, w := range slots {
		if w == nil || w.ending.Load() {
			continue
		}
		silent := w.silent(now) > silentFor
		if best == nil || bestSilent && !silent || bestSilent == silent && w.inflight.Load() < best.inflight.Load() {
			best, bestSilent = w, silent
		}
	}
	return best
}
