package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/assets"
)

// TestReadme runs the README's first app as it stands there, but for the line that
// stands for the reader's own addresses and tokens.
func TestReadme(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## A first app\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var script []string
	exports := ""
	for line := range strings.Lines(section) {
		switch code, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "    "); {
		case ok && strings.HasPrefix(code, "export "):
			exports += code
		case ok:
			script = append(script, code)
		}
	}
	if !found || len(script) < 6 {
		t.Fatalf("the README has no first app: %q", section)
	}

	d := newDeployment(t)
	access := d.env.Access
	dir := t.TempDir()
	command, err := exec.LookPath("annex")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(command, filepath.Join(dir, "bin", "annex")); err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(script, "\n"))
	sh.Dir = dir
	sh.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "NO_PROXY=*")
	for name, value := range map[string]string{"ANNEX_URL": access.URL, "ANNEX_TOKEN": access.DeveloperToken, "ADMIN_TOKEN": access.AdminToken} {
		if !strings.Contains(exports, name+"=") {
			t.Errorf("the README does not say to set %s", name)
		}
		sh.Env = append(sh.Env, name+"="+value)
	}
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"Deployed version 1.0.0", `{"hello":"Alice","visits":1}`, `hello {"name":"Alice","visits":1}`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not print %q:\n%s", want, out)
		}
	}
}
