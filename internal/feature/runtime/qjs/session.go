package qjs

import (
	"encoding/json"
	"fmt"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// emitted passes on what a session tells. Whoever was told something must not be told it
// again by another worker: it is an effect.
func (w *worker) emitted(a *attempt, m hostcall.Message) error {
	s := a.call.Session
	if s == nil || s.Emit == nil || len(m.Body) > hostcall.MaxEmit || !json.Valid(m.Body) {
		return fmt.Errorf("%w: what a session tells", hostcall.ErrProtocol)
	}
	if !a.effect() {
		return nil // the event runs elsewhere by now
	}
	a.effects.Store(true)
	if a.emits.Add(1) > maxEmits {
		limit := fault.New(fault.Limit, "LIMIT_EMITS", "the interface was drawn more than %d times by one event", maxEmits).
			With("limit", "commits of an event").With("figure", maxEmits)
		w.end(a, ended{err: limit})
		w.cancel(a, limit)
		return nil
	}
	s.Emit(m.Body)
	return nil
}
