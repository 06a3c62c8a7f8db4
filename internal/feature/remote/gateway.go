package remote

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

const (
	perSecond = 50
	burst     = 100
	maxTurns  = 4096
)

// GatewayPath is where the gateway lies on the control origin.
const GatewayPath = "/gateway/"

// turns bounds the requests of each installation's remotes.
type turns struct {
	mu sync.Mutex
	of map[id.Install]*rate.Limiter
}

func (t *turns) take(install id.Install) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of[install]
	if l == nil {
		if t.of == nil || len(t.of) >= maxTurns { // a new allowance for all costs less than a list that grows
			t.of = map[id.Install]*rate.Limiter{}
		}
		l = rate.NewLimiter(perSecond, burst)
		t.of[install] = l
	}
	return l.Allow()
}

// Serve is the gateway: /gateway/{installation}/{remote}/{path of the product's API}. Each
// request is decided afresh, by the one gate of every product call.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if err := s.serve(w, r); err != nil {
		refuse(w, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), GatewayPath)
	install, rest, more := strings.Cut(rest, "/")
	remote, path, _ := strings.Cut(rest, "/")
	if !ok || !more || len(install) > 64 || len(remote) > 64 {
		return refusedToken()
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return refusedToken()
	}
	p, err := s.Policies.Policy(r.Context(), id.Install(install))
	if err != nil {
		if fault.CodeOf(err) == "POLICY_STALE" {
			return err
		}
		return refusedToken()
	}
	f, err := s.open(p, remote, token)
	if err != nil {
		return err
	}
	if !s.turns.take(p.Install) {
		return fault.New(fault.Limit, "LIMIT_GATEWAY", "the remotes of an installation may make %d requests a second", perSecond).
			With("limit", "requests per second").With("figure", perSecond)
	}
	path = "/" + path
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	reply, err := s.act(r.Context(), p, remote, f, path, r)
	if err != nil {
		return err
	}
	return answer(w, reply)
}

// byRemote begins the Function of a call that a remote made; no handler is spelt so.
const byRemote = "remote "

// Behind is the remote that a call of the product came from, with the scope without which it
// would have got no token for it; ok is false for what the app's own code asked.
func Behind(function string, asApp bool) (remote, scope string, ok bool) {
	remote, ok = strings.CutPrefix(function, byRemote)
	if !ok {
		return "", "", false
	}
	if asApp {
		return remote, systemScope, true
	}
	return remote, userScope, true
}

// act makes the request of the product.
func (s *Service) act(ctx context.Context, p *call.Policy, remote string, f tokenFacts, path string, r *http.Request) (call.Reply, error) {
	made, err := uuid.NewV7()
	if err != nil {
		return call.Reply{}, err
	}
	c := &call.Call{ID: id.Invocation(made.String()), Kind: call.Invoke, Installation: p.Install, Site: p.Site, Version: p.Version,
		Function: byRemote + remote, Principal: id.Principal{Kind: id.Application, App: p.App, Install: p.Install, Site: p.Site}}
	as := "app"
	if f.User != "" {
		as = "user"
		c.Kind, c.Principal = call.UI, id.Principal{Kind: id.EndUser, Site: p.Site, Product: p.Product, User: f.User}
	}
	var headers [][2]string
	for name, values := range r.Header {
		if forwarded[name] {
			for _, v := range values {
				headers = append(headers, [2]string{strings.ToLower(name), v})
			}
		}
	}
	text, err := json.Marshal(map[string]any{"product": p.Product, "as": as, "path": path, "method": r.Method, "headers": headers})
	if err != nil {
		return call.Reply{}, err
	}
	req := call.Request{Method: "product.request", Head: text, Streams: true}
	if r.ContentLength != 0 {
		req.Stream, req.Size = r.Body, r.ContentLength
	}
	return s.Products.Bind(call.Binding{Call: c, Policy: p})(ctx, p, req)
}

// forwarded are the headers of a remote's request that go on to the product's gate, which
// takes those that the operation declares.
var forwarded = map[string]bool{"Accept": true, "Accept-Language": true, "Content-Type": true, "If-Match": true, "If-None-Match": true,
	"If-Modified-Since": true, "If-Unmodified-Since": true, "Range": true, "Content-Language": true, "Prefer": true}

// answer passes the product's answer on. One that breaks off when its head has gone breaks
// off for the remote too: an end that looks whole would be a lie.
func answer(w http.ResponseWriter, reply call.Reply) error {
	var first []byte
	if reply.Stream != nil {
		defer func() { _ = reply.Stream.Close() }()
		var err error
		if first, err = beginning(reply.Stream); err != nil {
			return err
		}
	}
	var out struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
	}
	if err := json.Unmarshal(reply.Head, &out); err != nil {
		return err
	}
	for _, kv := range out.Headers {
		switch strings.ToLower(kv[0]) {
		case "set-cookie", "content-security-policy", "cache-control", "x-content-type-options", "strict-transport-security", "clear-site-data",
			"connection", "transfer-encoding", "content-length", "alt-svc", "service-worker-allowed":
		default:
			w.Header().Add(kv[0], kv[1])
		}
	}
	w.WriteHeader(out.Status)
	_, _ = w.Write(append(first, reply.Body...)) // who went away needs no answer
	if reply.Stream != nil {
		if _, err := io.Copy(flushing{w, http.NewResponseController(w)}, reply.Stream); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}

// beginning is the first of a stream, whose errors can still be told in a head.
func beginning(r io.Reader) ([]byte, error) {
	first := make([]byte, 4<<10)
	n, err := r.Read(first)
	for n == 0 && err == nil {
		n, err = r.Read(first)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return first[:n], nil
}

// flushing passes each piece on when it is there.
type flushing struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.c.Flush()
	}
	return n, err
}

func refuse(w http.ResponseWriter, err error) {
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Internal {
		f = fault.New(fault.Internal, "INTERNAL", "something went wrong here")
	}
	status := map[fault.Kind]int{
		fault.Unauthenticated: http.StatusUnauthorized, fault.Denied: http.StatusForbidden, fault.NotFound: http.StatusNotFound,
		fault.Limit: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable, fault.Usage: http.StatusBadRequest,
		fault.Invalid: http.StatusBadRequest, fault.Conflict: http.StatusConflict,
	}[f.Kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": f.Code, "message": f.Public, "fix": f.Fix}})
}
