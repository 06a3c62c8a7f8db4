package main

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"github.com/annexhq/annex/internal/assets"
)

// reference renders docs/sdk.md: every module and member, and which of them are not
// built yet.
func reference(table assets.Table, globals []string) []byte {
	var b bytes.Buffer
	b.WriteString(`# What app code may import

Made by ` + "`make build`" + ` from the modules themselves; do not edit.

A member marked *not offered* exists, so that an app which imports it bundles, and
rejects with code ` + "`NOT_OFFERED`" + ` when it is used. A module or member that is missing
here fails at ` + "`annex lint`" + ` and ` + "`annex deploy`" + ` with the import's name, file and line.
`)
	b.WriteString(`
## Globals

What the global object holds beyond the language, each as its standard says;
[conformance.md](conformance.md) has the counts of the standards' own tests.

`)
	for i, name := range globals {
		sep := ", "
		if i == 0 {
			sep = ""
		} else if i%8 == 0 {
			sep = ",\n"
		}
		fmt.Fprintf(&b, "%s`%s`", sep, name)
	}
	b.WriteString(`.

No memory is shared with anybody: a ` + "`SharedArrayBuffer`" + ` is the call's own. There is no WebAssembly, no worker and no page: of those
standards that speak of them, what remains is here. The global object itself receives no
events. ` + "`console`" + ` keeps its values as data; a format string takes its values as Node.js
prints them.
`)
	names := make([]string, 0, len(table.Modules))
	for name := range table.Modules {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "\n## %s\n\n", name)
		if also := aliases(table, name); len(also) > 0 {
			b.WriteString("Also as")
			for i, alias := range also {
				if i > 0 {
					b.WriteString(",")
				}
				fmt.Fprintf(&b, " `%s`", alias)
			}
			b.WriteString(".\n\n")
		}
		b.WriteString("| member | |\n|---|---|\n")
		for _, member := range table.Modules[name] {
			state := "works"
			if slices.Contains(table.NotOffered[name], member) {
				state = "not offered"
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", member, state)
		}
		for _, member := range table.NotOffered[name] {
			if !slices.Contains(table.Modules[name], member) {
				fmt.Fprintf(&b, "| `%s` | not offered |\n", member)
			}
		}
	}
	return b.Bytes()
}

func aliases(table assets.Table, name string) []string {
	var out []string
	for alias, target := range table.Aliases {
		if target == name {
			out = append(out, alias)
		}
	}
	sort.Strings(out)
	return out
}
