// Package crash kills the shipped command at every moment, fills its disk and takes its
// rights away, and demands that whatever was acknowledged is there afterwards.
package crash

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTime bounds what a start may take on a busy machine.
const startTime = 30 * time.Second

// annex is the command, built from this tree.
var annex = sync.OnceValues(func() (string, error) {
	file := filepath.Join(binDir, "annex")
	out, err := exec.Command("go", "build", "-pgo=off", "-o", file, "github.com/annexhq/annex/cmd/annex").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, nil
})

// binDir holds the command while the tests run. Everybody may enter it: some servers
// run as a user that may do nothing.
var binDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "annex-crash-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// place is where a server keeps its data; its key ring lies elsewhere.
type place struct {
	data, ring, database string
	blobs                string              // "" for the folder in data
	user                 *syscall.Credential // nil: the tests' own
	flags                []string            // further ones
}

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{data: filepath.Join(dir, "data"), ring: filepath.Join(dir, "keys", "ring")}
}

func (p place) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	file, err := annex()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.user}
	return cmd
}

func (p place) serve(t *testing.T, more ...string) *exec.Cmd {
	t.Helper()
	args := []string{"serve", "--data", p.data, "--key-ring", p.ring, "--listen", "127.0.0.1:0", "--workers", "1"}
	// More is done here than an installation may do within a minute.
	quotas := filepath.Join(t.TempDir(), "quotas.yaml")
	if err := os.WriteFile(quotas, []byte("installation: {calls: -1, outbound: -1, pushes: -1, logLines: -1, storageReads: -1, storageWrites: -1}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--quotas", quotas)
	if p.database != "" {
		args = append(args, "--database", p.database)
	}
	if p.blobs != "" {
		args = append(args, "--blobs", p.blobs)
	}
	return p.command(t, append(append(args, p.flags...), more...)...)
}

// process is a running server.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	log *output
}

// output is what a process writes, readable meanwhile.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// begin starts a server and does not wait for it; said gives what it says when it serves.
func (p place) begin(t *testing.T) (s *process, said <-chan string) {
	t.Helper()
	s = &process{t: t, cmd: p.serve(t), log: &output{}}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		if t.Failed() {
			for line := range strings.Lines(s.log.String()) {
				if strings.Contains(line, "level=ERROR") || strings.Contains(line, "INTERNAL") || strings.Contains(line, "status=500") {
					t.Log(line)
				}
			}
		}
	})
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "annex serves on "); ok {
				ready <- strings.Fields(rest)[0]
			}
		}
	}()
	return s, ready
}

// start waits until the server serves.
func (p place) start(t *testing.T) *process {
	t.Helper()
	s, said := p.begin(t)
	select {
	case url, ok := <-said:
		if !ok {
			_ = s.cmd.Wait()
			t.Fatalf("the server ended: %s\n%s", s.cmd.ProcessState, s.log)
		}
		s.url = url
	case <-time.After(startTime):
		t.Fatalf("the server does not serve\n%s", s.log)
	}
	return s
}

// kill is kill -9.
func (s *process) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// gone demands that nothing of a killed server is left: its workers notice that it is
// not there any more and end by themselves.
func (s *process) gone() {
	s.t.Helper()
	for deadline := time.Now().Add(startTime); !errors.Is(syscall.Kill(-s.cmd.Process.Pid, 0), syscall.ESRCH); {
		if time.Now().After(deadline) {
			s.t.Fatal("workers outlive their server")
		}
		after(s.t.Context(), time.Millisecond) // the end of somebody else's child comes without a signal
	}
}

// stop ends the server as an operator does.
func (s *process) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the server ended with %v\n%s", err, s.log)
	}
}

// ends runs a command that is to end by itself and gives its exit code and words.
func ends(t *testing.T, cmd *exec.Cmd) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
	case <-time.After(startTime):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
		t.Errorf("%v does not end:\n%s", cmd.Args, out.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// refuses demands that a server does not start, with this exit code and these words.
func (p place) refuses(t *testing.T, code int, words string, more ...string) {
	t.Helper()
	got, said := ends(t, p.serve(t, more...))
	if got != code || !strings.Contains(said, words) || !strings.Contains(said, "to mend it: ") || strings.Contains(said, "goroutine") {
		t.Errorf("annex serve ended with %d, want %d and %q:\n%s", got, code, words, said)
	}
}

// eventually asks again until nothing is wrong: another process learns of a change soon,
// not at once.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	within(t, startTime, wrong)
}

// within is eventually with a bound of its own, for what takes a while on a quiet machine.
func within(t *testing.T, patience time.Duration, wrong func() string) {
	t.Helper()
	said := wrong()
	for deadline := time.Now().Add(patience); said != ""; said = wrong() {
		if time.Now().After(deadline) {
			t.Fatal(said)
		}
		after(t.Context(), 10*time.Millisecond)
	}
}

// after gives up waiting when the test ends.
func after(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
