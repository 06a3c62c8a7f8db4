package worker

import (
	"encoding/json"
	"fmt"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// wallTimer is the timer that ends a session's event at its limit while it waits; an app's
// own timers have other numbers.
const wallTimer = 0

// parkedOf is the hash of the image that a parked session is a difference from.
func parkedOf(parked []byte) (string, bool) { return image.ParkedOf(parked) }

// lostSession is the end of a session that cannot be resumed here.
func lostSession(err error) *fault.Error {
	return fault.New(fault.Conflict, "SESSION_LOST", "the session cannot be resumed").Because(err)
}

// wake has the event end at its limit, also when it then waits for an answer alone.
func (t *task) wake() {
	if !t.wall.IsZero() {
		t.Timer(wallTimer, t.wall.Sub(t.started))
	}
}

// park makes the result of a session that rests: what it is parked as.
func (t *task) park(head *hostcall.ResultHead, m *hostcall.Message) {
	parked, err := t.inst.Park(t.portable)
	if err != nil {
		head.OK, head.Fault = false, hostcall.FromFault(lostSession(err))
		return
	}
	h := hostcall.SessionHead{WakeMS: -1, Open: t.inst.Open(), Room: t.inst.MadeRoom()}
	if d, any := t.inst.Wake(); any {
		h.WakeMS = d.Milliseconds()
	}
	head.Head, m.Body = mustJSON(h), parked
}

// settled tells when an event of the session waits for nothing any more and others do.
func (t *task) settled() {
	if open, is := t.inst.Settled(); is {
		t.Emit(mustJSON(map[string]any{"open": open}))
	}
}

// yield has an event of a session rest as soon as it may.
func (w *worker) yield(m hostcall.Message) error {
	t, ok := w.tasks[m.Handle]
	if !ok {
		return nil // it has ended meanwhile
	}
	var h hostcall.YieldHead
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return fmt.Errorf("%w: yield: %w", hostcall.ErrProtocol, err)
	}
	w.step(t, func() { t.inst.Yield(h.Room) })
	return nil
}

// Emit implements jsvm.Emitter.
func (t *task) Emit(message []byte) {
	t.w.send(hostcall.Message{Type: hostcall.Emit, Handle: t.handle, Head: []byte("{}"), Body: message})
	t.w.flush()
}
