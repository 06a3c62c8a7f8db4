package conformance

import (
	_ "embed"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// test262Folders are the parts of the suite that run when none are named.
var test262Folders = []string{"language", "built-ins", "annexB"}

// frontmatter is what a test says of itself.
type frontmatter struct {
	Flags    []string `yaml:"flags"`
	Features []string `yaml:"features"`
	Includes []string `yaml:"includes"`
	Negative struct {
		Phase string `yaml:"phase"`
		Type  string `yaml:"type"`
	} `yaml:"negative"`
}

// absent are features that the engine does not have: no test of them says anything about
// us. Flags are written with a colon.
var absent = map[string]string{
	":module":                          "apps are bundled: the engine loads no modules",
	"dynamic-import":                   "apps are bundled: the engine loads no modules",
	"import.meta":                      "apps are bundled: the engine loads no modules",
	"import-attributes":                "apps are bundled: the engine loads no modules",
	"import-defer":                     "apps are bundled: the engine loads no modules",
	"import-text":                      "apps are bundled: the engine loads no modules",
	"import-bytes":                     "apps are bundled: the engine loads no modules",
	"source-phase-imports":             "apps are bundled: the engine loads no modules",
	"json-modules":                     "apps are bundled: the engine loads no modules",
	"cross-realm":                      "a call has one realm",
	"ShadowRealm":                      "a call has one realm",
	":CanBlockIsFalse":                 "a call has one thread",
	":CanBlockIsTrue":                  "a call has one thread",
	"Atomics.waitAsync":                "a call has one thread",
	"Atomics.pause":                    "a call has one thread",
	"Atomics":                          "there is no memory that is shared",
	"SharedArrayBuffer":                "there is no memory that is shared",
	"IsHTMLDDA":                        "there is no document.all",
	"Temporal":                         "the engine has no Temporal",
	"Intl.DurationFormat":              "Intl has no DurationFormat",
	"Intl.Era-monthcode":               "dates are written in the Gregorian, Buddhist, Japanese and Persian calendars",
	"decorators":                       "the engine has no decorators",
	"tail-call-optimization":           "no engine in use has proper tail calls",
	"explicit-resource-management":     "the engine has no `using`",
	"immutable-arraybuffer":            "the engine has no immutable buffers",
	"nonextensible-applies-to-private": "a proposal that the engine does not have",
	"joint-iteration":                  "a proposal that the engine does not have",
	"await-dictionary":                 "a proposal that the engine does not have",
	"error-stack-accessor":             "a proposal that the engine does not have",
	"regexp-duplicate-named-groups":    "the engine has no duplicate named groups",
	"legacy-regexp":                    "the engine has no RegExp statics",
	"canonical-tz":                     "a proposal that the engine does not have",
}

//go:embed testdata/test262.js
var test262Prelude string

// test262End is what each script ends with: loading one asks for a function. What answers
// when the test is over is registered by the prelude, before the test changes built-ins.
const test262End = "\n;(function () {})"

// TestTest262 runs files of test262, each in sloppy and in strict mode where it says nothing else.
func TestTest262(t *testing.T) {
	root := folder(t, "ANNEX_TEST262")
	reasons := readReasons(t, "test262.reasons")
	w := newWorld(t, root)
	got, only := results{}, chosen()
	paths := only
	if len(paths) == 0 {
		paths = test262Folders
	}
	harness := map[string]string{}
	for _, p := range paths {
		err := filepath.WalkDir(filepath.Join(root, "test", p), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".js") || strings.HasSuffix(file, "_FIXTURE.js") {
				return err
			}
			rel, err := filepath.Rel(filepath.Join(root, "test"), file)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			return w.test262(got, reasons, filepath.Join(root, "harness"), harness, filepath.ToSlash(rel), string(text))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	judge(t, "test262", got, reasons, len(only) == 0)
}

func test262Area(file string) string {
	parts := strings.Split(file, "/")
	return strings.Join(parts[:min(len(parts), 2)], "/")
}

var front = regexp.MustCompile(`(?s)/\*---(.*?)---\*/`)

func (w *world) test262(got results, reasons []reason, dir string, harness map[string]string, rel, text string) error {
	var f frontmatter
	if m := front.FindStringSubmatch(text); m != nil {
		if err := yaml.Unmarshal([]byte(m[1]), &f); err != nil {
			return err
		}
	}
	in, name := path.Dir(rel), path.Base(rel)
	if reason := skipped(reasons, rel); reason != "" {
		got.of(in).left[reason]++
		return nil
	}
	for _, flag := range f.Flags {
		f.Features = append(f.Features, ":"+flag)
	}
	for _, feature := range f.Features {
		if reason := absent[feature]; reason != "" {
			got.of(in).left[reason]++
			return nil
		}
	}
	scripts := []string{test262Prelude}
	if !slices.Contains(f.Flags, "raw") {
		includes := append([]string{"assert.js", "sta.js"}, f.Includes...)
		if slices.Contains(f.Flags, "async") {
			includes = append(includes, "doneprintHandle.js")
		}
		for _, include := range includes {
			if _, ok := harness[include]; !ok {
				text, err := os.ReadFile(filepath.Join(dir, include))
				if err != nil {
					return err
				}
				harness[include] = string(text) + test262End
			}
			scripts = append(scripts, harness[include])
		}
	}
	modes := []string{"", "strict"}
	switch {
	case slices.Contains(f.Flags, "onlyStrict"):
		modes = modes[1:]
	case slices.Contains(f.Flags, "noStrict"), slices.Contains(f.Flags, "raw"):
		modes = modes[:1]
	}
	for _, mode := range modes {
		source, label := text+test262End, name
		if mode != "" {
			source, label = "\"use strict\";\n"+source, name+" (strict)"
		}
		got.add(in, label, w.outcome(&f, append(slices.Clone(scripts), source)))
	}
	return nil
}

// outcome is "" for a pass.
func (w *world) outcome(f *frontmatter, scripts []string) string {
	// Whether a test that runs while it loads is over, only the test knows.
	async := slices.Contains(f.Flags, "async")
	payload := "false"
	if async {
		payload = "true"
	}
	kind, message := "", ""
	o, _, err := w.run([]byte(payload), scripts...)
	if err != nil || async || !o.OK {
		kind, message = problem(o, err)
	}
	want := f.Negative.Type
	switch {
	case want == "" && kind == "":
		return ""
	case want == "":
		return kind + ": " + message
	case kind == want, want == "Test262Error" && kind == "Error": // it has no name
		return ""
	case kind == "":
		return "no " + want + " was thrown"
	}
	return kind + " instead of " + want + ": " + message
}
