package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Guards in JavaScript that runs in browsers are held by tests of node's runner. A patch
// names one by its title and its file from the repository's root:
//
//	# kills: node:links: https, mail, and places in the product web/packages/kit/test/safe.test.js
//
// The file is run in the copy. What it imports by a relative path is the copy's; packages by
// name are those of the working tree.
var nodeTest = regexp.MustCompile(`^node:(.+) ((?:[\w-][\w.-]*/)+[\w.-]+\.test\.js)$`)

const nodePrefix = "node:"

// node runs the tests of a file and says how each ended, as test does.
func (t *tree) node(ctx context.Context, file string, limit time.Duration) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--conditions=annex-test", "--test-reporter=tap", file)
	cmd.Dir = t.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	runErr := cmd.Run()
	t.output = out.String()
	got := tap(t.output)
	if runErr != nil && len(got) == 0 {
		return nil, fmt.Errorf("%s does not run: %w\n%s%s", file, runErr, t.output, errs.String())
	}
	return got, nil
}

var tapLine = regexp.MustCompile(`^(not )?ok \d+ - (.*)$`)

// tap reads how a file's own tests ended; those within them are theirs.
func tap(text string) map[string]string {
	got := map[string]string{}
	for line := range strings.Lines(text) {
		m := tapLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		name, directive, _ := strings.Cut(strings.ReplaceAll(m[2], `\#`, "\x00"), " # ")
		name = strings.NewReplacer("\x00", "#", `\\`, `\`).Replace(name)
		switch {
		case strings.HasPrefix(directive, "SKIP"), strings.HasPrefix(directive, "TODO"):
			got[name] = "skip"
		case m[1] != "":
			got[name] = "fail"
		default:
			got[name] = "pass"
		}
	}
	return got
}
