package manifest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/near"
)

// index holds the names that references may point to.
type index struct {
	functions, endpoints, remotes, services, providers, actions, resources []string
}

func (l *loader) index(m *Manifest) *index {
	x := &index{
		functions: keysOf(m.Modules.Function, func(f Function) string { return f.Key }),
		endpoints: keysOf(m.Modules.Endpoint, func(e Endpoint) string { return e.Key }),
		remotes:   keysOf(m.Remotes, func(r Remote) string { return r.Key }),
		providers: keysOf(m.Providers.Auth, func(p Provider) string { return p.Key }),
		actions:   keysOf(m.Modules.Action, func(a Action) string { return a.Key }),
	}
	for _, r := range m.Resources {
		x.resources = append(x.resources, r.Key)
		for _, e := range slices.Sorted(maps.Keys(r.Entry)) {
			x.resources = append(x.resources, r.Key+"/"+e)
		}
	}
	for _, s := range m.Services {
		if s, ok := s.(map[string]any); ok {
			if key, ok := s["key"].(string); ok {
				x.services = append(x.services, key)
			}
		}
	}
	return x
}

func keysOf[T any](list []T, key func(T) string) []string {
	var out []string
	for _, e := range list {
		out = append(out, key(e))
	}
	return out
}

// definitions are the lists in which things are defined.
var definitions = map[string]string{
	"function": "modules.function", "endpoint": "modules.endpoint", "action": "modules.action",
	"remote": "remotes", "resource": "resources", "provider": "providers.auth", "translation": "translations.resources",
}

// reference reports a name that points to nothing.
func (l *loader) reference(path, kind, name string, known []string) {
	known = slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" })
	if name == "" || slices.Contains(known, name) || l.broken[definitions[kind]] {
		return
	}
	fix := fmt.Sprintf("define it, or name one of: %s", strings.Join(firstFew(known), ", "))
	if len(known) == 0 {
		fix = "define it"
	}
	if alike := near.Name(name, known); alike != "" {
		fix = "write " + alike + ", or define " + name
	}
	l.path(path, Error, "dangling-"+kind, fmt.Sprintf("there is no %s %s", kind, quote(name)), fix)
}

func firstFew(list []string) []string {
	const few = 8
	if len(list) <= few {
		return list
	}
	return append(slices.Clone(list[:few]), "…")
}

// placedModule is one module of any type with its path.
type placedModule struct {
	typ, path, key string
}

// all are the manifest's modules in the order of the types.
func (ms *Modules) all() []placedModule {
	var out []placedModule
	v := reflect.ValueOf(ms).Elem()
	for _, f := range tableOf(v.Type()) {
		if f.rest {
			continue
		}
		for i := range v.Field(f.index).Len() {
			e := v.Field(f.index).Index(i)
			out = append(out, placedModule{f.name, fmt.Sprintf("modules.%s[%d]", f.name, i), e.FieldByName("Key").String()})
		}
	}
	for _, t := range slices.Sorted(maps.Keys(ms.UI)) {
		for i, u := range ms.UI[t] {
			out = append(out, placedModule{t, fmt.Sprintf("modules.%s[%d]", t, i), u.Key})
		}
	}
	return out
}
