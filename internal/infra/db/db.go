package db

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// ErrNoRows is what Row.Scan returns when there is no row.
var ErrNoRows = sql.ErrNoRows

// Config says which database to open.
type Config struct {
	// URL is "sqlite:/path/file.db" or "postgres://…".
	URL string
	// Relaxed lets a commit return before the disk has it. For tests, which do not
	// pull the plug; never for a server.
	Relaxed bool
	// Dial reaches a Postgres server; nil means the driver's own dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Readers is the number of connections for reading, Writers for writing (always
	// one on SQLite). Zero takes the defaults.
	Readers, Writers int
}

// DB is an open database.
type DB struct {
	dialect dialect
	write   *pool
	read    *pool
	// turn orders SQLite's writers in Go, where waiting can be cancelled; nil on Postgres.
	turn chan struct{}
	// patience bounds the wait for turn: a writer that waits longer is most likely
	// waiting for itself (a statement inside Tx that was not given Tx's context).
	patience time.Duration
	// group runs SQLite's single statements; nil on Postgres, which groups commits itself.
	group *group
}

// Open opens the database and proves that it answers.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	var (
		d   *DB
		err error
	)
	switch {
	case strings.HasPrefix(cfg.URL, "sqlite:"):
		d, err = openSQLite(ctx, cfg)
	case strings.HasPrefix(cfg.URL, "postgres://"), strings.HasPrefix(cfg.URL, "postgresql://"):
		d, err = openPostgres(ctx, cfg)
	default:
		return nil, fault.New(fault.Usage, "DATABASE_URL", "the database URL names no known database").
			WithFix("write sqlite:/path/to/file.db or postgres://user@host/database")
	}
	if err != nil {
		return nil, fault.Op("db.Open", err)
	}
	return d, nil
}

// Postgres reports whether the database is Postgres. Features do not need it;
// tests and the health answer do.
func (d *DB) Postgres() bool { return d.dialect == postgres }

// Ping proves that the database can be read and written.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.read.db.PingContext(ctx); err != nil {
		return d.wrap(err)
	}
	return d.wrap(d.write.db.PingContext(ctx))
}

// Close waits for running statements and closes the database.
func (d *DB) Close() error {
	if d.group != nil {
		d.group.close()
	}
	err := d.read.close()
	if e := d.write.close(); err == nil {
		err = e
	}
	return err
}
