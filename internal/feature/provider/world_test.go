package provider_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/manifest"
)

const manifestText = `
app: {id: "ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001", runtime: {name: nodejs22.x}}
permissions: {scopes: [], external: {fetch: {backend: [login.music.example, api.music.example, other.example]}}}
remotes:
  - {key: login, baseUrl: "https://login.music.example"}
  - {key: api, baseUrl: "https://api.music.example/v1"}
  - {key: other, baseUrl: "https://other.example"}
providers:
  auth:
    - key: music
      name: Music
      type: oauth2
      clientId: annex-app
      scopes: [read, write]
      remotes: [api]
      bearerMethod: authorization-header
      actions:
        authorization: {remote: login, path: /authorize, queryParameters: {access_type: offline, state: mine}, additionalConsentParameters: {prompt: consent}}
        exchange: {remote: login, path: /token, useBasicAuth: true, resolvers: {accessToken: access_token, refreshToken: refresh_token}}
        revokeToken: {remote: login, path: /revoke}
        retrieveProfile: {remote: api, path: me, resolvers: {id: user.id, displayName: user.name}}
modules:
  function:
    - {key: use, handler: index.use, providers: {auth: [music]}}
    - {key: plain, handler: index.plain}
`

var (
	developer = id.Principal{Kind: id.Developer, Account: "dev"}
	admin     = id.Principal{Kind: id.SiteAdmin, Site: "s", Account: "tracker/root"}
	alice     = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "alice"}
	bob       = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "bob"}
)

// music is a provider, as strict as one has to be.
type music struct {
	*httptest.Server
	mu         sync.Mutex
	challenges map[string]string // by code
	refresh    string            // the one that counts
	access     string
	refreshes  int
	revoked    []string
	asked      []url.Values // for tokens of a client
	life       int
	serial     int
	account    string
	fail       string        // an error of the token endpoint
	redirect   string        // where the token endpoint sends to
	lose       bool          // the answer of a refresh gets lost
	gate       chan struct{} // a refresh waits for it
	scope      string        // that it says it granted
	seen       []*http.Request
	serve      http.HandlerFunc // in place of its API
}

func newMusic(t *testing.T) *music {
	m := &music{challenges: map[string]string{}, life: 3600, account: "1"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", m.token)
	mux.HandleFunc("POST /revoke", func(_ http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.revoked = append(m.revoked, r.FormValue("token"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.seen = append(m.seen, r)
		if m.serve != nil {
			m.serve(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+m.access {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(w, `{"user": {"id": %q, "name": "Alice of Music"}, "path": %q}`, m.account, r.URL.RequestURI())
	})
	m.Server = httptest.NewServer(mux)
	t.Cleanup(m.Close)
	return m
}

func (m *music) token(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	gate := m.gate
	m.mu.Unlock()
	if gate != nil {
		<-gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "echo " + r.FormValue("refresh_token")})
	}
	if m.redirect != "" {
		http.Redirect(w, r, m.redirect, http.StatusTemporaryRedirect)
		return
	}
	if m.fail != "" {
		refuse(m.fail)
		return
	}
	if user, pass, _ := r.BasicAuth(); user != "annex-app" || pass != "client-secret-x" {
		refuse("invalid_client")
		return
	}
	switch r.FormValue("grant_type") {
	case "client_credentials":
		m.asked = append(m.asked, r.PostForm)
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		challenge, ok := m.challenges[r.FormValue("code")]
		if !ok || challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || !strings.HasPrefix(r.FormValue("redirect_uri"), "https://ui/oauth/cb/") {
			refuse("invalid_grant")
			return
		}
		delete(m.challenges, r.FormValue("code"))
	case "refresh_token":
		m.refreshes++
		if r.FormValue("refresh_token") != m.refresh {
			refuse("invalid_grant")
			return
		}
	default:
		refuse("unsupported_grant_type")
		return
	}
	if m.lose {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	m.serial++
	m.access, m.refresh = fmt.Sprintf("access-%d-%s", m.serial, m.account), fmt.Sprintf("refresh-%d-%s", m.serial, m.account)
	out := map[string]any{"access_token": m.access, "refresh_token": m.refresh, "expires_in": m.life, "token_type": "bearer"}
	if m.scope != "" {
		out["scope"] = m.scope
	}
	_ = json.NewEncoder(w).Encode(out)
}

// agree is the click at the provider.
func (m *music) agree(t *testing.T, authorize string) (q url.Values, code string) {
	t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		t.Fatal(err)
	}
	q = u.Query()
	if u.Host != "login.music.example" || q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "annex-app" || q.Get("response_type") != "code" ||
		len(q.Get("state")) < 43 || q.Get("access_type") != "offline" {
		t.Fatalf("asked with %v", q)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	code = fmt.Sprint("code-", len(m.challenges), "-", m.serial)
	m.challenges[code] = q.Get("code_challenge")
	return q, code
}

// wire takes the broker's place: every host is the fake one, and what went where is noted.
type wire struct {
	music *music
	mu    sync.Mutex
	went  []string // "origin path"
	tried []provider.Attempt
	to    provider.Destination // of the last request of an app
	down  bool
}

// Refused implements provider.Broker.
func (w *wire) Refused(_ context.Context, _ *call.Policy, _ *call.Call, tried provider.Attempt, _ call.Request, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tried = append(w.tried, tried)
	return err
}

func (w *wire) send(ctx context.Context, to provider.Destination, method, path string, headers [][2]string, body []byte) (exchange.Answer, error) {
	u, err := hostrule.JoinPath(to.Base, path)
	if err != nil {
		return exchange.Answer{}, err
	}
	w.mu.Lock()
	w.went = append(w.went, u.Origin()+u.Path)
	down := w.down
	w.mu.Unlock()
	if down {
		return exchange.Answer{}, fault.New(fault.Unavailable, "FETCH_FAILED", "it is down")
	}
	if method == "" {
		method = "GET"
	}
	r, err := http.NewRequestWithContext(ctx, method, w.music.URL+u.Path+u.Query, bytes.NewReader(body))
	if err != nil {
		return exchange.Answer{}, err
	}
	for _, kv := range headers {
		r.Header.Set(kv[0], kv[1])
	}
	if to.Inject != nil {
		if err := to.Inject(r); err != nil {
			return exchange.Answer{}, err
		}
	}
	return exchange.Do(ctx, http.DefaultTransport, r, exchange.Options{Name: "music", MaxBody: 1 << 20, Slow: time.Minute, Secrets: to.Secrets})
}

func (w *wire) Fetch(ctx context.Context, _ *call.Policy, _ *call.Call, to provider.Destination, req call.Request) (call.Reply, error) {
	var h struct {
		URL, Method string
		Headers     [][2]string
	}
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return call.Reply{}, err
	}
	w.mu.Lock()
	w.to = to
	w.mu.Unlock()
	a, err := w.send(ctx, to, h.Method, h.URL, h.Headers, req.Body)
	if err != nil {
		return call.Reply{}, err
	}
	head, err := json.Marshal(map[string]any{"status": a.Status})
	return call.Reply{Head: head, Body: a.Body}, err
}

func (w *wire) GiveUp(*call.Call, call.Reply) {}

func (w *wire) Ask(ctx context.Context, _ *call.Policy, _ *call.Call, to provider.Destination, ask provider.Ask) (exchange.Answer, error) {
	return w.send(ctx, to, ask.Method, ask.Path, ask.Headers, ask.Body)
}

// world is a service on installations of one app: on tracker and wiki, which know people by
// the same directory, and on alone, which does not, all of site s; and one of site s2.
type world struct {
	*provider.Service
	t        *testing.T
	music    *music
	wire     *wire
	manifest *manifest.Manifest
	mu       sync.Mutex
	now      time.Time
	ended    bool // the installation elsewhere
	jobs     []jobs.Job
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) Policy(_ context.Context, install id.Install) (*call.Policy, error) {
	p := &call.Policy{Install: install, Site: "s", Product: id.Product(strings.TrimPrefix(string(install), "on-")), App: "app", Environment: "env", Version: "v", Set: w.manifest.Permissions()}
	if install == "on-s2" {
		p.Site, p.Product = "s2", "tracker"
	}
	var err error
	p.Scope, err = tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: p.Site})
	return p, err
}

func (w *world) Manifest(context.Context, id.Version) (*manifest.Manifest, error) {
	return w.manifest, nil
}

func (w *world) Owned(_ context.Context, p id.Principal, _ id.App, _ string) (id.Env, *manifest.Manifest, error) {
	if p.Account != "dev" {
		return "", nil, fault.New(fault.Denied, "NOT_YOURS", "no")
	}
	return "env", w.manifest, nil
}

func (w *world) Elsewhere(context.Context, id.Env, id.Site, id.Install) (bool, error) {
	return !w.ended, nil
}

func (w *world) Directory(_ context.Context, product id.Product) (string, error) {
	if product == "alone" {
		return "product:alone", nil
	}
	return "directory:corp", nil
}

func (w *world) Invoke(_ context.Context, c *call.Call) (call.Result, error) {
	var in struct {
		Status int
		Body   struct{ User struct{ ID, Name string } }
	}
	if err := json.Unmarshal(c.Payload, &in); err != nil || in.Status != 200 || strings.Contains(string(c.Payload), "access-") {
		return call.Result{}, fmt.Errorf("%s: %w", c.Payload, err)
	}
	return call.Result{Body: []byte(`{"id":"f` + in.Body.User.ID + `","displayName":"by ` + c.Function + `"}`)}, nil
}

func (w *world) Enqueue(_ context.Context, list ...jobs.Job) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs = append(w.jobs, list...)
	return nil
}

// work runs what was put off.
func (w *world) work() (left int) {
	w.mu.Lock()
	all := w.jobs
	w.jobs = nil
	w.mu.Unlock()
	for _, j := range all {
		j.Attempt++
		if w.Run(w.t.Context(), j).Next == jobs.Again {
			_ = w.Enqueue(w.t.Context(), j)
			left++
		}
	}
	return left
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), append(append([]db.Migration{}, audit.Migrations...), provider.Migrations...)); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring.json"), true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, music: newMusic(t), now: time.Now()}
	w.wire = &wire{music: w.music}
	w.declare(manifestText)
	w.Service = w.server(d, ring)
	if _, err := w.Configure(t.Context(), developer, "app", "production", "music", "client-secret-x"); err != nil {
		t.Fatal(err)
	}
	return w
}

// server is one of the servers that share the database.
func (w *world) server(d *db.DB, ring *seal.Ring) *provider.Service {
	return provider.New(provider.Config{
		DB: d, Sealer: ring, Audit: audit.New(d, nil), Broker: w.wire, Policies: w, Manifests: w, Apps: w, People: w, Invoker: w, Jobs: w,
		Callback: "https://ui/oauth/cb", Now: w.clock,
	})
}

func (w *world) declare(text string) {
	w.t.Helper()
	m, problems := manifest.Load("manifest.yml", []byte(text), manifest.Options{})
	for _, p := range problems {
		if p.Severity == manifest.Error {
			w.t.Fatal(p)
		}
	}
	w.manifest = m
}

// connect goes the whole way as a user.
func (w *world) connect(user id.Principal, install id.Install, scopes ...string) {
	w.t.Helper()
	sent, err := w.Begin(w.t.Context(), user, install, "music", scopes)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Finish(w.t.Context(), w.back(sent, user)); err != nil {
		w.t.Fatal(err)
	}
}

// back is what the browser brings when its person agreed.
func (w *world) back(sent provider.Sent, user id.Principal) provider.Back {
	w.t.Helper()
	q, code := w.music.agree(w.t, sent.URL)
	return provider.Back{Callback: callbackOf(q), State: q.Get("state"), Code: code, Browser: sent.Browser, User: user}
}

func callbackOf(q url.Values) string {
	return strings.TrimPrefix(q.Get("redirect_uri"), "https://ui/oauth/cb/")
}

// ask makes a host call of a function.
func ask(w *world, s *provider.Service, user id.Principal, install id.Install, function, method string, head map[string]any) (call.Reply, error) {
	p, _ := w.Policy(w.t.Context(), install)
	return under(w, s, p, user, function, method, head)
}

func under(w *world, s *provider.Service, p *call.Policy, user id.Principal, function, method string, head map[string]any) (call.Reply, error) {
	text, err := json.Marshal(head)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &call.Call{ID: "c", Kind: call.UI, Installation: p.Install, Function: function, Principal: user}
	return s.Bind(call.Binding{Call: c, Policy: p})(w.t.Context(), p, call.Request{Method: "provider." + method, Head: text})
}

func (w *world) fetch(user id.Principal, install id.Install, path string) (call.Reply, error) {
	return ask(w, w.Service, user, install, "index.use", "fetch", map[string]any{"provider": "music", "url": path})
}

func want(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("error = %v, want %s", err, code)
	}
}

const needs = "NEEDS_AUTHENTICATION_ERR"
