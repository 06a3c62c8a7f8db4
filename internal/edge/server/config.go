package server

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// Config says how a server runs. DataDir and ChildCommand are required.
type Config struct {
	// DataDir holds blobs, snapshots and, without DatabaseURL, the database.
	DataDir string
	// DatabaseURL is "postgres://…"; empty for SQLite in DataDir.
	DatabaseURL string
	// KeyRing is the file of the keys that seal data at rest; by default it lies in the
	// user's configuration folder, outside of DataDir, so that a copy of the data opens nothing.
	KeyRing string
	// Listen is the address to serve on, "127.0.0.1:8480" by default; port 0 takes any.
	Listen string
	// PlatformDomain and AppsDomain are two registrable domains; both empty means
	// *.localhost, which only this machine can reach.
	PlatformDomain, AppsDomain string
	// Scheme of the origins as their users see them, "https" by default with domains.
	Scheme string
	// Workers is the number of worker processes, the number of processors when 0.
	Workers int
	// ChildCommand makes the command of a worker process: this program again, which
	// calls Child first in its main.
	ChildCommand func() *exec.Cmd
	// Guard makes the way out; netguard.New when nil. Only testenv gives another.
	Guard   func(netguard.Config) (*netguard.Guard, error)
	Version string
	Log     *slog.Logger
}

func (c *Config) complete() error {
	if c.DataDir == "" {
		return fault.New(fault.Usage, "DATA_DIR", "no data directory is named").WithFix("give --data DIR")
	}
	if c.ChildCommand == nil {
		return fault.New(fault.Usage, "CHILD_COMMAND", "no command for worker processes is given")
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8480"
	}
	if _, err := newOrigins(c.PlatformDomain, c.AppsDomain, c.Scheme, c.Listen); err != nil {
		return err // before anything is made
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return err
	}
	c.DataDir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Unavailable, "DATA_DIR", "the data directory %s cannot be made", dir).Because(err).
			WithFix("name a directory that this user may write to")
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = "sqlite:" + filepath.Join(dir, "annex.db")
	}
	if c.KeyRing == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return fault.New(fault.Usage, "KEY_RING", "there is no configuration folder for the key ring").WithFix("give --key-ring FILE").Because(err)
		}
		c.KeyRing = filepath.Join(base, "annex", "keyring")
	}
	if c.Scheme == "" {
		c.Scheme = "https"
	}
	if c.Guard == nil {
		c.Guard = func(n netguard.Config) (*netguard.Guard, error) { return netguard.New(n) }
	}
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	if c.Version == "" {
		c.Version = "unknown"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// newData reports whether the data directory has never held a server's data: then a
// key ring may be made, and a first operator token is given out.
func (c *Config) newData() bool {
	_, err := os.Stat(filepath.Join(c.DataDir, "blobs"))
	return errors.Is(err, fs.ErrNotExist)
}
