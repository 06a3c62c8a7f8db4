// Package ask is where an admin decides what an app asks for while it runs: two pages of
// the platform's on the ui origin, one framed by a product's page, one a window of its own.
// Its promise: what is approved is what one of these pages showed to an admin of that site,
// by a press that began on the button while it could be seen, with a right that the product
// vouches for at that moment. No link, no form, no message of a page and no frame of an app
// approves anything.
//
// The framed page (egress-security.md §11, M5 as CONTRACTS 1 reads it) takes no cookie: the
// product's page hands it an assertion to see what is asked, and another one to decide. What
// reaches far is decided in the window, after a fresh sign-in.
package ask

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// Asks keeps what apps ask for; *asking.Service does. A ticket names one question, and is a
// secret of the page that asked.
type Asks interface {
	// Show is what is asked, for the admin that it is asked of and for nobody else.
	Show(ctx context.Context, ticket string, a asking.Admin) (asking.Shown, error)
	// Decide carries out what the admin decided about exactly what was shown.
	Decide(ctx context.Context, d asking.Decision) (asking.Outcome, error)
	// Settled says whether a site's question was decided, or is gone.
	Settled(ctx context.Context, site id.Site, ticket string) (bool, error)
}

// Config is what the pages stand on; all of it is required but Now.
type Config struct {
	URL      string // of the ui origin
	Sessions *session.Service
	Tenancy  *tenancy.Service
	Asks     Asks
	// Asset gives a built file by its name.
	Asset func(name string) ([]byte, error)
	Now   func() time.Time
	Log   *slog.Logger
}

// Pages serves /ask/.
type Pages struct {
	Config
	mux *http.ServeMux
}

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

// New makes the pages.
func New(cfg Config) *Pages {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Pages{Config: cfg, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /ask/static/ask.js", p.file("ask.js", "text/javascript; charset=utf-8"))
	p.mux.HandleFunc("GET /ask/static/ask.css", p.file("ask.css", "text/css; charset=utf-8"))
	p.mux.HandleFunc("GET /ask/modal", p.modal)
	p.mux.HandleFunc("POST /ask/open", p.answer(p.open))
	p.mux.HandleFunc("POST /ask/decide", p.answer(p.decide))
	p.mux.HandleFunc("POST /ask/step", p.answer(p.step))
	p.mux.HandleFunc("POST /ask/settled", p.answer(p.settled))
	p.mux.HandleFunc("GET /ask/window", p.window)
	p.mux.HandleFunc("GET /ask/window/sign-in", p.signIn)
	p.mux.HandleFunc("POST /ask/window/open", p.answer(p.windowOpen))
	p.mux.HandleFunc("POST /ask/window/decide", p.answer(p.windowDecide))
	return p
}

// Serves reports whether a path of the ui origin is one of these pages'.
func Serves(path string) bool { return strings.HasPrefix(path, "/ask/") }

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy(nil))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Origin-Agent-Cluster", "?1")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if strings.HasPrefix(p.URL, "https:") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	p.mux.ServeHTTP(w, r)
}

// policy lets nothing run, load or be sent but the platform's own, and frames the page for
// the ancestors alone.
func policy(ancestors []string) string {
	framed := "'none'"
	if len(ancestors) > 0 {
		framed = strings.Join(slices.Sorted(slices.Values(ancestors)), " ")
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'none'; child-src 'none'; worker-src 'none'; object-src 'none'; " +
		"base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors " + framed
}

// page draws a document; what it knows travels as data, never as script.
func (p *Pages) page(w http.ResponseWriter, r *http.Request, status int, facts any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "ask.html", map[string]any{"Facts": facts}); err != nil {
		p.Log.ErrorContext(r.Context(), "page of an ask", "err", err)
		http.Error(w, "This page could not be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

func (p *Pages) file(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text, err := p.Asset(name)
		if err != nil {
			http.Error(w, "The server was built without its pages: run make build.", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(text)
	}
}
