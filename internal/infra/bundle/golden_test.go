package bundle

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the goldens")

// TestGoldens bundles each archive of testdata. The comment's first line names the
// handlers; the section "want" holds the diagnostics.
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir, want := t.TempDir(), -1
			for i, f := range ar.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				write(t, dir, f.Name, string(f.Data))
			}
			first, _, _ := strings.Cut(string(ar.Comment), "\n")
			handlers := strings.Fields(strings.TrimPrefix(first, "handlers:"))
			res, ds, err := Build(context.Background(), Options{Dir: dir, Handlers: handlers, Table: testTable})
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, d := range ds {
				fmt.Fprintf(&got, "%s: %s\n", d.Severity, d)
			}
			if HasErrors(ds) == (res.Code != nil) {
				t.Errorf("code of %d bytes with these diagnostics:\n%s", len(res.Code), got.String())
			}
			if want < 0 {
				t.Fatal("no section want")
			}
			if *update {
				ar.Files[want].Data = []byte(got.String())
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if w := string(ar.Files[want].Data); w != got.String() {
				t.Errorf("got:\n%s\nwant:\n%s", got.String(), w)
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
