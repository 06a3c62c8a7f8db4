package db

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	sqliteReaders  = 4
	sqlitePatience = 15 * time.Second
)

func openSQLite(ctx context.Context, cfg Config) (*DB, error) {
	path := strings.TrimPrefix(cfg.URL, "sqlite:")
	if path == "" || strings.ContainsRune(path, 0) {
		return nil, fault.New(fault.Usage, "DATABASE_URL", "the database URL names no file").
			WithFix("write sqlite:/path/to/file.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// A POSIX lock vanishes when anything in the process closes the file; OFD locks
	// do not. Where the system has none, the data directory's lock still keeps other
	// servers away.
	_, _ = sqlite.OFDLocking(true)
	sqlite.StrictPragmas(true)

	// SQLite would create the file readable to all; its -wal and -shm take its mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := f.Close(); err != nil {
		return nil, unavailable(err)
	}

	readers := cfg.Readers
	if readers <= 0 {
		readers = sqliteReaders
	}
	d := &DB{dialect: sqlite3, turn: make(chan struct{}, 1), patience: sqlitePatience}
	if d.write, err = openSQLitePool(sqliteDSN(path, cfg.Relaxed, false), 1); err != nil {
		return nil, err
	}
	// The writer comes first: it turns the file to WAL, which a reader may not.
	if err := d.write.db.PingContext(ctx); err != nil {
		d.write.close()
		return nil, d.wrap(err)
	}
	if d.read, err = openSQLitePool(sqliteDSN(path, cfg.Relaxed, true), readers); err != nil {
		d.write.close()
		return nil, err
	}
	if err := d.read.db.PingContext(ctx); err != nil {
		d.Close()
		return nil, d.wrap(err)
	}
	d.group = newGroup(d)
	return d, nil
}

func openSQLitePool(dsn string, size int) (*pool, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return newPool(db, true), nil
}

// sqliteDSN names the file and the connection's settings, in the order in which they
// are applied: the wait for a lock first, since turning to WAL needs one.
//
// synchronous is FULL: in WAL mode NORMAL survives the end of the process, but after
// a power cut the last commits are gone, and "acknowledged" would not mean "kept".
func sqliteDSN(path string, relaxed, readOnly bool) string {
	sync := "FULL"
	if relaxed {
		sync = "OFF"
	}
	q := url.Values{
		"_pragma": {
			"busy_timeout(5000)",
			"journal_mode(WAL)",
			"synchronous(" + sync + ")",
			"foreign_keys(1)",
			"trusted_schema(0)",
			"temp_store(MEMORY)",
			"cache_size(-8000)", // KiB; outside of Go's heap and its limit
			"journal_size_limit(67108864)",
			"query_only(" + strconv.Itoa(map[bool]int{true: 1}[readOnly]) + ")",
		},
		"_defensive": {"1"},
		"_dqs":       {"0"},
		"_error_rc":  {"1"},
		"_txlock":    {"immediate"},
	}
	if readOnly {
		q.Set("_txlock", "deferred")
	}
	// The file: form, since a plain name would lose its parameters.
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}
