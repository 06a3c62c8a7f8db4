package manifest

// Options say what the manifest is read against. The zero value is fine.
type Options struct {
	// Products are the registered products; see Product.
	Products []Product
	// Lookup gives the value of an environment variable for ${NAME}. Only names that
	// the manifest declares are asked for. Without it only defaults are put in place.
	Lookup func(name string) (string, bool)
	// Files, when set, has references to files checked.
	Files Files
}

// Product is what a manifest may name of a registered product.
type Product struct {
	Key     string   // "tracker"
	Aliases []string // "jira"
	Modules []ModuleType
	Scopes  []string
	Events  []string
}

// ModuleType is a module type of a product: "tracker:issuePanel", alias "jira:issuePanel".
type ModuleType struct {
	Type    string
	Aliases []string
}

// Files answers questions about the app's folder. Paths are relative to it, with
// slashes.
type Files interface {
	// Exists reports whether a file or folder is there, and whether it is a folder.
	Exists(path string) (found, dir bool)
}

// MaxSize is the largest manifest in bytes.
const MaxSize = 200 << 10

// Load reads a manifest. name is the file's name for diagnostics. All problems are
// reported in one run, in the order of the file. The manifest is nil when a problem
// is an error; warnings leave it usable.
func Load(name string, data []byte, opts Options) (*Manifest, Diagnostics) {
	return &Manifest{}, nil
}
