// Package gitea shows Annex beside a product that nobody here wrote: Gitea, described by
// its own document, with its own scopes and its own authorization server. It is run by
// `make test-gitea`, which builds Gitea first; `make test` leaves it out.
package gitea

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

// story is a deployment beside a running Gitea.
type story struct {
	*testenv.Env
	t         *testing.T
	dir       string // Gitea's
	gitea     string // its address
	site      id.Site
	passwords map[string]string
	install   id.Install
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func newStory(t *testing.T) *story {
	t.Helper()
	build := os.Getenv("ANNEX_GITEA")
	if build == "" {
		t.Skip("make test-gitea builds Gitea and runs this")
	}
	s := &story{t: t, dir: t.TempDir(), passwords: map[string]string{}}
	ours, theirs := freePort(t), freePort(t)
	s.gitea = "http://127.0.0.1:" + theirs
	for _, name := range []string{"gitea", "source"} {
		if err := os.Symlink(filepath.Join(build, name), filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	// Gitea runs as another user, who has to get there.
	for dir := s.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755)
	}
	cmd := exec.Command("../../examples/gitea/start", s.dir, theirs)
	cmd.Env = append(os.Environ(), "ANNEX_CALLBACK=http://annex.localhost:"+ours+"/oauth/callback/gitea")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(s.dir, "ready")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("Gitea does not start")
		}
	}
	s.readPasswords()
	env, err := testenv.Start(t.Context(), testenv.Setup{
		Dir: t.TempDir(), Listen: "127.0.0.1:" + ours, Workers: 1, ChildCommand: annex.ChildCommand, Version: "test", NoProduct: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Env = env
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	s.declare()
	return s
}

func (s *story) readPasswords() {
	f, err := os.Open(filepath.Join(s.dir, "passwords"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		user, password, _ := strings.Cut(lines.Text(), " ")
		s.passwords[user] = password
	}
}

// declare is what the operator does: the product, its secret, a site.
func (s *story) declare() {
	ctx, t := s.t.Context(), s.t
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	checked, err := s.System.Tenancy.Declare(ctx, testenv.Operator, tenancy.Declaration{Name: "product.yaml", Data: read("product.yaml"), Document: read("swagger.v1.json")})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Gitea's API has %d findings", len(checked.Findings))
	if err := s.System.Linked.SetSecret(ctx, testenv.Operator, "gitea", strings.TrimSpace(string(read("client-secret")))); err != nil {
		t.Fatal(err)
	}
	sites, err := s.System.Tenancy.Sites(ctx, testenv.Operator)
	if err != nil || len(sites) != 1 {
		t.Fatal(sites, err)
	}
	s.site = sites[0].ID
	if _, err := s.System.Tenancy.UpdateSite(ctx, testenv.Operator, s.site, func(site *tenancy.Site) error {
		site.Products = append(site.Products, "gitea")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// browser is a person's: it keeps cookies by host, follows redirects and fills in forms.
type browser struct {
	s       *story
	cookies map[string]map[string]string
	at      *url.URL
	status  int
	page    string
}

func (s *story) browser() *browser { return &browser{s: s, cookies: map[string]map[string]string{}} }

var local = &http.Client{
	Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
	}},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (b *browser) get(address string) *browser { return b.send("GET", address, nil) }

func (b *browser) send(method, address string, form url.Values) *browser {
	b.s.t.Helper()
	for range 20 {
		u, err := url.Parse(address)
		if err == nil && b.at != nil {
			u = b.at.ResolveReference(u)
		}
		if err != nil {
			b.s.t.Fatal(err)
		}
		r, _ := http.NewRequestWithContext(b.s.t.Context(), method, u.String(), strings.NewReader(form.Encode()))
		if method == "POST" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", u.Scheme+"://"+u.Host)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		for name, value := range b.cookies[u.Host] {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		res, err := local.Do(r)
		if err != nil {
			b.s.t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if b.cookies[u.Host] == nil {
			b.cookies[u.Host] = map[string]string{}
		}
		for _, c := range res.Cookies() {
			if c.MaxAge < 0 {
				delete(b.cookies[u.Host], c.Name)
			} else {
				b.cookies[u.Host][c.Name] = c.Value
			}
		}
		b.at, b.status, b.page = u, res.StatusCode, string(body)
		if b.status < 300 || b.status > 399 {
			return b
		}
		method, address, form = "GET", res.Header.Get("Location"), nil
	}
	b.s.t.Fatal("redirected for ever")
	return nil
}

var (
	forms  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	inputs = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	link   = regexp.MustCompile(`<a class="button primary"[^>]* href="([^"]*)"`)
	plain  = strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#34;", `"`, "&quot;", `"`)
)

// submit sends the page's form of that action, with more fields.
func (b *browser) submit(action string, more url.Values) *browser {
	b.s.t.Helper()
	for _, f := range forms.FindAllStringSubmatch(b.page, -1) {
		if !strings.HasPrefix(f[1], action) {
			continue
		}
		values := url.Values{}
		for _, i := range inputs.FindAllStringSubmatch(f[2], -1) {
			values.Set(i[1], plain.Replace(i[2]))
		}
		for k, v := range more {
			values[k] = v
		}
		return b.send("POST", plain.Replace(f[1]), values)
	}
	b.s.t.Fatalf("%s has no form %s:\n%.2000s", b.at, action, b.page)
	return nil
}

// through signs in to Gitea where it asks, and agrees where it asks for that.
func (b *browser) through(user string) *browser {
	b.s.t.Helper()
	if strings.HasPrefix(b.at.Path, "/user/login") {
		b.submit("/user/login", url.Values{"user_name": {user}, "password": {b.s.passwords[user]}})
	}
	if strings.HasPrefix(b.at.Path, "/login/oauth/authorize") {
		b.submit("/login/oauth/grant", url.Values{"granted": {"true"}})
	}
	return b
}

func (b *browser) want(path string) *browser {
	b.s.t.Helper()
	if b.status != 200 || !strings.HasPrefix(b.at.Path, path) {
		b.s.t.Fatalf("at %s with %d, not at %s:\n%.3000s", b.at, b.status, path, b.page)
	}
	return b
}

// deploy deploys examples/gitea/app and installs it.
func (s *story) deploy() {
	t := s.t
	dir := filepath.Join(s.dir, "app")
	run := func(token string, args ...string) string {
		out, err := s.Annex(t.Context(), token, dir, args...)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if err := os.CopyFS(dir, os.DirFS("../../examples/gitea/app")); err != nil {
		t.Fatal(err)
	}
	run(s.Access.DeveloperToken, "deploy", "--environment", "development")
	var out struct{ ID string }
	text := run(s.Access.AdminToken, "install", "--site", s.Access.Site, "--product", "gitea", "--environment", "development", "--confirm", "--json")
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.ID == "" {
		t.Fatal(text, err)
	}
	s.install = id.Install(out.ID)
}

// ask runs a function of the app's resolver for a present user.
func (s *story) ask(user, function string, payload map[string]any) (status int, text string) {
	s.t.Helper()
	body, _ := json.Marshal(map[string]any{"call": map[string]any{"functionKey": function, "payload": payload}})
	res, err := s.System.Door.Invoke(s.t.Context(), &call.Call{
		Kind: call.UI, Installation: s.install, Function: "index.resolver", Payload: body,
		Principal: id.Principal{Kind: id.EndUser, Site: s.site, Product: "gitea", User: id.User(user)},
	})
	if err != nil {
		return 0, fmt.Sprint(err)
	}
	var out struct {
		Status int
		Text   string
	}
	_ = json.Unmarshal(res.Body, &out)
	return out.Status, out.Text + string(res.Body)
}

func TestStory(t *testing.T) {
	s := newStory(t)
	s.deploy()
	ui := s.System.Origins.UIURL()

	// Alice, an admin of Gitea, signs in by way of Gitea and is an admin of the site.
	alice := s.browser().get(ui + "/sign-in?product=gitea").through("alice").want("/apps")
	if !strings.Contains(alice.page, "gitea-triage") {
		t.Errorf("alice does not see the app:\n%.2000s", alice.page)
	}
	// Her own account is no account for apps.
	leave := func(b *browser) *browser {
		return b.get(plain.Replace(link.FindStringSubmatch(b.page)[1]))
	}
	leave(alice.get(ui+"/accounts").want("/accounts").submit("/accounts/service", nil)).through("alice")
	if alice.status != 403 || !strings.Contains(alice.page, "made for apps") {
		t.Errorf("alice's account: %d %.1000s", alice.status, alice.page)
	}
	// The bot's is.
	alice.cookies[strings.TrimPrefix(s.gitea, "http://")] = nil
	leave(alice.get(ui+"/accounts").submit("/accounts/service", nil)).through("annex-bot").want("/accounts")
	if !strings.Contains(alice.page, "annex-bot") {
		t.Errorf("%.2000s", alice.page)
	}

	// Bob signs in, and has not agreed yet.
	comment := map[string]any{"owner": "alice", "repo": "demo", "issue": 1, "text": "from the app, as bob"}
	if status, text := s.ask("bob", "comment", comment); status == 201 || !strings.Contains(text, "NEEDS_AUTHENTICATION_ERR") {
		t.Fatalf("without consent: %d %s", status, text)
	}
	bob := s.browser().get(ui + "/sign-in?product=gitea&next=/my/apps").through("bob").want("/my/apps")
	bob.get(ui + "/consent/" + string(s.install)).want("/consent/")
	if !strings.Contains(bob.page, "Create and change issues") {
		t.Errorf("the consent page: %.3000s", bob.page)
	}
	bob.submit("/consent/", nil)
	if status, text := s.ask("bob", "comment", comment); status != 201 || !strings.Contains(text, `"login":"bob"`) {
		t.Fatalf("with consent: %d %s", status, text)
	}

	// As itself, the app is the bot.
	s.asItself(t)

	// Outside its scopes, by another name, by way of Gitea itself, for more rights: never.
	for name, payload := range map[string]map[string]any{
		"a repository":    {"method": "GET", "path": "/repos/alice/demo"},
		"sudo":            {"method": "GET", "path": "/repos/alice/demo/issues?sudo=alice"},
		"Sudo header":     {"method": "GET", "path": "/repos/alice/demo/issues", "headers": map[string]string{"Sudo": "alice"}},
		"token in query":  {"method": "GET", "path": "/repos/alice/demo/issues?access_token=x"},
		"a hook":          {"method": "POST", "path": "/repos/alice/demo/hooks", "body": map[string]any{"type": "gitea", "config": map[string]any{"url": "https://evil.example", "content_type": "json"}}},
		"a user's hook":   {"method": "POST", "path": "/user/hooks", "body": map[string]any{"type": "gitea", "config": map[string]any{"url": "https://evil.example", "content_type": "json"}}},
		"a push mirror":   {"method": "POST", "path": "/repos/alice/demo/push_mirrors", "body": map[string]any{"remote_address": "https://evil.example/x.git"}},
		"an import":       {"method": "POST", "path": "/repos/migrate", "body": map[string]any{"clone_addr": "https://evil.example/x.git", "repo_name": "x"}},
		"a token":         {"method": "POST", "path": "/users/bob/tokens", "body": map[string]any{"name": "x", "scopes": []string{"all"}}},
		"a key":           {"method": "POST", "path": "/user/keys", "body": map[string]any{"title": "x", "key": "ssh-ed25519 AAAA"}},
		"a member":        {"method": "PUT", "path": "/repos/alice/demo/collaborators/mallory"},
		"the admin's API": {"method": "GET", "path": "/admin/users"},
		"a way around":    {"method": "GET", "path": "/repos/alice/demo/issues/../../../../admin/users"},
		"encoded":         {"method": "GET", "path": "/repos/alice%2Fdemo/issues"},
	} {
		if status, text := s.ask("bob", "ask", payload); status != 403 || !strings.Contains(text, "reasonId") {
			t.Errorf("%s: %d %.400s", name, status, text)
		}
	}

	s.keptOut(t, comment)

	// Bob takes it back.
	if err := s.System.Consents.Revoke(t.Context(), id.Principal{Kind: id.EndUser, Site: s.site, Product: "gitea", User: "bob"}, s.site, s.install, "gitea", "bob"); err != nil {
		t.Fatal(err)
	}
	if status, text := s.ask("bob", "comment", comment); status == 201 || !strings.Contains(text, "NEEDS_AUTHENTICATION_ERR") {
		t.Errorf("after bob took it back: %d %s", status, text)
	}
}

// keptOut is an admin's rule about a repository of a product that cannot be told of it.
func (s *story) keptOut(t *testing.T, comment map[string]any) {
	t.Helper()
	admin := id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: s.site}
	rule, err := s.System.Installs.Block(t.Context(), admin, install.AccessRule{Site: s.site, Product: "gitea", Container: call.Container{Type: "repository", ID: "Alice/Demo"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/repos/alice/demo/issues", "/repos/ALICE/demo/issues/1/comments", "/repos/alice/Demo/issues?state=all"} {
		if status, text := s.ask("bob", "ask", map[string]any{"method": "GET", "path": path}); status != 403 || !strings.Contains(text, "ACCESS_RULE") {
			t.Errorf("%s, which the app is kept from: %d %.400s", path, status, text)
		}
	}
	if status, text := s.ask("bob", "comment", comment); status != 403 || !strings.Contains(text, "ACCESS_RULE") {
		t.Errorf("a comment where the app is kept out: %d %.400s", status, text)
	}
	if status, text := s.ask("bob", "ask", map[string]any{"method": "GET", "path": "/repos/alice/another/issues"}); status != 404 || strings.Contains(text, "ACCESS_RULE") {
		t.Errorf("another repository: %d %.400s", status, text) // there is none, says Gitea
	}
	if err := s.System.Installs.Unblock(t.Context(), admin, s.site, rule.ID); err != nil {
		t.Fatal(err)
	}
	if status, text := s.ask("bob", "comment", comment); status != 201 {
		t.Errorf("after the rule: %d %.400s", status, text)
	}
}

func (s *story) asItself(t *testing.T) {
	t.Helper()
	res, err := s.System.Door.Invoke(t.Context(), &call.Call{
		Kind: call.Invoke, Installation: s.install, Function: "index.triage",
		Payload: []byte(`{"body":"{\"owner\":\"alice\",\"repo\":\"demo\",\"issue\":1,\"text\":\"from the app itself\"}"}`),
	})
	if err != nil || !strings.Contains(string(res.Body), "annex-bot") {
		t.Errorf("as itself: %s, %v", res.Body, err)
	}
}
