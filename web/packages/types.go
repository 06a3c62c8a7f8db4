// Package packages carries the type declarations of the SDK, so that `annex create` can
// give them to an app: nothing has to be fetched for an editor to know them.
package packages

import (
	"embed"
	"io/fs"
)

//go:embed */src/index.d.ts
var declarations embed.FS

// Types gives each package's declarations by its name without scope: "kvs".
func Types() (map[string][]byte, error) {
	out := map[string][]byte{}
	files, err := fs.Glob(declarations, "*/src/index.d.ts")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := declarations.ReadFile(file)
		if err != nil {
			return nil, err
		}
		out[file[:len(file)-len("/src/index.d.ts")]] = text
	}
	return out, nil
}
