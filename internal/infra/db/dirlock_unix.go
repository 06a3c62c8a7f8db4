//go:build unix

package db

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/core/fault"
)

// DirLock is the right to be the one server of a data directory.
type DirLock struct{ f *os.File }

// LockDir takes the data directory for this process until Unlock or the process's
// end, however it ends. The lock is the kernel's, so a file left behind locks nothing.
func LockDir(dir string) (*DirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "annex.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Op("db.LockDir", unavailable(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, inUse(dir, f)
		}
		return nil, fault.Op("db.LockDir", unavailable(err))
	}
	// Only for the sentence that the next one reads; the lock does not depend on it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &DirLock{f}, nil
}

// DirInUse reports whether a server uses the data directory now. It makes no file.
func DirInUse(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "annex.lock"))
	if err != nil {
		return false
	}
	defer f.Close() // and with it the lock, if it was free
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Unlock gives the directory back.
func (l *DirLock) Unlock() error { return l.f.Close() }

func inUse(dir string, f *os.File) error {
	who := "another annex server"
	if b, err := io.ReadAll(io.LimitReader(f, 32)); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			who = fmt.Sprintf("another annex server (process %d)", pid)
		}
	}
	return fault.New(fault.Conflict, "DATA_DIRECTORY_IN_USE", "%s uses the data directory %s", who, dir).
		WithFix("stop it first, or give this server a directory of its own")
}
