package trigger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// deadline is how long a web trigger's function may take.
const deadline = 55 * time.Second

// ServeHTTP serves a request whose Host is a trigger's address.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Content-Security-Policy"] = closedHeader
	h["X-Content-Type-Options"] = nosniffHeader

	t, err := s.target(r.Context(), r)
	if err != nil {
		s.fail(w, r, nil, nil, err)
		return
	}
	c, err := s.call(w, r, t)
	if refusal, ok := errors.AsType[*refusal](err); ok {
		s.refuse(w, r, &t, refusal)
		return
	}
	if err != nil {
		s.fail(w, r, &t, nil, err)
		return
	}
	res, err := s.invoke(r, &t, c)
	if err != nil {
		s.fail(w, r, &t, c, err)
		return
	}
	a, err := s.answer(t.module, res)
	if err != nil {
		s.fail(w, r, &t, c, err)
		return
	}
	// Only what the app says is a page of its own; what is refused looks the same everywhere.
	h["Content-Security-Policy"] = s.pageNow(r.Context(), t.place.install)
	a.write(w)
}

// invoke runs the call. It runs to its end or deadline even if the client goes away:
// a webhook's sender that gives up after a second must not leave half of the app's
// work done.
func (s *Service) invoke(r *http.Request, t *target, c *call.Call) (call.Result, error) {
	ctx := context.WithoutCancel(r.Context())
	res, err := s.cfg.Invoker.Invoke(ctx, c)
	if err == nil || fault.CodeOf(err) != "VERSION_CHANGED" {
		return res, err
	}
	// Another version began to run between the look-up and the door; ask once more.
	now, lost := s.target(ctx, r)
	if lost != nil {
		return call.Result{}, lost
	}
	if now.module.proof() != t.module.proof() {
		return call.Result{}, err // what this request proved is not what is demanded now
	}
	*t = now
	c.Version, c.Function = now.policy.Version, now.module.Function
	return s.cfg.Invoker.Invoke(ctx, c)
}

// target is what a request's address leads to now.
type target struct {
	place  place
	policy *call.Policy
	module Module
}

// target looks up the address, the policy and the module. Whatever is missing, the
// outside learns only that there is nothing.
func (s *Service) target(ctx context.Context, r *http.Request) (target, error) {
	trigger, ok := s.ofHost(r.Host)
	if !ok {
		return target{}, notFound()
	}
	// A browser marks the fetch of a service worker's script; no answer of an app may
	// become one, since it would outlive a revocation.
	if r.Header.Get("Service-Worker") != "" {
		return target{}, notFound()
	}
	at, err := s.seen.find(ctx, trigger)
	if err != nil {
		if isNoRows(err) {
			return target{}, notFound()
		}
		return target{}, fault.Op("trigger.find", err)
	}
	p, err := s.cfg.Policies.Policy(ctx, at.install)
	if err != nil {
		return target{}, fault.Op("trigger.policy", err)
	}
	m, err := s.cfg.Modules.WebTrigger(ctx, p.Version, at.module)
	if err != nil {
		return target{}, fault.Op("trigger.module", err)
	}
	if p.Install != at.install || p.Site != at.site || !granted(p, m, at.module) {
		return target{}, notFound()
	}
	return target{place: at, policy: p, module: m}, nil
}

func (s *Service) call(w http.ResponseWriter, r *http.Request, t target) (*call.Call, error) {
	body, err := s.proven(w, r, t)
	if err != nil {
		return nil, err
	}
	return &call.Call{
		Kind:         call.WebTrigger,
		Version:      t.policy.Version,
		Installation: t.place.install,
		Module:       t.place.module,
		Function:     t.module.Function,
		Principal:    id.Principal{Kind: id.Application, Site: t.place.site, App: t.policy.App, Install: t.place.install},
		Context:      contextOf(r, carries[t.module.proof()]),
		Payload:      body,
		ContentType:  r.Header.Get("Content-Type"),
		TunnelKey:    tunnelKey(r),
		Deadline:     s.cfg.Now().Add(deadline),
	}, nil
}

// tunnelHeader has a developer's tunnel run the request, if its value is the tunnel's key. No
// function gets it: whoever reads an app's requests has no business with what runs them.
const tunnelHeader = "Annex-Tunnel"

// tunnelKey is what a request says of a tunnel; what says several keys has none that opens one.
func tunnelKey(r *http.Request) string { return strings.Join(r.Header[tunnelHeader], ",") }

// body reads the request's raw body. Memory follows what has arrived, not what the
// header announces.
func (s *Service) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > s.cfg.MaxBody {
		return nil, tooLarge(s.cfg.MaxBody)
	}
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	reader := http.MaxBytesReader(w, r.Body, s.cfg.MaxBody)
	if n := r.ContentLength; n > 0 && n <= 64<<10 {
		body := make([]byte, n)
		_, err := io.ReadFull(reader, body)
		return body, readError(err, s.cfg.MaxBody)
	}
	var buf bytes.Buffer
	_, err := buf.ReadFrom(reader)
	return buf.Bytes(), readError(err, s.cfg.MaxBody)
}

func readError(err error, limit int64) error {
	if err == nil {
		return nil
	}
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	return fault.New(fault.Usage, "BODY_INCOMPLETE", "the request's body ended early").Because(err)
}

func tooLarge(limit int64) error {
	return fault.New(fault.Limit, "LIMIT_REQUEST_BODY", "a request to a web trigger may have a body of %d bytes", limit).
		With("limit", "request body").With("figure", limit)
}
