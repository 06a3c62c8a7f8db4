package db

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
)

const attendKey = `hashtextextended('annex servers ' || current_schema(), 0)`

// Attend tells others, until it is released or the connection ends, that a server uses
// the database. SQLite's servers hold the lock of the data directory instead.
func (d *DB) Attend(ctx context.Context) (release func(), err error) {
	release, _, err = d.advise(ctx, `SELECT pg_advisory_lock_shared(`+attendKey+`) IS NOT NULL`, `SELECT pg_advisory_unlock_shared(`+attendKey+`)`)
	return release, fault.Op("db.Attend", err)
}

// Alone refuses while a server uses the database, and keeps servers from starting on it
// until it is released.
func (d *DB) Alone(ctx context.Context) (release func(), err error) {
	release, ok, err := d.advise(ctx, `SELECT pg_try_advisory_lock(`+attendKey+`)`, `SELECT pg_advisory_unlock(`+attendKey+`)`)
	if err == nil && !ok {
		release()
		err = fault.New(fault.Conflict, "DATABASE_IN_USE", "a server uses the database").WithFix("stop every server that uses it, and try again")
	}
	return release, fault.Op("db.Alone", err)
}

// advise asks for a lock on a connection of its own.
func (d *DB) advise(ctx context.Context, lock, unlock string) (release func(), got bool, err error) {
	if d.dialect == sqlite3 {
		return func() {}, true, nil
	}
	conn, err := d.write.db.Conn(ctx)
	if err != nil {
		return func() {}, false, d.wrap(err)
	}
	if err := conn.QueryRowContext(ctx, lock).Scan(&got); err != nil {
		conn.Close()
		return func() {}, false, d.wrap(err)
	}
	held := got
	return func() {
		if held {
			// Without an answer the connection is broken, and its end releases the lock.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), unlock)
		}
		conn.Close()
	}, got, nil
}
