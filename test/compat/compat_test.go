package compat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// The test binary is the worker too: a deployment starts it again.
func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write the table in docs/compat.md anew")

// job is one file of src.
type job struct {
	file, name, does string
	verdict, why     string // works, partly or no
	version          string
	cannot           bool // the file also says, by a function of that name, what fails
}

var head = regexp.MustCompile(`^// (\S+): (.+)$`)

func jobs(t *testing.T) []job {
	t.Helper()
	files, err := filepath.Glob("src/*.js")
	if err != nil || len(files) == 0 {
		t.Fatal("no jobs", err)
	}
	var all []job
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		j := job{cannot: bytes.Contains(text, []byte("export async function cannot(")), file: strings.TrimSuffix(filepath.Base(f), ".js"), verdict: "works"}
		for i, line := range strings.Split(string(text), "\n") {
			m := head.FindStringSubmatch(line)
			switch {
			case m == nil && i == 0:
				t.Fatalf("%s does not begin with its package and job", f)
			case m == nil:
			case i == 0:
				j.name, j.does = m[1], m[2]
			case m[1] == "partly" || m[1] == "no":
				j.verdict, j.why = m[1], m[2]
			}
		}
		j.version = version(t, j.name)
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b job) int { return cmp.Compare(strings.TrimLeft(a.name, "@"), strings.TrimLeft(b.name, "@")) })
	return all
}

func version(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("node_modules", filepath.FromSlash(name), "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("run make compat, which installs the packages")
	}
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Version string }
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p.Version
}

// few are tried where `make compat` does not ask for all.
var few = []string{"axios", "jsonwebtoken", "uuid", "zod"}

// TestPackages tries each package, and holds docs/compat.md to what it found.
func TestPackages(t *testing.T) {
	all := jobs(t)
	p := newPlatform(t)
	whole := os.Getenv("ANNEX_COMPAT") != ""
	for _, j := range all {
		if !whole && !slices.Contains(few, j.name) {
			continue
		}
		t.Run(j.file, func(t *testing.T) {
			err := p.try(t, j, "run")
			switch {
			case j.verdict == "no" && err == nil:
				t.Error("it works: say so")
			case j.verdict != "no" && err != nil:
				t.Error(err)
			}
			if j.cannot && p.try(t, j, "cannot") == nil {
				t.Error("what it cannot works: say so")
			}
		})
	}
	if whole && !t.Failed() {
		page(t, all)
	}
}

const (
	begin = "<!-- packages: made by make compat -->\n"
	end   = "<!-- packages end -->\n"
)

// page holds the table in docs/compat.md to what was found.
func page(t *testing.T, all []job) {
	var b strings.Builder
	b.WriteString("| package | version | job | |\n|---|---|---|---|\n")
	for _, j := range all {
		verdict := j.verdict
		if j.why != "" {
			verdict += ": " + j.why
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", j.name, j.version, j.does, verdict)
	}
	const file = "../../docs/compat.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks", file)
	}
	want := before + begin + b.String() + end + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Errorf("%s is stale: run make compat COMPAT_FLAGS=-update", file)
		return
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// platform is a whole deployment, in a fake internet.
type platform struct {
	*testenv.Env
	app       string
	installed bool
	table     *bundle.Table
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	world := netguardtest.New(t)
	hosts(t, world)
	network := world.Network()
	e, err := testenv.Start(t.Context(), testenv.Setup{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Workers: 1, Network: &network, ChildCommand: annex.ChildCommand, Version: "compat", NoProduct: true,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	sdk, err := assets.SDKTable()
	if err != nil {
		t.Fatal(err)
	}
	return &platform{Env: e, table: &bundle.Table{Modules: sdk.Modules, Aliases: sdk.Aliases, TypesOnly: sdk.TypesOnly, NotOffered: sdk.NotOffered}}
}

// try bundles, deploys and calls a job. Its error is what an app's author would read.
func (p *platform) try(t *testing.T, j job, function string) error {
	t.Helper()
	handler := j.file + "." + function
	res, diags, err := bundle.Build(t.Context(), bundle.Options{Dir: ".", Handlers: []string{handler}, Table: p.table})
	if err != nil {
		t.Fatal(err)
	}
	if bundle.HasErrors(diags) {
		return fmt.Errorf("bundle: %v", diags)
	}
	if err := p.deploy(t.Context(), manifest(p.app, handler), res); err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	_, err = p.api(t.Context(), "/api/v1/invocations", p.Access.DeveloperToken, p.target("function", "run", "payload", nil))
	return err
}

func manifest(app, handler string) string {
	if app != "" {
		app = "ari:cloud:ecosystem::app/" + app
	}
	return fmt.Sprintf(`app:
  id: %q
  name: Compat
  runtime:
    name: nodejs22.x
permissions:
  scopes: [storage:app]
  external:
    fetch:
      backend:
        - "https://*.example.com"
        - "https://api.github.com"
        - "https://*.amazonaws.com"
        - "https://api.openai.com"
        - "https://api.anthropic.com"
        - "https://api.sendgrid.com"
modules:
  function:
    - key: run
      handler: %s
`, app, handler)
}

func (p *platform) target(more ...any) map[string]any {
	m := map[string]any{"app": p.app, "environment": "development", "site": p.Access.Site, "product": p.Access.Product}
	for i := 0; i < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// deploy uploads a version; the first is installed, later ones take its place.
func (p *platform) deploy(ctx context.Context, manifest string, b *bundle.Result) error {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	meta, err := json.Marshal(map[string]string{"app": p.app, "environment": "development"})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		data []byte
	}{{"meta", meta}, {"manifest", []byte(manifest)}, {"bundle", b.Code}, {"sourceMap", b.SourceMap}} {
		if err := w.WriteField(part.name, string(part.data)); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	answer, err := p.send(ctx, "/api/v1/deployments", p.Access.DeveloperToken, w.FormDataContentType(), body.Bytes())
	if err != nil {
		return err
	}
	var made struct{ App string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return err
	}
	p.app = made.App
	if p.installed {
		return nil
	}
	shown, err := p.api(ctx, "/api/v1/installations/preview", p.Access.AdminToken, p.target())
	if err != nil {
		return err
	}
	var preview struct{ Digest string }
	if err := json.Unmarshal(shown, &preview); err != nil {
		return err
	}
	_, err = p.api(ctx, "/api/v1/installations", p.Access.AdminToken, p.target("digest", preview.Digest, "confirmDevelopment", true))
	p.installed = err == nil
	return err
}

func (p *platform) api(ctx context.Context, path, token string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return p.send(ctx, path, token, "application/json", raw)
}

func (p *platform) send(ctx context.Context, path, token, contentType string, body []byte) ([]byte, error) {
	host := p.System.Listener.Addr().String()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode < 200 || res.StatusCode > 299) {
		err = fmt.Errorf("%d %s", res.StatusCode, text)
	}
	return text, err
}
