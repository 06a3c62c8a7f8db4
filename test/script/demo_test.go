package script

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/cli"
	"github.com/annexhq/annex/internal/edge/testenv"
)

// said gives what was written once its last line is there.
type said struct {
	text bytes.Buffer
	done chan string
}

func (s *said) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if strings.Contains(s.text.String(), "Ctrl-C stops") && s.done != nil {
		s.done <- s.text.String()
		s.done = nil
	}
	return n, err
}

// What the demo says can be tried works as it is printed.
func TestDemoHints(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, over := &said{done: make(chan string, 1)}, make(chan error, 1)
	ready := out.done
	go func() {
		over <- testenv.Demo(ctx, testenv.DemoConfig{Version: "test", ChildCommand: annex.ChildCommand,
			Options: cli.DemoOptions{Data: t.TempDir(), Listen: "127.0.0.1:0", Out: out, Err: io.Discard}})
	}()
	defer func() {
		stop()
		if ready != nil {
			<-over
		}
	}()
	var text string
	select {
	case text = <-ready:
	case err := <-over:
		ready = nil
		t.Fatalf("the demo ended: %v", err)
	}

	for pattern, want := range map[string]string{
		`curl (http\S+/)\n`:  `"stored": 1`,
		`curl '(http\S+)'\n`: `"code": "REQUEST_EGRESS_ALLOWLIST_ERR"`,
	} {
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("nothing like %s in: %s", pattern, text)
		}
		if got := get(t, found[1]); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", found[1], got, want)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^ +(\S+) -C (\S+) logs$`).FindStringSubmatch(text)
	if command == nil {
		t.Fatalf("no command in: %s", text)
	}
	a, errA := os.Stat(exe)
	b, errB := os.Stat(command[1])
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("%s is not the program that runs, %s", command[1], exe)
	}
	if _, err := os.Stat(command[2] + "/manifest.yml"); err != nil {
		t.Error(err)
	}
	// The file is named, and has what the terminal is spared.
	log := regexp.MustCompile(`(?m)own log, .* is (\S+)\.$`).FindStringSubmatch(text)
	if log == nil {
		t.Fatalf("no log in: %s", text)
	}
	lines, err := os.ReadFile(log[1])
	if err != nil || !strings.Contains(string(lines), "CANONICAL-EGRESS-DECISION") || !strings.Contains(string(lines), "msg=serving") {
		t.Errorf("%s: %v\n%s", log[1], err, lines)
	}
	if !regexp.MustCompile(`export ADMIN_TOKEN=anx_admin_\S+`).MatchString(text) {
		t.Errorf("no admin's token in: %s", text)
	}
}

// A later start of the demo decides nothing anew: what the admin ended stays ended, and
// what was changed in a sample's source waits until somebody deploys it.
func TestDemoStartsAgain(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	var access testenv.Access
	start := func(meanwhile func()) string {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		out, over := &said{done: make(chan string, 1)}, make(chan error, 1)
		ready := out.done
		go func() {
			over <- testenv.Demo(ctx, testenv.DemoConfig{Version: "test", ChildCommand: annex.ChildCommand,
				Options: cli.DemoOptions{Data: dir, Listen: "127.0.0.1:0", Out: out, Err: io.Discard}})
		}()
		var text string
		select {
		case text = <-ready:
		case err := <-over:
			t.Fatalf("the demo ended: %v", err)
		}
		raw, err := os.ReadFile(dir + "/demo.json")
		if err == nil {
			err = json.Unmarshal(raw, &access)
		}
		if err != nil {
			t.Error(err)
		}
		meanwhile()
		stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
		return text
	}
	counter := dir + "/apps/counter"
	start(func() {
		env := cli.Env{Args: []string{"uninstall", "--site", access.Site, "--product", access.Product, "--confirm"}, Dir: counter, In: strings.NewReader(""), Out: io.Discard, Err: io.Discard,
			Getenv: func(name string) string {
				return map[string]string{"ANNEX_URL": access.URL, "ANNEX_TOKEN": access.AdminToken}[name]
			}}
		if code := cli.Run(t.Context(), env, cli.Hooks{}); code != 0 {
			t.Errorf("uninstall: exit code %d", code)
		}
	})
	if err := os.WriteFile(dir+"/apps/notes/src/index.ts", []byte("not finished ("), 0o600); err != nil {
		t.Fatal(err)
	}
	text := start(func() {})
	if !regexp.MustCompile(`counter +\(does not run any more\)`).MatchString(text) || !regexp.MustCompile(`notes +http`).MatchString(text) {
		t.Errorf("it says: %s", text)
	}
}

// Whoever waits for demo.json after a restart finds the new addresses, with the tokens and
// passwords that were handed out before.
func TestDemoJSONIsOfThisStart(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	start := func() *testenv.Env {
		env, err := testenv.Start(t.Context(), testenv.Setup{Dir: dir, Listen: "127.0.0.1:0", Workers: 1, ChildCommand: annex.ChildCommand, Version: "test", NoProduct: true})
		if err != nil {
			t.Fatal(err)
		}
		return env
	}
	first := start()
	if err := errors.Join(first.Write(), first.Close()); err != nil {
		t.Fatal(err)
	}
	for _, ready := range []bool{false, true} { // a start that ends early loses nothing
		env := start()
		if _, err := os.Stat(dir + "/demo.json"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there is a demo.json before it is ready: %v", err)
		}
		if env.Access.AdminToken != first.Access.AdminToken || env.Access.Users["bob"] != first.Access.Users["bob"] {
			t.Error("what was handed out is forgotten")
		}
		if ready {
			if err := env.Write(); err != nil {
				t.Error(err)
			}
		}
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(dir + "/demo.json"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := filepath.Glob(dir + "/demo.json?*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// get asks an address below localhost, whatever this machine's resolver knows.
func get(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host := u.Host
	u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
