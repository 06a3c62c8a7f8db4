package manifest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

func (s *Scopes) decode(l *loader, n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			c, ok := l.enter(c, at)
			if !ok {
				continue
			}
			if name, ok := l.text(c); ok {
				l.scopePlaces[name] = l.place(c)
				l.positions[join(path, name)] = l.place(c) // as in a map
				if slices.ContainsFunc(*s, func(h Scope) bool { return h.Name == name }) {
					l.node(c, Warning, "duplicate-scope", "the scope "+quote(name)+" is listed twice", "remove one of the two")
				} else {
					*s = append(*s, Scope{Name: name})
				}
			}
			l.leave()
		}
	case yaml.MappingNode:
		for _, p := range l.pairs(n, path) {
			l.scopePlaces[p.name] = l.place(p.key)
			l.positions[join(path, p.name)] = l.place(p.key)
			var o scopeOptions
			l.value(p.value, reflect.ValueOf(&o).Elem(), join(path, p.name), field{})
			*s = append(*s, Scope{Name: p.name, AllowImpersonation: o.AllowImpersonation})
		}
	default:
		l.wrongType(n, "a list")
	}
	slices.SortStableFunc(*s, func(a, b Scope) int { return strings.Compare(a.Name, b.Name) })
}

type scopeOptions struct {
	AllowImpersonation bool `json:"allowImpersonation" doc:"Whether the app may act for an absent user."`
}

func (s *Scopes) plain() any {
	if !slices.ContainsFunc(*s, func(s Scope) bool { return s.AllowImpersonation }) {
		list := make([]any, 0, len(*s))
		for _, x := range *s {
			list = append(list, x.Name)
		}
		return nonEmpty(list)
	}
	out := map[string]any{}
	for _, x := range *s {
		options := map[string]any{}
		if x.AllowImpersonation {
			options["allowImpersonation"] = true
		}
		out[x.Name] = options
	}
	return out
}

func nonEmpty(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (s *Scopes) schema(g *schemas) map[string]any {
	return anyOf(
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		map[string]any{"type": "object", "additionalProperties": nullable(g.of(reflect.TypeFor[scopeOptions](), field{}))},
	)
}

func (e *Egress) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		if s, ok := l.text(n); ok {
			e.Address = s
			l.positions[join(path, "address")] = l.place(n)
			l.addresses[join(path, "address")] = n
			l.checkText(n, s, field{max: 1000})
		}
		return
	}
	type fields Egress
	l.object(n, reflect.ValueOf((*fields)(e)).Elem(), path)
	if a := member(n, "address"); a != nil {
		l.addresses[join(path, "address")] = a
	}
}

func (e *Egress) plain() any {
	if *e == (Egress{Address: e.Address}) {
		return e.Address
	}
	type fields Egress
	return plainOf(reflect.ValueOf((*fields)(e)).Elem())
}

func (e *Egress) schema(g *schemas) map[string]any {
	type fields Egress
	return anyOf(map[string]any{"type": "string", "maxLength": 1000}, g.of(reflect.TypeFor[fields](), field{}))
}

func (c *Configurable) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		c.Enabled, _ = l.boolean(n)
		return
	}
	type fields Configurable
	l.object(n, reflect.ValueOf((*fields)(c)).Elem(), path)
}

func (c *Configurable) plain() any {
	if !c.Enabled {
		return nil
	}
	type fields Configurable
	return plainOf(reflect.ValueOf((*fields)(c)).Elem())
}

func (c *Configurable) schema(g *schemas) map[string]any {
	type fields Configurable
	return anyOf(map[string]any{"type": "boolean"}, g.of(reflect.TypeFor[fields](), field{}))
}

func (b *BaseURL) decode(l *loader, n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.ScalarNode:
		if s, ok := l.text(n); ok {
			*b = BaseURL{defaultRegion: s}
			l.positions[join(path, defaultRegion)] = l.place(n)
		}
	case yaml.MappingNode:
		type regions BaseURL
		l.dictionary(n, reflect.ValueOf((*regions)(b)).Elem(), path, field{})
	default:
		l.wrongType(n, "a URL")
	}
}

func (p *Patterns) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		if s, ok := l.text(n); ok {
			*p = Patterns{s}
			l.positions[path+"[0]"] = l.place(n)
		}
		return
	}
	l.value(n, reflect.ValueOf((*[]string)(p)).Elem(), path, field{})
}

func (p *Patterns) plain() any {
	list := make([]any, 0, len(*p))
	for _, s := range *p {
		list = append(list, s)
	}
	return nonEmpty(list)
}

func (p *Patterns) schema(*schemas) map[string]any {
	text := map[string]any{"type": "string"}
	return anyOf(text, map[string]any{"type": "array", "items": text})
}

// defaultRegion is the region of a remote that has one URL.
const defaultRegion = "default"

func (b *BaseURL) plain() any {
	if s, ok := (*b)[defaultRegion]; ok && len(*b) == 1 {
		return s
	}
	if len(*b) == 0 {
		return nil
	}
	return plainOf(reflect.ValueOf(map[string]string(*b)))
}

func (b *BaseURL) schema(*schemas) map[string]any {
	return anyOf(map[string]any{"type": "string"},
		map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}})
}

func (b *BearerMethod) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		if s, ok := l.text(n); ok {
			b.Type = s
			l.checkText(n, s, tableOf(reflect.TypeFor[BearerMethod]())[0])
		}
		return
	}
	type fields BearerMethod
	l.object(n, reflect.ValueOf((*fields)(b)).Elem(), path)
}

func (b *BearerMethod) plain() any {
	if *b == (BearerMethod{}) {
		return nil
	}
	if *b == (BearerMethod{Type: b.Type}) {
		return b.Type
	}
	type fields BearerMethod
	return plainOf(reflect.ValueOf((*fields)(b)).Elem())
}

func (b *BearerMethod) schema(g *schemas) map[string]any {
	type fields BearerMethod
	enum := tableOf(reflect.TypeFor[BearerMethod]())[0].enum
	return anyOf(map[string]any{"type": "string", "enum": enum}, g.of(reflect.TypeFor[fields](), field{}))
}

func (p *ProviderUse) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		p.Provider, _ = l.text(n)
		l.positions[join(path, "provider")] = l.place(n)
		return
	}
	type fields ProviderUse
	l.object(n, reflect.ValueOf((*fields)(p)).Elem(), path)
}

func (p *ProviderUse) plain() any {
	if len(p.RequiredScopes) == 0 && p.RequestAllScopes == nil {
		return p.Provider
	}
	type fields ProviderUse
	return plainOf(reflect.ValueOf((*fields)(p)).Elem())
}

func (p *ProviderUse) schema(g *schemas) map[string]any {
	type fields ProviderUse
	return anyOf(map[string]any{"type": "string"}, g.of(reflect.TypeFor[fields](), field{}))
}

func (e *EventRef) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		e.EventType, _ = l.text(n)
		l.positions[join(path, "eventType")] = l.place(n)
		return
	}
	type fields EventRef
	l.object(n, reflect.ValueOf((*fields)(e)).Elem(), path)
}

func (e *EventRef) plain() any {
	type fields EventRef
	if reflect.DeepEqual(*e, EventRef{EventType: e.EventType}) {
		return e.EventType
	}
	return plainOf(reflect.ValueOf((*fields)(e)).Elem())
}

func (e *EventRef) schema(g *schemas) map[string]any {
	type fields EventRef
	return anyOf(map[string]any{"type": "string"}, g.of(reflect.TypeFor[fields](), field{}))
}

func (r *Route) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		r.Path, _ = l.text(n)
		l.positions[join(path, "path")] = l.place(n)
		return
	}
	type fields Route
	l.object(n, reflect.ValueOf((*fields)(r)).Elem(), path)
}

func (r *Route) plain() any {
	type fields Route
	return plainOf(reflect.ValueOf((*fields)(r)).Elem())
}

func (r *Route) schema(g *schemas) map[string]any {
	type fields Route
	return anyOf(map[string]any{"type": "string"}, g.of(reflect.TypeFor[fields](), field{}))
}

func (x *Index) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		x.Name, _ = l.text(n)
		l.positions[join(path, "name")] = l.place(n)
		return
	}
	type fields Index
	l.object(n, reflect.ValueOf((*fields)(x)).Elem(), path)
}

func (x *Index) plain() any {
	if len(x.Partition) == 0 && len(x.Range) == 0 {
		return x.Name
	}
	type fields Index
	return plainOf(reflect.ValueOf((*fields)(x)).Elem())
}

func (x *Index) schema(g *schemas) map[string]any {
	type fields Index
	return anyOf(map[string]any{"type": "string"}, g.of(reflect.TypeFor[fields](), field{}))
}

func (v *Variable) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		v.Key, _ = l.text(n)
		l.checkText(n, v.Key, tableOf(reflect.TypeFor[Variable]())[0])
		return
	}
	type fields Variable
	l.object(n, reflect.ValueOf((*fields)(v)).Elem(), path)
}

func (v *Variable) plain() any {
	if v.Default == nil {
		return v.Key
	}
	return map[string]any{"key": v.Key, "default": *v.Default}
}

func (v *Variable) schema(g *schemas) map[string]any {
	type fields Variable
	key := patterns["variable"].re.String()
	return anyOf(map[string]any{"type": "string", "pattern": key}, g.of(reflect.TypeFor[fields](), field{}))
}

func (t *Text) decode(l *loader, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		t.Text, _ = l.text(n)
		return
	}
	if member(n, "i18n") == nil {
		t.Other, _ = l.any(n, path).(map[string]any)
		return
	}
	var ref textRef
	l.object(n, reflect.ValueOf(&ref).Elem(), path)
	t.I18n = ref.I18n
	if t.I18n != "" {
		l.i18n[path] = t.I18n
	}
}

type textRef struct {
	I18n string `json:"i18n" rule:"req" doc:"Key of a translation."`
}

func (t *Text) plain() any {
	switch {
	case t.I18n != "":
		return map[string]any{"i18n": t.I18n}
	case t.Text != "":
		return t.Text
	case len(t.Other) > 0:
		return t.Other
	}
	return nil
}

func (t *Text) schema(*schemas) map[string]any {
	return anyOf(map[string]any{"type": "string"}, map[string]any{"type": "object"})
}

func anyOf(forms ...any) map[string]any { return map[string]any{"anyOf": forms} }

func nullable(s map[string]any) map[string]any {
	return anyOf(s, map[string]any{"type": "null"})
}
