package productauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// provider is an OpenID provider. It signs what the test says.
type provider struct {
	*httptest.Server
	t         *testing.T
	key       *ecdsa.PrivateKey
	signer    func(claims []byte) string // its own key when nil
	declared  productauth.Provider
	challenge string
	claims    map[string]any
	calls     int
	discovery map[string]any
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(p.discovery) })
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.calls++
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("code") != "good" || p.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || r.FormValue("client_id") != "annex" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		body, _ := json.Marshal(p.claims)
		sign := p.signer
		if sign == nil {
			sign = func(b []byte) string { return p.sign(jose.ES256, key, b) }
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": sign(body)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.discovery = map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize?tenant=1", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"}, "authorization_response_iss_parameter_supported": true}
	p.declared = productauth.Provider{Product: "desk", Issuer: p.URL, ClientID: "annex", Auth: "none", Scopes: []string{"profile"}, Subject: "sub", Name: "name",
		AdminClaim: "groups", AdminValues: []string{"annex-admins"}}
	return p
}

func (p *provider) sign(alg jose.SignatureAlgorithm, key any, body []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "1"))
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := s.Sign(body)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := out.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

func (p *provider) Provider(context.Context, id.Product) (*productauth.Provider, error) {
	d := p.declared
	return &d, nil
}

func (p *provider) Client(context.Context, id.Product) (*productauth.Client, error) {
	return nil, fault.New(fault.Invalid, "NO_OAUTH", "no")
}

func (p *provider) HTTP(id.Product) *http.Client { return p.Server.Client() }

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.CodeOf(err)
}

// trial is what the provider says of Alice, changed, and what comes of it.
type trial struct {
	name   string
	claims map[string]any            // nil takes a claim away
	back   func(b *productauth.Back) // what the browser brings
	at     func(p *provider)         // what the provider does
	maxAge time.Duration
	code   string // "" when she gets in
	check  func(t *testing.T, who productauth.Person, sent url.Values)
}

func TestOpenID(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refused := "SIGN_IN_REFUSED"
	trials := []trial{
		{name: "whole", maxAge: 5 * time.Minute, claims: map[string]any{"auth_time": now.Unix() - 30, "groups": []string{"x", "annex-admins"}},
			check: func(t *testing.T, who productauth.Person, sent url.Values) {
				if !who.Admin || who.User != "alice" || who.Name != "Alice" || who.Answers != "our-state" || who.AuthTime.Unix() != now.Unix()-30 {
					t.Errorf("%+v", who)
				}
				if sent.Get("max_age") != "300" || sent.Get("scope") != "openid profile" || sent.Get("code_challenge_method") != "S256" || sent.Get("nonce") == "" ||
					sent.Get("response_type") != "code" || sent.Get("tenant") != "1" {
					t.Errorf("asked with %v", sent)
				}
			}},
		{name: "no admin", claims: map[string]any{"groups": "staff"}, check: func(t *testing.T, who productauth.Person, sent url.Values) {
			if who.Admin || !who.AuthTime.IsZero() || sent.Has("max_age") {
				t.Errorf("%+v, %v", who, sent)
			}
		}},
		{name: "true is not a value", claims: map[string]any{"groups": true}, check: func(t *testing.T, who productauth.Person, _ url.Values) {
			if who.Admin {
				t.Error("an admin by a claim that has none of the values")
			}
		}},
		{name: "admins by name", claims: map[string]any{"groups": "annex-admins"}, at: func(p *provider) {
			p.declared.AdminClaim, p.declared.AdminValues, p.declared.AdminIs = "", nil, []string{"bob"}
		}, check: func(t *testing.T, who productauth.Person, _ url.Values) {
			if who.Admin {
				t.Error("Alice is not Bob")
			}
		}},
		{name: "another nonce", claims: map[string]any{"nonce": "another"}, code: refused},
		{name: "no nonce", claims: map[string]any{"nonce": nil}, code: refused},
		{name: "another audience", claims: map[string]any{"aud": "others"}, code: refused},
		{name: "several audiences", claims: map[string]any{"aud": []string{"annex", "others"}}, code: refused},
		{name: "for another party", claims: map[string]any{"aud": []string{"annex", "others"}, "azp": "others"}, code: refused},
		{name: "for us among others", claims: map[string]any{"aud": []string{"annex", "others"}, "azp": "annex"}},
		{name: "another issuer", claims: map[string]any{"iss": "https://elsewhere.example"}, code: refused},
		{name: "expired", claims: map[string]any{"exp": now.Unix() - 1}, code: refused},
		{name: "from the future", claims: map[string]any{"iat": now.Unix() + 3600}, code: refused},
		{name: "signed in in the future", claims: map[string]any{"auth_time": now.Unix() + 3600}, code: refused},
		{name: "nobody", claims: map[string]any{"sub": ""}, code: refused},
		{name: "no site", at: func(p *provider) { p.declared.Site = "org" }, code: refused},
		{name: "a site", claims: map[string]any{"org": "acme"}, at: func(p *provider) { p.declared.Site = "org" }, check: func(t *testing.T, who productauth.Person, _ url.Values) {
			if who.Site != "acme" {
				t.Error(who.Site)
			}
		}},
		{name: "an address that nobody checked", claims: map[string]any{"email": "alice@example.com"}, at: func(p *provider) { p.declared.Subject = "email" }, code: refused},
		{name: "another's signature", at: func(p *provider) { p.signer = func(b []byte) string { return p.sign(jose.ES256, other, b) } }, code: refused},
		{name: "a secret's signature", at: func(p *provider) {
			p.signer = func(b []byte) string { return p.sign(jose.HS256, []byte("annexannexannexannexannexannexannex"), b) }
		}, code: refused},
		{name: "no signature", at: func(p *provider) {
			p.signer = func(b []byte) string {
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(b) + "."
			}
		}, code: refused},
		{name: "no token", at: func(p *provider) { p.signer = func([]byte) string { return "" } }, code: "PROVIDER_UNAVAILABLE"},
		{name: "discovery of another", at: func(p *provider) { p.discovery["issuer"] = "https://elsewhere.example" }, code: "PROVIDER_UNAVAILABLE"},
		{name: "another provider's answer", back: func(b *productauth.Back) { b.Issuer = "https://elsewhere.example" }, code: refused},
		{name: "an answer of nobody", back: func(b *productauth.Back) { b.Issuer = "" }, code: refused},
		{name: "another browser", back: func(b *productauth.Back) { b.Browser = "x" }, code: refused},
		{name: "no browser", back: func(b *productauth.Back) { b.Browser = "" }, code: refused},
		{name: "another state", back: func(b *productauth.Back) { b.State = "x" }, code: refused},
		{name: "another code", back: func(b *productauth.Back) { b.Code = "bad" }, code: "NOT_AUTHORIZED"},
		{name: "declined", back: func(b *productauth.Back) { b.Error, b.Code = "access_denied", "" }, code: "NOT_AUTHORIZED"},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), append(append([]db.Migration{}, audit.Migrations...), productauth.Migrations...)); err != nil {
			t.Fatal(err)
		}
		ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
		if err != nil {
			t.Fatal(err)
		}
		for _, trial := range trials {
			t.Run(trial.name, func(t *testing.T) {
				p := newProvider(t)
				s := productauth.New(productauth.Config{DB: d, Sealer: ring, Audit: audit.New(d, nil), Clients: p, Providers: p,
					OpenIDCallback: "http://ui/openid/callback", Now: func() time.Time { return now }})
				trial.run(t, p, s, now)
			})
		}
	})
}

func (trial trial) run(t *testing.T, p *provider, s *productauth.Service, now time.Time) {
	if trial.at != nil {
		trial.at(p)
	}
	sent, err := s.Identify(t.Context(), "desk", "our-state", trial.maxAge)
	if err != nil {
		if fault.CodeOf(err) != trial.code {
			t.Error(err)
		}
		return
	}
	u, err := url.Parse(sent.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	p.challenge = q.Get("code_challenge")
	p.claims = map[string]any{"iss": p.URL, "aud": "annex", "sub": "alice", "name": "Alice", "iat": now.Unix(), "exp": now.Unix() + 60, "nonce": q.Get("nonce")}
	for name, value := range trial.claims {
		if p.claims[name] = value; value == nil {
			delete(p.claims, name)
		}
	}
	back := productauth.Back{Product: "desk", State: q.Get("state"), Code: "good", Issuer: p.URL, Browser: sent.Browser}
	if trial.back != nil {
		trial.back(&back)
	}
	who, err := s.Identified(t.Context(), back)
	if codeOf(err) != trial.code {
		t.Fatalf("want %q, got %v", trial.code, err)
	}
	if back.Issuer != p.URL && p.calls > 0 {
		t.Error("the code was taken to a provider that did not answer")
	}
	if err != nil {
		return
	}
	if trial.check != nil {
		trial.check(t, who, q)
	}
	if _, err := s.Identified(t.Context(), back); fault.CodeOf(err) != "SIGN_IN_REFUSED" {
		t.Error("a state counts twice:", err)
	}
	// A flow of one kind does not end as one of the other.
	sent, err = s.Identify(t.Context(), "desk", "our-state", 0)
	if err != nil {
		t.Fatal(err)
	}
	u, _ = url.Parse(sent.URL)
	if _, err := s.Finish(t.Context(), productauth.Back{Product: "desk", State: u.Query().Get("state"), Code: "good", Browser: sent.Browser}); fault.CodeOf(err) != "SIGN_IN_REFUSED" {
		t.Error("an identity connected an account:", err)
	}
}

func TestOpenIDSecretIsTheOperators(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		p := newProvider(t)
		p.declared.Auth = "body"
		w.Clients, w.Providers = p, p
		if _, err := w.Identify(t.Context(), "desk", "s", 0); fault.CodeOf(err) != "NO_CLIENT_SECRET" {
			t.Error(err)
		}
		if err := w.SetSignInSecret(t.Context(), admin, "desk", "a-secret-of-a-client"); fault.CodeOf(err) != "ROLE_REQUIRED" {
			t.Error(err)
		}
		if err := w.SetSignInSecret(t.Context(), operator, "desk", "a-secret-of-a-client"); err != nil {
			t.Error(err)
		}
		if _, err := w.Identify(t.Context(), "desk", "s", 0); err != nil {
			t.Error(err)
		}
	})
}
