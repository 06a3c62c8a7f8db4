package qjs

import "sync/atomic"

// hands are goroutines that serve one host call after the other: the stack of a new one grows
// several times on its way through a gate, which takes as long as half a decision.
type hands struct {
	tasks chan func()
	kept  atomic.Int32
	gone  <-chan struct{} // ends those that wait
}

// maxHands is how many are kept for further calls.
const maxHands = 16

func newHands(gone <-chan struct{}) *hands { return &hands{tasks: make(chan func()), gone: gone} }

// do has a task done, at once.
func (h *hands) do(task func()) {
	select {
	case h.tasks <- task: // one waits for it
	default:
		go h.work(task)
	}
}

func (h *hands) work(task func()) {
	task()
	defer h.kept.Add(-1)
	if h.kept.Add(1) > maxHands {
		return
	}
	for {
		select {
		case task := <-h.tasks:
			task()
		case <-h.gone:
			return
		}
	}
}
