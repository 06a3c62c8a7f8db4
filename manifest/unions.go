package manifest

// These types are written in more than one form; see decode_unions.go.

// Scopes are the scopes of a manifest, sorted by name, each once.
type Scopes []Scope

// Index is an index of an Entity: the name of an attribute, or a name with
// partition and range attributes.
type Index struct {
	Name      string   `json:"name" rule:"req min=1 max=50" doc:"Name of the index."`
	Partition []string `json:"partition" doc:"Attributes that have to be given."`
	Range     []string `json:"range" rule:"max=1" doc:"Attribute that orders."`
}

// Variable is a manifest variable: a name, or a name with a default.
type Variable struct {
	Key     string  `json:"key" rule:"req re=variable" doc:"Name."`
	Default *string `json:"default" doc:"Value when the environment has none."`
}

// BaseURL is a remote's URL, or its URLs by region. A single URL is under "default".
type BaseURL map[string]string

// Patterns are host patterns; a single one may stand for a list of one.
type Patterns []string

// Text is a text, or the key of a translation, or what a product makes of the field.
type Text struct {
	Text  string
	I18n  string
	Other map[string]any
}
