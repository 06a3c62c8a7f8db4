package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// entryFile is the name that messages and source maps know the generated entry by.
const entryFile = "annex-entry.js"

var sourceExtensions = []string{".ts", ".tsx", ".jsx", ".js", ".mjs", ".cjs", ".mts", ".cts"}

// entry is the generated script from which bundling starts.
type entry struct {
	source     string
	modules    []handlerFile
	interfaces int
}

// handlerFile is one file that holds handlers.
type handlerFile struct {
	key      string // "folder/file", as in the handler
	file     string // "src/folder/file.ts"
	handlers []handler
}

type handler struct {
	text   string // "folder/file.export"
	export string
}

// entry finds the handlers' files and writes the script that registers them. Named
// imports make esbuild itself say which export does not exist; the namespaces are
// what is registered.
func (b *builder) entry() *entry {
	byKey := map[string]*handlerFile{}
	var keys []string
	for _, text := range b.Handlers {
		key, export, err := splitHandler(text)
		if err != nil {
			b.atHandler(text, "handler-invalid", err.Error(), `write it as "file.export", for instance index.run`)
			continue
		}
		f := byKey[key]
		if f == nil {
			file := b.findSource(key)
			if file == "" {
				b.atHandler(text, "handler-file-missing",
					fmt.Sprintf("handler %q: there is no file src/%s with extension .ts, .tsx, .jsx, .js, .mjs or .cjs", text, key),
					"create the file, or correct the handler in the manifest")
				continue
			}
			f = &handlerFile{key: key, file: file}
			byKey[key] = f
			keys = append(keys, key)
		}
		if !slices.ContainsFunc(f.handlers, func(h handler) bool { return h.export == export }) {
			f.handlers = append(f.handlers, handler{text, export})
		}
	}
	slices.Sort(keys) // the manifest's order must not change the bytes
	e := &entry{}
	var src, reg strings.Builder
	for i, key := range keys {
		f := byKey[key]
		slices.SortFunc(f.handlers, func(a, b handler) int { return strings.Compare(a.export, b.export) })
		e.modules = append(e.modules, *f)
		spec := quote("./" + f.file)
		fmt.Fprintf(&src, "import * as module%d from %s;\n", i, spec)
		for j, h := range f.handlers {
			fmt.Fprintf(&src, "import {%s as handler%d_%d} from %s;\n", exportName(h.export), i, j, spec)
		}
		fmt.Fprintf(&reg, "  %s: module%d,\n", quote(key), i)
	}
	ui := b.interfaces(e)
	e.source = src.String() + b.translations() + "__annex_register({\n" + reg.String() + "}" + ui + ");\n"
	return e
}

// interfaces writes the UI Kit entries: functions that load one each, so that what one of
// them renders at module scope is not taken for another's.
func (b *builder) interfaces(e *entry) string {
	var out strings.Builder
	for _, i := range b.Interfaces {
		file := path.Clean(i.File)
		info, err := os.Stat(filepath.Join(b.dir, filepath.FromSlash(file)))
		if !filepath.IsLocal(filepath.FromSlash(file)) || err != nil || !info.Mode().IsRegular() {
			b.diags = append(b.diags, Diagnostic{File: i.At.File, Line: i.At.Line, Column: i.At.Column, Rule: "interface-file-missing", Severity: Error,
				Message: fmt.Sprintf("resource %q: there is no file %s", i.Key, file), Fix: "create the file, which calls ForgeReconciler.render, or correct the path in the manifest"})
			continue
		}
		e.interfaces++
		fmt.Fprintf(&out, "  %s: () => require(%s),\n", quote(i.Key), quote("./"+file))
	}
	if e.interfaces == 0 {
		return ""
	}
	return ", {\n" + out.String() + "}"
}

// translations writes the app's texts, which UI Kit's useTranslation reads.
func (b *builder) translations() string {
	if len(b.Interfaces) == 0 || len(b.Translations.Files) == 0 {
		return ""
	}
	fallback, err := json.Marshal(b.Translations.Fallback)
	if err != nil {
		fallback = []byte("{}")
	}
	var imports, table strings.Builder
	for i, language := range slices.Sorted(maps.Keys(b.Translations.Files)) {
		fmt.Fprintf(&imports, "import texts%d from %s;\n", i, quote("./"+path.Clean(b.Translations.Files[language])))
		fmt.Fprintf(&table, "%s: texts%d,", quote(language), i)
	}
	return imports.String() + "globalThis.__annex_translations = { files: {" + table.String() + "}, fallback: " + string(fallback) + "};\n"
}

// splitHandler cuts "folder/file.export" at its last dot.
func splitHandler(text string) (key, export string, err error) {
	i := strings.LastIndexByte(text, '.')
	if i <= 0 || i == len(text)-1 {
		return "", "", fmt.Errorf("handler %q names no export", text)
	}
	key, export = text[:i], text[i+1:]
	if path.Clean(key) != key || path.IsAbs(key) || key == ".." || strings.HasPrefix(key, "../") || strings.ContainsAny(key, "\\\x00") {
		return "", "", fmt.Errorf("handler %q leads out of the src folder", text)
	}
	return key, export, nil
}

func (b *builder) findSource(key string) string {
	for _, ext := range sourceExtensions {
		rel := "src/" + key + ext
		if info, err := os.Stat(filepath.Join(b.dir, filepath.FromSlash(rel))); err == nil && info.Mode().IsRegular() {
			return rel
		}
	}
	return ""
}

// checkCommonJS looks for handlers that a CommonJS file cannot export: esbuild only
// knows the exports of ES modules. A name that occurs nowhere in a file which
// forwards to no other module is certainly missing; the rest is found at deploy.
func (b *builder) checkCommonJS(e *entry, meta metafile) {
	for _, m := range e.modules {
		if meta.Inputs[m.file].Format != "cjs" || len(meta.Inputs[m.file].Imports) > 0 {
			continue
		}
		text, err := os.ReadFile(filepath.Join(b.dir, filepath.FromSlash(m.file)))
		if err != nil {
			continue
		}
		for _, h := range m.handlers {
			if !strings.Contains(string(text), h.export) {
				b.missingExport(m, h)
			}
		}
	}
}

func (b *builder) missingExport(m handlerFile, h handler) {
	b.atHandler(h.text, "handler-export-missing",
		fmt.Sprintf("handler %q: %s has no export %q", h.text, m.file, h.export),
		fmt.Sprintf("export a function %s from %s, or correct the handler in the manifest", h.export, m.file))
}

func (b *builder) atHandler(text, rule, message, fix string) {
	pos := Position{File: "manifest.yml"}
	if b.At != nil {
		pos = b.At(text)
	}
	b.diags = append(b.diags, Diagnostic{File: pos.File, Line: pos.Line, Column: pos.Column,
		Rule: rule, Severity: Error, Message: message, Fix: fix})
}

func exportName(name string) string {
	if isIdentifier(name) {
		return name
	}
	return quote(name)
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if r == '_' || r == '$' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9' {
			continue
		}
		return false
	}
	return s != ""
}

// quote writes a JavaScript string.
func quote(s string) string {
	j, _ := json.Marshal(s)
	return string(j)
}
