package script

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/cli"
)

// terminal is where a command runs: a person's terminal, a log of continuous
// integration, or a program.
type terminal struct {
	url, token, dir string
	live            bool
}

// run gives exit code, stdout and stderr.
func (x terminal) run(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(context.WithoutCancel(t.Context()), cli.Env{
		Args: args, Dir: x.dir, In: strings.NewReader(""), Out: &out, Err: &errs, Live: x.live, ConfigDir: filepath.Join(x.dir, ".none"),
		Getenv: func(name string) string { return map[string]string{"ANNEX_URL": x.url, "ANNEX_TOKEN": x.token}[name] },
	}, cli.Hooks{Version: "test"})
	return code, out.String(), errs.String()
}

// Bundling: on a terminal, long steps show progress and what they did; in CI, plain
// lines; with --json one object. Deploying is content-addressed.
func TestProgress(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	d := newDeployment(t)
	who, err := d.cast(t)
	if err != nil {
		t.Fatal(err)
	}
	in := terminal{url: d.env.Access.URL, token: who.developer, dir: t.TempDir()}
	if code, _, errs := in.run(t, "create", "hello"); code != 0 {
		t.Fatal(errs)
	}
	in.dir = filepath.Join(in.dir, "hello")
	person, admin := in, in
	person.live, admin.live, admin.token = true, true, who.admin

	code, _, errs := person.run(t, "deploy")
	if code != 0 {
		t.Fatal(errs)
	}
	for _, step := range []string{"Bundle", "Upload", "Snapshot"} {
		begun, done := strings.Index(errs, "·\x1b[0m "+step+" …"), strings.Index(errs, "✓\x1b[0m "+step+": ")
		if begun < 0 || done < begun {
			t.Errorf("%s is not shown to begin and end: %q", step, errs)
		}
	}
	if !regexp.MustCompile(`Bundle: \d+ (KB|bytes) from \d+ files?.*\n`).MatchString(errs) || !regexp.MustCompile(`Upload: \d+ (KB|bytes) sent.*\n`).MatchString(errs) ||
		!regexp.MustCompile(`Snapshot: \d+ KB, module scope took \d+\.\d ms.*\n`).MatchString(errs) {
		t.Errorf("it is not said what was done: %q", errs)
	}

	// The same source has the same hash, in another folder and another environment too.
	code, out, errs := in.run(t, "deploy")
	if code != 0 || strings.ContainsAny(out+errs, "\x1b\r") || strings.Contains(errs, "…") || !strings.Contains(out, "Nothing changed") {
		t.Errorf("in CI: %d %q %q", code, out, errs)
	}
	for _, step := range []string{"Bundle", "Upload", "Snapshot"} {
		if strings.Count(errs, step+": ") != 1 {
			t.Errorf("%s has not one plain line: %q", step, errs)
		}
	}
	hashes := map[string]bool{}
	for _, environment := range []string{"development", "staging"} {
		code, out, errs := in.run(t, "deploy", "-e", environment, "--json")
		if errs != "" || code != 0 {
			t.Errorf("--json: %d %q", code, errs)
		}
		hashes[one(t, out)["hash"].(string)] = true
	}
	if len(hashes) != 1 {
		t.Errorf("one source has the hashes %v", hashes)
	}

	// The install is a step too, after its preview.
	code, out, errs = admin.run(t, "install", "--site", who.site, "--product", d.env.Access.Product, "--confirm")
	if code != 0 || !strings.Contains(errs, "Install …") || !strings.Contains(errs, "✓\x1b[0m Install: ") || !strings.Contains(out, "digest ") {
		t.Errorf("install: %d %q %q", code, out, errs)
	}

	// A step that fails says so, and its error follows; nothing is left open.
	if code, _, errs := person.run(t, "deploy", "-e", "gone"); code != 3 || !strings.Contains(errs, "✗\x1b[0m Snapshot\n") || strings.Count(errs, "error:") != 1 {
		t.Errorf("a failing deploy: %d %q", code, errs)
	}
	if code, out, errs := in.run(t, "deploy", "-e", "gone"); code != 3 || strings.ContainsAny(errs, "\x1b\r") || out != "" {
		t.Errorf("a failing deploy in CI: %d %q %q", code, out, errs)
	}
}

// Every command that has --json prints one value, in success and failure, and nothing
// on stderr, on a terminal too.
func TestJSONIsOneValue(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	d := newDeployment(t)
	who, err := d.cast(t)
	if err != nil {
		t.Fatal(err)
	}
	at := []string{"--site", who.site, "--product", d.env.Access.Product}
	in := terminal{url: d.env.Access.URL, token: who.developer, dir: t.TempDir(), live: true}
	with := func(token string) terminal { x := in; x.token = token; return x }
	check := func(x terminal, want int, args ...string) map[string]any {
		t.Helper()
		code, out, errs := x.run(t, append(args, "--json")...)
		if code != want || errs != "" {
			t.Errorf("annex %s: exit code %d, want %d, stderr %q: %s", strings.Join(args, " "), code, want, errs, out)
		}
		v := one(t, out)
		if failed := v["error"] != nil; failed != (want != 0) {
			t.Errorf("annex %s: %s", strings.Join(args, " "), out)
		}
		return v
	}
	ok := func(args ...string) map[string]any { t.Helper(); return check(in, 0, args...) }

	ok("create", "hello")
	in.dir = filepath.Join(in.dir, "hello")
	ok("version")
	ok("whoami")
	ok("lint")
	ok("register", "Hello")
	ok("variables", "set", "KEY", "value")
	ok("variables", "list")
	ok("deploy")
	ok("versions", "list")
	ok("environments", "list")
	ok("environments", "create", "try")
	ok("environments", "delete", "try")
	check(in, 5, append([]string{"install", "--confirm"}, at...)...)
	ok("install", "requests")
	installed := check(with(who.admin), 0, append([]string{"install", "--confirm"}, at...)...)
	ok("install", "list")
	url := ok("webtrigger", "create", "--function", "hello-web")["url"].(string)
	ok("webtrigger", "list")
	ok("invoke", "hello", "--payload", "{}")
	ok("logs")
	ok("webtrigger", "delete", url)
	ok("promote", "--from", "development", "--to", "staging")
	ok("token", "create", "--kind", "ci", "-e", "development")
	ok("token", "list")
	ok("variables", "unset", "KEY")
	operator := with(d.operator)
	check(operator, 0, "product", "list")
	check(operator, 0, "site", "list")
	check(operator, 0, "site", "update", who.site, "--development-apps", "on")
	check(operator, 0, "account", "add", "carol", "--developer")
	check(operator, 0, "account", "list")
	check(with(who.admin), 0, "uninstall", installed["id"].(string), "--confirm")

	check(in, 3, "variables", "unset", "KEY")
	check(in, 3, "invoke", "hello")
	check(in, 4, "account", "list")
	check(in, 2, "deploy", "--nope")
	check(in, 2, "token", "create", "--kind", "admin")
	check(with(""), 4, "whoami")
	nowhere := in
	nowhere.url = "http://127.0.0.1:1"
	check(nowhere, 6, "deploy")
}

// one demands a single JSON object and a line end.
func one(t *testing.T, out string) map[string]any {
	t.Helper()
	var v map[string]any
	r := json.NewDecoder(strings.NewReader(out))
	if err := r.Decode(&v); err != nil {
		t.Errorf("no JSON object: %q: %v", out, err)
		return map[string]any{"hash": "", "url": "", "id": ""}
	}
	if _, err := r.Token(); err != io.EOF || strings.Count(out, "\n") != 1 {
		t.Errorf("not one line with one object: %q", out)
	}
	return v
}
