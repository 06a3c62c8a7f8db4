package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const pagePath = "../../docs/conformance.md"

// suites are those with expectations, and how their files are gathered into rows.
var suites = []struct {
	name string
	area func(file string) string
}{{"wpt", wptArea}, {"webcrypto", wptArea}, {"test262", test262Area}}

// TestPage holds docs/conformance.md to the expectations. It needs no suite.
func TestPage(t *testing.T) {
	if *update {
		writePage(t)
		return
	}
	have, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, render(t, have)) {
		t.Error("docs/conformance.md is stale: go test ./test/conformance -run Page -update")
	}
}

func writePage(t *testing.T) {
	t.Helper()
	have, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pagePath, render(t, have), 0o644); err != nil {
		t.Fatal(err)
	}
}

// render replaces the tables between the page's marks.
func render(t *testing.T, page []byte) []byte {
	t.Helper()
	for _, s := range suites {
		begin, end := []byte("<!-- "+s.name+" -->\n"), []byte("<!-- end of "+s.name+" -->")
		before, rest, ok := bytes.Cut(page, begin)
		_, after, ok2 := bytes.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("docs/conformance.md has no marks of %s", s.name)
		}
		page = slices.Concat(before, begin, tables(readExpected(t, s.name+".txt"), s.area), end, after)
	}
	return page
}

type tally struct{ passed, failed, left int }

// tables are the counts by area, and the failures by reason.
func tables(all map[string]*expectation, area func(string) string) []byte {
	areas, failing, missing := map[string]*tally{}, map[string]int{}, map[string]int{}
	var sum tally
	for file, e := range all {
		a := areas[area(file)]
		if a == nil {
			a = &tally{}
			areas[area(file)] = a
		}
		for _, tl := range []*tally{a, &sum} {
			tl.passed += e.passed
			tl.failed += len(e.failed)
			for _, n := range e.left {
				tl.left += n
			}
		}
		for _, r := range e.failed {
			failing[r]++
		}
		for r, n := range e.left {
			missing[r] += n
		}
	}
	var b bytes.Buffer
	b.WriteString("\n| part | passed | known failures | not run |\n|---|---|---|---|\n")
	row := func(name string, t *tally) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", name, t.passed, t.failed, t.left)
	}
	for _, name := range slices.Sorted(maps.Keys(areas)) {
		row(name, areas[name])
	}
	row("**all**", &sum)
	list := func(head string, counts map[string]int) {
		if len(counts) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n| %s | |\n|---|---|\n", head)
		names := slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
			if counts[x] != counts[y] {
				return counts[y] - counts[x]
			}
			return strings.Compare(x, y)
		})
		for _, name := range names {
			fmt.Fprintf(&b, "| %s | %d |\n", name, counts[name])
		}
	}
	list("why known failures fail", failing)
	list("why files are not run", missing)
	b.WriteString("\n")
	return b.Bytes()
}
