package manifest

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Options say what the manifest is read against. The zero value is fine.
type Options struct {
	// Products are the registered products. What belongs to none of them is a
	// warning; a misspelt name of one of them is an error.
	Products []Product
	// Lookup gives the value of an environment variable for ${NAME}. Only names that
	// the manifest declares are asked for. Without it only defaults are put in place.
	Lookup func(name string) (string, bool)
	// Files, when set, is the app's folder; references to files are checked in it.
	Files fs.FS
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

// MaxSize is the largest manifest in bytes.
const MaxSize = 200 << 10

// Load reads a manifest. name is the file's name for diagnostics. All problems are
// reported in one run, in the order of the file. The manifest is nil when a problem
// is an error; warnings leave it usable.
func Load(name string, data []byte, opts Options) (*Manifest, Diagnostics) {
	m, ds := LoadPart(name, data, opts)
	if ds.HasErrors() {
		return nil, ds
	}
	return m, ds
}

// LoadPart is Load for tools that go on in spite of errors: it gives what could be
// read, and nil only where the text is no YAML. Nothing may be granted or run by it.
func LoadPart(name string, data []byte, opts Options) (*Manifest, Diagnostics) {
	l := newLoader(name, opts)
	root, whole := l.parse(data)
	if root == nil {
		return nil, l.sorted()
	}
	l.partial = !whole
	m := l.read(root)
	m.positions = l.positions
	return m, l.sorted()
}

// read turns nodes into a manifest and checks it.
func (l *loader) read(root *yaml.Node) *Manifest {
	l.readVariables(root)
	m := &Manifest{}
	l.value(root, reflect.ValueOf(m).Elem(), "", field{})
	if isNull(root) {
		l.node(root, Error, "yaml-empty", "the manifest is empty", "start with `app: {id: ''}` and modules; docs/manifest.md has an example")
	}
	if !l.partial && root.Kind == yaml.MappingNode {
		normalise(m)
		l.check(m)
	}
	return m
}

// Position is the place of a value, by its path: modules.webtrigger[0].function. It
// is the zero Position when the manifest does not write the value.
func (m *Manifest) Position(path string) Position { return m.positions[path] }

// loader is one run of Load.
type loader struct {
	file string
	opts Options
	src  *source
	// lastLine is the number of lines: the YAML reader puts what is missing at the
	// end behind the last one.
	lastLine int
	partial  bool // the text was cut off: what is missing says nothing
	diags    Diagnostics
	edits    []edit

	nodes, depth int
	told         map[string]bool

	variables   map[string]*string // declared ones; nil for those without a value
	positions   map[string]Position
	keys        map[string]Position // places of names, where positions has those of values
	broken      map[string]bool     // paths of lists and maps that are none: what they lack says nothing
	addresses   map[string]*yaml.Node
	scopePlaces map[string]Position
	i18n        map[string]string // translation keys by the path that uses them
}

func newLoader(name string, opts Options) *loader {
	return &loader{
		file: name, opts: opts, src: &source{}, lastLine: 1, told: map[string]bool{},
		variables: map[string]*string{}, positions: map[string]Position{}, keys: map[string]Position{}, broken: map[string]bool{},
		addresses: map[string]*yaml.Node{}, scopePlaces: map[string]Position{}, i18n: map[string]string{},
	}
}

// place is where a node stands in the file as it is.
func (l *loader) place(n *yaml.Node) Position {
	if n.Line > l.lastLine {
		return Position{l.lastLine, 1}
	}
	return l.src.original(Position{max(n.Line, 1), max(n.Column, 1)})
}

func (l *loader) at(p Position, s Severity, rule, message, fix string) {
	if p.Line > l.lastLine {
		p = Position{l.lastLine, 1}
	}
	l.diags = append(l.diags, Diagnostic{File: l.file, Line: p.Line, Column: p.Column, Rule: rule, Severity: s, Message: message, Fix: fix})
}

func (l *loader) node(n *yaml.Node, s Severity, rule, message, fix string) {
	l.at(l.place(n), s, rule, message, fix)
}

// path reports a problem at the value that stands at a path, or at the nearest
// thing around it that the file writes.
func (l *loader) path(path string, s Severity, rule, message, fix string) {
	l.at(l.find(path), s, rule, message, fix)
}

func (l *loader) find(path string) Position {
	for p := path; ; {
		if at, ok := l.positions[p]; ok {
			return at
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			return Position{1, 1}
		}
		p = p[:i]
	}
}

// key reports a problem at the name under which a value stands.
func (l *loader) key(path string, s Severity, rule, message, fix string) {
	if at, ok := l.keys[path]; ok {
		l.at(at, s, rule, message, fix)
		return
	}
	l.path(path, s, rule, message, fix)
}

// once reports a problem that would otherwise be found over and over.
func (l *loader) once(rule string, n *yaml.Node, message, fix string) {
	if !l.told[rule] {
		l.told[rule] = true
		l.node(n, Error, rule, message, fix)
	}
}

// sorted gives the diagnostics in the order of the file, each once.
func (l *loader) sorted() Diagnostics {
	slices.SortStableFunc(l.diags, func(a, b Diagnostic) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	out := slices.Compact(l.diags)
	if len(out) > maxDiagnostics {
		// Errors decide; warnings may be cut off.
		slices.SortStableFunc(out, func(a, b Diagnostic) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
		out = out[:maxDiagnostics]
	}
	return out
}
