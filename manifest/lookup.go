package manifest

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
)

// find gives the element with a key.
func find[T any](list []T, is func(T) bool) (T, bool) {
	for _, e := range list {
		if is(e) {
			return e, true
		}
	}
	var none T
	return none, false
}

// ModuleTypes are the types of the modules that the manifest declares, each once.
func (m *Manifest) ModuleTypes() []string {
	var out []string
	for _, p := range m.Modules.all() {
		if !slices.Contains(out, p.typ) {
			out = append(out, p.typ)
		}
	}
	return out
}

// Functions are the app's functions.
func (m *Manifest) Functions() []Function { return m.Modules.Function }

// Function finds a function by its key.
func (m *Manifest) Function(key string) (Function, bool) {
	return find(m.Modules.Function, func(f Function) bool { return f.Key == key })
}

// WebTriggers are the app's web triggers, older spellings replaced.
func (m *Manifest) WebTriggers() []WebTrigger {
	list := slices.Clone(m.Modules.WebTrigger)
	for i, w := range list {
		list[i] = normalWebTrigger(w)
	}
	return list
}

// WebTrigger finds a web trigger by its key.
func (m *Manifest) WebTrigger(key string) (WebTrigger, bool) {
	w, ok := find(m.Modules.WebTrigger, func(w WebTrigger) bool { return w.Key == key })
	return normalWebTrigger(w), ok
}

// Output finds an answer of a static web trigger.
func (w WebTrigger) Output(key string) (Output, bool) {
	return find(w.Response.Outputs, func(o Output) bool { return o.Key == key })
}

// Remote finds a remote by its key, older spellings replaced.
func (m *Manifest) Remote(key string) (Remote, bool) {
	r, ok := find(m.Remotes, func(r Remote) bool { return r.Key == key })
	return normalRemote(r), ok
}

// Endpoint finds an endpoint by its key.
func (m *Manifest) Endpoint(key string) (Endpoint, bool) {
	return find(m.Modules.Endpoint, func(e Endpoint) bool { return e.Key == key })
}

// Target is what a module calls: its function, or the endpoint in the place of one.
func (m *Manifest) Target(function, endpoint string) (Function, bool) {
	if function != "" || endpoint == "" {
		return m.Function(function)
	}
	e, ok := m.Endpoint(endpoint)
	return Function{Key: e.Key, Handler: call.Endpoint(e.Key)}, ok
}

// Provider finds an external provider by its key.
func (m *Manifest) Provider(key string) (Provider, bool) {
	return find(m.Providers.Auth, func(p Provider) bool { return p.Key == key })
}

// Resource finds a resource by its key.
func (m *Manifest) Resource(key string) (Resource, bool) {
	return find(m.Resources, func(r Resource) bool { return r.Key == key })
}

// Consumer finds the consumer of a queue.
func (m *Manifest) Consumer(queue string) (Consumer, bool) {
	is := func(c Consumer) bool { return c.Queue == queue }
	if c, ok := find(m.Modules.Consumer, is); ok {
		return c, true
	}
	return find(m.Modules.FIFOConsumer, is)
}

// UIModules are the modules of types that products declare, by type and then in the
// order of the file.
func (m *Manifest) UIModules() []Module {
	var out []Module
	for _, t := range slices.Sorted(maps.Keys(m.Modules.UI)) {
		out = append(out, m.Modules.UI[t]...)
	}
	return out
}

// Module finds a module of a type that a product declares by its key.
func (m *Manifest) Module(key string) (Module, bool) {
	return find(m.UIModules(), func(u Module) bool { return u.Key == key })
}

// Snapshots reports whether a version's module scope may run once, at deploy.
func (m *Manifest) Snapshots() bool {
	return m.App.Runtime.Snapshots == nil || *m.App.Runtime.Snapshots
}

// DefaultMemoryMB is the memory of one call unless the manifest says otherwise.
const DefaultMemoryMB = 128

// MemoryMB is the memory of one call, the largest that the manifest asks for.
func (m *Manifest) MemoryMB() int {
	mb := m.App.Runtime.MemoryMB
	if mb == 0 {
		mb = DefaultMemoryMB
	}
	for _, f := range m.Modules.Function {
		mb = max(mb, f.Runtime.MemoryMB)
	}
	return mb
}

// Interface is the entry of a UI Kit front end: a source file that runs in the sandbox.
type Interface struct {
	Key  string // of the resource, or KEY/ENTRY
	Path string // of the file, below the app's folder
}

// Interfaces are the UI Kit front ends: the resources that name a source file and no folder.
func (m *Manifest) Interfaces() []Interface {
	var out []Interface
	for _, r := range m.Resources {
		if isSource(r.Path) {
			out = append(out, Interface{r.Key, path.Clean(r.Path)})
		}
		for _, name := range slices.Sorted(maps.Keys(r.Entry)) {
			dir := r.Path
			if isSource(dir) {
				dir = path.Dir(dir)
			}
			if isSource(r.Entry[name]) {
				out = append(out, Interface{r.Key + "/" + name, path.Join(dir, r.Entry[name])})
			}
		}
	}
	return out
}

// Interface finds the UI Kit front end that a module's resource names.
func (m *Manifest) Interface(resource string) (Interface, bool) {
	return find(m.Interfaces(), func(i Interface) bool { return i.Key == resource })
}

// Renders reports whether a resource is of UI Kit: its files are code, and never sent to
// a browser.
func (m *Manifest) Renders(r Resource) bool {
	return isSource(r.Path) || slices.ContainsFunc(slices.Sorted(maps.Keys(r.Entry)), func(name string) bool { return isSource(r.Entry[name]) })
}

var sources = []string{".ts", ".tsx", ".jsx", ".js", ".mjs", ".cjs", ".mts", ".cts"}

func isSource(file string) bool { return slices.Contains(sources, strings.ToLower(path.Ext(file))) }
