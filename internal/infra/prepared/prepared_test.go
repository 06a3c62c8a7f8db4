package prepared

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMain is also the child that prepares.
func TestMain(m *testing.M) {
	if dir, ok := Asked(os.Args); ok {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

func child(dir string) int {
	if os.Getenv("PREPARED_TEST") == "fail" {
		fmt.Fprintln(os.Stderr, "the engine is not in the mood")
		return 1
	}
	code := filepath.Join(dir, "code")
	if os.Mkdir(code, 0o700) != nil || os.WriteFile(filepath.Join(code, "machine"), []byte("mov"), 0o600) != nil ||
		os.WriteFile(filepath.Join(dir, "image"), []byte("heap"), 0o600) != nil {
		return 1
	}
	return 0
}

type started struct {
	mu    sync.Mutex
	times int
	env   []string
}

func (s *started) command() *exec.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times++
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append([]string{}, s.env...)
	return cmd
}

// text reads what a worker would find.
func text(t *testing.T, dir *os.File, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir.Name(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPreparedOnce(t *testing.T) {
	root, s := filepath.Join(t.TempDir(), "annex", "engine"), &started{}
	var all sync.WaitGroup
	for range 8 { // servers that start at the same time
		all.Go(func() {
			dir, err := Open(t.Context(), root, s.command)
			if err != nil {
				t.Error(err)
				return
			}
			defer dir.Close()
			if got := text(t, dir, "code/machine"); got != "mov" {
				t.Errorf("workers would find %q", got)
			}
		})
	}
	all.Wait()
	if s.times != 1 {
		t.Fatalf("it was prepared %d times", s.times)
	}
}

// Files that are not what the child made are not handed to a worker: it would run them.
func TestChangedFilesAreNotGiven(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"changed": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "code", "machine"), []byte("ret"), 0o600)
		},
		"removed": func(dir string) error { return os.Remove(filepath.Join(dir, "image")) },
		"added":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "code", "other"), nil, 0o600) },
		"no sums": func(dir string) error { return os.Remove(filepath.Join(dir, sumsName)) },
		"no list": func(dir string) error { return os.WriteFile(filepath.Join(dir, sumsName), []byte("{}"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			root, s := t.TempDir(), &started{}
			if err := os.Chmod(root, 0o700); err != nil {
				t.Fatal(err)
			}
			dir, err := Open(t.Context(), root, s.command)
			if err != nil {
				t.Fatal(err)
			}
			dir.Close()
			if err := change(dir.Name()); err != nil {
				t.Fatal(err)
			}
			dir, err = Open(t.Context(), root, s.command)
			if err != nil {
				t.Fatal(err)
			}
			defer dir.Close()
			if s.times != 2 || text(t, dir, "code/machine") != "mov" || text(t, dir, "image") != "heap" {
				t.Fatalf("prepared %d times; workers find %q and %q", s.times, text(t, dir, "code/machine"), text(t, dir, "image"))
			}
			if _, err := os.Stat(filepath.Join(dir.Name(), "code", "other")); !errors.Is(err, os.ErrNotExist) {
				t.Fatal("what somebody added is still there")
			}
		})
	}
}

// A folder that others may write to is not one to run code from, however it reads just now.
func TestOthersFoldersAreNotGiven(t *testing.T) {
	s := &started{}
	t.Run("root", func(t *testing.T) {
		root := filepath.Join(t.TempDir(), "engine")
		if err := errors.Join(os.Mkdir(root, 0o700), os.Chmod(root, 0o770)); err != nil {
			t.Fatal(err)
		}
		if dir, err := Open(t.Context(), root, s.command); err == nil {
			t.Fatal("given", dir.Name())
		}
	})
	t.Run("link", func(t *testing.T) {
		elsewhere, root := t.TempDir(), filepath.Join(t.TempDir(), "engine")
		if err := os.Symlink(elsewhere, root); err != nil {
			t.Fatal(err)
		}
		if dir, err := Open(t.Context(), root, s.command); err == nil {
			t.Fatal("given", dir.Name())
		}
	})
	t.Run("folder", func(t *testing.T) {
		root := filepath.Join(t.TempDir(), "engine")
		dir, err := Open(t.Context(), root, s.command)
		if err != nil {
			t.Fatal(err)
		}
		dir.Close()
		if err := os.Chmod(dir.Name(), 0o777); err != nil {
			t.Fatal(err)
		}
		before := s.times
		if dir, err = Open(t.Context(), root, s.command); err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		if s.times != before+1 {
			t.Fatal("a folder that others may write to was used")
		}
	})
	if s.times > 2 {
		t.Fatalf("prepared %d times", s.times)
	}
}

func TestAChildThatFails(t *testing.T) {
	root, s := t.TempDir(), &started{env: []string{"PREPARED_TEST=fail"}}
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), root, s.command)
	if err == nil || !strings.Contains(err.Error(), "not in the mood") {
		t.Fatalf("got %v", err)
	}
	if left, _ := os.ReadDir(root); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestOldProgramsAreForgotten(t *testing.T) {
	root, s := filepath.Join(t.TempDir(), "engine"), &started{}
	for i := range 2 * maxKept {
		if err := os.MkdirAll(filepath.Join(root, fmt.Sprint(unfinished, i)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(root, fmt.Sprint("program", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := Open(t.Context(), root, s.command)
	if err != nil {
		t.Fatal(err)
	}
	dir.Close()
	if left, _ := os.ReadDir(root); len(left) != maxKept {
		t.Fatalf("%d are left", len(left))
	}
	if _, err := os.Stat(dir.Name()); err != nil {
		t.Fatal(err)
	}
}

func TestWords(t *testing.T) {
	cmd := exec.Command("annex")
	ask(cmd, "/tmp/x")
	if dir, ok := Asked(cmd.Args); !ok || dir != "/tmp/x" {
		t.Error("a child that is asked does not see it:", cmd.Args)
	}
	cmd = exec.Command("annex", "room=")
	if _, ok := Given(cmd.Args); ok {
		t.Error("a worker that is given nothing takes something")
	}
	Give(cmd, os.Stdin)
	if dir, ok := Given(cmd.Args); !ok || dir != "/proc/self/fd/4" || len(cmd.ExtraFiles) != 1 {
		t.Error("a worker does not see what it is given:", cmd.Args, dir)
	}
}
