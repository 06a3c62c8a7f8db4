package db_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestSQLiteSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space?&%20.db")
	d, err := db.Open(t.Context(), db.Config{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := migrated(t, d)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", suffix, info, err)
		}
	}
	read := func(ctx context.Context, pragma string) (v string) {
		if err := d.QueryRow(ctx, "PRAGMA "+pragma).Scan(&v); err != nil {
			t.Fatal(pragma, err)
		}
		return v
	}
	// FULL: a commit is on the disk before it is acknowledged, power cut or not.
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		if got := read(ctx, pragma); got != want {
			t.Errorf("reader: %s is %s", pragma, got)
		}
		if err := d.Tx(ctx, func(ctx context.Context) error {
			if got := read(ctx, pragma); got != want {
				t.Errorf("writer: %s is %s", pragma, got)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	// STRICT tables refuse a value of the wrong type instead of storing it anyhow.
	if _, err := d.Exec(ctx, `INSERT INTO things (id, n) VALUES ('a', 'text')`); err == nil {
		t.Error("text was stored in a BIGINT")
	}
}

func TestFullDisk(t *testing.T) {
	d := dbtest.SQLite(t)
	ctx := migrated(t, d)
	if err := d.Tx(ctx, func(ctx context.Context) error {
		var pages int
		return d.QueryRow(ctx, `PRAGMA max_page_count = 10`).Scan(&pages)
	}); err != nil {
		t.Fatal(err)
	}
	_, err := d.Exec(ctx, `INSERT INTO things (id, data) VALUES (?, ?)`, "a", make([]byte, 1<<20))
	e, ok := fault.As(err)
	if !ok || e.Code != "STORAGE_UNAVAILABLE" || e.Kind != fault.Unavailable || !strings.Contains(e.Public, "full") {
		t.Fatal(err)
	}
	if count(t, d) != 0 {
		t.Error("something was stored")
	}
	if err := insert(ctx, d, "small"); err != nil {
		t.Error("the writer did not recover:", err)
	}
}

func TestUnusableFiles(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string][2]string{
		"sqlite:" + filepath.Join(dir, "none", "annex.db"): {"STORAGE_UNAVAILABLE", "does not exist"},
		"sqlite:" + dir:            {"STORAGE_UNAVAILABLE", ""},
		"sqlite:" + garbage:        {"STORAGE_DAMAGED", "damaged"},
		"sqlite:":                  {"DATABASE_URL", ""},
		"mysql://x":                {"DATABASE_URL", ""},
		"postgres://u:hunter2@%zz": {"DATABASE_URL", ""},
		"postgres:///x?host=" + filepath.Join(dir, "none") + "&user=u": {"STORAGE_UNAVAILABLE", "reached"},
	} {
		d, err := db.Open(t.Context(), db.Config{URL: url})
		if d != nil {
			d.Close()
		}
		e, ok := fault.As(err)
		if !ok || e.Code != want[0] || !strings.Contains(e.Public, want[1]) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A data directory that the server may not write. The thread gives up root's power
// over files, which would ignore the permissions.
func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	_, err := db.Open(t.Context(), db.Config{URL: "sqlite:" + filepath.Join(dir, "annex.db")})
	e, ok := fault.As(err)
	if !ok || e.Code != "STORAGE_UNAVAILABLE" || !strings.Contains(e.Public, "cannot be written") || e.Fix == "" {
		t.Error(err)
	}
	if _, err := db.LockDir(dir); fault.CodeOf(err) != "STORAGE_UNAVAILABLE" {
		t.Error(err)
	}
}

func TestOneServerPerDataDirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := db.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.LockDir(dir)
	e, ok := fault.As(err)
	if !ok || e.Code != "DATA_DIRECTORY_IN_USE" || !strings.Contains(e.Public, dir) || !strings.Contains(e.Public, "process") {
		t.Fatal(err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := db.LockDir(dir) // the file is there, the lock is not
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
}
