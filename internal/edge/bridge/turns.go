package bridge

import (
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// turnsPerWindow is how often a session may ask in a window.
	turnsPerWindow = 500
	turnsWindow    = 25 * time.Second
	// maxTurns bounds the table; a full one is begun anew.
	maxTurns = 50_000
)

// turns counts what sessions ask. A page that asks in a loop is told so; it costs others nothing.
type turns struct {
	mu    sync.Mutex
	since time.Time
	used  map[string]int
	now   func() time.Time
}

func newTurns() *turns { return &turns{used: map[string]int{}, now: time.Now} }

func (t *turns) take(session string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); now.Sub(t.since) > turnsWindow || len(t.used) >= maxTurns {
		t.since = now
		clear(t.used)
	}
	if t.used[session]++; t.used[session] > turnsPerWindow {
		return fault.New(fault.Limit, "LIMIT_BRIDGE", "a page may ask %d times in %s", turnsPerWindow, turnsWindow).
			WithFix("wait, and ask less often").With("limit", "requests of a page").With("figure", turnsPerWindow)
	}
	return nil
}
