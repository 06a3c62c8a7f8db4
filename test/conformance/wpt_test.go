package conformance

import (
	_ "embed"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expectations and docs/conformance.md anew")

// wptFolders are the parts of the suite that say something about what apps use.
var wptFolders = []string{
	"url", "encoding", "fetch/api", "fetch/data-urls", "FileAPI", "xhr/formdata", "streams", "compression", "urlpattern",
	"dom/abort", "dom/events", "html/webappapis/atob", "html/webappapis/structured-clone", "html/webappapis/timers",
	"html/webappapis/microtask-queuing", "html/webappapis/scripting", "hr-time", "user-timing", "performance-timeline", "console",
	"webidl/ecmascript-binding/es-exceptions", "webmessaging",
}

// folder is the checkout that a variable names; the test skips without it.
func folder(t *testing.T, variable string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skipf("%s names no folder: make conformance fetches the suites", variable)
	}
	return dir
}

// chosen is the paths that ANNEX_CONFORMANCE names, nil for all.
func chosen() []string { return strings.Fields(os.Getenv("ANNEX_CONFORMANCE")) }

// TestWPT runs the files of the web platform tests that need no page.
func TestWPT(t *testing.T) { runWPT(t, "wpt", wptFolders) }

// TestWebCrypto is apart, since its tests make thousands of keys.
func TestWebCrypto(t *testing.T) { runWPT(t, "webcrypto", []string{"WebCryptoAPI"}) }

func runWPT(t *testing.T, suite string, folders []string) {
	root := folder(t, "ANNEX_WPT")
	only := slices.DeleteFunc(chosen(), func(path string) bool {
		return !slices.ContainsFunc(folders, func(dir string) bool { return strings.HasPrefix(path+"/", dir+"/") })
	})
	if len(only) == 0 && len(chosen()) > 0 {
		t.Skip("none of the paths is a part of this suite")
	}
	harness, err := os.ReadFile(filepath.Join(root, "resources/testharness.js"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := readReasons(t, suite+".reasons")
	w, got := newWorld(t, root), results{}
	dirs := only
	if len(dirs) == 0 {
		dirs = folders
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".any.js") {
				return err
			}
			rel, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			if reason := skipped(reasons, rel); reason != "" {
				got.of(rel).left[reason]++
				return nil
			}
			test, err := readTest(root, rel)
			if err != nil {
				return err
			}
			for _, variant := range test.variants {
				w.wpt(got, string(harness), test, variant)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	judge(t, suite, got, reasons, len(only) == 0)
}

// wptArea is the row of the table that a file counts in.
func wptArea(file string) string {
	dir := path.Dir(file)
	for _, whole := range []string{"encoding", "FileAPI", "dom", "streams"} {
		if strings.HasPrefix(dir, whole+"/") {
			return whole
		}
	}
	return dir
}

// wptTest is one file: its text with the scripts that it asks for.
type wptTest struct {
	path, text string
	variants   []string
}

var meta = regexp.MustCompile(`(?m)^// META: *([a-z]+)=(.*)$`)

func readTest(root, rel string) (*wptTest, error) {
	own, err := os.ReadFile(filepath.Join(root, rel))
	if err != nil {
		return nil, err
	}
	test := &wptTest{path: rel}
	var all strings.Builder
	for _, m := range meta.FindAllStringSubmatch(string(own), -1) {
		value := strings.TrimSpace(m[2])
		switch m[1] {
		case "variant":
			test.variants = append(test.variants, value)
		case "script":
			at := filepath.Join(filepath.Dir(rel), value)
			if strings.HasPrefix(value, "/") {
				at = strings.TrimPrefix(value, "/")
			}
			if at == "resources/WebIDLParser.js" {
				at = "resources/webidl2/lib/webidl2.js"
			}
			text, err := os.ReadFile(filepath.Join(root, at))
			if err != nil {
				return nil, err
			}
			all.Write(text)
			all.WriteString("\n;\n")
		}
	}
	all.Write(own)
	test.text = all.String()
	if test.variants == nil {
		test.variants = []string{""}
	}
	return test, nil
}

//go:embed testdata/wpt.js
var wptRunner string

// wpt runs one variant of a file.
func (w *world) wpt(got results, harness string, test *wptTest, variant string) {
	payload, err := json.Marshal(map[string]string{
		"harness": harness, "test": test.text, "location": origin + filepath.ToSlash(test.path) + variant,
	})
	if err != nil {
		panic(err) // strings
	}
	o, lines, err := w.run(payload, wptRunner)
	name := filepath.ToSlash(test.path) + variant
	for _, line := range lines {
		var r []any
		if json.Unmarshal([]byte(line), &r) != nil || len(r) != 4 || r[0] != "\x01" {
			continue
		}
		subtest, status, message := r[1].(string), r[2].(float64), r[3].(string)
		switch {
		case status == 0:
			message = ""
		case message == "":
			message = "failed"
		}
		if status == 3 { // the harness's word for what the test itself finds untestable here
			continue
		}
		got.add(name, subtest, message)
	}
	if kind, message := problem(o, err); kind != "" {
		got.add(name, "(the file)", kind+": "+message)
	}
}
