// Package bundle turns an app's source into one script that the sandbox can load: it
// resolves imports as Forge apps expect, leaves the SDK and Node's built-in modules
// outside as look-ups in the base image, and names what is missing by import, file,
// line and column. The same source gives the same bytes on every machine.
//
// The form of the script is described in docs/bundle-format.md.
package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/evanw/esbuild/pkg/api"
)

// Options say what to bundle.
type Options struct {
	// Dir is the app's folder, the one that holds manifest.yml.
	Dir string
	// Handlers are the manifest's handlers, "file.export" or "folder/file.export".
	Handlers []string
	// At gives a handler's place in the manifest, for messages; it may be nil.
	At func(handler string) Position
	// ExtraFiles are the globs of the manifest's app.package.extraFiles.
	ExtraFiles []string
	// Table is the export table of the base image.
	Table *Table
	// Interfaces are the entries of UI Kit front ends; Translations their texts, by language.
	Interfaces   []Interface
	Translations Translations
}

// Interface is the entry of one UI Kit front end.
type Interface struct {
	Key  string // of the resource
	File string // relative to the app's folder
	At   Position
}

// Translations are the files of an app's texts.
type Translations struct {
	Files    map[string]string // language → file
	Fallback any               // what the manifest says of languages that stand in; JSON
}

// Position is a place in a source file; Line and Column start at 1, 0 is unknown.
type Position struct {
	File         string
	Line, Column int
}

// Result is a bundle and what went into it. All paths are relative to the app's
// folder, with slashes.
type Result struct {
	Code      []byte // see docs/bundle-format.md
	SourceMap []byte // source map v3 of Code
	// Inputs are the source files, the app's own and those of its dependencies.
	Inputs []string
	// Modules are the modules of the base image that the bundle asks for.
	Modules []string
	// Files are what the app reads with fs at run time.
	Files map[string][]byte
}

// Build bundles the app. Problems of the app are diagnostics, and with an error among
// them Result.Code is nil; the returned error is for what is not the app's fault.
func Build(ctx context.Context, o Options) (*Result, []Diagnostic, error) {
	const op = "bundle.Build"
	dir, err := realDir(o.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	if o.Table == nil {
		return nil, nil, fmt.Errorf("%s: no export table", op)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "react")); len(o.Interfaces) == 0 && err == nil {
		o.Table = o.Table.withoutReact()
	}
	b := &builder{Options: o, dir: dir, shifted: map[string]int{}}
	entry := b.entry()
	res := &Result{}
	if len(entry.modules)+entry.interfaces > 0 {
		out, err := b.run(ctx, entry, false)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", op, err)
		}
		for b.leaveOut(out.Errors) {
			if out, err = b.run(ctx, entry, false); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", op, err)
			}
		}
		if len(out.Errors) == 0 && b.followsContexts(out) {
			b.lower = true
			if out, err = b.run(ctx, entry, false); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", op, err)
			}
		}
		b.translate(out, entry)
		if len(out.Errors) > 0 {
			// With a module missing esbuild stops before it looks at exports. A second
			// run, in which what is missing is empty, finds those: all errors in one go.
			again, err := b.run(ctx, entry, true)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", op, err)
			}
			again.Warnings = nil // said already, or about what stands in for the missing
			b.translate(again, entry)
		}
		if len(out.Errors) == 0 {
			if err := b.collect(res, out, entry); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", op, err)
			}
		}
	}
	if err := b.files(res); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	b.diags = tidy(b.diags)
	if HasErrors(b.diags) {
		res.Code, res.SourceMap = nil, nil
	}
	return res, b.diags, nil
}

// builder holds one build's state.
type builder struct {
	Options
	dir   string // real, absolute
	diags []Diagnostic
	// shifted holds, by relative path, how many bytes were put before a file's first
	// line, so that messages about that line can be corrected.
	shifted map[string]int
	// refs are the files that sources name relative to __dirname.
	refs []fileRef
	// absent are imports of dependencies that lead nowhere, see leaveOut.
	absent map[string]bool
	// lower says that asynchronous functions become generators, see followsContexts.
	lower bool
}

func realDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", err
	}
	if info, err := os.Stat(abs); err != nil {
		return "", err
	} else if !info.IsDir() {
		return "", fmt.Errorf("%s is not a folder", dir)
	}
	return abs, nil
}

// run asks esbuild for the bundle. esbuild cannot be interrupted, so a cancelled
// context abandons it: it ends by itself and its result is dropped.
func (b *builder) run(ctx context.Context, e *entry, lenient bool) (api.BuildResult, error) {
	done := make(chan api.BuildResult, 1)
	plugin := &resolver{b: b, lenient: lenient}
	options := b.options(e, plugin)
	go func() { done <- api.Build(options) }()
	select {
	case r := <-done:
		b.refs = plugin.refs()
		plugin.copyShifts(b.shifted)
		if len(r.Errors) == 0 && len(r.OutputFiles) < 2 {
			return r, errors.New("the bundler wrote no script")
		}
		return r, nil
	case <-ctx.Done():
		return api.BuildResult{}, ctx.Err()
	}
}

func (b *builder) options(e *entry, plugin *resolver) api.BuildOptions {
	loaders := map[string]api.Loader{
		".js": api.LoaderJSX, ".mjs": api.LoaderJSX, ".cjs": api.LoaderJSX,
		".json": api.LoaderJSON, ".wasm": api.LoaderBinary, ".css": api.LoaderEmpty,
	}
	for _, ext := range []string{".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".woff", ".woff2", ".ttf"} {
		loaders[ext] = api.LoaderDataURL
	}
	for _, ext := range []string{".txt", ".html", ".htm", ".md", ".graphql", ".gql", ".sql", ".xml", ".csv", ".hbs", ".ejs", ".mustache"} {
		loaders[ext] = api.LoaderText
	}
	var supported map[string]bool
	if b.lower {
		supported = map[string]bool{"async-await": false, "async-generator": false, "for-await": false}
	}
	return api.BuildOptions{
		Supported:     supported,
		Stdin:         &api.StdinOptions{Contents: e.source, ResolveDir: b.dir, Sourcefile: entryFile, Loader: api.LoaderJS},
		AbsWorkingDir: b.dir,
		Outfile:       filepath.Join(b.dir, "bundle.js"),
		Bundle:        true,
		Metafile:      true,
		Write:         false,
		LogLevel:      api.LogLevelSilent,
		Format:        api.FormatIIFE,
		Target:        api.ES2023,
		// The sandbox is what npm calls a worker: fetch and Web Crypto, no sockets, no
		// disk. Packages that have a form for that are taken in it.
		Platform:       api.PlatformBrowser,
		MainFields:     []string{"browser", "module", "main"},
		Conditions:     []string{"worker"},
		Loader:         loaders,
		JSX:            api.JSXAutomatic,
		Charset:        api.CharsetASCII, // so that a byte column is a character column
		LegalComments:  api.LegalCommentsNone,
		Sourcemap:      api.SourceMapExternal,
		SourcesContent: api.SourcesContentExclude,
		Banner:         map[string]string{"js": "(function(__annex_require, __annex_register){"},
		Footer:         map[string]string{"js": "})"},
		Define: map[string]string{
			"process.env.NODE_ENV": `"production"`,
			"import.meta.url":      metaURL,
		},
		Plugins: []api.Plugin{{Name: "annex", Setup: plugin.setup}},
	}
}

// collect moves esbuild's output into the result.
func (b *builder) collect(res *Result, out api.BuildResult, e *entry) error {
	for _, f := range out.OutputFiles {
		if filepath.Ext(f.Path) == ".map" {
			res.SourceMap = f.Contents
		} else {
			res.Code = f.Contents
			if b.lower {
				// What an asynchronous function returns is awaited as what it awaits.
				res.Code = bytes.Replace(res.Code, []byte("x.done ? resolve(x.value)"), []byte("x.done ? resolve(Promise.resolve(x.value))"), 1)
			}
		}
	}
	meta, err := parseMetafile(out.Metafile)
	if err != nil {
		return err
	}
	res.Inputs, res.Modules = meta.inputs(b.Table)
	b.checkCommonJS(e, meta)
	slices.Sort(res.Inputs)
	slices.Sort(res.Modules)
	return nil
}
