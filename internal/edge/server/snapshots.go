package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/seal"
)

// snapshots keeps what module scope left in memory, sealed, since it holds the
// environment's variables. It is a cache: what is missing or does not open is made
// again from the version's source.
type snapshots struct {
	dir  string
	ring *seal.Ring
}

func openSnapshots(dir string, ring *seal.Ring) (*snapshots, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "DATA_DIR", "the folder %s cannot be made", dir).Because(err)
	}
	return &snapshots{dir: dir, ring: ring}, nil
}

func (s *snapshots) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:]))
}

func place(key string) seal.Place {
	return seal.Place{Table: "snapshots", Column: "pages", Row: key}
}

// Get gives the snapshot of a key; nil without an error when there is none.
func (s *snapshots) Get(_ context.Context, key string) ([]byte, error) {
	sealed, err := os.ReadFile(s.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Op("server.snapshots.Get", err)
	}
	plain, err := s.ring.Open(seal.ForCache(key), seal.Snapshot, place(key), sealed)
	if err != nil {
		return nil, nil // another key ring, or damaged: it is made again
	}
	return plain, nil
}

// Put keeps a snapshot. A crash leaves the old file or the new one.
func (s *snapshots) Put(_ context.Context, key string, plain []byte) error {
	sealed, err := s.ring.Seal(seal.ForCache(key), seal.Snapshot, place(key), plain)
	if err != nil {
		return fault.Op("server.snapshots.Put", err)
	}
	tmp, err := os.CreateTemp(s.dir, ".new-*")
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
