package tenancy

import (
	"encoding/json"
	"net/url"
	"slices"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/scopemap"
)

// How a product knows who asks.
const (
	// AuthAnnex is the default: the product verifies the server's own access tokens.
	AuthAnnex = "annex"
	// AuthOAuth2: the product has its own OAuth 2.0 server, whose client Annex is.
	AuthOAuth2 = "oauth2"
)

// Who says who a user or an admin of a product is.
const (
	FromAssertion = "assertion" // the product's back end signs it
	FromOIDC      = "oidc"      // an OpenID provider
	FromOAuth2    = "oauth2"    // the product's own OAuth 2.0 server
)

// OAuth2 is a product's own authorization server.
type OAuth2 struct {
	AuthorizationURL string `json:"authorizationUrl"`
	TokenURL         string `json:"tokenUrl"`
	RevocationURL    string `json:"revocationUrl,omitempty"`
	ClientID         string `json:"clientId"`
	// ClientAuth is how the client's secret is sent: basic (unless said), body, or none.
	ClientAuth string `json:"clientAuth,omitempty"`
	// Scopes are the server's own names by the product's; one that is missing has the same.
	Scopes map[string][]string `json:"scopes,omitempty"`
	// Always are asked for in every case, such as openid.
	Always []string `json:"always,omitempty"`
	// Separator is between scopes in a request, a space unless said.
	Separator string `json:"separator,omitempty"`
	User      *Who   `json:"user,omitempty"`
}

// Who says how a token's user is found: an operation and fields of its answer.
type Who struct {
	Path  string `json:"path"`            // below the API's base URL
	ID    string `json:"id"`              // the field that holds the user's id
	Name  string `json:"name,omitempty"`  // the field with a name for people
	Admin string `json:"admin,omitempty"` // the field that is true for admins
}

// Native are the server's own names of scopes, each once.
func (o *OAuth2) Native(scopes []string) []string {
	out := slices.Clone(o.Always)
	for _, s := range scopes {
		if own, ok := o.Scopes[s]; ok {
			out = append(out, own...)
		} else {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// OIDC is an OpenID provider at which a product's users sign in.
type OIDC struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientId"`
	// ClientAuth is none for a public client (PKCE only), or basic or body with a secret.
	ClientAuth string   `json:"clientAuth,omitempty"`
	Scopes     []string `json:"scopes,omitempty"` // besides openid
	// Subject and Name are claims; Site is one that names the person's site, which a
	// product on several sites needs.
	Subject string `json:"subject,omitempty"`
	Name    string `json:"name,omitempty"`
	Site    string `json:"site,omitempty"`
	// Hosts are other origins of the provider's, for its token endpoint and keys.
	Hosts []string `json:"hosts,omitempty"`
}

// Admins say which users of a product are its admins.
type Admins struct {
	From string `json:"from"` // FromAssertion, FromOIDC, FromOAuth2, or "" with Users
	// Claim and Values: an OpenID claim that is, or contains, one of the values; true
	// where no value is given.
	Claim  string   `json:"claim,omitempty"`
	Values []string `json:"values,omitempty"`
	// Users are the product's ids of the admins.
	Users []string `json:"users,omitempty"`
}

// Keys are the public keys with which a product's back end signs.
type Keys struct {
	URL  string          `json:"url,omitempty"`
	JWKS json.RawMessage `json:"jwks,omitempty"` // {"keys": […]}, P-256 only
}

// Policies of consent.External: what a user is told of where an app may send data.
const (
	ExternalUser   = "user"   // the user agrees to it
	ExternalInform = "inform" // the user is told
	ExternalNone   = "none"   // nothing is said
)

// Consent is an operator's policy for consents to a product's scopes.
type Consent struct {
	External string          `json:"external"`
	Admin    map[string]bool `json:"admin,omitempty"` // scopes that a site's admin consents to for all
	// StepUp has admins sign in again, in a window of the platform's own, for each decision
	// about what an app asks while it runs.
	StepUp  bool            `json:"stepUp,omitempty"`
	Offline map[string]bool `json:"offline,omitempty"` // scopes that may be used while the user is away
}

// Graph is a product's GraphQL endpoint: its root fields are mapped to scopes or closed.
type Graph struct {
	Path         string                `json:"path"` // below the API's base URL
	Query        map[string][][]string `json:"query,omitempty"`
	Mutation     map[string][][]string `json:"mutation,omitempty"`
	Subscription map[string][][]string `json:"subscription,omitempty"`
	MaxDepth     int                   `json:"maxDepth"`
	MaxFields    int                   `json:"maxFields"`
}

// Authority is what product.yaml says about the operations of its API.
type Authority struct {
	Schemes    []string            `json:"scopeSchemes,omitempty"`
	Extensions []string            `json:"scopeExtensions,omitempty"`
	Rules      []scopemap.Rule     `json:"rules,omitempty"`
	Decisions  []scopemap.Decision `json:"operations,omitempty"`
	Rest       map[string]string   `json:"restOfPath,omitempty"`
	Also       []scopemap.Also     `json:"alsoAt,omitempty"`
}

// API is all that a call to a product's API needs to know of it. It is never changed, only
// replaced.
type API struct {
	Product id.Product
	Name    string
	BaseURL *url.URL
	Auth    string          // AuthAnnex or AuthOAuth2
	Table   *scopemap.Table // never nil; without a document it has no operation
	Graph   *Graph          // nil where there is none
	Consent Consent
	OAuth   *OAuth2 // with AuthOAuth2
	Users   string  // FromAssertion, FromOIDC, FromOAuth2
	OIDC    *OIDC
	Admins  Admins
	Keys    *Keys
	// Scopes are the product's scopes by name, with their words.
	Scopes      map[string]Scope
	Aliases     []string
	Events      []Event
	PageOrigins []string
	SignInURL   string
	Directory   string
	Containers  []ContainerType
	People      *People // nil where nobody says who people are
}

// rules are what a document is compiled with.
func (p *Product) rules() scopemap.Rules {
	r := scopemap.Rules{
		Schemes: p.Authority.Schemes, Extensions: p.Authority.Extensions, Rules: p.Authority.Rules,
		Decisions: p.Authority.Decisions, Rest: p.Authority.Rest, Also: p.Authority.Also, Words: map[string]bool{},
	}
	for _, s := range p.Scopes {
		r.Words[s.Name] = true
	}
	if p.Graph != nil {
		r.GraphPath = p.Graph.Path
	}
	return r
}

// api is the product's API with the operations of a document.
func (p *Product) api(t *scopemap.Table) (*API, error) {
	base, err := url.Parse(p.APIBaseURL)
	if err != nil {
		return nil, err // validated when it was registered
	}
	a := &API{
		Product: p.Key, Name: p.Name, BaseURL: base, Auth: p.Auth, Table: t, Graph: p.Graph, Consent: p.Consent, OAuth: p.OAuth2,
		Users: p.Users, OIDC: p.OIDC, Admins: p.Admins, Keys: p.Keys, Scopes: map[string]Scope{},
		Aliases: p.Aliases, Events: p.Events, Containers: p.Containers, PageOrigins: p.PageOrigins, SignInURL: p.SignInURL, Directory: p.Directory, People: p.People,
	}
	for _, s := range p.Scopes {
		a.Scopes[s.Name] = s
	}
	return a, nil
}
