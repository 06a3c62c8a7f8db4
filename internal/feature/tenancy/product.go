package tenancy

import (
	"slices"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/manifest"
)

// Product is what product.yaml says of a product.
type Product struct {
	Key        id.Product   `json:"key"`
	Name       string       `json:"name"`
	Aliases    []string     `json:"aliases,omitempty"`
	APIBaseURL string       `json:"apiBaseUrl,omitempty"`
	OpenAPI    string       `json:"openapi,omitempty"` // path of the OpenAPI document, beside product.yaml
	Modules    []ModuleType `json:"modules,omitempty"`
	Events     []Event      `json:"events,omitempty"`
	Scopes     []Scope      `json:"scopes,omitempty"`
	// Containers are the types of parts that hold the product's data: projects, for instance.
	Containers []ContainerType `json:"containers,omitempty"`
	// PageOrigins are the origins of pages that may embed panels.
	PageOrigins []string `json:"pageOrigins,omitempty"`
	SignInURL   string   `json:"signInUrl,omitempty"`
	// Auth is how the product knows who asks, OAuth2 its own server where it has one.
	Auth   string  `json:"auth,omitempty"`
	OAuth2 *OAuth2 `json:"oauth2,omitempty"`
	// Users says who says who a user is, Admins which of them are admins.
	Users string `json:"users,omitempty"`
	OIDC  *OIDC  `json:"oidc,omitempty"`
	// Directory names the ids of the product's people, where other products have the same:
	// in products of one directory the same id is the same person.
	Directory string `json:"directory,omitempty"`
	Admins    Admins `json:"admins,omitzero"`
	// People says how names and pictures of the product's people are asked for.
	People *People `json:"people,omitempty"`
	// Keys are the public keys with which the product's back end signs.
	Keys    *Keys   `json:"keys,omitempty"`
	Consent Consent `json:"consent,omitzero"`
	// Authority is what is said of the operations, Graph of GraphQL.
	Authority Authority `json:"authority,omitzero"`
	Graph     *Graph    `json:"graph,omitempty"`
}

// ModuleType is a place in the product where apps appear.
type ModuleType struct {
	Type    string         `json:"type"` // "tracker:issuePanel"
	Aliases []string       `json:"aliases,omitempty"`
	Slots   []string       `json:"slots,omitempty"`
	Context map[string]any `json:"context,omitempty"`
	// Show is how an app appears there: "" in a frame with its title, "inline" in a bare one,
	// "action" as a button that opens it in a dialog. With "page" and "adminPage" the product
	// needs no place: the app has a page of its own in the platform, for everybody or for
	// the site's admins.
	Show string `json:"show,omitempty"`
}

// The places that are pages of the platform.
const (
	ShowPage      = "page"
	ShowAdminPage = "adminPage"
)

// InPlatform reports whether apps have pages of their own in the platform there.
func (m *ModuleType) InPlatform() bool { return m.Show == ShowPage || m.Show == ShowAdminPage }

// HasPages reports whether any of the product's places is a page of the platform.
func (p *Product) HasPages() bool {
	return slices.ContainsFunc(p.Modules, func(m ModuleType) bool { return m.InPlatform() })
}

// Event is an event that the product publishes.
type Event struct {
	Type string `json:"type"`
	// Aliases are other names by which apps subscribe to it.
	Aliases []string `json:"aliases,omitempty"`
	// Scope is what an app needs to be told of it, Fields what it needs for members of the data.
	Scope  string            `json:"scope,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
	// Optional are members of the data that only triggers are given that ask for them.
	Optional []string       `json:"optional,omitempty"`
	Detail   map[string]any `json:"detail,omitempty"`
}

// Scope is a right on the product's API, in words for an admin.
type Scope struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Data   string `json:"data,omitempty"`   // what data it is about
	Access string `json:"access,omitempty"` // read or change
	Risk   string `json:"risk,omitempty"`
	// Consent is who consents to an app using it as a user: user (unless said) or admin.
	Consent string `json:"consent,omitempty"`
	// Offline says that an app may ask to use it as a user who is away.
	Offline bool `json:"offline,omitempty"`
}

// ForManifest is what a manifest may name of the product.
func (p *Product) ForManifest() manifest.Product {
	out := manifest.Product{Key: string(p.Key), Aliases: p.Aliases}
	for _, m := range p.Modules {
		out.Modules = append(out.Modules, manifest.ModuleType{Type: m.Type, Aliases: m.Aliases})
	}
	for _, s := range p.Scopes {
		out.Scopes = append(out.Scopes, s.Name)
	}
	for _, e := range p.Events {
		out.Events = append(append(out.Events, e.Type), e.Aliases...)
	}
	return out
}

// Names are the key and all aliases.
func (p *Product) Names() []string { return append([]string{string(p.Key)}, p.Aliases...) }
