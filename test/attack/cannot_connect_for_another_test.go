package attack

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A person connects their own account: by the panel's link, in the browser that began it,
// once. What the app does with it carries a credential that is nowhere in the app.
func TestAttackConnectForAnother(t *testing.T) {
	v := newVault(t)
	panel := v.panel("alice")
	code, text := v.use(panel, map[string]any{})
	var missing struct {
		Error struct {
			Fields struct {
				Provider string
				Scopes   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &missing); err != nil || code != "NEEDS_AUTHENTICATION_ERR" || missing.Error.Fields.Provider != "music" || len(missing.Error.Fields.Scopes) != 2 {
		t.Fatalf("without an account: %s", text)
	}
	mallory, alice := v.signedIn("bob"), v.browser() // Bob is Mallory here
	alice.password("alice")                          // to the product alone

	// Mallory's link, opened by Alice: the page is not hers.
	link := v.link(v.panel("bob"), "music")
	if p := alice.get(link); p.status != http.StatusForbidden || strings.Contains(p.body, "data-annex-connect-go") {
		t.Errorf("another's link: %d %s", p.status, p.body)
	}
	if p := mallory.get(link); p.status < 400 {
		t.Errorf("a link opens twice: %d", p.status)
	}

	// Login CSRF: Mallory's account must not come to be Alice's.
	back := v.begun(mallory, "bob", "music")
	refused := func(what string, b *browser, address string) {
		t.Helper()
		before := v.music.exchanges()
		if p := b.get(address); p.status < 400 {
			t.Errorf("%s: %d %s", what, p.status, p.url)
		}
		if v.music.exchanges() != before {
			t.Errorf("%s: the code was redeemed", what)
		}
	}
	refused("another's answer", alice, back)
	refused("another's answer, which was shown once", mallory, back)
	mine := v.begun(alice, "alice", "music")
	refused("another's answer in the middle of one's own", alice, v.begun(mallory, "bob", "music"))
	refused("one's own answer after that", alice, mine)

	// Alice's answer, stolen on its way: in Mallory's browser, in a browser of nobody's, and in
	// another one of Alice's.
	second := v.signedIn("alice")
	for what, b := range map[string]*browser{"stolen": mallory, "nobody's browser": v.browser(), "another browser of the same person": second} {
		refused(what, b, v.begun(alice, "alice", "music"))
	}
	// Somebody else has signed in to the browser since.
	back = v.begun(alice, "alice", "music")
	taken := v.signedIn("bob")
	taken.cookies[v.ui]["__Host-annex-connect"] = alice.cookies[v.ui]["__Host-annex-connect"]
	refused("the browser's next person", taken, back)
	// A state of Mallory's own making, and a code of his with Alice's state.
	u, _ := url.Parse(v.begun(alice, "alice", "music"))
	q := u.Query()
	q.Set("state", strings.Repeat("x", 43))
	u.RawQuery = q.Encode()
	refused("a made-up state", alice, u.String())
	if n := append(v.accounts("alice"), v.accounts("bob")...); len(n) > 0 {
		t.Fatalf("connected: %v", n)
	}

	// Alice's own.
	back = v.begun(alice, "alice", "music")
	kept := alice.cookies[v.ui]["__Host-annex-connect"]
	if p := alice.get(back); p.status != http.StatusOK || p.url.Path != "/my/accounts" || strings.Contains(p.url.RawQuery, "code") {
		t.Fatalf("%s: %d %s", p.url, p.status, p.body)
	}
	alice.cookies[v.ui]["__Host-annex-connect"] = kept
	refused("an answer counts twice", alice, back)
	v.music.took()
	code, text = v.use(panel, map[string]any{})
	if got := v.music.took(); code != "" || !strings.Contains(text, "Alice of music") || len(got) != 1 || got[0].URL.Path != "/v1/me" || v.music.holds(got[0].Header.Get("Authorization")) == "" {
		t.Errorf("with the account: %s, the service got %v", text, got)
	}
	if a := v.accounts("alice"); len(a) != 1 || len(v.accounts("bob")) > 0 {
		t.Errorf("connected: %v, %v", a, v.accounts("bob"))
	}
	// Whoever is there is whose account is used, whatever account the app names.
	if code, text := v.use(v.panel("bob"), map[string]any{"account": "1"}); code != "NEEDS_AUTHENTICATION_ERR" || len(v.music.took()) > 0 {
		t.Errorf("Bob used Alice's account: %s", text)
	}
	if held := v.music.holds(v.log.String()); held != "" {
		t.Errorf("the server's log holds %s", held)
	}
}

// The server of one provider leads its visitors on to that of another: the code that the
// other one gives must not be taken to the first.
func TestAttackConnectByMixUp(t *testing.T) {
	v := newVault(t)
	alice := v.signedIn("alice")
	v.music.set(func(s *studio) { s.iss = "https://login.music.example" })
	for what, back := range map[string]string{"to the honest one's address": v.callback("music"), "to its own address": v.callback("shop")} {
		v.shop.set(func(s *studio) {
			s.forward = func(q url.Values) string {
				q.Set("client_id", "annex-at-music")
				q.Set("redirect_uri", back)
				return "https://login.music.example/authorize?" + q.Encode()
			}
		})
		if what == "to the honest one's address" {
			v.music.set(func(s *studio) { s.registered = back; s.iss = "" })
		} else { // it looks at less, and says who it is
			v.music.set(func(s *studio) { s.registered = ""; s.iss = "https://login.music.example" })
		}
		answer := v.music.visit(t, v.begun(alice, "alice", "shop"))
		if p := alice.get(answer); p.status < 400 {
			t.Errorf("%s: %d %s", what, p.status, p.url)
		}
		if v.shop.exchanges()+v.music.exchanges() > 0 {
			t.Errorf("%s: music's code went to a token endpoint", what)
		}
	}
	if a := v.accounts("alice"); len(a) > 0 {
		t.Errorf("connected: %v", a)
	}
}
