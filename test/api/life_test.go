package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// life is one deployment and what the parts of the test leave to those that follow.
type life struct {
	*deployment
	site, siteID string
	bob, ada     string // tokens: a developer, the new site's admin
	app          app
	appID, ci    string
	version      string // number
	hash         string
	installation string
	url          string // of the web trigger
}

// TestLife goes through everything that the control API offers, from an empty server
// to an uninstalled app, and through what it refuses on the way.
func TestLife(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { live(t, "") })
	t.Run("postgres", func(t *testing.T) { live(t, dbtest.PostgresURL(t)) })
}

func live(t *testing.T, database string) {
	l := &life{deployment: newDeployment(t, database)}
	for _, part := range []struct {
		name string
		run  func(*life)
	}{
		{"operator", (*life).operators}, {"signins", (*life).signIns}, {"device logins", (*life).deviceLogin}, {"tokens", (*life).tokens}, {"apps", (*life).apps}, {"deploy", (*life).deploy}, {"install", (*life).install},
		{"webtriggers", (*life).webtriggers}, {"invocations", (*life).invocations}, {"logs", (*life).logs}, {"audit", (*life).audit}, {"variables", (*life).variables}, {"providers", (*life).providers},
		{"upgrade", (*life).upgrade}, {"promotions", (*life).promotions}, {"grants", (*life).grants}, {"malformed", (*life).malformed}, {"bodies", (*life).bodies},
		{"routes", (*life).routes}, {"roles", (*life).roles},
		{"odd", (*life).odd}, {"uninstall", (*life).uninstall}, {"trail", (*life).trail},
	} {
		if !t.Run(part.name, func(t *testing.T) { l.t = t; part.run(l) }) {
			return
		}
	}
	l.t = t
	l.complete()
}

// forge is a product with an authorization server of its own.
const forge = `key: forge
name: Forge
apiBaseUrl: https://forge.example.com/api
auth: oauth2
oauth2:
  authorizationUrl: https://forge.example.com/authorize
  tokenUrl: https://forge.example.com/token
  clientId: annex
  user: {path: /user, id: login}
scopes:
  - {name: "read:thing", title: Read things, access: read}
`

func (l *life) operators() {
	l.ask("GET", "/healthz", "", nil).is(200).want("ok", "status").want(l.env.System.Health().Isolation, "isolation")
	l.ask("GET", "/readyz", "", nil).is(200).want("ready", "status").length(0, "reasons")
	l.ask("GET", "/.well-known/jwks.json", "", nil).is(200).want("ES256", "keys", 0, "alg").length(1, "keys")
	l.ask("GET", "/api/v1/signing-keys", l.operator, nil).is(200).want("signing", "keys", 0, "state").length(1, "keys")
	l.ask("POST", "/api/v1/signing-keys/rotations", l.operator, object{"withdraw": false}).is(201).want("published", "keys", 1, "state").length(2, "keys")
	l.ask("GET", "/.well-known/jwks.json", "", nil).is(200).length(2, "keys")
	l.ask("POST", "/api/v1/signing-keys/rotations", l.operator, object{"withdraw": true}).is(201).want("signing", "keys", 0, "state").length(1, "keys")
	l.ask("GET", "/api/v1/whoami", l.operator, nil).is(200).want("operator", "kind")
	l.ask("GET", "/api/v1/whoami", "", nil).is(401)

	l.ask("POST", "/api/v1/products?validate=true", l.operator, product).is(200).want("desk", "product", "key").length(0, "diagnostics")
	l.ask("GET", "/api/v1/products", l.operator, nil).is(200).length(1, "products")
	l.ask("POST", "/api/v1/products", l.operator, product).is(200).want("desk", "product", "key")
	l.ask("POST", "/api/v1/products", l.operator, product).is(200)
	l.ask("GET", "/api/v1/products", l.developer, nil).is(200).want("read:tickets", "products", 0, "scopes", 0, "name")
	l.ask("GET", "/api/v1/products?operations=true", l.developer, nil).is(200).length(0, "products", 0, "operations")
	l.ask("GET", "/api/v1/products?operations=perhaps", l.developer, nil).fails(400, "BAD_OPERATIONS")
	for _, path := range []string{"/api/v1/products", "/api/v1/products?validate=true"} {
		a := l.ask("POST", path, l.operator, "key: Desk!\nname: [").fails(422, "PRODUCT_INVALID")
		if a.get("error", "diagnostics", 0, "line") == nil || a.text("error", "diagnostics", 0, "rule") == "" {
			l.t.Errorf("no place is named: %s", a.body)
		}
	}
	for _, path := range []string{"/api/v1/products?name=desk.yaml", "/api/v1/products?name=desk.yaml&validate=true"} {
		a := l.ask("POST", path, l.operator, "key: [\n").fails(422, "PRODUCT_INVALID")
		if file := a.text("error", "diagnostics", 0, "file"); file != "desk.yaml" {
			l.t.Errorf("%s speaks of %q: %s", path, file, a.body)
		}
	}
	l.ask("POST", "/api/v1/products?validate=perhaps", l.operator, product).fails(400, "BAD_VALIDATE")
	secret := object{"secret": "not-a-real-secret"}
	l.ask("PUT", "/api/v1/products/desk/client-secret", l.operator, secret).fails(422, "NO_OAUTH")
	l.ask("PUT", "/api/v1/products/gone/client-secret", l.operator, secret).fails(404, "PRODUCT_UNKNOWN")
	l.ask("POST", "/api/v1/products", l.operator, forge).is(200).want("forge", "product", "key")
	l.ask("PUT", "/api/v1/products/forge/client-secret", l.operator, secret).is(204)

	a := l.ask("POST", "/api/v1/sites", l.operator, object{"name": "acme", "products": []string{"helpdesk"}}).is(201)
	l.site, l.siteID = a.text("name"), a.text("id")
	a.want("desk", "products", 0).want(false, "developmentApps")
	l.ask("POST", "/api/v1/sites", l.operator, object{"name": "acme", "products": []string{"desk"}}).fails(409, "SITE_NAME_TAKEN")
	l.ask("POST", "/api/v1/sites", l.operator, object{"name": "other", "products": []string{"gone"}}).fails(404, "PRODUCT_UNKNOWN")
	l.ask("PATCH", "/api/v1/sites/acme", l.operator, object{"developmentApps": true}).is(200).want(true, "developmentApps")
	l.ask("PATCH", "/api/v1/sites/gone", l.operator, object{"developmentApps": true}).fails(404, "SITE_UNKNOWN")
	l.ask("GET", "/api/v1/sites", l.operator, nil).is(200).length(2, "sites")

	a = l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "bob", "developer": true}).is(201).length(1, "tokens")
	l.bob = a.text("tokens", 0, "secret")
	a = l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "ada", "adminOf": []string{l.siteID}}).is(201).want("acme", "account", "adminOf", 0)
	l.ada = a.text("tokens", 0, "secret")
	l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "ada", "adminOf": []string{"acme"}}).fails(409, "ACCOUNT_EXISTS")
	l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "ada", "adminOf": []string{"acme"}, "token": true}).is(201).length(1, "tokens")
	l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "nobody"}).fails(400, "NO_ROLE")
	l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "eve", "adminOf": []string{"gone"}}).fails(404, "SITE_UNKNOWN")
	l.ask("GET", "/api/v1/accounts", l.operator, nil).is(200)
	l.ask("POST", "/api/v1/sites", l.operator, object{"name": "short-lived", "products": []string{"desk"}}).is(201)
	eve := l.ask("POST", "/api/v1/accounts", l.operator, object{"name": "eve", "developer": true, "adminOf": []string{"short-lived"}}).is(201).length(2, "tokens")
	l.ask("DELETE", "/api/v1/sites/short-lived", l.operator, nil).is(200).want("short-lived", "name").want(1.0, "tokens").want(0.0, "installations")
	l.ask("DELETE", "/api/v1/sites/short-lived", l.operator, nil).fails(404, "SITE_UNKNOWN")
	l.ask("GET", "/api/v1/whoami", eve.text("tokens", 0, "secret"), nil).is(200)
	l.ask("GET", "/api/v1/whoami", eve.text("tokens", 1, "secret"), nil).fails(401, "UNAUTHENTICATED")
	l.ask("DELETE", "/api/v1/accounts/eve", l.operator, nil).is(200).want("eve", "name").want(1.0, "tokens")
	l.ask("GET", "/api/v1/whoami", eve.text("tokens", 0, "secret"), nil).fails(401, "UNAUTHENTICATED")
	l.ask("DELETE", "/api/v1/accounts/nobody", l.operator, nil).fails(404, "ACCOUNT_UNKNOWN")
	l.ask("DELETE", "/api/v1/accounts/"+l.ask("GET", "/api/v1/whoami", l.operator, nil).text("account"), l.operator, nil).fails(409, "OWN_ACCOUNT")
	l.ask("GET", "/api/v1/whoami", l.ada, nil).is(200).want("admin", "kind").want("acme", "site")
	l.ask("GET", "/api/v1/sites", l.ada, nil).is(200).length(1, "sites")
	l.ask("GET", "/api/v1/sites", l.bob, nil).is(200).length(0, "sites")
}

func (l *life) tokens() {
	a := l.ask("POST", "/api/v1/tokens", l.bob, object{"kind": "developer", "note": "laptop", "expiresInDays": 3}).is(201).want("laptop", "note")
	second := a.text("secret")
	if !strings.HasPrefix(second, "anx_developer_") {
		l.t.Errorf("a developer's token: %s", a.body)
	}
	l.ask("GET", "/api/v1/whoami", second, nil).is(200)
	list := l.ask("GET", "/api/v1/tokens", l.bob, nil).is(200).length(2, "tokens")
	if strings.Contains(string(list.body), "secret") || strings.Contains(string(list.body), second) {
		l.t.Errorf("the list tells secrets: %s", list.body)
	}
	l.ask("DELETE", "/api/v1/tokens/"+a.text("id"), l.bob, nil).is(204)
	l.ask("DELETE", "/api/v1/tokens/"+a.text("id"), l.bob, nil).is(204)
	l.ask("GET", "/api/v1/whoami", second, nil).is(401)
	l.ask("DELETE", "/api/v1/tokens/gone", l.bob, nil).fails(404, "TOKEN_UNKNOWN")
	l.ask("POST", "/api/v1/tokens", l.bob, object{"kind": "operator"}).fails(403, "ROLE_REQUIRED")
	l.ask("POST", "/api/v1/tokens", l.operator, object{"kind": "developer", "account": "gone"}).fails(404, "ACCOUNT_UNKNOWN")
	l.ask("POST", "/api/v1/tokens", l.operator, object{"kind": "developer", "account": "ada"}).fails(403, "ROLE_MISSING")
	l.ask("POST", "/api/v1/tokens", l.operator, object{"kind": "admin", "account": "ada", "site": "acme"}).is(201)
	l.ask("POST", "/api/v1/tokens", l.operator, object{"kind": "developer", "account": "bob", "expiresInDays": 3650}).is(201)
}

func (l *life) apps() {
	l.ask("GET", "/api/v1/apps", l.bob, nil).is(200).length(0, "apps")
	l.appID = l.ask("POST", "/api/v1/apps", l.bob, object{"name": "Registered"}).is(201).text("id")
	l.ask("POST", "/api/v1/apps", l.bob, object{"name": " blank "}).fails(422, "APP_NAME")
	l.ask("GET", "/api/v1/apps", l.bob, nil).is(200).length(1, "apps")
	l.ask("GET", "/api/v1/apps", l.operator, nil).is(200).length(1, "apps")

	environments := "/api/v1/apps/" + l.appID + "/environments"
	l.ask("GET", environments, l.bob, nil).is(200).length(3, "environments").want("DEVELOPMENT", "environments", 0, "type")
	l.ask("POST", environments, l.bob, object{"name": "try"}).is(201).want("DEVELOPMENT", "type")
	l.ask("POST", environments, l.bob, object{"name": "try"}).fails(409, "ENVIRONMENT_EXISTS")
	l.ask("POST", environments, l.bob, object{"name": "No Name"}).fails(422, "ENVIRONMENT_NAME")
	l.ask("DELETE", environments+"/try", l.bob, nil).is(204)
	l.ask("DELETE", environments+"/try", l.bob, nil).fails(404, "ENVIRONMENT_UNKNOWN")
	l.ask("DELETE", environments+"/production", l.bob, nil).fails(403, "ENVIRONMENT_FIXED")
	l.ask("GET", "/api/v1/apps/gone/environments", l.bob, nil).fails(404, "NOT_YOURS")
	l.ask("GET", environments, l.developer, nil).fails(404, "NOT_YOURS")
	l.ask("GET", environments+"/staging/versions", l.bob, nil).is(200).length(0, "versions")
	l.ci = l.ask("POST", "/api/v1/tokens", l.bob, object{"kind": "ci", "app": l.appID, "environments": []string{"development"}}).is(201).text("secret")
	l.ask("GET", "/api/v1/whoami", l.ci, nil).is(200).want("ci", "kind").want(l.appID, "app")
}

func (l *life) deploy() {
	l.app = app{id: l.appID, name: "Life", answer: "one"}
	a := l.upload(l.bob, l.app.parts("development")...).is(201).want(true, "created").want("first", "kind").want(false, "appCreated").
		want(true, "snapshot", "snapshotted")
	l.version, l.hash = a.text("number"), a.text("hash")
	again := l.upload(l.ci, l.app.parts("development")...).is(200).want(false, "created").want("same", "kind").want(l.hash, "hash").want(l.version, "number")
	again.want(a.text("version"), "version")
	shuffled := l.app.parts("development")
	shuffled[0], shuffled[3] = shuffled[3], shuffled[0]
	l.upload(l.bob, shuffled...).is(200).want(l.hash, "hash")

	// A blank id becomes an app of the deploying developer.
	blank := app{name: "Blank", answer: "blank"}
	l.upload(l.bob, blank.parts("development")...).is(201).want(true, "appCreated")

	l.ask("GET", "/api/v1/apps/"+l.appID+"/environments/development/versions", l.ci, nil).is(200).length(1, "versions").want(l.hash, "versions", 0, "hash").
		want(true, "versions", 0, "current").want("by hand", "versions", 0, "message")
	l.ask("GET", "/api/v1/apps/"+l.appID+"/environments/staging/versions", l.ci, nil).fails(404, "NOT_YOURS")
	l.ask("GET", "/api/v1/apps/"+l.appID+"/environments", l.bob, nil).is(200).want(l.version, "environments", 0, "version")

	good := l.app.parts("development")
	with := func(name, data string) []part {
		out := append([]part(nil), good...)
		for i := range out {
			if out[i].name == name {
				out[i].data = data
			}
		}
		return out
	}
	l.upload(l.ci, l.app.parts("staging")...).fails(403, "CI_SCOPE")
	l.upload(l.developer, good...).fails(404, "NOT_YOURS")
	l.upload(l.bob, l.app.parts("gone")...).fails(404, "ENVIRONMENT_UNKNOWN")
	broken := l.upload(l.bob, with("manifest", "app: [\n")...).fails(422, "MANIFEST_INVALID")
	if broken.get("error", "diagnostics", 0, "line") == nil {
		l.t.Errorf("no place is named: %s", broken.body)
	}
	l.upload(l.bob, with("manifest", strings.Replace(l.app.manifest(), "index.echo", "index.gone", 1))...).fails(422, "HANDLER_MISSING")
	l.upload(l.bob, with("bundle", "(function(")...).fails(422, "MODULE_SCOPE_ERR")
	l.upload(l.bob, with("bundle", `(function(){ throw new Error("at module scope") })`)...).fails(422, "MODULE_SCOPE_ERR")
	l.upload(l.bob, with("bundle", "\xff")...).fails(422, "BUNDLE_TEXT")
	l.upload(l.bob, with("meta", "[")...).fails(400, "BAD_JSON")
	l.upload(l.bob, append(good, part{"sourceMap", "", "{"})...).fails(422, "SOURCE_MAP")
	l.upload(l.bob, append(good, part{"file", "../up", "x"})...).fails(422, "FILE_PATH")
	l.upload(l.bob, append(good, part{"file", "docs/read.me", "x"})...).fails(422, "FILE_PATH")
	l.upload(l.bob, append(good, part{"other", "", "x"})...).fails(400, "PART_UNKNOWN")
	l.upload(l.bob, append(good, good[1])...).fails(400, "PART_TWICE")
	l.upload(l.bob, good[:2]...).fails(400, "PART_MISSING")
	l.upload(l.bob, with("manifest", strings.Repeat("#", 200<<10+1))...).fails(429, "LIMIT_UPLOAD")
	multipart := http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}
	l.send("POST", "/api/v1/deployments", l.bob, multipart, []byte("--x\r\nContent-Disp")).fails(400, "BAD_MULTIPART")
	l.send("POST", "/api/v1/deployments", l.bob, http.Header{"Content-Type": {"multipart/form-data"}}, []byte("--x--")).fails(400, "BAD_MULTIPART")
	l.send("POST", "/api/v1/deployments", l.bob, http.Header{"Content-Type": {"application/json"}}, []byte("{}")).fails(400, "CONTENT_TYPE")
	l.ask("GET", "/api/v1/apps/"+l.appID+"/environments/development/versions", l.bob, nil).is(200).length(1, "versions")
}

// target names the installation.
func (l *life) target(also ...any) object {
	out := object{"app": l.appID, "environment": "development", "site": l.site, "product": "helpdesk"}
	for i := 0; i < len(also); i += 2 {
		out[also[i].(string)] = also[i+1]
	}
	return out
}

func (l *life) query(also ...string) string {
	q := url.Values{}
	for k, v := range l.target() {
		q.Set(k, v.(string))
	}
	for i := 0; i < len(also); i += 2 {
		q.Set(also[i], also[i+1])
	}
	return "?" + q.Encode()
}

func (l *life) install() {
	const path = "/api/v1/installations"
	l.ask("POST", path, l.bob, l.target()).fails(202, "WAITING_FOR_ADMIN").want("waiting", "error", "kind")
	l.ask("POST", path, l.bob, l.target()).fails(202, "WAITING_FOR_ADMIN")
	for _, token := range []string{l.bob, l.ada} {
		l.ask("GET", "/api/v1/installation-requests", token, nil).is(200).length(1, "requests").want("bob", "requests", 0, "requestedBy").want("Life", "requests", 0, "appName")
	}
	l.ask("GET", path, l.ada, nil).is(200).length(0, "installations")
	l.ask("POST", path+"/preview", l.bob, l.target()).is(200)

	a := l.ask("POST", path+"/preview", l.ada, l.target()).is(200).want("desk", "product").want("DEVELOPMENT", "environmentType").want(l.version, "number")
	digest := a.text("digest")
	if a.text("developmentWarning") == "" {
		l.t.Errorf("no word about a development app: %s", a.body)
	}
	l.ask("POST", path, l.ada, l.target()).fails(400, "DIGEST_REQUIRED")
	l.ask("POST", path, l.ada, l.target("digest", digest)).fails(400, "CONFIRM_DEVELOPMENT")
	l.ask("POST", path, l.ada, l.target("digest", "other", "confirmDevelopment", true)).fails(409, "PREVIEW_CHANGED")
	l.ask("POST", path, l.admin, l.target("digest", digest, "confirmDevelopment", true)).fails(403, "ROLE_REQUIRED")
	l.ask("POST", path+"/preview", l.ada, l.target("app", "gone")).fails(404, "NOT_DEPLOYED")
	l.ask("POST", path+"/preview", l.ada, l.target("site", "gone")).fails(404, "SITE_UNKNOWN")
	l.ask("POST", path+"/preview", l.ada, l.target("product", "gone")).fails(404, "PRODUCT_UNKNOWN")
	l.ask("POST", path+"/preview", l.ada, l.target("product", "tracker")).fails(404, "PRODUCT_NOT_ON_SITE")
	l.ask("POST", path+"/preview", l.ada, l.target("environment", "staging")).fails(404, "NOT_DEPLOYED")
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"developmentApps": false}).is(200)
	l.ask("POST", path+"/preview", l.ada, l.target()).fails(403, "DEVELOPMENT_APPS_OFF")
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"developmentApps": true}).is(200)

	l.installation = l.ask("POST", path, l.ada, l.target("digest", digest, "confirmDevelopment", true)).is(201).want(l.version, "number").want("acme", "site").text("id")
	l.ask("GET", "/api/v1/installation-requests", l.ada, nil).is(200).length(0, "requests")
	for _, token := range []string{l.bob, l.ada, l.operator} {
		l.ask("GET", path+"?app="+l.appID+"&environment=development&site=acme", token, nil).is(200).want(l.installation, "installations", 0, "id")
	}
	l.ask("GET", path+"?site=gone", l.ada, nil).fails(404, "SITE_UNKNOWN")
	l.ask("GET", path+"?app=gone", l.ada, nil).is(200).length(0, "installations")
	l.ask("GET", "/api/v1/sites", l.bob, nil).is(200).length(1, "sites")
	// The same again changes nothing.
	digest = l.ask("POST", path+"/preview", l.ada, l.target()).is(200).want(l.installation, "installation").length(0, "growth").text("digest")
	l.ask("POST", path, l.ada, l.target("digest", digest, "confirmDevelopment", true)).is(200).want(l.installation, "id")
}

func (l *life) webtriggers() {
	const path = "/api/v1/webtriggers"
	l.ask("GET", path+l.query(), l.bob, nil).is(200).length(0, "webtriggers")
	a := l.ask("POST", path, l.bob, l.target("module", "hook")).is(200).want("hook", "module")
	l.url = a.text("url")
	l.ask("POST", path, l.ada, l.target("module", "hook")).is(200).want(l.url, "url")
	l.ask("GET", path+l.query(), l.ada, nil).is(200).length(1, "webtriggers").want(l.url, "webtriggers", 0, "url")
	l.says("one 1   ")
	l.says("one 2   ")
	// Switched off, the app stands still at once; switched on, it goes on.
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"developmentApps": false}).is(200)
	l.open(l.url).is(404)
	l.ask("POST", "/api/v1/invocations", l.bob, l.target("function", "echo")).fails(403, "DEVELOPMENT_APPS_OFF")
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"developmentApps": true}).is(200)
	l.says("one 3   ")

	l.ask("POST", path, l.bob, l.target("module", "gone")).fails(404, "NO_WEBTRIGGER")
	l.ask("POST", path, l.bob, l.target("module", "hook", "environment", "staging")).fails(404, "NOT_INSTALLED")
	l.ask("POST", path, l.developer, l.target("module", "hook")).fails(404, "NOT_INSTALLED")
	l.ask("GET", path+"?app="+l.appID, l.bob, nil).fails(400, "MISSING")
	l.ask("DELETE", path+l.query("url", "http://example.com/"), l.bob, nil).fails(404, "NO_SUCH_WEB_TRIGGER")
	l.ask("DELETE", path+l.query(), l.bob, nil).fails(400, "MISSING")
	l.ask("DELETE", path+l.query("url", l.url), l.bob, nil).is(204)
	l.ask("DELETE", path+l.query("url", l.url), l.bob, nil).fails(404, "NO_SUCH_WEB_TRIGGER")
	l.open(l.url).is(404)
	fresh := l.ask("POST", path, l.bob, l.target("module", "hook")).is(200).text("url")
	if fresh == l.url {
		l.t.Errorf("a deleted address came back")
	}
	l.url = fresh
	l.guarded()
}

// guarded goes through the secrets of a web trigger whose callers prove themselves.
func (l *life) guarded() {
	const path, at = "/api/v1/webtriggers", "/api/v1/webtriggers/secret"
	module := l.target("module", "guarded")
	made := l.ask("POST", path, l.bob, module).is(200).want("bearer", "authentication").length(1, "secrets")
	url, first := made.text("url"), made.text("secret")
	l.ask("POST", path, l.ada, module).is(200).want(nil, "secret").want("bearer", "authentication")
	l.ask("DELETE", at+l.query("module", "guarded"), l.bob, nil).fails(404, "NO_PREVIOUS_SECRET")
	l.open(url).is(404)
	l.openWith(url, "Bearer "+first).is(202)
	second := l.ask("POST", at, l.ada, module).is(200).length(2, "secrets").text("secret")
	l.openWith(url, "Bearer "+first).is(202)
	l.openWith(url, "Bearer "+second).is(202)
	l.ask("DELETE", at+l.query("module", "guarded"), l.bob, nil).is(204)
	l.openWith(url, "Bearer "+first).is(404)
	third := l.ask("POST", at, l.bob, l.target("module", "guarded", "retire", true)).is(200).length(1, "secrets").text("secret")
	l.openWith(url, "Bearer "+second).is(404)
	l.openWith(url, "Bearer "+third).is(202)
	listed := l.ask("GET", path+l.query(), l.bob, nil).is(200).length(2, "webtriggers")
	for _, secret := range []string{first, second, third} {
		if strings.Contains(string(listed.body), secret) {
			l.t.Error("the list tells a secret")
		}
	}
	l.ask("POST", at, l.bob, l.target("module", "hook")).fails(422, "NO_AUTHENTICATION")
	l.ask("POST", at, l.developer, module).fails(404, "NOT_INSTALLED")
	l.ask("DELETE", at+l.query(), l.bob, nil).fails(400, "MISSING")
	l.ask("DELETE", path+l.query("url", url), l.bob, nil).is(204)
}

// says demands what the web trigger answers.
func (l *life) says(want string) {
	l.t.Helper()
	if a := l.open(l.url).is(200); string(a.body) != want {
		l.t.Errorf("the web trigger says %q, want %q", a.body, want)
	}
}

func (l *life) invocations() {
	const path = "/api/v1/invocations"
	payload := object{"n": 1.5, "list": []any{nil, "x"}}
	a := l.ask("POST", path, l.bob, l.target("function", "echo", "payload", payload)).is(200)
	got, _ := json.Marshal(a.get("result", "payload"))
	want, _ := json.Marshal(payload)
	if string(got) != string(want) {
		l.t.Errorf("echo gave %s, want %s", got, want)
	}
	l.ask("POST", path, l.bob, l.target("function", "echo")).is(200)
	if a := l.ask("POST", path, l.bob, l.target("function", "nothing")).is(200); a.get("result") != nil {
		l.t.Errorf("nothing gave %s", a.body)
	}
	failed := l.ask("POST", path, l.bob, l.target("function", "fail"))
	failed.is(502).want("app", "error", "kind")
	if m := failed.text("error", "message"); !strings.Contains(m, "it was meant to fail") || failed.text("error", "fields", "invocation") == "" {
		l.t.Errorf("a function's error: %s", failed.body)
	}
	l.ask("POST", path, l.bob, l.target("function", "gone")).fails(404, "FUNCTION_UNKNOWN")
	l.ask("POST", path, l.bob, l.target("function", "echo", "site", "demo")).fails(404, "NOT_INSTALLED")
	l.ask("POST", path, l.developer, l.target("function", "echo")).fails(404, "NOT_INSTALLED")
	tunnel := func(environment string) string {
		return "/api/v1/apps/" + l.appID + "/environments/" + environment + "/tunnel"
	}
	l.ask("GET", tunnel("development"), l.bob, nil).fails(400, "UPGRADE_REQUIRED")
	l.ask("GET", tunnel("staging"), l.bob, nil).fails(403, "TUNNEL_DEVELOPMENT_ONLY")
	l.ask("GET", tunnel("production"), l.bob, nil).fails(403, "TUNNEL_DEVELOPMENT_ONLY")
	l.tunnelLogin(tunnel)
}

// trail has what was ended and removed: those acts leave nothing else behind.
func (l *life) trail() {
	for _, act := range []string{"token.revoke", "environment.delete", "site.remove"} {
		var n int
		if err := l.env.System.DB.QueryRow(l.t.Context(), `SELECT count(*) FROM audit WHERE act = ?`, act).Scan(&n); err != nil || n == 0 {
			l.t.Errorf("%s: %d entries, %v", act, n, err)
		}
	}
}

// audit is what the acts before left behind.
func (l *life) audit() {
	l.ask("GET", "/api/v1/audit?limit=1", l.operator, nil).is(200).length(1, "entries")
	l.ask("GET", "/api/v1/audit?site=acme&kind=install&limit=1000&since=2020-01-01T00:00:00Z", l.ada, nil).is(200).want(l.installation, "entries", 0, "installation").want("", "cursor")
	page := l.ask("GET", "/api/v1/audit?limit=1", l.ada, nil).is(200).length(1, "entries")
	l.ask("GET", "/api/v1/audit?limit=1&cursor="+page.text("cursor"), l.ada, nil).is(200).length(1, "entries")
	l.ask("GET", "/api/v1/audit?kind=logs.read&installation="+l.installation, l.ada, nil).is(200).want("logs.read", "entries", 0, "act")
	l.ask("GET", "/api/v1/audit?cursor=x", l.ada, nil).fails(400, "BAD_CURSOR")
	l.ask("GET", "/api/v1/audit?since=yesterday", l.ada, nil).fails(400, "BAD_TIME")
	for token, path := range map[string]string{l.operator: "/api/v1/audit/export", l.ada: "/api/v1/audit/export?site=acme"} {
		a := l.ask("GET", path, token, nil).is(200)
		if r, err := trail.Verify(strings.NewReader(string(a.body)), nil); err != nil || !r.OK || r.Entries == 0 {
			l.t.Errorf("the export of %s: %+v, %v", path, r, err)
		}
	}
}

func (l *life) logs() {
	at := "?app=" + l.appID + "&environment=development"
	all := l.ask("GET", "/api/v1/logs"+at, l.bob, nil).is(200).want("info", "entries", 0, "level").want("called", "entries", 0, "args", 0).
		want(l.installation, "entries", 0, "installation").want(l.version, "entries", 0, "version")
	if said := string(all.body); !strings.Contains(said, "requests to web trigger guarded did not prove who sent them") || !strings.Contains(said, `{"no bearer secret":1}`) || strings.Contains(said, "annex_hook_") {
		l.t.Errorf("what was refused is not in the log, or a secret is: %s", said)
	}
	first := all.text("entries", 0, "invocation")
	l.ask("GET", "/api/v1/logs"+at+"&site=acme&invocation="+first, l.bob, nil).is(200).length(1, "entries")
	l.ask("GET", "/api/v1/logs"+at+"&product=helpdesk&invocation="+first, l.bob, nil).is(200).length(1, "entries")
	l.ask("GET", "/api/v1/logs"+at+"&product=tracker", l.bob, nil).fails(404, "NOT_INSTALLED")
	l.ask("GET", "/api/v1/logs"+at+"&product=gone", l.bob, nil).fails(404, "PRODUCT_UNKNOWN")
	trace := all.text("entries", 0, "trace")
	l.ask("GET", "/api/v1/logs"+at+"&trace="+strings.ToUpper(trace), l.bob, nil).is(200).want(first, "entries", 0, "invocation").want(trace, "entries", 0, "trace")
	one := l.ask("GET", "/api/v1/logs"+at+"&limit=1", l.bob, nil).is(200).length(1, "entries")
	if one.text("entries", 0, "time") == all.text("entries", 0, "time") {
		l.t.Errorf("with a limit, the newest lines come: %s", one.body)
	}
	l.ask("GET", "/api/v1/logs"+at+"&cursor="+url.QueryEscape(all.text("cursor")), l.bob, nil).is(200).length(0, "entries")
	l.ask("GET", "/api/v1/logs"+at+"&since=2999-01-01T00:00:00Z", l.bob, nil).is(200).length(0, "entries")
	l.ask("GET", "/api/v1/activity"+at, l.bob, nil).is(200).want("index.echo", "activity", 0, "function")
	l.ask("GET", "/api/v1/activity"+at+"&since=2999-01-01T00:00:00Z", l.bob, nil).is(200).length(0, "activity")
	l.ask("GET", "/api/v1/activity"+at+"&product=desk", l.bob, nil).is(200).want("index.echo", "activity", 0, "function")
	l.ask("GET", "/api/v1/activity"+at+"&product=nothing", l.bob, nil).fails(404, "PRODUCT_UNKNOWN")
	l.ask("GET", "/api/v1/activity"+at+"&invocation="+first, l.bob, nil).is(200).length(1, "calls").want(first, "calls", 0, "invocation")

	for _, path := range []string{"/api/v1/logs", "/api/v1/activity"} {
		l.ask("GET", path+at+"&since=yesterday", l.bob, nil).fails(400, "BAD_TIME")
		l.ask("GET", path+"?app="+l.appID, l.bob, nil).fails(400, "MISSING")
	}
	l.ask("GET", "/api/v1/logs"+at, l.developer, nil).fails(404, "NOT_YOURS")
	l.ask("GET", "/api/v1/activity"+at, l.developer, nil).is(200).length(0, "activity")
	l.ask("GET", "/api/v1/logs"+at, l.admin, nil).fails(404, "NOT_INSTALLED")
	l.ask("GET", "/api/v1/logs?environment=gone&app="+l.appID, l.bob, nil).fails(404, "ENVIRONMENT_UNKNOWN")
	l.ask("GET", "/api/v1/logs"+at+"&invocation=gone", l.bob, nil).fails(404, "INVOCATION_UNKNOWN")
	l.ask("GET", "/api/v1/logs"+at+"&trace="+strings.Repeat("0", 32), l.bob, nil).fails(404, "TRACE_UNKNOWN")
	l.ask("GET", "/api/v1/logs"+at+"&trace=gone", l.bob, nil).fails(400, "BAD_TRACE")
	l.ask("GET", "/api/v1/logs"+at+"&site=gone", l.bob, nil).fails(404, "SITE_UNKNOWN")
	l.ask("GET", "/api/v1/logs"+at+"&cursor=%00", l.bob, nil).fails(400, "INVALID_CURSOR")
	for _, limit := range []string{"0", "1001", "x", "1e2"} {
		l.ask("GET", "/api/v1/logs"+at+"&limit="+limit, l.bob, nil).fails(400, "BAD_LIMIT")
	}
	l.ask("GET", "/api/v1/logs?environment=production&app="+l.appID, l.bob, nil).fails(403, "LOGS_NOT_SHARED")
}

// providers: a client secret is set and told to nobody.
func (l *life) providers() {
	connects := app{name: "Connects", answer: "connects", provider: true}
	id := l.upload(l.bob, connects.parts("development")...).is(201).text("app")
	path := "/api/v1/apps/" + id + "/environments/development/providers"
	l.ask("GET", path, l.bob, nil).is(200).length(2, "providers").want(false, "providers", 0, "secret").
		want("developer", "providers", 0, "filledBy").want("site-admin", "providers", 1, "filledBy")
	set := l.ask("PUT", path+"/music", l.bob, object{"secret": "secret-of-music"}).is(200).want("music", "key").want(true, "secret")
	again := l.ask("GET", path, l.bob, nil).is(200).want(true, "providers", 0, "secret").want(set.text("redirectUri"), "providers", 0, "redirectUri")
	if strings.Contains(string(set.body)+string(again.body), "secret-of-music") {
		l.t.Errorf("a client secret is told: %s", again.body)
	}
	l.ask("PUT", path+"/other", l.bob, object{"secret": "secret-of-other"}).fails(404, "PROVIDER_UNKNOWN")
	l.ask("PUT", path+"/music", l.bob, object{"secret": ""}).fails(400, "MISSING")
	l.ask("PUT", path+"/keyed", l.bob, object{"secret": "secret-of-keyed"}).fails(403, "PROVIDER_OF_SITE")

	// What an admin of the site gives, for where it was shown to go.
	target := l.target("app", id)
	digest := l.ask("POST", "/api/v1/installations/preview", l.ada, target).is(200).text("digest")
	at := "/api/v1/installations/" + l.ask("POST", "/api/v1/installations", l.ada, l.target("app", id, "digest", digest, "confirmDevelopment", true)).is(201).text("id")
	l.ask("GET", at+"/providers", l.ada, nil).is(200).length(1, "providers").want("keyed", "providers", 0, "key").want("https://music.example", "providers", 0, "sends", 0).want(false, "providers", 0, "given")
	l.ask("GET", at+"/providers", l.admin, nil).fails(404, "NOT_YOURS")
	give := object{"sends": []string{"https://music.example"}, "secret": "key-of-the-site"}
	l.ask("PUT", at+"/providers/music/credential", l.ada, give).fails(403, "PROVIDER_OF_USERS")
	l.ask("PUT", at+"/providers/other/credential", l.ada, give).fails(404, "PROVIDER_UNKNOWN")
	l.ask("PUT", at+"/providers/keyed/credential", l.admin, give).fails(404, "NOT_YOURS")
	l.ask("PUT", at+"/providers/keyed/credential", l.ada, object{"sends": []string{"https://other.example"}, "secret": "key-of-the-site"}).fails(409, "PREVIEW_CHANGED")
	l.ask("PUT", at+"/providers/keyed/credential", l.ada, object{"sends": []string{"https://music.example"}, "secret": "short"}).fails(422, "BAD_CREDENTIAL")
	given := l.ask("PUT", at+"/providers/keyed/credential", l.ada, give).is(200).want(true, "given")
	listed := l.ask("GET", at+"/providers", l.ada, nil).is(200).want(true, "providers", 0, "given")
	if strings.Contains(string(given.body)+string(listed.body), "key-of-the-site") {
		l.t.Errorf("a site's credential is told: %s", listed.body)
	}
	l.ask("DELETE", at+"/providers/keyed/credential", l.ada, nil).is(204)
	l.ask("DELETE", at+"/providers/keyed/credential", l.ada, nil).fails(404, "NO_CREDENTIAL")
	l.ask("DELETE", at, l.ada, nil).is(204)
}

func (l *life) variables() {
	path := "/api/v1/apps/" + l.appID + "/environments/development/variables"
	before := l.counted()
	l.ask("GET", path, l.bob, nil).is(200).length(0, "variables")
	l.ask("PUT", path+"/GREETING", l.bob, object{"value": "hello"}).is(204)
	l.ask("PUT", path+"/SEALED", l.bob, object{"value": "hush", "sealed": true}).is(204)
	// The next call sees both, also what module scope read; no deploy is needed.
	l.says("one " + before(1) + " hello hush hello")
	list := l.ask("GET", path, l.bob, nil).is(200).length(2, "variables").want("hello", "variables", 0, "value").want(true, "variables", 1, "sealed")
	if strings.Contains(string(list.body), "hush") {
		l.t.Errorf("a sealed variable is told: %s", list.body)
	}
	l.ask("PUT", path+"/SEALED", l.bob, object{"value": "shown"}).fails(409, "VARIABLE_SEALED")
	l.ask("PUT", path+"/SEALED", l.bob, object{"value": "shown", "sealed": true, "unseal": true}).fails(400, "SEALED_OR_NOT")
	l.ask("PUT", path+"/SEALED", l.bob, object{"value": "shown", "unseal": true}).is(204)
	l.ask("GET", path, l.bob, nil).is(200).want("shown", "variables", 1, "value")
	l.ask("PUT", path+"/SEALED", l.bob, object{"value": "hush", "sealed": true}).is(204)
	l.ask("PUT", path+"/GREETING", l.bob, object{"value": ""}).is(204)
	l.says("one " + before(2) + "  hush ")
	l.ask("DELETE", path+"/GREETING", l.bob, nil).is(204)
	l.ask("DELETE", path+"/GREETING", l.bob, nil).fails(404, "VARIABLE_UNKNOWN")
	l.says("one " + before(3) + "  hush ")
	l.ask("PUT", path+"/1ST", l.bob, object{"value": ""}).fails(422, "VARIABLE_NAME")
	l.ask("PUT", path+"/LONG", l.bob, object{"value": strings.Repeat("x", 64<<10)}).is(204)
	l.ask("PUT", path+"/LONG", l.bob, object{"value": strings.Repeat("é", 40<<10)}).fails(429, "LIMIT_VARIABLE")
	l.ask("GET", path, l.developer, nil).fails(404, "NOT_YOURS")
	l.ask("PUT", strings.Replace(path, "development", "gone", 1)+"/KEY", l.bob, object{"value": ""}).fails(404, "ENVIRONMENT_UNKNOWN")
}

// counted makes one call and gives the numbers of those that follow.
func (l *life) counted() func(int) string {
	l.t.Helper()
	n, err := json.Number(strings.Fields(string(l.open(l.url).is(200).body))[1]).Int64()
	if err != nil {
		l.t.Fatal(err)
	}
	return func(i int) string { b, _ := json.Marshal(n + int64(i)); return string(b) }
}

// tunnelLogin: a person agrees at the console that a developer's tunnel carries their calls.
func (l *life) tunnelLogin(tunnel func(environment string) string) {
	asked := object{"site": l.site, "product": "helpdesk", "name": "desk"}
	l.ask("POST", tunnel("staging")+"/logins", l.bob, asked).fails(403, "TUNNEL_DEVELOPMENT_ONLY")
	l.ask("POST", tunnel("development")+"/logins", l.bob, object{"site": l.site, "product": "helpdesk"}).fails(400, "MISSING")
	l.ask("POST", tunnel("development")+"/logins", l.bob, object{"site": "demo", "product": "helpdesk", "name": "desk"}).fails(404, "NOT_INSTALLED")
	started := l.ask("POST", tunnel("development")+"/logins", l.bob, asked).is(201)
	secret, typed := started.text("device_code"), started.text("user_code")
	if at := started.text("verification_uri"); at != l.env.Access.UIURL+"/my/tunnels" {
		l.t.Errorf("the code is typed at %q", at)
	}
	site, err := l.env.System.Tenancy.SiteByName(l.t.Context(), l.site)
	if err != nil {
		l.t.Fatal(err)
	}
	person := id.Principal{Kind: id.EndUser, Site: site.ID, Product: "desk", User: "carol"}
	if err := l.env.System.Accounts.AgreeToTunnel(l.t.Context(), person, typed); err != nil {
		l.t.Fatal(err)
	}
	token := tunnel("development") + "/logins/token"
	l.ask("POST", token, l.bob, object{}).fails(400, "MISSING")
	told := l.ask("POST", token, l.bob, object{"device_code": secret}).is(201).want("carol", "user")
	at := "/api/v1/installations/" + told.text("installation") + "/agreements"
	list := l.ask("GET", at, l.ada, nil).is(200).want("tunnel", "agreements", 0, "kind").want("carol", "agreements", 0, "user").want("bob", "agreements", 0, "developer")
	if list.text("agreements", 0, "expiresAt") <= list.text("agreements", 0, "since") {
		l.t.Error(list.text("agreements", 0, "expiresAt"))
	}
	l.ask("DELETE", at, l.ada, nil).fails(400, "MISSING")
	l.ask("DELETE", at+"?user=carol&kind=all", l.ada, nil).fails(400, "AGREEMENT_KIND")
	l.ask("DELETE", at+"?user=carol&kind=consent", l.ada, nil).fails(404, "NO_AGREEMENT")
	l.ask("DELETE", at+"?user=dave", l.ada, nil).fails(404, "NO_AGREEMENT")
	l.ask("DELETE", at+"?user=carol", l.admin, nil).fails(404, "NOT_YOURS")
	l.ask("DELETE", at+"?user=carol&kind=tunnel", l.ada, nil).is(200).want(1.0, "ended")
	l.ask("DELETE", at+"?user=carol", l.ada, nil).fails(404, "NO_AGREEMENT")
	l.ask("POST", token, l.bob, object{"device_code": secret}).fails(422, "EXPIRED_TOKEN")
}
