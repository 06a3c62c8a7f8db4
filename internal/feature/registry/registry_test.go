package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

var (
	operator = id.Principal{Kind: id.Operator, Account: "operator"}
	alice    = id.Principal{Kind: id.Developer, Account: "alice"}
	bob      = id.Principal{Kind: id.Developer, Account: "bob"}
)

// engine stands in for the sandbox: a bundle exports the handlers that it names.
type engine struct {
	mu       sync.Mutex
	prepared []call.Artifact
}

func (e *engine) Prepare(ctx context.Context, a call.Artifact, handlers []string) (call.Prepared, error) {
	src, err := a.Load(ctx)
	if err != nil {
		return call.Prepared{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prepared = append(e.prepared, a)
	out := call.Prepared{Snapshotted: a.Snapshots, Bytes: len(src.Bundle)}
	for _, h := range handlers {
		if !bytes.Contains(src.Bundle, []byte(h)) {
			out.Missing = append(out.Missing, h)
		}
	}
	if bytes.Contains(src.Bundle, []byte("throws")) {
		return call.Prepared{}, fault.New(fault.Invalid, "MODULE_SCOPE", "the app's code fails while it is loaded")
	}
	return out, nil
}

// platform is all features that a deploy touches, on one database.
type platform struct {
	*registry.Service
	installs *install.Service
	tenancy  *tenancy.Service
	engine   *engine
	db       *db.DB
	site     id.Site
}

func setup(t *testing.T, d *db.DB) *platform {
	t.Helper()
	steps := slices.Concat(audit.Migrations, tenancy.Migrations, registry.Migrations, install.Migrations)
	if err := d.Migrate(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	blobs, err := blob.OpenDir(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(dir, "keyring"), true)
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{db: d, engine: &engine{}}
	log := audit.New(d, nil)
	p.tenancy = tenancy.New(tenancy.Config{DB: d, Audit: log})
	p.Service = registry.New(registry.Config{DB: d, Blobs: blobs, Sealer: ring, Audit: log, Preparer: p.engine, Products: p.tenancy, Reserved: []string{"api.annex.example", "*.annex-apps.example"}})
	p.installs = install.New(install.Config{DB: d, Audit: log, Releases: p.Service, Sites: p.tenancy, Words: p.tenancy})
	p.Installations = p.installs
	if err := p.installs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.installs.Close)
	const product = "key: tracker\naliases: [jira]\napiBaseUrl: https://tracker.example\nscopes:\n" +
		"  read:jira-work: {title: Read issues, access: read}\n  write:jira-work: {title: Change issues, access: change}\n"
	if _, err := p.tenancy.AddProduct(t.Context(), operator, "product.yaml", []byte(product)); err != nil {
		t.Fatal(err)
	}
	site, err := p.tenancy.AddSite(t.Context(), operator, tenancy.NewSite{Name: "acme", Products: []id.Product{"tracker"}, AllowDevelopment: true})
	if err != nil {
		t.Fatal(err)
	}
	p.site = site.ID
	return p
}

const appID = "0190f0c0-0000-7000-8000-000000000001"

// source is an app's manifest with scopes and handlers.
func source(app string, scopes []string, handlers ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "app:\n  id: %q\n  name: Sample\n  runtime: {name: nodejs22.x}\n", app)
	fmt.Fprintf(&b, "permissions:\n  scopes: [%s]\n", `"`+strings.Join(scopes, `","`)+`"`)
	b.WriteString("modules:\n  function:\n")
	for n, h := range handlers {
		fmt.Fprintf(&b, "    - {key: fn%d, handler: %s}\n", n, h)
	}
	b.WriteString("  webtrigger:\n    - {key: hook, function: fn0}\n")
	return []byte(b.String())
}

func ari(app string) string { return "ari:cloud:ecosystem::app/" + app }

func upload(code string, scopes ...string) registry.Upload {
	if scopes == nil {
		scopes = []string{"read:jira-work"}
	}
	return registry.Upload{Environment: "development", Manifest: source(ari(appID), scopes, "index.run"), Bundle: []byte("index.run " + code)}
}

func in(environment string, u registry.Upload) registry.Upload { u.Environment = environment; return u }

func (p *platform) deploy(t *testing.T, by id.Principal, u registry.Upload) registry.Deployment {
	t.Helper()
	d, err := p.Deploy(t.Context(), by, u)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func want(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestDeployNumbersVersions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		first := p.deploy(t, alice, upload("one"))
		if first.App != appID || !first.AppCreated || first.AppName != "Sample" || first.Number != "1.0.0" || first.Kind != registry.First || !first.Created ||
			!first.Prepared.Snapshotted || len(first.Hash) != 64 {
			t.Errorf("%+v", first)
		}
		for _, c := range []struct {
			u                     registry.Upload
			kind, number, version string
		}{
			{upload("one"), registry.Same, "1.0.0", "runs already"},
			{upload("two"), registry.Minor, "1.1.0", "new"},
			{upload("two", "read:jira-work", "write:jira-work"), registry.Major, "2.0.0", "new"},
			{upload("three"), registry.Minor, "2.1.0", "new"}, // shrinks
			{upload("three", "write:jira-work"), registry.Major, "3.0.0", "new"},
			{upload("one"), registry.Same, "1.0.0", "ran before"},
			{upload("four"), registry.Minor, "1.2.0", "new"}, // counted from what runs
			{in("staging", upload("one")), registry.First, "1.0.0", "new"},
		} {
			got := p.deploy(t, alice, c.u)
			if got.Kind != c.kind || got.Number != c.number || got.Created != (c.version == "new") || got.AppCreated {
				t.Errorf("%s: %s %s %v, want %s %s %s", c.u.Bundle, got.Kind, got.Number, got.Created, c.kind, c.number, c.version)
			}
			env, err := p.Environments(t.Context(), alice, appID)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(env, func(e registry.Environment) bool { return e.Name == c.u.Environment })
			if env[at].Version != got.Version || env[at].Number != got.Number {
				t.Errorf("%s runs %+v", c.u.Environment, env[at])
			}
		}
		versions, err := p.Versions(t.Context(), alice, appID, "development")
		if err != nil || len(versions) != 6 {
			t.Errorf("%d versions, %v", len(versions), err)
		}
		for _, v := range versions {
			if v.Current != (v.Number == "1.2.0") {
				t.Errorf("%+v", v)
			}
		}
	})
}

func TestHashKnowsContentOnly(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	base := func() registry.Upload {
		u := upload("one")
		u.Files = map[string][]byte{"static/index.html": []byte("<p>"), "static/a.js": []byte("a")}
		return u
	}
	first := p.deploy(t, alice, base())
	same := base()
	same.Manifest = append([]byte("# a comment\n"), same.Manifest...)
	same.Message, same.SourceMap = "another message", []byte(`{"version":3,"sources":[],"mappings":""}`)
	if got := p.deploy(t, alice, same); got.Hash != first.Hash || got.Version != first.Version {
		t.Errorf("a comment, a message or a source map made another version")
	}
	for name, change := range map[string]func(*registry.Upload){
		"code": func(u *registry.Upload) { u.Bundle = append(u.Bundle, ' ') },
		"manifest": func(u *registry.Upload) {
			u.Manifest = bytes.Replace(u.Manifest, []byte("Sample"), []byte("Simple"), 1)
		},
		"file": func(u *registry.Upload) { u.Files["static/a.js"] = []byte("b") },
		"path": func(u *registry.Upload) {
			u.Files["static/b.js"] = u.Files["static/a.js"]
			delete(u.Files, "static/a.js")
		},
		"less": func(u *registry.Upload) { delete(u.Files, "static/a.js") },
	} {
		u := base()
		change(&u)
		if got := p.deploy(t, alice, u); got.Hash == first.Hash || !got.Created {
			t.Errorf("another %s is the same version", name)
		}
	}
}

func TestHostileUploads(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	p.deploy(t, alice, upload("one"))
	files := func(paths ...string) func(*registry.Upload) {
		return func(u *registry.Upload) {
			u.Files = map[string][]byte{}
			for _, x := range paths {
				u.Files[x] = nil
			}
		}
	}
	many := make([]string, registry.MaxFiles+1)
	for n := range many {
		many[n] = fmt.Sprint("f", n)
	}
	big := make([]byte, registry.MaxFilesBytes/4+1)
	for name, c := range map[string]struct {
		change func(*registry.Upload)
		code   string
	}{
		"no manifest":         {func(u *registry.Upload) { u.Manifest = nil }, "MANIFEST_INVALID"},
		"broken manifest":     {func(u *registry.Upload) { u.Manifest = []byte("app: [") }, "MANIFEST_INVALID"},
		"unknown field":       {func(u *registry.Upload) { u.Manifest = append(u.Manifest, "extra: 1\n"...) }, "MANIFEST_INVALID"},
		"binary manifest":     {func(u *registry.Upload) { u.Manifest = []byte{0xff, 0, 1} }, "MANIFEST_INVALID"},
		"huge manifest":       {func(u *registry.Upload) { u.Manifest = make([]byte, registry.MaxManifest+1) }, "LIMIT_UPLOAD"},
		"huge bundle":         {func(u *registry.Upload) { u.Bundle = make([]byte, registry.MaxBundle+1) }, "LIMIT_UPLOAD"},
		"no bundle":           {func(u *registry.Upload) { u.Bundle = nil }, "BUNDLE_REQUIRED"},
		"bundle not text":     {func(u *registry.Upload) { u.Bundle = []byte("index.run \xff") }, "BUNDLE_TEXT"},
		"bundle throws":       {func(u *registry.Upload) { u.Bundle = []byte("index.run throws") }, "MODULE_SCOPE"},
		"handler missing":     {func(u *registry.Upload) { u.Bundle = []byte("index.other") }, "HANDLER_MISSING"},
		"source map not JSON": {func(u *registry.Upload) { u.SourceMap = []byte("{") }, "SOURCE_MAP"},
		"message with NUL":    {func(u *registry.Upload) { u.Message = "a\x00b" }, "DEPLOY_MESSAGE"},
		"no environment":      {func(u *registry.Upload) { u.Environment = "" }, "ENVIRONMENT_UNKNOWN"},
		"unknown environment": {func(u *registry.Upload) { u.Environment = "qa" }, "ENVIRONMENT_UNKNOWN"},
		"native process": {func(u *registry.Upload) {
			u.Manifest = bytes.Replace(u.Manifest, []byte("name: nodejs22.x"), []byte("name: nodejs22.x, isolation: process"), 1)
		}, "ISOLATION_PROCESS_OFF"},
		"the platform's own host": {func(u *registry.Upload) {
			u.Manifest = bytes.Replace(u.Manifest, []byte("modules:\n"), []byte("  external: {images: ['https://x.annex-apps.example']}\nmodules:\n"), 1)
		}, "PLATFORM_HOST"},
		"a wildcard over the platform's hosts": {func(u *registry.Upload) {
			u.Manifest = bytes.Replace(u.Manifest, []byte("modules:\n"), []byte("  external: {fetch: {client: ['*.annex.example']}}\nmodules:\n"), 1)
		}, "PLATFORM_HOST"},
		"app id is none":       {func(u *registry.Upload) { u.App = "../x" }, "APP_ID"},
		"too many files":       {files(many...), "LIMIT_UPLOAD"},
		"too many bytes":       {func(u *registry.Upload) { u.Files = map[string][]byte{"a": big, "b": big, "c": big, "d": big} }, "LIMIT_UPLOAD"},
		"path up":              {files("../x"), "FILE_PATH"},
		"path up inside":       {files("a/../../x"), "FILE_PATH"},
		"absolute path":        {files("/etc/passwd"), "FILE_PATH"},
		"drive":                {files("C:x"), "FILE_PATH"},
		"backslash":            {files(`..\x`), "FILE_PATH"},
		"NUL in path":          {files("a\x00b"), "FILE_PATH"},
		"newline in path":      {files("a\nb"), "FILE_PATH"},
		"path not UTF-8":       {files("a\xff"), "FILE_PATH"},
		"empty path":           {files(""), "FILE_PATH"},
		"dot":                  {files("./a"), "FILE_PATH"},
		"double slash":         {files("a//b"), "FILE_PATH"},
		"trailing slash":       {files("a/"), "FILE_PATH"},
		"long path":            {files(strings.Repeat("x", 1000)), "FILE_PATH"},
		"deep path":            {files(strings.Repeat("x/", 100) + "x"), "FILE_PATH"},
		"letter case twice":    {files("a/B", "A/b"), "FILE_PATH"},
		"file and folder":      {files("a", "a/b"), "FILE_PATH"},
		"file and folder, too": {files("A", "a/b"), "FILE_PATH"},
	} {
		u := upload("two")
		c.change(&u)
		_, err := p.Deploy(t.Context(), alice, u)
		if err == nil || fault.CodeOf(err) != c.code || fault.KindOf(err) == fault.Internal {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	versions, err := p.Versions(t.Context(), alice, appID, "development")
	if err != nil || len(versions) != 1 {
		t.Errorf("after refused uploads there are %d versions, %v", len(versions), err)
	}
	ok := upload("two")
	ok.Files = map[string][]byte{"static/sub/ä b.html": []byte("x"), "static/.well-known/y": nil, "a..b": nil}
	if _, err := p.Deploy(t.Context(), alice, ok); err != nil {
		t.Errorf("good paths: %v", err)
	}
}

func TestFindingsSayWhere(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	u := upload("")
	u.Manifest = source(ari(appID), []string{"read:jira-work"}, "index.run", "folder/file.gone")
	_, err := p.Deploy(t.Context(), alice, u)
	want(t, err, "HANDLER_MISSING")
	var f *registry.Findings
	if !errors.As(err, &f) || len(f.Diagnostics()) != 1 {
		t.Fatalf("%v", err)
	}
	if d := f.Diagnostics()[0]; d.Line != 10 || d.Column < 20 || d.Rule != "handler-missing" || !strings.Contains(d.Message, "folder/file.gone") {
		t.Errorf("%+v", d)
	}
	u.Manifest = append(u.Manifest, "unknown: 1\nother: 2\n"...)
	if _, err = p.Deploy(t.Context(), alice, u); !errors.As(err, &f) || len(f.Diagnostics()) < 2 {
		t.Errorf("%v", err)
	}
	if apps, err := p.Apps(t.Context(), alice); err != nil || len(apps) != 0 {
		t.Errorf("a refused first deploy registered %v, %v", apps, err)
	}
}

// stored says which entities environments' installations stored.
type stored map[string]bool

func (s stored) Stored(_ context.Context, _ id.Env, entity string) (bool, error) {
	return s[entity], nil
}

// What installations stored stays declared as it was: a version that drops it is refused
// where something of it is there, and there only; the way back is not.
func TestEntitiesThatHaveRowsStay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		rows := stored{}
		p.Entities = rows
		const task = "{name: task, attributes: {state: {type: string}, at: {type: integer}}, indexes: [state, {name: by-at, partition: [state], range: [at]}]}"
		const build = "{name: build, attributes: {state: {type: string}}}"
		with := func(environment string, entities ...string) registry.Upload {
			u := in(environment, upload("1"))
			u.Manifest = bytes.Replace(u.Manifest, []byte("permissions:"), []byte("  storage: {entities: ["+strings.Join(entities, ", ")+"]}\npermissions:"), 1)
			return u
		}
		refused := func(u registry.Upload) {
			t.Helper()
			_, err := p.Deploy(t.Context(), bob, u)
			want(t, err, "ENTITY_HAS_ROWS")
		}
		p.deploy(t, bob, with("development", task, build))
		rows["task"] = true
		noIndex := strings.Replace(task, "indexes: [state, ", "indexes: [", 1)
		otherIndex := strings.Replace(task, "range: [at]", "range: [state]", 1)
		otherType := strings.Replace(task, "integer", "float", 1)
		noAttribute := strings.Replace(noIndex, "state: {type: string}, ", "", 1)
		noAttribute = strings.Replace(noAttribute, "[{name: by-at, partition: [state], range: [at]}]", "[at]", 1)
		for _, u := range []registry.Upload{with("development", build), with("development", otherType, build), with("development", noAttribute, build), in("development", upload("1"))} {
			refused(u)
		}
		p.deploy(t, bob, with("development", noIndex)) // build has no rows, and development may lose indexes
		p.deploy(t, bob, with("development", task, build))

		if _, err := p.Promote(t.Context(), bob, appID, "development", "staging", true); err != nil {
			t.Fatal(err)
		}
		refused(with("staging", noIndex, build))
		refused(with("staging", otherIndex, build))
		p.deploy(t, bob, with("development", task))
		rows["build"] = true
		_, err := p.Promote(t.Context(), bob, appID, "development", "staging", true)
		want(t, err, "ENTITY_HAS_ROWS")
		rows["build"] = false
		if _, err := p.Promote(t.Context(), bob, appID, "development", "staging", true); err != nil {
			t.Fatal(err)
		}
		back, err := p.Versions(t.Context(), bob, appID, "staging")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Rollback(t.Context(), bob, appID, "staging", back[len(back)-1].Number, true); err != nil {
			t.Error(err)
		}
	})
}
