// Command cldr makes the file of locales that Intl reads, internal/assets/dist/cldr.bin, out
// of Unicode's npm packages. Run it from the repository's root after `npm ci` in
// internal/assets/cldr: `go run ./internal/assets/cldr`.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

func main() {
	root := flag.String("root", ".", "the repository's root")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "cldr:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	src := source{filepath.Join(root, "internal/assets/cldr/node_modules")}
	file, err := build(src)
	if err != nil {
		return fmt.Errorf("%w (run npm ci in internal/assets/cldr)", err)
	}
	out := filepath.Join(root, "internal/assets/dist/cldr.bin")
	if err := os.WriteFile(out+".tmp", file, 0o644); err != nil {
		return err
	}
	return os.Rename(out+".tmp", out)
}

// source is the folder of the packages.
type source struct{ dir string }

// read decodes a file and walks down to where a path of keys leads.
func (s source) read(file string, into any, path ...string) error {
	text, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		return err
	}
	for _, key := range path {
		var level map[string]json.RawMessage
		if err := json.Unmarshal(text, &level); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if level[key] == nil {
			return fmt.Errorf("%s has no %s", file, strings.Join(path, "."))
		}
		text = level[key]
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// main reads a file of a locale, in the same way; the locale's first parent that has it
// answers where the packages leave it out.
func (s source) main(pkg, locale, file string, into any, path ...string) error {
	for at := locale; ; {
		err := s.read(filepath.Join(pkg, "main", at, file), into, append([]string{"main", at}, path...)...)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		cut := strings.LastIndexByte(at, '-')
		if cut < 0 {
			return err
		}
		at = at[:cut]
	}
}

func build(src source) ([]byte, error) {
	w := cldr.NewWriter()
	sup, err := supplemental(src)
	if err != nil {
		return nil, err
	}
	locales, err := list(src)
	if err != nil {
		return nil, err
	}
	for _, locale := range locales {
		if err := addLocale(w, src, sup, locale); err != nil {
			return nil, fmt.Errorf("%s: %w", locale, err)
		}
	}
	if err := names(src, sup, locales); err != nil {
		return nil, err
	}
	if err := w.Add("und", "s", "", sup); err != nil {
		return nil, err
	}
	return w.Bytes()
}

// list is the locales with data worth having, parents first.
func list(src source) ([]string, error) {
	var levels map[string]string
	if err := src.read("cldr-core/coverageLevels.json", &levels, "effectiveCoverageLevels"); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(src.dir, "cldr-dates-full/main"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		language, _, _ := strings.Cut(e.Name(), "-")
		if e.Name() != "und" && (levels[e.Name()] != "" || levels[language] != "") {
			out = append(out, e.Name())
		}
	}
	rank := func(tag string) int {
		switch tag {
		case "en":
			return 0
		case "en-001", "es-419", "fr", "ar":
			return 1
		}
		return 2 + strings.Count(tag, "-")
	}
	sort.SliceStable(out, func(i, j int) bool { return rank(out[i]) < rank(out[j]) })
	return out, nil
}

// parent is what a locale's texts are most like.
func parent(sup *cldr.Supplemental, locale string) string {
	if p := sup.Parents[locale]; p != "" && p != "und" {
		return p
	}
	if cut := strings.LastIndexByte(locale, '-'); cut >= 0 {
		return locale[:cut]
	}
	if locale == "en" {
		return ""
	}
	return "en"
}

func addLocale(w *cldr.Writer, src source, sup *cldr.Supplemental, locale string) error {
	p := parent(sup, locale)
	d, err := dates(src, locale)
	if err != nil {
		return err
	}
	z, err := zones(src, locale)
	if err != nil {
		return err
	}
	n, err := numbers(src, locale)
	if err != nil {
		return err
	}
	c, err := currencies(src, locale)
	if err != nil {
		return err
	}
	u, err := units(src, locale)
	if err != nil {
		return err
	}
	l, err := texts(src, locale)
	if err != nil {
		return err
	}
	m, err := displayNames(src, locale)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name  string
		value any
	}{{"d", d}, {"z", z}, {"n", n}, {"c", c}, {"u", u}, {"l", l}, {"m", m}} {
		if err := w.Add(locale, s.name, p, s.value); err != nil {
			return err
		}
	}
	for calendar, section := range map[string]string{"buddhist": "dB", "japanese": "dJ", "persian": "dP"} {
		other, err := otherCalendar(src, locale, calendar, d)
		if err != nil {
			return err
		}
		if other != nil {
			if err := w.Add(locale, section, p, other); err != nil {
				return err
			}
		}
	}
	return nil
}
