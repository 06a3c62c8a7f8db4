package crash

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

const tunnelledApp = `export const ask = () => "SAYS";
export const hook = () => ({ statusCode: 200, body: "SAYS" });
`

const tunnelledManifest = `app: {id: "", runtime: {name: nodejs22.x}}
modules:
  webtrigger: [{key: hook, function: hook, response: {type: dynamic}}]
  function: [{key: ask, handler: index.ask}, {key: hook, handler: index.hook}]
`

// commandTime bounds what the command may take that starts an engine of its own, on a machine
// that does much else.
const commandTime = 4 * startTime

// desk is a developer's machine: the app's folder, and the command.
type desk struct {
	t   *testing.T
	p   place
	dir string
}

// command is the command in the app's folder, at a server.
func (d desk) command(at *process, token string, args ...string) *exec.Cmd {
	cmd := d.p.command(d.t, args...)
	cmd.Dir = d.dir
	cmd.Env = append(cmd.Env, "ANNEX_URL="+at.url, "ANNEX_TOKEN="+token, "XDG_CONFIG_HOME="+d.dir+"/.config", "CI=1")
	return cmd
}

func (d desk) runs(at *process, token string, code int, args ...string) string {
	d.t.Helper()
	got, said := ends(d.t, d.command(at, token, args...))
	if got != code {
		d.t.Fatalf("annex %s: exit %d, want %d: %s", strings.Join(args, " "), got, code, said)
	}
	return said
}

// says writes the app.
func (d desk) says(word string) {
	d.t.Helper()
	for name, text := range map[string]string{"src/index.js": strings.ReplaceAll(tunnelledApp, "SAYS", word), "package.json": "{}"} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
}

// tunnel opens one and gives the key that it shows.
func (d desk) tunnel(at *process, token string) (key string, end func()) {
	d.t.Helper()
	cmd := d.command(at, token, "tunnel", "--insecure-no-sandbox", "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	words := &output{}
	cmd.Stderr = words
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	over := false
	end = func() {
		if over {
			return
		}
		over = true
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	}
	d.t.Cleanup(end)
	opened := make(chan string, 1)
	go func() {
		defer close(opened)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var line struct{ Event, Key string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "open" && len(opened) == 0 {
				opened <- line.Key
			}
		}
	}()
	select {
	case key, ok := <-opened:
		if ok {
			return key, end
		}
	case <-time.After(commandTime):
	}
	d.t.Fatalf("no tunnel opens: %s", words)
	return "", nil
}

// Two servers on one Postgres, each a process: a call for a tunnel that the other one holds
// runs nothing and says what to do, on the command line and at a web trigger's address; what
// is deployed answers again when the holder is gone, and the next tunnel is open here.
func TestTunnelOfAnotherServer(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	one := newPlace(t)
	one.database = dbtest.PostgresURL(t)
	one.blobs = filepath.Join(filepath.Dir(one.data), "shared")
	first := one.start(t)
	c := newClient(t, one, first)
	two := newPlace(t)
	two.database, two.blobs, two.ring = one.database, one.blobs, one.ring
	second := two.start(t)

	d := desk{t, one, t.TempDir()}
	if err := os.Mkdir(filepath.Join(d.dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "manifest.yml"), []byte(tunnelledManifest), 0o644); err != nil {
		t.Fatal(err)
	}
	d.says("deployed")
	d.runs(first, c.developer, 0, "deploy")
	d.runs(first, c.developer, 5, "install", "--site", "acme", "--product", "desk", "--confirm")
	d.runs(first, c.admin, 0, "install", "--site", "acme", "--product", "desk", "--confirm")
	d.runs(second, c.developer, 0, "invoke", "ask")
	var apps struct{ Apps []struct{ ID string } }
	c.ask("GET", "/api/v1/apps", c.developer, nil).into(t, &apps)
	asked := target(apps.Apps[0].ID)
	asked["module"] = "hook"
	var made struct{ URL string }
	c.ask("POST", "/api/v1/webtriggers", c.developer, asked).into(t, &made)
	address, err := url.Parse(made.URL)
	if err != nil {
		t.Fatal(err)
	}
	hook := func(at *process, key string) (status int, header http.Header, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.url+address.RequestURI(), nil)
		if err != nil {
			t.Fatal(err)
		}
		server, err := url.Parse(at.url)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = address.Hostname() + ":" + server.Port()
		if key != "" {
			r.Header.Set("annex-tunnel", key)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header, string(text)
	}

	d.says("laptop")
	key, _ := d.tunnel(first, c.developer)
	within(t, commandTime, func() string {
		if said := d.runs(first, c.developer, 0, "invoke", "ask"); !strings.Contains(said, "laptop") {
			return said
		}
		return ""
	})
	if _, _, body := hook(first, key); body != "laptop" {
		t.Errorf("a request with the key: %s", body)
	}
	said := d.runs(second, c.developer, 6, "invoke", "ask")
	for _, words := range []string{"open at another server", "load balancer", "try again"} {
		if !strings.Contains(said, words) {
			t.Errorf("the command at the other server does not say %q: %s", words, said)
		}
	}
	status, header, body := hook(second, key)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, "TUNNEL_ELSEWHERE") || !strings.Contains(body, "ry again") {
		t.Errorf("a request with the key at the other server: %d %v %s", status, header, body)
	}
	if _, _, body := hook(second, ""); body != "deployed" {
		t.Errorf("a request without the key: %s", body)
	}

	// The holder dies. The other believes it for some seconds, and lies about nothing meanwhile.
	first.kill()
	within(t, commandTime, func() string {
		code, said := ends(t, d.command(second, c.developer, "invoke", "ask"))
		if code == 0 && !strings.Contains(said, "deployed") || code != 0 && !strings.Contains(said, "open at another server") {
			t.Fatalf("%d %s", code, said)
		}
		if code != 0 {
			return said
		}
		return ""
	})
	if status, _, body := hook(second, key); status != http.StatusConflict || !strings.Contains(body, "TUNNEL_UNKNOWN") {
		t.Errorf("the key of a tunnel that died: %d %s", status, body)
	}
	key, end := d.tunnel(second, c.developer)
	within(t, commandTime, func() string {
		if _, _, body := hook(second, key); body != "laptop" {
			return body
		}
		return ""
	})
	end()
	second.stop()
}
