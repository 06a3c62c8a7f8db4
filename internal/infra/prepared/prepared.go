package prepared

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxKept is how many programs' folders are kept: upgrades leave old ones behind.
	maxKept = 12
	// patience is for how long a child may prepare.
	patience = time.Minute
)

// DefaultRoot is annex/engine in the user's cache folder ($XDG_CACHE_HOME, ~/.cache).
func DefaultRoot() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("prepared: %w", err)
	}
	return filepath.Join(dir, "annex", "engine"), nil
}

// Open opens what was prepared for this program below root. If there is nothing that can be
// used, a child prepares it: child is this program's command, which Asked recognises.
func Open(ctx context.Context, root string, child func() *exec.Cmd) (*os.File, error) {
	id, err := program()
	if err != nil {
		return nil, fmt.Errorf("prepared: %w", err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("prepared: %w", err)
	}
	place, err := own(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = place.Close() }()
	// One at a time: who comes second finds what the first has made.
	if err := unix.Flock(int(place.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("prepared: lock %s: %w", root, err)
	}
	dir := filepath.Join(root, id)
	if f, err := intact(dir); err == nil {
		return f, nil
	}
	if err := prepare(ctx, root, dir, child); err != nil {
		return nil, err
	}
	forget(root, id)
	return intact(dir)
}

// prepare makes dir, whole or not at all.
func prepare(ctx context.Context, root, dir string, child func() *exec.Cmd) error {
	made, err := os.MkdirTemp(root, unfinished)
	if err != nil {
		return fmt.Errorf("prepared: %w", err)
	}
	defer func() { _ = os.RemoveAll(made) }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := child()
	ask(cmd, made)
	if out, err := run(ctx, cmd); err != nil {
		return fmt.Errorf("prepared: %w: %.300s", err, out)
	}
	if err := seal(made); err != nil {
		return fmt.Errorf("prepared: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil { // what is not intact
		return fmt.Errorf("prepared: %w", err)
	}
	if err := os.Rename(made, dir); err != nil {
		return fmt.Errorf("prepared: %w", err)
	}
	return nil
}

// run is exec.Cmd.CombinedOutput with a context, of a command that somebody else has made.
func run(ctx context.Context, cmd *exec.Cmd) (out []byte, err error) {
	ended := make(chan struct{})
	defer close(ended)
	var w limited
	cmd.Stdout, cmd.Stderr = &w, &w
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		select {
		case <-ctx.Done():
			_ = cmd.Process.Kill()
		case <-ended:
		}
	}()
	err = cmd.Wait()
	return w.b, errors.Join(err, ctx.Err())
}

// limited keeps the beginning of what is written.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), 1<<10-min(len(l.b), 1<<10))]...)
	return len(p), nil
}

const unfinished = "unfinished-"

// forget removes what was begun and not finished, and the programs that were prepared
// longest ago. Workers that were given a folder keep what they have read.
func forget(root, but string) {
	list, err := os.ReadDir(root)
	if err != nil {
		return
	}
	type folder struct {
		name string
		made time.Time
	}
	var old []folder
	for _, e := range list {
		if info, err := e.Info(); err == nil && e.IsDir() && e.Name() != but {
			old = append(old, folder{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(old, func(a, b folder) int { return b.made.Compare(a.made) })
	kept := 1
	for _, f := range old {
		if len(f.name) > len(unfinished) && f.name[:len(unfinished)] == unfinished || kept >= maxKept {
			_ = os.RemoveAll(filepath.Join(root, f.name))
			continue
		}
		kept++
	}
}
