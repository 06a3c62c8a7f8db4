package server

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Check says what would keep a server from starting with this configuration, as far as
// that can be told without writing anything: it makes no folder, database or key ring,
// and may be asked beside the running server, whose address it leaves alone.
func Check(ctx context.Context, cfg Config) error {
	return fault.Op("server.Check", check(ctx, cfg))
}

func check(ctx context.Context, cfg Config) error {
	if err := cfg.complete(); err != nil {
		return err
	}
	destinations, err := db.Destinations(cfg.DatabaseURL)
	if err != nil {
		return err
	}
	for _, dir := range []string{cfg.DataDir, cfg.Blobs} {
		if err := checkFolder(dir); err != nil {
			return err
		}
	}
	if err := checkListen(ctx, cfg); err != nil {
		return err
	}
	guard, err := cfg.Guard(netguard.Config{Database: destinations, Log: cfg.Log})
	if err != nil {
		return err
	}
	defer guard.Close()
	bound := ""
	d, err := db.OpenReadOnly(ctx, db.Config{URL: cfg.DatabaseURL, Dial: guard.Dialer(netguard.Database), Readers: 1, Writers: 1})
	switch {
	case errors.Is(err, fs.ErrNotExist): // it is made at the first start
	case err != nil:
		return err
	default:
		defer d.Close()
		if err := db.Intact(ctx, db.Config{URL: cfg.DatabaseURL}); err != nil {
			return err
		}
		have, err := d.Migrated(ctx, migrations())
		if err != nil {
			return err
		}
		if have[ringMigrations[0].ID] {
			if bound, err = boundRing(ctx, d); err != nil {
				return err
			}
		}
	}
	if err := checkRing(cfg.KeyRing, bound); err != nil {
		return err
	}
	j, err := openJail(ctx, cfg)
	if err != nil {
		return err
	}
	j.Close()
	return nil
}

// checkListen tries the address. The server that uses this data directory may have it.
func checkListen(ctx context.Context, cfg Config) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, unix.EADDRINUSE) && db.DirInUse(cfg.DataDir):
		return nil
	}
	return cannotListen(cfg.Listen, err)
}

// checkRing checks the key ring, which may be missing while the database is new.
func checkRing(path, bound string) error {
	if _, err := os.Stat(path); bound == "" && errors.Is(err, fs.ErrNotExist) {
		if _, err := writable(filepath.Dir(path)); err != nil {
			return fault.New(fault.Unavailable, "KEY_RING", "the key ring %s cannot be read or made", path).
				WithFix("name a file in a folder that this user may write to").Because(err)
		}
		return nil
	}
	ring, err := seal.OpenRing(path, false)
	if err != nil || bound == "" {
		return err
	}
	return sameRing(bound, ring.Fingerprints(), path)
}

// checkFolder checks that a folder can be written, or made.
func checkFolder(dir string) error {
	there, err := writable(dir)
	switch {
	case err == nil:
		return nil
	case there == dir:
		return unwritable(err)
	}
	return fault.New(fault.Unavailable, "DATA_DIR", "the data directory %s cannot be made", dir).Because(err).
		WithFix("name a directory that this user may write to")
}

// writable asks whether files can be made in dir, or in what would have to be made for
// it; it gives the folder that it asked about.
func writable(dir string) (there string, err error) {
	for there = dir; ; there = filepath.Dir(there) {
		info, err := os.Stat(there)
		if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)) && there != filepath.Dir(there) {
			continue
		}
		if err != nil {
			return there, err
		}
		if !info.IsDir() {
			return "", unix.ENOTDIR
		}
		return there, unix.Access(there, unix.W_OK|unix.X_OK)
	}
}
