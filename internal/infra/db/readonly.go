package db

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/core/fault"
)

// OpenReadOnly opens a database for queries and leaves no trace: it makes no file and
// may be used beside the running server. A SQLite file that does not exist is an error
// that fs.ErrNotExist is in.
func OpenReadOnly(ctx context.Context, cfg Config) (*DB, error) {
	if !strings.HasPrefix(cfg.URL, "sqlite:") {
		return Open(ctx, cfg) // which writes nothing to Postgres
	}
	path, err := filepath.Abs(strings.TrimPrefix(cfg.URL, "sqlite:"))
	if err != nil {
		return nil, fault.Op("db.OpenReadOnly", err)
	}
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Op("db.OpenReadOnly", err)
		}
		return nil, fault.Op("db.OpenReadOnly", unavailable(err))
	}
	f.Close()
	dsn := besideDSN(path)
	// Alone with the file, SQLite would make or renew its side files even for reading only.
	// What a crash left in the log is read at the next start.
	if !isOpen(path) {
		dsn += "&immutable=1"
	}
	p, err := openSQLitePool(dsn, 1)
	if err != nil {
		return nil, fault.Op("db.OpenReadOnly", err)
	}
	d := &DB{dialect: sqlite3, read: p, write: p}
	if err := p.db.PingContext(ctx); err != nil {
		p.close()
		return nil, fault.Op("db.OpenReadOnly", d.wrap(err))
	}
	return d, nil
}

// besideDSN names a file to be read only, beside whoever has it open.
func besideDSN(path string) string {
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// sharedStart and sharedSize are the bytes of the file that every connection in WAL mode
// keeps locked for reading (https://www.sqlite.org/lockingv3.html).
const (
	sharedStart = 0x40000000 + 2
	sharedSize  = 510
)

// isOpen asks, without taking a lock, whether somebody has the database open, be it this
// process. The locks on the -shm file would tell too, but those are the process's: closing
// that file would take them away from a connection of our own.
func isOpen(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: sharedStart, Len: sharedSize}
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l) == nil && l.Type != unix.F_UNLCK
}

// Migrated reads which schema steps the database has, none for a new one, and refuses
// a database whose history is not the beginning of ours. It changes nothing.
func (d *DB) Migrated(ctx context.Context, steps []Migration) (map[string]bool, error) {
	q := `SELECT COUNT(*) FROM sqlite_schema WHERE name = 'annex_migrations'`
	if d.dialect == postgres {
		q = `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'annex_migrations'`
	}
	var tables int
	if err := d.QueryRow(ctx, q).Scan(&tables); err != nil || tables == 0 {
		return nil, fault.Op("db.Migrated", err)
	}
	have, err := d.applied(ctx)
	if err == nil {
		err = agree(have, steps)
	}
	if err != nil {
		return nil, fault.Op("db.Migrated", err)
	}
	out := make(map[string]bool, len(have))
	for id := range have {
		out[id] = true
	}
	return out, nil
}

// Intact reads every page of a SQLite file and refuses one that is damaged; it takes its
// time. What a crash left in the log beside the file belongs to it and is read at a start
// only, so until then nothing can be said of such a file. Postgres looks after its own.
func Intact(ctx context.Context, cfg Config) error {
	path, lite := strings.CutPrefix(cfg.URL, "sqlite:")
	if log, err := os.Stat(path + "-wal"); !lite || err == nil && log.Size() > 0 && !isOpen(path) {
		return nil
	}
	d, err := OpenReadOnly(ctx, cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	var said string
	if err := d.QueryRow(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return fault.Op("db.Intact", err)
	}
	if said != "ok" {
		return fault.Op("db.Intact", damaged(errors.New(said)))
	}
	return nil
}
