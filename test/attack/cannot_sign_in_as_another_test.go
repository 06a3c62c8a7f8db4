package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/productkit"
)

// CONTRACTS 3: a session begins only where the product vouched for the person to the very
// browser that asked, once, and now.
func TestAttackSignInAsAnother(t *testing.T) {
	p := newPeople(t)

	t.Run("login CSRF", func(t *testing.T) {
		p := &people{p.as(t), p.ui, p.product}
		// Mallory (bob) has the product vouch for himself, and gives Alice the way back.
		mallory, alice := p.browser(), p.browser()
		back, a := p.exchange(p.says("bob", nil), mallory.state())
		a.must(t)
		for _, begun := range []bool{false, true} {
			if begun {
				alice.state() // she is just signing in herself
			}
			at := alice.get(back)
			if at.status != http.StatusUnauthorized || alice.in() != "" || alice.cookies[p.ui]["__Host-annex"] != "" {
				t.Errorf("Alice's browser took Mallory's session: %d, signed in as %q", at.status, alice.in())
			}
			back, _ = p.exchange(p.says("bob", nil), mallory.state())
		}
		// Mallory sends Alice to the product with his state: she gets nowhere, and neither does he.
		alice.password("alice")
		if at := alice.get("http://" + p.product + "/annex/sign-in?state=" + url.QueryEscape(mallory.state())); at.status < 400 || alice.in() != "" || mallory.in() != "" {
			t.Errorf("a foreign state: %d", at.status)
		}
	})

	t.Run("replay", func(t *testing.T) {
		p := &people{p.as(t), p.ui, p.product}
		b := p.browser()
		said := p.says("alice", nil)
		back, a := p.exchange(said, b.state())
		a.must(t)
		if _, a := p.exchange(said, p.browser().state()); a.status != http.StatusUnauthorized {
			t.Errorf("an assertion counts twice: %d", a.status)
		}
		if b.get(back); b.in() != "alice" {
			t.Fatalf("signed in as %q", b.in())
		}
		kept := b.cookies[p.ui]["__Host-annex-sign-in"]
		again := p.browser()
		again.cookies[p.ui]["__Host-annex-sign-in"] = kept
		if again.get(back); again.in() != "" {
			t.Error("a code counts twice")
		}
		for name, change := range map[string]func(*productkit.User){
			"another server":  func(u *productkit.User) { u.Audience = "https://ui.other.example" },
			"another site":    func(u *productkit.User) { u.Site = "01939f00-0000-4000-8000-000000000000" },
			"another sign-in": func(u *productkit.User) { u.State = "another" },
		} {
			if _, a := p.exchange(p.says("alice", change), p.browser().state()); a.status != http.StatusUnauthorized {
				t.Errorf("for %s: %d %s", name, a.status, a.body)
			}
		}
		stranger, err := productkit.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		forged, err := productkit.SignUser(stranger, p.user("alice"))
		if err != nil {
			t.Fatal(err)
		}
		panel, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user("alice"), Module: "tracker:issuePanel", Extension: map[string]any{"issue": "TR-1"}})
		if err != nil {
			t.Fatal(err)
		}
		for name, token := range map[string]string{"another's key": forged, "a panel's token, which a page holds": panel, "no token": "x.y.z"} {
			if _, a := p.exchange(token, p.browser().state()); a.status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	})

	t.Run("open redirect", func(t *testing.T) {
		p := &people{p.as(t), p.ui, p.product}
		for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "/\t/evil.example", "/%0d%0aLocation:https://evil.example", "javascript:alert(1)", "///evil.example", ".evil.example"} {
			b := p.browser()
			b.password("alice")
			at := b.get("/sign-in?next=" + url.QueryEscape(next))
			if at.url.Host != p.ui {
				t.Errorf("next=%q leads to %s", next, at.url)
			}
		}
		for _, product := range []string{"https://evil.example", "//evil.example", "evil"} {
			if at := p.browser().open("GET", "/sign-in?product="+url.QueryEscape(product), "", nil); at.header.Get("Location") != "" {
				t.Errorf("product=%q leads to %s", product, at.header.Get("Location"))
			}
		}
	})

	t.Run("fixation", func(t *testing.T) {
		p := &people{p.as(t), p.ui, p.product}
		mallory := p.signedIn("bob")
		planted := mallory.cookies[p.ui]["__Host-annex"]
		for _, fixed := range []string{planted, strings.Repeat("A", 43)} {
			alice := p.browser()
			alice.password("alice")
			alice.cookies[p.ui]["__Host-annex"] = fixed
			alice.get("/sign-in?product=tracker&next=/apps")
			if now := alice.cookies[p.ui]["__Host-annex"]; now == fixed || alice.in() != "Alice" {
				t.Errorf("Alice is signed in as %q under a cookie that somebody else knows: %v", alice.in(), now == fixed)
			}
			spy := p.browser()
			spy.cookies[p.ui]["__Host-annex"] = fixed
			if spy.in() == "Alice" {
				t.Error("who planted the cookie is Alice now")
			}
		}
	})

	t.Run("cookies", func(t *testing.T) {
		p := &people{p.as(t), p.ui, p.product}
		b := p.browser()
		b.password("alice")
		first := b.open("GET", "/sign-in", "", nil)
		at := b.open("GET", b.open("GET", first.header.Get("Location"), "", nil).header.Get("Location"), "", nil)
		for _, c := range append(first.header.Values("Set-Cookie"), at.header.Values("Set-Cookie")...) {
			if !strings.HasPrefix(c, "__Host-") || !strings.Contains(c, "Secure") || !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") || !strings.Contains(c, "Path=/") || strings.Contains(c, "Domain") {
				t.Errorf("cookie: %s", c)
			}
		}
		if secret := found(first.header.Get("Set-Cookie"), `=([^;]+)`); secret == "" || strings.Contains(first.header.Get("Location"), secret) {
			t.Error("the browser's secret is in a URL")
		}
		if text := p.log.String(); strings.Contains(text, b.cookies[p.ui]["__Host-annex"]) {
			t.Error("a session's secret is in the server's log")
		}
	})
}
