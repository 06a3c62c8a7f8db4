// Command red removes one guard after the other, each in a copy of the working tree,
// and demands that the tests which claim to hold it fail. A test that stays green
// without its guard shows nothing; a patch that no longer applies guards nothing.
//
// Each file of test/attack/mutants is a unified diff behind comment lines, the first
// of which names a test and its packages; another such line names another test:
//
//	# kills: TestAttackX ./test/attack/...
//	# guard: what is taken away
//	# build: assets (when what is patched is JavaScript)
//
// A test of node's runner is named as node:TITLE FILE.
//
// Run it from the repository's root: go run ./test/attack/red [-run REGEXP] [-jobs N] [-list] [-json FILE].
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const mutants = "test/attack/mutants"

func main() {
	only := flag.String("run", "", "try only the patches whose names match this `regexp`")
	list := flag.Bool("list", false, "list the patches and run nothing")
	report := flag.String("json", "", "add how many faults were found to the canaries' figures in this `file`")
	limit := flag.Duration("limit", 30*time.Minute, "give up after this time in all")
	jobs := flag.Int("jobs", runtime.NumCPU(), "try so many patches at a time, each in a copy of its own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if err := run(ctx, *only, *list, *report, max(1, *jobs)); err != nil {
		fmt.Fprintln(os.Stderr, "attack-red:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, list bool, report string, jobs int) error {
	all, err := read(mutants, only)
	if err != nil {
		return err
	}
	if list {
		return table(all)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	trees, err := copyTrees(ctx, root, min(jobs, len(all)))
	defer func() {
		for _, t := range trees {
			t.remove()
		}
	}()
	if err != nil {
		return err
	}

	fmt.Printf("with all guards: %d tests must pass\n", len(named(all)))
	if err := green(ctx, trees[0], all); err != nil {
		return err
	}
	bad, err := tryAll(ctx, trees, all)
	if err != nil {
		return err
	}
	fmt.Println()
	if err := table(all); err != nil {
		return err
	}
	if err := count(report, len(all), len(all)-bad); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d guards can be removed without a test that says so", bad, len(all))
	}
	return nil
}

// tryAll tries the patches, one at a time in each of the trees, and says how many guards
// nothing holds.
func tryAll(ctx context.Context, trees []*tree, all []*patch) (bad int, err error) {
	next := make(chan *patch)
	done := make(chan *patch)
	for _, t := range trees {
		go func() {
			for p := range next {
				began := time.Now()
				p.err = try(ctx, t, p)
				p.took = time.Since(began)
				done <- p
			}
		}()
	}
	go func() {
		defer close(next)
		for _, p := range all {
			next <- p // until the last: those that are left after the end fail at once
		}
	}()
	for range all {
		p := <-done
		if p.err != nil {
			bad++
		}
		if ctx.Err() == nil {
			fmt.Printf("%-6s %-34s %5.1fs  without: %s\n", p.result(), p.name, p.took.Seconds(), p.guard)
		}
	}
	return bad, ctx.Err()
}

// count adds the faults to what the canaries' own run has written.
func count(file string, faults, found int) error {
	if file == "" {
		return nil
	}
	report := map[string]map[string]any{}
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &report)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if report["canary"] == nil {
		report["canary"] = map[string]any{}
	}
	report["canary"]["faults"], report["canary"]["faults_found"] = faults, found
	if raw, err = json.MarshalIndent(report, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}

// patch is one guard's removal.
type patch struct {
	name, file string
	guard      string
	tests      []string
	pkg        string
	assets     bool
	took       time.Duration
	err        error
}

func (p *patch) result() string {
	if p.err != nil {
		return "GREEN!"
	}
	return "red"
}

var testName = regexp.MustCompile(`^Test\w+$`)

// read reads the patches' heads.
func read(dir, only string) ([]*patch, error) {
	match, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	var out []*patch
	for _, file := range files {
		p := &patch{name: strings.TrimSuffix(filepath.Base(file), ".patch")}
		if !match.MatchString(p.name) {
			continue
		}
		if p.file, err = filepath.Abs(file); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "# "), ": ")
			if !strings.HasPrefix(line, "#") || !ok {
				break
			}
			switch key {
			case "kills":
				test, pkg, ok := strings.Cut(value, " ")
				if m := nodeTest.FindStringSubmatch(value); m != nil {
					p.tests, p.pkg = append(p.tests, m[1]), nodePrefix+m[2]
					continue
				}
				if !ok || !testName.MatchString(test) || !strings.HasPrefix(pkg, "./") || p.pkg != "" && p.pkg != pkg {
					return nil, fmt.Errorf("%s: %q names no test and its packages", file, value)
				}
				p.tests, p.pkg = append(p.tests, test), pkg
			case "guard":
				p.guard = value
			case "build":
				p.assets = value == "assets"
			}
		}
		if len(p.tests) == 0 || p.guard == "" {
			return nil, fmt.Errorf("%s names no tests or no guard", file)
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no patch in %s matches %q", dir, only)
	}
	return out, nil
}

// named are all tests by package, without repetition.
func named(all []*patch) []string {
	var out []string
	for _, p := range all {
		for _, t := range p.tests {
			if name := p.pkg + " " + t; !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// green demands that all named tests exist and pass before anything is removed.
func green(ctx context.Context, t *tree, all []*patch) error {
	byPackage := map[string][]string{}
	for _, name := range named(all) {
		pkg, test, _ := strings.Cut(name, " ")
		byPackage[pkg] = append(byPackage[pkg], test)
	}
	for pkg, tests := range byPackage {
		got, err := t.test(ctx, pkg, tests, 10*time.Minute)
		if err != nil {
			return err
		}
		for _, test := range tests {
			if got[test] != "pass" {
				return fmt.Errorf("%s of %s does not pass with all guards in place (%q)\n%s", test, pkg, got[test], t.failures())
			}
		}
	}
	return nil
}

// try removes the guard, demands that every named test fails, and puts it back.
func try(ctx context.Context, t *tree, p *patch) (err error) {
	if err := t.apply(ctx, p); err != nil {
		return fmt.Errorf("the patch no longer applies: %w", err)
	}
	defer func() { err = errors.Join(err, t.restore(ctx, p)) }()
	// A test may hang without its guard; that it does not end is its failing.
	got, err := t.test(ctx, p.pkg, p.tests, 2*time.Minute)
	if err != nil {
		return err
	}
	for _, test := range p.tests {
		if got[test] != "fail" {
			return fmt.Errorf("%s: %q without its guard", test, got[test])
		}
	}
	return nil
}

func table(all []*patch) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "guard\tremoval\ttests\tresult")
	for _, p := range all {
		result := p.result()
		if p.err != nil {
			result += " " + p.err.Error()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.guard, p.name, strings.Join(p.tests, " "), result)
	}
	return w.Flush()
}
