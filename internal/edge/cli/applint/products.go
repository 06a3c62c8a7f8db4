package applint

import (
	"fmt"
	"strings"

	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

// Operation is an operation of a product's API, as the server offers it to apps.
type Operation struct {
	Method, Path string
	Scopes       [][]string // alternatives
	Closed       bool
	// Contacts says that the product then sends to a host that the request names.
	Contacts bool
}

// compareProducts names operations whose scopes the manifest lacks, that apps cannot call
// or that the product does not have. It gives the scopes that operations in the code need.
func compareProducts(m *manifest.Manifest, f *bundle.Facts, o Options, warn func(bundle.Position, string, string, string)) (used map[string]bool) {
	used = map[string]bool{}
	told := map[string]bool{}
	once := func(pos bundle.Position, rule, message, fix string) {
		if !told[rule+message] {
			told[rule+message] = true
			warn(pos, rule, message, fix)
		}
	}
	for _, c := range f.Calls {
		all, known := o.Operations[c.Product]
		if !known || len(all) == 0 {
			continue
		}
		what := strings.TrimSpace(c.Method + " " + strings.ReplaceAll(c.Path, bundle.Hole, "…"))
		found := operationsOf(all, c)
		for _, op := range found {
			for _, scopes := range op.Scopes {
				for _, s := range scopes {
					used[s] = true
				}
			}
		}
		switch {
		case len(found) == 0:
			once(c.Position, "operation-unknown", fmt.Sprintf("%s has no operation %s: the request will be refused", c.Product, what), "call an operation of the product's API description")
		case len(found) > 1: // the method, or a value, decides at run time
		case found[0].Closed:
			once(c.Position, "operation-closed", fmt.Sprintf("the operation %s of %s is closed to apps", what, c.Product), "do without it; the product's operator decides what is open")
		default:
			for _, s := range lacking(m, found[0].Scopes) {
				once(c.Position, "product-scope-required", fmt.Sprintf("%s of %s needs the scope %s, which the manifest lacks", what, c.Product, s), "add "+s+" to permissions.scopes")
			}
		}
	}
	return used
}

// compareEvents names events that triggers are never told of, since the manifest lacks their scope.
func compareEvents(m *manifest.Manifest, o Options, warn func(bundle.Position, string, string, string)) {
	told := map[string]bool{}
	for i, t := range m.Modules.Trigger {
		for j, e := range t.Events {
			scope := o.Needed[e.EventType]
			if scope == "" || m.Perms.Scopes.Has(scope) || told[e.EventType] {
				continue
			}
			told[e.EventType] = true
			base := fmt.Sprintf("modules.trigger[%d].events", i)
			warn(at(m, fmt.Sprintf("%s[%d].eventType", base, j), fmt.Sprintf("%s[%d]", base, j), base), "product-scope-required",
				fmt.Sprintf("the event %s needs the scope %s, which the manifest lacks: without it the app is never told", e.EventType, scope), "add "+scope+" to permissions.scopes")
		}
	}
}

// lacking are the scopes of the alternative of which the manifest has most.
func lacking(m *manifest.Manifest, all [][]string) []string {
	var best []string
	for i, scopes := range all {
		var missing []string
		for _, s := range scopes {
			if !m.Perms.Scopes.Has(s) {
				missing = append(missing, s)
			}
		}
		if i == 0 || len(missing) < len(best) {
			best = missing
		}
	}
	return best
}

// operationsOf are the operations that a call can be. Those with more of the path written
// out win, as they do in the server.
func operationsOf(all []Operation, c bundle.ProductCall) []Operation {
	var out []Operation
	most := -1
	for _, op := range all {
		if c.Method != "" && op.Method != c.Method {
			continue
		}
		switch n, ok := alike(op.Path, c.Path); {
		case !ok:
		case n > most:
			out, most = []Operation{op}, n
		case n == most:
			out = append(out, op)
		}
	}
	return out
}

// alike reports whether a call's path can be of a template, and how many segments both
// write out.
func alike(template, path string) (literals int, ok bool) {
	a, b := strings.Split(template, "/"), strings.Split(path, "/")
	if len(a) != len(b) {
		return 0, false
	}
	for i := range a {
		switch {
		case a[i] == b[i]:
			literals++
		case !strings.Contains(a[i], "{"), b[i] == "":
			return 0, false
		}
	}
	return literals, true
}
