// Package shell is the platform's frames inside products' pages, on the ui origin: a
// directory of the apps in one place, and for each of them a page of its own under the
// policy of that installation, which holds the app's frame or draws what the app describes.
// Its promise: a product's page needs no policy of its own for an app's frame to reach
// nothing but what the installation was granted; a frame of an app holds no session; and no
// page is framed by anybody but the product's declared pages and the platform itself.
//
// No page here reads a cookie or sets one. What a page may do it is handed over a
// MessageChannel by the page that made it.
package shell

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/manifest"
)

// Hosting knows where an app's own documents lie.
type Hosting interface {
	// Origin is the installation's own, without a slash at its end.
	Origin(install id.Install) string
	// Place is where an installation's documents stand.
	Place(ctx context.Context, p *call.Policy) (csp.Place, error)
	// Document is the address of a resource's page, "KEY" or "KEY/ENTRY".
	Document(ctx context.Context, p *call.Policy, resource string) (string, error)
}

// Config is what the shell stands on; all of it is required.
type Config struct {
	URL      string // of the ui origin
	Sessions *session.Service
	Installs *install.Service
	Registry *registry.Service
	Tenancy  *tenancy.Service
	Hosting  Hosting
	// Asset gives a built file by its name.
	Asset func(name string) ([]byte, error)
	Log   *slog.Logger
}

// Shell serves /host.js and /shell.
type Shell struct {
	Config
	mux   *http.ServeMux
	files files
}

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

// New makes the shell.
func New(cfg Config) *Shell {
	s := &Shell{Config: cfg, mux: http.NewServeMux(), files: files{read: cfg.Asset}}
	s.mux.HandleFunc("GET /host.js", s.files.serve("host.js"))
	for _, name := range []string{"shell.js", "shell-app.js", "shell.css", "kit.js", "kit.css"} {
		s.mux.HandleFunc("GET /shell/static/"+name, s.files.serve(name))
	}
	s.mux.HandleFunc("GET /shell", s.directory)
	s.mux.HandleFunc("GET /shell/app/{ticket}", s.app)
	return s
}

// Serves reports whether a path of the ui origin is the shell's.
func Serves(path string) bool {
	return path == "/host.js" || path == "/shell" || strings.HasPrefix(path, "/shell/")
}

// ServeHTTP implements http.Handler.
func (s *Shell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // products' pages are other sites
	h.Set("Origin-Agent-Cluster", "?1")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	if strings.HasPrefix(s.URL, "https:") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	h.Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// directory is the page that an <annex-panel> makes: it is handed the panel's token by the
// product's page, of whose origins the browser and the page itself make sure.
func (s *Shell) directory(w http.ResponseWriter, r *http.Request) {
	p, err := s.Tenancy.ProductByKeyOrAlias(r.Context(), r.URL.Query().Get("product"))
	var origins []string
	if err == nil {
		origins = slices.Clone(p.PageOrigins)
		if p.HasPages() {
			origins = append(origins, s.URL) // apps' pages in the console
		}
	}
	if len(origins) == 0 {
		http.Error(w, "No product shows apps in its pages under this name.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Security-Policy", directoryPolicy(origins))
	s.page(w, r, "directory.html", map[string]any{"product": p.Key, "productName": p.Name, "origins": origins})
}

// facts are what an app's page knows before it is handed the session.
type facts struct {
	Module   string `json:"module"`
	Title    string `json:"title"`
	Render   string `json:"render"`
	Origin   string `json:"origin,omitempty"`   // the app's own
	Document string `json:"document,omitempty"` // of the app's page
	Size     string `json:"size,omitempty"`
	Resource string `json:"resource,omitempty"`
	Problem  string `json:"problem,omitempty"` // a code
	// People says that the product tells who somebody is.
	People bool `json:"people,omitempty"`
}

// app is the page of one module: its address is a ticket that counts once.
func (s *Shell) app(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // asking for the head alone spends no ticket
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "This address is shown once.", http.StatusMethodNotAllowed)
		return
	}
	who, _, about, err := s.Sessions.TakeTicket(r.Context(), session.ForShell, r.PathValue("ticket"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	policy, f, err := s.shown(r.Context(), &who, about)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	at, err := s.Hosting.Place(r.Context(), policy)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	header, err := csp.Shell(policy.Set, at)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", header)
	s.page(w, r, "app.html", f)
}

// shown is what the ticket is about, as it is now.
func (s *Shell) shown(ctx context.Context, who *session.Session, about string) (*call.Policy, facts, error) {
	var in struct{ Module, Resource string }
	if err := json.Unmarshal([]byte(about), &in); err != nil {
		return nil, facts{}, err
	}
	inst, key, _ := strings.Cut(in.Module, "/")
	policy, err := s.Installs.Policy(ctx, id.Install(inst))
	if err != nil {
		return nil, facts{}, err
	}
	if policy.Site != who.Site || policy.Product != who.Product {
		return nil, facts{}, fault.New(fault.NotFound, "NO_MODULE", "there is no such module here")
	}
	m, err := s.Registry.Manifest(ctx, policy.Version)
	if err != nil {
		return nil, facts{}, err
	}
	u, ok := m.Module(key)
	if !ok {
		return nil, facts{}, fault.New(fault.NotFound, "NO_MODULE", "there is no such module here")
	}
	f := facts{Module: in.Module, Title: u.Key, Render: renderOf(u, in.Resource), Size: u.ViewportSize, Resource: in.Resource, Origin: s.Hosting.Origin(policy.Install)}
	product, err := s.Tenancy.ProductByKeyOrAlias(ctx, string(who.Product))
	if err != nil {
		return nil, facts{}, err
	}
	f.People = product.People != nil
	if f.Render == "page" {
		resource := u.Resource
		if in.Resource != "" {
			resource = in.Resource
		}
		if f.Document, err = s.Hosting.Document(ctx, policy, resource); err != nil {
			s.Log.WarnContext(ctx, "a module's page is not there", "install", policy.Install, "version", policy.Version, "err", err)
			f.Problem = fault.CodeOf(err)
		}
	}
	return policy, f, nil
}

func renderOf(u manifest.Module, resource string) string {
	if u.Render == "native" || u.Resource == "" && resource == "" {
		return "native"
	}
	return "page"
}

// page draws one of the two pages; what it knows travels as data, never as script.
func (s *Shell) page(w http.ResponseWriter, r *http.Request, name string, data any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, map[string]any{"Facts": data, "V": s.files.version()}); err != nil {
		s.Log.ErrorContext(r.Context(), "page of the shell", "page", name, "err", err)
		http.Error(w, "This page could not be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = out.WriteTo(w)
}

// refuse answers in a frame that its maker watches: the reason goes to the log.
func (s *Shell) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusGone
	if k := fault.KindOf(err); k == fault.Internal || k == fault.Unavailable {
		status = http.StatusServiceUnavailable
		s.Log.ErrorContext(r.Context(), "page of an app", "err", err)
	}
	http.Error(w, "This address counted once. The page that it came from opens another.", status)
}

// directoryPolicy lets nothing in but the platform's own, and frames nothing but pages of
// the platform, each under the policy of one installation.
func directoryPolicy(ancestors []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; child-src 'none'; worker-src 'none'; " +
		"object-src 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; " +
		"frame-ancestors " + strings.Join(slices.Sorted(slices.Values(ancestors)), " ")
}
