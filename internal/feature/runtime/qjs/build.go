package qjs

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// build makes a snapshot.
func (w *worker) build(ctx context.Context, source []byte) (built, error) {
	const limit = 30 * time.Second
	head, err := json.Marshal(hostcall.BuildHead{Limits: hostcall.Limits{WallMS: limit.Milliseconds(), CPUMS: 10_000}})
	if err != nil {
		return built{}, fault.Op("qjs.build", err)
	}
	h, ch := hostcall.NewHandle(), make(chan built, 1)
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return built{}, lost()
	}
	w.builds[h] = ch
	w.mu.Unlock()
	w.enter(false)
	defer w.leave(false)
	if err := w.send(ctx.Done(), hostcall.Message{Type: hostcall.Build, Handle: h, Head: head, Body: source}); err != nil {
		return built{}, lost()
	}
	timer := time.NewTimer(limit + time.Second)
	defer timer.Stop()
	select {
	case b := <-ch:
		return b, b.err
	case <-timer.C:
		w.kill()
		return built{}, fault.New(fault.Limit, "LIMIT_WALL", "module scope did not finish within %s", limit).With("limit", "wall").With("figure", limit.String())
	case <-ctx.Done():
		return built{}, fault.New(fault.Unavailable, "CANCELLED", "the caller went away").Because(ctx.Err())
	}
}

func (w *worker) built(m hostcall.Message) error {
	var h hostcall.BuiltHead
	unreadable := fault.New(fault.App, "FUNCTION_ERR", "module scope ended in a message that cannot be read")
	if err := json.Unmarshal(m.Head, &h); err != nil {
		h = hostcall.BuiltHead{Fault: hostcall.FromFault(unreadable)}
	}
	b := built{reason: h.Reason, took: time.Duration(h.TookUS) * time.Microsecond}
	switch {
	case h.Fault != nil:
		b.err = h.Fault.Err()
	case h.App:
		b.err = parseAppError(m.Body)
	default:
		list, snapshot, ok := bytes.Cut(m.Body, []byte("\n"))
		if !ok || json.Unmarshal(list, &b.exports) != nil {
			b.err = unreadable
			break
		}
		b.snapshot = snapshot
	}
	w.mu.Lock()
	ch := w.builds[m.Handle]
	delete(w.builds, m.Handle)
	w.mu.Unlock()
	if ch != nil {
		ch <- b
	}
	return nil
}
