package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// maxTries bounds how often Tx runs fn for one transaction. With the pauses between
// them the last try comes after some two seconds.
const maxTries = 24

// txKey finds the transaction of one database in a context.
type txKey struct{ d *DB }

// txn is a running write transaction. Like *sql.Tx it serves one goroutine at a time.
type txn struct {
	tx     *sql.Tx
	pool   *pool
	missed []string // statements to prepare once the connection is free
	rows   *Rows    // open rows, nil if none
	err    error    // what doomed the transaction
}

// doom records the first failure. After it nothing is written: Postgres would refuse,
// and SQLite would keep half of a unit.
func (t *txn) doom(err error) {
	if t.err == nil && err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.err = err
	}
}

func (d *DB) running(ctx context.Context) *txn {
	t, _ := ctx.Value(txKey{d}).(*txn)
	return t
}

// InTx reports whether the context carries a running transaction: what others are told of a
// change waits for its commit.
func (d *DB) InTx(ctx context.Context) bool { return d.running(ctx) != nil }

// Tx runs fn in a write transaction, which the context given to fn carries. A call
// inside fn joins the same transaction. fn may run several times; only its last run
// counts. When Tx returns nil, what fn wrote is durable.
func (d *DB) Tx(ctx context.Context, fn func(ctx context.Context) error) error {
	if t := d.running(ctx); t != nil {
		err := fn(ctx)
		t.doom(err)
		return err
	}
	races := 0
	for try := 1; ; try++ {
		w := d.wait(ctx, unitPatience)
		err := w.explain(d.once(w.ctx, fn))
		w.end()
		taken, raced := errors.AsType[*takenError](err)
		if raced {
			err = taken.err
			races++
		}
		if raced = raced && races <= maxRaces; err == nil || !raced && !retryable(err) || ctx.Err() != nil {
			return d.wrap(err)
		}
		if try == maxTries {
			return busy(err)
		}
		if err := pause(ctx, try); err != nil {
			return d.wrap(err)
		}
	}
}

// maxRaces is how often a transaction that met a key of another one is run again, beside the
// times that it lost in another way.
const maxRaces = 3

// takenError is the end of a transaction in which Postgres said that a key is there already. It
// says so, and not that the transactions cannot be put in order, where two of them read that
// a key is free and took it. Run again, the second sees the first one's row: then the key
// is free no longer, or the error is the caller's.
type takenError struct{ err error }

func (e *takenError) Error() string { return e.err.Error() }
func (e *takenError) Unwrap() error { return e.err }

func (d *DB) once(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	release, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	tx, err := d.write.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	t := &txn{tx: tx, pool: d.write}
	defer d.prepareMissed(ctx, t) // after the transaction's end: it needs the connection
	finished := false
	defer func() {
		if !finished { // fn failed or panicked
			_ = tx.Rollback()
		}
	}()
	err = fn(context.WithValue(ctx, txKey{d}, t))
	if t.rows != nil {
		t.rows.Close()
	}
	// The statement that failed first is the cause; what fn made of it may hide that
	// the transaction can be run again.
	if t.err != nil && (err == nil || retryable(t.err)) {
		err = t.err
	}
	if err != nil && isTaken(t.err) {
		return &takenError{err}
	}
	if err != nil {
		return ended(ctx, err)
	}
	finished = true
	return ended(ctx, tx.Commit())
}

// ended says of the error of a transaction that was undone under its user's hands that its
// context ended, if it did.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (d *DB) prepareMissed(ctx context.Context, t *txn) {
	for _, q := range t.missed {
		if _, err := d.write.statement(context.WithoutCancel(ctx), q); err != nil {
			return // the next run says what is wrong with it
		}
	}
}

// acquire waits for the writer's turn.
func (d *DB) acquire(ctx context.Context) (release func(), err error) {
	if d.turn == nil {
		return func() {}, nil
	}
	select {
	case d.turn <- struct{}{}:
	default:
		timer := time.NewTimer(d.patience)
		defer timer.Stop()
		select {
		case d.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, busy(fmt.Errorf("no turn to write within %v; does a transaction write without its context?", d.patience))
		}
	}
	return func() { <-d.turn }, nil
}

// pause waits before another try: longer each time, and never in step with others.
func pause(ctx context.Context, try int) error {
	limit := min(time.Millisecond<<min(try, 8), 150*time.Millisecond)
	timer := time.NewTimer(rand.N(limit))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
