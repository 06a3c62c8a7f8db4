package attack

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The threat model's table names files that exist, and all of them.
func TestThreatModelNamesItsTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/THREAT-MODEL.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile("`(cannot_\\w+)`").FindAllStringSubmatch(string(text), -1) {
		named[name[1]] = true
		if _, err := os.Stat(name[1] + "_test.go"); err != nil {
			t.Errorf("docs/THREAT-MODEL.md names %s: %v", name[1], err)
		}
	}
	files, err := filepath.Glob("cannot_*_test.go")
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !named[strings.TrimSuffix(file, "_test.go")] {
			t.Errorf("%s is not in docs/THREAT-MODEL.md", file)
		}
	}
}

// Every file of attacks has a test whose guard can be seen to matter.
func TestEachAttackHasItsRemoval(t *testing.T) {
	mutants, err := filepath.Glob("mutants/*.patch")
	if err != nil || len(mutants) == 0 {
		t.Fatal(mutants, err)
	}
	shown := map[string]bool{}
	for _, patch := range mutants {
		text, err := os.ReadFile(patch)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# kills: ") {
			t.Errorf("%s does not begin with the test that it kills", patch)
		}
		for _, kill := range regexp.MustCompile(`(?m)^# kills: (Test\w+) `).FindAllStringSubmatch(string(text), -1) {
			shown[kill[1]] = true
		}
	}
	files, err := filepath.Glob("cannot_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		some := false
		for _, f := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			some = some || shown[f[1]]
		}
		if !some {
			t.Errorf("no patch of mutants turns a test of %s red", file)
		}
	}
}
