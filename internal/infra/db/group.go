package db

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// most is how many statements share one commit.
const most = 64

var errClosed = errors.New("the database is closed")

// group runs SQLite's single statements. Each is acknowledged after a commit that
// waited for the disk; statements that came while the disk was busy with the last
// commit share the next one, so that many callers are served for the price of one.
// Between statements of one commit there is no other bond: one that fails takes
// nothing from the others.
type group struct {
	d    *DB
	jobs chan *job
	quit chan struct{}
	done chan struct{}
}

type job struct {
	q      string
	vals   []any
	taken  atomic.Bool // by the group, or back by a caller who no longer waits
	stmt   *sql.Stmt   // nil when the cache is full
	unfit  bool        // it could not be prepared; err says why
	n      int64
	err    error
	finish chan struct{}
}

func newGroup(d *DB) *group {
	g := &group{d: d, jobs: make(chan *job, most), quit: make(chan struct{}), done: make(chan struct{})}
	go g.run()
	return g
}

// exec has one statement run. When ctx ends before its turn came, it does not run.
func (g *group) exec(ctx context.Context, q string, vals []any) (int64, error) {
	j := &job{q: q, vals: vals, finish: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-g.done:
		return 0, errClosed
	}
	select {
	case <-j.finish:
		return j.n, j.err
	case <-ctx.Done():
		if j.take() {
			return 0, ctx.Err()
		}
		<-j.finish // it is running: the answer is what happened
		return j.n, j.err
	case <-g.done:
		if j.take() {
			return 0, errClosed
		}
		<-j.finish
		return j.n, j.err
	}
}

func (j *job) take() bool { return j.taken.CompareAndSwap(false, true) }

// close waits for the commit that is under way; what has not begun is refused.
func (g *group) close() {
	close(g.quit)
	<-g.done
}

func (g *group) run() {
	defer close(g.done)
	for {
		select {
		case <-g.quit:
			return
		default:
		}
		select {
		case <-g.quit:
			return
		case j := <-g.jobs:
			g.serve(j)
		}
	}
}

// serve waits for the turn to write, for the first of some statements, and then runs
// all that came meanwhile. Until then callers may take theirs back.
func (g *group) serve(first *job) {
	ctx := context.Background() // no caller's end may undo another one's statement
	release, err := g.d.acquire(ctx)
	if err != nil {
		if first.take() {
			first.err = err
			close(first.finish)
		}
		return
	}
	defer release()
	batch := g.more(first)
	for _, j := range batch {
		j.stmt, j.err = g.d.write.statement(ctx, j.q)
		j.unfit = j.err != nil
	}
	if len(batch) == 1 || !g.together(ctx, batch) {
		for _, j := range batch {
			g.alone(ctx, j)
		}
	}
	for _, j := range batch {
		close(j.finish)
	}
}

// more gives the first statement and those that are waiting, as far as they are
// still wanted.
func (g *group) more(first *job) []*job {
	var batch []*job
	for j := first; ; {
		if j.take() {
			batch = append(batch, j)
		}
		if len(batch) == most {
			return batch
		}
		select {
		case j = <-g.jobs:
		default:
			return batch
		}
	}
}

// together runs all statements in one transaction. It reports false, with nothing
// done, when something happened that concerns more than one statement.
func (g *group) together(ctx context.Context, batch []*job) bool {
	tx, err := g.d.write.db.BeginTx(ctx, nil)
	if err != nil {
		return false
	}
	defer tx.Rollback() // after a commit it does nothing
	for _, j := range batch {
		switch {
		case j.unfit:
			continue
		case j.stmt == nil:
			j.n, j.err = affected(tx.ExecContext(ctx, j.q, j.vals...))
		default:
			j.n, j.err = affected(tx.StmtContext(ctx, j.stmt).ExecContext(ctx, j.vals...))
		}
		if j.err != nil && !onlyItself(j.err) {
			forget(batch)
			return false
		}
	}
	if tx.Commit() != nil {
		forget(batch)
		return false
	}
	return true
}

// forget what the statements of an undone transaction said.
func forget(batch []*job) {
	for _, j := range batch {
		if !j.unfit {
			j.n, j.err = 0, nil
		}
	}
}

func (g *group) alone(ctx context.Context, j *job) {
	switch {
	case j.unfit:
	case j.stmt == nil:
		j.n, j.err = affected(g.d.write.db.ExecContext(ctx, j.q, j.vals...))
	default:
		j.n, j.err = affected(j.stmt.ExecContext(ctx, j.vals...))
	}
}

// onlyItself reports whether SQLite undid just the failed statement. After any other
// error, a full disk for instance, the whole transaction may be gone.
func onlyItself(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_ERROR, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_RANGE:
		return true
	}
	return false
}
