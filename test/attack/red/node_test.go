package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestTAP(t *testing.T) {
	got := tap("TAP version 13\n# Subtest: links: all\nok 1 - links: all\n  ---\n  duration_ms: 1\n  ...\nnot ok 2 - a \\#1\\\\b\n    not ok 1 - within\nok 3 - later # SKIP\n1..3\n# pass 1\n")
	if want := map[string]string{"links: all": "pass", `a #1\b`: "fail", "later": "skip"}; !maps.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// One removal whose head lacks something would keep all from being run.
func TestRemovalsAreRead(t *testing.T) {
	if all, err := read(filepath.Join("..", "mutants"), ""); err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
}

func TestHeads(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.patch", "# kills: node:links: https, and others web/packages/kit/test/safe.test.js\n# guard: addresses\n--- a/x\n")
	write("b.patch", "# kills: TestX ./test/attack\n# guard: x\n--- a/x\n")
	all, err := read(dir, "")
	if err != nil || len(all) != 2 || all[0].pkg != "node:web/packages/kit/test/safe.test.js" || all[0].tests[0] != "links: https, and others" || all[1].pkg != "./test/attack" {
		t.Fatal(all, err)
	}
	for _, bad := range []string{"node:x /etc/passwd", "node: web/x.test.js", "node:x ../x.test.js"} {
		write("c.patch", "# kills: "+bad+"\n# guard: x\n")
		if _, err := read(dir, "^c$"); err == nil {
			t.Errorf("%q names a test", bad)
		}
	}
}
