package bundle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// metafile is what esbuild says went into a bundle.
type metafile struct {
	Inputs map[string]struct {
		Format  string `json:"format"`
		Imports []struct {
			Path string `json:"path"`
		} `json:"imports"`
	} `json:"inputs"`
}

func parseMetafile(text string) (metafile, error) {
	var m metafile
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("metafile: %w", err)
	}
	return m, nil
}

// inputs separates source files from modules of the base image.
func (m metafile) inputs(t *Table) (files, modules []string) {
	for name := range m.Inputs {
		if spec, ok := cutSpace(name); ok {
			if target, ok := t.lookup(spec); ok && !slices.Contains(modules, target) {
				modules = append(modules, target)
			}
			continue
		}
		if name == entryFile || strings.HasPrefix(name, typesSpace+":") || strings.HasPrefix(name, absentSpace+":") || strings.HasPrefix(name, "(disabled):") {
			continue
		}
		files = append(files, name)
	}
	return files, modules
}

// cutSpace takes the plugin's namespace off a path as esbuild writes it.
func cutSpace(name string) (spec string, ok bool) {
	if spec, ok = strings.CutPrefix(name, sdkSpace+":"); ok {
		return spec, true
	}
	return strings.CutPrefix(name, requireSpace+":")
}

// contexts is the module whose AsyncLocalStorage follows a call through its awaits.
const contexts = "node:async_hooks"

// followsContexts says whether the app or a dependency asks for AsyncLocalStorage. The
// engine tells nobody about `await`, so then the bundle's asynchronous functions become
// generators that go on by Promise.prototype.then, which the module can follow.
func (b *builder) followsContexts(out api.BuildResult) bool {
	meta, err := parseMetafile(out.Metafile)
	if err != nil {
		return false // collect says so
	}
	_, modules := meta.inputs(b.Table)
	return slices.Contains(modules, contexts)
}
