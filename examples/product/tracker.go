// Package tracker is Tracker, Annex's reference product: a small issue tracker with
// its own users, web pages and an HTTP API shaped like the part of Jira's REST API v3
// that Forge apps use most. It is what a product team's product looks like to Annex,
// and imports nothing of it but what an adopter would.
package tracker

import (
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/productkit"
)

// ProductYAML declares Tracker to an Annex server, see docs/adopt.md.
//
//go:embed product.yaml
var ProductYAML []byte

// OpenAPI is the document of Tracker's HTTP API.
//
//go:embed openapi.yaml
var OpenAPI []byte

// User is one of Tracker's users.
type User struct {
	ID       string `json:"accountId"`
	Name     string `json:"displayName"`
	Login    string `json:"login"`
	Email    string `json:"emailAddress"`
	Password string `json:"-"`
	Admin    bool   `json:"admin"`
	TimeZone string `json:"timeZone"`

	// kept is what an app that asks for the user is kept from; nil for people.
	kept *productkit.Access
}

// Config is what a Tracker is made from.
type Config struct {
	// File keeps the issues, as JSON; "" keeps them in memory only.
	File string
	// Users may sign in. The first admin reports the sample issues.
	Users []User
	// URL is the address that people use, for links in API answers.
	URL string
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	Log *slog.Logger
	// KeyFile keeps the key that Tracker's back end signs with, which the first start
	// makes; "" makes one for this run.
	KeyFile string
}

// Tracker serves pages and the API.
type Tracker struct {
	news     news
	cfg      Config
	store    *store
	sessions *sessions
	arrivals *arrivals
	mux      *http.ServeMux
	key      *productkit.Key
	calls    atomic.Pointer[productkit.Verifier] // nil: no access token is taken
	annex    atomic.Pointer[Annex]
}

// New opens the file, or makes a project with sample issues when there is none.
func New(cfg Config) (*Tracker, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Users) == 0 {
		return nil, fmt.Errorf("tracker.New: no users")
	}
	s, err := openStore(cfg.File, cfg.Users, cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("tracker.New: %w", err)
	}
	t := &Tracker{cfg: cfg, store: s, sessions: newSessions(cfg.Users, cfg.Now), arrivals: newArrivals(cfg.Now), mux: http.NewServeMux()}
	if t.key, err = openKey(cfg.KeyFile); err != nil {
		return nil, fmt.Errorf("tracker.New: %w", err)
	}
	s.told = t.happened
	t.routePages()
	t.routeAPI()
	return t, nil
}

func openKey(file string) (*productkit.Key, error) {
	if file == "" {
		return productkit.GenerateKey()
	}
	return productkit.KeyFile(file)
}

// ServeHTTP answers pages and API calls.
func (t *Tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	form, scripts, frames := "'self'", "'self'", "'none'"
	if a := t.annex.Load(); a != nil {
		form += " " + a.UIURL // a sign-in for Annex ends there, by way of the sign-in form
		scripts, frames = scripts+" "+a.UIURL, a.UIURL
	}
	h.Set("Content-Security-Policy", "default-src 'self'; script-src "+scripts+"; frame-src "+frames+"; frame-ancestors 'none'; base-uri 'none'; form-action "+form)
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	t.mux.ServeHTTP(w, r)
}
