package tenancy

import (
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
	// PageOrigins are the origins of pages that may embed panels.
	PageOrigins []string `json:"pageOrigins,omitempty"`
	SignInURL   string   `json:"signInUrl,omitempty"`
	// Users, Admins, Keys and Consent are kept as written.
	Users   any `json:"users,omitempty"`
	Admins  any `json:"admins,omitempty"`
	Keys    any `json:"keys,omitempty"`
	Consent any `json:"consent,omitempty"`
}

// ModuleType is a place in the product where apps appear.
type ModuleType struct {
	Type    string         `json:"type"` // "tracker:issuePanel"
	Aliases []string       `json:"aliases,omitempty"`
	Slots   []string       `json:"slots,omitempty"`
	Context map[string]any `json:"context,omitempty"`
}

// Event is an event that the product publishes.
type Event struct {
	Type   string         `json:"type"`
	Detail map[string]any `json:"detail,omitempty"`
}

// Scope is a right on the product's API, in words for an admin.
type Scope struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Data   string `json:"data,omitempty"`   // what data it is about
	Access string `json:"access,omitempty"` // read or change
	Risk   string `json:"risk,omitempty"`
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
		out.Events = append(out.Events, e.Type)
	}
	return out
}

// Names are the key and all aliases.
func (p *Product) Names() []string { return append([]string{string(p.Key)}, p.Aliases...) }
