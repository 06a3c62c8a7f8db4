package internal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The packages of a second checkout may be links to those of the first: what fetches the
// second's leaves the first's alone. npm ci empties a node_modules before it fills it.
func TestPackagesOfAnotherCheckoutAreLeft(t *testing.T) {
	first, second, bin := t.TempDir(), t.TempDir(), t.TempDir()
	theirs := filepath.Join(first, "node_modules")
	mine := filepath.Join(second, "node_modules")
	npm := "#!/bin/sh\nset -e\n[ \"$1 $3\" = '--prefix ci' ]\nrm -rf \"$2\"/node_modules/*\nmkdir -p \"$2/node_modules\"\ntouch \"$2/node_modules/fetched\"\n"
	for _, err := range []error{
		os.Mkdir(theirs, 0o700), os.WriteFile(filepath.Join(theirs, "kept"), nil, 0o600), os.Symlink(theirs, mine),
		os.WriteFile(filepath.Join(bin, "npm"), []byte(npm), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it is a folder of its own
		run := exec.CommandContext(t.Context(), "../scripts/packages", second, "--ignore-scripts")
		run.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if said, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if _, err := os.Stat(filepath.Join(theirs, "kept")); err != nil {
			t.Fatalf("the other checkout's packages: %v", err)
		}
		if _, err := os.Stat(filepath.Join(mine, "fetched")); err != nil {
			t.Fatalf("its own packages: %v", err)
		}
	}
}
