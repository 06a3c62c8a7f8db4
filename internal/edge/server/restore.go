package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/trigger"
	"github.com/annexhq/annex/internal/feature/uikit"
	"github.com/annexhq/annex/internal/infra/backupfile"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/internal/infra/signer"
)

// RestoreOptions say what is restored.
type RestoreOptions struct {
	From string
	// Keys takes the key ring out of the backup, where there is none.
	Keys bool
	// Replace confirms that what is there now is replaced.
	Replace bool
}

// RestoreReport says what was restored, and what waits.
type RestoreReport struct {
	Made    time.Time
	Digest  string
	Missing []string // deployed bytes that the backup lacks
	// Compared says that there was a database to compare grants with.
	Compared bool
	// Waiting is how many installations wait for their site's admin, Stopped how many of
	// those run nothing until then.
	Waiting, Stopped int
	Tokens           int64 // that were ended
	Addresses        int   // of web triggers that had been deleted since the backup, and stay so
	Keys             bool  // the key ring was written
}

// Restore puts a backup in the place of the database and adds its deployed bytes. The
// database changes in one transaction, or not at all. No server may run on it.
//
// A restore gives nobody more than they have now (CONTRACTS 12): every token is void,
// every epoch is raised, and an installation keeps what is granted both in the backup and
// now until its site's admin confirms the rest; where no database is left to compare
// with, every installation waits.
func Restore(ctx context.Context, cfg Config, o RestoreOptions) (RestoreReport, error) {
	r, err := restore(ctx, cfg, o)
	return r, fault.Op("server.Restore", err)
}

func restore(ctx context.Context, cfg Config, o RestoreOptions) (r RestoreReport, err error) {
	if err := cfg.complete(); err != nil {
		return r, err
	}
	f, err := os.Open(o.From)
	if err != nil {
		return r, fault.New(fault.Invalid, "NO_FILE", "the backup %s cannot be read", o.From).Because(err).WithFix("name a file that `annex backup` made")
	}
	defer f.Close()
	s, err := backupfile.Verify(f) // all of it, before anything is changed
	if err != nil {
		return r, err
	}
	if _, err := db.Agree(s.Meta.Schema, migrations()); err != nil {
		return r, err
	}
	if o.Keys && !s.Meta.Keys {
		return r, fault.New(fault.Usage, "NO_KEYS", "the backup holds no key ring").WithFix("leave out --with-keys, and put the key ring at %s", cfg.KeyRing)
	}
	r = RestoreReport{Made: s.Meta.Made, Digest: s.Digest, Missing: s.Missing}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return r, unwritable(err)
	}
	lock, err := db.LockDir(cfg.DataDir)
	if err != nil {
		return r, err
	}
	defer lock.Unlock()
	if r.Keys, err = cfg.restoreRing(f, s, o); err != nil {
		return r, err
	}
	guard, err := dataGuard(cfg)
	if err != nil {
		return r, err
	}
	defer guard.Close()
	d, err := db.Open(ctx, db.Config{URL: cfg.DatabaseURL, Dial: guard.Dialer(netguard.Database)})
	if err != nil {
		return r, err
	}
	defer d.Close()
	alone, err := d.Alone(ctx)
	if err != nil {
		return r, err
	}
	defer alone()
	if err := cfg.makeRoom(ctx, d, o); err != nil {
		return r, err
	}
	if err := cfg.restoreBlobs(ctx, f); err != nil {
		return r, err
	}
	if err := d.Tx(ctx, func(ctx context.Context) error { return restoreRows(ctx, d, f, s, &r) }); err != nil {
		return r, err
	}
	return r, cfg.forgetOld()
}

// restoreRing demands the key ring that the backup's values are sealed with, or takes it
// out of the backup.
func (c *Config) restoreRing(f io.ReadSeeker, s backupfile.Summary, o RestoreOptions) (written bool, err error) {
	_, err = os.Stat(c.KeyRing)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return false, fault.New(fault.Unavailable, "KEY_RING", "the key ring %s cannot be read", c.KeyRing).Because(err).WithFix("make it readable for this user")
	case !o.Keys:
		missing := fault.New(fault.Unavailable, "KEY_RING_MISSING", "the key ring %s is missing; without it nothing that the backup seals can be opened", c.KeyRing).
			WithFix("put the key ring of the server that made the backup there, or name its place with --key-ring FILE")
		if s.Meta.Keys {
			missing = missing.WithFix("put the key ring there, name its place with --key-ring FILE, or take it out of this backup with --with-keys")
		}
		return false, missing
	default:
		if err := os.MkdirAll(filepath.Dir(c.KeyRing), 0o700); err != nil {
			return false, noFile(c.KeyRing, err)
		}
		if err := each(f, backupfile.Content{Keys: func(ring []byte) error { return writeFileOnce(c.KeyRing, ring) }}); err != nil {
			return false, err
		}
		written = true
	}
	ring, err := seal.OpenRing(c.KeyRing, false)
	if err == nil && s.Meta.KeyRing != "" {
		err = sameRing(s.Meta.KeyRing, ring.Fingerprints(), c.KeyRing)
	}
	return written, err
}

func writeFileOnce(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return noFile(name, err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return noFile(name, err)
	}
	return nil
}

// makeRoom brings what is there to our schema, so that it can be compared with, and
// refuses to replace it unasked.
func (c *Config) makeRoom(ctx context.Context, d *db.DB, o RestoreOptions) error {
	have, err := d.Migrated(ctx, migrations())
	if err != nil {
		return err
	}
	if len(have) > 0 && !o.Replace {
		return fault.New(fault.Conflict, "DATA_PRESENT", "there is a database already; a restore replaces it").
			WithFix("add --replace; make a backup of it first if it may be needed")
	}
	return d.Migrate(ctx, migrations())
}

func (c *Config) restoreBlobs(ctx context.Context, f io.ReadSeeker) error {
	blobs, err := blob.OpenDir(c.Blobs)
	if err != nil {
		return err
	}
	return each(f, backupfile.Content{Blob: func(_ string, data []byte) error {
		_, err := blobs.Put(ctx, data)
		return err
	}})
}

// each reads the backup from its start.
func each(f io.ReadSeeker, to backupfile.Content) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return backupfile.Read(f, to)
}

// restorer is who the audit trail says did it.
var restorer = id.Principal{Kind: id.Operator, Account: "restore"}

// restoreRows replaces the database's rows and narrows what they grant, in a transaction.
func restoreRows(ctx context.Context, d *db.DB, f io.ReadSeeker, s backupfile.Summary, r *RestoreReport) error {
	trail := audit.New(d, nil)
	installs := install.New(install.Config{DB: d, Audit: trail})
	sites := tenancy.New(tenancy.Config{DB: d, Audit: trail})
	before, err := installs.Before(ctx)
	if err != nil {
		return err
	}
	off, err := sites.DevelopmentOff(ctx)
	if err != nil {
		return err
	}
	addresses, err := trigger.Addresses(ctx, d)
	if err != nil {
		return err
	}
	secrets, err := trigger.Secrets(ctx, d)
	if err != nil {
		return err
	}
	if r.Compared = before.Any(); !r.Compared {
		before = nil
	}
	err = d.Replace(ctx, db.Replacement{Steps: migrations(), Have: s.Meta.Schema, Keep: "audit", Rows: func(insert db.Insert) error {
		return each(f, backupfile.Content{Rows: insert})
	}})
	if err != nil {
		return err
	}
	bound, err := boundRing(ctx, d)
	if err == nil && bound != s.Meta.KeyRing {
		err = fault.New(fault.Invalid, "BACKUP_MALFORMED", "the backup's database is sealed with another key ring than the backup says").
			WithFix("use another backup; this one was changed")
	}
	if err != nil {
		return err
	}
	if err := signer.Restored(ctx, d); err != nil {
		return err
	}
	if r.Waiting, r.Stopped, err = installs.Restored(ctx, restorer, before); err != nil {
		return err
	}
	if r.Addresses, err = trigger.Restored(ctx, d, addresses, before.Running); err != nil {
		return err
	}
	if err := trigger.RestoredSecrets(ctx, d, secrets, before.Running); err != nil {
		return err
	}
	if r.Compared {
		if err := sites.Restored(ctx, off); err != nil {
			return err
		}
	}
	if err := applog.Restored(ctx, d); err != nil {
		return err
	}
	if err := registry.New(registry.Config{DB: d, Audit: trail}).Restored(ctx); err != nil {
		return err
	}
	if r.Tokens, err = account.New(account.Config{DB: d, Audit: trail}).VoidTokens(ctx); err != nil {
		return err
	}
	if err := session.New(session.Config{DB: d}).Void(ctx); err != nil {
		return err
	}
	if err := asking.New(asking.Config{DB: d}).Void(ctx); err != nil {
		return err
	}
	if err := uikit.New(uikit.Config{DB: d}).Void(ctx); err != nil {
		return err
	}
	// Each site's trail says it too: its admin sees only that one.
	all, err := sites.Sites(ctx, restorer)
	if err != nil {
		return err
	}
	for _, site := range all {
		if err := trail.Append(ctx, site.ID, "", restorer, "server.restore", map[string]any{"backup": s.Digest, "made": s.Meta.Made}); err != nil {
			return err
		}
	}
	return trail.Append(ctx, "", "", restorer, "server.restore", map[string]any{
		"backup": s.Digest, "made": s.Meta.Made, "waiting": r.Waiting, "stopped": r.Stopped, "tokens": r.Tokens})
}

// forgetOld removes what belonged to the database that was replaced: snapshots, which are
// made again, and the operator's first token.
func (c *Config) forgetOld() error {
	err := os.RemoveAll(c.snapshots())
	if rmErr := os.Remove(c.firstToken()); !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the backup is restored, and old files in %s could not be removed", c.DataDir).
			WithFix("remove the folder snapshots and the file operator.token there").Because(fmt.Errorf("server.forgetOld: %w", err))
	}
	return nil
}
