// Package applint finds everything wrong with an app in one run: its manifest, its
// imports, and where code and manifest disagree. What it says about code is advice;
// the server decides all of it again.
package applint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

// ManifestName is the manifest's file in the app's folder.
const ManifestName = "manifest.yml"

// Options say what an app is checked against.
type Options struct {
	Products []manifest.Product
	// Operations are those of the products' APIs by each name of the product, where a
	// server told them.
	Operations map[string][]Operation
	// Events are the scopes that something of products' events needs, by event type; Needed is
	// the one without which an app is told nothing of it. Told are the products of which the
	// server told them.
	Events map[string][]string
	Needed map[string]string
	Told   map[string]bool
	Table  *bundle.Table
	Lookup func(name string) (string, bool)
}

// Report is an app as it was found.
type Report struct {
	// Source is the manifest's text.
	Source []byte
	// Manifest is nil when it has errors.
	Manifest    *manifest.Manifest
	Bundle      *bundle.Result
	Diagnostics []bundle.Diagnostic
	// Undecided is what nothing visibly uses, and something may.
	Undecided []Undecided
	// CodeUnread says that the manifest names no handler that can be read, so that the
	// code was not looked at.
	CodeUnread bool
}

// BlankID is the rule by which the manifest's own check notes a blank app.id. A linter's
// reader has nothing to do about it, so Check leaves it out.
const BlankID = "app-id-blank"

// OK reports whether the app can be deployed.
func (r *Report) OK() bool { return !bundle.HasErrors(r.Diagnostics) }

// ReadManifest reads the manifest of the app in dir.
func ReadManifest(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "NO_MANIFEST", "there is no %s in %s", ManifestName, dir).
			WithFix("run the command in an app's folder, name that folder with --dir, or make an app with `annex create`").Because(err)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "NO_MANIFEST", "%s cannot be read: %v", filepath.Join(dir, ManifestName), err).
			WithFix("check the file and its permissions").Because(err)
	}
	return text, nil
}

// Check reads and bundles the app in dir. The error is for what is not in the app.
func Check(ctx context.Context, dir string, o Options) (*Report, error) {
	text, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	r := &Report{Source: text}
	m, ds := manifest.LoadPart(ManifestName, text, manifest.Options{Products: o.Products, Lookup: o.Lookup, Files: os.DirFS(dir)})
	for _, d := range ds {
		if d.Rule != BlankID {
			r.Diagnostics = append(r.Diagnostics, fromManifest(d))
		}
	}
	broken := ds.HasErrors()
	if broken && (m == nil || len(handlers(m))+len(m.Interfaces()) == 0) {
		r.CodeUnread = true // which of the sources count is unknown
		if m != nil {
			r.add(modulesOffered(m))
			r.sort()
		}
		return r, nil
	}
	b, found, err := bundle.Build(ctx, bundle.Options{Dir: dir, Handlers: handlers(m), At: places(m),
		ExtraFiles: m.App.Package.ExtraFiles, Table: o.Table, Interfaces: interfaces(m), Translations: translations(m)})
	if err != nil {
		return nil, fault.Op("applint.Check", err)
	}
	r.add(found)
	if broken {
		// What the manifest declares is not known well enough to hold the code against it, but
		// what nothing calls yet is known.
		r.add(modulesOffered(m))
		r.sort()
		return r, nil
	}
	r.Manifest, r.Bundle = m, b
	inputs := b.Inputs
	if inputs == nil {
		if inputs, err = bundle.Sources(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Op("applint.Check", err)
		}
	}
	facts, err := bundle.Scan(dir, inputs)
	if err != nil {
		return nil, fault.Op("applint.Check", err)
	}
	// Without a bundle the list of sources is a guess: what none of them uses is unknown.
	var all *pages
	if b.Inputs != nil {
		all = readPages(dir, m)
	}
	found, r.Undecided = compare(m, facts, o, all)
	r.add(found)
	r.sort()
	return r, nil
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Diagnostics, func(a, b bundle.Diagnostic) int {
		return cmp.Or(cmp.Compare(rank(a.File), rank(b.File)), strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
}

// add takes diagnostics, leaving out what the manifest's own check said at the same place.
func (r *Report) add(ds []bundle.Diagnostic) {
	for _, d := range ds {
		said := func(have bundle.Diagnostic) bool {
			return have.File == ManifestName && have.File == d.File && have.Line == d.Line && have.Column == d.Column && have.Severity == d.Severity
		}
		if d.Line > 0 && slices.ContainsFunc(r.Diagnostics, said) {
			continue
		}
		r.Diagnostics = append(r.Diagnostics, d)
	}
}

func rank(file string) int {
	if file == ManifestName {
		return 0
	}
	return 1
}

func fromManifest(d manifest.Diagnostic) bundle.Diagnostic {
	return bundle.Diagnostic{File: d.File, Line: d.Line, Column: d.Column, Rule: d.Rule,
		Severity: bundle.Severity(d.Severity), Message: d.Message, Fix: d.Fix}
}

func handlers(m *manifest.Manifest) []string {
	var out []string
	for _, f := range m.Functions() {
		// In a manifest with errors a handler may be anything; what is wrong is said there.
		if file, export, ok := strings.Cut(f.Handler, "."); ok && file != "" && export != "" && !strings.ContainsAny(f.Handler, " \\") {
			out = append(out, f.Handler)
		}
	}
	return out
}

// interfaces are the UI Kit front ends, which are bundled together with the functions.
func interfaces(m *manifest.Manifest) []bundle.Interface {
	var out []bundle.Interface
	for _, u := range m.Interfaces() {
		key, entry, _ := strings.Cut(u.Key, "/")
		for i, r := range m.Resources {
			if r.Key == key {
				out = append(out, bundle.Interface{Key: u.Key, File: u.Path, At: at(m, fmt.Sprintf("resources[%d].entry.%s", i, entry), fmt.Sprintf("resources[%d].path", i))})
			}
		}
	}
	return out
}

// translations are the texts that UI Kit front ends read.
func translations(m *manifest.Manifest) bundle.Translations {
	t := bundle.Translations{Files: map[string]string{}, Fallback: map[string]any{"default": m.Translations.Fallback.Default, "list": m.Translations.Fallback.Locales}}
	for _, r := range m.Translations.Resources {
		t.Files[r.Key] = r.Path
	}
	return t
}

// places finds a handler in the manifest.
func places(m *manifest.Manifest) func(string) bundle.Position {
	return func(handler string) bundle.Position {
		for i, f := range m.Functions() {
			if f.Handler == handler {
				return at(m, fmt.Sprintf("modules.function[%d].handler", i))
			}
		}
		return bundle.Position{File: ManifestName}
	}
}

func at(m *manifest.Manifest, paths ...string) bundle.Position {
	for _, p := range paths {
		if pos := m.Position(p); pos.Line > 0 {
			return bundle.Position{File: ManifestName, Line: pos.Line, Column: pos.Column}
		}
	}
	return bundle.Position{File: ManifestName}
}

// StaticFiles are the files of the app's resources and translations, which travel
// beside the bundle, by path.
func StaticFiles(dir string, m *manifest.Manifest) (map[string][]byte, error) {
	const op = "applint.StaticFiles"
	files := map[string][]byte{}
	size := 0
	add := func(rel string) error {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil {
			return err
		}
		files[rel], size = data, size+len(data)
		if len(files) > bundle.MaxFiles || size > bundle.MaxFileBytes {
			return fault.New(fault.Limit, "FILES_TOO_MANY", "the app's resources are more than %d files or %d MB", bundle.MaxFiles, bundle.MaxFileBytes>>20).
				WithFix("point resources at built output alone, not at a folder with its sources and packages")
		}
		return nil
	}
	for _, r := range m.Resources {
		root := path.Clean(r.Path)
		if m.Renders(r) {
			continue // it is in the bundle, and no file for browsers
		}
		if !filepath.IsLocal(filepath.FromSlash(root)) {
			continue // the manifest's check warned; what lies elsewhere has no name here
		}
		err := filepath.WalkDir(filepath.Join(dir, filepath.FromSlash(root)), func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			if !d.Type().IsRegular() { // links could lead out of the app's folder
				return nil
			}
			rel, err := filepath.Rel(dir, file)
			if err != nil {
				return err
			}
			return add(filepath.ToSlash(rel))
		})
		if err != nil {
			return nil, fault.Op(op, err)
		}
	}
	for _, t := range m.Translations.Resources {
		if err := add(path.Clean(t.Path)); err != nil {
			return nil, fault.Op(op, err)
		}
	}
	return files, nil
}
