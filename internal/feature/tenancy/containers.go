package tenancy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/scopemap"
)

// ContainerType is a type of parts that hold the product's data, such as projects: a site's
// admin can keep apps from single ones.
type ContainerType struct {
	Type  string `json:"type"`            // "project"
	Title string `json:"title,omitempty"` // for people: "Project"
	// Hint says what an admin writes to name one: "the key of a project, such as DEMO".
	Hint string `json:"hint,omitempty"`
	// Parameters are those of paths and queries that name one, with its id or its key;
	// "owner/repo" are two that name it together.
	Parameters []string `json:"parameters"`
	// Metadata are ids of operations that tell of a container and of nothing in it: they stay
	// open to apps that are kept from it.
	Metadata []string `json:"metadata,omitempty"`
	// Context are the fields of a panel's context that name one, with dots between them.
	Context []string `json:"context,omitempty"`

	line int // where product.yaml declares it
}

var containerForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)

// parameterForm takes a parameter's name, or several with a slash between them.
func parameterForm(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.ContainsAny(part, "{}?&=# ") {
			return false
		}
	}
	return true
}

func (r *reader) container(n *yaml.Node) (c ContainerType) {
	r.fields(n, "a type of containers", map[string]func(*yaml.Node){
		"type": func(n *yaml.Node) {
			r.text(n, "type", &c.Type, 30, containerForm.MatchString, "use lower-case letters, digits and dashes, a letter first")
		},
		"title": func(n *yaml.Node) { r.text(n, "title", &c.Title, 60, nil, "") },
		"hint":  func(n *yaml.Node) { r.text(n, "hint", &c.Hint, 200, nil, "") },
		"parameters": func(n *yaml.Node) {
			r.texts(n, "parameters", &c.Parameters, 200, parameterForm, "name parameters of paths or queries, two that belong together as owner/repo")
		},
		"metadata": func(n *yaml.Node) { r.texts(n, "metadata", &c.Metadata, 200, nil, "") },
		"context": func(n *yaml.Node) {
			r.texts(n, "context", &c.Context, 200, fieldPath, "write the name of a field, of one inside another as outer.inner")
		},
	}, "type", "parameters")
	if c.Title == "" {
		c.Title = c.Type
	}
	c.line = n.Line
	return c
}

var inTemplate = regexp.MustCompile(`\{([^{}]*)\}`)

// misnamed are the parameters and operations that containers name and the document has not: a
// rule would keep nobody from anything there, and say nothing of it.
func (p *Product) misnamed(table *scopemap.Table) (out []scopemap.Finding) {
	parameters, operations := map[string]bool{}, map[string]bool{}
	for _, op := range table.Operations() {
		operations[op.ID] = true
		for _, m := range inTemplate.FindAllStringSubmatch(op.Template, -1) {
			parameters[m[1]] = true
		}
		for name := range op.Query {
			parameters[name] = true
		}
	}
	finding := func(c ContainerType, fix, what string, args ...any) {
		out = append(out, scopemap.Finding{Rule: "unknown-container-name", Severity: scopemap.Error, Line: c.line, InRules: true,
			Message: "containers of type " + c.Type + ": " + fmt.Sprintf(what, args...), Fix: fix})
	}
	for _, c := range p.Containers {
		for _, parameter := range c.Parameters {
			for part := range strings.SplitSeq(parameter, "/") {
				if !parameters[part] {
					finding(c, "spell it as the document does, or leave it out", "no operation has a parameter %q in its path or query", part)
				}
			}
		}
		for _, operation := range c.Metadata {
			if !operations[operation] {
				finding(c, "write the operationId of an operation", "the document has no operation %q", operation)
			}
		}
	}
	return out
}

func containerNames(p *Product) []string {
	var out []string
	for _, c := range p.Containers {
		out = append(out, c.Type)
	}
	return out
}

// ContainersOf are the containers that a panel's context names.
func ContainersOf(types []ContainerType, context []byte) (out []call.Container) {
	if len(types) == 0 || len(context) == 0 {
		return nil
	}
	var all any
	d := json.NewDecoder(strings.NewReader(string(context)))
	d.UseNumber()
	if d.Decode(&all) != nil {
		return nil // no context that an app could read either
	}
	for _, t := range types {
		for _, path := range t.Context {
			at := all
			for part := range strings.SplitSeq(path, ".") {
				object, _ := at.(map[string]any)
				at = object[part]
			}
			switch id := at.(type) {
			case string:
				out = append(out, call.Container{Type: t.Type, ID: id})
			case json.Number:
				out = append(out, call.Container{Type: t.Type, ID: id.String()})
			case bool:
				out = append(out, call.Container{Type: t.Type, ID: strconv.FormatBool(id)})
			}
		}
	}
	return out
}
