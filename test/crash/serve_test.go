package crash

import (
	"net"
	"os"
	"path/filepath"
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
		{2, "host:port", []string{"--listen", "nonsense"}},
		{6, "cannot listen", []string{"--listen", taken.Addr().String()}},
		{6, "cannot be made", []string{"--data", filepath.Join(file, "below")}},
	} {
		p.refuses(t, c.code, c.words, append(c.args, "--check")...)
		p.refuses(t, c.code, c.words, c.args...)
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
	if code, said := ends(t, p.serve(t, "--check")); code != 0 || !strings.Contains(said, "usable") {
		t.Fatalf("%d %s", code, said)
	}
	for _, there := range []string{"operator.token", "keyring"} {
		if _, err := os.Stat(filepath.Join(p.data, there)); err == nil {
			t.Errorf("%s is in the data directory", there)
		}
	}
	// --key-ring is where the keys are, and only there.
	if info, err := os.Stat(p.ring); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	s := p.start(t)
	p.refuses(t, 8, "uses the data directory")
	s.stop()
	if err := os.Rename(p.ring, p.ring+".away"); err != nil {
		t.Fatal(err)
	}
	p.refuses(t, 6, "is missing")
	if err := os.Rename(p.ring+".away", p.ring); err != nil {
		t.Fatal(err)
	}
	p.start(t).stop()
}
