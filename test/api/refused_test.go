package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// operation is one route of the document with a request that it takes.
type operation struct {
	method, path, route string
	roles               []string
	op                  *openapi3.Operation
	body                object // nil: none, or no JSON
}

// operations gives each route with a request that would be right, but for the ids of
// what is not there: nothing is changed by trying it.
func (l *life) operations() []operation {
	bodies := map[string]object{
		"addAccount":  {"name": "eve", "developer": true, "adminOf": []string{"acme"}},
		"createToken": {"kind": "ci", "account": "bob", "app": l.appID, "environments": []string{"staging"}, "expiresInDays": 1, "note": "n"},
		"addSite":     {"name": "third", "products": []string{"desk"}, "developmentApps": true}, "updateSite": {"developmentApps": true},
		"signIn": {"state": "s", "assertion": "a"}, "setClientSecret": {"secret": "a-secret-of-a-client"},
		"startDeviceLogin": {"name": "n"}, "pollDeviceLogin": {"device_code": "d"},
		"startTunnelLogin": {"site": l.site, "product": "helpdesk", "name": "n"}, "pollTunnelLogin": {"device_code": "d"},
		"registerApp": {"name": "Third"}, "createEnvironment": {"name": "third"}, "setVariable": {"value": "v", "sealed": true}, "configureProvider": {"secret": "secret-of-it"},
		"promote": {"from": "development", "to": "staging"}, "previewInstallation": l.target(),
		"rotateSigningKeys": {"withdraw": true},
		"install":           l.target("digest", "d", "confirmDevelopment", true, "grant", object{}),
		"rollback":          {"version": "9.9.9", "stopAtGrowth": true}, "approveInstallation": {"digest": "d", "confirmDevelopment": true, "version": "v", "grant": object{}, "without": []string{"k"}, "replace": object{}},
		"relinkStorage": {"from": "gone"},
		"shareLogs":     {"for": "24h"}, "retryDeadLetters": {"ids": []string{"l"}}, "offerApp": {"to": "bob"}, "suspendApp": {"reason": "r"},
		"declineVersion": {"version": "v"}, "addEgress": {"type": "IMAGES", "host": "img.example.com"},
		"setRemote": {"url": "https://logs.example.com", "why": "w", "epoch": 1}, "setCredential": {"origin": "https://logs.example.com", "kind": "bearer", "secret": "s", "name": "n", "tokenPath": "/t", "scope": "x", "certificate": "c"},
		"giveProviderCredential": {"sends": []string{"https://keys.example"}, "client": "c", "secret": "s"},
		"grantNetwork":           {"network": "n", "host": "10.20.0.5", "port": 8088, "epoch": 1}, "addNetwork": {"cidr": "10.20.0.0/16", "ports": []int{8088}, "note": "n"},
		"addAccessRule": {"product": "tracker", "type": "project", "container": "DEMO", "app": "a"},
		"whatIf": {"epoch": 1, "trim": []string{"k"}, "replace": object{}, "restore": []string{"k"}, "off": []string{"k"}, "on": []string{"k"}, "allow": []object{{"type": "IMAGES", "host": "img.example.com"}}, "disallow": []object{{"type": "IMAGES", "host": "img.example.com"}},
			"openNetworks": []object{{"remote": "r", "network": "n", "host": "h", "port": 443}}, "closeNetworks": []object{{"remote": "r", "host": "h", "port": 443}}, "removeModules": []string{"m"}, "uninstall": true},
		"changeGrant":      {"epoch": 1, "trim": []string{"k"}, "replace": object{}, "restore": []string{"k"}, "off": []string{"k"}, "on": []string{"k"}},
		"createWebTrigger": l.target("module", "hook"), "rotateWebTriggerSecret": l.target("module", "hook", "retire", true), "invoke": l.target("function", "echo", "payload", 1),
	}
	fill := strings.NewReplacer("{app}", l.appID, "{environment}", "development", "{site}", "acme", "{installation}", "gone", "{token}", "gone", "{account}", "gone", "{key}", "GONE", "{version}", "gone", "{product}", "gone", "{letter}", "gone", "{remote}", "gone", "{module}", "gone", "{network}", "gone", "{rule}", "gone")
	var out []operation
	for _, path := range slices.Sorted(maps.Keys(l.doc.Paths.Map())) {
		for method, op := range l.doc.Paths.Value(path).Operations() {
			o := operation{method: method, path: fill.Replace(path), route: path, op: op, body: bodies[op.OperationID]}
			switch op.OperationID {
			case "removeSite":
				o.path = "/api/v1/sites/gone"
			case "addNetwork":
				o.path = "/api/v1/sites/gone/networks"
			}
			if op.OperationID == "suspendApp" || op.OperationID == "resumeApp" {
				o.path = "/api/v1/apps/gone/suspension"
			}
			roles, _ := json.Marshal(op.Extensions["x-annex-roles"])
			if err := json.Unmarshal(roles, &o.roles); err != nil {
				l.t.Fatal(err)
			}
			if takesJSON := op.RequestBody != nil && op.RequestBody.Value.Content.Get("application/json") != nil; takesJSON != (o.body != nil) {
				l.t.Fatalf("%s: has this test a body for it? %v", op.OperationID, o.body)
			}
			out = append(out, o)
		}
	}
	return out
}

// token is one of a caller who may use the route.
func (l *life) token(o operation) string {
	for _, of := range [][2]string{{"operator", l.operator}, {"developer", l.bob}, {"admin", l.ada}, {"ci", l.ci}} {
		if slices.Contains(o.roles, of[0]) {
			return of[1]
		}
	}
	return ""
}

// malformed sends each JSON body with one thing wrong by its schema: none is taken, and
// none makes the server fail. RoundTrip holds the first, the status the second.
func (l *life) malformed() {
	tried := 0
	for _, o := range l.operations() {
		if o.body == nil {
			continue
		}
		schema := o.op.RequestBody.Value.Content.Get("application/json").Schema.Value
		for _, wrong := range mutations(schema, o.body) {
			tried++
			a := l.ask(o.method, o.path, l.token(o), wrong)
			if a.status != 400 && a.status != 422 && a.status != 429 {
				raw, _ := json.Marshal(wrong)
				l.t.Errorf("%s with %.200s: %d %s", a.what, raw, a.status, a.body)
			}
		}
	}
	if tried < 60 {
		l.t.Errorf("only %d mutations", tried)
	}
}

// mutations are bodies that the schema refuses, each for one reason.
func mutations(schema *openapi3.Schema, good object) []any {
	out := []any{[]any{}, 1, nil, true, []any{good}}
	known := openapi3.Schemas{}
	properties(schema, known)
	change := func(name string, v any) {
		bad := maps.Clone(good)
		bad[name] = v
		out = append(out, bad)
	}
	for name, ref := range known {
		if required(schema, name) {
			bad := maps.Clone(good)
			delete(bad, name)
			out = append(out, bad)
			change(name, nil)
		}
		p := ref.Value
		switch {
		case p.Type.Is("string"):
			change(name, 1)
			change(name, []string{"x"})
			if p.MinLength > 0 {
				change(name, "")
			}
			if p.MaxLength != nil {
				change(name, strings.Repeat("x", int(*p.MaxLength)+1))
			}
			if len(p.Enum) > 0 {
				change(name, "other")
			}
		case p.Type.Is("boolean"):
			change(name, "true")
			change(name, 1)
		case p.Type.Is("integer"):
			change(name, 1.5)
			change(name, "1")
			if p.Min != nil {
				change(name, *p.Min-1)
			}
			if p.Max != nil {
				change(name, *p.Max+1)
				change(name, 1<<53)
			}
		case p.Type.Is("array"):
			change(name, "x")
			if p.Items.Value.Type.Is("integer") {
				change(name, []any{"x"})
			} else {
				change(name, []any{1})
			}
			if p.MinItems > 0 {
				change(name, []any{})
			}
			if p.MaxItems != nil {
				change(name, slices.Repeat([]string{"acme"}, int(*p.MaxItems)+1))
			}
		case p.Type.Is("object"):
			change(name, "x")
			change(name, []any{})
		}
	}
	change("unknown", 1)
	return out
}

func required(schema *openapi3.Schema, name string) bool {
	return slices.Contains(schema.Required, name) || slices.ContainsFunc(schema.AllOf, func(p *openapi3.SchemaRef) bool { return required(p.Value, name) })
}

// bodies are no JSON, of another type, or too large.
func (l *life) bodies() {
	send := func(o operation, contentType, body string) answer {
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return l.send(o.method, o.path, l.token(o), h, []byte(body))
	}
	for _, o := range l.operations() {
		if o.op.RequestBody == nil {
			// A body that nobody asked for is not read.
			continue
		}
		for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", "text/html; application/json"} {
			send(o, contentType, "{}").fails(400, "CONTENT_TYPE")
		}
		if o.body == nil {
			continue
		}
		good, _ := json.Marshal(o.body)
		for _, bad := range []string{"", "{", string(good) + "{}", string(good) + " x", "'x'", "\xff\xfe", "{\"a\":}", strings.Repeat("[", 100_000)} {
			send(o, "application/json", bad).fails(400, "BAD_JSON")
		}
		send(o, "application/json", `{"`+strings.Repeat("x", 6<<20)+`":1}`).fails(429, "LIMIT_REQUEST")
	}
	send(operation{method: "POST", path: "/api/v1/products", roles: []string{"operator"}}, "application/yaml", strings.Repeat("#", 1<<20+1)).fails(422, "PRODUCT_INVALID")
	send(operation{method: "POST", path: "/api/v1/products", roles: []string{"operator"}}, "application/yaml", strings.Repeat("#", 6<<20+1)).fails(429, "LIMIT_REQUEST")
	// A product's declaration in parts.
	parts := func(all ...string) string {
		var b strings.Builder
		for i := 0; i < len(all); i += 2 {
			b.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + all[i] + "\"\r\n\r\n" + all[i+1] + "\r\n")
		}
		return b.String() + "--b--\r\n"
	}
	const named, document = "key: shop\napiBaseUrl: https://shop.example\nopenapi: api.yaml\n", "openapi: 3.0.0\ninfo: {title: Shop, version: '1'}\npaths: {/a: {get: {operationId: a, responses: {default: {description: x}}}}}\n"
	for body, x := range map[string]struct {
		status int
		code   string
	}{
		parts():                    {400, "PART_MISSING"},
		parts("openapi", document): {400, "PART_MISSING"},
		parts("product", named):    {400, "PART_MISSING"},
		parts("product", named, "product", named):                                              {400, "PART_TWICE"},
		parts("product", named, "file", document):                                              {400, "PART_UNKNOWN"},
		parts("product", named, "openapi", "a: b"):                                             {422, "PRODUCT_INVALID"},
		parts("product", named, "openapi", ""):                                                 {422, "PRODUCT_INVALID"},
		parts("product", "key: shop\napiBaseUrl: https://shop.example\n", "openapi", document): {422, "PRODUCT_INVALID"},
		parts("product", strings.Repeat("#", 1<<20+1)):                                         {429, "LIMIT_UPLOAD"},
		"--b\r\nContent": {400, "BAD_MULTIPART"},
	} {
		send(operation{method: "POST", path: "/api/v1/products", roles: []string{"operator"}}, "multipart/form-data; boundary=b", body).fails(x.status, x.code)
	}
	send(operation{method: "POST", path: "/api/v1/products", roles: []string{"operator"}}, "application/yaml", named).fails(400, "PART_MISSING")
	send(operation{method: "POST", path: "/api/v1/products", roles: []string{"operator"}}, "multipart/form-data; boundary=b", parts("product", named, "openapi", document)).
		is(200).want("shop", "product", "key").want(float64(1), "operations", "total").want(float64(1), "operations", "closed")
	good, _ := json.Marshal(object{"developmentApps": true})
	send(operation{method: "PATCH", path: "/api/v1/sites/acme", roles: []string{"admin"}}, "application/json; charset=utf-8", string(good)).is(200)
	send(operation{method: "PATCH", path: "/api/v1/sites/acme", roles: []string{"admin"}}, "Application/JSON", string(good)).is(200)
}

// routes that are none, and methods that a route does not have.
func (l *life) routes() {
	for _, path := range []string{"/", "/api", "/api/v1", "/api/v1/", "/api/v2/whoami", "/api/v1/whoami/", "/api/v1/Whoami", "/favicon.ico", "/api/v1/apps//environments",
		"//api/v1/whoami", "/api/v1/../v1/whoami", "/api/v1/./whoami", "/%2e%2e/healthz", "/api/v1/tokens/"} {
		for _, token := range []string{"", l.operator} {
			l.ask("GET", path, token, nil).fails(404, "NO_ROUTE")
		}
	}
	methods := map[string][]string{}
	for path, item := range l.doc.Paths.Map() {
		for method := range item.Operations() {
			methods[path] = append(methods[path], method)
		}
	}
	for _, o := range l.operations() {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if slices.Contains(methods[o.route], method) || (method == "GET" || method == "DELETE") && o.route == "/api/v1/installations/preview" { // the installation "preview"
				continue
			}
			a := l.ask(method, o.path, l.operator, nil).fails(405, "NO_METHOD")
			allowed := strings.Split(a.header.Get("Allow"), ", ")
			for _, m := range methods[o.route] {
				if !slices.Contains(allowed, m) {
					l.t.Errorf("%s: Allow is %q", a.what, a.header.Get("Allow"))
				}
			}
		}
	}
}

// roles: each route refuses each other role with the same words, and no token.
func (l *life) roles() {
	for _, o := range l.operations() {
		if slices.Contains(o.roles, "anyone") {
			continue
		}
		for role, token := range map[string]string{"operator": l.operator, "developer": l.bob, "admin": l.ada, "ci": l.ci} {
			if slices.Contains(o.roles, role) {
				continue
			}
			a := l.ask(o.method, o.path, token, o.json()).fails(403, "ROLE_REQUIRED")
			if got := fmt.Sprint(a.get("error", "fields", "roles")); got != fmt.Sprint(o.roles) {
				l.t.Errorf("%s names the roles %v, the contract %v", a.what, got, o.roles)
			}
		}
		l.ask(o.method, o.path, "", o.json()).is(401)
	}
}

func (o operation) json() any {
	if o.body == nil {
		return nil
	}
	return o.body
}

// odd names: text that a database may not take is an unknown name like any other, in
// every place where a name may stand.
func (l *life) odd() {
	all := l.operations()
	for _, text := range []string{"\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "%", "'; --", "😀", "\u202e", strings.Repeat("x", 20_000)} {
		escaped := url.PathEscape(text)
		inPath := strings.NewReplacer("{app}", escaped, "{environment}", escaped, "{key}", escaped, "{site}", escaped, "{installation}", escaped, "{token}", escaped)
		for _, o := range all {
			app := l.appID
			if o.op.OperationID == "suspendApp" { // it would be
				app = "gone"
			}
			if path := inPath.Replace(o.route); path != o.route {
				l.refuses(l.ask(o.method, path, l.token(o), o.json()))
				l.answers(l.ask(o.method, inPath.Replace(strings.Replace(o.route, "{app}", app, 1)), l.token(o), o.json()))
			}
			for name, v := range o.body {
				if _, ok := v.(string); ok {
					body := maps.Clone(o.body)
					body[name] = text
					l.answers(l.ask(o.method, o.path, l.token(o), body))
				}
			}
			for _, p := range o.op.Parameters {
				if p.Value.In == "query" {
					odd := p.Value.Name + "=" + url.QueryEscape(text)
					l.answers(l.ask(o.method, o.path+"?"+odd, l.token(o), o.json()))
					l.answers(l.ask(o.method, o.path+"?"+odd+"&"+l.query()[1:], l.token(o), o.json()))
				}
			}
		}
		for _, meta := range []object{{"app": text, "environment": "development"}, {"app": l.appID, "environment": text}} {
			l.refuses(l.uploadWith(meta))
		}
		l.answers(l.uploadWith(object{"app": l.appID, "environment": "development", "message": text}))
	}
}

func (l *life) uploadWith(meta object) answer {
	parts := l.app.parts("development")
	raw, _ := json.Marshal(meta)
	parts[0].data = string(raw)
	return l.upload(l.bob, parts...)
}

// refuses demands a refusal that is the caller's matter, not a failure.
func (l *life) refuses(a answer) {
	l.t.Helper()
	if a.status < 400 || a.status >= 500 {
		l.t.Errorf("%.200s: %d %s", a.what, a.status, a.body)
	}
}

// answers demands anything but a failure.
func (l *life) answers(a answer) {
	l.t.Helper()
	if a.status >= 500 {
		l.t.Errorf("%.200s: %d %s", a.what, a.status, a.body)
	}
}
