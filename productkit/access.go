package productkit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/compact"
	"github.com/annexhq/annex/internal/infra/keyset"
)

// VerifierConfig says whose calls a product takes. Issuer and Audience are required.
type VerifierConfig struct {
	// Issuer is the control origin of the Annex server, "https://api.annex.example.com".
	Issuer string
	// Audience is this product's key, as in its product.yaml.
	Audience string
	// Site takes calls of one site only. A product that serves several leaves it empty and
	// looks at Access.Site itself: data of one site must not be had with another's token.
	Site string
	// Keys are the issuer's; by default those at Issuer's /.well-known/jwks.json.
	Keys KeySource
	// Client fetches the keys; one of its own when nil.
	Client *http.Client
	Now    func() time.Time // time.Now when nil
}

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct{ cfg VerifierConfig }

// NewVerifier makes a verifier. It asks for keys when the first token comes.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	if cfg.Issuer == "" || cfg.Audience == "" {
		return nil, errors.New("productkit: a verifier needs an issuer and an audience")
	}
	if cfg.Keys == nil {
		keys, err := NewRemoteKeys(strings.TrimSuffix(cfg.Issuer, "/")+keyset.Path, cfg.Client)
		if err != nil {
			return nil, err
		}
		cfg.Keys = keys
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Verifier{cfg}, nil
}

// Access is a verified access token: what one call may do, and for whom.
type Access struct {
	// Subject is "user:" and the product's id of the user for whom the app acts, or "app:"
	// and the installation where it acts as itself.
	Subject      string
	ClientID     string // the app
	Actor        string // "app:" and the installation
	ActorName    string // the app's name for people, "" if it has none
	Scopes       []string
	Site         string
	Installation string
	ID           string // unique to the token
	IssuedAt     time.Time
	Expires      time.Time

	blocked map[string][]string
}

// Blocked reports whether an access rule of the site's admin keeps the app from a container,
// such as a project, by any of its names: give them all (id and key). What is in such a
// container is not the app's to read, find or change, whoever it acts for; that it exists
// may be told.
func (a *Access) Blocked(kind string, names ...string) bool {
	return slices.ContainsFunc(a.blocked[kind], func(id string) bool {
		kept := call.Container{Type: kind, ID: id}
		return slices.ContainsFunc(names, func(n string) bool { return kept.Is(call.Container{Type: kind, ID: n}) })
	})
}

// User is the user for whom the app acts; not ok where it acts as itself.
func (a *Access) User() (id string, ok bool) {
	if id, ok = strings.CutPrefix(a.Subject, "user:"); !ok {
		return "", false
	}
	return id, true
}

// Allows reports whether the token's scope holds all of the given ones.
func (a *Access) Allows(scopes ...string) bool {
	for _, s := range scopes {
		if !slices.Contains(a.Scopes, s) {
			return false
		}
	}
	return true
}

// Access verifies an access token.
func (v *Verifier) Access(ctx context.Context, token string) (*Access, error) {
	c, err := open(ctx, token, accessType, maxToken, v.cfg.Keys)
	if err != nil {
		return nil, err
	}
	r := &reader{claims: c}
	r.from(v.cfg.Issuer, v.cfg.Audience)
	a := &Access{}
	a.IssuedAt, a.Expires = r.times(v.cfg.Now(), 0)
	a.Subject, a.ClientID, a.ID = r.text("sub", 300), r.text("client_id", 200), r.text("jti", 200)
	a.Site, a.Installation = r.text("site", 200), r.text("installation", 200)
	a.scopes(r)
	a.actor(r)
	a.rules(r)
	if r.err != nil {
		return nil, r.err
	}
	if v.cfg.Site != "" && a.Site != v.cfg.Site {
		return nil, refuse(WrongSite, "it is of another site")
	}
	return a, nil
}

func (a *Access) scopes(r *reader) {
	if string(r.claims["scope"]) == `""` { // for an operation that is open to every app
		return
	}
	a.Scopes = strings.Split(r.text("scope", maxToken), " ")
	for _, s := range a.Scopes {
		if s == "" {
			r.bad("scope", "names with one space between them")
		}
	}
}

// rules takes types of containers with lists of names, or nothing.
func (a *Access) rules(r *reader) {
	raw, ok := r.claims["blocked"]
	if !ok {
		return
	}
	types, err := compact.Object(raw)
	if err != nil || types == nil {
		r.bad("blocked", "an object")
		return
	}
	a.blocked = make(map[string][]string, len(types))
	for kind, list := range types {
		var names []*string // null is no name
		if err := json.Unmarshal(list, &names); err != nil || len(names) == 0 || slices.Contains(names, nil) {
			r.bad("blocked", "types of containers, each with a list of ids")
			return
		}
		for _, n := range names {
			a.blocked[kind] = append(a.blocked[kind], *n)
		}
	}
}

// actor takes a subject that is a user, or the installation itself, and nothing else.
func (a *Access) actor(r *reader) {
	act, err := compact.Object(r.claims["act"])
	if err != nil {
		r.bad("act", "an object")
		return
	}
	inner := reader{claims: act}
	a.Actor, a.ActorName = inner.text("sub", 300), inner.optional("name", 300)
	if inner.err != nil || a.Actor != "app:"+a.Installation {
		r.bad("act", "the installation")
	}
	if user, _ := a.User(); user == "" && a.Subject != a.Actor {
		r.bad("sub", "a user, or the installation")
	}
}
