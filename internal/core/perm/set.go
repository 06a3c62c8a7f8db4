// Package perm is the algebra of authority: a Set holds everything in a manifest by
// which data can leave or authority rise; Covers, Diff, Union and Describe compare
// and word such sets. One Set decides for fetch, product calls, remotes, providers,
// content policy and the console's wording alike.
package perm

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// EgressType is a way in which a request can leave.
type EgressType string

const (
	Backend    EgressType = "FETCH_BACKEND_SIDE"
	Client     EgressType = "FETCH_CLIENT_SIDE"
	Images     EgressType = "IMAGES"
	Media      EgressType = "MEDIA"
	Scripts    EgressType = "SCRIPTS"
	Styles     EgressType = "STYLES"
	Fonts      EgressType = "FONTS"
	Frames     EgressType = "FRAMES"
	Navigation EgressType = "NAVIGATION"
)

// EgressTypes are all types, in the order in which they are shown.
var EgressTypes = []EgressType{Backend, Client, Images, Media, Scripts, Styles, Fonts, Frames, Navigation}

// Set is a set of permissions. The zero value permits nothing. Sets are compared by
// meaning, never by text; Normal gives the one form of equal sets.
type Set struct {
	Scopes      []Scope      `json:"scopes,omitempty"`
	Egress      []Egress     `json:"egress,omitempty"`
	Remotes     []Remote     `json:"remotes,omitempty"`
	Endpoints   []Endpoint   `json:"endpoints,omitempty"`
	Providers   []Provider   `json:"providers,omitempty"`
	Content     []Content    `json:"content,omitempty"`
	Sandbox     []string     `json:"sandbox,omitempty"`     // permissions.sandbox entries
	WebTriggers []WebTrigger `json:"webTriggers,omitempty"` // dynamic ones only: static output is fixed
	Events      []string     `json:"events,omitempty"`      // subscribed product event types
	AppEvents   []AppEvent   `json:"appEvents,omitempty"`   // events that the app publishes
	Actions     []string     `json:"actions,omitempty"`     // keys of exposed action modules
	APIRoutes   []APIRoute   `json:"apiRoutes,omitempty"`   // apiRoute modules
	// Isolation is "" for the sandbox or "process" for native Node.js (weaker).
	Isolation string `json:"isolation,omitempty"`
	// MemoryMB is what the app asks above the default, 0 for none.
	MemoryMB int `json:"memoryMB,omitempty"`
	// Configurable is set when the app may ask a present admin for more egress at run time.
	Configurable *Configurable `json:"configurable,omitempty"`
}

// Scope is a product or platform scope with its options.
type Scope struct {
	Name string `json:"name"`
	// Impersonation lets the app act offline as a user who consented to it.
	Impersonation bool `json:"impersonation,omitempty"`
}

// Egress is one destination for one way of leaving.
type Egress struct {
	Type    EgressType       `json:"type"`
	Pattern hostrule.Pattern `json:"pattern"`
	// Category is "" or "analytics" (an admin can switch those off).
	Category string `json:"category,omitempty"`
	// InScopeEUD says that end-user data goes there; true unless declared false.
	InScopeEUD bool `json:"inScopeEUD,omitempty"`
}

// Remote is a back end of the app's developer that the platform calls.
type Remote struct {
	Key string `json:"key"`
	// Endpoints are the base URLs by region; "default" for the only one. Empty when unset.
	Endpoints map[string]string `json:"endpoints,omitempty"`
	// Patterns bound what an admin may set when Configurable.
	Patterns     []hostrule.Pattern `json:"patterns,omitempty"`
	Configurable bool               `json:"configurable,omitempty"`
	Operations   []string           `json:"operations,omitempty"` // storage, compute, fetch, other
	InScopeEUD   bool               `json:"inScopeEUD,omitempty"`
	UserToken    bool               `json:"userToken,omitempty"`
	SystemToken  bool               `json:"systemToken,omitempty"`
}

// Endpoint is an endpoint module: a route of a remote that the platform calls.
type Endpoint struct {
	Key         string `json:"key"`
	Remote      string `json:"remote"`
	Path        string `json:"path,omitempty"`
	UserToken   bool   `json:"userToken,omitempty"`
	SystemToken bool   `json:"systemToken,omitempty"`
}

// Provider is an external service that the app uses with a credential: of users, who connect
// their accounts, or of the site, which an admin gives.
type Provider struct {
	Key      string   `json:"key"`
	Name     string   `json:"name"`
	ClientID string   `json:"clientId"`
	Scopes   []string `json:"scopes,omitempty"`
	Remotes  []string `json:"remotes,omitempty"` // keys of remotes that get its credential
	// Actions are "action remote path" of authorization, exchange, refreshToken, revokeToken,
	// retrieveProfile, "type=TYPE" where the credential is the site's, and KeysOfUsers.
	Actions []string `json:"actions,omitempty"`
	// Bearer says how the credential is sent, "header Authorization Bearer" for instance.
	Bearer string `json:"bearer,omitempty"`
}

// KeysOfUsers among a provider's actions says that each user gives a key of theirs.
const KeysOfUsers = "account=key"

// OfKeys reports whether each user gives a key, in the place of connecting an account.
func (p Provider) OfKeys() bool { return slices.Contains(p.Actions, KeysOfUsers) }

// OfSite reports whether the credential is the site's; then no user takes part.
func (p Provider) OfSite() bool {
	return slices.ContainsFunc(p.Actions, func(line string) bool { return strings.HasPrefix(line, "type=") })
}

// Content is a relaxation of the content security policy: ("scripts", "unsafe-inline").
type Content struct {
	Kind  string `json:"kind"` // scripts or styles
	Value string `json:"value"`
}

// WebTrigger is a dynamic web trigger: whoever has its address can be handed data.
type WebTrigger struct {
	Key            string `json:"key"`
	Authentication string `json:"authentication,omitempty"` // "" (none), hmac, bearer
}

// AppEvent is an event that the app publishes to the named apps ("*" for all).
type AppEvent struct {
	Name       string   `json:"name"`
	Recipients []string `json:"recipients"`
}

// APIRoute is an HTTP route of the app's own, called with scopes of its own.
type APIRoute struct {
	Key       string   `json:"key"`
	Operation string   `json:"operation"`
	Path      string   `json:"path"`
	Scopes    []string `json:"scopes,omitempty"`
}

// Configurable bounds what an app may ask at run time. Empty fields do not bound.
type Configurable struct {
	Types    []EgressType       `json:"types,omitempty"`
	Patterns []hostrule.Pattern `json:"patterns,omitempty"`
}
