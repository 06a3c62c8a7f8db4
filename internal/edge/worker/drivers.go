package worker

import (
	"time"

	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// A step that takes longer than a tick is suspended while others wait. Its frames lie on
// the stack of the goroutine that ran it, so that goroutine waits, and another one goes on
// with the worker's business: messages first, then suspended steps in turn, one slice for
// each app after the other. The goroutines hand the worker to one another: at each moment
// exactly one has it, and only that one touches it or the engine.

const (
	// maxSuspended is how many long steps may be under way, and maxOfOne how many of them
	// may be of one app; further steps of it wait until one of them is done.
	maxSuspended = 64
	maxOfOne     = 4
)

type drivers struct {
	current   *task // whose step runs, nil between steps
	suspended []*suspension
	waiting   []waiting
	idle      []chan struct{} // goroutines without business
	slices    uint64
	done      chan struct{}
	// first is a message that was taken and not handled yet.
	first *hostcall.Message
}

// suspension is a step in the middle; wake gives its goroutine the worker back.
type suspension struct {
	task *task
	wake chan struct{}
}

// waiting is a step that has not begun.
type waiting struct {
	task *task
	fn   func()
}

// run works until the server hangs up.
func (w *worker) run() error {
	w.done = make(chan struct{})
	go w.drive()
	<-w.done
	return w.err
}

// drive is a goroutine that has the worker.
func (w *worker) drive() {
	w.work()
	close(w.done)
	select {} // the process ends
}

// next is the next message that is there.
func (w *worker) next() (hostcall.Message, bool, error) {
	if m := w.first; m != nil {
		w.first = nil
		return *m, true, nil
	}
	return w.sock.Next(0)
}

// tick is called from inside a long step: it shows that we live, ends calls whose time is
// up, and lets what is waiting run meanwhile.
func (w *worker) tick() {
	if time.Since(w.lastBeat) > beatEvery {
		w.beatStale()
	}
	w.flush()
	for _, s := range w.suspended {
		if s.task.inst.Expire() {
			w.report(s.task)
		}
	}
	t := w.current
	if t == nil || w.err != nil {
		w.giveUp()
		return // a module scope, which has the process to itself, or the end
	}
	if t.inst.Expire() {
		w.report(t)
		return // it unwinds
	}
	m, ok, err := w.sock.Next(0)
	if err != nil {
		w.err = err
		w.giveUp()
		return
	}
	if ok {
		w.first = &m
	} else if !w.timerDue() && len(w.suspended) == 0 && len(w.waiting) == 0 {
		return
	}
	if err := w.engine.Yield(func() { w.suspend(t) }); err != nil && w.err == nil {
		w.err = err
	}
}

// giveUp ends what runs when the server has hung up.
func (w *worker) giveUp() {
	if w.err == nil {
		return
	}
	if t := w.current; t != nil {
		t.inst.End(nil)
	}
}

// suspend lets another goroutine have the worker until this step's turn comes again.
func (w *worker) suspend(t *task) {
	s := &suspension{t, make(chan struct{}, 1)}
	w.suspended = append(w.suspended, s)
	t.app.suspended++
	w.slices++
	t.app.slice = w.slices
	w.current = nil
	if n := len(w.idle); n > 0 {
		other := w.idle[n-1]
		w.idle = w.idle[:n-1]
		other <- struct{}{}
	} else {
		go w.drive()
	}
	<-s.wake
	w.current = t
}

// resume gives the worker to the suspended step whose app has waited for longest, and
// comes back when it is this goroutine's again. It answers false when there is none.
func (w *worker) resume() bool {
	best := -1
	for i, s := range w.suspended {
		if best < 0 || s.task.app.slice < w.suspended[best].task.app.slice {
			best = i
		}
	}
	if best < 0 || w.err != nil {
		return false
	}
	s := w.suspended[best]
	w.suspended = append(w.suspended[:best], w.suspended[best+1:]...)
	s.task.app.suspended--
	me := make(chan struct{}, 1)
	w.idle = append(w.idle, me)
	s.wake <- struct{}{}
	<-me
	return true
}

// full says whether a further step of the app has to wait for those that are suspended.
func (w *worker) full(app *loaded) bool {
	return len(w.suspended) >= maxSuspended || app.suspended >= maxOfOne
}

// admit begins a step that waited for its app's others, and reports whether it did.
func (w *worker) admit() bool {
	for i, q := range w.waiting {
		if q.task.gone || q.task.inst.Outcome() != nil || !w.full(q.task.app) {
			w.waiting = append(w.waiting[:i], w.waiting[i+1:]...)
			w.step(q.task, q.fn)
			return true
		}
	}
	return false
}

// evicted ends a call whose memory the engine needs.
func (w *worker) evicted(in *jsvm.Instance) {
	t := w.byInstance[in]
	if t == nil {
		return
	}
	if t.running {
		w.report(t)
		return // its memory is free when its stack is unwound
	}
	w.step(t, func() {})
}
