package hosting

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// world is a hosting service in front of apps that a test writes down.
type world struct {
	*Service
	t        *testing.T
	policies map[id.Install]*call.Policy
	stale    bool
	served   map[id.Version]*Version
	blobs    blob.Store
	told     []Blocked
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, policies: map[id.Install]*call.Policy{}, served: map[id.Version]*Version{}}
	if w.blobs, err = blob.OpenDir(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.Service, err = New(t.Context(), Config{Scheme: "https", Base: "apps.test", UIURL: "https://ui.annex.test", DB: d, Sealer: ring, Blobs: w.blobs,
		Policies: w, Versions: w, Pages: w, Developer: w, Bridge: []byte("bridge()")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := New(t.Context(), w.cfg)
	if err != nil || again.Origin("01939f00-0000-7000-8000-000000000001") != w.Origin("01939f00-0000-7000-8000-000000000001") {
		t.Fatalf("another server has other origins: %v", err)
	}
	return w
}

func (w *world) Policy(_ context.Context, i id.Install) (*call.Policy, error) {
	if w.stale {
		return nil, fault.New(fault.Unavailable, "POLICY_STALE", "stale")
	}
	if p, ok := w.policies[i]; ok {
		return p, nil
	}
	return nil, fault.New(fault.Denied, "NOT_INSTALLED", "no")
}
func (w *world) Served(_ context.Context, v id.Version) (*Version, error) { return w.served[v], nil }
func (w *world) PageOrigins(context.Context, id.Product) ([]string, error) {
	return []string{"https://tracker.test"}, nil
}
func (w *world) Blocked(_ context.Context, _ *call.Policy, b Blocked) { w.told = append(w.told, b) }

// install makes an installation of an app of one front end.
func (w *world) install(hash string, set perm.Set, files map[string]string) id.Install {
	w.t.Helper()
	r := Resource{Files: map[string]blob.Hash{}, Entries: map[string]string{"other": "other.html"}}
	for name, text := range files {
		h, err := w.blobs.Put(w.t.Context(), []byte(text))
		if err != nil {
			w.t.Fatal(err)
		}
		r.Files[name] = h
	}
	i, v := id.Install(uuid.Must(uuid.NewV7()).String()), id.Version("v-"+hash)
	scope, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: i, Site: "s"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.served[v] = &Version{Hash: hash, Resources: map[string]Resource{"main": r}}
	w.policies[i] = &call.Policy{Install: i, Site: "s", Version: v, Set: set, Product: "tracker", Scope: scope, EnvType: call.Development}
	return i
}

func (w *world) do(method, url string, header ...string) *http.Response {
	w.t.Helper()
	return w.send(httptest.NewRequest(method, url, nil), header...)
}

func (w *world) send(r *http.Request, header ...string) *http.Response {
	w.t.Helper()
	for n := 0; n+1 < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	var body io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "br":
		body = brotli.NewReader(r.Body)
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	out, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const page = "<!doctype html><html><head><script>inline()</script><script src=./app.js></script></head><body></body></html>"

func grant(t *testing.T, typ perm.EgressType, host string) perm.Set {
	t.Helper()
	p, err := hostrule.ParsePattern(host, perm.UseOf(typ))
	if err != nil {
		t.Fatal(err)
	}
	return perm.Set{Egress: []perm.Egress{{Type: typ, Pattern: p}}}
}

func TestServesWhatWasDeployed(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	script := strings.Repeat("work();\n", 500)
	i := w.install("abc", grant(t, perm.Client, "api.alice.example"), map[string]string{"index.html": page, "app.js": script, "static/über.png": "\x89PNG", "other.html": "<p>other"})
	p := w.policies[i]
	url, err := w.Document(t.Context(), p, "main")
	if err != nil || url != w.Origin(i)+"/abc/main/index.html" || len(w.Origin(i)) != len("https://.apps.test")+32 {
		t.Fatalf("%s, %v", url, err)
	}
	if other, err := w.Document(t.Context(), p, "main/other"); err != nil || !strings.HasSuffix(other, "/abc/main/other.html") {
		t.Errorf("%s, %v", other, err)
	}
	for _, none := range []string{"", "other", "main/none", "main/../main", "../main"} {
		if got, err := w.Document(t.Context(), p, none); fault.CodeOf(err) != "NO_RESOURCE" {
			t.Errorf("%q is %s, %v", none, got, err)
		}
	}

	r := w.do("GET", url)
	body := text(t, r)
	tag := string(w.bridge.tag)
	if r.StatusCode != 200 || body != strings.Replace(page, "<head>", "<head>"+tag, 1) || !strings.HasPrefix(tag, `<script src="/_annex/bridge.js?v=`) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	h := r.Header
	policy := h.Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self' 'sha256-") || !strings.Contains(policy, "connect-src 'self' https://api.alice.example;") ||
		!strings.Contains(policy, "frame-ancestors https://ui.annex.test https://tracker.test;") {
		t.Error(policy)
	}
	if h.Get("Cache-Control") != "no-store" || h.Get("ETag") != "" || h.Get("Connection-Allowlist") != `(response-origin "https://api.alice.example");report-to=csp` {
		t.Errorf("%v", h)
	}
	if r := w.do("GET", strings.TrimSuffix(url, "index.html")); text(t, r) != body {
		t.Error("the folder is not its index")
	}

	asset := strings.Replace(url, "index.html", "app.js", 1)
	for accept, encoding := range map[string]string{"": "", "gzip": "gzip", "gzip, br": "br", "br;q=0, gzip;q=0.5": "gzip", "identity": ""} {
		r := w.do("GET", asset, "Accept-Encoding", accept)
		if r.Header.Get("Content-Encoding") != encoding || text(t, r) != script || r.Header.Get("Content-Type") != "text/javascript; charset=utf-8" ||
			r.Header.Get("Cache-Control") != "no-cache" || r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("accepting %q: %v", accept, r.Header)
		}
		again := w.do("GET", asset, "Accept-Encoding", accept, "If-None-Match", r.Header.Get("ETag"))
		if again.StatusCode != 304 || text(t, again) != "" || !strings.Contains(again.Header.Get("Content-Security-Policy"), "connect-src 'self' https://api.alice.example;") {
			t.Errorf("again, accepting %q: %d %v", accept, again.StatusCode, again.Header)
		}
	}
	part := w.do("GET", asset, "Range", "bytes=8-14", "Accept-Encoding", "br")
	if part.StatusCode != 206 || text(t, part) != "work();" || part.Header.Get("Content-Range") == "" {
		t.Errorf("a range: %d %v", part.StatusCode, part.Header)
	}
	if r := w.do("HEAD", url); r.StatusCode != 200 || text(t, r) != "" || r.ContentLength == 0 {
		t.Errorf("HEAD: %d", r.StatusCode)
	}
	if r := w.do("GET", strings.Replace(url, "index.html", "static/%C3%BCber.png", 1)); r.StatusCode != 200 || r.Header.Get("Content-Type") != "image/png" || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("an image: %d %v", r.StatusCode, r.Header)
	}
	if r := w.do("GET", w.Origin(i)+"/_annex/bridge.js?v="+w.bridge.hash); text(t, r) != "bridge()" || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the bridge: %v", r.Header)
	}
	if r := w.do("GET", w.Origin(i)+"/_annex/bridge.js?v=old"); r.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("another bridge: %v", r.Header)
	}
}

// Whatever the answer is, it carries the whole set of headers and no cookie.
func TestEveryAnswerIsBounded(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	i := w.install("abc", perm.Set{}, map[string]string{"index.html": page, "app.js": "x"})
	origin := w.Origin(i)
	gone := w.Origin(id.Install(uuid.Must(uuid.NewV7()).String()))
	for name, c := range map[string]struct {
		method, url string
		header      []string
		status      int
	}{
		"a document":         {"GET", origin + "/abc/main/index.html", nil, 200},
		"a file":             {"GET", origin + "/abc/main/app.js", nil, 200},
		"not there":          {"GET", origin + "/abc/main/none.js", nil, 404},
		"another version":    {"GET", origin + "/abd/main/index.html", nil, 404},
		"the root":           {"GET", origin + "/", nil, 404},
		"above":              {"GET", origin + "/abc/main/../main/app.js", nil, 404},
		"escaped above":      {"GET", origin + "/abc/main/%2e%2e/main/app.js", nil, 404},
		"escaped slash":      {"GET", origin + "/abc/main%2fapp.js", nil, 200}, // the same name, and no other
		"a service worker":   {"GET", origin + "/abc/main/app.js", []string{"Service-Worker", "script"}, 403},
		"its registration":   {"GET", origin + "/abc/main/app.js", []string{"Sec-Fetch-Dest", "serviceworker"}, 403},
		"a form":             {"POST", origin + "/abc/main/index.html", nil, 405},
		"a preflight":        {"OPTIONS", origin + "/abc/main/index.html", nil, 405},
		"an unknown label":   {"GET", "https://0123456789abcdef0123456789abcdef.apps.test/abc/main/index.html", nil, 404},
		"no label":           {"GET", "https://hooks.apps.test/", nil, 404},
		"an ended one":       {"GET", gone + "/abc/main/index.html", nil, 404},
		"a cookie":           {"GET", origin + "/abc/main/index.html", []string{"Cookie", "a=b"}, 200},
		"an upper-case name": {"GET", origin + "/ABC/main/index.html", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.do(c.method, c.url, c.header...)
			if r.StatusCode != c.status {
				t.Errorf("status %d, not %d", r.StatusCode, c.status)
			}
			bounded(t, r)
			ended := strings.Contains(name, "ended") || strings.Contains(name, "label")
			if got := r.Header.Get("Clear-Site-Data"); (got != "") != ended {
				t.Errorf("Clear-Site-Data: %q", got)
			}
		})
	}
	w.stale = true
	r := w.do("GET", origin+"/abc/main/index.html")
	if r.StatusCode != 503 || r.Header.Get("Content-Security-Policy") != closed || r.Header.Get("Clear-Site-Data") != "" {
		t.Errorf("stale: %d %v", r.StatusCode, r.Header)
	}
}

func bounded(t *testing.T, r *http.Response) {
	t.Helper()
	h := r.Header
	policy := h.Values("Content-Security-Policy")
	if len(policy) != 1 || !strings.HasPrefix(policy[0], "default-src 'none'; ") || !strings.Contains(policy[0], "sandbox ") || !strings.Contains(policy[0], "object-src 'none'") {
		t.Errorf("policy %q", policy)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Origin-Agent-Cluster": "?1",
		"X-Dns-Prefetch-Control": "off", "Cross-Origin-Resource-Policy": "cross-origin", "Reporting-Endpoints": `csp="/_annex/reports"`,
		"Set-Cookie": "", "Access-Control-Allow-Origin": "", "Service-Worker-Allowed": ""} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	if !strings.HasPrefix(h.Get("Connection-Allowlist"), "(response-origin") || !strings.Contains(h.Get("Permissions-Policy"), "camera=()") || !strings.HasPrefix(h.Get("Strict-Transport-Security"), "max-age") {
		t.Errorf("%v", h)
	}
	if r.StatusCode >= 400 && h.Get("Cache-Control") != "no-store" {
		t.Errorf("an error is kept: %q", h.Get("Cache-Control"))
	}
}

// The grant of this moment is what counts, also for what a browser has already.
func TestThePolicyIsOfTheMoment(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	i := w.install("abc", grant(t, perm.Client, "api.alice.example"), map[string]string{"index.html": page, "app.js": "x"})
	r := w.do("GET", w.Origin(i)+"/abc/main/app.js")
	narrower := *w.policies[i]
	narrower.Set, narrower.Epoch = perm.Set{}, narrower.Epoch+1
	w.policies[i] = &narrower
	again := w.do("GET", w.Origin(i)+"/abc/main/app.js", "If-None-Match", r.Header.Get("ETag"))
	if again.StatusCode != 304 || strings.Contains(again.Header.Get("Content-Security-Policy"), "alice") || strings.Contains(again.Header.Get("Connection-Allowlist"), "alice") {
		t.Errorf("%d %v", again.StatusCode, again.Header)
	}
	bounded(t, again)
	if was, is := r.Header.Get("Annex-Policy-Epoch"), again.Header.Get("Annex-Policy-Epoch"); is != strconv.FormatUint(narrower.Epoch, 10) || is == was {
		t.Errorf("the answers say that they are of the epochs %q and %q", was, is)
	}
	if doc := w.do("GET", w.Origin(i)+"/abc/main/index.html"); strings.Contains(doc.Header.Get("Content-Security-Policy"), "alice") {
		t.Error("a document under the old policy")
	}
}

func TestOneInstallationsLabelServesNothingOfAnother(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	a := w.install("aaa", perm.Set{}, map[string]string{"index.html": "of a", "a.js": "a"})
	b := w.install("bbb", perm.Set{}, map[string]string{"index.html": "of b"})
	for _, path := range []string{"/aaa/main/index.html", "/aaa/main/a.js", "/bbb/main/a.js"} {
		if r := w.do("GET", w.Origin(b)+path); r.StatusCode != 404 {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if w.Origin(a) == w.Origin(b) {
		t.Error("one origin for two")
	}
	for label := range map[string]bool{string(a): true, strings.ReplaceAll(string(a), "-", ""): true, strings.ToUpper(w.Origin(a)[8:40]): false} {
		if _, ok := w.labels.whose(label); ok {
			t.Errorf("%s names an installation", label)
		}
	}
}

func TestReports(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		i := w.install("abc", perm.Set{}, map[string]string{"index.html": page})
		report := func(media, body string) *http.Response {
			r := httptest.NewRequest("POST", w.Origin(i)+csp.ReportPath, bytes.NewReader([]byte(body)))
			return w.send(r, "Content-Type", media)
		}
		const modern = `[{"type":"csp-violation","body":{"blockedURL":"https://Evil.example:8443/secret?q=<b>","effectiveDirective":"img-src","sample":"secret","documentURL":"https://x/secret"}},
			{"type":"csp-violation","body":{"blockedURL":"data","effectiveDirective":"script-src-elem"}},
			{"type":"csp-violation","body":{"blockedURL":"https://evil.example/a","effectiveDirective":"<script>"}},
			{"type":"csp-violation","body":{"blockedURL":"https://<b>.example/a","effectiveDirective":"img-src"}},
			{"type":"deprecation","body":{}}]`
		for _, body := range []string{modern, `[`, `{}`, `[1]`, strings.Repeat("x", maxReport+1)} {
			if r := report("application/reports+json", body); r.StatusCode != 204 {
				t.Errorf("%d", r.StatusCode)
			}
		}
		report("application/csp-report", `{"csp-report":{"blocked-uri":"inline","violated-directive":"script-src-elem x"}}`)
		report("text/plain", modern)
		got, err := w.Reports(t.Context(), w.policies[i].Scope)
		if err != nil || len(got) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, b := range got {
			if b.Directive == "img-src" && (b.Origin != "https://evil.example:8443" || b.Type != perm.Images || b.Times != 1) || b.Directive != "img-src" && b.Origin != "inline" {
				t.Errorf("%+v", b)
			}
		}
		if len(w.told) != 2 {
			t.Errorf("the developer was told %+v", w.told)
		}
		// In production the developer is told nothing, and a flood ends somewhere.
		w.policies[i].EnvType = call.Production
		for range 2 * perMinute {
			report("application/reports+json", modern)
		}
		if len(w.told) != 2 {
			t.Error("the developer was told of production")
		}
		got, err = w.Reports(t.Context(), w.policies[i].Scope)
		if err != nil || len(got) != 2 || got[0].Times+got[1].Times > perMinute {
			t.Errorf("%+v, %v", got, err)
		}
		if err := w.DeleteAll(t.Context(), w.policies[i].Scope); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Reports(t.Context(), w.policies[i].Scope); err != nil || len(got) != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := w.Reports(t.Context(), tenant.Scope{}); err == nil {
			t.Error("reports of nobody")
		}
	})
}
