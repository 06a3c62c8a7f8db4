package manifest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// handlerExtensions are tried in this order for the file of a handler.
var handlerExtensions = []string{".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs"}

// HandlerFiles are the files of which one has to hold a handler's code, relative to
// the app's folder: for index.run src/index.ts, src/index.tsx and so on.
func HandlerFiles(handler string) []string {
	file, _ := SplitHandler(handler)
	var out []string
	for _, e := range handlerExtensions {
		out = append(out, path.Join("src", file)+e)
	}
	return out
}

// SplitHandler gives a handler's file, below src and without extension, and its export.
func SplitHandler(handler string) (file, export string) {
	i := strings.LastIndexByte(handler, '.')
	if i < 0 {
		return handler, ""
	}
	return handler[:i], handler[i+1:]
}

func (l *loader) checkHandler(at, handler string) {
	if !patterns["handler"].re.MatchString(handler) {
		return // reported as a bad value
	}
	file, _ := SplitHandler(handler)
	if !inside("src/" + file) {
		l.path(at, Error, "path-outside", quote(handler)+" leaves the app's folder src", "write a file below src")
		return
	}
	if l.opts.Files == nil {
		return
	}
	candidates := HandlerFiles(handler)
	if !slices.ContainsFunc(candidates, func(f string) bool { found, dir := l.stat(f); return found && !dir }) {
		l.path(at, Error, "handler-file", fmt.Sprintf("there is no file src/%s with the extension .ts, .tsx, .js, .jsx, .mjs or .cjs", file), "create it, or mend the handler")
	}
}

// inside reports whether a path written in a manifest stays in the app's folder.
func inside(p string) bool {
	return p != "" && !strings.ContainsAny(p, "\\\x00") && !strings.HasPrefix(p, "/") && fs.ValidPath(path.Clean(p))
}

func (l *loader) stat(p string) (found, dir bool) {
	info, err := fs.Stat(l.opts.Files, path.Clean(p))
	if err != nil {
		return false, false
	}
	return true, info.IsDir()
}

func (l *loader) checkResources(m *Manifest) {
	for i, r := range m.Resources {
		at := fmt.Sprintf("resources[%d]", i)
		switch p := path.Clean(r.Path); {
		case r.Path == "":
			continue // reported as missing
		case strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\\\x00"):
			l.path(at+".path", Warning, "path-outside", quote(r.Path)+" lies outside of the app's folder", "move it into the app's folder, so that a copy of the folder is the whole app")
			continue
		case !inside(r.Path):
			l.path(at+".path", Error, "path-outside", quote(r.Path)+" is no path inside the app's folder", "write a path relative to the manifest, with slashes")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(r.Entry)) {
			if f := r.Entry[name]; !inside(f) || strings.Contains(f, "/") {
				l.path(at+".entry."+name, Error, "entry-file", quote(f)+" is no file name", "write the name of a file directly in "+r.Path)
			} else if l.opts.Files != nil {
				if found, _ := l.stat(path.Join(r.Path, f)); !found {
					l.path(at+".entry."+name, Error, "resource-file", "there is no file "+path.Join(r.Path, f), "create it, or build the front end first")
				}
			}
		}
		if l.opts.Files == nil {
			continue
		}
		if found, _ := l.stat(r.Path); !found {
			l.path(at+".path", Error, "resource-file", "there is no file or folder "+r.Path, "create it, or build the front end first")
		}
	}
	if m.App.Package.Path != "" && !inside(m.App.Package.Path) {
		l.path("app.package.path", Error, "path-outside", quote(m.App.Package.Path)+" is no path inside the app's folder", "write a path relative to the manifest, with slashes")
	}
	for i, f := range m.App.Package.ExtraFiles {
		if !inside(f) {
			l.path(fmt.Sprintf("app.package.extraFiles[%d]", i), Error, "path-outside", quote(f)+" is no pattern inside the app's folder", "write a pattern relative to the manifest, with slashes")
		}
	}
}

// maxTranslations is the limit for all translation files together.
const maxTranslations = 100 << 10

// checkTranslations demands that every text which a module takes from translations
// is in the default language.
func (l *loader) checkTranslations(m *Manifest) {
	t := m.Translations
	locales := keysOf(t.Resources, func(r Translation) string { return r.Key })
	if t.Fallback.Default != "" {
		l.reference("translations.fallback.default", "translation", t.Fallback.Default, locales)
	}
	if len(l.i18n) > 0 && len(t.Resources) == 0 {
		for _, at := range slices.Sorted(maps.Keys(l.i18n)) {
			l.path(at, Error, "translation-missing", "the text "+quote(l.i18n[at])+" is taken from translations, and there are none", "add a translations section, or write the text here")
		}
		return
	}
	total := 0
	for i, r := range t.Resources {
		at := fmt.Sprintf("translations.resources[%d].path", i)
		if !inside(r.Path) {
			l.path(at, Error, "path-outside", quote(r.Path)+" is no path inside the app's folder", "write a path relative to the manifest, with slashes")
			continue
		}
		if l.opts.Files != nil {
			total += l.checkTranslation(at, r, t.Fallback.Default)
		}
	}
	if total > maxTranslations {
		l.path("translations", Error, "translations-too-big", fmt.Sprintf("the translation files have %d bytes; the limit is %d", total, maxTranslations), "shorten them")
	}
}

func (l *loader) checkTranslation(at string, r Translation, def string) int {
	data, err := fs.ReadFile(l.opts.Files, path.Clean(r.Path))
	if err != nil {
		l.path(at, Error, "translation-file", "the file "+r.Path+" cannot be read", "create it")
		return 0
	}
	var texts map[string]any
	if err := json.Unmarshal(data, &texts); err != nil || texts == nil {
		l.path(at, Error, "translation-file", r.Path+" is no JSON object", "write an object of keys and texts")
		return len(data)
	}
	if r.Key != def {
		return len(data)
	}
	for _, use := range slices.Sorted(maps.Keys(l.i18n)) {
		if !hasText(texts, l.i18n[use]) {
			l.path(use, Error, "translation-missing", fmt.Sprintf("%s has no text %s", r.Path, quote(l.i18n[use])), "add it to the default language")
		}
	}
	return len(data)
}

// hasText finds a text by its key; a key that is written whole beats a nested one.
func hasText(texts map[string]any, key string) bool {
	if _, ok := texts[key].(string); ok {
		return true
	}
	head, rest, ok := strings.Cut(key, ".")
	if !ok {
		return false
	}
	nested, ok := texts[head].(map[string]any)
	return ok && hasText(nested, rest)
}
