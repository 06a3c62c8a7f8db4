package registry

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/sourcemap"
)

// FuzzPaths: what is accepted lies below the app's folder, under one spelling, and no
// two files have one place on any file system.
func FuzzPaths(f *testing.F) {
	for _, s := range []string{"static/index.html", "a/../b", "a//b\na", "A\na/b", `c:\x`, "a/./b", "..", "ä/ö"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		paths := strings.Split(list, "\n")
		slices.Sort(paths)
		paths = slices.Compact(paths)
		if checkPaths(paths) != nil {
			return
		}
		for i, p := range paths {
			if !filepath.IsLocal(p) || path.Clean(p) != p || !utf8.ValidString(p) || strings.ContainsAny(p, "\\:\x00") {
				t.Fatalf("%q is accepted", p)
			}
			for _, q := range paths[i+1:] {
				a, b := strings.ToLower(p), strings.ToLower(q)
				if a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/") {
					t.Fatalf("%q and %q are accepted together", p, q)
				}
			}
		}
	})
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, path string
		want       bool
	}{
		{"a.txt", "a.txt", true}, {"*.txt", "a.txt", true}, {"*.txt", "x/a.txt", false}, {"x/*", "x/a", true}, {"x/*", "x/y/a", false},
		{"**", "x/y/a", true}, {"x/**", "x/y/a", true}, {"**/*.json", "a.json", true}, {"**/*.json", "x/y/a.json", true}, {"x/**/a", "x/a", true},
		{"x/**/a", "x/b", false}, {"[", "[", false},
		{strings.Repeat("**/a/", 200) + "b", strings.Repeat("a/", 30) + "c", false}, {strings.Repeat("**/", 200) + "c", strings.Repeat("a/", 30) + "c", true},
	} {
		if got := globMatch(strings.Split(c.glob, "/"), strings.Split(c.path, "/")); got != c.want {
			t.Errorf("%s matches %s: %v", c.glob, c.path, got)
		}
	}
}

// A map is read when it is uploaded: what would break its reader is never stored.
func TestSourceMapsAreRead(t *testing.T) {
	for text, fine := range map[string]bool{
		"": true, `{"version":3,"sources":["src/index.ts"],"names":[],"mappings":"AAAA;AACA"}`: true,
		"{": false, "{}": false, `{"version":3,"sections":[{"offset":{"line":0,"column":0}}]}`: false,
		`{"version":3,"sources":[],"mappings":"AAAA;AAAA;AAAA"}`:                                                false,
		`{"version":3,"sources":["a"],"mappings":"` + strings.Repeat("AAAA,", sourcemap.MaxMappings) + `AAAA"}`: false,
		`{"version":3,"sources":["a"],"mappings":"","x":"` + strings.Repeat("x", sourcemap.MaxText) + `"}`:      false,
	} {
		err := (&Upload{SourceMap: []byte(text)}).check()
		f, _ := fault.As(err)
		if (err == nil) != fine || err != nil && (f.Code != "SOURCE_MAP" && f.Code != "LIMIT_UPLOAD" || len(f.Public) > 200) {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}
