// Package console is the platform's own pages, on the ui origin: for a site's admins what
// apps may do and who decided it, for users what apps do in their name. Its promise: what
// a person decides is what that person was shown, decided in a page of ours, by a click,
// with a right that the product vouches for at that moment.
//
// Pages are drawn on the server and work without JavaScript. Whatever an app, its
// developer or a product wrote is cleaned and quoted before it is shown.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/devtunnel"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/hosting"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/unattended"
)

// Config is what the console stands on; all of it is required.
type Config struct {
	URL       string // of the ui origin
	Sessions  *session.Service
	Installs  *install.Service
	Registry  *registry.Service
	Tenancy   *tenancy.Service
	Accounts  *account.Service
	Audit     *audit.Log
	Outflow   *outflow.Service
	Linked    *productauth.Service
	Providers *provider.Service
	Remotes   *remote.Service
	Consents  *consent.Service
	Logs      *applog.Service
	Asking    *asking.Service
	Hosting   *hosting.Service
	// Unattended has what apps queued, Quotas what they use; Stored tells what they stored.
	Unattended *unattended.Service
	Quotas     *quota.Service
	// Erasures knows what ended installations left.
	Erasures *erasure.Service
	Stored   func(ctx context.Context, scope tenant.Scope) ([]kvstore.Stored, error)
	// Tunnels are those of an environment that are open now, as they concern one installation of
	// it; nil where nobody can have one.
	Tunnels func(ctx context.Context, environment id.Env, install id.Install) ([]devtunnel.OpenTunnel, error)
	// Server is what the first page says of this server.
	Server func() Server
	Now    func() time.Time // time.Now when nil
	Log    *slog.Logger
}

// Server is what anybody may know of this server.
type Server struct{ Control, Version, Isolation string }

// Console serves the pages.
type Console struct {
	Config
	mux *http.ServeMux
}

// New makes the console.
func New(cfg Config) *Console {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Console{Config: cfg, mux: http.NewServeMux()}
	c.mux.Handle("GET /static/", staticFiles())
	c.mux.Handle("GET /{$}", c.open(c.home))
	c.mux.Handle("GET /sign-in", c.open(c.signIn))
	c.mux.Handle("GET /sign-in/callback", c.open(c.callback))
	c.mux.Handle("GET /oauth/sign-in", c.open(c.oauthSignIn))
	c.mux.Handle("GET /openid/sign-in", c.open(c.openIDSignIn))
	c.mux.Handle("GET /openid/callback/{product}", c.open(c.openIDBack))
	c.mux.Handle("GET /oauth/callback/{product}", c.open(c.oauthBack))
	c.mux.Handle("POST /sign-out", c.user(c.signOut))
	c.mux.Handle("GET /my/apps", c.user(c.myApps))
	c.mux.Handle("GET /my/apps/{installation}", c.user(c.myApp))
	c.mux.Handle("POST /my/apps/{installation}/revoke", c.user(c.revokeConsent))
	c.mux.Handle("GET /site/{site}/app/{installation}/{module}", c.user(c.showPage))
	c.mux.Handle("POST /site/{site}/app/{installation}/{module}", c.user(c.renewPage))
	c.mux.Handle("GET /my/programs", c.user(c.showPrograms))
	c.mux.Handle("POST /my/programs", c.user(c.askProgram))
	c.mux.Handle("POST /my/programs/allow", c.user(c.allowProgram))
	c.mux.Handle("POST /my/programs/deny", c.user(c.denyProgram))
	c.mux.Handle("POST /my/programs/end", c.user(c.endProgram))
	c.mux.Handle("GET /my/programs/authorize", c.user(c.askAuthorize))
	c.mux.Handle("POST /my/programs/authorize", c.user(c.authorize))
	c.mux.Handle("GET /my/tunnels", c.user(c.showTunnels))
	c.mux.Handle("POST /my/tunnels", c.user(c.askTunnel))
	c.mux.Handle("POST /my/tunnels/allow", c.user(c.allowTunnel))
	c.mux.Handle("POST /my/tunnels/deny", c.user(c.denyTunnel))
	c.mux.Handle("POST /my/tunnels/end", c.user(c.endTunnel))
	c.mux.Handle("GET /consent/{installation}", c.open(c.comeToConsent))
	c.mux.Handle("POST /consent/{installation}", c.user(c.giveConsent))
	c.mux.Handle("GET /connect/{ticket}", c.open(c.comeToConnect))
	c.mux.Handle("GET /connect/{installation}/{provider}", c.user(c.askConnect))
	c.mux.Handle("POST /connect/{installation}/{provider}", c.user(c.beginConnect))
	c.mux.Handle("GET /oauth/cb/{client}", c.open(c.connected))
	c.mux.Handle("GET /my/accounts", c.user(c.myAccounts))
	c.mux.Handle("POST /my/accounts/disconnect", c.user(c.disconnectMine))
	for route, page := range map[string]handler{
		"GET /apps":                                 c.listApps,
		"GET /apps/{installation}":                  c.showApp,
		"GET /apps/{installation}/review":           c.reviewApp,
		"POST /apps/{installation}/propose":         c.propose,
		"GET /requests/{request}":                   c.reviewRequest,
		"POST /requests/{request}/propose":          c.proposeRequest,
		"GET /decide/{decision}":                    c.confirm,
		"POST /decide/{decision}":                   c.decide,
		"GET /audit":                                c.showAudit,
		"GET /site":                                 c.showSite,
		"POST /site/propose":                        c.proposeSite,
		"POST /site/rules":                          c.proposeRule,
		"GET /device":                               c.showDevices,
		"POST /device":                              c.askDevice,
		"POST /device/propose":                      c.proposeDevice,
		"POST /device/deny":                         c.denyDevice,
		"POST /device/revoke":                       c.revokeDevice,
		"GET /accounts":                             c.showAccounts,
		"POST /accounts/service":                    c.connectService,
		"POST /accounts/disconnect":                 c.disconnect,
		"GET /accounts/external":                    c.siteAccounts,
		"POST /accounts/external/disconnect":        c.disconnectAny,
		"GET /apps/{installation}/running":          c.showRunning,
		"GET /apps/{installation}/running/{letter}": c.showLetter,
		"GET /apps/{installation}/data":             c.showData,
		"GET /apps/{installation}/data.json":        c.exportData,
		"GET /apps/{installation}/stored.ndjson":    c.exportStored,
		"GET /left/{installation}/stored.ndjson":    c.exportStored,
		"POST /left/{installation}/propose":         c.proposeLeft,
	} {
		c.mux.Handle(route, c.admin(page))
	}
	c.mux.Handle("/", c.open(c.missing))
	return c
}

// ServeHTTP serves a page. A path that is not in its shortest form names none: the mux
// would redirect it.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.protect(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if r.URL.Path != path.Clean(r.URL.Path) {
		c.open(c.missing).ServeHTTP(w, r)
		return
	}
	c.mux.ServeHTTP(w, r)
}

// protect sets what each answer of the origin carries. Nothing of another origin is
// loaded, nothing inline runs, nobody frames a page or keeps a handle on its window.
func (c *Console) protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "+
		"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: under it a browser says "Origin: null" with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Origin-Agent-Cluster", "?1")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if strings.HasPrefix(c.URL, "https:") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// visit is one request of a person.
type visit struct {
	*http.Request
	w       http.ResponseWriter
	session *session.Session // nil when nobody is signed in
	secret  string
}

func (v *visit) ctx() context.Context { return v.Context() }

// handler serves a page, or says why not.
type handler func(v *visit) error

// open serves anybody; who is signed in is known all the same.
func (c *Console) open(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r, w: w}
		if secret := cookie(r, sessionCookie); secret != "" {
			s, err := c.Sessions.Get(r.Context(), secret)
			switch {
			case err == nil:
				v.session, v.secret = &s, secret
			case fault.KindOf(err) != fault.Unauthenticated:
				c.fail(v, err)
				return
			}
		}
		if err := h(v); err != nil {
			c.fail(v, err)
		}
	})
}

// user serves who is signed in, and sends others to sign in. A change has to come from a
// form of ours.
func (c *Console) user(h handler) http.Handler {
	return c.open(func(v *visit) error {
		if v.session == nil {
			if v.Method != http.MethodGet && v.Method != http.MethodHead {
				return fault.New(fault.Unauthenticated, "SIGNED_OUT", "you were signed out meanwhile, and nothing was changed").WithFix("sign in and begin again")
			}
			http.Redirect(v.w, v.Request, "/sign-in?next="+url.QueryEscape(v.URL.RequestURI()), http.StatusSeeOther)
			return nil
		}
		if v.Method != http.MethodGet && v.Method != http.MethodHead {
			if err := c.ours(v); err != nil {
				return err
			}
		}
		return h(v)
	})
}

// admin serves a site's admins. Who was one a while ago is sent by the product again.
func (c *Console) admin(h handler) http.Handler {
	return c.user(func(v *visit) error {
		_, ok, stale := v.session.Viewer(c.Now())
		switch {
		case ok:
			return h(v)
		case stale && v.Method == http.MethodGet:
			http.Redirect(v.w, v.Request, "/sign-in?product="+url.QueryEscape(string(v.session.Product))+"&next="+url.QueryEscape(v.URL.RequestURI()), http.StatusSeeOther)
			return nil
		case stale:
			return fault.New(fault.Denied, "ASK_AGAIN", "it is a while since the product said that you are an admin, and nothing was changed").
				WithFix("open the page again, and decide there")
		}
		return fault.New(fault.Denied, "ADMIN_REQUIRED", "this page is for admins of the site").WithFix("your own apps are under My apps")
	})
}

// ours refuses what does not come from a form of ours in the same session: the browser
// says where a form lies, and the form carries what only the session's pages know.
func (c *Console) ours(v *visit) error {
	refused := fault.New(fault.Denied, "FOREIGN_FORM", "the request does not come from a page of this server, and nothing was changed").
		WithFix("open the page here and decide again")
	if origin := v.Header.Get("Origin"); origin != c.URL {
		return refused
	}
	if site := v.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return refused
	}
	if !equal(v.PostFormValue("form"), v.session.CSRF) {
		return refused
	}
	return nil
}
