// Package attack holds one file per "cannot" of docs/THREAT-MODEL.md. Each test plays
// somebody who tries, against a whole deployment where the way in is a whole deployment,
// and against one door where the door is what is tested. `make attack-red` removes each
// guard in turn and demands that the test that names it turns red.
package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// The test binary is the worker too: a deployment starts it again.
func TestMain(m *testing.M) {
	annex.Child()
	inmate()
	impostor()
	os.Exit(m.Run())
}

// platform is a whole deployment, in a fake internet, whose log is kept.
type platform struct {
	*testenv.Env
	*netguardtest.World
	t        testing.TB
	ctx      context.Context // of requests
	dir      string
	log      *lockedBuffer
	operator string
}

func newPlatform(t testing.TB) *platform { return newPlatformOf(t, 1) }

// newPlatformOf is a deployment with so many workers, beside those for new versions.
func newPlatformOf(t testing.TB, workers int) *platform {
	return newPlatformWith(t, func(s *testenv.Setup) { s.Workers = workers })
}

// newPlatformWith is a deployment that differs from the usual one.
func newPlatformWith(t testing.TB, change func(*testenv.Setup)) *platform {
	t.Helper()
	p := &platform{t: t, ctx: t.Context(), dir: t.TempDir(), log: &lockedBuffer{}, World: netguardtest.New(t)}
	network := p.World.Network()
	setup := testenv.Setup{
		Dir: p.dir, Listen: "127.0.0.1:0", Workers: 1, Network: &network, ChildCommand: annex.ChildCommand, Version: "attack", NoProduct: true, Quotas: quota.None(),
		Log: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(&setup)
	e, err := testenv.Start(t.Context(), setup)
	if err != nil {
		t.Fatal(err)
	}
	p.Env = e
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text := p.log.String()
			t.Logf("the server's log ends with:\n%s", text[max(0, len(text)-4000):])
		}
	})
	p.operator = p.token(p.account(account.NewAccount{Name: "operator", Operator: true}), account.TokenRequest{Kind: id.Operator})
	return p
}

// as is the same deployment for a subtest.
func (p *platform) as(t testing.TB) *platform {
	q := *p
	q.t, q.ctx = t, t.Context()
	return &q
}

// until is the same deployment for somebody who goes away when ctx ends.
func (p *platform) until(ctx context.Context) *platform {
	q := *p
	q.ctx = ctx
	return &q
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (p *platform) account(a account.NewAccount) id.Account {
	p.t.Helper()
	made, err := p.System.Accounts.AddAccount(p.t.Context(), testenv.Operator, a)
	if err != nil {
		p.t.Fatal(err)
	}
	return made.ID
}

func (p *platform) token(of id.Account, r account.TokenRequest) string {
	p.t.Helper()
	r.Account, r.TTL = of, 24*time.Hour
	_, secret, err := p.System.Accounts.CreateToken(p.t.Context(), testenv.Operator, r)
	if err != nil {
		p.t.Fatal(err)
	}
	return secret
}

// developer is the token of another developer.
func (p *platform) developer(name string) string {
	p.t.Helper()
	return p.token(p.account(account.NewAccount{Name: name, Developer: true}), account.TokenRequest{Kind: id.Developer})
}

// site makes another site with the product, and gives its admin's token.
func (p *platform) site(name string) string {
	p.t.Helper()
	s, err := p.System.Tenancy.AddSite(p.t.Context(), testenv.Operator, tenancy.NewSite{
		Name: name, Products: []id.Product{id.Product(p.Access.Product)}, AllowDevelopment: true,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	a := p.account(account.NewAccount{Name: "admin-of-" + name, AdminOf: []id.Site{s.ID}})
	return p.token(a, account.TokenRequest{Kind: id.SiteAdmin, Site: s.ID})
}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is the error's code, "" if the body is none.
func (a answer) code() string {
	var e struct {
		Error struct{ Code string }
		Code  string
	}
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Error.Code + e.Code
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}

// must is the answer if it was a success.
func (a answer) must(t testing.TB) answer {
	t.Helper()
	if a.status < 200 || a.status > 299 || a.status == http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return a
}

// send is a request to the deployment's one port; host picks the origin.
func (p *platform) send(method, host, path string, header http.Header, body []byte) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.ctx, method, "http://"+p.System.Listener.Addr().String()+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	r.Host = host
	res, err := noRedirects.Do(r)
	if err != nil {
		if p.ctx.Err() == nil {
			p.t.Error(err)
		}
		return answer{}
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil && p.ctx.Err() == nil {
		p.t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

var noRedirects = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// api is a request to the control API; body is JSON unless it is nil.
func (p *platform) api(method, path, token string, body any) answer {
	p.t.Helper()
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	var raw []byte
	if body != nil {
		h.Set("Content-Type", "application/json")
		var err error
		if raw, err = json.Marshal(body); err != nil {
			p.t.Fatal(err)
		}
	}
	return p.send(method, p.control(), path, h, raw)
}

func (p *platform) control() string { return p.System.Listener.Addr().String() }

// get opens a web trigger's address as anybody on the network does.
func (p *platform) get(address string) answer { return p.ask("GET", address, nil, "") }

func (p *platform) ask(method, address string, header http.Header, body string) answer {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.send(method, u.Host, u.RequestURI(), header, []byte(body))
}

// source is an app whose code is written by hand: what the bundler would never make
// can be uploaded too.
type source struct {
	id      string   // app id, "" for a blank one
	hooks   []string // functions of index with a web trigger of the same name
	also    []string // functions without
	egress  []string
	scopes  []string // storage:app when nil
	options string   // further lines of the manifest's app
	later   bool     // it may ask for more egress while it runs
	modules string   // further lines of its modules
	// permissions are further lines of the manifest's permissions.
	permissions string
	after       string   // further parts of the manifest
	uses        []string // providers that its functions without a web trigger may use
	// code is module scope; exports of index are its functions of the names above.
	code string
	// interfaces are UI Kit entries by resource: the body of the function that renders.
	interfaces map[string]string
	// files are packed with it: those that options names as extraFiles can be read.
	files map[string]string
}

func (s source) manifest() string {
	var b strings.Builder
	app := s.id
	if app != "" {
		app = "ari:cloud:ecosystem::app/" + app
	}
	fmt.Fprintf(&b, "app:\n  id: %q\n  name: Attack\n  runtime:\n    name: nodejs22.x\n%s", app, s.options)
	scopes := s.scopes
	if scopes == nil {
		scopes = []string{"storage:app"}
	}
	b.WriteString("permissions:\n  scopes: [" + strings.Join(scopes, ", ") + "]\n")
	if s.later {
		b.WriteString("  external:\n    configurable: true\n")
	}
	if len(s.egress) > 0 {
		b.WriteString("  external:\n    fetch:\n      backend:\n")
		for _, e := range s.egress {
			fmt.Fprintf(&b, "        - %q\n", e)
		}
	}
	b.WriteString(s.permissions + "modules:\n" + s.modules)
	if len(s.hooks) > 0 {
		b.WriteString("  webtrigger:\n")
		for _, h := range s.hooks {
			fmt.Fprintf(&b, "    - key: %s\n      function: %s\n      response:\n        type: dynamic\n", h, h)
		}
	}
	b.WriteString("  function:\n")
	for _, f := range append(slices.Clone(s.hooks), s.also...) {
		fmt.Fprintf(&b, "    - key: %s\n      handler: index.%s\n", f, f)
		if len(s.uses) > 0 && f != "plain" {
			b.WriteString("      providers: {auth: [" + strings.Join(s.uses, ", ") + "]}\n")
		}
	}
	for i, key := range slices.Sorted(maps.Keys(s.interfaces)) {
		if i == 0 {
			b.WriteString("resources:\n")
		}
		fmt.Fprintf(&b, "  - key: %s\n    path: src/%s.jsx\n", key, key)
	}
	b.WriteString(s.after)
	return b.String()
}

func (s source) bundle() string {
	names := strings.Join(append(slices.Clone(s.hooks), s.also...), ", ")
	var ui strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s.interfaces)) {
		fmt.Fprintf(&ui, "%s: () => {\n%s\n},\n", key, s.interfaces[key])
	}
	return "(function(__annex_require, __annex_register){\n" + s.code + "\n__annex_register({ index: { " + names + " } }, {" + ui.String() + "});\n})"
}

// part is one part of an upload.
type part struct{ name, file, data string }

// parts are what the CLI would send for s.
func (s source) parts(environment string) []part {
	meta, _ := json.Marshal(map[string]string{"app": s.id, "environment": environment})
	parts := []part{{"meta", "", string(meta)}, {"manifest", "", s.manifest()}, {"bundle", "", s.bundle()}}
	for name, text := range s.files {
		parts = append(parts, part{"file", name, text})
	}
	return parts
}

// upload deploys by hand.
func (p *platform) upload(token string, parts []part) answer {
	p.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, x := range parts {
		disposition := `form-data; name="` + x.name + `"`
		if x.file != "" {
			disposition += `; filename="` + x.file + `"`
		}
		body, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		if err == nil {
			_, err = io.WriteString(body, x.data)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		p.t.Fatal(err)
	}
	h := http.Header{"Content-Type": {w.FormDataContentType()}, "Authorization": {"Bearer " + token}}
	return p.send("POST", p.control(), "/api/v1/deployments", h, b.Bytes())
}

// place is where an app is installed.
type place struct {
	p                      *platform
	app, environment, site string
	developer, admin       string // tokens
	installation           string
}

// deploy deploys s, installs it on the demo's site and gives the place.
func (p *platform) deploy(environment string, s source) place {
	p.t.Helper()
	at := place{p: p, environment: environment, site: p.Access.Site, developer: p.Access.DeveloperToken, admin: p.Access.AdminToken}
	at.app = at.redeploy(s)
	return at.install()
}

// redeploy deploys s as its next version.
func (at place) redeploy(s source) (app string) {
	at.p.t.Helper()
	if s.id == "" {
		s.id = at.app
	}
	var made struct{ App string }
	at.p.upload(at.developer, s.parts(at.environment)).must(at.p.t).into(at.p.t, &made)
	return made.App
}

func (at place) target() map[string]any {
	return map[string]any{"app": at.app, "environment": at.environment, "site": at.site, "product": at.p.Access.Product}
}

func (at place) query() string {
	return url.Values{"app": {at.app}, "environment": {at.environment}, "site": {at.site}, "product": {at.p.Access.Product}}.Encode()
}

// preview is the digest and what would be granted.
func (at place) preview() (digest string, declared map[string]any) {
	at.p.t.Helper()
	var shown struct {
		Digest   string
		Declared map[string]any
	}
	at.p.api("POST", "/api/v1/installations/preview", at.admin, at.target()).must(at.p.t).into(at.p.t, &shown)
	return shown.Digest, shown.Declared
}

func (at place) confirmation() map[string]any {
	body := at.target()
	body["digest"], _ = at.preview()
	body["confirmDevelopment"] = true
	return body
}

// install installs, or approves what waits.
func (at place) install() place {
	at.p.t.Helper()
	var made struct{ ID string }
	at.p.api("POST", "/api/v1/installations", at.admin, at.confirmation()).must(at.p.t).into(at.p.t, &made)
	at.installation = made.ID
	return at
}

func (at place) uninstall() answer {
	at.p.t.Helper()
	return at.p.api("DELETE", "/api/v1/installations/"+at.installation, at.admin, nil)
}

// on is the same app on another site.
func (at place) on(site, admin string) place {
	at.site, at.admin = site, admin
	return at.install()
}

// hook is the address of a web trigger.
func (at place) hook(module string) string {
	at.p.t.Helper()
	body := at.target()
	body["module"] = module
	var made struct{ URL string }
	at.p.api("POST", "/api/v1/webtriggers", at.admin, body).must(at.p.t).into(at.p.t, &made)
	return made.URL
}

// invoke is what `annex invoke` does.
func (at place) invoke(function string, payload any) answer {
	at.p.t.Helper()
	body := at.target()
	body["function"], body["payload"] = function, payload
	return at.p.api("POST", "/api/v1/invocations", at.developer, body)
}

// result is what a function returned to `annex invoke`.
func (at place) result(function string, payload, into any) {
	at.p.t.Helper()
	var out struct{ Result json.RawMessage }
	at.invoke(function, payload).must(at.p.t).into(at.p.t, &out)
	if err := json.Unmarshal(out.Result, into); err != nil {
		at.p.t.Fatalf("%s: %s: %v", function, out.Result, err)
	}
}

// eventually waits for something that another goroutine or process brings about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if is() {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("never: %s", what)
}

func certificateOf(names ...string) netguardtest.Certificate {
	return netguardtest.Certificate{Names: names}
}
