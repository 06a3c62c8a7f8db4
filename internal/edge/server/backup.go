package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/backupfile"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/seal"
)

// BackupOptions say where a backup goes and what is in it.
type BackupOptions struct {
	To string
	// Keys puts the key ring into the file: then whoever has the file reads every secret.
	Keys bool
}

// BackupReport says what was written.
type BackupReport struct {
	File    string
	Digest  string // of the list of contents: stands for the whole backup
	Bytes   int64
	Made    time.Time
	Rows    int
	Blobs   int
	Missing []string // deployed bytes that are damaged or gone
	Keys    bool
}

// Backup writes everything that a server keeps into one file: the database as of one
// moment, and the deployed bytes, of which a moment later there are at least as many. It
// may run beside the server. Snapshots are left out, which are made again, and so are the
// key ring, unless it is asked for, and the operator's first token.
func Backup(ctx context.Context, cfg Config, o BackupOptions) (BackupReport, error) {
	r, err := backup(ctx, cfg, o)
	return r, fault.Op("server.Backup", err)
}

func backup(ctx context.Context, cfg Config, o BackupOptions) (r BackupReport, err error) {
	if err := cfg.complete(); err != nil {
		return r, err
	}
	if _, err := os.Lstat(o.To); err == nil {
		return r, fileExists(o.To)
	}
	guard, err := dataGuard(cfg)
	if err != nil {
		return r, err
	}
	defer guard.Close()
	d, closeDB, err := openForReading(ctx, cfg, guard)
	if err != nil {
		return r, err
	}
	defer closeDB()
	f, err := os.CreateTemp(filepath.Dir(o.To), ".annex-backup-") // 0600
	if err != nil {
		return r, noFile(o.To, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	r = BackupReport{File: o.To, Made: time.Now().UTC().Truncate(time.Second), Keys: o.Keys}
	if err := cfg.write(ctx, d, backupfile.NewWriter(f), &r); err != nil {
		return r, err
	}
	info, err := f.Stat()
	if err == nil {
		r.Bytes = info.Size()
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil { // a link does not replace what came there meanwhile
		err = os.Link(f.Name(), o.To)
	}
	if errors.Is(err, fs.ErrExist) {
		return r, fileExists(o.To)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(o.To))
	}
	if err != nil {
		return r, noFile(o.To, err)
	}
	return r, nil
}

func (c *Config) write(ctx context.Context, d *db.DB, w *backupfile.Writer, r *BackupReport) (err error) {
	bound, err := boundRing(ctx, d)
	if err != nil {
		return err
	}
	err = d.Dump(ctx, migrations(), db.Dump{
		Begin: func(schema []db.Step) error {
			return w.Meta(backupfile.Meta{Annex: c.Version, Made: r.Made, Schema: schema, KeyRing: bound, Keys: r.Keys})
		},
		Table: w.Table,
		Row:   func(values []any) error { r.Rows++; return w.Row(values) },
	})
	if err != nil {
		return err
	}
	if err := c.writeBlobs(ctx, w, r); err != nil {
		return err
	}
	if r.Keys {
		ring, err := seal.OpenRing(c.KeyRing, false)
		if err == nil {
			err = sameRing(bound, ring.Fingerprints(), c.KeyRing)
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(c.KeyRing)
		if err == nil {
			err = w.Keys(text)
		}
		if err != nil {
			return err
		}
	}
	r.Digest, err = w.Close()
	return err
}

// writeBlobs comes after the database was read: a version's bytes are stored before its
// row, and never removed, so none that a row names is missing.
func (c *Config) writeBlobs(ctx context.Context, w *backupfile.Writer, r *BackupReport) error {
	blobs, err := blob.OpenDir(c.Blobs)
	if err != nil {
		return err
	}
	return blobs.Each(ctx, func(h blob.Hash) error {
		data, err := blobs.Get(ctx, h)
		switch fault.CodeOf(err) {
		case "BLOB_DAMAGED", "BLOB_NOT_FOUND":
			if err != nil { // one damaged file must not keep the others from being saved
				r.Missing = append(r.Missing, string(h))
				w.Missing(string(h))
				return nil
			}
		}
		if err != nil {
			return err
		}
		r.Blobs++
		return w.Blob(string(h), data)
	})
}

// dataGuard is the way to the database, and to nothing else.
func dataGuard(cfg Config) (*netguard.Guard, error) {
	database, err := db.Destinations(cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	return cfg.Guard(netguard.Config{Database: database, Log: cfg.Log})
}

// openForReading opens the database, beside the server that has it open or alone: after a
// crash only who is alone may read what SQLite's log still holds.
func openForReading(ctx context.Context, cfg Config, guard *netguard.Guard) (d *db.DB, closeDB func(), err error) {
	conf := db.Config{URL: cfg.DatabaseURL, Dial: guard.Dialer(netguard.Database), Readers: 1, Writers: 1}
	file, sqlite := strings.CutPrefix(cfg.DatabaseURL, "sqlite:")
	if !sqlite {
		d, err := db.Open(ctx, conf)
		if err != nil {
			return nil, nil, err
		}
		return d, func() { _ = d.Close() }, nil
	}
	if _, err := os.Stat(file); err != nil {
		return nil, nil, fault.New(fault.NotFound, "NO_DATA", "there is no database in %s", cfg.DataDir).Because(err).
			WithFix("name the server's data directory with --data DIR")
	}
	for try := 0; ; try++ {
		lock, err := db.LockDir(cfg.DataDir)
		if err == nil {
			d, err := db.Open(ctx, conf)
			if err != nil {
				_ = lock.Unlock()
				return nil, nil, err
			}
			return d, func() { _ = d.Close(); _ = lock.Unlock() }, nil
		}
		if fault.CodeOf(err) != "DATA_DIRECTORY_IN_USE" {
			return nil, nil, err
		}
		d, ok, besideErr := db.Beside(ctx, conf)
		switch {
		case besideErr != nil:
			return nil, nil, besideErr
		case ok:
			return d, func() { _ = d.Close() }, nil
		case try == 20:
			return nil, nil, err
		}
		select { // the server just starts or ends
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func fileExists(file string) error {
	return fault.New(fault.Conflict, "FILE_EXISTS", "%s exists already", file).WithFix("name another file; a backup replaces none")
}

func noFile(file string, err error) error {
	return fault.New(fault.Unavailable, "BACKUP_FILE", "%s cannot be written", file).Because(err).
		WithFix("name a file in a folder that this user may write to, with room for the backup")
}

func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
