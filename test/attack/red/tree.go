package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tree is a copy of the working tree, with what was built into internal/assets/dist.
type tree struct {
	root, dir string
	output    string // of the last test run
}

const dist = "internal/assets/dist"

// copyTrees makes n copies, of which those that were made are given also with an error.
func copyTrees(ctx context.Context, root string, n int) (trees []*tree, err error) {
	for range n {
		t, err := copyTree(ctx, root)
		if err != nil {
			return trees, err
		}
		trees = append(trees, t)
	}
	return trees, nil
}

// copyTree copies the files that git knows or would add; the working tree itself is
// never touched.
func copyTree(ctx context.Context, root string) (*tree, error) {
	dir, err := os.MkdirTemp("", "annex-red-")
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, dir: dir}
	list, err := t.command(ctx, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		t.remove()
		return nil, err
	}
	files := strings.Split(strings.Trim(list, "\x00"), "\x00")
	built, err := filepath.Glob(filepath.Join(root, dist, "*"))
	if err != nil {
		t.remove()
		return nil, err
	}
	for _, file := range built {
		files = append(files, filepath.Join(dist, filepath.Base(file)))
	}
	for _, file := range files {
		if err := t.copy(file); err != nil {
			t.remove()
			return nil, err
		}
	}
	// What patches of JavaScript are bundled with, and what drives browsers; it is only read.
	for _, modules := range []string{"web/node_modules", "test/browser/node_modules"} {
		if err := os.Symlink(filepath.Join(root, modules), filepath.Join(dir, modules)); err != nil {
			t.remove()
			return nil, err
		}
	}
	return t, nil
}

func (t *tree) copy(file string) error {
	from, to := filepath.Join(t.root, file), filepath.Join(t.dir, file)
	info, err := os.Lstat(from)
	if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
		return nil // deleted and not yet committed; or a link
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

func (t *tree) remove() { _ = os.RemoveAll(t.dir) }

func (t *tree) command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

// apply removes the guard. Lines that moved are no matter, changed ones are.
func (t *tree) apply(ctx context.Context, p *patch) error {
	if _, err := t.command(ctx, t.dir, "git", "apply", "--whitespace=nowarn", p.file); err != nil {
		return err
	}
	return t.build(ctx, p)
}

// restore puts the guard back.
func (t *tree) restore(ctx context.Context, p *patch) error {
	if _, err := t.command(ctx, t.dir, "git", "apply", "--whitespace=nowarn", "--reverse", p.file); err != nil {
		return err
	}
	if !p.assets {
		return nil
	}
	return filepath.WalkDir(filepath.Join(t.root, dist), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return t.copy(filepath.Join(dist, d.Name()))
	})
}

func (t *tree) build(ctx context.Context, p *patch) error {
	if !p.assets {
		return nil
	}
	_, err := t.command(ctx, t.dir, "go", "run", "./internal/assets/build")
	return err
}

// failures are the lines of the last output that say what failed.
func (t *tree) failures() string {
	var b strings.Builder
	for line := range strings.Lines(t.output) {
		if strings.Contains(line, "FAIL") || strings.Contains(line, "_test.go:") || strings.Contains(line, "panic:") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// test runs the named tests of a package and says how each ended: "pass", "fail", or
// nothing when there is none. A package that does not compile is an error, not a fail.
func (t *tree) test(ctx context.Context, pkg string, tests []string, limit time.Duration) (map[string]string, error) {
	if file, ok := strings.CutPrefix(pkg, nodePrefix); ok {
		return t.node(ctx, file, limit)
	}
	ctx, cancel := context.WithTimeout(ctx, limit+5*time.Minute) // compiling is not the test's time
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-trimpath", "-ldflags=-s -w", "-vet=off", "-count=1", "-json", "-timeout", limit.String(),
		"-run", "^("+strings.Join(tests, "|")+")$", pkg)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", // Landlock reaches no thread of the C library
		"ATTACK_JSON=") // the figures are those of the run with all guards
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	runErr := cmd.Run()
	got := map[string]string{}
	var text strings.Builder
	dec := json.NewDecoder(&out)
	for {
		var e struct{ Action, Test, Output string }
		if err := dec.Decode(&e); err != nil {
			break
		}
		text.WriteString(e.Output)
		if e.Test == "" || strings.Contains(e.Test, "/") {
			continue
		}
		switch e.Action {
		case "run", "pass", "fail", "skip":
			got[e.Test] = e.Action
		}
	}
	for name, action := range got {
		if action == "run" && runErr != nil { // the process ended in the middle of it
			got[name] = "fail"
		}
	}
	t.output = text.String()
	if runErr != nil && len(got) == 0 {
		return nil, fmt.Errorf("%s does not run: %w\n%s%s", pkg, runErr, t.output, errs.String())
	}
	return got, nil
}
