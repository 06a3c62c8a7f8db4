package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/annexhq/annex/internal/core/fault"
)

// IsUnique reports whether err says that a row with such a key exists already.
func IsUnique(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() {
		case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
			return true
		}
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "23505"
}

// retryable reports whether the same transaction may succeed when run again.
func retryable(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
			return true
		}
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// isTaken reports whether Postgres said that a row with such a key exists already.
func isTaken(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "23505"
}

// wrap gives the failures of the storage itself a sentence for people; what a
// statement did wrong stays as it is.
func (d *DB) wrap(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, done := fault.As(err); done {
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return late(err)
	case errors.Is(err, context.Canceled): // nobody waits for a sentence
		return err
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case lib.SQLITE_FULL:
			return unavailable(syscallOr(err, syscall.ENOSPC))
		case lib.SQLITE_READONLY:
			return unavailable(syscallOr(err, syscall.EROFS))
		case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
			return unavailable(err)
		case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
			return damaged(err)
		case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
			return busy(err)
		case lib.SQLITE_INTERRUPT:
			return late(err)
		}
		return err
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case e.Code == "53100":
			return unavailable(syscallOr(err, syscall.ENOSPC))
		case e.Code[:2] == "08", e.Code[:2] == "53", e.Code[:2] == "57" && e.Code != "57014", e.Code[:2] == "58",
			e.Code == "28P01", e.Code == "28000", e.Code == "3D000":
			return unavailable(err)
		case retryable(err):
			return busy(err)
		case e.Code == "57014": // a statement that somebody ended, or a time limit of the server
			return late(err)
		}
		return err
	}
	if isConnection(err) {
		return unavailable(err)
	}
	return err
}

// wrapRead is wrap for a statement outside Tx. There the connection is for reading by
// our own choice, so a refused write is the program's mistake and not the disk's.
func (d *DB) wrapRead(err error) error {
	lite, _ := errors.AsType[*sqlite.Error](err)
	pg, _ := errors.AsType[*pgconn.PgError](err)
	if lite != nil && lite.Code() == lib.SQLITE_READONLY || pg != nil && pg.Code == "25006" {
		return fmt.Errorf("a statement that writes was run as a query outside Tx: %w", err)
	}
	return d.wrap(err)
}

// unavailable says in plain words why the storage cannot be used now.
func unavailable(err error) error {
	e := fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the database cannot be read or written").
		WithFix("see the server's log for the cause")
	switch {
	case isConnection(err):
		e = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the database server cannot be reached").
			WithFix("check that Postgres runs and that the database URL is right")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the disk that holds the database is full; nothing was changed").
			WithFix("free some space and try again")
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		e = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the data directory cannot be written by the server").
			WithFix("make the data directory and its files writable for the server's user")
	case errors.Is(err, fs.ErrNotExist):
		e = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the data directory does not exist").
			WithFix("create the directory that the database file lies in")
	}
	return e.Because(err)
}

// isConnection reports whether the way to a Postgres server failed.
func isConnection(err error) bool {
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[*net.OpError](err)
	// A connection that broke a moment ago answers the next statement with an error that
	// has no type of its own; all that is known of it is that nothing was sent.
	return unreachable || network || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

func damaged(err error) error {
	return fault.New(fault.Internal, "STORAGE_DAMAGED", "the database file is damaged, or is not a database").
		WithFix("stop the server and restore the data directory from a backup").Because(err)
}

func busy(err error) error {
	return fault.New(fault.Unavailable, "STORAGE_BUSY", "the database is busy").WithFix("try again").Because(err)
}

// late is the end of the caller's own time before the storage had answered.
func late(err error) error {
	return fault.New(fault.Unavailable, "STORAGE_BUSY", "the database did not answer in time").WithFix("try again").Because(err)
}

func syscallOr(err error, errno syscall.Errno) error { return errors.Join(err, errno) }
