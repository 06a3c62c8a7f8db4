// Package scopemap says which operation of a product's API a request is, and which scopes
// it needs. Its promise: a request is one declared operation, found in one pass over its
// path, or it is refused; an operation that nobody mapped to scopes is closed; one that
// changes identities, hands out credentials or makes the product itself send or fetch
// elsewhere is closed until product.yaml decides it with a reason; and so is one that carries
// other requests in its body.
package scopemap

// Document is an OpenAPI description as far as authority depends on it. infra/openapi
// makes it; it holds nothing that was not written in the description.
type Document struct {
	Title   string `json:"title,omitempty"`
	Version string `json:"version,omitempty"`
	// Base is the path of the API that the document itself names (basePath, servers), for
	// a hint only: paths count from product.yaml's apiBaseUrl.
	Base    string            `json:"base,omitempty"`
	Schemes map[string]Scheme `json:"schemes,omitempty"`
	// Described are the operations in the order of path and method.
	Described []Described `json:"operations,omitempty"`
}

// Scheme is a security scheme of the document.
type Scheme struct {
	Type string `json:"type"` // oauth2, openIdConnect, http, apiKey, …
	// In and Name are where an apiKey is sent: a parameter that no app may give.
	In     string            `json:"in,omitempty"`
	Name   string            `json:"name,omitempty"`
	Scopes map[string]string `json:"scopes,omitempty"`
}

// Described is one operation as the document describes it.
type Described struct {
	ID      string   `json:"id,omitempty"`
	Method  string   `json:"method"` // upper-case
	Path    string   `json:"path"`   // a template, "/issue/{issue}"
	Tags    []string `json:"tags,omitempty"`
	Summary string   `json:"summary,omitempty"`
	// Security are alternatives of schemes with their scopes. The document's own default
	// is here too where the operation says nothing.
	Security   []map[string][]string `json:"security,omitempty"`
	Parameters []Parameter           `json:"parameters,omitempty"`
	// Body says that a request may have one, MediaTypes of which kinds.
	Body       bool     `json:"body,omitempty"`
	MediaTypes []string `json:"mediaTypes,omitempty"`
	// Sends and Answers are the fields of request and answer bodies as JSON pointers
	// ("/config/url", "/*/token" inside lists), to a bounded depth. Bodies of forms have
	// their fields in Form.
	Sends []string `json:"sends,omitempty"`
	Form  []string `json:"form,omitempty"`
	// AnyForm says that a form is taken and its fields are not described.
	AnyForm bool     `json:"anyForm,omitempty"`
	Answers []string `json:"answers,omitempty"`
	// Callback says that the product calls an address that the request names.
	Callback bool `json:"callback,omitempty"`
	// Extensions are the vendor extensions (x-…) as plain JSON values.
	Extensions map[string]any `json:"extensions,omitempty"`
	// Line is the operation's line in the document, 0 where it is unknown.
	Line int `json:"line,omitempty"`

	from string // the path in the document, where Path is at another prefix
}

// written is the path as the document has it: rules and decisions speak of that.
func (d *Described) written() string {
	if d.from != "" {
		return d.from
	}
	return d.Path
}

// Parameter is a declared parameter of an operation.
type Parameter struct {
	Name string `json:"name"`
	In   string `json:"in"` // path, query, header, cookie
	// Keys says that a query parameter is an object whose keys are the request's to choose
	// ("filter[name]"), Open that they are names of their own.
	Keys bool `json:"keys,omitempty"`
	Open bool `json:"open,omitempty"`
}

// Operation is one operation as requests meet it.
type Operation struct {
	ID, Method, Template string
	// Scopes are alternatives; each is a set of scopes that are all needed. No alternative:
	// closed. An empty alternative, which only product.yaml can give, needs no scope.
	Scopes [][]string
	// Closed says why nobody may call it, "" when it is open.
	Closed string
	// Class is what made somebody decide: Identity, Credential, Egress, Tunnel, or "".
	Class string
	// Reason is product.yaml's, where it decided the operation.
	Reason string
	// Query, Header and Form are the declared names; those of headers are lower-case.
	Query, Header, Form map[string]bool
	// Egress are the places of the request that name a host which the product will contact.
	Egress []EgressField
	// Body says that a request may have one, MediaTypes of which kinds (none: any).
	Body       bool
	MediaTypes []string
	Tags       []string
	Summary    string
	Line       int

	params  []param
	deep    map[string]bool // query parameters with keys, "filter" for filter[name]
	anyName bool            // the query takes any name
	anyForm bool            // so does the form
	// credentials are the document's own parameters for credentials, by place.
	credentials map[string]map[string]bool
}

// Classes of operations that stay closed until product.yaml decides them.
const (
	// Identity: it changes users, members, permissions, keys, passwords, tokens.
	Identity = "identity"
	// Credential: its answer holds a credential.
	Credential = "credential"
	// Egress: it makes the product itself send to or fetch from an address of the caller's.
	Egress = "egress"
	// Tunnel: it carries other requests inside its own, whose operations nobody would see.
	Tunnel = "tunnel"
)

// EgressField is a place in a request where a host is named that the product will contact.
type EgressField struct {
	In   string `json:"in"`   // body, query, form
	Name string `json:"name"` // a JSON pointer ("/config/url", "/*/url") in a body, else a name
}

// Rules are what product.yaml says about a document.
type Rules struct {
	// Schemes are the names of the security schemes whose scopes count; nil means all of
	// the types oauth2 and openIdConnect.
	Schemes []string
	// Extensions are the vendor extensions that carry an operation's scopes.
	Extensions []string
	// Rules give scopes to operations for which the document has none; the first counts.
	Rules []Rule
	// Decisions open or close single operations.
	Decisions []Decision
	// Rest are path parameters that take the rest of the path: name by template.
	Rest map[string]string
	// Also are further prefixes of the API at which the same operations are offered.
	Also []Also
	// GraphPath is the path of the product's GraphQL endpoint, "" for none: what is asked
	// for there is in a request's body, and decided by another gate.
	GraphPath string
	// Words are the scopes that the product words; a scope without words cannot be granted.
	Words map[string]bool
}

// Rule maps operations to scopes by tag, path and method; what it leaves empty it does
// not ask for.
type Rule struct {
	Tag     string
	Path    string // segments, "*" for any one, "**" at the end for the rest
	Methods []string
	Scopes  [][]string
	Line    int
}

// Decision is about one operation, named by its id or by method and path.
type Decision struct {
	ID           string
	Method, Path string
	Open         bool
	Reason       string
	// Scopes, when not nil, are needed instead of all that was said elsewhere.
	Scopes [][]string
	// Egress are the fields in which a request names the host that the product contacts.
	Egress []EgressField
	Line   int
}

// Also says that what is at From is also at At, "/rest/api/3" at "/rest/api/2".
type Also struct {
	From, At string
	Line     int
}

// Finding is something to know about a document under its rules.
type Finding struct {
	Rule     string // stable, for instance "operation-closed"
	Severity string // error, warning, note
	Class    string // the class it is about, if any
	ID       string // the operation, if any
	Method   string
	Path     string
	Message  string
	Fix      string
	// Line is a place in product.yaml when InRules, else in the document; 0 if unknown.
	Line    int
	InRules bool
}

// Severities of findings.
const (
	Error   = "error"
	Warning = "warning"
	Note    = "note"
)
