package qjs

import (
	"sync"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// What host calls under way may hold of the server's memory, by their requests and by the
// answers that a worker has not taken yet.
const (
	maxCallBytes    = 32 << 20 // one call's requests
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

// hold is what one host call holds.
type hold struct {
	b               *budget
	f               *flight
	request, answer int
}

// request takes n bytes of a request, or refuses it.
func (b *budget) request(f *flight, n int) (*hold, *fault.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.held+n > maxCallBytes {
		return nil, tooMuchHeld("one call", maxCallBytes)
	}
	if err := b.take(f, n); err != nil {
		return nil, err
	}
	f.held += n
	return &hold{b: b, f: f, request: n}, nil
}

// reply takes the answer's bytes, or refuses it.
func (h *hold) reply(n int) *fault.Error {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	if err := h.b.take(h.f, n); err != nil {
		return err
	}
	h.answer = n
	return nil
}

// release gives all of it back.
func (h *hold) release() {
	h.b.mu.Lock()
	defer h.b.mu.Unlock()
	n := h.request + h.answer
	h.f.held -= h.request
	h.b.all -= n
	if h.b.installs[h.f.call.Installation] -= n; h.b.installs[h.f.call.Installation] == 0 {
		delete(h.b.installs, h.f.call.Installation)
	}
	h.request, h.answer = 0, 0
}

func (b *budget) take(f *flight, n int) *fault.Error {
	install := f.call.Installation
	switch {
	case b.installs[install]+n > maxInstallBytes:
		return tooMuchHeld("one installation", maxInstallBytes)
	case b.all+n > maxServerBytes:
		return tooMuchHeld("all installations", maxServerBytes)
	}
	if n > 0 {
		b.installs[install] += n
		b.all += n
	}
	return nil
}

func tooMuchHeld(whose string, limit int) *fault.Error {
	return fault.New(fault.Limit, "LIMIT_HOSTCALLS", "the host calls under way of %s would hold more than %d bytes", whose, limit).
		With("limit", "bytes of host calls under way").With("figure", limit).
		WithFix("await some of them before making more")
}
