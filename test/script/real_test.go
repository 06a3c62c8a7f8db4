package script

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// TestRealServer runs the stories of testdata/real: the command against a whole
// deployment. Each has a site, a developer and an admin of its own.
func TestRealServer(t *testing.T) {
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	d := newDeployment(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/real",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			who, err := d.cast(t)
			if err != nil {
				return err
			}
			for name, value := range map[string]string{
				"ANNEX_URL": d.env.Access.URL, "SERVER": d.env.Access.URL, "ANNEX_TOKEN": who.developer,
				"DEVELOPER": who.developer, "ADMIN": who.admin, "OPERATOR": d.operator, "BOB": who.bob, "SITE": who.site, "PRODUCT": d.env.Access.Product,
				"XDG_CONFIG_HOME": e.WorkDir + "/config", "TZ": "UTC", "CI": "",
			} {
				e.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits CODE annex ARGS… runs the command and compares its exit code.
			"exits": exits,
			// answers TEXT COMMAND ARGS… runs a command until it succeeds and says so.
			"answers": answers,
			// keep NAME PATH… takes a member of the JSON on stdout into the environment.
			"keep": keep,
			// web CODE URL [TEXT] asks a web trigger and compares status and, in parts, body.
			"web": web,
			// until PATTERN annex ARGS… runs the command until its stdout has the pattern.
			"until": until,
			// genbytes FILE N writes a file of N letters.
			"genbytes": genbytes,
		},
	})
}

// deployment is the server of all stories.
type deployment struct {
	env      *testenv.Env
	operator string
	casts    atomic.Int64
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	dir := t.TempDir()
	env, err := testenv.Start(t.Context(), testenv.Setup{
		Dir: dir, Listen: "127.0.0.1:0", Workers: 1, ChildCommand: annex.ChildCommand, Version: "test", NoProduct: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	file, err := env.System.FirstOperatorToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return &deployment{env: env, operator: strings.TrimSpace(string(token))}
}

// cast is who plays in one story.
type cast struct {
	site                  string
	developer, admin, bob string // tokens; bob is another developer
}

func (d *deployment) cast(t *testing.T) (cast, error) {
	n := d.casts.Add(1)
	out := cast{site: fmt.Sprintf("site-%d", n)}
	site, err := d.env.System.Tenancy.AddSite(t.Context(), testenv.Operator, tenancy.NewSite{
		Name: out.site, Products: []id.Product{id.Product(d.env.Access.Product)}, AllowDevelopment: true})
	if err != nil {
		return out, err
	}
	for _, a := range []struct {
		add   account.NewAccount
		token account.TokenRequest
		into  *string
	}{
		{account.NewAccount{Name: fmt.Sprint("alice-", n), Developer: true, AdminOf: []id.Site{site.ID}}, account.TokenRequest{Kind: id.Developer}, &out.developer},
		{account.NewAccount{Name: fmt.Sprint("alice-", n)}, account.TokenRequest{Kind: id.SiteAdmin, Site: site.ID}, &out.admin},
		{account.NewAccount{Name: fmt.Sprint("bob-", n), Developer: true}, account.TokenRequest{Kind: id.Developer}, &out.bob},
	} {
		made, err := d.env.System.Accounts.AddAccount(t.Context(), testenv.Operator, a.add)
		if err != nil {
			return out, err
		}
		a.token.Account = made.ID
		if _, *a.into, err = d.env.System.Accounts.CreateToken(t.Context(), testenv.Operator, a.token); err != nil {
			return out, err
		}
	}
	return out, nil
}

func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: answers TEXT COMMAND ARGS…")
	}
	for range 240 {
		if err := ts.Exec(args[1], args[2:]...); err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	ts.Fatalf("it never says %q: %s%s", args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: keep NAME PATH…")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for _, name := range args[1:] {
		if list, ok := v.([]any); ok && name == "0" && len(list) > 0 {
			v = list[0]
			continue
		}
		object, _ := v.(map[string]any)
		v = object[name]
	}
	text, ok := v.(string)
	if !ok || text == "" {
		ts.Fatalf("stdout has no text %s: %s", strings.Join(args[1:], "."), ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], text)
}

func web(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: web CODE URL [TEXT…]")
	}
	u, err := url.Parse(args[1])
	ts.Check(err)
	host := u.Host
	_, port, err := net.SplitHostPort(host)
	ts.Check(err)
	u.Host = net.JoinHostPort("127.0.0.1", port)
	r, err := http.NewRequest("GET", u.String(), nil)
	ts.Check(err)
	r.Host = host
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if fmt.Sprint(res.StatusCode) != args[0] {
		ts.Fatalf("%s: %d %s, want %s", args[1], res.StatusCode, body, args[0])
	}
	for _, text := range args[2:] {
		if !strings.Contains(string(body), text) {
			ts.Fatalf("%s: %s, want %s", args[1], body, text)
		}
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "answer"), body, 0o600))
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN annex ARGS…")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	for range 200 {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s never said %s: %s", strings.Join(args[1:], " "), args[0], ts.ReadFile("stdout"))
}

func genbytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: genbytes FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("x", n)), 0o600))
}
