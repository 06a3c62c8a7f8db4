package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/manifest"
)

const (
	issuer   = "https://login.music.example"
	declared = `
app: {id: "ari:cloud:ecosystem::app/0195d7a8-0000-7000-8000-000000000001", runtime: {name: nodejs22.x}}
permissions: {scopes: [], external: {fetch: {backend: [login.music.example]}}}
remotes:
  - {key: login, baseUrl: "https://login.music.example"}
providers:
  auth:
    - key: music
      name: Music
      type: oauth2
      clientId: annex-app
      issuer: https://login.music.example
      scopes: [openid, profile, offline_access]
      remotes: [login]
      bearerMethod: authorization-header
      actions:
        authorization: {remote: login, path: /auth, queryParameters: {prompt: consent}}
        exchange: {remote: login, path: /token, useBasicAuth: true}
        revokeToken: {remote: login, path: /token/revocation, useBasicAuth: true}
        retrieveProfile: {remote: login, path: /me, resolvers: {id: sub, displayName: name}}
modules:
  function:
    - {key: use, handler: index.use, providers: {auth: [music]}}
`
)

var (
	alice     = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "alice"}
	developer = id.Principal{Kind: id.Developer, Account: "dev"}
)

// place is where a server process works: what it shares with the others.
type place struct {
	Database string `json:"database"`
	Ring     string `json:"ring"`
	Listens  string `json:"listens"` // the authorization server
}

// node is one server's vault of accounts, on the database that all share. What it stands on
// else answers as for one app that is installed for Alice.
type node struct {
	*provider.Service
	db       *db.DB
	manifest *manifest.Manifest
	listens  string
	ahead    time.Duration // of its clock
	later    []jobs.Job
}

func open(ctx context.Context, at place) (*node, error) {
	d, err := db.Open(ctx, db.Config{URL: at.Database, Relaxed: true})
	if err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx, append(append([]db.Migration{}, audit.Migrations...), provider.Migrations...)); err != nil {
		return nil, err
	}
	ring, err := seal.OpenRing(at.Ring, true)
	if err != nil {
		return nil, err
	}
	m, problems := manifest.Load("manifest.yml", []byte(declared), manifest.Options{})
	if m == nil {
		return nil, fmt.Errorf("manifest: %v", problems)
	}
	n := &node{db: d, manifest: m, listens: at.Listens}
	n.Service = provider.New(provider.Config{
		DB: d, Sealer: ring, Audit: audit.New(d, nil), Broker: n, Policies: n, Manifests: n, Apps: n, People: n, Invoker: n, Jobs: n,
		Callback: "https://annex.example/oauth/cb", Now: func() time.Time { return time.Now().Add(n.ahead) },
	})
	return n, nil
}

// Refused implements provider.Broker.
func (n *node) Refused(_ context.Context, _ *call.Policy, _ *call.Call, _ provider.Attempt, _ call.Request, err error) error {
	return err
}

func (n *node) Policy(_ context.Context, install id.Install) (*call.Policy, error) {
	return &call.Policy{Install: install, Site: "s", Product: "tracker", App: "app", Environment: "env", Version: "v", Set: n.manifest.Permissions()}, nil
}

func (n *node) Manifest(context.Context, id.Version) (*manifest.Manifest, error) {
	return n.manifest, nil
}

func (n *node) Owned(context.Context, id.Principal, id.App, string) (id.Env, *manifest.Manifest, error) {
	return "env", n.manifest, nil
}

func (n *node) Elsewhere(context.Context, id.Env, id.Site, id.Install) (bool, error) {
	return true, nil
}

func (n *node) Directory(context.Context, id.Product) (string, error) { return "product:tracker", nil }

func (n *node) Invoke(context.Context, *call.Call) (call.Result, error) { return call.Result{}, nil }

func (n *node) Enqueue(_ context.Context, list ...jobs.Job) error {
	n.later = append(n.later, list...)
	return nil
}

// through leads the provider's name to where it listens, as whatever ends TLS there does.
type through string

func (t through) RoundTrip(r *http.Request) (*http.Response, error) {
	led := r.Clone(r.Context())
	led.Host = r.URL.Host
	led.Header.Set("X-Forwarded-Proto", "https")
	led.URL.Scheme, led.URL.Host = "http", string(t)
	res, err := http.DefaultTransport.RoundTrip(led)
	if err == nil {
		res.Request = r // what it says is relative to the provider's name
	}
	return res, err
}

func (n *node) send(ctx context.Context, to provider.Destination, method, path string, headers [][2]string, body []byte) (exchange.Answer, error) {
	u, err := hostrule.JoinPath(to.Base, path)
	if err != nil {
		return exchange.Answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
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
	return exchange.Do(ctx, through(n.listens), r, exchange.Options{Name: "music", MaxBody: 1 << 20, Slow: time.Minute, Secrets: to.Secrets})
}

// Fetch implements provider.Broker.
func (n *node) GiveUp(*call.Call, call.Reply) {}

func (n *node) Fetch(ctx context.Context, _ *call.Policy, _ *call.Call, to provider.Destination, req call.Request) (call.Reply, error) {
	var h struct{ URL string }
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return call.Reply{}, err
	}
	a, err := n.send(ctx, to, "GET", h.URL, nil, nil)
	if err != nil {
		return call.Reply{}, err
	}
	head, err := json.Marshal(map[string]any{"status": a.Status})
	return call.Reply{Head: head, Body: a.Body}, err
}

// Ask implements provider.Broker.
func (n *node) Ask(ctx context.Context, _ *call.Policy, _ *call.Call, to provider.Destination, ask provider.Ask) (exchange.Answer, error) {
	method := ask.Method
	if method == "" {
		method = "GET"
	}
	return n.send(ctx, to, method, ask.Path, ask.Headers, ask.Body)
}

// use is an app's request as Alice; it reports what the service said of her.
func (n *node) use(ctx context.Context) (string, error) {
	p, err := n.Policy(ctx, "i")
	if err != nil {
		return "", err
	}
	c := &call.Call{ID: "c", Kind: call.UI, Installation: "i", Function: "index.use", Principal: alice}
	reply, err := n.Bind(call.Binding{Call: c, Policy: p})(ctx, p, call.Request{Method: "provider.fetch", Head: []byte(`{"provider":"music","url":"/me"}`)})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(reply.Head) + string(reply.Body)), nil
}
