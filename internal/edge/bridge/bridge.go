// Package bridge is how apps act for the user who is in front of a product's page. Its
// promise: who the user is, which panel it is and what stands around it comes from what the
// product's back end signed, never from the page; a frame of an app reaches nothing here,
// since it holds no session; and a page of another origin than the product declared reads
// no answer.
//
// It lies on the ui origin, takes no cookie and sets none: a session is a bearer token that
// the shell (or a product's back end) keeps in memory. Every route takes one JSON object,
// strictly, names a module that the session may call, and is counted by session.
package bridge

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

const (
	// maxBody bounds what a page sends to an app's function, with what stands around it.
	maxBody = 600 << 10
	// maxPayload bounds the function's argument itself.
	maxPayload = 500 << 10
	// maxRequest bounds a request to the product, with a file in it as base64.
	maxRequest = 14 << 20
	// maxStreamed bounds one whose body goes on while it arrives. The product's gate bounds
	// that body; this is what bounds a head that never ends.
	maxStreamed = 32 << 20
)

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
	// Facts are what an app may know of its own installation.
	Facts(p *call.Policy) json.RawMessage
}

// Products is the one gate of every request to a product.
type Products interface {
	Bind(b call.Binding) call.Handler
}

// Remotes calls the back ends of apps.
type Remotes interface {
	Bind(b call.Binding) call.Handler
}

// Consents knows what the user has agreed to.
type Consents interface {
	Ask(ctx context.Context, user id.Principal, install id.Install) (consent.Question, error)
}

// Providers knows which accounts at other services the user has connected.
type Providers interface {
	Has(ctx context.Context, user id.Principal, install id.Install, key string, scopes []string) (bool, error)
}

// Hosting knows where an app's own documents lie.
type Hosting interface {
	Origin(install id.Install) string
	Document(ctx context.Context, p *call.Policy, resource string) (string, error)
	IconPath(ctx context.Context, p *call.Policy, module string) string
}

// Config is what the bridge stands on; all of it is required.
type Config struct {
	URL        string // of the ui origin
	Sessions   *session.Service
	Installs   *install.Service
	Registry   *registry.Service
	Tenancy    *tenancy.Service
	Consents   Consents
	Providers  Providers
	Products   Products
	Remotes    Remotes
	Invoker    Invoker
	Interfaces Interfaces
	Hosting    Hosting
	People     People
	Asking     Asking
	Log        *slog.Logger
}

// Bridge serves /bridge/.
type Bridge struct {
	Config
	mux   *http.ServeMux
	turns *turns
}

// New makes the bridge.
func New(cfg Config) *Bridge {
	b := &Bridge{Config: cfg, mux: http.NewServeMux(), turns: newTurns()}
	b.mux.HandleFunc("POST /bridge/session", b.answer(b.open))
	b.mux.HandleFunc("POST /bridge/sign-out", b.answer(b.signOut))
	b.mux.HandleFunc("POST /bridge/shell", b.answer(b.shell))
	b.mux.HandleFunc("POST /bridge/document", b.answer(b.document))
	b.mux.HandleFunc("POST /bridge/link", b.answer(b.link))
	b.mux.HandleFunc("POST /bridge/context", b.answer(b.context))
	b.mux.HandleFunc("POST /bridge/texts", b.answer(b.texts))
	b.mux.HandleFunc("POST /bridge/invoke", b.answer(b.invoke))
	b.mux.HandleFunc("POST /bridge/request", b.answer(b.request))
	b.mux.HandleFunc("POST /bridge/remote", b.answer(b.remote))
	b.mux.HandleFunc("POST /bridge/people", b.answer(b.people))
	b.mux.HandleFunc("POST /bridge/consent", b.answer(b.consent))
	b.mux.HandleFunc("POST /bridge/permissions", b.answer(b.permissions))
	b.mux.HandleFunc("POST /bridge/permissions/outcome", b.answer(b.outcome))
	b.mux.HandleFunc("POST /bridge/connect", b.answer(b.connect))
	b.uiRoutes()
	b.mux.HandleFunc("OPTIONS /bridge/", b.preflight)
	b.mux.HandleFunc("/", b.answer(missing))
	return b
}

// ServeHTTP implements http.Handler.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Origin")
	most := int64(maxBody)
	switch {
	case framed(r):
		most = maxStreamed
	case r.URL.Path == "/bridge/request" || r.URL.Path == "/bridge/remote":
		most = maxRequest
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	b.mux.ServeHTTP(w, r)
}
