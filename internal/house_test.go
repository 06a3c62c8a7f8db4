package internal_test

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/annexhq/annex"

// pkg is what `go list -json` says of a package, as far as the rules need it.
type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func (p pkg) rel() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,Deps,GoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// floor orders the house: a package may import only its own floor and those below.
func floor(rel string) (int, string) {
	switch {
	case strings.HasPrefix(rel, "internal/core/"):
		return 0, "core"
	case strings.HasPrefix(rel, "internal/infra/"), rel == "internal/assets":
		return 1, "infra"
	case strings.HasPrefix(rel, "internal/feature/"):
		return 2, "feature"
	case strings.HasPrefix(rel, "internal/edge/"), rel == "":
		return 3, "edge"
	}
	return -1, ""
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range packages(t) {
		from, name := floor(p.rel())
		if from < 0 {
			continue
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			rel := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
			if to, toName := floor(rel); to > from {
				t.Errorf("%s (%s) imports %s (%s): imports go down: edge → feature → infra → core", p.rel(), name, rel, toName)
			}
		}
	}
}

// A feature is one promise; it must be readable and replaceable alone. What it needs
// of another one it declares as an interface, and edge/server passes it in.
func TestFeaturesDoNotImportEachOther(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.rel(), "internal/feature/") {
			continue
		}
		own := feature(p.rel())
		for _, imp := range p.Imports {
			rel := strings.TrimPrefix(imp, module+"/")
			if strings.HasPrefix(rel, "internal/feature/") && feature(rel) != own {
				t.Errorf("%s imports %s: declare the small interface you need", p.rel(), rel)
			}
		}
	}
}

func feature(rel string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(rel, "internal/feature/"), "/")
	return name
}

// testSupport reports whether a package is for tests only, by the name that such
// packages have in Go.
func testSupport(rel string) bool {
	return strings.HasSuffix(rel, "test") || strings.HasPrefix(rel, "test/")
}

// only says who alone may import a package, and why. A "$" leaves its subpackages free.
var only = []struct {
	what    string
	allowed []string
	why     string
}{
	{module + "/internal/infra/jsvm$", []string{"internal/edge/worker", "internal/infra/jsvm"},
		"running Wasm blocks every stop-the-world of its process: only the worker process may link it into its work"},
	{"github.com/tetratelabs/wazero", []string{"internal/infra/jsvm"}, "one package owns the engine"},
	{"database/sql", []string{"internal/infra/db"}, "only db opens databases; features pass SQL text to it"},
	{"modernc.org/sqlite", []string{"internal/infra/db"}, "only db opens databases"},
	{"github.com/jackc/pgx/v5", []string{"internal/infra/db"}, "only db opens databases"},
	{"crypto/aes", []string{"internal/infra/seal", "internal/infra/jsvm/crypt"},
		"only seal holds the keys of data at rest; what apps encipher, with keys of their own, is jsvm/crypt's"},
	{"github.com/getkin/kin-openapi/openapi3", []string{"internal/infra/openapi"}, "OpenAPI has one reader"},
	{"github.com/go-jose/go-jose/v4", []string{"internal/infra/signer", "internal/infra/keyset", "productkit", "remotekit"},
		"what is signed and verified has one reader on each side: the server's, and the kits' with the key sets that they share"},
	{"github.com/prometheus/client_golang", []string{"internal/infra/metrics"}, "labels are bounded in one place"},
	{"go.opentelemetry.io/otel", []string{"internal/infra/tracing"}, "what may be known of a call outside is decided in one place"},
	{"github.com/modelcontextprotocol/go-sdk", []string{"internal/edge/mcp"}, "the protocol has one door"},
	{"github.com/coder/websocket", []string{"internal/infra/hostcall/weblink", "internal/infra/pagelink"}, "the carrier has one door to programs, and one to pages"},
	{"github.com/evanw/esbuild/pkg/api", []string{"internal/infra/bundle", "internal/assets/build"}, "bundling has one room"},
}

func TestOnlyTheOwnerImports(t *testing.T) {
	for _, p := range packages(t) {
		if testSupport(p.rel()) {
			continue
		}
		for _, rule := range only {
			what, exact := strings.CutSuffix(rule.what, "$")
			if slices.ContainsFunc(rule.allowed, func(a string) bool { return p.rel() == a || strings.HasPrefix(p.rel(), a+"/") }) {
				continue
			}
			for _, imp := range p.Imports {
				if imp == what || !exact && strings.HasPrefix(imp, what+"/") {
					t.Errorf("%s imports %s: %s", p.rel(), imp, rule.why)
				}
			}
		}
	}
}

// The rules are pure so that they can be property-tested and read as rules.
func TestCoreDoesNoIO(t *testing.T) {
	forbidden := []string{"os", "net", "net/http", "database/sql", "os/exec", "syscall", "log/slog", "crypto/rand"}
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.rel(), "internal/core/") {
			continue
		}
		for _, f := range forbidden {
			if slices.Contains(p.Imports, f) {
				t.Errorf("%s imports %s: core is rules, without I/O, clock or randomness", p.rel(), f)
			}
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module) && !strings.HasPrefix(imp, module+"/internal/core/") {
				t.Errorf("%s imports %s: core imports core only", p.rel(), imp)
			}
		}
	}
}

// The public leaves must stay usable without the server behind them: what back ends compile
// in is small, and is reviewed with the kit. Both kits fetch keys, which core may not; what
// they share for it is a leaf itself.
func TestPublicLeavesImportCoreOnly(t *testing.T) {
	const keyset = "internal/infra/keyset"
	for _, p := range packages(t) {
		if !slices.Contains([]string{"manifest", "productkit", "remotekit", keyset}, p.rel()) {
			continue
		}
		for _, imp := range p.Imports {
			if imp == module+"/"+keyset && p.rel() != "manifest" {
				continue
			}
			if strings.HasPrefix(imp, module) && !strings.HasPrefix(imp, module+"/internal/core/") {
				t.Errorf("%s imports %s: a public leaf imports core only, and a kit keyset", p.rel(), imp)
			}
		}
	}
}

// dialers are the calls that open a connection outside. netguard dials for the
// server; the CLI, the load generator and tests are other programs.
var dialers = []string{"net.Dial", "net.DialTimeout", "net.Dialer{", "http.DefaultClient", "http.Get(", "http.Post(", "http.DefaultTransport", "tls.Dial"}

func TestOnlyNetguardDials(t *testing.T) {
	for _, p := range packages(t) {
		rel := p.rel()
		if !strings.HasPrefix(rel, "internal/") && rel != "" || rel == "internal/infra/netguard" ||
			strings.HasPrefix(rel, "internal/edge/cli") || strings.HasPrefix(rel, "internal/edge/testenv") || testSupport(rel) {
			continue
		}
		for _, f := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range dialers {
				if bytes.Contains(src, []byte(d)) {
					t.Errorf("%s/%s uses %s: in the server only netguard dials", rel, f, d)
				}
			}
		}
	}
}

// What an operator runs must not be able to turn public names into loopback addresses.
func TestServeHasNoTestNetwork(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(src, []byte("netguard.WithTestNetwork")) && p.rel() != "internal/edge/testenv" && !testSupport(p.rel()) {
				t.Errorf("%s/%s names netguard.WithTestNetwork: only testenv may", p.rel(), f)
			}
		}
	}
}

func TestEveryPackageSaysItsPromise(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package doc comment", p.ImportPath)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	const most = 600
	_ = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "dist") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := bytes.Count(src, []byte("\n")); n > most {
			t.Errorf("%s has %d lines: does it still hold one thing?", path, n)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly); err != nil {
			t.Error(err)
		}
		return nil
	})
}
