package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// Canonical is the manifest as JSON without white space, names sorted, in the one
// spelling that is normal: equal manifests have equal bytes, however they were
// written. Load reads it and gives the same manifest.
func (m *Manifest) Canonical() []byte {
	c := m.normal()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	v := plainOf(reflect.ValueOf(c).Elem())
	if v == nil {
		v = map[string]any{}
	}
	if err := e.Encode(v); err != nil {
		// The tree holds texts, truth values, finite numbers, lists and maps only.
		panic("manifest: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// plainOf turns a value into maps, lists and scalars, leaving out what is empty. It
// is nil when nothing is left.
func plainOf(v reflect.Value) any {
	if s, ok := asShaped(v); ok {
		return s.plain()
	}
	switch v.Kind() {
	case reflect.Pointer:
		return plainPointer(v)
	case reflect.Struct:
		return plainStruct(v)
	case reflect.Slice:
		return plainSlice(v)
	case reflect.Map:
		return plainMap(v)
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return v.Interface()
	}
	if v.IsZero() {
		return nil
	}
	return v.Interface()
}

// asShaped finds the methods of a value that need not be addressable.
func asShaped(v reflect.Value) (shaped, bool) {
	if !reflect.PointerTo(v.Type()).Implements(shapedType) {
		return nil, false
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.Interface().(shaped), true
}

// plainPointer keeps what a pointer points to even when it is zero: the pointer is
// there to tell "false" from "not said".
func plainPointer(v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	if p := plainOf(v.Elem()); p != nil {
		return p
	}
	if v.Elem().Kind() == reflect.Struct {
		return map[string]any{}
	}
	return v.Elem().Interface()
}

func plainStruct(v reflect.Value) any {
	if v.IsZero() {
		return nil
	}
	out := map[string]any{}
	for _, f := range tableOf(v.Type()) {
		fv := v.Field(f.index)
		if f.rest {
			for _, k := range fv.MapKeys() {
				if p := plainOf(fv.MapIndex(k)); p != nil {
					out[k.String()] = p
				} else {
					out[k.String()] = emptyOf(fv.MapIndex(k))
				}
			}
			continue
		}
		if p := plainOf(fv); p != nil {
			out[f.name] = p
		} else if f.required {
			out[f.name] = emptyOf(fv)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// emptyOf is how a value that is empty but has to be there is written.
func emptyOf(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		v = reflect.Zero(v.Type().Elem())
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		return map[string]any{}
	case reflect.Slice:
		return []any{}
	case reflect.Interface:
		return nil
	}
	return v.Interface()
}

func plainSlice(v reflect.Value) any {
	if v.Len() == 0 {
		return nil
	}
	out := make([]any, v.Len())
	for i := range out {
		if out[i] = plainOf(v.Index(i)); out[i] == nil {
			out[i] = emptyOf(v.Index(i))
		}
	}
	return out
}

func plainMap(v reflect.Value) any {
	if v.Len() == 0 {
		return nil
	}
	out := make(map[string]any, v.Len())
	for _, k := range v.MapKeys() {
		p := plainOf(v.MapIndex(k))
		if p == nil {
			p = emptyOf(v.MapIndex(k))
		}
		out[k.String()] = p
	}
	return out
}
