package attack

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/productkit"
)

// CONTRACTS 1 and 3: the frames in a product's page are made for one session, one module and
// one use; what they may be framed by and may reach is exact; a person is shown where a link
// leads, and agrees to nothing in another's place. (test/browser tries the same from inside.)
func TestAttackForgeFrames(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{
		hooks: []string{"hook"}, also: []string{"resolve"},
		modules: "  tracker:issuePanel:\n    - key: panel\n      title: \"Pay \\u202Enow\"\n      function: resolve\n",
		code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const r = new Resolver();
r.define("echo", ({ payload }) => payload.length);
const resolve = r.getDefinitions();
function hook() { return { statusCode: 200 }; }`,
	})
	panel := at.installation + "/panel"
	var session struct {
		Token   string
		Modules []struct{ Module, Title string }
	}
	ask := func(path, bearer, origin string, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		h := http.Header{"Content-Type": {"application/json"}}
		if bearer != "" {
			h.Set("Authorization", "Bearer "+bearer)
		}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return p.send("POST", p.ui, "/bridge/"+path, h, raw)
	}
	signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user("bob"), Module: "tracker:issuePanel", Extension: map[string]any{"issue": map[string]any{"key": "DEMO-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	ask("session", "", "", map[string]any{"panel": signed}).must(t).into(t, &session)
	if len(session.Modules) != 1 || session.Modules[0].Title != "Pay now" {
		t.Errorf("titles turn the direction of reading: %+v", session.Modules)
	}

	// A page of the shell is made for one use, and a ticket of one use opens no other.
	ticket := func(path string, body map[string]any) string {
		var out struct{ URL string }
		ask(path, session.Token, "", body).must(t).into(t, &out)
		u, err := url.Parse(out.URL)
		if err != nil || u.Host != p.ui {
			t.Fatalf("%s: %q", path, out.URL)
		}
		return u.RequestURI()
	}
	get := func(path string) answer { return p.send("GET", p.ui, path, nil, nil) }
	page := ticket("shell", map[string]any{"module": panel})
	first := get(page)
	policy := first.header.Get("Content-Security-Policy")
	if first.status != http.StatusOK || strings.Contains(first.body, session.Token) || first.header.Get("Set-Cookie") != "" {
		t.Errorf("the page of the module: %d %s", first.status, first.body)
	}
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'self' http://" + p.product + ";", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy+";", want) {
			t.Errorf("the page's policy lacks %q: %s", want, policy)
		}
	}
	if again := get(page); again.status != http.StatusGone {
		t.Errorf("the address counts twice: %d", again.status)
	}
	consent := ticket("consent", map[string]any{"module": panel, "open": true})
	_, secret, _ := strings.Cut(consent, "ticket=")
	if a := get("/shell/app/" + secret); a.status != http.StatusGone {
		t.Errorf("a ticket for one page opens another: %d", a.status)
	}
	for _, extra := range []string{"site", "user", "extension", "installation", "origin"} {
		for _, path := range []string{"shell", "context", "request", "consent", "link", "texts", "document"} {
			if a := ask(path, session.Token, "", map[string]any{"module": panel, extra: "x"}); a.status != http.StatusBadRequest {
				t.Errorf("%s with its own %s: %d %s", path, extra, a.status, a.body)
			}
		}
	}

	// The directory is framed by its product's pages alone, and by the platform's own.
	directory := get("/shell?product=tracker").header.Get("Content-Security-Policy")
	if !strings.HasSuffix(directory, "frame-ancestors http://"+p.ui+" http://"+p.product) || !strings.Contains(directory, "frame-src 'self'") {
		t.Errorf("the directory's policy: %s", directory)
	}
	if a := get("/shell?product=nobody"); a.status != http.StatusNotFound {
		t.Errorf("a directory of no product: %d", a.status)
	}

	// An app's own origin reads no answer, whatever it has got hold of.
	app := p.System.Hosting.Origin(id.Install(at.installation))
	for _, path := range []string{"invoke", "shell", "context", "consent"} {
		if a := ask(path, session.Token, app, map[string]any{"module": panel}); a.status != http.StatusForbidden || a.code() != "FOREIGN_ORIGIN" {
			t.Errorf("%s from an app's origin: %d %s", path, a.status, a.body)
		}
	}

	// Sizes.
	if a := ask("invoke", session.Token, "", map[string]any{"module": panel, "functionKey": "echo", "payload": strings.Repeat("x", 510<<10)}); a.code() != "LIMIT_PAYLOAD" {
		t.Errorf("a large payload: %d %s", a.status, a.code())
	}
	if a := ask("context", session.Token, "", map[string]any{"module": strings.Repeat("x", 700<<10)}); a.code() != "LIMIT_REQUEST" {
		t.Errorf("a large question: %d %s", a.status, a.code())
	}

	// A link is shown in letters that look like no others.
	var link struct{ URL, Host, Registrable string }
	ask("link", session.Token, "", map[string]any{"module": panel, "url": "https://login.раypal.com.example.org/x"}).must(t).into(t, &link)
	if !strings.HasPrefix(link.Host, "login.xn--") || link.Registrable != "example.org" || !strings.HasPrefix(link.URL, "https://login.xn--") {
		t.Errorf("a look-alike: %+v", link)
	}
	for _, bad := range []string{"javascript:alert(1)", "http://example.org/", "https://example.org@evil.example/", "//evil.example", "data:text/html,x", "/browse/DEMO-1", ""} {
		if a := ask("link", session.Token, "", map[string]any{"module": panel, "url": bad}); a.status < 400 {
			t.Errorf("the link %q: %s", bad, a.body)
		}
	}

	// Bob's panel asks Bob, whoever is signed in to the platform's pages.
	alice := p.signedIn("alice")
	shown := alice.get("http://" + p.ui + ticket("consent", map[string]any{"module": panel, "open": true}))
	if shown.status != http.StatusForbidden || strings.Contains(shown.body, `name="digest"`) {
		t.Errorf("Alice is asked in Bob's place: %d", shown.status)
	}
	bob := p.signedIn("bob")
	if shown := bob.get("http://" + p.ui + ticket("consent", map[string]any{"module": panel, "open": true})); shown.status != http.StatusOK {
		t.Errorf("Bob is not asked: %d %s", shown.status, shown.body)
	}
}
