package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/annexhq/annex/internal/core/fault"
)

func (c *Config) firstToken() string { return filepath.Join(c.DataDir, "operator.token") }

func (s *System) removeFirstToken() {
	if err := os.Remove(s.Config.firstToken()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Config.Log.Warn("the file of the first operator token is still there; it opens nothing any more", "err", err)
	}
}

// FirstOperatorToken gives a token to an operator who has none, in a file that only
// the data directory's owner reads; it returns the file, "" when none was needed. The
// token lives for a day, and ends when an operator makes another one.
func (s *System) FirstOperatorToken(ctx context.Context) (string, error) {
	file := s.Config.firstToken()
	written := false
	secret, err := s.Accounts.Bootstrap(ctx, func(secret string) error {
		written = true
		return writeSecret(file, secret)
	})
	if err != nil || secret == "" {
		if written { // it opens nothing
			_ = os.Remove(file)
		}
		return "", fault.Op("server.FirstOperatorToken", err)
	}
	return file, nil
}

// writeSecret leaves the old file or the new one, on the disk before it returns.
func writeSecret(file, secret string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".token-") // 0600
	if err != nil {
		return unwritable(err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(secret + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return unwritable(err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return unwritable(err)
	}
	dir, err := os.Open(filepath.Dir(file)) // the name must survive too
	if err != nil {
		return unwritable(err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return unwritable(err)
	}
	return nil
}

func unwritable(err error) error {
	return fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the data directory cannot be written by the server").
		WithFix("make room in it, and make it writable for the server's user").Because(err)
}
