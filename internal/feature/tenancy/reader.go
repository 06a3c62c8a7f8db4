package tenancy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/manifest"
)

// reader walks a YAML tree by tables of fields and collects every problem on its way.
type reader struct {
	stored   bool // it is registered already
	file     string
	problems manifest.Diagnostics
}

func (r *reader) problem(at *yaml.Node, rule, fix, format string, args ...any) {
	d := manifest.Diagnostic{File: r.file, Line: 1, Column: 1, Rule: rule, Severity: manifest.Error,
		Message: fmt.Sprintf(format, args...), Fix: fix}
	if at != nil && at.Line > 0 {
		d.Line, d.Column = at.Line, at.Column
	}
	r.problems = append(r.problems, d)
}

// fields reads a mapping; each known field has its reader.
func (r *reader) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node), required ...string) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "wrong-type", "write fields, one per line: NAME: VALUE", "%s is %s, not a mapping", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			r.problem(key, "unknown-field", "known fields are "+strings.Join(slices.Sorted(maps.Keys(known)), ", "), "%s has no field %q", what, key.Value)
		case seen[key.Value]:
			r.problem(key, "duplicate-key", "keep one of the two", "%s has the field %q twice", what, key.Value)
		default:
			seen[key.Value] = true
			read(value)
		}
	}
	for _, name := range required {
		if !seen[name] {
			r.problem(n, "missing-field", "add "+name+":", "%s needs the field %q", what, name)
		}
	}
}

// entries reads a mapping whose keys are names.
func (r *reader) entries(n *yaml.Node, what string, each func(name, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, "wrong-type", "write NAME: {…}, one per line", "%s is %s, not a mapping", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.problem(key, "wrong-type", "write a name", "a name in %s is %s", what, kindOf(key))
			continue
		}
		if seen[key.Value] {
			r.problem(key, "duplicate-key", "keep one of the two", "%s has %q twice", what, key.Value)
			continue
		}
		seen[key.Value] = true
		each(key, n.Content[i+1])
	}
}

// list reads a sequence.
func (r *reader) list(n *yaml.Node, what string, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "wrong-type", "write a list, each element after a dash", "%s is %s, not a list", what, kindOf(n))
		return
	}
	for _, e := range n.Content {
		each(e)
	}
}

// text reads a text that satisfies ok ("" is always refused).
func (r *reader) text(n *yaml.Node, what string, to *string, max int, ok func(string) bool, fix string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.problem(n, "wrong-type", "write a text, in quotes if it looks like something else", "%s is %s, not a text", what, kindOf(n))
		return
	}
	switch {
	case n.Value == "" || len(n.Value) > max || strings.ContainsRune(n.Value, 0):
		r.problem(n, "bad-value", fmt.Sprintf("write 1 to %d characters", max), "%s has %d bytes", what, len(n.Value))
	case ok != nil && !ok(n.Value):
		r.problem(n, "bad-value", fix, "%s is %q", what, n.Value)
	default:
		*to = n.Value
	}
}

// texts reads a list of texts without repetition.
func (r *reader) texts(n *yaml.Node, what string, to *[]string, max int, ok func(string) bool, fix string) {
	r.list(n, what, func(e *yaml.Node) {
		var s string
		r.text(e, "an element of "+what, &s, max, ok, fix)
		switch {
		case s == "":
		case slices.Contains(*to, s):
			r.problem(e, "duplicate-key", "keep one of the two", "%s has %q twice", what, s)
		default:
			*to = append(*to, s)
		}
	})
}

// value keeps anything that is also JSON, as it is.
func (r *reader) value(n *yaml.Node, what string) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		r.entries(n, what, func(name, v *yaml.Node) { out[name.Value] = r.value(v, what+"."+name.Value) })
		return out
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, e := range n.Content {
			out = append(out, r.value(e, what))
		}
		return out
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value
	case "!!null", "!!bool", "!!int":
		var v any
		if err := n.Decode(&v); err == nil {
			return v
		}
	case "!!float": // JSON has no .inf and .nan
		var f float64
		if err := n.Decode(&f); err == nil && f-f == 0 {
			return f
		}
	}
	r.problem(n, "wrong-type", "write a text, number, true, false, list or mapping", "%s is %s", what, kindOf(n))
	return nil
}

const maxDepth = 40

// plain refuses what a description does not need and what makes a small file mean a
// large one: anchors, aliases, tags, depth.
func (r *reader) plain(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		r.problem(n, "too-deep", "nest less", "more than %d levels", maxDepth)
		return false
	case n.Kind == yaml.AliasNode, n.Anchor != "", n.Tag == "!!merge":
		r.problem(n, "no-alias", "write the value out; put a text that starts with * or & in quotes", "anchors and aliases are not read here")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.problem(n, "no-tag", "leave the tag out", "tags are not read here")
		return false
	}
	ok := true
	for _, c := range n.Content {
		ok = r.plain(c, depth+1) && ok
	}
	return ok
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "a truth value"
	case "!!int", "!!float":
		return "a number"
	case "!!str":
		return "a text"
	default:
		return "a " + strings.TrimPrefix(n.ShortTag(), "!!")
	}
}
