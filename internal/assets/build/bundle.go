package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/annexhq/annex/internal/assets"
)

// notOfferedFile lists the members that refuse, globalsFile what the global object holds
// beyond the language. TestEngine holds both to the truth.
const (
	notOfferedFile = "packages/runtime/not-offered.json"
	globalsFile    = "packages/runtime/globals.json"
)

// moduleList is web/packages/runtime/modules.json: which file answers to which import.
type moduleList struct {
	Modules   map[string]string `json:"modules"` // name → file below packages/runtime, or a package's name
	Aliases   map[string]string `json:"aliases"`
	TypesOnly []string          `json:"typesOnly"`
}

func (l moduleList) names() []string {
	names := make([]string, 0, len(l.Modules))
	for name := range l.Modules {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func readList(path string) (moduleList, error) {
	var list moduleList
	text, err := os.ReadFile(path)
	if err != nil {
		return list, err
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return list, fmt.Errorf("%s: %w", path, err)
	}
	for alias, name := range list.Aliases {
		if _, ok := list.Modules[name]; !ok {
			return list, fmt.Errorf("%s: alias %s names %s, which is no module", path, alias, name)
		}
	}
	return list, nil
}

func readGlobals(web string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(web, globalsFile))
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, fmt.Errorf("%s: %w", globalsFile, err)
	}
	return names, nil
}

// baseImage bundles the script that the engine evaluates once. Names are kept: stack
// traces and error names are read by people.
func baseImage(web string, list moduleList) ([]byte, error) {
	opts := options(web, list)
	opts.EntryPoints = []string{filepath.Join(web, "packages/runtime/src/index.js")}
	opts.Format = api.FormatIIFE
	opts.MinifyWhitespace = true
	opts.MinifySyntax = true
	out := api.Build(opts)
	if err := failure(out.Errors); err != nil {
		return nil, err
	}
	return out.OutputFiles[0].Contents, nil
}

// exportTable asks the bundler itself which names each module exports, so that the
// table cannot disagree with the code.
func exportTable(web string, list moduleList) (assets.Table, error) {
	table := assets.Table{Modules: map[string][]string{}, Aliases: list.Aliases, TypesOnly: list.TypesOnly}
	text, err := os.ReadFile(filepath.Join(web, notOfferedFile))
	if err != nil {
		return table, err
	}
	if err := json.Unmarshal(text, &table.NotOffered); err != nil {
		return table, fmt.Errorf("%s: %w", notOfferedFile, err)
	}
	opts := options(web, list)
	for i, name := range list.names() {
		opts.EntryPointsAdvanced = append(opts.EntryPointsAdvanced, api.EntryPoint{
			InputPath: target(web, list, name), OutputPath: fmt.Sprintf("m%d", i),
		})
	}
	opts.Format = api.FormatESModule
	opts.Metafile = true
	opts.Outdir = filepath.Join(web, "out")
	built := api.Build(opts)
	if err := failure(built.Errors); err != nil {
		return table, err
	}
	var meta struct {
		Outputs map[string]struct {
			Exports []string `json:"exports"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(built.Metafile), &meta); err != nil {
		return table, err
	}
	for i, name := range list.names() {
		for path, out := range meta.Outputs {
			if strings.TrimSuffix(filepath.Base(path), ".js") == fmt.Sprintf("m%d", i) {
				sort.Strings(out.Exports)
				table.Modules[name] = out.Exports
			}
		}
		if len(table.Modules[name]) == 0 {
			return table, fmt.Errorf("module %s exports nothing", name)
		}
	}
	return table, nil
}

func options(web string, list moduleList) api.BuildOptions {
	return api.BuildOptions{
		AbsWorkingDir: web,
		Bundle:        true,
		Platform:      api.PlatformNeutral,
		MainFields:    []string{"module", "main"},
		Conditions:    []string{"worker"},
		Target:        api.ES2023,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone,
		LogLevel:      api.LogLevelSilent,
		Define:        map[string]string{"process.env.NODE_ENV": `"production"`}, // React asks
		Plugins:       []api.Plugin{modules(web, list)},
	}
}

// modules resolves what the base image makes for itself: `annex:modules` is the list of
// [name, namespace] pairs to register.
func modules(web string, list moduleList) api.Plugin {
	return api.Plugin{Name: "annex-modules", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: `^annex:modules$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: "modules", Namespace: "annex"}, nil
		})
		// Streams ask npm for a process of their own; there is one.
		b.OnResolve(api.OnResolveOptions{Filter: `^process/?$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: target(web, list, "node:process")}, nil
		})
		b.OnResolve(api.OnResolveOptions{Filter: `^scheduler$`}, func(api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: filepath.Join(web, "packages/react/src/scheduler.js")}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: `^modules$`, Namespace: "annex"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
			var text strings.Builder
			names := list.names()
			for i, name := range names {
				fmt.Fprintf(&text, "import * as m%d from %q;\n", i, target(web, list, name))
			}
			text.WriteString("export const modules = [\n")
			for i, name := range names {
				fmt.Fprintf(&text, "  [%q, m%d],\n", name, i)
			}
			text.WriteString("];\n")
			contents := text.String()
			return api.OnLoadResult{Contents: &contents, ResolveDir: web, Loader: api.LoaderJS}, nil
		})
	}}
}

// target is the file or package that a module's name stands for.
func target(web string, list moduleList, name string) string {
	file := list.Modules[name]
	if strings.HasPrefix(file, "./") {
		return filepath.Join(web, "packages/runtime", file)
	}
	return file
}

func mustAbs(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err) // only without a working directory
	}
	return abs
}

func failure(messages []api.Message) error {
	var errs []error
	for _, m := range messages {
		if m.Location != nil {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %s", m.Location.File, m.Location.Line, m.Location.Column+1, m.Text))
			continue
		}
		errs = append(errs, errors.New(m.Text))
	}
	return errors.Join(errs...)
}
