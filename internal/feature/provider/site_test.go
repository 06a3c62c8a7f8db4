package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

const siteText = `
app: {id: "ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001", runtime: {name: nodejs22.x}}
permissions: {scopes: [], external: {fetch: {backend: [login.music.example, api.music.example, other.example]}}}
remotes:
  - {key: login, baseUrl: "https://login.music.example"}
  - {key: api, baseUrl: "https://api.music.example/v1"}
  - {key: other, baseUrl: "https://other.example"}
providers:
  auth:
    - {key: keyed, name: Keyed, type: api_key, remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Api-Key}}
    - {key: asked, name: Asked, type: api_key, remotes: [api], bearerMethod: {type: uri-query, parameter: key}}
    - {key: signed, name: Signed, type: hmac, remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Signature}}
    - key: client
      name: Client
      type: client_credentials
      scopes: [read, write]
      remotes: [api]
      actions: {exchange: {remote: login, path: /token, useBasicAuth: true}}
modules:
  function:
    - {key: use, handler: index.use, providers: {auth: [keyed, asked, signed, client]}}
    - {key: plain, handler: index.plain}
`

var (
	nobody    = id.Principal{Kind: id.Application, Site: "s", Install: "on-tracker"}
	apiAlone  = []string{"https://api.music.example"}
	withLogin = []string{"https://api.music.example", "https://login.music.example"}
)

// give has the admin store a credential.
func (w *world) give(key string, c provider.SiteCredential) {
	w.t.Helper()
	if _, err := w.GiveSiteKey(w.t.Context(), admin, "on-tracker", key, c); err != nil {
		w.t.Fatal(key, err)
	}
}

func (w *world) by(key, method string, more map[string]any) (call.Reply, error) {
	head := map[string]any{"provider": key, "url": "things?a=%20b", "method": "POST", "app": true}
	for k, v := range more {
		head[k] = v
	}
	return ask(w, w.Service, nobody, "on-tracker", "index.use", method, head)
}

func (w *world) hasKey(key string) bool {
	w.t.Helper()
	reply, err := w.by(key, "has", nil)
	var out struct{ Has bool }
	if err != nil || json.Unmarshal(reply.Head, &out) != nil {
		w.t.Fatal(key, err)
	}
	return out.Has
}

func TestSitesCredentials(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.declare(siteText)
		var bodies []string
		w.music.serve = func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			_ = json.NewEncoder(rw).Encode(map[string]any{"head": r.Header, "query": r.URL.RawQuery})
		}
		const secret = "the-site's-own-secret"
		given := map[string]provider.SiteCredential{
			"keyed": {Sends: apiAlone, Secret: secret}, "asked": {Sends: apiAlone, Secret: secret}, "signed": {Sends: apiAlone, Secret: secret},
			"client": {Sends: withLogin, Client: "annex-app", Secret: "client-secret-x"},
		}
		for key, c := range given {
			_, err := w.by(key, "fetch", nil)
			want(t, err, "PROVIDER_NOT_CONFIGURED")
			if e, _ := fault.As(err); e == nil || e.Fields["filledBy"] != "site-admin" || !strings.Contains(e.Fix, key) {
				t.Errorf("%s: the refusal does not say who can help: %v", key, err)
			}
			if w.hasKey(key) || len(w.music.seen) > 0 {
				t.Errorf("%s has a credential from nowhere", key)
			}
			_, err = w.by(key, "request", nil)
			want(t, err, "PROVIDER_NOT_CONFIGURED")
			w.give(key, c)
			if !w.hasKey(key) {
				t.Errorf("%s: it was given and is not there", key)
			}
			reply, err := w.by(key, "fetch", map[string]any{"headers": [][2]string{{"x-api-key", "mine"}, {"x-signature", "mine"}, {"authorization", "mine"}}})
			if err != nil || strings.Contains(string(reply.Body), c.Secret) {
				t.Fatalf("%s: %s, %v", key, reply.Body, err)
			}
			r := w.music.seen[len(w.music.seen)-1]
			switch key {
			case "keyed":
				if r.Header.Get("X-Api-Key") != secret {
					t.Errorf("sent %v", r.Header)
				}
			case "asked":
				if r.URL.RawQuery != "a=%20b&key=the-site%27s-own-secret" {
					t.Errorf("asked with %s", r.URL.RawQuery)
				}
			case "signed":
				at, mac, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Signature"), "t="), ",v1=")
				if mac != credential.Signature(secret, at, "POST", "/v1/things?a=%20b", nil) {
					t.Errorf("signed with %v", r.Header)
				}
			case "client":
				if r.Header.Get("Authorization") != "Bearer "+w.music.access || len(w.music.asked) != 1 || w.music.asked[0].Get("scope") != "read write" || w.music.asked[0].Has("client_secret") {
					t.Errorf("sent %v, asked %v", r.Header, w.music.asked)
				}
			}
			w.music.seen = nil
		}
		t.Run("whoever is present", func(t *testing.T) {
			for _, who := range []id.Principal{alice, bob} {
				if _, err := ask(w, w.Service, who, "on-tracker", "index.use", "fetch", map[string]any{"provider": "keyed", "url": "x"}); err != nil {
					t.Error(err)
				}
			}
			reply, err := w.by("keyed", "accounts", nil)
			if err != nil || string(reply.Head) != `{"accounts":[]}` {
				t.Errorf("%s %v", reply.Head, err)
			}
		})
		t.Run("no other installation, function, remote or account", func(t *testing.T) {
			for _, install := range []id.Install{"on-wiki", "on-s2"} {
				_, err := ask(w, w.Service, nobody, install, "index.use", "fetch", map[string]any{"provider": "keyed", "url": "x"})
				want(t, err, "PROVIDER_NOT_CONFIGURED")
			}
			_, err := ask(w, w.Service, alice, "on-tracker", "index.plain", "fetch", map[string]any{"provider": "keyed", "url": "x"})
			want(t, err, "PROVIDER_NOT_DECLARED")
			_, err = w.by("keyed", "fetch", map[string]any{"remote": "other"})
			want(t, err, "REMOTE_NOT_OF_PROVIDER")
			_, err = w.by("keyed", "fetch", map[string]any{"account": "1"})
			want(t, err, "PROVIDER_OF_SITE")
			_, err = w.Begin(t.Context(), alice, "on-tracker", "keyed", nil)
			want(t, err, "PROVIDER_OF_SITE")
		})
		t.Run("nothing of it is readable in the database", func(t *testing.T) {
			var sealed []byte
			if err := d.QueryRow(t.Context(), `SELECT credential FROM provider_keys WHERE provider = 'keyed'`).Scan(&sealed); err != nil || strings.Contains(string(sealed), secret) {
				t.Error(err)
			}
			if _, err := d.Exec(t.Context(), `UPDATE provider_keys SET credential = (SELECT credential FROM provider_keys WHERE provider = 'signed') WHERE provider = 'keyed'`); err != nil {
				t.Fatal(err)
			}
			if _, err := w.by("keyed", "fetch", nil); err == nil {
				t.Error("a value that was moved to another provider opens")
			}
		})
		t.Run("taken away", func(t *testing.T) {
			if err := w.TakeSiteKey(t.Context(), admin, "on-tracker", "asked"); err != nil || w.hasKey("asked") {
				t.Error("it is there still", err)
			}
			want(t, w.TakeSiteKey(t.Context(), admin, "on-tracker", "asked"), "NO_CREDENTIAL")
		})
		t.Run("the end of the installation", func(t *testing.T) {
			var n int
			if err := w.Ended(t.Context(), admin, "env", "s", "on-tracker"); err != nil {
				t.Fatal(err)
			}
			if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM provider_keys`).Scan(&n); err != nil || n != 0 {
				t.Errorf("%d credentials are left: %v", n, err)
			}
		})
	})
}

func TestWhoGivesASitesCredential(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.declare(siteText)
	for _, who := range []id.Principal{developer, alice, {Kind: id.SiteAdmin, Site: "s2", Account: "x"}, {Kind: id.Operator}} {
		if _, err := w.GiveSiteKey(t.Context(), who, "on-tracker", "keyed", provider.SiteCredential{Sends: apiAlone, Secret: "a-secret"}); err == nil {
			t.Errorf("%v gave one", who)
		}
		if _, err := w.SiteKeys(t.Context(), who, "on-tracker"); err == nil {
			t.Errorf("%v lists them", who)
		}
		if err := w.TakeSiteKey(t.Context(), who, "on-tracker", "keyed"); err == nil {
			t.Errorf("%v took one away", who)
		}
	}
	for name, c := range map[string]struct {
		key  string
		give provider.SiteCredential
		code string
	}{
		"no secret":       {"keyed", provider.SiteCredential{Sends: apiAlone}, "BAD_CREDENTIAL"},
		"a short one":     {"keyed", provider.SiteCredential{Sends: apiAlone, Secret: "1234567"}, "BAD_CREDENTIAL"},
		"a line break":    {"keyed", provider.SiteCredential{Sends: apiAlone, Secret: "a\r\nHost: b"}, "BAD_CREDENTIAL"},
		"no client":       {"client", provider.SiteCredential{Sends: withLogin, Secret: "a-secret"}, "BAD_CREDENTIAL"},
		"a client":        {"keyed", provider.SiteCredential{Sends: apiAlone, Secret: "a-secret", Client: "c"}, "BAD_CREDENTIAL"},
		"another place":   {"keyed", provider.SiteCredential{Sends: []string{"https://other.example"}, Secret: "a-secret"}, "PREVIEW_CHANGED"},
		"fewer places":    {"client", provider.SiteCredential{Sends: apiAlone, Client: "c", Secret: "a-secret"}, "PREVIEW_CHANGED"},
		"no such":         {"gone", provider.SiteCredential{Sends: apiAlone, Secret: "a-secret"}, "PROVIDER_UNKNOWN"},
		"people's, where": {"music", provider.SiteCredential{Sends: withLogin, Secret: "a-secret"}, "PROVIDER_UNKNOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.GiveSiteKey(t.Context(), admin, "on-tracker", c.key, c.give)
			want(t, err, c.code)
		})
	}
	_, err := w.Configure(t.Context(), developer, "app", "production", "keyed", "a-developer's-secret")
	want(t, err, "PROVIDER_OF_SITE")
	all, err := w.Providers(t.Context(), developer, "app", "production")
	if err != nil || len(all) != 4 || !all[0].OfSite || all[0].RedirectURI != "" {
		t.Errorf("%+v %v", all, err)
	}
	w.declare(manifestText)
	_, err = w.GiveSiteKey(t.Context(), admin, "on-tracker", "music", provider.SiteCredential{Sends: withLogin, Secret: "a-secret"})
	want(t, err, "PROVIDER_OF_USERS")
	_, err = ask(w, w.Service, alice, "on-tracker", "index.use", "fetch", map[string]any{"provider": "music", "url": "x", "app": true})
	want(t, err, "PROVIDER_OF_USERS")
}

// TestSitesCredentialStaysWhereItWasGivenFor: a version that names another host, or another
// way of using it, finds no credential; the first one finds it again.
func TestSitesCredentialStaysWhereItWasGivenFor(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.declare(siteText)
	w.give("keyed", provider.SiteCredential{Sends: apiAlone, Secret: "the-secret"})
	w.give("client", provider.SiteCredential{Sends: withLogin, Client: "annex-app", Secret: "client-secret-x"})
	for name, change := range map[string][3]string{
		"another API":            {"keyed", "https://api.music.example/v1", "https://other.example/v1"},
		"another port":           {"keyed", "https://api.music.example/v1", "https://api.music.example:8443/v1"},
		"another token endpoint": {"client", "https://login.music.example", "https://other.example"},
		"a further remote":       {"keyed", "remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Api-Key}", "remotes: [api, other], bearerMethod: {type: authorization-header, parameter: X-Api-Key}"},
		"another use":            {"keyed", "key: keyed, name: Keyed, type: api_key", "key: keyed, name: Keyed, type: hmac"},
	} {
		t.Run(name, func(t *testing.T) {
			w.declare(strings.Replace(siteText, change[1], change[2], 1))
			w.wire.went = nil
			_, err := w.by(change[0], "fetch", nil)
			want(t, err, "PROVIDER_NOT_CONFIGURED")
			if w.hasKey(change[0]) || len(w.wire.went) > 0 {
				t.Errorf("it went to %v", w.wire.went)
			}
			w.declare(siteText)
			if !w.hasKey(change[0]) {
				t.Error("it is gone for where it was given for")
			}
		})
	}
}

// TestTokensOfAClient: kept until shortly before their end, fetched anew when they are refused,
// once, and with another filling.
func TestTokensOfAClient(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.declare(siteText)
	w.give("client", provider.SiteCredential{Sends: withLogin, Client: "annex-app", Secret: "client-secret-x"})
	refused := ""
	w.music.serve = func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+w.music.access || w.music.access == refused {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}
	status := func() int {
		t.Helper()
		reply, err := w.by("client", "fetch", nil)
		var h struct{ Status int }
		if err != nil || json.Unmarshal(reply.Head, &h) != nil {
			t.Fatal(err)
		}
		return h.Status
	}
	steps := []struct {
		name   string
		before func()
		minted int
	}{
		{"the first call", func() {}, 1},
		{"a kept one", func() {}, 1},
		{"shortly before its end", func() { w.pass(time.Hour - 20*time.Second) }, 2},
		{"refused by the API", func() { refused = w.music.access }, 3},
		{"another filling", func() {
			w.give("client", provider.SiteCredential{Sends: withLogin, Client: "annex-app", Secret: "client-secret-x"})
		}, 4},
	}
	for _, s := range steps {
		w.pass(time.Millisecond)
		s.before()
		if got := status(); got != http.StatusOK || len(w.music.asked) != s.minted {
			t.Errorf("%s: %d, %d tokens", s.name, got, len(w.music.asked))
		}
	}
	w.music.fail = "invalid_client"
	w.pass(2 * time.Hour)
	_, err := w.by("client", "fetch", nil)
	want(t, err, "CREDENTIAL_REFUSED")
	if strings.Contains(err.Error(), "client-secret-x") || !strings.Contains(err.Error(), "invalid_client") {
		t.Error(err)
	}
	w.music.fail, w.music.redirect = "", "https://other.example/token"
	_, err = w.by("client", "fetch", nil)
	want(t, err, "CREDENTIAL_REFUSED")
	for _, to := range w.wire.went {
		if strings.Contains(to, "other.example") {
			t.Error("a redirect of the token endpoint was followed")
		}
	}
}

// TestRequiredScopes: a function that demands scopes is not called for a user without them; the
// user is asked for these beside what there is, or for all.
func TestRequiredScopes(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	demand := func(use string) {
		w.declare(strings.Replace(strings.Replace(manifestText, "providers: {auth: [music]}", "providers: {auth: ["+use+"]}", 1), "scopes: [read, write]", "scopes: [read, write, delete]", 1))
	}
	ready := func(who id.Principal, function string) error {
		p, _ := w.Policy(t.Context(), "on-tracker")
		return w.Ready(t.Context(), p, &call.Call{Installation: "on-tracker", Function: function, Principal: who})
	}
	asks := func(err error) string {
		e, ok := fault.As(err)
		if !ok || e.Code != needs || e.Fields["serviceKey"] != "music" {
			t.Fatalf("%v", err)
		}
		scopes, _ := e.Fields["options"].(map[string]any)["scopes"].([]string)
		return strings.Join(scopes, " ")
	}
	demand("{provider: music, requiredScopes: [write]}")
	if got := asks(ready(alice, "index.use")); got != "write" {
		t.Errorf("asked for %q", got)
	}
	for name, err := range map[string]error{"nobody is present": ready(nobody, "index.use"), "another function": ready(alice, "index.plain")} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.connect(alice, "on-tracker", "read")
	if got := asks(ready(alice, "index.use")); got != "read write" {
		t.Errorf("asked for %q: what there is gets lost", got)
	}
	demand("{provider: music, requiredScopes: [write], requestAllScopes: true}")
	if got := asks(ready(alice, "index.use")); got != "read write delete" {
		t.Errorf("asked for %q", got)
	}
	w.connect(alice, "on-tracker", "read", "write")
	if err := ready(alice, "index.use"); err != nil {
		t.Errorf("connected with it: %v", err)
	}
	if err := ready(bob, "index.use"); err == nil {
		t.Error("another's account counts")
	}
}
