package manifest_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/annexhq/annex/manifest"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

// tracker is the one product that the goldens register.
var tracker = []manifest.Product{{
	Key: "tracker", Aliases: []string{"jira"},
	Modules: []manifest.ModuleType{{Type: "tracker:issuePanel", Aliases: []string{"jira:issuePanel"}}},
	Scopes:  []string{"read:jira-work"}, Events: []string{"avi:jira:created:issue"},
}}

func lookup(name string) (string, bool) {
	v, ok := map[string]string{"APP": "0f9aa23a-dd35-45fe-8c72-cd2c7c2c044a", "PORT": "3000"}[name]
	return v, ok
}

func TestLoad(t *testing.T) {
	golden(t, "load", func(a *txtar.Archive) string {
		opts := manifest.Options{Products: tracker, Lookup: lookup, Files: files(a)}
		m, ds := manifest.Load("manifest.yml", file(a, "manifest.yml"), opts)
		if (m == nil) != ds.HasErrors() {
			t.Errorf("a manifest is given back: %v; there are errors: %v", m != nil, ds.HasErrors())
		}
		return severities(ds)
	})
}

// severities are the lines of the diagnostics, marked where they only warn.
func severities(ds manifest.Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		if d.Severity == manifest.Warning {
			b.WriteString("warning ")
		}
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

func TestFix(t *testing.T) {
	golden(t, "fix", func(a *txtar.Archive) string {
		given := file(a, "manifest.yml")
		fixed, applied := manifest.Fix("manifest.yml", given)
		if len(applied) == 0 && !bytes.Equal(given, fixed) {
			t.Error("the text changed, and nothing was mended")
		}
		if again, more := manifest.Fix("manifest.yml", fixed); len(more) > 0 {
			t.Errorf("what was mended is mended again:\n%s\n%s", manifest.Diagnostics(more), again)
		}
		return string(fixed) + "---\n" + manifest.Diagnostics(applied).String()
	})
}

// golden compares what run makes of each archive with its last file, "want".
func golden(t *testing.T, dir string, run func(*txtar.Archive) string) {
	names, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no goldens (%v)", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := run(a)
			want := &a.Files[len(a.Files)-1]
			if want.Name != "want" {
				t.Fatalf("the last file is %s, not want", want.Name)
			}
			if string(want.Data) == got {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want.Data)
			}
			want.Data = []byte(got)
			if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func file(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// files are the archive's files/ as the app's folder, nil when it has none.
func files(a *txtar.Archive) fs.FS {
	out := fstest.MapFS{}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "files/"); ok {
			out[name] = &fstest.MapFile{Data: f.Data}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
