package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/seal"
)

// snapshots keeps what module scope left in memory, sealed, since it holds the
// environment's variables. It is a cache: what is missing or does not open is made
// again from the version's source.
type snapshots struct {
	dir  string
	ring *seal.Ring
	log  *slog.Logger
}

const (
	// unused is how long a snapshot is kept that nobody asked for: of versions and
	// variables that were replaced, most often. Whoever wants it later waits for module scope.
	unused = 30 * 24 * time.Hour
	// halfWritten is the age after which a temporary file is what a crash left.
	halfWritten = time.Hour
)

func openSnapshots(dir string, ring *seal.Ring, log *slog.Logger) (*snapshots, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "DATA_DIR", "the folder %s cannot be made", dir).Because(err)
	}
	return &snapshots{dir: dir, ring: ring, log: log}, nil
}

func (s *snapshots) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:]))
}

func place(key string) seal.Place {
	return seal.Place{Table: "snapshots", Column: "pages", Row: key}
}

// Get gives the snapshot of a key; nil without an error when there is none.
func (s *snapshots) Get(ctx context.Context, key string) ([]byte, error) {
	file := s.file(key)
	sealed, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Op("server.snapshots.Get", err)
	}
	plain, err := s.ring.Open(seal.ForCache(key), seal.Snapshot, place(key), sealed)
	if err != nil {
		s.log.WarnContext(ctx, "a cached snapshot does not open and is made again: it was changed on disk, or sealed with a key that is gone", "file", file, "err", err)
		return nil, nil
	}
	s.used(file, time.Now())
	return plain, nil
}

// used notes that a snapshot is wanted, in its file's time, once a day.
func (s *snapshots) used(file string, now time.Time) {
	if i, err := os.Stat(file); err == nil && now.Sub(i.ModTime()) > 24*time.Hour {
		_ = os.Chtimes(file, now, now) // what is swept by mistake is made again
	}
}

// sweep removes what a crash left half-written and what nobody asked for in a long time.
func (s *snapshots) sweep(now time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fault.Op("server.snapshots.sweep", err)
	}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			continue // somebody else was faster
		}
		limit := unused
		if strings.HasPrefix(e.Name(), newPrefix) {
			limit = halfWritten
		}
		if now.Sub(i.ModTime()) > limit {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
	return nil
}

// newPrefix begins the names of files that are being written.
const newPrefix = ".new-"

// Put keeps a snapshot. A crash leaves the old file or the new one.
func (s *snapshots) Put(_ context.Context, key string, plain []byte) error {
	sealed, err := s.ring.Seal(seal.ForCache(key), seal.Snapshot, place(key), plain)
	if err != nil {
		return fault.Op("server.snapshots.Put", err)
	}
	tmp, err := os.CreateTemp(s.dir, newPrefix)
	if err != nil {
		return fault.Op("server.snapshots.Put", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(sealed)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return fault.Op("server.snapshots.Put", err)
	}
	return fault.Op("server.snapshots.Put", os.Rename(tmp.Name(), s.file(key)))
}

func (c *Config) snapshots() string { return filepath.Join(c.DataDir, "snapshots") }
