package attack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each removal of a guard applies to the code as it is: one that has lost its place shows
// nothing any more, and `make attack-red`, which would say so, takes an hour.
func TestRemovalsApply(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	patches, err := filepath.Glob(filepath.Join(root, "test/attack/mutants/*.patch"))
	if err != nil || len(patches) < 200 {
		t.Fatalf("%d removals: %v", len(patches), err)
	}
	for _, patch := range patches {
		cmd := exec.CommandContext(t.Context(), git, "apply", "--check", "--whitespace=nowarn", patch)
		cmd.Dir = root
		// Also in a folder that is no clone, and not of a clone around it.
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(root))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(patch), err, strings.TrimSpace(string(out)))
		}
	}
}
