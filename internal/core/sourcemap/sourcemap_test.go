package sourcemap_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/annexhq/annex/internal/core/sourcemap"
)

func text(t testing.TB, sources int, mappings string) []byte {
	t.Helper()
	names := make([]string, sources)
	for i := range names {
		names[i] = fmt.Sprintf("src/%d.ts", i)
	}
	b, err := json.Marshal(map[string]any{"version": 3, "sources": names, "names": []string{}, "mappings": mappings})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLookup(t *testing.T) {
	// Line 1: column 0 → 0.ts:1:0, column 5 → no source, column 9 → 1.ts:3:4. Line 2: nothing. Line 3: column 2 → 1.ts:2:4
	m, err := sourcemap.Parse(text(t, 2, "AAAA,K,ICEI;;EADA"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line, column int
		want         string
	}{
		{1, 0, "src/0.ts:1:0"}, {1, 4, "src/0.ts:1:0"}, {1, 5, ""}, {1, 8, ""}, {1, 9, "src/1.ts:3:4"}, {1, 1 << 40, "src/1.ts:3:4"},
		{2, 0, ""}, {3, 1, ""}, {3, 2, "src/1.ts:2:4"}, {4, 0, ""}, {0, 0, ""}, {-1, -1, ""}, {1, -1, ""}, {1 << 40, 0, ""},
	} {
		got := ""
		if p, ok := m.Lookup(c.line, c.column); ok {
			got = fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
		}
		if got != c.want {
			t.Errorf("%d:%d leads to %q, want %q", c.line, c.column, got, c.want)
		}
	}
	if _, ok := (*sourcemap.Map)(nil).Lookup(1, 0); ok {
		t.Error("no map knows a place")
	}
}

// Segments of a line need not come in order.
func TestLinesAreSorted(t *testing.T) {
	m, err := sourcemap.Parse(text(t, 1, "UAAA,JACA"))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := m.Lookup(1, 7); !ok || p.Line != 2 {
		t.Errorf("%+v %v", p, ok)
	}
	if p, ok := m.Lookup(1, 12); !ok || p.Line != 1 {
		t.Errorf("%+v %v", p, ok)
	}
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("A", sourcemap.MaxName+1)
	for name, hostile := range map[string]string{
		"sections":           `{"version":3,"sections":[{"offset":{"line":0,"column":0}}]}`,
		"sections beside":    `{"version":3,"sources":[],"mappings":"","sections":null}`,
		"source index":       `{"version":3,"sources":[],"mappings":"AAAA;AAAA;AAAA"}`,
		"negative source":    `{"version":3,"sources":["a"],"mappings":"ADAA"}`,
		"negative column":    `{"version":3,"sources":["a"],"mappings":"DAAA"}`,
		"negative line":      `{"version":3,"sources":["a"],"mappings":"AADA"}`,
		"negative name":      `{"version":3,"sources":["a"],"mappings":"AAAAD"}`,
		"two fields":         `{"version":3,"sources":["a"],"mappings":"AA"}`,
		"six fields":         `{"version":3,"sources":["a"],"mappings":"AAAAAA"}`,
		"cut number":         `{"version":3,"sources":["a"],"mappings":"AAAg"}`,
		"endless number":     `{"version":3,"sources":["a"],"mappings":"ggggggggggggggggA"}`,
		"large number":       `{"version":3,"sources":["a"],"mappings":"+++++/,+++++/"}`,
		"no digit":           `{"version":3,"sources":["a"],"mappings":"AA A"}`,
		"not ASCII":          `{"version":3,"sources":["a"],"mappings":"AAÄ"}`,
		"version":            `{"version":4,"sources":[],"mappings":""}`,
		"no version":         `{"sources":[],"mappings":""}`,
		"no mappings":        `{"version":3,"sources":[]}`,
		"mappings no text":   `{"version":3,"sources":[],"mappings":[]}`,
		"no sources":         `{"version":3,"mappings":""}`,
		"sources no list":    `{"version":3,"sources":{"a":1},"mappings":""}`,
		"source no name":     `{"version":3,"sources":[[]],"mappings":""}`,
		"long name":          `{"version":3,"sources":["` + long + `"],"mappings":""}`,
		"long root":          `{"version":3,"sourceRoot":"` + long + `","sources":["a"],"mappings":""}`,
		"many sources":       `{"version":3,"sources":[` + strings.Repeat(`"",`, sourcemap.MaxSources) + `""],"mappings":""}`,
		"many lines":         `{"version":3,"sources":[],"mappings":"` + strings.Repeat(";", sourcemap.MaxMappings) + `"}`,
		"many mappings":      `{"version":3,"sources":["a"],"mappings":"` + strings.Repeat("A,", sourcemap.MaxMappings) + `A"}`,
		"no JSON":            `{`,
		"null":               `null`,
		"a list":             `[]`,
		"nothing":            ``,
		"deep":               strings.Repeat("[", 1<<20),
		"too large":          strings.Repeat(" ", sourcemap.MaxText+1),
		"the prefix of some": `)]}'` + `{"version":3,"sources":[],"mappings":""}`,
	} {
		if m, err := sourcemap.Parse([]byte(hostile)); err == nil || m != nil {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestOddButFine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"version":3,"sources":[],"mappings":""}`, ""},
		{`{"version":3,"sources":[null],"mappings":"AAAA,,;;"}`, ""},
		{`{"version":3,"sourceRoot":"lib","sources":["a.ts"],"mappings":"AAAA"}`, "lib/a.ts"},
		{`{"version":3,"sourceRoot":"lib/","sources":["webpack://x/a.ts"],"mappings":"AAAA"}`, "webpack://x/a.ts"},
	} {
		m, err := sourcemap.Parse([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if p, _ := m.Lookup(1, 0); p.Source != c.want {
			t.Errorf("%s: %+v", c.text, p)
		}
	}
}

// Each marker of the sources is found where the bundler put it.
func TestBundlersMaps(t *testing.T) {
	var source strings.Builder
	for i := range 200 {
		fmt.Fprintf(&source, "export const f%d: (a: number) => string =\n  (a) => `${a} marker%d-`;\n", i, i)
	}
	lines := strings.Split(source.String(), "\n")
	for _, minify := range []bool{false, true} {
		out := api.Transform(source.String(), api.TransformOptions{
			Loader: api.LoaderTS, Format: api.FormatIIFE, MinifyWhitespace: minify, MinifySyntax: minify,
			Sourcefile: "src/index.ts", Sourcemap: api.SourceMapExternal,
		})
		if len(out.Errors) > 0 {
			t.Fatal(out.Errors)
		}
		m, err := sourcemap.Parse(out.Map)
		if err != nil {
			t.Fatal(err)
		}
		if m.Size() == 0 {
			t.Error("it has no size")
		}
		for row, line := range strings.Split(string(out.Code), "\n") {
			for at := 0; ; at++ {
				next := strings.Index(line[at:], "marker")
				if next < 0 {
					break
				}
				at += next
				marker := line[at : at+strings.Index(line[at:], "-")+1]
				p, ok := m.Lookup(row+1, at)
				if !ok || p.Source != "src/index.ts" || !strings.Contains(lines[p.Line-1], marker) {
					t.Fatalf("minify %v: %s leads to %+v, %v", minify, marker, p, ok)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"version":3,"sources":["a"],"mappings":"AAAA;CACA,K"}`, `{"version":3,"sections":[{"offset":{"line":0,"column":0}}]}`,
		`{"version":3,"sources":[],"mappings":"AAAA;AAAA;AAAA"}`, `{"version":3,"sources":[null,"b"],"mappings":"UAAA,JACA;;+/////"}`,
	} {
		f.Add([]byte(s), 1, 0)
	}
	f.Fuzz(func(t *testing.T, text []byte, line, column int) {
		m, err := sourcemap.Parse(text)
		if (err == nil) == (m == nil) {
			t.Fatal("neither a map nor an error")
		}
		if p, ok := m.Lookup(line, column); ok && (p.Line < 1 || p.Column < 0 || len(p.Source) > sourcemap.MaxName) {
			t.Fatalf("%+v", p)
		}
	})
}

// FuzzMappings feeds only the mappings, where random JSON seldom gets.
func FuzzMappings(f *testing.F) {
	f.Add("AAAA,K,ICEI;;EADA", 1, 0)
	f.Add("UAAA,JACA", 1, 7)
	f.Fuzz(func(t *testing.T, mappings string, line, column int) {
		m, err := sourcemap.Parse(text(t, 2, mappings))
		if err != nil {
			return
		}
		for _, at := range []int{line, 1, 2, strings.Count(mappings, ";") + 1} {
			if p, ok := m.Lookup(at, column); ok && (p.Line < 1 || p.Column < 0 || !strings.HasPrefix(p.Source, "src/")) {
				t.Fatalf("%+v", p)
			}
		}
	})
}
