package tracker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/annexhq/annex/productkit"
)

// productKey is Tracker's key in product.yaml.
const productKey = "tracker"

// Calls says whose access tokens Tracker takes besides its own users' passwords.
type Calls struct {
	// Issuer is the control origin of the Annex server.
	Issuer string
	// Site is Tracker's site there, by id: a token of another site opens nothing here.
	Site string
	// Keys are the issuer's, Client fetches them; by default both are productkit's.
	Keys   productkit.KeySource
	Client *http.Client
}

// TakeCalls makes Tracker take an Annex server's calls, from now on that one's only.
func (t *Tracker) TakeCalls(c Calls) error {
	if c.Site == "" {
		return errors.New("tracker.TakeCalls: no site is named")
	}
	v, err := productkit.NewVerifier(productkit.VerifierConfig{
		Issuer: c.Issuer, Audience: productKey, Site: c.Site, Keys: c.Keys, Client: c.Client, Now: t.cfg.Now,
	})
	if err != nil {
		return fmt.Errorf("tracker.TakeCalls: %w", err)
	}
	t.calls.Store(v)
	return nil
}

// Key is what Tracker's back end signs with. Its public half is at /.well-known/annex-keys.json.
func (t *Tracker) Key() *productkit.Key { return t.key }

// caller is who asks. User is whose rights count; app is the app that asks, as that user
// or as itself, nil for a person.
type caller struct {
	User
	app *appCaller
}

type appCaller struct {
	installation, name string
	scopes             []string
}

// String names a caller for the records.
func (c caller) String() string {
	switch {
	case c.app == nil:
		return c.Name
	case c.self():
		return c.app.name
	}
	return c.app.name + " on behalf of " + c.Name
}

// self reports whether an app acts as its own account.
func (c caller) self() bool { return c.app != nil && strings.HasPrefix(c.ID, appPrefix) }

// via is the installation of the app that asks, "" for a person.
func (c caller) via() string {
	if c.app == nil {
		return ""
	}
	return c.app.installation
}

// may reports whether an app has a scope; a person needs none.
func (c caller) may(scope string) bool {
	if c.app == nil {
		return true
	}
	for _, s := range c.app.scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// appPrefix begins the account ids of apps: a user's id cannot have it.
const appPrefix = "app:"

// errStranger is a caller who is nobody here.
const errStranger refusal = "Client must be authenticated to access this resource."

// asker finds who sends an API request: by an access token, by a password, or by a
// session. A request with credentials of two kinds is nobody's.
func (t *Tracker) asker(r *http.Request) (caller, error) {
	credentials := r.Header.Values("Authorization")
	if len(credentials) > 1 {
		return caller{}, errStranger
	}
	if len(credentials) == 1 {
		if scheme, _, _ := strings.Cut(credentials[0], " "); strings.EqualFold(scheme, "Bearer") {
			return t.appOf(r)
		}
	}
	u, ok := t.sessions.who(r)
	if !ok {
		return caller{}, errStranger
	}
	return caller{User: u}, nil
}

// appOf is the app of a request's access token, with the rights of the user for whom it
// acts or with those of its own account.
func (t *Tracker) appOf(r *http.Request) (caller, error) {
	v := t.calls.Load()
	if v == nil {
		return caller{}, errStranger
	}
	access, err := v.Request(r)
	if err != nil {
		return caller{}, err
	}
	c := caller{app: &appCaller{installation: access.Installation, name: access.ActorName, scopes: access.Scopes}}
	if c.app.name == "" {
		c.app.name = "An app"
	}
	id, onBehalf := access.User()
	if !onBehalf {
		c.User = User{ID: appPrefix + access.Installation, Name: c.app.name, TimeZone: "UTC", kept: access}
		return c, nil
	}
	u, ok := t.sessions.user(id)
	if !ok || strings.HasPrefix(id, appPrefix) {
		return caller{}, errStranger
	}
	c.User, c.User.kept = u, access
	return c, nil
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func withUser(ctx context.Context, u User) context.Context { return withCaller(ctx, caller{User: u}) }

func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

func userOf(r *http.Request) User { return callerOf(r).User }
