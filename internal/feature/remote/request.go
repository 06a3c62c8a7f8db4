package remote

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/signer"
)

// Asked is a request to a remote, or to the remote of an endpoint.
type Asked struct {
	Remote   string // key, "" for the endpoint's
	Endpoint string // key of an endpoint module, "" for none
	Path     string // below the remote's URL, with its query
	Method   string // GET when ""
	Headers  [][2]string
	Body     []byte
	Timeout  time.Duration
	Room     call.Room
	// Lasting is for an answer that a function takes piece by piece; nil where it is held whole.
	Lasting call.Room
	// Plain asks for no tokens of the gateway, whatever is declared.
	Plain bool
	// Resolver asks for the endpoint that answers for the module that makes the call.
	Resolver bool
	// Context is what stands around the module, for calls of a front end.
	Context any
}

type head struct {
	Remote    string      `json:"remote"`
	Path      string      `json:"path"`
	Method    string      `json:"method"`
	Headers   [][2]string `json:"headers"`
	TimeoutMs int64       `json:"timeoutMs"`
	Plain     bool        `json:"plain"`
	Resolver  bool        `json:"resolver"`
	// Pieces says that the answer is taken piece by piece where it is long.
	Pieces bool `json:"pieces"`
}

func readAsked(req call.Request) (Asked, error) {
	var h head
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return Asked{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of the request are malformed").Because(err)
	}
	a := Asked{Remote: h.Remote, Path: h.Path, Method: h.Method, Headers: h.Headers, Body: req.Body, Plain: h.Plain, Resolver: h.Resolver,
		Timeout: time.Duration(h.TimeoutMs) * time.Millisecond, Room: req.Room}
	if h.Pieces {
		a.Lasting = req.Lasting
	}
	return a, nil
}

// NoResolver refuses a front end's call of an endpoint that its module does not name.
func NoResolver() error {
	return fault.New(fault.NotFound, "NO_RESOLVER", "no endpoint answers for this module").
		WithFix("name an endpoint as the module's resolver in the manifest: resolver: {endpoint: …}")
}

// target is where a request goes, with what it carries.
type target struct {
	remote       perm.Remote
	base         hostrule.URL
	user, system bool // tokens that are declared and granted
}

// find is the remote at its present endpoint. It is decided by the policy alone; rule is the
// one that refused.
func (s *Service) find(p *call.Policy, a *Asked) (t target, rule string, err error) {
	key := a.Remote
	var endpoint perm.Endpoint
	if a.Endpoint != "" {
		var ok bool
		if endpoint, ok = perm.EndpointOf(p.Set, a.Endpoint); !ok {
			return t, NoEndpoint, fault.New(fault.Denied, "INVALID_REMOTE_ERR", "the app has no endpoint %.64q, or it was not granted", a.Endpoint).
				WithFix("declare it under modules.endpoint and have the site's admin grant it")
		}
		key = endpoint.Remote
	}
	granted, ok := perm.RemoteOf(p.Set, key)
	if t.remote = granted; !ok {
		t.remote.Key = key
		if slices.Contains(p.Slots, key) {
			return t, NoAddress, notConfigured(key)
		}
		return t, NoRemote, fault.New(fault.Denied, "INVALID_REMOTE_ERR", "the app has no remote %.64q, or it was not granted", key).
			WithFix("declare it under remotes and have the site's admin grant it")
	}
	url := perm.URLOf(p.Set, key)
	if url == "" {
		return t, NoAddress, notConfigured(key)
	}
	if t.base, err = hostrule.ParsePrivateURL(url); err != nil {
		return t, NoAddress, notConfigured(key)
	}
	// Plain http and what is not public stand on a grant, and end with it.
	if _, err := hostrule.ParseBaseURL(url); err != nil && p.NetworkFor(key, t.base.Host, t.base.Port, s.Now()) == nil {
		return t, NoNetwork, notConfigured(key)
	}
	t.user, t.system = t.remote.UserToken, t.remote.SystemToken
	if a.Endpoint != "" {
		t.user, t.system = endpoint.UserToken, endpoint.SystemToken
		if a.Path == "" {
			a.Path = endpoint.Path
		}
	}
	t.user = t.user && !a.Plain && perm.HasScope(p.Set, userScope)
	t.system = t.system && !a.Plain && perm.HasScope(p.Set, systemScope)
	return t, "", nil
}

// The scopes without which a remote gets no token for the gateway.
const (
	userScope   = "read:app-user-token"
	systemScope = "read:app-system-token"
)

func notConfigured(key string) error {
	return fault.New(fault.Denied, "REMOTE_NOT_CONFIGURED", "no URL is set for the remote %.64q", key).
		WithFix("a site's admin sets it: the app asks with permissions.remote.setRemote, or `annex remote set`").With("remote", key)
}

// Request makes one request to a remote for a call.
func (s *Service) Request(ctx context.Context, p *call.Policy, c *call.Call, a Asked) (call.Reply, error) {
	if a.Method = strings.ToUpper(a.Method); a.Method == "" {
		a.Method = http.MethodGet
	}
	t, rule, err := s.find(p, &a)
	if a.Path != "" && a.Path[0] != '/' {
		a.Path = "/" + a.Path
	}
	tried := Attempt{Remote: t.remote.Key, Endpoint: a.Endpoint, Path: a.Path, Method: a.Method, Headers: a.Headers, Body: a.Body, Rule: rule}
	if err != nil {
		if rule == NoNetwork {
			tried.Origin = t.base.Origin()
		}
		return call.Reply{}, fault.Op("remote.Request", s.Broker.Refused(ctx, p, c, tried, err))
	}
	u, err := hostrule.JoinRoute(t.base, a.Path)
	if err != nil {
		tried.Origin, tried.Rule = t.base.Origin(), BadRoute
		return call.Reply{}, fault.Op("remote.Request", s.Broker.Refused(ctx, p, c, tried,
			fault.New(fault.Usage, "INVALID_ARGUMENT", "the path of the request is refused: %v", err)))
	}
	inject, use, err := s.carry(ctx, p, c, t, a, u)
	if err != nil {
		return call.Reply{}, fault.Op("remote.Request", err)
	}
	return s.Broker.Send(ctx, p, c, Outgoing{Remote: t.remote.Key, Endpoint: a.Endpoint, Base: t.base, Path: a.Path, Method: a.Method, Headers: a.Headers, Body: a.Body,
		Timeout: a.Timeout, Room: a.Room, Lasting: a.Lasting, Inject: inject, Secrets: use.Hidden, As: use.As})
}

// The headers that a remote finds its tokens in.
const (
	// InvocationHeader has the invocation token where a credential takes Authorization.
	InvocationHeader = "X-Annex-Invocation-Token"
	userHeader       = "X-Forge-Oauth-User"
	systemHeader     = "X-Forge-Oauth-System"
	traceHeader      = "X-B3-Traceid"
	spanHeader       = "X-B3-Spanid"
)

// carry makes what the request proves itself with; use is the credential's part of it, and
// hides all that is secret. All of it is for this endpoint alone.
func (s *Service) carry(ctx context.Context, p *call.Policy, c *call.Call, t target, a Asked, u hostrule.URL) (inject func(*http.Request) error, use credential.Use, err error) {
	u.Query = ""
	token, err := s.Signer.Invocation(ctx, signer.Invocation{
		Audience: audience(p, t), App: s.app(p, c, t.remote.Key), Context: a.Context, Principal: present(c, p),
		Remote: t.remote.Key, URL: u.String(), Method: a.Method,
	})
	if err != nil {
		return nil, use, err
	}
	headers := map[string]string{traceHeader: c.Trace}
	if len(c.Trace) >= 16 {
		headers[spanHeader] = c.Trace[:16]
	}
	secrets := [][]byte{[]byte(token)}
	for header, on := range map[string]bool{userHeader: t.user && present(c, p) != "", systemHeader: t.system} {
		if !on {
			continue
		}
		opaque, err := s.token(p, t, header == userHeader, c)
		if err != nil {
			return nil, use, err
		}
		headers[header] = opaque
		secrets = append(secrets, []byte(opaque))
	}
	if use, err = s.credential(ctx, p, c, t); err != nil {
		return nil, use, err
	}
	use.Hidden = append(secrets, use.Hidden...)
	return func(r *http.Request) error {
		for _, name := range []string{InvocationHeader, userHeader, systemHeader} {
			r.Header.Del(name) // nobody else says who calls
		}
		for name, value := range headers {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if use.Put != nil {
			if err := use.Put(r); err != nil {
				return err
			}
		}
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		} else {
			r.Header.Set(InvocationHeader, token)
		}
		return nil
	}, use, nil
}

// audience is whom the invocation token is for: the app, where its developer said where the
// remote is; the endpoint, where an admin did.
func audience(p *call.Policy, t target) string {
	if t.remote.Configurable {
		return t.base.Origin()
	}
	return "ari:cloud:ecosystem::app/" + string(p.App)
}

// present is the user in front of the page, "" for none.
func present(c *call.Call, p *call.Policy) string {
	if c.Principal.Kind != id.EndUser || c.Principal.Product != p.Product || c.Principal.Site != p.Site {
		return ""
	}
	return string(c.Principal.User)
}

// app is the claim of that name.
func (s *Service) app(p *call.Policy, c *call.Call, remote string) map[string]any {
	var facts struct {
		InstallationARI string `json:"installationAri"`
		EnvironmentARI  string `json:"environmentAri"`
	}
	_ = json.Unmarshal(s.Facts(p), &facts) // made by this server
	api := s.apiBase(p.Install, remote)
	return map[string]any{
		"id": "ari:cloud:ecosystem::app/" + string(p.App), "appVersion": p.Number, "installationId": facts.InstallationARI, "apiBaseUrl": api,
		"environment":  map[string]any{"type": p.EnvType, "id": facts.EnvironmentARI},
		"module":       map[string]any{"type": string(c.Kind), "key": c.Module},
		"installation": map[string]any{"id": facts.InstallationARI, "contexts": []any{map[string]any{"name": string(p.Product), "apiBaseUrl": api, "cloudId": p.Site}}},
	}
}

func (s *Service) apiBase(install id.Install, remote string) string {
	return s.Gateway + "/gateway/" + string(install) + "/" + remote
}

// ContextOf is the context claim of a call that a front end made.
func ContextOf(c *call.Call, siteURL string) any {
	var all map[string]any
	if json.Unmarshal(c.Context, &all) != nil {
		return nil
	}
	out := map[string]any{"cloudId": c.Site, "siteUrl": siteURL}
	for _, name := range []string{"moduleKey", "localId", "extension"} {
		if v, ok := all[name]; ok {
			out[name] = v
		}
	}
	return out
}
