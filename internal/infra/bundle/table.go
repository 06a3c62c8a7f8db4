package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table is what the base image offers to bundles: the modules with their exported
// names, and other names by which apps ask for them.
type Table struct {
	Modules map[string][]string `json:"modules"`
	Aliases map[string]string   `json:"aliases"`
	// TypesOnly are import names that hold nothing at run time.
	TypesOnly []string `json:"typesOnly"`
	// NotOffered are members, by module, that exist and reject with NOT_OFFERED.
	NotOffered map[string][]string `json:"notOffered"`
}

// withoutReact is the table for an app that brings its own React and has no UI Kit: its
// functions render HTML with it.
func (t *Table) withoutReact() *Table {
	out := *t
	out.Modules, out.Aliases = maps.Clone(t.Modules), maps.Clone(t.Aliases)
	react := func(name string) bool { return name == "react" || strings.HasPrefix(name, "react/") }
	maps.DeleteFunc(out.Modules, func(name string, _ []string) bool { return react(name) })
	maps.DeleteFunc(out.Aliases, func(name, _ string) bool { return react(name) })
	return &out
}

// typesOnly reports whether a specifier names types alone.
func (t *Table) typesOnly(spec string) bool { return slices.Contains(t.TypesOnly, spec) }

// ParseTable reads the table that the SDK's build writes.
func ParseTable(data []byte) (*Table, error) {
	var t Table
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("bundle.ParseTable: %w", err)
	}
	if len(t.Modules) == 0 {
		return nil, fmt.Errorf("bundle.ParseTable: the table names no module")
	}
	for from, to := range t.Aliases {
		if _, ok := t.Modules[to]; !ok {
			return nil, fmt.Errorf("bundle.ParseTable: alias %q leads to %q, which is no module", from, to)
		}
	}
	return &t, nil
}

// lookup finds the module that a specifier means.
func (t *Table) lookup(spec string) (module string, ok bool) {
	spec = strings.TrimSuffix(spec, "/") // "buffer/" asks npm for a package that mends what Node has
	if to, ok := t.Aliases[spec]; ok {
		return to, true
	}
	if _, ok := t.Modules[spec]; ok {
		return spec, true
	}
	if isBuiltin(spec) && !strings.HasPrefix(spec, "node:") {
		return t.lookup("node:" + spec)
	}
	// A deep import of an SDK package ("@forge/bridge/out/view/getContext") takes its
	// names from the package: its inner files are not part of the surface.
	if pkg := sdkPackage(spec); pkg != "" && pkg != spec {
		return t.lookup(pkg)
	}
	return "", false
}

// nearest is the known specifier that is most like spec, or "".
func (t *Table) nearest(spec string) string {
	best, distance := "", len(spec)/3+1
	consider := func(name string) {
		if d := editDistance(spec, name); d < distance || d == distance && best != "" && name < best {
			best, distance = name, d
		}
	}
	for name := range t.Modules {
		consider(name)
	}
	for name := range t.Aliases {
		consider(name)
	}
	return best
}

// nearestExport is the export of a module that is most like name, or "".
func (t *Table) nearestExport(module, name string) string {
	best, distance := "", len(name)/3+1
	for _, n := range t.Modules[module] {
		if d := editDistance(name, n); d < distance {
			best, distance = n, d
		}
	}
	return best
}

// sdkPackage is the package part of a specifier in one of the SDK's scopes, or "".
func sdkPackage(spec string) string {
	if !strings.HasPrefix(spec, "@forge/") && !strings.HasPrefix(spec, "@annex/") {
		return ""
	}
	parts := strings.SplitN(spec, "/", 3)
	return parts[0] + "/" + parts[1]
}

// builtins are the names of Node's built-in modules, without their sub-paths.
var builtins = strings.Fields(`assert async_hooks buffer child_process cluster console constants crypto
	dgram diagnostics_channel dns domain events fs http http2 https inspector module net os path
	perf_hooks process punycode querystring readline repl sea sqlite stream string_decoder sys test
	timers tls trace_events tty url util v8 vm wasi worker_threads zlib`)

func isBuiltin(spec string) bool {
	if strings.HasPrefix(spec, "node:") {
		return true
	}
	name, _, _ := strings.Cut(spec, "/")
	return slices.Contains(builtins, name)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// Module finds the module of the base image that a specifier means.
func (t *Table) Module(spec string) (string, bool) { return t.lookup(spec) }
