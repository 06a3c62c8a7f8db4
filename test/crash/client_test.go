package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/productkit"
)

// client speaks to whichever server runs on the place.
type client struct {
	t    *testing.T
	http *http.Client
	url  string

	operator, developer, admin string // tokens
	productKey                 *productkit.Key
	site                       string
	// other is what deploy deploys in place of the usual app.
	other *source
}

// source is an app.
type source struct{ manifest, bundle string }

// siteID is the id of the one site.
func (c *client) siteID() string { return c.site }

type object = map[string]any

// answer is what came back; err says that nothing did.
type answer struct {
	status int
	body   string
	err    error
}

// acknowledged reports whether the server said that it was done.
func (a answer) acknowledged() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

func (a answer) String() string { return fmt.Sprint(a.status, " ", a.body, " ", a.err) }

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if !a.acknowledged() {
		t.Fatal(a)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v: %v", a, err)
	}
}

func (a answer) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(a.body), &e)
	return e.Error.Code
}

// newClient reads the operator's token and makes product, site and accounts.
func newClient(t *testing.T, p place, s *process) *client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(p.data, "operator.token"))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, operator: strings.TrimSpace(string(token))}
	c.meet(s)
	if c.productKey, err = productkit.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	product := "key: desk\nname: Desk\napiBaseUrl: http://127.0.0.1:9\nevents: ['desk:thing:happened']\nkeys: " + string(productkit.PublicKeys(c.productKey)) + "\n"
	if a := c.send("POST", "/api/v1/products", c.operator, "application/yaml", []byte(product)); !a.acknowledged() {
		t.Fatal(a)
	}
	var site struct{ ID string }
	c.ask("POST", "/api/v1/sites", c.operator, object{"name": "acme", "products": []string{"desk"}, "developmentApps": true}).into(t, &site)
	c.site = site.ID
	account := func(add object) string {
		var made struct{ Tokens []struct{ Secret string } }
		c.ask("POST", "/api/v1/accounts", c.operator, add).into(t, &made)
		return made.Tokens[0].Secret
	}
	c.developer = account(object{"name": "bob", "developer": true})
	c.admin = account(object{"name": "alice", "adminOf": []string{"acme"}})
	return c
}

// meet turns to another server on the same data.
func (c *client) meet(s *process) {
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	c.url = s.url
	c.http = &http.Client{Transport: &http.Transport{}}
}

func (c *client) ask(method, path, token string, body any) answer {
	if body == nil {
		return c.send(method, path, token, "", nil)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{err: err}
	}
	return c.send(method, path, token, "application/json", raw)
}

func (c *client) send(method, path, token, contentType string, body []byte) answer {
	r, err := http.NewRequestWithContext(context.WithoutCancel(c.t.Context()), method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return c.do(r)
}

func (c *client) do(r *http.Request) answer {
	res, err := c.http.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, string(body), err}
}

// call asks a web trigger.
func (c *client) call(address string, query url.Values) answer {
	u, err := url.Parse(address)
	if err != nil {
		return answer{err: err}
	}
	own, err := url.Parse(c.url)
	if err != nil {
		return answer{err: err}
	}
	u.RawQuery = query.Encode()
	host, _, _ := net.SplitHostPort(u.Host)
	u.Host = own.Host
	r, err := http.NewRequestWithContext(context.WithoutCancel(c.t.Context()), "GET", u.String(), nil)
	if err != nil {
		return answer{err: err}
	}
	r.Host = net.JoinHostPort(host, own.Port()) // each server has a port of its own
	return c.do(r)
}

// told has an app answer with what it was refused: what may be tried again is not the app's failure.
const told = `
  const told = (error) => ({ statusCode: error.status === 503 ? 503 : 500, body: JSON.stringify({ code: error.code, message: error.message }) });`

// bundle is an app that keeps what it is told and gives it back.
const bundle = `(function(__annex_require, __annex_register) {` + told + `
  const kvs = __annex_require("@annex/kvs").default;
  const one = (r, name) => r.queryParameters[name]?.[0];
  async function keep(request) {
    const set = one(request, "set"), get = one(request, "get"), mark = one(request, "mark");
    const sealed = one(request, "secret"), del = one(request, "delete");
    if (mark) console.log(mark);
    const size = one(request, "size");
    if (set) await kvs.set(set, size ? "z".repeat(Number(size)) : one(request, "value"));
    if (set && sealed) await kvs.setSecret(set, one(request, "value"));
    if (del) await (sealed ? kvs.deleteSecret(del) : kvs.delete(del));
    if (one(request, "wait")) await new Promise((done) => setTimeout(done, Number(one(request, "wait"))));
    const key = get ?? set;
    const value = key && await kvs.get(key), secret = key && await kvs.getSecret(key);
    return { statusCode: 200, body: JSON.stringify({ mark, set, del, value, secret, version: VERSION, variable: process.env.SEQ, sealed: process.env.SEALED }) };
  }
  __annex_register({ index: { keep: (request) => keep(request).catch(told) } });
})`

const manifest = `app:
  id: ''
  name: Keeper
  runtime:
    name: nodejs22.x
permissions:
  scopes: [storage:app]
  external:
    fetch:
      backend: ['https://api.example.com']
modules:
  webtrigger:
    - key: keep
      function: keep
      response:
        type: dynamic
  function:
    - key: keep
      handler: index.keep
`

// deploy deploys the app that answers with this version; padding is a file beside it.
func (c *client) deploy(app string, version int, padding string) answer {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	meta, _ := json.Marshal(object{"app": app, "environment": "development"})
	what := source{manifest, strings.Replace(bundle, "VERSION", fmt.Sprint(version), 1)}
	if c.other != nil {
		what = *c.other
	}
	for _, part := range [][3]string{
		{"meta", "", string(meta)}, {"manifest", "", what.manifest}, {"bundle", "", what.bundle}, {"file", "pad", padding},
	} {
		disposition := `form-data; name="` + part[0] + `"`
		if part[1] != "" {
			disposition += `; filename="` + part[1] + `"`
		}
		to, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		if err != nil {
			return answer{err: err}
		}
		if _, err := io.WriteString(to, part[2]); err != nil {
			return answer{err: err}
		}
	}
	if err := w.Close(); err != nil {
		return answer{err: err}
	}
	return c.send("POST", "/api/v1/deployments", c.developer, w.FormDataContentType(), b.Bytes())
}

func target(app string) object {
	return object{"app": app, "environment": "development", "site": "acme", "product": "desk"}
}

// install installs what the preview shows.
func (c *client) install(app string) answer { return c.grant(app, true) }

// grant installs what the preview shows, or all of it but the outside host.
func (c *client) grant(app string, host bool) answer {
	shown := c.ask("POST", "/api/v1/installations/preview", c.admin, target(app))
	if !shown.acknowledged() {
		return shown
	}
	var preview struct {
		Digest   string
		Declared object
	}
	if err := json.Unmarshal([]byte(shown.body), &preview); err != nil {
		return answer{err: err}
	}
	confirm := target(app)
	confirm["digest"], confirm["confirmDevelopment"] = preview.Digest, true
	if !host {
		delete(preview.Declared, "egress")
	}
	confirm["grant"] = preview.Declared
	return c.ask("POST", "/api/v1/installations", c.admin, confirm)
}

// hook makes an address of the app's web trigger.
func (c *client) hook(app string) answer {
	body := target(app)
	body["module"] = "keep"
	return c.ask("POST", "/api/v1/webtriggers", c.developer, body)
}

// fresh registers an app, deploys it and installs it.
func (c *client) fresh() (app, installation, hook string) {
	c.t.Helper()
	var registered, installed struct{ ID string }
	c.ask("POST", "/api/v1/apps", c.developer, object{"name": "Keeper"}).into(c.t, &registered)
	var deployed struct{ Number string }
	c.deploy(registered.ID, 0, "").into(c.t, &deployed)
	c.install(registered.ID).into(c.t, &installed)
	var made struct{ URL string }
	c.hook(registered.ID).into(c.t, &made)
	return registered.ID, installed.ID, made.URL
}

// kept is what the app answers.
type kept struct {
	Value, Secret, Variable, Sealed string
	Version                         int
}
