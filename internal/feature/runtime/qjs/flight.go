package qjs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// flight is one call on its way through a worker, over all its attempts.
type flight struct {
	call     *call.Call
	version  *version
	host     call.Host
	facts    []byte
	lines    lines
	started  time.Time
	deadline time.Time
	cpu      time.Duration
	stopping <-chan struct{} // closed when calls have to end
	bodies   *budget
	held     int // bytes of its host calls under way; under bodies.mu

	// effects says that a host call with an effect was made: the call must not run again.
	effects atomic.Bool
	// apart says that the call was in a worker that fell silent, and could be why.
	apart bool
	// short says that calls of the function were short lately.
	short     bool
	wasMoved  bool
	hostCalls atomic.Int64
	outbound  atomic.Int64
	logs      atomic.Int64
	logged    atomic.Int64
	emits     atomic.Int64
}

func newFlight(c *call.Call, v *version, h call.Host, facts []byte) *flight {
	f := &flight{call: c, version: v, host: h, facts: facts, started: time.Now(), deadline: c.Deadline}
	f.short = v.paces.short(c.Function)
	f.lines.out = h.Log
	return f
}

// tries is how often the call may run again: once for a worker that was lost, once for one
// that was silent.
func (f *flight) tries() int {
	if f.wasMoved {
		return 1
	}
	return 0
}

// again says whether a call that lost its worker at the given attempt, counted from 0, runs
// once more.
func (f *flight) again(attempt int, now time.Time) bool {
	return !f.effects.Load() && attempt <= f.tries() && now.Before(f.deadline)
}

// lost is the end of a call that lost its worker and does not run again: a worker that fell
// silent at the call's deadline does not make another end of it.
func (f *flight) lost(err error, now time.Time) error {
	if now.Before(f.deadline) {
		return err
	}
	return tooLate(f)
}

// ended is how an attempt ended.
type ended struct {
	result call.Result
	err    error
}

// attempt is a flight in one worker, under one handle.
type attempt struct {
	*flight
	// ctx is of the host calls: it outlives a call that ended well, for those that app
	// code did not await.
	ctx     context.Context
	serving sync.WaitGroup
	// telling is held while a host call is answered and what came of it is written down: the
	// call is not said to have ended in between.
	telling sync.RWMutex
	handle  hostcall.Handle
	began   time.Time
	before  int64      // how many others were in the worker then
	done    chan ended // one value
	once    sync.Once
	fate    atomic.Int32
	slots   chan struct{} // host calls under way; made at the first one
	at      *worker
	session *carried // host calls of its session, nil of a call of none
	over    bool     // to the session; under its mutex
}

// told waits until what came of the host calls that were answered is written down.
func (a *attempt) told() {
	a.telling.Lock()
	defer a.telling.Unlock()
}

// An attempt has its first effect or is moved to another worker, never both.
const (
	undecided = iota
	effective
	moved
)

// effect says whether the attempt may have effects: not when it was moved.
func (a *attempt) effect() bool {
	return a.fate.CompareAndSwap(undecided, effective) || a.fate.Load() == effective
}

// move says whether the call may run again elsewhere: not when it had effects.
func (a *attempt) move() bool {
	return !a.effects.Load() && a.fate.CompareAndSwap(undecided, moved)
}

// finish ends the attempt; the first word counts.
func (a *attempt) finish(e ended) {
	a.once.Do(func() {
		e.result.Stats.HostCalls = int(a.hostCalls.Load())
		e.result.Stats.Effects = a.effects.Load()
		a.done <- e
	})
}

// admit counts a host call and refuses it over the limits.
func (f *flight) admit(method string, reads bool) *fault.Error {
	minutes := 1 + int64(time.Since(f.started)/time.Minute)
	if n := f.hostCalls.Add(1); n > maxHostCalls*minutes {
		return fault.New(fault.Limit, "LIMIT_HOSTCALLS", "the function made more than %d host calls in a minute", maxHostCalls).
			With("limit", "host calls per minute").With("figure", maxHostCalls)
	}
	if outbound[method] {
		if n := f.outbound.Add(1); n > maxOutbound*minutes {
			return fault.New(fault.Limit, "LIMIT_HOSTCALLS", "the function made more than %d outbound requests in a minute", maxOutbound).
				With("limit", "outbound requests per minute").With("figure", maxOutbound)
		}
	}
	if !reads {
		f.effects.Store(true)
	}
	return nil
}
