package attack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// provider is an OpenID provider that signs whatever claims a test says.
type provider struct {
	*httptest.Server
	claims     map[string]any
	asked      url.Values
	silent     bool   // its answers do not say whose they are
	registered string // the only address to which it sends people back; any when ""
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"authorization_response_iss_parameter_supported": !p.silent})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		p.asked = r.URL.Query()
		if p.registered != "" && p.asked.Get("redirect_uri") != p.registered {
			http.Error(w, "not registered", http.StatusBadRequest)
			return
		}
		back := url.Values{"code": {"c"}, "state": {p.asked.Get("state")}}
		if !p.silent {
			back.Set("iss", p.URL)
		}
		http.Redirect(w, r, p.asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		body, _ := json.Marshal(p.claims)
		signed, err := signer.Sign(body)
		if err != nil {
			return
		}
		text, _ := signed.CompactSerialize()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "x", "token_type": "Bearer", "id_token": text})
	})
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, _ *http.Request) { // of an OAuth 2.0 server: whose the token is
		_ = json.NewEncoder(w).Encode(map[string]any{"login": p.claims["sub"], "name": p.claims["name"]})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// says is what the provider says of Alice to the question that was asked last.
func (p *provider) says(change map[string]any) {
	now := time.Now().Unix()
	p.claims = map[string]any{"iss": p.URL, "aud": "annex", "sub": "alice", "name": "Alice", "iat": now, "exp": now + 60, "auth_time": now, "groups": []string{"annex-admins"},
		"nonce": p.asked.Get("nonce")}
	for name, value := range change {
		p.claims[name] = value
	}
}

// A person of a product with `users: oidc` is who the provider says, to the browser that
// asked, for the question that was asked; and its admins are those of the declared claim.
func TestAttackSignInByOpenID(t *testing.T) {
	p, at := newPeople(t), newProvider(t)
	p.declare(fmt.Sprintf("key: desk\nname: Desk\napiBaseUrl: http://127.0.0.1:9\nusers: oidc\noidc: {issuer: %q, clientId: annex}\nadmins: {claim: groups, values: [annex-admins]}\n"+
		"scopes: [{name: read, title: Read, data: tickets, access: read, risk: low}]\n", at.URL))
	if _, err := p.System.Tenancy.AddSite(t.Context(), operatorOf(p), tenancy.NewSite{Name: "office", Products: []id.Product{"desk"}}); err != nil {
		t.Fatal(err)
	}
	// walk goes to the provider and gives the way back, without going it.
	walk := func(b *browser, from string) (back string) {
		t.Helper()
		to := b.open("GET", b.open("GET", from, "", nil).header.Get("Location"), "", nil).header.Get("Location")
		back = b.open("GET", to, "", nil).header.Get("Location")
		if back == "" {
			t.Fatalf("%s leads nowhere", to)
		}
		at.says(nil)
		return back
	}
	alice := p.browser()
	if a := alice.get(walk(alice, "/sign-in?product=desk&next=/apps")); a.status != http.StatusOK || a.url.Path != "/apps" || alice.in() != "Alice" {
		t.Fatalf("%s: %d %s", a.url, a.status, a.body)
	}
	for name, claims := range map[string]map[string]any{"another nonce": {"nonce": "x"}, "another client": {"aud": "other"}, "another provider": {"iss": "http://elsewhere.example"},
		"an old token": {"exp": time.Now().Unix() - 60}, "nobody": {"sub": ""}} {
		b := p.browser()
		back := walk(b, "/sign-in?product=desk")
		at.says(claims)
		if a := b.get(back); a.status != http.StatusUnauthorized || b.in() != "" {
			t.Errorf("%s: %d, in as %q", name, a.status, b.in())
		}
	}
	// Mallory gives Alice the way back of his own sign-in.
	mallory, victim := p.browser(), p.browser()
	back := walk(mallory, "/sign-in?product=desk")
	for _, begun := range []bool{false, true} {
		if begun {
			walk(victim, "/sign-in?product=desk")
		}
		if a := victim.get(back); a.status != http.StatusUnauthorized || victim.in() != "" {
			t.Errorf("login CSRF: %d, in as %q", a.status, victim.in())
		}
		back = walk(mallory, "/sign-in?product=desk")
	}
	if mallory.get(back); mallory.in() != "Alice" {
		t.Error("the browser that asked is not in")
	}
	again := p.browser()
	again.cookies[p.ui] = map[string]string{"__Host-annex-openid": "x"}
	if a := again.get(back); a.status != http.StatusUnauthorized || again.in() != "" {
		t.Errorf("a way back counts twice: %d", a.status)
	}
	other := p.browser()
	back = walk(other, "/sign-in?product=desk")
	u, _ := url.Parse(back)
	q := u.Query()
	q.Set("iss", "http://elsewhere.example")
	u.RawQuery = q.Encode()
	if a := other.get(u.String()); a.status != http.StatusUnauthorized || other.in() != "" {
		t.Errorf("another provider's answer: %d", a.status)
	}
	// No admin by a claim of another value; and a decision needs a fresh sign-in.
	bob := p.browser()
	back = walk(bob, "/sign-in?product=desk")
	at.says(map[string]any{"sub": "bob", "name": "Bob", "groups": []string{"annex-admins-of-nothing"}})
	bob.get(back)
	if a := bob.get("/apps"); a.status != http.StatusForbidden || bob.in() != "Bob" {
		t.Errorf("Bob is an admin: %d, in as %q", a.status, bob.in())
	}
	ask := alice.post(alice.get("/site"), "/site/propose", url.Values{"switch": {"updates"}, "mode": {"manual"}})
	decide := "/sign-in?decision=" + found(ask.body, `/sign-in\?decision=([0-9a-f-]+)`)
	back = walk(alice, decide)
	if at.asked.Get("max_age") != "300" {
		t.Errorf("the provider is not asked for a fresh sign-in: %v", at.asked)
	}
	at.says(map[string]any{"auth_time": time.Now().Unix() - 3600})
	if a := alice.get(back); a.status != http.StatusForbidden {
		t.Errorf("decided on an old sign-in: %d %s", a.status, a.body)
	}
	ask = alice.post(alice.get("/site"), "/site/propose", url.Values{"switch": {"updates"}, "mode": {"manual"}})
	confirm := alice.get(walk(alice, "/sign-in?decision="+found(ask.body, `/sign-in\?decision=([0-9a-f-]+)`)))
	if a := alice.post(confirm, confirm.url.Path, url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("a fresh one: %d %s", a.status, a.body)
	}
	if s, err := p.System.Tenancy.SiteByName(t.Context(), "office"); err != nil || s.Updates.String() != "manual" {
		t.Errorf("%v, %v", s.Updates, err)
	}
}

// The provider of one product sends its visitors on to that of another, with the question
// that Mallory was asked there: it must not be given the code that Alice brings back, with
// which Mallory would sign in as her.
func TestAttackSignInByMixUp(t *testing.T) {
	p, at := newPeople(t), newProvider(t)
	at.silent = true
	var mallorys url.Values // what Annex asked of at for Mallory's browser
	var back, got string    // where the rogue has people sent back, and the code that it was given
	var rogue *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": rogue.URL, "authorization_endpoint": rogue.URL + "/authorize", "token_endpoint": rogue.URL + "/token", "jwks_uri": rogue.URL + "/keys"})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := url.Values{}
		for name, values := range mallorys {
			q[name] = values
		}
		q.Set("state", r.URL.Query().Get("state"))
		if q.Set("redirect_uri", back); back == "" {
			q.Set("redirect_uri", r.URL.Query().Get("redirect_uri"))
		}
		http.Redirect(w, r, at.URL+"/authorize?"+q.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		got = r.FormValue("code")
		http.Error(w, "{}", http.StatusBadRequest)
	})
	rogue = httptest.NewServer(mux)
	t.Cleanup(rogue.Close)
	for product, issuer := range map[string]string{"desk": at.URL, "shop": rogue.URL} {
		p.declare(fmt.Sprintf("key: %s\nname: Desk\napiBaseUrl: http://127.0.0.1:9\nusers: oidc\noidc: {issuer: %q, clientId: annex}\nadmins: {users: [alice]}\n"+
			"scopes: [{name: read, title: Read, data: tickets, access: read, risk: low}]\n", product, issuer))
		if _, err := p.System.Tenancy.AddSite(t.Context(), operatorOf(p), tenancy.NewSite{Name: product, Products: []id.Product{id.Product(product)}}); err != nil {
			t.Fatal(err)
		}
	}
	mallory := p.browser()
	u, err := url.Parse(mallory.open("GET", mallory.open("GET", "/sign-in?product=desk", "", nil).header.Get("Location"), "", nil).header.Get("Location"))
	if err != nil || u.Query().Get("redirect_uri") == "" {
		t.Fatal(u, err)
	}
	mallorys, at.registered = u.Query(), u.Query().Get("redirect_uri")
	for _, back = range []string{at.registered, ""} {
		alice := p.browser()
		if a := alice.get("/sign-in?product=shop"); a.status < 400 || alice.in() != "" {
			t.Errorf("back at %q: %d, in as %q", back, a.status, alice.in())
		}
		if got != "" {
			t.Errorf("back at %q: the code for desk went to shop's provider", back)
		}
	}
	if at.asked.Get("state") == "" {
		t.Error("Alice never came to desk's provider: nothing was tried")
	}
}
