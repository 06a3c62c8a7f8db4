package manifest

import (
	"encoding/json"
	"reflect"
)

// Schema is a JSON Schema (draft 2020-12) of the manifest for editors. It knows what
// one value may be; Load knows more: references, hosts, and what goes together.
func Schema() []byte {
	g := &schemas{}
	s := g.of(reflect.TypeFor[Manifest](), field{})
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Annex app manifest"
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		// The tree holds texts, numbers, lists and maps only.
		panic("manifest: " + err.Error())
	}
	return append(out, '\n')
}

// schemas makes schemas from the table.
type schemas struct{}

// of is the schema of a type under the rules of a field.
func (g *schemas) of(t reflect.Type, f field) map[string]any {
	if reflect.PointerTo(t).Implements(shapedType) {
		return reflect.New(t).Interface().(shaped).schema(g)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.of(t.Elem(), f)
	case reflect.Struct:
		return g.object(t)
	case reflect.Slice:
		s := map[string]any{"type": "array", "items": g.of(t.Elem(), field{enum: f.enum, pattern: f.pattern})}
		bound(s, "Items", f)
		return s
	case reflect.Map:
		s := map[string]any{"type": "object", "additionalProperties": g.of(t.Elem(), field{})}
		bound(s, "Properties", f)
		return s
	case reflect.String:
		s := map[string]any{"type": "string"}
		if len(f.enum) > 0 {
			s["enum"] = f.enum
		}
		if f.pattern != nil {
			s["pattern"] = f.pattern.re.String()
		}
		bound(s, "Length", f)
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		s := map[string]any{"type": "integer"}
		if f.min != 0 {
			s["minimum"] = f.min
		}
		if f.max != 0 {
			s["maximum"] = f.max
		}
		return s
	}
	return map[string]any{} // anything
}

func bound(s map[string]any, what string, f field) {
	if f.min > 0 {
		s["min"+what] = f.min
	}
	if f.max > 0 {
		s["max"+what] = f.max
	}
}

func (g *schemas) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	var required []string
	for _, f := range tableOf(t) {
		ft := t.Field(f.index).Type
		if f.rest {
			s["additionalProperties"] = g.of(ft.Elem(), field{})
			continue
		}
		p := g.of(ft, f)
		if !f.required && len(p) > 0 {
			// A value that is not written may also be written as nothing.
			p = nullable(p)
		}
		p["description"] = f.doc
		properties[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}
