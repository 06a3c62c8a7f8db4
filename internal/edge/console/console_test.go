package console_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/console"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

const ui = "https://ui.annex.example"

var operator = id.Principal{Kind: id.Operator, Account: "op"}

// world is a console on a database of its own; the product vouches for whom the test says.
type world struct {
	*testing.T
	*console.Console
	now  time.Time
	site id.Site
}

func (w *world) User(context.Context, string) (session.Assertion, error) {
	return session.Assertion{}, fault.New(fault.Unauthenticated, "BAD", "unused")
}
func (w *world) Panel(ctx context.Context, token string) (session.Assertion, error) {
	return w.User(ctx, token)
}
func (w *world) SignIn(context.Context, string) (id.Product, string, error) {
	return "tracker", "https://tracker.example/annex?lang=en", nil
}
func (w *world) Client(context.Context, id.Product) (*productauth.Client, error) {
	return nil, fault.New(fault.Invalid, "NO_OAUTH", "none")
}
func (w *world) HTTP(id.Product) *http.Client { return nil }
func (w *world) Provider(context.Context, id.Product) (*productauth.Provider, error) {
	return nil, fault.New(fault.Invalid, "NO_OPENID", "none")
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "annex.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	var all []db.Migration
	for _, m := range [][]db.Migration{audit.Migrations, tenancy.Migrations, registry.Migrations, install.Migrations, account.Migrations, applog.Migrations, consent.Migrations,
		productauth.Migrations, session.Migrations, erasure.Migrations} {
		all = append(all, m...)
	}
	if err := d.Migrate(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	trail := audit.New(d, now)
	sites := tenancy.New(tenancy.Config{DB: d, Audit: trail})
	apps := registry.New(registry.Config{DB: d, Sealer: ring, Audit: trail, Products: sites, Log: slog.New(slog.DiscardHandler)})
	installs := install.New(install.Config{DB: d, Audit: trail, Releases: apps, Sites: sites, Words: sites, Log: slog.New(slog.DiscardHandler)})
	w.Console = console.New(console.Config{
		URL: ui, Sessions: session.New(session.Config{DB: d, Sealer: ring, Assertions: w, Products: w, Sites: sites, Now: now}),
		Installs: installs, Registry: apps, Tenancy: sites, Accounts: account.New(account.Config{DB: d, Audit: trail, Apps: apps, Sites: sites, Now: now}),
		Audit: trail, Linked: productauth.New(productauth.Config{DB: d, Sealer: ring, Audit: trail, Clients: w, Providers: w, Now: now}),
		Consents: consent.New(consent.Config{DB: d, Audit: trail}), Logs: applog.New(d, applog.Config{Audit: trail}),
		Erasures: erasure.New(erasure.Config{DB: d, Audit: trail, Installations: w, Storage: w, Now: now}),
		Server:   func() console.Server { return console.Server{} }, Now: now, Log: slog.New(slog.DiscardHandler),
	})
	declaration, err := os.ReadFile("../../../examples/product/product.yaml")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../../examples/product/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sites.Declare(t.Context(), operator, tenancy.Declaration{Name: "product.yaml", Data: declaration, Document: document}); err != nil {
		t.Fatal(err)
	}
	site, err := sites.AddSite(t.Context(), operator, tenancy.NewSite{Name: "acme", Products: []id.Product{"tracker"}})
	if err != nil {
		t.Fatal(err)
	}
	w.site = site.ID
	return w
}

// person is a browser.
type person struct {
	w       *world
	cookies map[string]string
}

func (w *world) person() *person { return &person{w, map[string]string{}} }

// ask sends a request, changed, and keeps cookies.
func (p *person) ask(method, target string, form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(p.w.Context(), method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", ui)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range p.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	p.w.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if p.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		}
	}
	return rec
}

// arrive is the way to the product and back; it gives the page to go on at.
func (p *person) arrive(from string, a session.Assertion) *httptest.ResponseRecorder {
	p.w.Helper()
	to, err := url.Parse(p.ask("GET", from, nil, nil).Header().Get("Location"))
	if err != nil || to.Host != "tracker.example" {
		p.w.Fatalf("%s leads to %v, %v", from, to, err)
	}
	a.ID, a.Product, a.Site, a.AuthTime, a.Issued, a.Expires = rand.Text(), "tracker", p.w.site, p.w.now, p.w.now, p.w.now.Add(time.Minute)
	code, err := p.w.Sessions.Answer(p.w.Context(), a, to.Query().Get("state"))
	if err != nil {
		p.w.Fatal(err)
	}
	return p.ask("GET", "/sign-in/callback?code="+url.QueryEscape(code), nil, nil)
}

func (w *world) alice() *person {
	w.Helper()
	p := w.person()
	if rec := p.arrive("/sign-in?product=tracker", session.Assertion{User: "alice", Name: "Alice", Admin: true}); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/apps" {
		w.Fatalf("%d %s", rec.Code, rec.Header())
	}
	return p
}

func field(body, name string) string {
	if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// form is what a page's forms carry, with more.
func (p *person) form(page string, more url.Values) url.Values {
	out := url.Values{"form": {field(p.ask("GET", page, nil, nil).Body.String(), "form")}}
	for k, v := range more {
		out[k] = v
	}
	return out
}

var adminPages = []string{"/apps", "/audit", "/accounts", "/site", "/device"}

func TestPagesAreForWhomTheyAre(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.alice(), w.person()
	if rec := bob.arrive("/sign-in", session.Assertion{User: "bob", Name: "<script>Bob</script>"}); rec.Header().Get("Location") != "/my/apps" {
		t.Fatal(rec.Code)
	}
	if body := bob.ask("GET", "/my/apps", nil, nil).Body.String(); strings.Contains(body, "<script>Bob") || !strings.Contains(body, "Bob") {
		t.Error("a name is drawn as it came")
	}
	for _, page := range adminPages {
		if rec := alice.ask("GET", page, nil, nil); rec.Code != http.StatusOK {
			t.Errorf("alice at %s: %d %s", page, rec.Code, rec.Body)
		}
		if rec := bob.ask("GET", page, nil, nil); rec.Code != http.StatusForbidden {
			t.Errorf("bob at %s: %d", page, rec.Code)
		}
		rec := w.person().ask("GET", page, nil, nil)
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/sign-in?next="+url.QueryEscape(page) {
			t.Errorf("nobody at %s: %d %s", page, rec.Code, rec.Header().Get("Location"))
		}
	}
	// After a while the product is asked whether she is an admin still.
	w.now = w.now.Add(16 * time.Minute)
	if rec := alice.ask("GET", "/apps", nil, nil); rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), "/sign-in?product=tracker") {
		t.Errorf("%d %s", rec.Code, rec.Header())
	}
	if rec := alice.ask("POST", "/site/propose", alice.form("/my/apps", url.Values{"switch": {"development"}, "development": {"yes"}}), nil); rec.Code != http.StatusForbidden {
		t.Errorf("proposed on an old word: %d", rec.Code)
	}
}

func TestEveryAnswerIsProtected(t *testing.T) {
	w := newWorld(t)
	alice := w.alice()
	for _, target := range []string{"/", "/apps", "/nothing", "/static/console.css", "/static/", "/static/../console.go", "//evil.example/", "/apps/../audit", "/apps//x", "/decide/x", "/requests/x"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST"} {
			r := httptest.NewRequestWithContext(t.Context(), method, ui+"/", nil)
			r.URL.Path = target
			r.AddCookie(&http.Cookie{Name: "__Host-annex", Value: alice.cookies["__Host-annex"]})
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			h := rec.Header()
			if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s %s: %q", method, target, csp)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Strict-Transport-Security") == "" || h.Get("Access-Control-Allow-Origin") != "" || h.Get("Referrer-Policy") != "same-origin" {
				t.Errorf("%s %s: %v", method, target, h)
			}
			if method != "GET" && method != "HEAD" && rec.Code < 400 {
				t.Errorf("%s %s: %d", method, target, rec.Code)
			}
			if to := h.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
				t.Errorf("%s %s leads to %s", method, target, to)
			}
		}
	}
}

func TestFormsOfOthersChangeNothing(t *testing.T) {
	w := newWorld(t)
	alice := w.alice()
	good := alice.form("/site", url.Values{"switch": {"development"}, "development": {"yes"}, "code": {"BBBB-BBBB"}, "user": {"x"}, "device": {"x"}, "token": {"x"}})
	for _, target := range []string{"/site/propose", "/site/rules", "/device", "/device/propose", "/device/deny", "/device/revoke", "/accounts/service", "/accounts/disconnect", "/apps/x/propose", "/decide/x", "/sign-out",
		"/requests/x/propose", "/consent/x", "/my/apps/x/revoke"} {
		for name, change := range map[string]func(*http.Request){
			"another origin":   func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"an opaque origin": func(r *http.Request) { r.Header.Set("Origin", "null") },
			"no origin":        func(r *http.Request) { r.Header.Del("Origin") },
			"the control API":  func(r *http.Request) { r.Header.Set("Origin", "https://api.annex.example") },
			"a sibling":        func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
			"no such form":     func(r *http.Request) { r.Body = http.NoBody },
			"a form in the address": func(r *http.Request) {
				r.Body, r.URL.RawQuery = http.NoBody, good.Encode()
			},
			"two sessions": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__Host-annex", Value: "planted"}) },
		} {
			if rec := alice.ask("POST", target, good, change); rec.Code != http.StatusForbidden && rec.Code != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d", target, name, rec.Code)
			}
		}
		if rec := w.alice().ask("POST", target, good, nil); rec.Code != http.StatusForbidden {
			t.Errorf("%s with another session's form: %d", target, rec.Code)
		}
	}
	if rec := alice.ask("GET", "/site", nil, nil); rec.Code != http.StatusOK {
		t.Errorf("she is signed out: %d", rec.Code)
	}
}

func TestNothingLeadsAway(t *testing.T) {
	w := newWorld(t)
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\t/evil.example", "/sign-in?x", "/sign-out", "/openid/sign-in?product=x", "/oauth/sign-in", "javascript:alert(1)", "data:,x", ".", ""} {
		p := w.person()
		rec := p.arrive("/sign-in?product=tracker&next="+url.QueryEscape(next), session.Assertion{User: "alice", Admin: true})
		if to := rec.Header().Get("Location"); to != "/apps" {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
	p := w.person()
	for _, target := range []string{"/oauth/callback/tracker?code=c&state=s", "/openid/callback/tracker?code=c&state=s&iss=x", "/sign-in/callback?code=x", "/openid/sign-in?product=https://evil.example", "/oauth/sign-in?product=x&site=//evil"} {
		if rec := p.ask("GET", target, nil, nil); rec.Code < 400 || rec.Header().Get("Location") != "" || p.cookies["__Host-annex"] != "" {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Header().Get("Location"))
		}
	}
}

// A way back counts in the browser that began, and gives a session that nobody knew.
func TestSessionsAreNotPlanted(t *testing.T) {
	w := newWorld(t)
	mallory := w.person()
	mallory.arrive("/sign-in", session.Assertion{User: "mallory"})
	planted := mallory.cookies["__Host-annex"]
	victim := w.person()
	victim.cookies["__Host-annex"] = planted
	victim.arrive("/sign-in?next=/apps&product=tracker", session.Assertion{User: "alice", Name: "Alice", Admin: true})
	if victim.cookies["__Host-annex"] == planted || victim.cookies["__Host-annex"] == "" {
		t.Error("the session's secret stayed")
	}
	if rec := mallory.ask("GET", "/my/apps", nil, nil); rec.Code == http.StatusOK {
		t.Error("who planted a session is in")
	}
	for _, c := range victim.ask("GET", "/sign-in?product=tracker", nil, nil).Result().Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%+v", c)
		}
	}
}

// So is a rule that keeps apps from a part of the product, and its end.
func TestRule(t *testing.T) {
	w := newWorld(t)
	w.Installs.Containers = projects{}
	alice := w.alice()
	decide := func(form url.Values, words string) {
		t.Helper()
		rec := alice.ask("POST", "/site/rules", alice.form("/site", form), nil)
		decision := regexp.MustCompile(`decision=([0-9a-f-]+)`).FindStringSubmatch(rec.Body.String())
		if decision == nil {
			t.Fatal(rec.Body)
		}
		alice.arrive("/sign-in?decision="+decision[1], session.Assertion{User: "alice", Admin: true})
		if page := alice.ask("GET", "/decide/"+decision[1], nil, nil); !strings.Contains(page.Body.String(), words) {
			t.Errorf("the page says no %q: %s", words, page.Body)
		}
		if rec := alice.ask("POST", "/decide/"+decision[1], alice.form("/site", nil), nil); rec.Code != http.StatusSeeOther {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	for _, bad := range []url.Values{{"switch": {"block"}, "type": {"project"}}, {"switch": {"other"}, "type": {"project"}, "container": {"DEMO"}}, {}} {
		if rec := alice.ask("POST", "/site/rules", alice.form("/site", bad), nil); rec.Code != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, rec.Code)
		}
	}
	decide(url.Values{"switch": {"block"}, "type": {"project"}, "container": {" DEMO "}}, "Keep all apps from Project DEMO?")
	page := alice.ask("GET", "/site", nil, nil).Body.String()
	rule := regexp.MustCompile(`name="rule" value="([0-9a-f-]+)"`).FindStringSubmatch(page)
	if rule == nil || !strings.Contains(page, "Project DEMO") {
		t.Fatal(page)
	}
	decide(url.Values{"switch": {"unblock"}, "rule": {rule[1]}}, "End this rule?")
	if page := alice.ask("GET", "/site", nil, nil).Body.String(); strings.Contains(page, "Project DEMO") {
		t.Error("the rule is still there")
	}
}

type projects struct{}

func (projects) ContainerTypes(context.Context, id.Product) ([]string, error) {
	return []string{"project"}, nil
}

// A switch of the site is decided in three steps.
func TestSwitch(t *testing.T) {
	w := newWorld(t)
	alice := w.alice()
	updates := func() string {
		s, err := w.Tenancy.SiteByID(t.Context(), w.site)
		if err != nil {
			t.Fatal(err)
		}
		return s.Updates.String()
	}
	for _, bad := range []url.Values{{"switch": {"updates"}, "mode": {"after"}, "hours": {"0"}}, {"switch": {"updates"}, "mode": {"after"}, "hours": {"9999"}}, {"switch": {"updates"}, "mode": {"never"}}, {"switch": {"products"}}, {}} {
		if rec := alice.ask("POST", "/site/propose", alice.form("/site", bad), nil); rec.Code != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, rec.Code)
		}
	}
	rec := alice.ask("POST", "/site/propose", alice.form("/site", url.Values{"switch": {"updates"}, "mode": {"after"}, "hours": {"24"}}), nil)
	decision := regexp.MustCompile(`decision=([0-9a-f-]+)`).FindStringSubmatch(rec.Body.String())
	if decision == nil {
		t.Fatal(rec.Body)
	}
	if rec := alice.ask("POST", "/decide/"+decision[1], alice.form("/site", nil), nil); rec.Code != http.StatusConflict || updates() != "now" {
		t.Errorf("decided before the product was asked: %d", rec.Code)
	}
	if rec := alice.arrive("/sign-in?decision="+decision[1], session.Assertion{User: "alice", Admin: true}); rec.Header().Get("Location") != "/decide/"+decision[1] {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if page := alice.ask("GET", "/decide/"+decision[1], nil, nil); !strings.Contains(page.Body.String(), "24 hours after") || updates() != "now" {
		t.Errorf("%d, updates %s", page.Code, updates())
	}
	if rec := alice.ask("POST", "/decide/"+decision[1], alice.form("/site", nil), nil); rec.Code != http.StatusSeeOther || updates() != "after:24h" {
		t.Errorf("%d, updates %s", rec.Code, updates())
	}
	if page := alice.ask("GET", "/site", nil, nil).Body.String(); !strings.Contains(page, "No app is kept from any part") || !strings.Contains(page, "the key of a project") {
		t.Errorf("the page says nothing of access rules: %s", page)
	}
	// With a second product the operator decides.
	if _, err := w.Tenancy.Declare(t.Context(), operator, tenancy.Declaration{Name: "product.yaml",
		Data: []byte("key: wiki\nname: Wiki\napiBaseUrl: https://wiki.example\nscopes: [{name: read, title: Read, data: pages, access: read, risk: low}]\n")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Tenancy.UpdateSite(t.Context(), operator, w.site, func(s *tenancy.Site) error { s.Products = append(s.Products, "wiki"); return nil }); err != nil {
		t.Fatal(err)
	}
	if page := alice.ask("GET", "/site", nil, nil).Body.String(); strings.Contains(page, `action="/site/propose"`) || !strings.Contains(page, "several products") {
		t.Error("one product's admin is offered what is for all")
	}
}

func TestAuditPages(t *testing.T) {
	w := newWorld(t)
	alice := w.alice()
	for i := range 60 {
		w.now = w.now.Add(time.Second)
		by := id.Principal{Kind: id.SiteAdmin, Site: w.site, Account: "tracker/alice"}
		if i%2 == 1 {
			by.Account = "tracker/carol"
		}
		if err := w.Audit.Append(t.Context(), w.site, "", by, "site.update", map[string]any{"n": i}); err != nil {
			t.Fatal(err)
		}
	}
	shown := func(target string) (rows int, older string) {
		body := alice.ask("GET", target, nil, nil).Body.String()
		if m := regexp.MustCompile(`href="(/audit\?[^"]*after=[^"]*)"`).FindStringSubmatch(body); m != nil {
			older = strings.ReplaceAll(m[1], "&amp;", "&")
		}
		return strings.Count(body, `<li class="card">`), older
	}
	rows, older := shown("/audit?act=site")
	if rows != 50 || older == "" {
		t.Fatalf("%d rows, then %q", rows, older)
	}
	if rest, more := shown(older); rest < 10 || rest > 20 || more != "" {
		t.Errorf("%d rows on the second page, then %q", rest, more)
	}
	if rows, _ := shown("/audit?who=" + url.QueryEscape("admin:tracker/carol")); rows != 30 {
		t.Errorf("%d rows of Carol", rows)
	}
	if rows, _ := shown("/audit?to=2026-11-21"); rows != 0 {
		t.Errorf("%d rows before there were any", rows)
	}
	for _, bad := range []string{"/audit?after=x", "/audit?act=%25&from=x&to=%00", "/audit?who='"} {
		if rec := alice.ask("GET", bad, nil, nil); rec.Code >= 500 {
			t.Errorf("%s: %d", bad, rec.Code)
		}
	}
}
