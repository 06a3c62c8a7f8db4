package attack

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/productkit"
	"github.com/annexhq/annex/test/uikit/client"
)

// studio is an authorization server and the service behind it, as strict as they have to be:
// one client with a secret, PKCE with S256, codes that count once and at the address that the
// question named, refresh tokens that are replaced when they are used.
type studio struct {
	name       string // login.NAME.example and api.NAME.example
	header     string // where its API looks for a token
	mu         sync.Mutex
	codes      map[string]url.Values // the questions to which they belong
	account    string
	access     string
	refresh    string
	serial     int
	registered string                  // the only address to which it sends people back; any when ""
	iss        string                  // named in its answers, none when ""
	asked      []url.Values            // of the token endpoint
	revoked    []string                // tokens
	api        []*http.Request         // what came to the API
	while      func()                  // what happens while a code is redeemed
	echo       bool                    // the API says what it was sent
	leads      string                  // where the token endpoint redirects to
	forward    func(url.Values) string // where the authorization endpoint sends people instead
}

func newStudio(t *testing.T, p *people, name, header string) *studio {
	s := &studio{name: name, header: header, codes: map[string]url.Values{}, account: "1"}
	login := http.NewServeMux()
	login.HandleFunc("GET /authorize", s.authorize)
	login.HandleFunc("POST /token", s.token)
	login.HandleFunc("POST /revoke", func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.revoked = append(s.revoked, r.FormValue("token"))
	})
	p.Host(t, "login."+name+".example", login)
	p.Host(t, "api."+name+".example", http.HandlerFunc(s.serve))
	return s
}

func (s *studio) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	if s.forward != nil {
		http.Redirect(w, r, s.forward(q), http.StatusSeeOther)
		return
	}
	back := q.Get("redirect_uri")
	if q.Get("response_type") != "code" || q.Get("client_id") != "annex-at-"+s.name || q.Get("code_challenge_method") != "S256" || len(q.Get("state")) < 43 ||
		s.registered != "" && back != s.registered {
		http.Error(w, "malformed question", http.StatusBadRequest)
		return
	}
	s.serial++
	code := fmt.Sprintf("code-%s-%d", s.name, s.serial)
	s.codes[code] = q
	to := url.Values{"code": {code}, "state": {q.Get("state")}}
	if s.iss != "" {
		to.Set("iss", s.iss)
	}
	http.Redirect(w, r, back+"?"+to.Encode(), http.StatusSeeOther)
}

func (s *studio) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	while := s.while
	s.mu.Unlock()
	if while != nil {
		while()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	s.asked = append(s.asked, r.PostForm)
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
	}
	if s.leads != "" {
		http.Redirect(w, r, s.leads, http.StatusTemporaryRedirect)
		return
	}
	if user, pass, _ := r.BasicAuth(); user != "annex-at-"+s.name || pass != "secret-of-"+s.name {
		refuse("invalid_client")
		return
	}
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		q := s.codes[r.PostFormValue("code")]
		delete(s.codes, r.PostFormValue("code"))
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if q == nil || q.Get("redirect_uri") != r.PostFormValue("redirect_uri") || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			refuse("invalid_grant")
			return
		}
	case "refresh_token":
		if r.PostFormValue("refresh_token") != s.refresh {
			refuse("invalid_grant")
			return
		}
	default:
		refuse("unsupported_grant_type")
		return
	}
	s.serial++
	s.access, s.refresh = fmt.Sprintf("access-%s-%d-0123456789abcdef", s.name, s.serial), fmt.Sprintf("refresh-%s-%d-0123456789abcdef", s.name, s.serial)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.access, "refresh_token": s.refresh, "expires_in": 3600, "token_type": "bearer"})
}

func (s *studio) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.api = append(s.api, r)
	given := strings.TrimPrefix(r.Header.Get(s.header), "Bearer ")
	if given != s.access || s.access == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.echo {
		w.Header().Set("X-Echo", given)
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "%s %s %s", given, url.QueryEscape("Bearer "+given), base64.StdEncoding.EncodeToString([]byte("x"+given)))
		return
	}
	if r.URL.Path == "/v1/elsewhere" {
		http.Redirect(w, r, "https://other.example/"+url.QueryEscape(r.URL.RawQuery), http.StatusTemporaryRedirect)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"user": map[string]string{"id": s.account, "name": "Alice of " + s.name}})
}

// took is what came to the API since it was asked last.
func (s *studio) took() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.api
	s.api = nil
	return out
}

func (s *studio) exchanges() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// set changes how it behaves.
func (s *studio) set(change func(*studio)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// visit is a person's click there; it gives where they are sent.
func (s *studio) visit(t *testing.T, address string) (back string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host != "login."+s.name+".example" || u.Scheme != "https" {
		t.Fatalf("sent to %q", address)
	}
	w := httptest.NewRecorder()
	s.authorize(w, httptest.NewRequestWithContext(t.Context(), "GET", u.RequestURI(), nil))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%s: %d %s", address, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// spender uses accounts of people at other services, and tries what it is told to.
const spender = `
const { default: Resolver } = __annex_require("@annex/resolver");
const { asUser, fetch } = __annex_require("@annex/api");
async function use({ provider = "music", remote, account, path = "me", method, headers, body, redirect }) {
  const p = asUser().withProvider(provider, remote);
  if (!(await p.hasCredentials())) await p.requestCredentials();
  const res = await (account ? p.asAccount(account) : p).fetch(path, { method, headers, body, redirect });
  return { status: res.status, text: await res.text(), headers: Object.fromEntries(res.headers) };
}
async function tried(what) {
  try { return await what(); } catch (err) { return { rejected: true, status: err.status, code: err.code, text: String(err.stack) + JSON.stringify(err) }; }
}
const attempt = ({ payload }) => tried(() => use(payload));
const plain = attempt;
const bare = ({ payload }) => tried(async () => { const res = await fetch(payload.url, payload); return { status: res.status, text: await res.text() }; });
const searched = ({ payload }) => tried(async () => {
  const p = asUser().withProvider("music");
  globalThis.kept = [p, await p.fetch("me"), await p.listAccounts(), await p.getAccount(), use];
  return { text: JSON.stringify(search()) };
});
const r = new Resolver();
r.define("use", ({ payload }) => use(payload));
const resolver = r.getDefinitions();
` + searcher

const vaultProviders = `remotes:
  - {key: login, baseUrl: "https://login.music.example"}
  - {key: api, baseUrl: "https://api.music.example/v1"}
  - {key: shop-login, baseUrl: "https://login.shop.example"}
  - {key: shop-api, baseUrl: "https://api.shop.example/v1"}
  - {key: other, baseUrl: "https://other.example"}
providers:
  auth:
    - key: music
      name: Music
      type: oauth2
      clientId: annex-at-music
      scopes: [read, write]
      remotes: [api]
      bearerMethod: authorization-header
      actions:
        authorization: {remote: login, path: /authorize}
        exchange: {remote: login, path: /token, useBasicAuth: true}
        revokeToken: {remote: login, path: /revoke}
        retrieveProfile: {remote: api, path: me, resolvers: {id: user.id, displayName: user.name}}
    - key: shop
      name: Shop
      type: oauth2
      clientId: annex-at-shop
      scopes: [buy]
      remotes: [shop-api]
      bearerMethod: {type: authorization-header, parameter: X-Shop-Token}
      actions:
        authorization: {remote: shop-login, path: /authorize}
        exchange: {remote: shop-login, path: /token, useBasicAuth: true}
        retrieveProfile: {remote: shop-api, path: me, resolvers: {id: user.id, displayName: user.name}}
`

// vault is a deployment with an app that uses accounts at two services.
type vault struct {
	*asked
	music, shop *studio
	source      source
}

func newVault(t *testing.T) *vault {
	t.Helper()
	p := newPeople(t)
	v := &vault{music: newStudio(t, p, "music", "Authorization"), shop: newStudio(t, p, "shop", "X-Shop-Token")}
	p.Host(t, "other.example", canary(t))
	v.source = source{
		also: []string{"resolver", "attempt", "bare", "searched", "plain"}, uses: []string{"music", "shop"}, code: spender, after: vaultProviders,
		egress:     []string{"login.music.example", "api.music.example", "login.shop.example", "api.shop.example", "other.example"},
		modules:    "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      resource: main\n      render: native\n      resolver:\n        function: resolver\n",
		interfaces: map[string]string{"main": "const React = __annex_require(\"react\"); const { default: F, Text } = __annex_require(\"@annex/react\"); F.render(React.createElement(Text, null, \"x\"));"},
	}
	v.asked = &asked{p, p.deploy("development", v.source)}
	for _, name := range []string{"music", "shop"} {
		v.api("PUT", "/api/v1/apps/"+v.at.app+"/environments/development/providers/"+name, v.at.developer, map[string]string{"secret": "secret-of-" + name}).must(t)
	}
	return v
}

// callback is the address to which a provider sends people back.
func (v *vault) callback(provider string) string {
	v.t.Helper()
	var out struct {
		Providers []struct{ Key, RedirectURI string }
	}
	v.api("GET", "/api/v1/apps/"+v.at.app+"/environments/development/providers", v.at.developer, nil).must(v.t).into(v.t, &out)
	for _, p := range out.Providers {
		if p.Key == provider {
			return p.RedirectURI
		}
	}
	v.t.Fatal(out)
	return ""
}

// panel is a page of the product with the app's panel, for a person that it names.
func (v *vault) panel(user string) *client.Page {
	v.t.Helper()
	u := v.user(user)
	signed, err := productkit.SignPanel(v.Tracker.Key(), productkit.Panel{User: u, Module: "tracker:issuePanel", Extension: map[string]any{"issue": map[string]any{"key": "TR-1"}}})
	if err != nil {
		v.t.Fatal(err)
	}
	page := &client.Page{T: v.t, Server: v.System.Listener.Addr().String(), Host: v.ui}
	_, _, text := page.Ask("POST", "/bridge/session", map[string]any{"panel": signed})
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Token == "" {
		v.t.Fatal(text)
	}
	page.Token = made.Token
	return page
}

// use is a call of the panel's resolver, as its page makes it.
func (v *vault) use(panel *client.Page, payload map[string]any) (code, text string) {
	v.t.Helper()
	_, code, text = panel.Ask("POST", "/bridge/invoke", map[string]any{"module": v.at.installation + "/panel", "functionKey": "use", "payload": payload})
	return code, text
}

// link is the address of the page that connects an account, as the panel's own page gets it.
func (v *vault) link(panel *client.Page, provider string) string {
	v.t.Helper()
	_, _, text := panel.Ask("POST", "/bridge/connect", map[string]any{"module": v.at.installation + "/panel", "provider": provider, "open": true})
	var out struct {
		Connected bool
		URL       string
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.URL == "" || out.Connected {
		v.t.Fatal(text)
	}
	return out.URL
}

// goOn is the click on the page that says what is connected; it gives the provider's address.
func (v *vault) goOn(b *browser, ask page, provider string) string {
	v.t.Helper()
	if ask.status != http.StatusOK || !strings.Contains(ask.body, `data-annex-connect="`+provider+`"`) {
		v.t.Fatalf("%s: %d %s", ask.url, ask.status, ask.body)
	}
	form := url.Values{}
	if provider == "music" {
		form["scope"] = []string{"read", "write"}
	}
	leave := b.post(ask, ask.url.Path, form)
	to := html.UnescapeString(found(leave.body, `data-annex-leave href="([^"]*)"`))
	if leave.status != http.StatusOK || to == "" {
		v.t.Fatalf("%d %s", leave.status, leave.body)
	}
	return to
}

// begun goes as far as the way back from a provider, without going it.
func (v *vault) begun(b *browser, user, provider string) (back string) {
	v.t.Helper()
	to := v.goOn(b, b.get(v.link(v.panel(user), provider)), provider)
	return v.studio(provider).visit(v.t.(*testing.T), to)
}

func (v *vault) studio(name string) *studio {
	if name == "shop" {
		return v.shop
	}
	return v.music
}

// connect goes the whole way.
func (v *vault) connect(b *browser, user, provider string) {
	v.t.Helper()
	if p := b.get(v.begun(b, user, provider)); p.status != http.StatusOK || p.url.Path != "/my/accounts" || !strings.Contains(p.body, "connected just now") {
		v.t.Fatalf("%s: %d %s", p.url, p.status, p.body)
	}
}

// accounts are those that a user has connected, by provider.
func (v *vault) accounts(user string) (out []string) {
	v.t.Helper()
	u := v.user(user)
	all, err := v.System.Providers.OfUser(v.t.Context(), id.Principal{Kind: id.EndUser, Site: id.Site(u.Site), Product: id.Product(u.Product), User: id.User(user)})
	if err != nil {
		v.t.Fatal(err)
	}
	for _, a := range all {
		out = append(out, a.Provider)
	}
	slices.Sort(out)
	return out
}

// holds reports which of the service's credentials stands in what the app has.
func (s *studio) holds(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range []string{s.access, s.refresh, "secret-of-" + s.name} {
		if secret != "" && strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}
