package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/annexhq/annex/manifest"
)

// TestRealManifests loads the manifests of real apps, which are not ours to keep:
// ANNEX_REAL_MANIFESTS names a folder of them. Each was accepted by the system that
// it was written for, so an error here is ours.
func TestRealManifests(t *testing.T) {
	dir := os.Getenv("ANNEX_REAL_MANIFESTS")
	if dir == "" {
		t.Skip("ANNEX_REAL_MANIFESTS names no folder")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests in %s (%v)", dir, err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			m, ds := manifest.Load(filepath.Base(f), data, manifest.Options{Lookup: func(string) (string, bool) { return "0f9aa23a-dd35-45fe-8c72-cd2c7c2c044a", true }})
			for _, d := range ds.Errors() {
				t.Error(d)
			}
			if m == nil {
				return
			}
			canonical := m.Canonical()
			again, ds := manifest.Load("canonical.json", canonical, manifest.Options{})
			if ds.HasErrors() {
				t.Fatalf("the canonical form does not load:\n%s", ds)
			}
			if got := again.Canonical(); string(got) != string(canonical) {
				t.Errorf("the canonical form is not stable:\n%s\n%s", canonical, got)
			}
		})
	}
}
