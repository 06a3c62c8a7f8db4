package jsvm

import (
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// DefaultBudget is what the calls under way of one engine may hold together.
	DefaultBudget = 1 << 30
	// overdraft is what may be held beyond the budget while a call that was ended for it
	// has not left its stack yet.
	overdraft = 256 << 20
	// weighFrom is from how many instances on what waiting ones have written is counted,
	// and not only what they have grown by. Fewer cannot hold much: an image has a few
	// megabytes.
	weighFrom = 128
	// chargeFrom is from how many bytes on what an operation of the host's needs is counted,
	// and largeFrom from how many on it is one of maxLarge at most.
	chargeFrom = 256 << 10
	largeFrom  = 32 << 20
	maxLarge   = 2
)

// OnEvict registers what is told of a call that was ended because the memory that it
// holds was needed. Release may be called inside, if no step of it is under way.
func (e *Engine) OnEvict(fn func(*Instance)) { e.evicted = fn }

// room makes room in the budget for the present space's growth to size bytes.
func (e *Engine) room(size int) bool {
	s, in := e.mapped, e.cur
	if in == nil || in.sp != s || s.image == nil || size > s.limit || size <= s.size {
		return true // the engine's own business, or refused anyway
	}
	e.hold(in, s.held+size-s.size)
	return in.outcome == nil || in.outcome.Fault == nil
}

// weigh counts what a waiting call has written, when there are many.
func (e *Engine) weigh(in *Instance) {
	if e.live < weighFrom {
		return
	}
	s := in.sp
	pages := 0
	if e.scan == nil || !e.scan.written(s.addr(), s.image.size/pageSize, func(from, to int) { pages += to - from }) {
		pages = s.image.size / pageSize
	}
	e.hold(in, s.size-s.image.size+pages*pageSize)
}

// hold counts n bytes for a call. When the budget is used up, the call that holds most, of
// the app that holds most, is ended: whoever takes more than others pays, and not who
// comes last.
func (e *Engine) hold(in *Instance, n int) {
	e.held += n - in.sp.held
	in.sp.held = n
	e.holders[in.sp] = in
	for e.held-e.ending() > e.cfg.Budget {
		victim := e.greediest()
		if victim == nil {
			break
		}
		victim.finish(&Outcome{Fault: crowded(e.cfg.Budget)})
		if victim != in && e.evicted != nil {
			e.evicted(victim)
		}
	}
	if e.held > e.cfg.Budget+overdraft {
		in.finish(&Outcome{Fault: crowded(e.cfg.Budget)})
	}
}

// charge counts n bytes that an operation of the host's needs beside the call's own memory,
// before it takes them: copies of its arguments, tables, what it makes. They are the
// operation's until its end. Only a few operations at a time have much; others wait here.
func (in *Instance) charge(n int) error {
	e, s := in.e, in.sp
	if in.uncounted += n; in.uncounted < chargeFrom || s.image == nil {
		return nil // small; or a module scope, which has the process to itself
	}
	n, in.uncounted = in.uncounted, 0
	s.natives += n
	e.hold(in, s.held+n)
	if in.outcome != nil {
		return errEnded
	}
	for s.natives >= largeFrom && !s.large {
		if e.large < maxLarge {
			e.large++
			s.large = true
			break
		}
		in.nextTick = time.Time{}
		if err := in.pause(); err != nil {
			return err
		}
	}
	return nil
}

// discharge takes back what an operation was charged.
func (in *Instance) discharge() {
	e, s := in.e, in.sp
	in.uncounted = 0
	if s.natives == 0 {
		return
	}
	e.held -= s.natives
	s.held -= s.natives
	s.natives = 0
	e.endLarge(s)
}

func (e *Engine) endLarge(s *space) {
	if s.large {
		s.large = false
		e.large--
	}
}

// ending is what calls hold that were ended and are still on their stacks: nobody else has
// to go for it.
func (e *Engine) ending() int {
	sum := 0
	for s, in := range e.holders {
		if in.outcome != nil {
			sum += s.held
		}
	}
	return sum
}

// unhold takes a space's bytes out of the budget.
func (e *Engine) unhold(s *space) {
	s.natives = 0
	e.endLarge(s)
	if s.held != 0 {
		e.held -= s.held
		s.held = 0
		delete(e.holders, s)
	}
}

// greediest is the call to end; nil when all that hold something are ended already.
func (e *Engine) greediest() *Instance {
	// What has no image of its own counts by itself.
	app := func(s *space) any {
		if s.image == e.base {
			return s
		}
		return s.image
	}
	byApp := map[any]int{}
	for s, in := range e.holders {
		if in.outcome == nil {
			byApp[app(s)] += s.held
		}
	}
	var worst *Instance
	most := 0
	for s, in := range e.holders {
		if in.outcome != nil {
			continue
		}
		sum := byApp[app(s)]
		if worst == nil || sum > most || sum == most && s.held > worst.sp.held {
			worst, most = in, sum
		}
	}
	return worst
}

func crowded(budget int) *fault.Error {
	mb := budget >> 20
	return fault.New(fault.Unavailable, "OVERLOADED", "the calls under way hold %d MB of memory together, and this one holds most", mb).
		With("limit", "memory of all calls").With("figure", mb).With("retryable", true).
		WithFix("hold less while waiting for answers; handle large data in parts")
}
