package rawfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/rawfile"
)

func file(t *testing.T, name string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, flags|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// pipe is a pipe whose ends wait, as those are that a program is started with; os.Pipe's do not.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
}

// kinds are the kinds of file that a log goes to; read gives what came, when they are closed.
func kinds(t *testing.T) map[string]func() (w *os.File, read func() []byte) {
	pair := func(r, w *os.File) (*os.File, func() []byte) {
		got := make(chan []byte, 1)
		go func() {
			b, _ := io.ReadAll(r)
			_ = r.Close()
			got <- b
		}()
		return w, func() []byte { return <-got }
	}
	return map[string]func() (*os.File, func() []byte){
		"a regular file": func() (*os.File, func() []byte) {
			name := filepath.Join(t.TempDir(), "log")
			return file(t, name, os.O_CREATE|os.O_APPEND), func() []byte {
				b, err := os.ReadFile(name)
				if err != nil {
					t.Error(err)
				}
				return b
			}
		},
		"a pipe": func() (*os.File, func() []byte) {
			return pair(pipe(t))
		},
		"a socket": func() (*os.File, func() []byte) {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			return pair(os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w"))
		},
	}
}

// All that is written arrives, in order and whole, whoever writes and however much: a reader
// that is slow makes writers wait and loses nothing.
func TestEverythingArrives(t *testing.T) {
	for name, open := range kinds(t) {
		t.Run(name, func(t *testing.T) {
			f, read := open()
			w := rawfile.New(f)
			if !w.Believed() {
				t.Error("it goes the usual way from the start")
			}
			const writers, lines = 8, 500
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() {
					for j := range lines {
						line := fmt.Sprintf("%d %d %s\n", i, j, strings.Repeat("x", j%300))
						if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
							t.Errorf("%d, %v", n, err)
						}
					}
				})
			}
			wg.Wait()
			big := bytes.Repeat([]byte("y"), 300<<10)
			if n, err := w.Write(big); n != len(big) || err != nil {
				t.Errorf("much at once: %d, %v", n, err)
			}
			if n, err := w.Write(nil); n != 0 || err != nil {
				t.Errorf("nothing: %d, %v", n, err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			got := read()
			small, found := bytes.CutSuffix(got, big)
			if !found {
				t.Fatalf("the last %d bytes are missing", len(big))
			}
			next := [writers]int{}
			for line := range strings.Lines(string(small)) {
				var i, j int
				if _, err := fmt.Sscanf(line, "%d %d ", &i, &j); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				if want := fmt.Sprintf("%d %d %s\n", i, next[i], strings.Repeat("x", next[i]%300)); line != want {
					t.Fatalf("%q in place of %q", line, want)
				}
				next[i]++
			}
			for i, n := range next {
				if n != lines {
					t.Errorf("writer %d: %d lines", i, n)
				}
			}
			if _, err := w.Write([]byte("late")); !errors.Is(err, os.ErrClosed) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// A disk that takes its time is asked the usual way for a while, after the second time: once
// is what a busy machine does to anybody.
func TestASlowDiskIsNotBelieved(t *testing.T) {
	w := rawfile.New(file(t, filepath.Join(t.TempDir(), "log"), os.O_CREATE))
	now, step := time.Unix(0, 0), time.Duration(0)
	w.Clock(func() time.Time { now = now.Add(step); return now })
	write := func(took time.Duration) {
		t.Helper()
		step = took
		if _, err := w.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
		step = 0
	}
	slow, quick := 3*time.Millisecond, time.Microsecond
	for _, took := range []time.Duration{slow, quick, slow, quick, slow} {
		if write(took); !w.Believed() {
			t.Fatal("one slow write, and it is not believed any more")
		}
	}
	if write(slow); w.Believed() {
		t.Fatal("two slow writes, and it is believed")
	}
	write(quick)
	now = now.Add(time.Second)
	if !w.Believed() {
		t.Fatal("a second later it is not believed yet")
	}
}

// A pipe that is full makes its writer wait and nobody else, also where there is one processor.
// Its reader is another process, which reads when it is told to or gives us up: a writer that
// kept the processor could not tell it.
func TestAFullPipeStallsNobody(t *testing.T) {
	if os.Getenv("RAWFILE_READS") != "" {
		told := make(chan bool, 1)
		go func() { _, err := os.Stdin.Read(make([]byte, 1)); told <- err == nil }()
		select {
		case <-told:
		case <-time.After(20 * time.Second):
			t.Error("nobody tells it to read: the writer keeps the processor")
		}
		_, _ = io.Copy(io.Discard, os.NewFile(3, "pipe"))
		return
	}
	r, f := pipe(t)
	reader := exec.Command(os.Args[0], "-test.run=^TestAFullPipeStallsNobody$")
	reader.Env, reader.ExtraFiles = append(os.Environ(), "RAWFILE_READS=1"), []*os.File{r}
	var said strings.Builder
	reader.Stdout = &said
	tell, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	size, err := unix.FcntlInt(f.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	full := int64(size / 1024) // after so many there is no room for another
	var writes atomic.Int64
	done := make(chan error, 1)
	go func() {
		w := rawfile.New(f)
		for range 10 * full {
			if _, err := w.Write(make([]byte, 1024)); err != nil {
				done <- err
				return
			}
			writes.Add(1)
		}
		done <- f.Close()
	}()
	for writes.Load() < full {
		runtime.Gosched()
	}
	if _, err := tell.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := errors.Join(<-done, reader.Wait()); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
}

// What is wrong with a file is said as os.File says it.
func TestFailures(t *testing.T) {
	if n, err := rawfile.New(file(t, "/dev/full", 0)).Write([]byte("line\n")); n != 0 || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full disk: %d, %v", n, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer func() { _ = w.Close() }()
	if n, err := rawfile.New(w).Write([]byte("line\n")); n != 0 || !errors.Is(err, unix.EPIPE) {
		t.Errorf("nobody reads: %d, %v", n, err)
	}
}

// A file at its size limit takes the first part of a line, and says so.
func TestHalfALineIsCounted(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	f := file(t, filepath.Join(t.TempDir(), "log"), os.O_CREATE|os.O_APPEND)
	w := rawfile.New(f)
	if _, err := w.Write(bytes.Repeat([]byte("x"), 90)); err != nil {
		t.Fatal(err)
	}
	limit := was
	limit.Cur = 100
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	n, err := w.Write(bytes.Repeat([]byte("y"), 20))
	if rerr := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); rerr != nil {
		t.Fatal(rerr)
	}
	if n != 10 || !errors.Is(err, unix.EFBIG) {
		t.Errorf("%d, %v", n, err)
	}
}
