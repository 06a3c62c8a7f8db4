package attack

import (
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
)

// CONTRACTS 3: what a remote gets to act with opens this server's gateway, for that remote
// where it is, and nothing else: not the product, not for another remote or installation,
// not once anything of what the installation may do has changed.
func TestAttackUseGatewayTokensElsewhere(t *testing.T) {
	p, at, ends := withRemotes(t)
	got := at.as("alice", "resolver", map[string]any{"remote": "home", "path": "/ask?x=1"})
	if got.Status != 200 {
		t.Fatalf("%+v", got)
	}
	r := ends["home"].last(t)
	if r.URL.String() != "/base/ask?x=1" {
		t.Errorf("it was asked for %s", r.URL)
	}
	claims := claimsOf(t, r.Header.Get("Authorization"))
	if claims["aud"] != "ari:cloud:ecosystem::app/"+at.app || claims["htu"] != "https://home.example.com/base/ask" || claims["htm"] != "GET" ||
		claims["remote"] != "home" || claims["principal"] != "alice" || claims["context"] != nil {
		t.Errorf("the invocation token says %v", claims)
	}
	system, user := r.Header.Get("X-Forge-Oauth-System"), r.Header.Get("X-Forge-Oauth-User")
	if system == "" || user == "" {
		t.Fatal("the declared tokens are not there")
	}
	const issues = "/rest/api/3/issue/DEMO-1?fields=summary"
	if a := at.gateway("home", system, issues); a.status != 200 {
		t.Fatalf("as the app: %d %s", a.status, a.body)
	}
	if a := at.gateway("home", user, issues); a.status != 401 || !strings.Contains(a.body, "NEEDS_AUTHENTICATION_ERR") {
		t.Errorf("as a user who agreed to nothing: %d %s", a.status, a.body)
	}
	at.agree("alice")
	if a := at.gateway("home", user, issues); a.status != 200 {
		t.Errorf("as the user: %d %s", a.status, a.body)
	}
	for _, token := range []string{system, user, "Bearer", ""} {
		if code := p.asked(token, issues); code != http.StatusUnauthorized {
			t.Errorf("the product takes a token of the gateway: %d", code)
		}
		if a := p.send("GET", p.control(), "/api/v1/installations", http.Header{"Authorization": {"Bearer " + token}}, nil); a.status != 401 {
			t.Errorf("the control API takes a token of the gateway: %d", a.status)
		}
	}
	refused := func(what string, a answer) {
		t.Helper()
		if a.status != 401 || !strings.Contains(a.body, "TOKEN_REFUSED") {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	refused("at another remote", at.gateway("second", system, issues))
	refused("the invocation token", at.gateway("home", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), issues))
	refused("of another installation", p.send("GET", p.control(), "/gateway/"+at.deployAnother().installation+"/home"+issues, http.Header{"Authorization": {"Bearer " + system}}, nil))
	refused("changed", at.gateway("home", system[:len(system)-2]+"AA", issues))
	// What is not granted is not granted through the gateway either.
	if a := p.send("POST", p.control(), "/gateway/"+at.installation+"/home/rest/api/3/issue/DEMO-1/comment", http.Header{"Authorization": {"Bearer " + system}, "Content-Type": {"application/json"}}, []byte(`{"title":"x"}`)); a.status != 403 {
		t.Errorf("an operation outside the granted scopes: %d %s", a.status, a.body)
	}
	// Revocation of anything ends it within a second; here at once.
	if _, err := p.System.Installs.Change(p.ctx, at.siteAdmin(), id.Install(at.installation), install.Change{Off: []string{"remote:second"}}); err != nil {
		t.Fatal(err)
	}
	refused("after a revocation", at.gateway("home", system, issues))
}

// An endpoint that an admin changed gets nothing of what the old one got, and what the old
// one got is dead.
func TestAttackUseGatewayTokensAfterEndpointChange(t *testing.T) {
	_, at, ends := withRemotes(t)
	if got := at.as("alice", "resolver", map[string]any{"remote": "logs"}); got.Code != "REMOTE_NOT_CONFIGURED" {
		t.Fatalf("%+v", got)
	}
	if err := at.setRemote("logs", "https://logs.example.com"); err != nil {
		t.Fatal(err)
	}
	if got := at.as("alice", "resolver", map[string]any{"remote": "logs"}); got.Status != 200 {
		t.Fatalf("%+v", got)
	}
	r := ends["logs"].last(t)
	if aud := claimsOf(t, r.Header.Get("Authorization"))["aud"]; aud != "https://logs.example.com" {
		t.Errorf("the token of a remote that an admin set is for %v", aud)
	}
	old := r.Header.Get("X-Forge-Oauth-System")
	if a := at.gateway("logs", old, "/rest/api/3/issue/DEMO-1?fields=summary"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := at.setRemote("logs", "https://other.example.com"); err != nil {
		t.Fatal(err)
	}
	if a := at.gateway("logs", old, "/rest/api/3/issue/DEMO-1?fields=summary"); a.status != 401 {
		t.Errorf("the old endpoint's token still counts: %d", a.status)
	}
	before := ends["logs"].count()
	if got := at.as("alice", "resolver", map[string]any{"remote": "logs"}); got.Status != 200 || ends["other"].count() != 1 || ends["logs"].count() != before {
		t.Errorf("%+v; the new endpoint was asked %d times", got, ends["other"].count())
	}
	// Back where it was, the old token is dead all the same.
	if err := at.setRemote("logs", "https://logs.example.com"); err != nil {
		t.Fatal(err)
	}
	if a := at.gateway("logs", old, "/rest/api/3/issue/DEMO-1?fields=summary"); a.status != 401 {
		t.Errorf("the old token came back to life: %d", a.status)
	}
	// Without tokens that are declared, and without the app's word, there are none.
	if got := at.as("alice", "plain", map[string]any{"remote": "home", "headers": map[string]string{"x-forge-oauth-user": "mine", "authorization": "mine", "x-annex-invocation-token": "mine"}}); got.Status != 200 {
		t.Fatalf("%+v", got)
	}
	r = ends["home"].last(t)
	if r.Header.Get("X-Forge-Oauth-User") != "" || r.Header.Get("X-Forge-Oauth-System") != "" || r.Header.Get("X-Annex-Invocation-Token") != "" ||
		claimsOf(t, r.Header.Get("Authorization"))["remote"] != "home" {
		t.Errorf("it was sent %v", r.Header)
	}
}

// deployAnother is another installation of another app with the same remotes.
func (at place) deployAnother() place {
	return at.p.deploy("development", source{also: []string{"resolver", "plain"}, scopes: []string{"read:jira-work", "read:app-user-token", "read:app-system-token"}, code: remoteCaller, after: remotesOf})
}
