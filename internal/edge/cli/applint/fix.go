package applint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

// Fix mends a manifest's text: what the manifest's own fixer mends, and scopes and
// hosts that the code needs and the manifest lacks. Each change is tried, and kept only
// if the manifest still loads. It gives the mended text and what it mended.
func Fix(ctx context.Context, dir string, text []byte, o Options) ([]byte, []bundle.Diagnostic, error) {
	mended, done := manifest.Fix(ManifestName, text)
	var applied []bundle.Diagnostic
	for _, d := range done {
		applied = append(applied, fromManifest(d))
	}
	load := func(text []byte) *manifest.Manifest {
		m, _ := manifest.Load(ManifestName, text, manifest.Options{Products: o.Products, Lookup: o.Lookup})
		return m
	}
	m := load(mended)
	if m == nil {
		return mended, applied, nil
	}
	sources, err := inputs(ctx, dir, m, o)
	if err != nil {
		return mended, applied, nil //nolint:nilerr // an app without sources has nothing to add; Check reports it
	}
	facts, err := bundle.Scan(dir, sources)
	if err != nil {
		return nil, nil, fault.Op("applint.Fix", err)
	}
	found, _ := compare(m, facts, o, nil)
	for _, d := range found {
		var path []string
		var item string
		switch d.Rule {
		case "permission-scope-required":
			path, item = []string{"permissions", "scopes"}, storageScope
		case "product-scope-required":
			path, item = []string{"permissions", "scopes"}, strings.TrimSuffix(strings.TrimPrefix(d.Fix, "add "), " to permissions.scopes")
		case "egress-undeclared":
			path = []string{"permissions", "external", "fetch", "backend"}
			item = strings.TrimSuffix(strings.TrimPrefix(d.Fix, "add "), " to permissions.external.fetch.backend")
		default:
			continue
		}
		next := addItem(string(mended), path, item)
		after := load([]byte(next))
		if after == nil || next == string(mended) || !declares(after, path, item) {
			continue
		}
		mended = []byte(next)
		applied = append(applied, d)
	}
	return mended, applied, ctx.Err()
}

// inputs are the sources that the bundle is made of, and those under src while they do not
// bundle.
func inputs(ctx context.Context, dir string, m *manifest.Manifest, o Options) ([]string, error) {
	b, _, err := bundle.Build(ctx, bundle.Options{Dir: dir, Handlers: handlers(m), ExtraFiles: m.App.Package.ExtraFiles,
		Table: o.Table, Interfaces: interfaces(m), Translations: translations(m)})
	if err == nil && b.Inputs != nil {
		return b.Inputs, nil
	}
	return bundle.Sources(dir)
}

func declares(m *manifest.Manifest, path []string, item string) bool {
	if path[1] == "scopes" {
		return m.Perms.Scopes.Has(item)
	}
	return slices.ContainsFunc(m.Perms.External.Fetch.Backend, func(e manifest.Egress) bool { return e.Address == item })
}

// addItem adds an item to the block list at the path, making the mappings on the way.
// It reads indentation only; a manifest in another style comes back as it was, or
// changed in a way that the caller notices.
func addItem(text string, path []string, item string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	at, depth, from, to := 0, 0, 0, len(lines)
	indent := -1
	for depth < len(path) {
		i := findKey(lines[from:to], path[depth], indent)
		if i < 0 {
			break
		}
		at = from + i
		indent = indentOf(lines[at])
		from = at + 1
		to = blockEnd(lines, at, to)
		depth++
	}
	if depth == len(path) && !strings.HasSuffix(strings.TrimSpace(lines[at]), ":") {
		// A list in one line; what is anything else stays, and the caller notices.
		if head, ok := strings.CutSuffix(strings.TrimRight(lines[at], " "), "]"); ok {
			comma := ", "
			if strings.HasSuffix(strings.TrimRight(head, " "), "[") {
				comma = ""
			}
			lines[at] = strings.TrimRight(head, " ") + comma + quoteItem(item) + "]"
			return strings.Join(lines, "\n") + "\n"
		}
		return text
	}
	child := childIndent(lines[from:to], indent, depth == len(path))
	if depth == len(path) && keyed(lines[from:to]) {
		return strings.Join(slices.Insert(lines, from, strings.Repeat(" ", child)+item+": {}"), "\n") + "\n"
	}
	var add []string
	for _, key := range path[depth:] {
		add = append(add, strings.Repeat(" ", child)+key+":")
		child += 2
	}
	add = append(add, fmt.Sprintf("%s- %s", strings.Repeat(" ", child), quoteItem(item)))
	if depth == 0 {
		from = len(lines)
	}
	lines = slices.Insert(lines, from, add...)
	return strings.Join(lines, "\n") + "\n"
}

// findKey finds "key:" among the direct children of a block indented by parent.
func findKey(lines []string, key string, parent int) int {
	child := -1
	for i, l := range lines {
		if blank(l) {
			continue
		}
		if child < 0 {
			child = indentOf(l)
		}
		if indentOf(l) == child && child > parent && strings.HasPrefix(strings.TrimSpace(l), key+":") {
			return i
		}
	}
	return -1
}

// blockEnd is the first line behind the block that starts at a key.
func blockEnd(lines []string, key, limit int) int {
	for i := key + 1; i < limit; i++ {
		if blank(lines[i]) {
			continue
		}
		in := indentOf(lines[i])
		// A list may stand at its key's own indentation.
		if in < indentOf(lines[key]) || in == indentOf(lines[key]) && !strings.HasPrefix(strings.TrimSpace(lines[i]), "-") {
			return i
		}
	}
	return limit
}

func childIndent(block []string, parent int, list bool) int {
	for _, l := range block {
		if !blank(l) && (indentOf(l) > parent || list && indentOf(l) == parent) {
			return indentOf(l)
		}
	}
	if parent < 0 {
		return 0
	}
	return parent + 2
}

// keyed reports whether a block is a map, as scopes with options are.
func keyed(block []string) bool {
	i := slices.IndexFunc(block, func(l string) bool { return !blank(l) })
	return i >= 0 && !strings.HasPrefix(strings.TrimSpace(block[i]), "-")
}

func blank(l string) bool {
	t := strings.TrimSpace(l)
	return t == "" || strings.HasPrefix(t, "#")
}

func indentOf(l string) int { return len(l) - len(strings.TrimLeft(l, " ")) }

func quoteItem(s string) string {
	if strings.HasPrefix(s, "*") {
		return "'" + s + "'"
	}
	return s
}
