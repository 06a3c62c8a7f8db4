package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/bridge"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/uikit"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

const (
	ui   = "https://ui.annex.example"
	page = "http://tracker.localhost:8481" // as the reference product declares
)

var operator = id.Principal{Kind: id.Operator, Account: "op"}

// world is a bridge on a database of its own. A token is "KIND ID", signed by whom the test likes.
type world struct {
	*testing.T
	*bridge.Bridge
	site   id.Site
	now    time.Time
	events people
}

// people are those in whose name something is done in a view.
type people struct {
	bridge.Interfaces
	who []uikit.Person
}

func (p *people) Event(_ context.Context, who uikit.Person, _ string, _ uikit.Event) error {
	p.who = append(p.who, who)
	return nil
}

func (w *world) says(token, kind string) (session.Assertion, error) {
	got, name, ok := strings.Cut(token, " ")
	if !ok || got != kind {
		return session.Assertion{}, fault.New(fault.Unauthenticated, "ASSERTION_REFUSED", "no product signed this")
	}
	a := session.Assertion{ID: name, Product: "tracker", Site: w.site, User: "alice", Name: "Alice", Issued: w.now, AuthTime: w.now, Expires: w.now.Add(time.Minute)}
	if kind == "panel" {
		a.Module, a.Extension = "tracker:issuePanel", json.RawMessage(`{"issue":{"key":"TRK-1"}}`)
	}
	return a, nil
}
func (w *world) User(_ context.Context, token string) (session.Assertion, error) {
	return w.says(token, "user")
}
func (w *world) Panel(_ context.Context, token string) (session.Assertion, error) {
	return w.says(token, "panel")
}
func (w *world) SignIn(context.Context, string) (id.Product, string, error) {
	return "tracker", page + "/annex/sign-in", nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "annex.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	var all []db.Migration
	for _, m := range [][]db.Migration{audit.Migrations, tenancy.Migrations, registry.Migrations, install.Migrations, session.Migrations} {
		all = append(all, m...)
	}
	if err := d.Migrate(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	w := &world{T: t, now: time.Now()}
	trail := audit.New(d, nil)
	sites := tenancy.New(tenancy.Config{DB: d, Audit: trail})
	apps := registry.New(registry.Config{DB: d, Sealer: ring, Audit: trail, Products: sites, Log: quiet})
	w.Bridge = bridge.New(bridge.Config{
		Interfaces: &w.events, URL: ui, Sessions: session.New(session.Config{DB: d, Sealer: ring, Assertions: w, Products: w, Sites: sites, Now: func() time.Time { return w.now }}), Registry: apps, Tenancy: sites, Log: quiet,
		Installs: install.New(install.Config{DB: d, Audit: trail, Releases: apps, Sites: sites, Words: sites, Log: quiet}),
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

func (w *world) post(path, bearer, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.Context(), "POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Header().Get("Set-Cookie") != "" || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "default-src 'none'") || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
		w.Errorf("%s: %v", path, rec.Header())
	}
	return rec
}

func codeOf(rec *httptest.ResponseRecorder) string {
	var out struct{ Error struct{ Code string } }
	_ = json.Unmarshal(rec.Body.Bytes(), &out)
	return out.Error.Code
}

func (w *world) open(token string) string {
	w.Helper()
	kind, _, _ := strings.Cut(token, " ")
	rec := w.post("/bridge/session", "", `{"`+kind+`":"`+token+`"}`, nil)
	var out struct{ Token string }
	if rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &out) != nil || out.Token == "" {
		w.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return out.Token
}

var routes = []string{"/bridge/context", "/bridge/texts", "/bridge/invoke", "/bridge/request", "/bridge/consent", "/bridge/shell", "/bridge/permissions", "/bridge/permissions/outcome"}

func TestOnlySessionsEnter(t *testing.T) {
	w := newWorld(t)
	handoff, err := w.Sessions.Begin(t.Context(), session.Start{Product: "tracker"})
	if err != nil {
		t.Fatal(err)
	}
	_, state, _ := strings.Cut(handoff.URL, "state=")
	code, err := w.Sessions.Exchange(t.Context(), "user u1", state)
	if err != nil {
		t.Fatal(err)
	}
	console, err := w.Sessions.Finish(t.Context(), code, handoff.Browser, "")
	if err != nil {
		t.Fatal(err)
	}
	good := w.open("panel p1")
	body := `{"module":"x/y"}`
	for _, route := range routes {
		for name, bearer := range map[string]string{"nothing": "", "the console's secret": console.Secret, "a panel's token": "panel p2", "an invented one": strings.Repeat("A", 43), "a long one": strings.Repeat("A", 5000)} {
			if rec := w.post(route, bearer, body, nil); rec.Code != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d %s", route, name, rec.Code, rec.Body)
			}
		}
		for name, change := range map[string]func(*http.Request){
			"in a cookie":       func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__Host-annex", Value: console.Secret}) },
			"in the address":    func(r *http.Request) { r.URL.RawQuery = "token=" + good + "&access_token=" + good },
			"by another method": func(r *http.Request) { r.Header.Set("Authorization", "Basic "+good) },
		} {
			if rec := w.post(route, "", body, change); rec.Code != http.StatusUnauthorized {
				t.Errorf("%s %s: %d", route, name, rec.Code)
			}
		}
	}
}

func TestPagesOfOthersReadNothing(t *testing.T) {
	w := newWorld(t)
	for _, origin := range []string{"https://evil.example", "null", "http://tracker.localhost:8482", "https://tracker.localhost:8481", "http://tracker.localhost:8481.evil.example", page + "/", strings.ToUpper(page)} {
		foreign := func(r *http.Request) { r.Header.Set("Origin", origin) }
		token := w.open("panel " + origin)
		for _, route := range routes {
			rec := w.post(route, token, `{"module":"x/y"}`, foreign)
			if rec.Code != http.StatusForbidden || rec.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s from %s: %d %v", route, origin, rec.Code, rec.Header())
			}
		}
		if rec := w.post("/bridge/session", "", `{"panel":"panel again`+origin+`"}`, foreign); rec.Code != http.StatusForbidden || strings.Contains(rec.Body.String(), `"token"`) {
			t.Errorf("a session from %s: %d %s", origin, rec.Code, rec.Body)
		}
		r := httptest.NewRequestWithContext(t.Context(), "OPTIONS", "/bridge/invoke", nil)
		r.Header.Set("Origin", origin)
		rec := httptest.NewRecorder()
		if w.ServeHTTP(rec, r); rec.Code != http.StatusForbidden || rec.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is told that it may ask: %d", origin, rec.Code)
		}
	}
	token := w.open("panel ours")
	rec := w.post("/bridge/context", token, `{"module":"x/y"}`, func(r *http.Request) { r.Header.Set("Origin", page) })
	if rec.Header().Get("Access-Control-Allow-Origin") != page || rec.Header().Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(strings.Join(rec.Header().Values("Vary"), ","), "Origin") {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
}

func TestTokensCountOnceAndForTheirKind(t *testing.T) {
	w := newWorld(t)
	first := w.open("panel p1")
	for name, body := range map[string]string{
		"again": `{"panel":"panel p1"}`, "a user's as a panel's": `{"panel":"user u1"}`, "a panel's as a user's": `{"user":"panel p3"}`, "unsigned": `{"panel":"x"}`,
	} {
		if rec := w.post("/bridge/session", "", body, nil); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	for name, body := range map[string]string{
		"both": `{"panel":"panel p4","user":"user u4"}`, "none": `{}`, "no JSON": `x`, "a list": `[]`, "more": `{"panel":"panel p5","admin":true}`, "after it": `{"panel":"panel p6"} {}`, "nothing": ``,
	} {
		if rec := w.post("/bridge/session", "", body, nil); rec.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if rec := w.post("/bridge/session", "", `{"panel":"panel p7"}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }); codeOf(rec) != "CONTENT_TYPE" {
		t.Errorf("a form's type: %d", rec.Code) // a page can send that without asking
	}
	if second := w.open("panel p8"); second == first {
		t.Error("two panels have one session")
	}
}

// A page's session lasts for a quarter of an hour; what a person opened by it lasts for hours.
// Renewed by its page, the session stays the one whose the views are, and for others it is
// another.
func TestViewsOutliveTheTokenOfTheirPage(t *testing.T) {
	w := newWorld(t)
	token := w.open("panel p0")
	for n := range 5 {
		if rec := w.post("/bridge/ui/x/event", token, `{"event":1,"handle":"h"}`, nil); rec.Code != http.StatusAccepted {
			t.Fatalf("after %d renewals: %d %s", n, rec.Code, rec.Body)
		}
		w.now = w.now.Add(16 * time.Minute)
		if rec := w.post("/bridge/ui/x/event", token, `{"event":1,"handle":"h"}`, nil); codeOf(rec) != "SIGNED_OUT" {
			t.Fatalf("a session that is over: %d %s", rec.Code, rec.Body)
		}
		rec := w.post("/bridge/session", token, fmt.Sprintf(`{"panel":"panel r%d"}`, n), nil)
		var out struct{ Token string }
		if rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &out) != nil || out.Token == "" || out.Token == token {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		token = out.Token
	}
	other := w.open("panel another")
	if rec := w.post("/bridge/ui/x/event", other, `{"event":1,"handle":"h"}`, nil); rec.Code != http.StatusAccepted {
		t.Fatal(rec.Code)
	}
	for n, who := range w.events.who[:5] {
		if who.Session != w.events.who[0].Session || who.Principal.User != "alice" {
			t.Errorf("after %d renewals the view is %v's, and was %v's", n, who, w.events.who[0])
		}
	}
	if w.events.who[5].Session == w.events.who[0].Session {
		t.Error("two panels have one session")
	}
}

func TestRoutesAreStrict(t *testing.T) {
	w := newWorld(t)
	token := w.open("panel p1")
	for _, route := range routes {
		for _, module := range []string{"", "x", "/", "../x/y", "x/y/z", "01939f00-0000-4000-8000-000000000000/m"} {
			text, _ := json.Marshal(map[string]string{"module": module})
			if rec := w.post(route, token, string(text), nil); rec.Code < 400 || rec.Code >= 500 {
				t.Errorf("%s of %q: %d %s", route, module, rec.Code, rec.Body)
			}
		}
		for _, method := range []string{"GET", "PUT", "DELETE", "HEAD", "PATCH", "TRACE"} {
			rec := w.post(route, token, `{"module":"x/y"}`, func(r *http.Request) { r.Method = method })
			if rec.Code < 400 {
				t.Errorf("%s %s: %d", method, route, rec.Code)
			}
		}
		if rec := w.post(route, token, `{"module":"x/y","user":"bob","site":"other"}`, nil); rec.Code != http.StatusBadRequest {
			t.Errorf("%s takes more than it knows: %d", route, rec.Code)
		}
		if rec := w.post(route, token, `{"module":"`+strings.Repeat("x", 15<<20)+`"}`, nil); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s takes 15 MB: %d", route, rec.Code)
		}
	}
	for _, path := range []string{"/bridge/", "/bridge/nothing", "/bridge/invoke/", "/bridge/session/x", "//bridge/invoke"} {
		if rec := w.post(path, token, `{}`, nil); rec.Code < 400 && rec.Code != http.StatusMovedPermanently && rec.Code != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

// A page that asks in a loop is told so, and another one is not.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	loud, quiet := w.open("panel loud"), w.open("panel quiet")
	limited := false
	for range 520 {
		limited = limited || codeOf(w.post("/bridge/context", loud, `{"module":"x/y"}`, nil)) == "LIMIT_BRIDGE"
	}
	if !limited {
		t.Error("520 requests at once are taken")
	}
	if rec := w.post("/bridge/context", quiet, `{"module":"x/y"}`, nil); rec.Code == http.StatusTooManyRequests {
		t.Error("one page's loop stops another")
	}
}
