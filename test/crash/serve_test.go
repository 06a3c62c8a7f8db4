package crash

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is wrong with a server's configuration is said before it serves, with the exit
// code of the table in docs/cli.md. --check says the same and serves nothing.
func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := newPlace(t)
	parent := filepath.Dir(p.data)
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code  int
		words string
		args  []string
	}{
		{2, "registrable domain", []string{"--platform-domain", "annex.example.com", "--apps-domain", "apps.example.com"}},
		{2, "go together", []string{"--platform-domain", "annex.example.com"}},
		{2, "public suffix", []string{"--platform-domain", "com", "--apps-domain", "example.org"}},
		{2, "database URL", []string{"--database", "mysql://localhost/annex"}},
		{2, "--workers", []string{"--workers", "-1"}},
		{2, "flag", []string{"--no-such-flag"}},
		{2, "--listen", []string{"--listen", "nonsense"}},
		{2, "--listen", []string{"--listen", "127.0.0.1:99999"}},
		{2, "--listen", []string{"--listen", "not a host:80"}},
		{6, "cannot be reached", []string{"--database", "postgres://annex@127.0.0.1:1/annex"}},
		{6, "cannot be made", []string{"--data", filepath.Join(file, "below")}},
	} {
		p.refuses(t, c.code, c.words, append(c.args, "--check")...)
		p.refuses(t, c.code, c.words, c.args...)
	}
	for _, address := range []string{taken.Addr().String(), "192.0.2.1:80"} { // one of others, one of nobody
		p.refuses(t, 6, "cannot listen", "--listen", address)
		p.refuses(t, 6, "cannot listen", "--listen", address, "--check")
	}
	bad := p
	bad.data, bad.ring = filepath.Join(parent, "other"), file
	bad.refuses(t, 3, "the key ring "+file)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	bad.refuses(t, 4, "can read the key ring")
}

func TestServeCheck(t *testing.T) {
	p := newPlace(t)
	usable := func() {
		t.Helper()
		before := listing(t, filepath.Dir(p.data))
		if code, said := ends(t, p.serve(t, "--check")); code != 0 || !strings.Contains(said, "usable") || !strings.Contains(said, " wall") {
			t.Fatalf("%d %s", code, said)
		}
		if after := listing(t, filepath.Dir(p.data)); after != before {
			t.Errorf("--check turned\n%sinto\n%s", before, after)
		}
	}
	usable() // of nothing it makes nothing
	p.start(t).stop()
	usable()
	if _, err := os.Stat(filepath.Join(p.data, "keyring")); err == nil {
		t.Error("the key ring is in the data directory")
	}
	// --key-ring is where the keys are, and only there.
	if info, err := os.Stat(p.ring); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	s := p.start(t)
	usable() // beside the server
	p.flags = []string{"--listen", strings.TrimPrefix(s.url, "http://")}
	usable() // which has the address
	p.flags = nil
	p.refuses(t, 8, "uses the data directory")
	s.kill()
	usable() // with what a crash leaves
	p.start(t).stop()
	if err := os.Rename(p.ring, p.ring+".away"); err != nil {
		t.Fatal(err)
	}
	p.refuses(t, 6, "is missing")
	p.refuses(t, 6, "is missing", "--check")
	if err := os.Rename(p.ring+".away", p.ring); err != nil {
		t.Fatal(err)
	}
	p.start(t).stop()
}

// A server says how strong the walls around apps are, and leaves no core dump; without
// walls it says that at each start.
func TestServeSaysItsIsolation(t *testing.T) {
	p := newPlace(t)
	s := p.start(t)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.cmd.Process.Pid))
	if line := regexp.MustCompile(`Max core file size +[01] +[01] `); err != nil || !line.Match(limits) {
		t.Errorf("a server may leave a core dump: %s, %v", limits, err)
	}
	if text := s.log.String(); strings.Contains(text, "INSECURE") {
		t.Errorf("a server with walls says: %s", text)
	}
	s.stop()
	p.flags = []string{"--insecure-no-sandbox"}
	s = p.start(t)
	if text := s.log.String(); !strings.Contains(text, "INSECURE") {
		t.Errorf("a server without walls says: %s", text)
	}
	s.stop()
	if code, said := ends(t, p.serve(t, "--check")); code != 0 || !strings.Contains(said, "isolation: engine only") {
		t.Errorf("--check without walls: %d %s", code, said)
	}
}

// listing is every file and folder below dir, with size and time of change.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&out, path, info.Mode(), info.Size(), info.ModTime())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
