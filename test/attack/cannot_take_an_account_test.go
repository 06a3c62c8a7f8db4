package attack

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// An app uses an account and never holds its credential, whatever it asks for.
func TestAttackTakeAnAccount(t *testing.T) {
	v := newVault(t)
	alice := v.signedIn("alice")
	v.connect(alice, "alice", "music")
	v.connect(alice, "alice", "shop")
	clean := func(what string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			for _, s := range []*studio{v.music, v.shop} {
				if held := s.holds(text); held != "" {
					t.Errorf("%s: the app has %s", what, held)
				}
			}
		}
	}
	all := func(g got) []string {
		out := []string{g.Text}
		for _, value := range g.Headers {
			out = append(out, value)
		}
		return out
	}
	try := func(payload map[string]any) got { t.Helper(); return v.at.as("alice", "attempt", payload) }
	v.music.took()
	v.shop.took()

	// What it writes in the credential's place is gone, in every spelling.
	for provider, names := range map[string][]string{"music": {"Authorization", "authorization"}, "shop": {"X-Shop-Token", "x-shop-token", "X_Shop_Token", "Authorization"}} {
		s := v.studio(provider)
		for _, name := range names {
			g := try(map[string]any{"provider": provider, "headers": map[string]string{name: "Bearer of-the-app", "X-Mine": "1"}})
			took := s.took()
			if g.Status != http.StatusOK || len(took) != 1 || took[0].Header.Get("X-Mine") != "1" {
				t.Fatalf("%s: %+v, %v", name, g, took)
			}
			for header, values := range took[0].Header {
				if strings.Contains(strings.Join(values, " "), "of-the-app") {
					t.Errorf("%s of the app's own came along as %s", name, header)
				}
			}
			clean(name, all(g)...)
		}
	}
	// An answer that says what was sent.
	for _, s := range []*studio{v.music, v.shop} {
		s.set(func(s *studio) { s.echo = true })
		g := try(map[string]any{"provider": s.name})
		if g.Status != http.StatusOK || !strings.Contains(g.Text, " ") {
			t.Fatalf("%+v", g)
		}
		clean("an echo", all(g)...)
		decoded, _ := base64.StdEncoding.DecodeString(g.Text[strings.LastIndex(g.Text, " ")+1:])
		plain, _ := url.QueryUnescape(g.Text)
		clean("an echo, decoded", string(decoded), plain)
		s.set(func(s *studio) { s.echo = false })
	}
	// Everything that its code can reach.
	search := v.at.as("alice", "searched", nil)
	if search.Rejected || len(search.Text) < 1000 {
		t.Fatalf("the search finds nothing: %+v", search)
	}
	clean("a search", all(search)...)
	// Where credentials are given out it comes by no way.
	before := v.music.exchanges()
	form := map[string]any{"method": "POST", "body": "grant_type=refresh_token", "headers": map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	for _, address := range []string{"https://login.music.example/token", "https://login.music.example/token/", "https://login.music.example/%74oken", "https://LOGIN.music.example./token?x", "https://login.music.example/a/../token"} {
		form["url"] = address
		if g := v.at.as("alice", "bare", form); !g.Rejected {
			t.Errorf("%s: %+v", address, g)
		}
	}
	for _, path := range []string{"https://login.music.example/token", "//login.music.example/token", "https://other.example/", "//other.example/", `\\other.example\`, "https://api.music.example@other.example/",
		"https://api.music.example.other.example/", "https://api.music.example:8443/"} {
		if g := try(map[string]any{"path": path, "method": "POST"}); !g.Rejected {
			t.Errorf("%s: %+v", path, g)
		}
	}
	for _, remote := range []string{"login", "other", "shop-api"} {
		if g := try(map[string]any{"remote": remote}); g.Code != "REMOTE_NOT_OF_PROVIDER" {
			t.Errorf("by the remote %s: %+v", remote, g)
		}
	}
	if v.music.exchanges() != before {
		t.Error("the app came to the token endpoint")
	}
	// A redirect to another host is the app's to read, and led nowhere.
	if g := try(map[string]any{"path": "elsewhere"}); g.Status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %+v", g)
	}
	// A function that does not say that it uses the provider.
	if g := v.at.as("alice", "plain", map[string]any{}); g.Code != "PROVIDER_NOT_DECLARED" {
		t.Errorf("a function without the provider: %+v", g)
	}
	if g := v.at.as("bob", "attempt", map[string]any{"account": "1"}); g.Code != "NEEDS_AUTHENTICATION_ERR" {
		t.Errorf("another's account: %+v", g)
	}

	// The next version names another place for the API: the admin agrees, Alice was not asked.
	v.music.took()
	moved := v.source
	moved.after = strings.Replace(vaultProviders, "https://api.music.example/v1", "https://other.example/v1", 1)
	v.at.redeploy(moved)
	v.at.install()
	if g := try(map[string]any{}); g.Code != "NEEDS_AUTHENTICATION_ERR" {
		t.Errorf("a host that was changed: %+v", g)
	}
	v.at.redeploy(v.source)
	v.at.install()
	if g := try(map[string]any{}); g.Status != http.StatusOK {
		t.Errorf("back again: %+v", g)
	}
	clean("the server's log", v.log.String())
}

// The account ends with the app's last installation on the site, and the service is told.
func TestAttackUseAfterUninstall(t *testing.T) {
	v := newVault(t)
	v.connect(v.signedIn("alice"), "alice", "music")
	token := v.music.refresh
	if a := v.at.uninstall(); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := v.accounts("alice"); len(a) > 0 {
		t.Errorf("kept: %v", a)
	}
	eventually(t, "the service is told", func() bool {
		v.music.mu.Lock()
		defer v.music.mu.Unlock()
		return len(v.music.revoked) == 1 && v.music.revoked[0] == token
	})
	v.music.took()
	v.at = v.at.install()
	if g := v.at.as("alice", "attempt", map[string]any{}); g.Code != "NEEDS_AUTHENTICATION_ERR" || len(v.music.took()) > 0 {
		t.Errorf("installed again, without a question: %+v", g)
	}
	// It ends while Alice comes back from the service: nothing waits for the next one.
	alice := v.signedIn("alice")
	back := v.begun(alice, "alice", "music")
	v.music.set(func(s *studio) {
		s.while = func() {
			if a := v.at.uninstall(); a.status >= 300 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	})
	p := alice.get(back)
	v.music.set(func(s *studio) { s.while = nil })
	if a := v.accounts("alice"); p.status < 400 || len(a) > 0 {
		t.Errorf("kept for the next installation: %d %s, %v", p.status, p.url, a)
	}
}
