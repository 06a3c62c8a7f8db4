package manifest

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/near"
)

// Limits that keep a small file from becoming a large thing: an alias is expanded
// wherever it is used.
const (
	maxDepth       = 60
	maxNodes       = 100_000
	maxDiagnostics = 1000
)

// shaped is a type that is written in more than one form.
type shaped interface {
	// decode reads a node; wrong forms are reported.
	decode(l *loader, n *yaml.Node, path string)
	// plain is the value in its normal form, for the canonical JSON; nil for none.
	plain() any
	// schema is its JSON Schema.
	schema(g *schemas) map[string]any
}

var shapedType = reflect.TypeFor[shaped]()

// value reads a node into v as the rules of f say.
func (l *loader) value(n *yaml.Node, v reflect.Value, path string, f field) {
	n, ok := l.enter(n, path)
	if !ok {
		return
	}
	defer l.leave()
	if isNull(n) {
		return // the same as not written; what is required is missed by the caller
	}
	if v.CanAddr() && v.Addr().Type().Implements(shapedType) {
		v.Addr().Interface().(shaped).decode(l, n, path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		before := len(l.diags)
		l.value(n, p.Elem(), path, f)
		if len(l.diags) == before || v.Type().Elem().Kind() == reflect.Struct {
			v.Set(p)
		}
	case reflect.Struct:
		l.object(n, v, path)
	case reflect.Slice:
		l.list(n, v, path, f)
	case reflect.Map:
		l.dictionary(n, v, path, f)
	case reflect.Interface:
		if x := l.any(n, path); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case reflect.String:
		if s, ok := l.text(n); ok {
			v.SetString(s)
			l.checkText(n, s, f)
		}
	case reflect.Bool:
		if b, ok := l.boolean(n); ok {
			v.SetBool(b)
		}
	case reflect.Int:
		if i, ok := l.integer(n); ok {
			v.SetInt(int64(i))
			l.checkNumber(n, i, f)
		}
	default:
		panic("manifest: a field of kind " + v.Kind().String())
	}
}

// enter resolves aliases, counts what is visited and notes the place of the path.
func (l *loader) enter(n *yaml.Node, path string) (*yaml.Node, bool) {
	if _, seen := l.positions[path]; !seen {
		l.positions[path] = l.place(n)
	}
	l.nodes++
	if l.nodes > maxNodes {
		l.once("yaml-too-big", n, "with its references put in place, the manifest has too many values", "use fewer references (&name, *name)")
		return n, false
	}
	if l.depth >= maxDepth {
		l.once("yaml-too-deep", n, fmt.Sprintf("values are nested more than %d deep", maxDepth), "make it flatter; a reference (*name) inside of what it refers to never ends")
		return n, false
	}
	l.depth++
	for hops := 0; n.Kind == yaml.AliasNode; hops++ {
		if n.Alias == nil || hops > maxDepth {
			l.depth--
			return n, false
		}
		n = n.Alias
	}
	return n, true
}

func (l *loader) leave() { l.depth-- }

// pair is one member of a mapping.
type pair struct {
	key   *yaml.Node
	value *yaml.Node
	name  string
}

// pairs gives a mapping's members, merges (<<) put in place, duplicates reported.
func (l *loader) pairs(n *yaml.Node, path string) []pair {
	var out, merged []pair
	seen := map[string]Position{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		for hops := 0; k.Kind == yaml.AliasNode && k.Alias != nil && hops < maxDepth; hops++ {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			l.node(k, Error, "wrong-type", "a list or map stands where a name is expected", "use a plain text as the name")
			continue
		}
		if k.ShortTag() == "!!merge" {
			merged = append(merged, l.merge(v, path)...)
			continue
		}
		if first, dup := seen[k.Value]; dup {
			l.node(k, Error, "duplicate-key", fmt.Sprintf("%s is written twice in %s; the first is in line %d", quote(k.Value), spoken(path), first.Line),
				"keep one of the two")
			continue
		}
		seen[k.Value] = l.place(k)
		out = append(out, pair{k, v, k.Value})
	}
	for _, p := range merged {
		if _, own := seen[p.name]; !own {
			seen[p.name] = l.place(p.key)
			out = append(out, p)
		}
	}
	return out
}

// merge gives the members that a merge (<<) brings in.
func (l *loader) merge(n *yaml.Node, path string) []pair {
	n, ok := l.enter(n, path)
	if !ok {
		return nil
	}
	defer l.leave()
	switch n.Kind {
	case yaml.MappingNode:
		return l.pairs(n, path)
	case yaml.SequenceNode:
		var out []pair
		for _, c := range n.Content {
			out = append(out, l.merge(c, path)...)
		}
		return out
	}
	l.node(n, Error, "wrong-type", "<< merges maps, and this is none", "refer to a map")
	return nil
}

// object reads a mapping into a struct.
func (l *loader) object(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		l.broken[path] = true
		l.wrongType(n, "a map")
		return
	}
	table := tableOf(v.Type())
	found := map[string]bool{}
	ps := l.pairs(n, path)
	for _, p := range ps {
		at := slices.IndexFunc(table, func(f field) bool { return !f.rest && f.name == p.name })
		if at >= 0 {
			found[p.name] = !isNull(p.value)
			l.keys[join(path, p.name)] = l.place(p.key)
			l.value(p.value, v.Field(table[at].index), join(path, p.name), table[at])
			continue
		}
		if at = slices.IndexFunc(table, func(f field) bool { return f.rest }); at >= 0 {
			l.keys[join(path, p.name)] = l.place(p.key)
			l.entry(p, v.Field(table[at].index), path)
			continue
		}
		l.unknownField(p.key, path, names(table))
		// A slip of the finger shall not hide what is wrong below it.
		meant := misspelt(p.name, names(table))
		at = slices.IndexFunc(table, func(f field) bool { return f.name == meant && !f.rest })
		if at >= 0 && !found[meant] && !slices.ContainsFunc(ps, func(o pair) bool { return o.name == meant }) {
			found[meant] = true
			l.keys[join(path, meant)] = l.place(p.key)
			l.value(p.value, v.Field(table[at].index), join(path, meant), table[at])
		}
	}
	if l.partial {
		return
	}
	for _, f := range table {
		if f.required && !found[f.name] {
			where := l.place(n)
			if k, ok := l.keys[path]; ok {
				where = k
			}
			l.at(where, Error, "missing-field", fmt.Sprintf("%s has no %s", spoken(path), f.name), "add "+f.name+": "+lower(f.doc))
		}
	}
}

func (l *loader) unknownField(k *yaml.Node, path string, known []string) {
	fix := "remove it; known here: " + strings.Join(known, ", ")
	if alike := near.Name(k.Value, known); alike != "" {
		fix = "write " + alike
	}
	l.node(k, Error, "unknown-field", fmt.Sprintf("%s has no field %s", spoken(path), quote(k.Value)), fix)
}

// entry reads one member of a mapping into a map.
func (l *loader) entry(p pair, m reflect.Value, path string) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	e := reflect.New(m.Type().Elem()).Elem()
	l.value(p.value, e, join(path, p.name), field{})
	if e.Kind() == reflect.Interface && e.IsNil() {
		return
	}
	m.SetMapIndex(reflect.ValueOf(p.name), e)
}

// dictionary reads a mapping into a map.
func (l *loader) dictionary(n *yaml.Node, v reflect.Value, path string, f field) {
	if n.Kind != yaml.MappingNode {
		l.wrongType(n, "a map")
		return
	}
	ps := l.pairs(n, path)
	l.checkSize(n, len(ps), path, f, "entries")
	for _, p := range ps {
		l.keys[join(path, p.name)] = l.place(p.key)
		l.entry(p, v, path)
	}
}

// list reads a sequence into a slice; the rules on texts hold for its elements.
func (l *loader) list(n *yaml.Node, v reflect.Value, path string, f field) {
	if n.Kind != yaml.SequenceNode {
		l.broken[path] = true
		l.wrongType(n, "a list")
		return
	}
	l.checkSize(n, len(n.Content), path, f, "elements")
	element := field{enum: f.enum, pattern: f.pattern}
	out := reflect.MakeSlice(v.Type(), 0, min(len(n.Content), 64))
	for i, c := range n.Content {
		e := reflect.New(v.Type().Elem()).Elem()
		at := fmt.Sprintf("%s[%d]", path, i)
		if isNull(c) {
			l.broken[at] = true
			l.node(c, Error, "wrong-type", fmt.Sprintf("element %d of %s is empty", i+1, spoken(path)), "write it, or remove the dash")
		} else {
			l.value(c, e, at, element)
		}
		out = reflect.Append(out, e)
	}
	v.Set(out)
	if f.unique != "" {
		l.checkUnique(v, path, f.unique)
	}
}

// any reads a node that only others understand.
func (l *loader) any(n *yaml.Node, path string) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for _, p := range l.pairs(n, path) {
			at := join(path, p.name)
			l.keys[at] = l.place(p.key)
			if c, ok := l.enter(p.value, at); ok {
				out[p.name] = l.any(c, at)
				l.leave()
			}
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, 0, min(len(n.Content), 64))
		for i, c := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			if c, ok := l.enter(c, at); ok {
				out = append(out, l.any(c, at))
				l.leave()
			}
		}
		return out
	}
	s, tag := l.scalar(n)
	switch tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(s, "true")
	case "!!int":
		if i, err := parseInt(s); err == nil {
			return i
		}
		fallthrough
	case "!!float":
		if f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
		l.node(n, Error, "wrong-type", quote(s)+" is not a number that JSON can hold", "write a finite number, or put it in quotes")
		return s
	}
	return s
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// spoken names a path in a sentence.
func spoken(path string) string {
	if path == "" {
		return "the manifest"
	}
	return path
}

func quote(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

func lower(s string) string {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
