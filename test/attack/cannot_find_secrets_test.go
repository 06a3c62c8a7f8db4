package attack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
)

func productionLines(at place) applog.Query {
	return applog.Query{App: id.App(at.app), Env: "production", Limit: 1000}
}

// CONTRACTS 2, 12: tokens are kept as hashes, variables and secrets are kept sealed, and
// none of them is in a log, an error, a file or a worker's environment.
func TestAttackFindSecrets(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"keep"}, code: `
const { kvs } = __annex_require("@annex/kvs");
const early = process.env.SEALED;
async function keep(secret) { globalThis.held = [early, process.env.SEALED, secret]; await kvs.setSecret("key", secret); return [early, process.env.SEALED, await kvs.getSecret("key")]; }`})
	sealed, plainOnce := "sealed-canary-"+strings.Repeat("s", 40), "replaced-canary-"+strings.Repeat("r", 40)
	stored := "stored-canary-" + strings.Repeat("k", 40)
	variable := "/api/v1/apps/" + at.app + "/environments/development/variables/SEALED"
	for _, value := range []string{plainOnce, sealed} {
		if a := p.api("PUT", variable, at.developer, map[string]any{"value": value, "sealed": true}); a.status != 204 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	var got []string
	if at.result("keep", stored, &got); fmt.Sprint(got) != fmt.Sprint([]string{sealed, sealed, stored}) {
		t.Fatalf("the app reads %v", got)
	}
	if a := p.api("GET", strings.TrimSuffix(variable, "/SEALED"), at.developer, nil).must(t); strings.Contains(a.body, "canary") {
		t.Errorf("the list shows %s", a.body)
	}
	secrets := map[string]string{"operator's token": p.operator, "developer's token": at.developer, "admin's token": at.admin,
		"sealed variable": sealed, "replaced variable": plainOnce, "stored secret": stored}

	// Tokens in wrong places end in no log and no answer.
	for _, path := range []string{"/api/v1/whoami?access_token=" + p.operator, "/api/v1/tokens/" + p.operator, "/api/v1/nothing/" + p.operator, "/" + p.operator} {
		for _, token := range []string{at.developer, at.developer + "x", ""} {
			a := p.api("DELETE", path, token, nil)
			for name, secret := range secrets {
				if strings.Contains(strings.ReplaceAll(a.body, path, ""), secret) {
					t.Errorf("the answer to %s has the %s: %s", path, name, a.body)
				}
			}
		}
	}
	p.api("POST", "/api/v1/tokens", at.developer, map[string]any{"kind": "developer", "note": 1, "account": p.operator})
	p.api("PUT", variable, at.developer, map[string]any{"value": sealed, "sealed": "yes"})

	for name, secret := range secrets {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the server's log has the %s", name)
		}
	}
	needles := map[string][]byte{}
	for name, secret := range secrets {
		needles[name] = []byte(secret)
		needles[name+" in base64"] = []byte(base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)])
		needles[name+" in hexadecimal"] = []byte(hex.EncodeToString([]byte(secret)))
		if i := strings.LastIndexByte(secret, '_'); i > 0 && strings.HasPrefix(secret, "anx_") {
			needles[name+" without its beginning"] = []byte(secret[i+1:])
		}
	}
	backup, err := os.ReadFile(p.backup())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "a backup"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	files, kinds := 0, map[string]bool{}
	err = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == filepath.Join(p.dir, "demo.json") { // which is to hold them
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(p.dir, path)
		files++
		kinds[strings.SplitN(rel, string(filepath.Separator), 2)[0]] = true
		for name, needle := range needles {
			if bytes.Contains(raw, needle) {
				t.Errorf("%s has the %s", rel, name)
			}
		}
		if info, err := d.Info(); err == nil && strings.HasPrefix(rel, "keyring") && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", rel, info.Mode())
		}
		return nil
	})
	if err != nil || !kinds["annex.db"] || !kinds["blobs"] || !kinds["snapshots"] || !kinds["a backup"] {
		t.Errorf("%d files of %v, %v", files, kinds, err)
	}

	workers := 0
	for _, pid := range children(t) {
		for _, file := range []string{"environ", "cmdline"} {
			raw, err := os.ReadFile(filepath.Join("/proc", pid, file))
			if err != nil {
				continue // it ended
			}
			workers++
			for name, needle := range needles {
				if bytes.Contains(raw, needle) {
					t.Errorf("a worker's %s has the %s", file, name)
				}
			}
			if file == "environ" && bytes.Count(raw, []byte("=")) > 2 {
				t.Errorf("a worker has the environment %q", raw)
			}
		}
	}
	if workers == 0 {
		t.Error("no worker was found")
	}
}

// children are the processes that this one started.
func children(t *testing.T) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Skip("this system does not tell a process's children")
	}
	var out []string
	for _, file := range tasks {
		raw, _ := os.ReadFile(file) // a thread that ended has none
		out = append(out, strings.Fields(string(raw))...)
	}
	return out
}

// A worker's open files are its socket, the memory it runs calls in, its own page map and
// the pipe to the server's log: not the database, the blobs, the key ring or the server's
// sockets, nor anything else that has a name on the machine.
func TestAttackFindServersFilesInWorker(t *testing.T) {
	// Whoever starts the server may leave it something that its children would inherit.
	left, err := unix.Open(filepath.Join(t.TempDir(), "left"), unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(left) })
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"run"}, code: `function run() { return 1; }`})
	var one int
	at.result("run", nil, &one)
	seen := 0
	for _, pid := range children(t) {
		fds, err := filepath.Glob("/proc/" + pid + "/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		sockets := 0
		for _, fd := range fds {
			to, err := os.Readlink(fd)
			if err != nil {
				continue
			}
			seen++
			switch {
			case strings.HasPrefix(to, "socket:"):
				if sockets++; sockets > 1 {
					t.Errorf("worker %s has more than one socket", pid)
				}
			case strings.Contains(to, p.dir):
				t.Errorf("worker %s has %s open", pid, to)
			case strings.HasPrefix(to, "pipe:") && slices.Contains([]string{"0", "1", "2"}, filepath.Base(fd)): // to the server's log
			case strings.HasPrefix(to, "/memfd:"), strings.HasPrefix(to, "anon_inode:[event"), strings.HasSuffix(to, "/pagemap"):
			default:
				t.Errorf("worker %s has %s open as %s", pid, to, filepath.Base(fd))
			}
		}
	}
	if seen == 0 {
		t.Error("no worker's files were seen")
	}
}
