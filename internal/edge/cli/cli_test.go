package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

// result is what one run left behind.
type result struct {
	code     int
	out, err string
}

// run runs a command in dir; env holds NAME=VALUE.
func run(t *testing.T, dir, input string, shape func(*Env), h Hooks, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	env := Env{Args: args, Dir: dir, In: strings.NewReader(input), Out: &out, Err: &errs, ConfigDir: filepath.Join(dir, "config"),
		Getenv: func(string) string { return "" }}
	if shape != nil {
		shape(&env)
	}
	code := Run(context.Background(), env, h)
	return result{code, out.String(), errs.String()}
}

func vars(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestInstallAsksTwiceForDevelopmentApps(t *testing.T) {
	installed := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/preview") {
			io.WriteString(w, `{"digest":"d","number":"1.0.0","words":[],"developmentWarning":"beware"}`)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/whoami") {
			io.WriteString(w, `{"kind":"admin","name":"alice"}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"digest":"d","confirmDevelopment":true`) {
			t.Errorf("body %s", body)
		}
		installed++
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"id":"i","number":"1.0.0"}`)
	}))
	defer s.Close()
	person := func(e *Env) {
		e.Interactive = true
		e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t")
	}
	args := []string{"install", "--app", "a", "--site", "s", "--product", "p"}
	for _, c := range []struct {
		answers string
		code    int
	}{{"y\ny\n", 0}, {"y\nn\n", 4}, {"n\n", 4}, {"\n", 4}, {"", 4}} {
		before := installed
		got := run(t, t.TempDir(), c.answers, person, Hooks{}, args...)
		if got.code != c.code || (installed > before) != (c.code == 0) {
			t.Errorf("answers %q: code %d, installed %v\n%s%s", c.answers, got.code, installed > before, got.out, got.err)
		}
	}
	if got := run(t, t.TempDir(), "y\ny\n", person, Hooks{}, append(args, "--json")...); got.code != 2 || !json.Valid([]byte(got.out)) || got.err != "" {
		t.Errorf("with --json nobody is asked: %+v", got)
	}
}

// A developer's install files a request: nothing is to be confirmed by whoever files it, so
// nobody is asked, not in a script either.
func TestInstallOfADeveloperFilesARequest(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/preview"):
			io.WriteString(w, `{"digest":"d","number":"1.0.0","words":[],"developmentWarning":"beware"}`)
		case strings.HasSuffix(r.URL.Path, "/whoami"):
			io.WriteString(w, `{"kind":"developer","name":"bob"}`)
		default:
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, `{"error":{"kind":"waiting","code":"WAITING_FOR_ADMIN","message":"the request is filed"}}`)
		}
	}))
	defer s.Close()
	for _, interactive := range []bool{true, false} {
		script := func(e *Env) {
			e.Interactive = interactive
			e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t")
		}
		got := run(t, t.TempDir(), "", script, Hooks{}, "install", "--app", "a", "--site", "s", "--product", "p", "--json")
		if got.code != 5 || !strings.Contains(got.out, "WAITING_FOR_ADMIN") {
			t.Errorf("interactive %v: %+v", interactive, got)
		}
	}
}

// What a product's events are called, aliases too, is known to lint as it is to the server.
func TestLintKnowsTheEventsOfProducts(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "src"), 0o755)
	os.WriteFile(filepath.Join(dir, "src/index.js"), []byte("export const run = () => 1"), 0o644)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		more := ""
		if r.URL.Query().Get("operations") == "true" { // as the server does
			more = `,"events":[{"names":["tracker:issue:created","avi:jira:created:issue"],"scopes":["read:jira-work"]}],"operations":[]`
		}
		io.WriteString(w, `{"products":[{"key":"tracker","name":"T","aliases":["jira"],"modules":[],"scopes":[{"name":"read:jira-work","title":"t"}]`+more+`}]}`)
	}))
	defer s.Close()
	for event, want := range map[string]string{"avi:jira:created:issue": "", "tracker:issue:created": "", "avi:jira:create:issue": "event-misspelt", "other:thing:happened": "event-unknown"} {
		os.WriteFile(filepath.Join(dir, "manifest.yml"), []byte("app:\n  id: ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001\npermissions:\n  scopes: [read:jira-work]\nmodules:\n  function:\n    - key: run\n      handler: index.run\n  trigger:\n    - key: t\n      function: run\n      events: ['"+event+"']\n"), 0o644)
		got := run(t, dir, "", func(e *Env) { e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t") }, Hooks{}, "lint", "--json")
		if strings.Contains(got.out+got.err, "built without the SDK") {
			t.Skip(got.out)
		}
		if strings.Contains(got.out, `"event-`) != (want != "") || !strings.Contains(got.out, want) {
			t.Errorf("%s: %+v", event, got)
		}
		// What deploys finds the same on its way; the server of this test takes nothing.
		got = run(t, dir, "", func(e *Env) { e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t") }, Hooks{}, "deploy")
		if strings.Contains(got.err, "event-") != (want != "") || !strings.Contains(got.err, want) {
			t.Errorf("deploy with %s: %+v", event, got)
		}
	}
}

func TestStepsOnATerminalAndElsewhere(t *testing.T) {
	at := time.Unix(0, 0)
	write := func(env Env) string {
		var b bytes.Buffer
		env.Err = &b
		u := newUI(env)
		u.now = func() time.Time { at = at.Add(5 * time.Millisecond); return at }
		s := u.step("Bundle")
		s.progress("half")
		s.done("%d KB", 3)
		s.failed() // a step ends once
		return b.String()
	}
	plain := vars()
	if got := write(Env{Getenv: plain}); got != "Bundle: 3 KB\n" {
		t.Errorf("plain: %q", got)
	}
	if got := write(Env{Getenv: plain, Live: true}); !strings.Contains(got, "half") || !strings.HasSuffix(got, "\r\x1b[K\x1b[32m✓\x1b[0m Bundle: 3 KB \x1b[2m(5ms)\x1b[0m\n") {
		t.Errorf("terminal: %q", got)
	}
	if got := write(Env{Getenv: vars("NO_COLOR", "1"), Live: true}); strings.Contains(got, "\x1b[3") {
		t.Errorf("NO_COLOR: %q", got)
	}
}

func TestCleanKeepsTheTerminalSafe(t *testing.T) {
	if got := clean("a\x1b[2J\u202eb\r\nc\td"); strings.ContainsAny(got, "\x1b\r\u202e") || !strings.Contains(got, "\nc\td") {
		t.Errorf("%q", got)
	}
}

func TestServeAndDemoPassTheirFlags(t *testing.T) {
	dir := t.TempDir()
	var served ServeOptions
	var shown DemoOptions
	h := Hooks{
		Serve: func(_ context.Context, o ServeOptions) error { served = o; return nil },
		Demo:  func(_ context.Context, o DemoOptions) error { shown = o; return nil },
	}
	if got := run(t, dir, "", nil, h, "serve", "--data", "d", "--key-ring", "k/ring", "--listen", "127.0.0.1:0", "--check"); got.code != 0 {
		t.Fatal(got)
	}
	if served.Data != filepath.Join(dir, "d") || served.KeyRing != filepath.Join(dir, "k/ring") || served.Listen != "127.0.0.1:0" || !served.Check || served.Out == nil {
		t.Errorf("%+v", served)
	}
	ca := filepath.Join(dir, "ca.pem")
	os.WriteFile(ca, nil, 0o644)
	if got := run(t, dir, "", nil, h, "demo", "--data", "d", "--upstream", "API.example.com=127.0.0.1:9", "--upstream-ca", "ca.pem", "--quotas", "q.yaml"); got.code != 0 {
		t.Fatal(got)
	}
	if shown.Upstreams["api.example.com"] != "127.0.0.1:9" || shown.UpstreamCA != ca || shown.Quotas != filepath.Join(dir, "q.yaml") {
		t.Errorf("%+v", shown)
	}
	for _, args := range [][]string{{"demo", "--upstream", "x"}, {"demo", "--upstream", "a.example.com=localhost"}, {"demo", "--upstream-ca", "gone"}, {"serve", "--workers", "-1"}, {"serve", "extra"},
		{"serve", "--listen", "nonsense"}, {"demo", "--listen", "127.0.0.1:http"}} {
		if got := run(t, dir, "", nil, h, args...); got.code != 2 {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{fault.New(fault.Limit, "X", "too much").WithFix("less"), 7},
		{fmt.Errorf("wrapped: %w", fault.New(fault.Conflict, "X", "again")), 8},
		{errors.New("disk full"), 1},
	} {
		h := Hooks{Serve: func(context.Context, ServeOptions) error { return c.err }}
		if got := run(t, t.TempDir(), "", nil, h, "serve"); got.code != c.code || !strings.HasPrefix(got.err, "error: ") {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}

func TestInterruptIsSaidPlainly(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("signal"))
	var out, errs bytes.Buffer
	env := Env{Args: []string{"serve"}, Dir: t.TempDir(), Out: &out, Err: &errs, Getenv: vars()}
	code := Run(ctx, env, Hooks{Serve: func(ctx context.Context, _ ServeOptions) error { return fmt.Errorf("op: %w", context.Cause(ctx)) }})
	if code != 1 || errs.String() != "error: interrupted\n" {
		t.Errorf("%d %q", code, errs.String())
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := 0
		api, err := client.New(client.Config{URL: "http://127.0.0.1:1", Transport: answers(func(r *http.Request) string {
			pages++
			if pages == 1 {
				return `{"entries":[{"time":"2026-01-02T03:04:05Z","level":"info","invocation":"i","message":"one"}],"cursor":"c1"}`
			}
			if r.URL.Query().Get("cursor") != "c1" {
				t.Errorf("page %d asks from %q", pages, r.URL.Query().Get("cursor"))
			}
			return `{"entries":[],"cursor":"c1"}`
		})})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		env := Env{Out: &out, Err: io.Discard, Getenv: vars()}
		c := &cli{env: env, ui: newUI(env)}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.logs(ctx, api, client.LogQuery{}, true); err != nil {
			t.Error(err)
		}
		if pages < 3 || pages > 13 || strings.Count(out.String(), "one") != 1 {
			t.Errorf("%d pages, output %q", pages, out.String())
		}
	})
}

// answers is a transport that answers at once, for tests with fake time.
type answers func(*http.Request) string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(a(r)))}, nil
}

func TestVariablesInTheManifestAreFilledWhereDeployRuns(t *testing.T) {
	t.Setenv("SCRIPT_HOST", "https://filled.example.com")
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "src"), 0o755)
	os.WriteFile(filepath.Join(dir, "src/index.js"), []byte("export const run = () => 1"), 0o644)
	os.WriteFile(filepath.Join(dir, "manifest.yml"), []byte("app:\n  id: ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001\n  runtime:\n    name: nodejs22.x\nenvironment:\n  variables:\n    - SCRIPT_HOST\npermissions:\n  external:\n    fetch:\n      backend:\n        - ${SCRIPT_HOST}\nmodules:\n  function:\n    - key: run\n      handler: index.run\n  webtrigger:\n    - key: hook\n      function: run\n"), 0o644)
	var sent string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == "GET" {
			io.WriteString(w, `{"products":[]}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		sent = string(body)
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"number":"1.0.0","created":true}`)
	}))
	defer s.Close()
	got := run(t, dir, "", func(e *Env) { e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t") }, Hooks{}, "deploy")
	if strings.Contains(got.err, "built without the SDK") {
		t.Skip(got.err)
	}
	if got.code != 0 || !strings.Contains(sent, "https://filled.example.com") {
		t.Errorf("%+v\n%s", got, sent)
	}
}

// What others named and wrote is shown as it is: it cannot begin a line, hide, or turn
// the direction of what follows.
func TestTextOfOthers(t *testing.T) {
	var out, errs bytes.Buffer
	u := &ui{out: &out, err: &errs}
	name := "Notes\u202e\nInstallation 0 of Bank\u200b\U000e0041"
	u.printf("%s", inline(name))
	u.table("APP", [][]string{{name}})
	u.printf("%s", logText(client.LogEntry{Level: "info", Invocation: "i", Message: "one\n2026-01-01T00:00:00.000Z ERROR j two\u2028three\r\n"}))
	u.fault(fault.New(fault.App, "FUNCTION_ERR", "Error: x\nerror: the server is gone\x1b[2J"), nil)
	for _, text := range []string{out.String(), errs.String()} {
		for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if strings.ContainsFunc(line, hidden) {
				t.Errorf("%q", line)
			}
			if n > 0 && (strings.HasPrefix(line, "Installation") || strings.HasPrefix(line, "2026") && strings.Contains(line, "two") || strings.HasPrefix(line, "error:")) {
				t.Errorf("a line was forged: %q", line)
			}
		}
	}
	for _, shown := range []string{`Notes\u202e\nInstallation 0 of Bank\u200b\U000e0041`, `two\u2028three\u000d`} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("%q lacks %q", out.String(), shown)
		}
	}
}

// A login asks as often as it was told, and goes on through what RFC 8628 says is no end.
func TestLoginAtTheConsole(t *testing.T) {
	answers := []string{"AUTHORIZATION_PENDING", "SLOW_DOWN", "AUTHORIZATION_PENDING", "STORAGE_BUSY", ""}
	polls, ended, ends := 0, 0, http.StatusNoContent
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api/v1/device-logins":
			if r.Header.Get("Authorization") != "" {
				t.Error("an old token goes with a new login")
			}
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"device_code":"secret-of-the-device","user_code":"BCDF-GHJK","verification_uri":"https://ui.example/device","expires_in":600,"interval":5}`)
		case "/api/v1/device-logins/token":
			code := answers[polls]
			if polls++; code != "" {
				kind := fault.Conflict
				if code == "STORAGE_BUSY" {
					kind = fault.Unavailable
				}
				w.WriteHeader(kind.Status())
				fmt.Fprintf(w, `{"error":{"kind":%q,"code":%q,"message":"m"}}`, kind, code)
				return
			}
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"id":"i","kind":"admin","secret":"anx_admin_got"}`)
		case "/api/v1/tokens/i":
			if ended++; r.Method != http.MethodDelete || r.Header.Get("Authorization") != "Bearer anx_admin_got" {
				t.Errorf("%s with %q", r.Method, r.Header.Get("Authorization"))
			}
			w.WriteHeader(ends)
			if ends != http.StatusNoContent {
				fmt.Fprintf(w, `{"error":{"kind":%q,"code":"C","message":"m"}}`, map[int]fault.Kind{401: fault.Unauthenticated, 503: fault.Unavailable}[ends])
			}
		default:
			if r.Header.Get("Authorization") != "Bearer anx_admin_got" {
				t.Errorf("%s with %q", r.URL.Path, r.Header.Get("Authorization"))
			}
			io.WriteString(w, `{"kind":"admin","name":"alice","product":"tracker","site":"demo"}`)
		}
	}))
	defer s.Close()
	var waits []time.Duration
	dir := t.TempDir()
	shape := func(e *Env) {
		e.Interactive = true
		e.Host = "desk"
		e.Sleep = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	}
	got := run(t, dir, "", shape, Hooks{}, "login", "--url", s.URL)
	if got.code != 0 || !strings.Contains(got.err, "BCDF-GHJK") || !strings.Contains(got.err, "https://ui.example/device") || strings.Contains(got.out+got.err, "secret-of-the-device") {
		t.Fatalf("%+v", got)
	}
	if want := "[5s 5s 10s 10s 20s]"; fmt.Sprint(waits) != want {
		t.Errorf("waited %v, want %s", waits, want)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "config", "annex", "credentials.json"))
	if err != nil || !strings.Contains(string(kept), "anx_admin_got") || !strings.Contains(got.out, "alice of tracker (admin) of site demo") {
		t.Errorf("%s, %v, %s", kept, err, got.out)
	}
	// Logging out ends what the login made, and forgets it whatever the server says; what
	// somebody else made goes on.
	for status, words := range map[int]string{http.StatusNoContent: "Logged out.", http.StatusUnauthorized: "Logged out.", http.StatusServiceUnavailable: "did not end"} {
		answers, polls, ended, ends = []string{""}, 0, 0, status
		dir := t.TempDir()
		run(t, dir, "", shape, Hooks{}, "login", "--url", s.URL)
		if got := run(t, dir, "", nil, Hooks{}, "logout"); got.code != 0 || !strings.Contains(got.out, words) || ended == 0 {
			t.Errorf("%d: %+v, ended %d times", status, got, ended)
		}
		if got := run(t, dir, "", nil, Hooks{}, "logout"); !strings.Contains(got.out, "Nobody was") {
			t.Errorf("%d, again: %+v", status, got)
		}
	}
	ended, dir = 0, t.TempDir()
	run(t, dir, "anx_admin_got\n", nil, Hooks{}, "login", "--url", s.URL, "--token-stdin")
	if got := run(t, dir, "", nil, Hooks{}, "logout"); got.code != 0 || ended != 0 {
		t.Errorf("a token that somebody made: %+v, ended %d times", got, ended)
	}
	answers, polls = []string{"ACCESS_DENIED"}, 0
	if got := run(t, t.TempDir(), "", shape, Hooks{}, "login", "--url", s.URL); got.code == 0 {
		t.Error("a login that was turned away went on")
	}
	if got := run(t, t.TempDir(), "", nil, Hooks{}, "login", "--url", s.URL); got.code != 2 {
		t.Errorf("without a terminal nobody waits: %+v", got)
	}
}

// Who uninstalls is told what stops working before being asked, and nothing ends by asking.
func TestUninstallSaysWhatStops(t *testing.T) {
	ended := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			ended++
			w.WriteHeader(http.StatusNoContent)
		case strings.HasSuffix(r.URL.Path, "/what-if"):
			w.Header().Set("Content-Type", "application/json")
			body, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(body), `"uninstall":true`) {
				t.Errorf("body %s", body)
			}
			io.WriteString(w, `{"days":30,"seen":5,"refused":4,"differences":[{"via":"fetch","origin":"https://api.example.com","refused":4},{"via":"fetch","origin":"https://other.example.com","allowed":1}],
				"stops":[{"type":"tracker:issuePanel","key":"panel","title":"Checklist\u202e"},{"type":"scheduledTrigger","key":"hourly"}]}`)
		}
	}))
	defer s.Close()
	person := func(e *Env) {
		e.Interactive = true
		e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t")
	}
	got := run(t, t.TempDir(), "n\n", person, Hooks{}, "uninstall", "i")
	for _, want := range []string{"tracker:issuePanel Checklist", "schedule hourly", "4 requests within 30 days to https://api.example.com"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing: %+v", want, got)
		}
	}
	if got.code != 4 || ended != 0 || strings.Contains(got.out, "other.example.com") || strings.Contains(got.out, "\u202e") {
		t.Errorf("%d ended: %+v", ended, got)
	}
	if got := run(t, t.TempDir(), "", person, Hooks{}, "uninstall", "i", "--what-if"); got.code != 0 || ended != 0 || strings.Contains(got.err, "End installation") {
		t.Errorf("%d ended: %+v", ended, got)
	}
	if got := run(t, t.TempDir(), "y\n", person, Hooks{}, "uninstall", "i"); got.code != 0 || ended != 1 {
		t.Errorf("%d ended: %+v", ended, got)
	}
}

// What takes something away, or opens it, can be tried: the server is asked what the change
// would have meant, and nothing else.
func TestWhatIfChangesNothing(t *testing.T) {
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/installations/i/what-if" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, strings.TrimSpace(string(body)))
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"days":30,"seen":5,"refused":4,"differences":[{"via":"remote","key":"logs","origin":"http://10.20.0.5:8088","refused":4}]}`)
	}))
	defer s.Close()
	for _, x := range []struct{ command, body string }{
		{"network revoke i logs 10.20.0.5:8088 --what-if", `{"closeNetworks":[{"remote":"logs","host":"10.20.0.5","port":8088}]}`},
		{"network grant i logs 10.20.0.5:8088 --network n --what-if", `{"openNetworks":[{"remote":"logs","network":"n","host":"10.20.0.5","port":8088}]}`},
		{"module remove i extra --what-if", `{"removeModules":["extra"]}`},
		{"remote reset i logs --what-if", `{"remotes":[{"key":"logs"}]}`},
	} {
		bodies = nil
		got := run(t, t.TempDir(), "", func(e *Env) { e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t") }, Hooks{}, strings.Fields(x.command)...)
		if got.code != 0 || len(bodies) != 1 || bodies[0] != x.body || !strings.Contains(got.out, "4 requests to http://10.20.0.5:8088") {
			t.Errorf("annex %s: %v: %+v", x.command, bodies, got)
		}
	}
}

// The only installation of the folder's app is meant where none is named, but nothing ends that
// way; of several, one has to be named.
func TestTheOnlyInstallationIsMeant(t *testing.T) {
	list := `{"id":"i1","site":"acme","product":"tracker"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api/v1/installations":
			io.WriteString(w, `{"installations":[`+list+`]}`)
		case "/api/v1/installations/i1/remotes":
			io.WriteString(w, `{"remotes":[{"key":"logs","configurable":true}]}`)
		default:
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
	}))
	defer s.Close()
	person := func(e *Env) { e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t") }
	if got := run(t, t.TempDir(), "", person, Hooks{}, "remote", "list", "--app", "a"); got.code != 0 || !strings.Contains(got.out, "logs at") {
		t.Errorf("%+v", got)
	}
	if got := run(t, t.TempDir(), "", person, Hooks{}, "uninstall", "--app", "a", "--confirm"); got.code != 2 || !strings.Contains(got.err, "which installation?") {
		t.Errorf("%+v", got)
	}
	list += `,{"id":"i2","site":"other","product":"tracker"}`
	for _, where := range [][]string{{"--app", "a"}, nil} {
		if got := run(t, t.TempDir(), "", person, Hooks{}, append([]string{"remote", "list"}, where...)...); got.code != 2 || !strings.Contains(got.err, "which installation?") {
			t.Errorf("%v: %+v", where, got)
		}
	}
}

// A site's admin sees in one list whose logs are read by those who wrote the app.
func TestInstallListSaysWhoReadsLogs(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/i1/log-sharing"):
			io.WriteString(w, `{"shared":true,"with":"bob","since":"2026-01-30T12:00:00Z","until":"2026-01-31T12:00:00Z"}`)
		case strings.HasSuffix(r.URL.Path, "/i2/log-sharing"):
			io.WriteString(w, `{"shared":false}`)
		case strings.HasSuffix(r.URL.Path, "/i3/log-sharing"):
			w.WriteHeader(http.StatusConflict)
			io.WriteString(w, `{"error":{"kind":"conflict","code":"LOGS_OPEN","message":"open"}}`)
		default:
			io.WriteString(w, `{"installations":[{"id":"i1","environment":"production"},{"id":"i2","environment":"production"},{"id":"i3","environment":"staging"}]}`)
		}
	}))
	defer s.Close()
	admin := func(e *Env) { e.Getenv = vars("ANNEX_URL", s.URL, "ANNEX_TOKEN", "t") }
	got := run(t, t.TempDir(), "", admin, Hooks{}, "install", "list", "--logs")
	for _, want := range []string{"shared with bob until ", "not shared", "open to its developer"} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("%q: %+v", want, got)
		}
	}
	if got := run(t, t.TempDir(), "", admin, Hooks{}, "install", "list", "--logs", "--json"); got.code != 0 || !strings.Contains(got.out, `"logs":"not shared"`) {
		t.Errorf("%+v", got)
	}
	if got := run(t, t.TempDir(), "", admin, Hooks{}, "install", "list"); got.code != 0 || strings.Contains(got.out, "shared") {
		t.Errorf("%+v", got)
	}
}
