package tenancy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/manifest"
)

// MaxProductSize is the largest product.yaml in bytes.
const MaxProductSize = 1 << 20

var (
	keyForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	moduleForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}:[A-Za-z][A-Za-z0-9_-]{0,99}$`)
	scopeForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}$`)
	eventForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}$`)
)

// ValidateProduct reads a product.yaml; name is its name in problems. All problems are
// found in one run. The product is nil when there is one.
func ValidateProduct(name string, data []byte) (*Product, manifest.Diagnostics) {
	return read(&reader{file: name}, data)
}

func read(r *reader, data []byte) (*Product, manifest.Diagnostics) {
	root := r.document(data)
	if root == nil {
		return nil, r.problems
	}
	p := r.product(root)
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b manifest.Diagnostic) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Column - b.Column
		})
		return nil, r.problems
	}
	return p, nil
}

// document reads the one YAML document of the file.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxProductSize {
		r.problem(nil, "too-large", "leave out what a product need not say", "the file has %d bytes; %d are read", len(data), MaxProductSize)
		return nil
	}
	if !utf8.Valid(data) {
		r.problem(nil, "yaml-syntax", "save the file as UTF-8", "the file is not UTF-8")
		return nil
	}
	var doc yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		r.problem(nil, "missing-field", "write at least key, name and apiBaseUrl", "the file is empty")
		return nil
	}
	if err := in.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.problem(nil, "yaml-syntax", "keep one document", "the file has more than one YAML document")
		return nil
	}
	if !r.plain(doc.Content[0], 0) {
		return nil
	}
	return doc.Content[0]
}

var positionForm = regexp.MustCompile(`line (\d+)(?:, column (\d+))?`)

// placeForm is the place in a message of the YAML reader.
var placeForm = regexp.MustCompile(`(?: at | on |^)?\bline \d+(?:, column \d+)?:? ?`)

// syntax places the YAML reader's own message.
func (r *reader) syntax(err error) {
	at := &yaml.Node{Line: 1, Column: 1}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := positionForm.FindStringSubmatch(text); m != nil {
		at.Line = atoi(m[1])
		if m[2] != "" {
			at.Column = atoi(m[2])
		}
	}
	text, _, _ = strings.Cut(text, "\n")
	text = placeForm.ReplaceAllString(text, "") // the diagnostic has its own line and column
	r.problem(at, "yaml-syntax", "mend the YAML; colons, dashes and indentation decide", "%s", text)
}

func atoi(digits string) int {
	n := 0
	for _, d := range digits {
		n = min(n*10+int(d-'0'), 1<<30)
	}
	return max(n, 1)
}

func (r *reader) product(root *yaml.Node) *Product {
	var p Product
	var aliases, modules, scopes, events *yaml.Node
	text := func(what string, to *string, max int, ok func(string) bool, fix string) func(*yaml.Node) {
		return func(n *yaml.Node) { r.text(n, what, to, max, ok, fix) }
	}
	const keyFix = "use lower-case letters, digits and dashes, a letter first"
	known := map[string]func(*yaml.Node){
		"key":  text("key", (*string)(&p.Key), 63, keyForm.MatchString, keyFix),
		"name": text("name", &p.Name, 100, nil, ""),
		"aliases": func(n *yaml.Node) {
			aliases = n
			r.texts(n, "aliases", &p.Aliases, 63, keyForm.MatchString, keyFix)
		},
		"apiBaseUrl": text("apiBaseUrl", &p.APIBaseURL, 2000, baseURL, "write an absolute http or https URL without user, query and fragment"),
		"openapi":    text("openapi", &p.OpenAPI, 2000, r.now(localPath), "write a path below the folder of product.yaml, without .., such as openapi.yaml"),
		"modules": func(n *yaml.Node) {
			modules = n
			r.list(n, "modules", func(e *yaml.Node) { p.Modules = append(p.Modules, r.module(e)) })
		},
		"events": func(n *yaml.Node) {
			events = n
			r.list(n, "events", func(e *yaml.Node) { p.Events = append(p.Events, r.event(e)) })
		},
		"scopes": func(n *yaml.Node) {
			scopes = n
			p.Scopes = r.scopes(n)
		},
		"pageOrigins": func(n *yaml.Node) {
			r.texts(n, "pageOrigins", &p.PageOrigins, 300, origin, "write SCHEME://HOST or SCHEME://HOST:PORT, nothing after it")
		},
		"directory": text("directory", &p.Directory, 63, keyForm.MatchString, keyFix),
		"containers": func(n *yaml.Node) {
			r.list(n, "containers", func(e *yaml.Node) { p.Containers = append(p.Containers, r.container(e)) })
			r.unique(n, "container type", containerNames(&p))
		},
		"people":    func(n *yaml.Node) { p.People = r.people(n) },
		"signInUrl": text("signInUrl", &p.SignInURL, 2000, baseURL, "write an absolute http or https URL without user, query and fragment"),
	}
	maps.Copy(known, r.authority(&p))
	r.fields(root, "a product", known, "key", "apiBaseUrl")
	r.together(root, &p)
	if p.Name == "" {
		p.Name = string(p.Key)
	}
	if slices.Contains(p.Aliases, string(p.Key)) {
		r.problem(aliases, "duplicate-key", "leave it out", "the key %q is also an alias", p.Key)
	}
	r.ownEvents(events, &p)
	r.unique(modules, "module type", moduleNames(&p))
	r.unique(scopes, "scope", scopeNames(&p))
	slices.SortFunc(p.Scopes, func(a, b Scope) int { return strings.Compare(a.Name, b.Name) })
	return &p
}

// unique refuses names that stand for two things.
func (r *reader) unique(at *yaml.Node, what string, names []string) {
	seen := map[string]bool{}
	for _, n := range names {
		if n != "" && seen[n] {
			r.problem(at, "duplicate-key", "give each its own", "the %s %q is declared twice", what, n)
		}
		seen[n] = true
	}
}

// ownEvents demands that a type of event names its product, so that none says what is
// another's to say.
func (r *reader) ownEvents(at *yaml.Node, p *Product) {
	if r.stored || p.Key == "" {
		return
	}
	for _, e := range p.Events {
		for _, name := range append([]string{e.Type}, e.Aliases...) {
			parts := strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(":./_", c) })
			if name != "" && !slices.ContainsFunc(p.Names(), func(own string) bool { return slices.Contains(parts, own) }) {
				r.problem(at, "bad-value", fmt.Sprintf("write %s:%s, or declare the alias that it begins with", p.Key, name),
					"the event %q does not name its product: %s or an alias of it is none of its parts", name, p.Key)
			}
		}
	}
}

func moduleNames(p *Product) []string {
	var out []string
	for _, m := range p.Modules {
		out = append(append(out, m.Type), m.Aliases...)
	}
	return out
}

func scopeNames(p *Product) []string {
	var out []string
	for _, s := range p.Scopes {
		out = append(out, s.Name)
	}
	return out
}

func (r *reader) module(n *yaml.Node) ModuleType {
	var m ModuleType
	const fix = "write PRODUCT:NAME, for instance tracker:issuePanel"
	r.fields(n, "a module", map[string]func(*yaml.Node){
		"type":    func(n *yaml.Node) { r.text(n, "type", &m.Type, 163, moduleForm.MatchString, fix) },
		"aliases": func(n *yaml.Node) { r.texts(n, "aliases", &m.Aliases, 163, moduleForm.MatchString, fix) },
		"slots":   func(n *yaml.Node) { r.texts(n, "slots", &m.Slots, 100, nil, "") },
		"show": func(n *yaml.Node) {
			known := func(s string) bool {
				return s == "frame" || s == "inline" || s == "action" || s == ShowPage || s == ShowAdminPage
			}
			r.text(n, "show", &m.Show, 20, known, "write frame, inline, action, page or adminPage")
		},
		"context": func(n *yaml.Node) {
			if v, ok := r.value(n, "context").(map[string]any); ok {
				m.Context = v
			} else {
				r.problem(n, "wrong-type", "write NAME: TYPE, one per line", "context is %s, not a mapping", kindOf(n))
			}
		},
	}, "type")
	return m
}

// event reads TYPE, or {type: TYPE, …} with whatever else the product says of it.
func (r *reader) event(n *yaml.Node) Event {
	var e Event
	const fix = "use letters, digits, colons, dots, dashes and underscores"
	if n.Kind != yaml.MappingNode {
		r.text(n, "an event", &e.Type, 128, eventForm.MatchString, fix)
		return e
	}
	r.entries(n, "an event", func(name, v *yaml.Node) {
		switch name.Value {
		case "type":
			r.text(v, "type", &e.Type, 128, eventForm.MatchString, fix)
			return
		case "aliases":
			r.texts(v, "aliases", &e.Aliases, 128, eventForm.MatchString, fix)
			return
		case "scope":
			r.text(v, "scope", &e.Scope, 128, nil, "name a scope")
			return
		case "optional":
			r.texts(v, "optional", &e.Optional, 128, nil, "name members of the data")
			return
		case "fields":
			e.Fields = map[string]string{}
			r.entries(v, "fields", func(field, scope *yaml.Node) {
				var text string
				r.text(scope, field.Value, &text, 128, nil, "name a scope")
				e.Fields[field.Value] = text
			})
			return
		}
		if e.Detail == nil {
			e.Detail = map[string]any{}
		}
		e.Detail[name.Value] = r.value(v, name.Value)
	})
	if e.Type == "" {
		r.problem(n, "missing-field", "add type:", "an event needs the field \"type\"")
	}
	return e
}

// scopes reads a list of {name: …} or a mapping NAME: {…}; both are how people write
// things with names.
func (r *reader) scopes(n *yaml.Node) []Scope {
	var out []Scope
	if n.Kind == yaml.SequenceNode {
		r.list(n, "scopes", func(e *yaml.Node) {
			var s Scope
			r.scope(e, &s, map[string]func(*yaml.Node){"name": func(n *yaml.Node) { r.scopeName(n, &s) }}, "name")
			out = append(out, s)
		})
		return out
	}
	r.entries(n, "scopes", func(name, v *yaml.Node) {
		var s Scope
		r.scopeName(name, &s)
		r.scope(v, &s, map[string]func(*yaml.Node){})
		out = append(out, s)
	})
	return out
}

func (r *reader) scopeName(n *yaml.Node, s *Scope) {
	r.text(n, "a scope", &s.Name, 128, scopeForm.MatchString, "use letters, digits, colons, dots, dashes and underscores")
}

func (r *reader) scope(n *yaml.Node, s *Scope, known map[string]func(*yaml.Node), required ...string) {
	known["title"] = func(n *yaml.Node) { r.text(n, "title", &s.Title, 200, nil, "") }
	known["data"] = func(n *yaml.Node) { r.text(n, "data", &s.Data, 500, nil, "") }
	known["access"] = func(n *yaml.Node) {
		r.text(n, "access", &s.Access, 10, oneOf("read", "change"), "write read or change")
	}
	known["risk"] = func(n *yaml.Node) {
		r.text(n, "risk", &s.Risk, 500, r.now(oneOf("low", "medium", "high")), "write low, medium or high")
	}
	known["consent"] = func(n *yaml.Node) {
		r.text(n, "consent", &s.Consent, 10, oneOf("user", "admin"), "write user or admin")
	}
	known["offline"] = func(n *yaml.Node) { r.truth(n, "offline", &s.Offline) }
	r.fields(n, "a scope", known, append(required, "title", "access")...)
}

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

// now is a rule for what is registered now. What was registered before it was made is
// read as it is.
func (r *reader) now(rule func(string) bool) func(string) bool {
	if r.stored {
		return nil
	}
	return rule
}

// localPath reports whether a path stays in its folder, on every system.
func localPath(s string) bool {
	if s == "" || strings.ContainsAny(s, "\\:") || strings.HasPrefix(s, "/") {
		return false
	}
	return !slices.Contains(strings.Split(s, "/"), "..")
}

func baseURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && !strings.Contains(s, "#")
}

func origin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && baseURL(s) && u.Path == ""
}
