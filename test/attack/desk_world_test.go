package attack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// desk is a product that answers as a test says, and keeps what it was sent.
type desk struct {
	*platform
	mu     sync.Mutex
	answer http.HandlerFunc
	reader http.HandlerFunc // takes a request's body itself, where it is set
	got    []sent
}

type sent struct{ method, uri, authorization, body string }

const deskDocument = `
openapi: 3.0.3
info: {title: Desk, version: '1'}
components: {securitySchemes: {app: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://desk.example/t, scopes: {write:desk: All}}}}}}
security: [{app: [write:desk]}]
paths:
  /issues: {get: {responses: {'200': {description: ok}}}}
  /forms:
    post:
      requestBody: {content: {application/x-www-form-urlencoded: &form {schema: {type: object, properties: {title: {type: string}, sudo: {type: string}}}}, multipart/form-data: *form}}
      responses: {'200': {description: ok}}
  /repos/{repo}/hooks:
    post:
      parameters: [&repo {name: repo, in: path, required: true, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object, properties: {config: {type: object, properties: {url: {type: string}}}}}}}}
      responses: {'200': {description: ok}}
  /repos/{repo}/push_mirrors:
    post:
      parameters: [*repo]
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'200': {description: ok}}
  /import:
    post:
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'200': {description: ok}}
  /emails:
    post:
      requestBody: {content: {application/json: {schema: {type: object, properties: {title: {type: string}}}}}}
      responses: {'200': {description: ok}}
  /avatars:
    post:
      x-annex-egress: [/from]
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'200': {description: ok}}
  /previews:
    get:
      parameters: [{name: url, in: query, schema: {type: string}}]
      responses: {'200': {description: ok}}
`

const deskYAML = `
key: desk
name: Desk
openapi: openapi.yaml
scopes:
  - {name: write:desk, title: Everything, access: change}
operations:
  - {method: POST, path: /forms, open: true, reason: its fields are harmless}
  - {method: POST, path: '/repos/{repo}/hooks', open: true, reason: only to where the app may send, egress: [{in: body, name: /config/url}]}
  - {method: POST, path: /emails, open: true, reason: they go to the site's own people, egress: []}
  - {method: GET, path: /previews, open: true, reason: only to where the app may send, egress: [{in: query, name: url}]}
`

// newDesk is a deployment with that product, and the asker on it with every scope it has.
func newDesk(t *testing.T, egress ...string) (*desk, place) {
	t.Helper()
	d := &desk{platform: newPlatformWith(t, func(s *testenv.Setup) { s.Network = nil })}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	yaml := deskYAML + "apiBaseUrl: " + server.URL + "\n"
	if _, err := d.System.Tenancy.Declare(t.Context(), testenv.Operator, tenancy.Declaration{Name: "product.yaml", Data: []byte(yaml), Document: []byte(deskDocument)}); err != nil {
		t.Fatal(err)
	}
	site, err := d.System.Tenancy.SiteByName(t.Context(), d.Access.Site)
	if err == nil {
		_, err = d.System.Tenancy.UpdateSite(t.Context(), testenv.Operator, site.ID, func(s *tenancy.Site) error {
			s.Products = append(s.Products, id.Product("desk"))
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	d.Access.Product = "desk"
	return d, d.deploy("development", source{also: []string{"ask", "search"}, scopes: []string{"write:desk"}, egress: egress, code: asker + searcher})
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	reader := d.reader
	d.mu.Unlock()
	if reader != nil && r.Method == http.MethodPost {
		reader(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.got = append(d.got, sent{r.Method, r.RequestURI, r.Header.Get("Authorization"), string(body)})
	answer := d.answer
	d.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// answers says how the product answers from now on.
func (d *desk) answers(how http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = how
}

// reads says who takes what is posted, body and all.
func (d *desk) reads(how http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reader = how
}

// took is what the product was sent since it was asked last.
func (d *desk) took() []sent {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.got
	d.got = nil
	return out
}

// searcher gives every text that code can reach from where it stands.
const searcher = `
function search() {
  const seen = new Set(), out = [];
  const walk = (v, depth) => {
    if (typeof v === "string") { if (v.length > 30) out.push(v); return; }
    if (v === null || (typeof v !== "object" && typeof v !== "function") || seen.has(v) || depth > 12) return;
    seen.add(v);
    if (ArrayBuffer.isView(v)) { out.push(String.fromCharCode(...new Uint8Array(v.buffer).subarray(0, 4096))); return; }
    for (const k of Reflect.ownKeys(v)) { try { walk(v[k], depth + 1); } catch (err) { walk(err, depth + 1); } }
    walk(Object.getPrototypeOf(v), depth + 1);
    if (v instanceof Map || v instanceof Set) for (const x of v) walk(x, depth + 1);
  };
  for (const root of [globalThis, process.env, new Error("x"), __annex_require, ...["@annex/api", "@annex/kvs", "node:process", "node:os", "node:fs", "node:http"].map((m) => { try { return __annex_require(m); } catch (err) { return err; } })]) walk(root, 0);
  return out;
}
`
