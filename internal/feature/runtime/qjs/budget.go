package qjs

import (
	"sync"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// What host calls under way may hold of the server's memory, by their requests and by the
// answers that a worker has not taken yet.
const (
	maxCallBytes    = 32 << 20
	maxInstallBytes = 64 << 20
	maxServerBytes  = 256 << 20
)

// budget counts these bytes.
type budget struct {
	mu       sync.Mutex
	all      int
	installs map[id.Install]int
}

func newBudget() *budget { return &budget{installs: map[id.Install]int{}} }

// hold is what one host call holds. It is the call.Room of its answer.
type hold struct {
	b               *budget
	f               *flight
	request, answer int // bytes
}

// request takes n bytes of a request, or refuses it.
func (b *budget) request(f *flight, n int) (*hold, *fault.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.take(f, n); err != nil {
		return nil, err
	}
	return &hold{b: b, f: f, request: n}, nil
}

// Take implements call.Room: the answer is counted while it is read, not when it is there.
func (h *hold) Take(n int) error {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	if err := h.b.take(h.f, n); err != nil {
		return err
	}
	h.answer += n
	return nil
}

// Give implements call.Room.
func (h *hold) Give(n int) {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	n = min(n, h.answer)
	h.b.give(h.f, n)
	h.answer -= n
}

// reply makes what is held for the answer n bytes, or refuses it.
func (h *hold) reply(n int) *fault.Error {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	if err := h.b.take(h.f, max(0, n-h.answer)); err != nil {
		return err
	}
	h.b.give(h.f, max(0, h.answer-n))
	h.answer = n
	return nil
}

// release gives all of it back.
func (h *hold) release() {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	h.b.give(h.f, h.request+h.answer)
	h.request, h.answer = 0, 0
}

// take counts n bytes more; b.mu is held.
func (b *budget) take(f *flight, n int) *fault.Error {
	install := f.call.Installation
	switch {
	case f.held+n > maxCallBytes:
		return tooMuchHeld("one call", maxCallBytes)
	case b.installs[install]+n > maxInstallBytes:
		return tooMuchHeld("one installation", maxInstallBytes)
	case b.all+n > maxServerBytes:
		return tooMuchHeld("all installations", maxServerBytes)
	}
	if n > 0 {
		f.held += n
		b.installs[install] += n
		b.all += n
	}
	return nil
}

// give takes n bytes off the count; b.mu is held.
func (b *budget) give(f *flight, n int) {
	install := f.call.Installation
	f.held -= n
	b.all -= n
	if b.installs[install] -= n; b.installs[install] == 0 {
		delete(b.installs, install)
	}
}

func tooMuchHeld(whose string, limit int) *fault.Error {
	return fault.New(fault.Limit, "LIMIT_HOSTCALLS", "the host calls under way of %s would hold more than %d bytes", whose, limit).
		With("limit", "bytes of host calls under way").With("figure", limit).
		WithFix("await some of them before making more")
}
