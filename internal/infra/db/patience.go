package db

import (
	"context"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// A Postgres server that hangs keeps its connections open and says nothing. So whoever
// waits has patience: answerPatience for a statement's first row, unitPatience for a
// whole transaction. A caller's own deadline counts instead of both. SQLite has no other
// side that could hang.
const (
	answerPatience = 10 * time.Second
	unitPatience   = time.Minute
)

var errPatience = errors.New("no answer within the patience of the caller")

// wait is the patience of one statement or transaction.
type wait struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil when the caller has a deadline, and on SQLite
}

func (d *DB) wait(ctx context.Context, patience time.Duration) wait {
	if _, own := ctx.Deadline(); own || d.dialect != postgres {
		return wait{ctx: ctx, cancel: func(error) {}}
	}
	w := wait{}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(patience, func() { w.cancel(errPatience) })
	return w
}

// answered ends the patience: what follows may take its time.
func (w wait) answered() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// end frees what the wait holds.
func (w wait) end() {
	w.answered()
	w.cancel(nil)
}

// explain says of an error that it is the end of the patience, if it is.
func (w wait) explain(err error) error {
	if err == nil || w.timer == nil || !errors.Is(context.Cause(w.ctx), errPatience) {
		return err
	}
	return fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the database server does not answer").
		WithFix("check that Postgres runs and is not overloaded").Because(err)
}
