package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// results are what one suite gave: for each file its passes and its failures' messages.
type results map[string]*result

type result struct {
	passed int
	failed map[string]string // subtest → message
	left   map[string]int    // why something was not run → how many
}

func (r results) of(file string) *result {
	if r[file] == nil {
		r[file] = &result{failed: map[string]string{}, left: map[string]int{}}
	}
	return r[file]
}

func (r results) add(file, subtest, failure string) {
	f := r.of(file)
	if failure == "" {
		f.passed++
		return
	}
	f.failed[subtest] = failure
}

// reason says why what it matches fails, or is not run.
type reason struct {
	file, subtest, message *regexp.Regexp
	skip                   bool
	text                   string
}

// readReasons reads lines of: file, subtest, the reason, separated by tabs. File and
// subtest are regular expressions; the subtest may be "(not run)" for a whole file. One that begins
// with "=" matches the failure's message and not the subtest's name.
func readReasons(t *testing.T, name string) []reason {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []reason
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, "\t")
		if len(parts) != 3 {
			t.Fatalf("%s:%d: three columns, separated by tabs", name, i+1)
		}
		r := reason{file: regexp.MustCompile("^(?:" + parts[0] + ")"), text: parts[2], skip: parts[1] == "(not run)"}
		if message, ok := strings.CutPrefix(parts[1], "="); ok {
			r.message = regexp.MustCompile(message)
		} else if !r.skip {
			r.subtest = regexp.MustCompile(parts[1])
		}
		all = append(all, r)
	}
	return all
}

// skipped says why a file is not run, "" if it is.
func skipped(reasons []reason, file string) string {
	for _, r := range reasons {
		if r.skip && r.file.MatchString(file) {
			return r.text
		}
	}
	return ""
}

func why(reasons []reason, file, subtest, message string) string {
	for _, r := range reasons {
		if r.skip || !r.file.MatchString(file) {
			continue
		}
		if r.message != nil && r.message.MatchString(message) || r.subtest != nil && r.subtest.MatchString(subtest) {
			return r.text
		}
	}
	return ""
}

// expectation of one file: its passes, its known failures with the reason of each, and
// how much is not run for which reason.
type expectation struct {
	passed int
	failed map[string]string
	left   map[string]int
}

// readExpected reads what format wrote.
func readExpected(t *testing.T, name string) map[string]*expectation {
	t.Helper()
	all := map[string]*expectation{}
	f, err := os.Open(filepath.Join("testdata", name))
	if os.IsNotExist(err) {
		return all
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var reason string
	var cur *expectation
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "\t\t"):
			subtest, err := strconv.Unquote(strings.TrimSpace(line))
			if err != nil {
				t.Fatalf("%s: %s", name, line)
			}
			cur.failed[subtest] = reason
		case strings.HasPrefix(line, "\t- "):
			n, reason, _ := strings.Cut(strings.TrimPrefix(line, "\t- "), " ")
			if cur.left[reason], err = strconv.Atoi(n); err != nil {
				t.Fatalf("%s: %s", name, line)
			}
		case strings.HasPrefix(line, "\t"):
			reason = strings.TrimSpace(line)
		default:
			file, passed, _ := strings.Cut(line, "\t")
			n, err := strconv.Atoi(passed)
			if err != nil {
				t.Fatalf("%s: %s", name, line)
			}
			cur = &expectation{passed: n, failed: map[string]string{}, left: map[string]int{}}
			all[file] = cur
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// format writes expectations: a file with its passes, below it the reasons, below each the
// subtests that fail for it.
func format(all map[string]*expectation) []byte {
	var b bytes.Buffer
	b.WriteString("# Made by -update. A file and its passes; below it what is not run (- how many) or known to fail, and why.\n")
	for _, file := range slices.Sorted(maps.Keys(all)) {
		e := all[file]
		fmt.Fprintf(&b, "%s\t%d\n", file, e.passed)
		for _, reason := range slices.Sorted(maps.Keys(e.left)) {
			fmt.Fprintf(&b, "\t- %d %s\n", e.left[reason], reason)
		}
		by := map[string][]string{}
		for subtest, reason := range e.failed {
			by[reason] = append(by[reason], subtest)
		}
		for _, reason := range slices.Sorted(maps.Keys(by)) {
			fmt.Fprintf(&b, "\t%s\n", reason)
			for _, subtest := range slices.Sorted(slices.Values(by[reason])) {
				fmt.Fprintf(&b, "\t\t%s\n", strconv.Quote(subtest))
			}
		}
	}
	return b.Bytes()
}

// judge compares what ran with what is expected of it, and with update writes the latter.
func judge(t *testing.T, suite string, got results, reasons []reason, whole bool) {
	t.Helper()
	if len(got) == 0 {
		t.Fatal("no file of the suite ran")
	}
	want := readExpected(t, suite+".txt")
	if *update {
		if whole {
			want = map[string]*expectation{}
		}
		for file, r := range got {
			e := &expectation{passed: r.passed, failed: map[string]string{}, left: r.left}
			for subtest, message := range r.failed {
				reason := why(reasons, file, subtest, message)
				if reason == "" {
					t.Errorf("no reason for %s: %s: %s", file, subtest, message)
					reason = "?"
				}
				e.failed[subtest] = reason
			}
			want[file] = e
		}
		if t.Failed() {
			return // nothing is written of failures that nobody looked at
		}
		if err := os.WriteFile(filepath.Join("testdata", suite+".txt"), format(want), 0o644); err != nil {
			t.Fatal(err)
		}
		writePage(t)
		return
	}
	for _, file := range slices.Sorted(maps.Keys(got)) {
		r, e := got[file], want[file]
		if e == nil {
			e = &expectation{}
			t.Errorf("%s is not expected: run with -update", file)
		}
		for subtest, message := range r.failed {
			if _, known := e.failed[subtest]; !known {
				t.Errorf("%s: %s: %s", file, subtest, message)
			}
		}
		for subtest := range e.failed {
			if _, still := r.failed[subtest]; !still {
				t.Errorf("%s: %s no longer fails: run with -update", file, subtest)
			}
		}
		if r.passed < e.passed {
			t.Errorf("%s: %d passes, %d were expected", file, r.passed, e.passed)
		}
	}
	if whole {
		for file := range want {
			if got[file] == nil {
				t.Errorf("%s was expected and did not run", file)
			}
		}
	}
}
