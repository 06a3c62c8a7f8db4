package manifest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// A model is a manifest in pieces: each is one thing that a manifest may say of its
// authority. Pieces can be drawn, changed and, for the smallest pair that shows a
// fault, taken away.
type model []piece

type piece struct {
	kind   string
	fields fields
}

type fields = map[string]any

// drawer draws pieces from few names, so that two manifests often speak of the same.
type drawer struct{ *rand.Rand }

func one[T any](d drawer, of ...T) T { return of[d.IntN(len(of))] }

// some are up to n values, each possibly twice.
func some[T any](d drawer, n int, of ...T) []any {
	var out []any
	for range d.IntN(n + 1) {
		out = append(out, one(d, of...))
	}
	return out
}

func (d drawer) chance(percent int) bool { return d.IntN(100) < percent }

func (d drawer) model() model {
	var m model
	for range d.IntN(6) {
		m = append(m, d.piece())
	}
	return m
}

// change makes a relative of a model: pieces added, taken away or drawn anew.
func (d drawer) change(m model) model {
	out := slices.Clone(m)
	for range 1 + d.IntN(2) {
		switch n := len(out); {
		case n == 0 || d.chance(30):
			out = slices.Insert(out, d.IntN(n+1), d.piece())
		case d.chance(50):
			i := d.IntN(n)
			out = slices.Delete(out, i, i+1)
		default:
			// The same thing with some fields as another draw has them.
			i := d.IntN(n)
			p := piece{out[i].kind, maps.Clone(out[i].fields)}
			other := d.of(p.kind)
			for _, f := range slices.Sorted(maps.Keys(mergedFields(p.fields, other))) {
				if f == "key" || d.chance(60) {
					continue
				}
				if v, ok := other[f]; ok {
					p.fields[f] = v
				} else {
					delete(p.fields, f)
				}
			}
			out[i] = p
		}
	}
	return out
}

func mergedFields(a, b fields) fields {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

var pieceKinds = []string{"scope", "egress", "egress", "egress", "egress", "remote", "remote", "provider", "content", "sandbox", "configurable",
	"runtime", "function", "webtrigger", "trigger", "endpoint", "event", "action", "apiRoute"}

func (d drawer) piece() piece {
	k := one(d, pieceKinds...)
	return piece{k, d.of(k)}
}

func (d drawer) of(kind string) fields {
	f := fields{}
	switch kind {
	case "scope":
		f["name"] = one(d, "storage:app", "read:issue", "read:app-user-token")
		if d.chance(30) {
			f["impersonation"] = true
		}
	case "egress":
		f["list"] = one(d, "fetch.backend", "fetch.backend", "fetch.backend", "fetch.backend", "fetch.client", "fetch.client", "images", "media", "scripts", "styles", "fonts", "frames", "navigation")
		if strings.HasPrefix(f["list"].(string), "fetch") && d.chance(25) {
			f["remote"] = d.remoteKey()
		} else {
			f["address"] = d.address()
		}
		if d.chance(20) {
			f["category"] = "analytics"
		}
		if d.chance(30) {
			f["inScopeEUD"] = d.chance(30)
		}
	case "content":
		f["list"], f["value"] = "scripts", one(d, "unsafe-inline", "unsafe-eval", "blob:")
		if d.chance(30) {
			f["list"], f["value"] = "styles", "unsafe-inline"
		}
	case "configurable":
		f["enabled"] = d.chance(80)
		if d.chance(60) {
			f["types"] = some(d, 3, "FETCH_BACKEND_SIDE", "FETCH_CLIENT_SIDE", "IMAGES")
		} else if d.chance(30) {
			f["types"] = d.allTypes()
		}
		if d.chance(60) {
			f["patterns"] = d.addresses()
		}
	case "runtime":
		if d.chance(50) {
			f["isolation"] = one(d, "process", "sandbox")
		}
		f["memoryMB"] = one(d, 128, 129, 256, 512)
	case "function":
		f["key"], f["handler"] = one(d, "f1", "f2"), "index.run"
		f["runtime"] = fields{"memoryMB": one(d, 128, 200, 600)}
	case "remote":
		d.remote(f)
	case "provider":
		d.provider(f)
	default:
		d.module(kind, f)
	}
	return f
}

func (d drawer) allTypes() []any {
	var out []any
	for _, k := range egressKinds {
		out = append(out, string(k.kind))
	}
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:len(out)-d.IntN(2)]
}

func (d drawer) remoteKey() string { return one(d, "r1", "r2", "p1") }

var (
	proveSchemes = []string{"", "https://", "https://", "wss://", "HTTPS://"}
	proveWilds   = []string{"", "", "*."}
	proveHosts   = []string{"alice.example", "a.alice.example", "b.a.alice.example", "bob.example", "Alice.Example"}
	provePorts   = []string{"", "", "", ":443", ":8443", ":25"}
	provePaths   = []string{"", "", "", "/", "/x", "/x/", "/x/y", "/x/y/", "/x/*", "/x/**", "/x/*/y", "/x%2Fy", "/%78/", "/x/../y", "/X"}
)

func (d drawer) address() string {
	if d.chance(15) {
		return "*"
	}
	return one(d, proveSchemes...) + one(d, proveWilds...) + one(d, proveHosts...) + one(d, provePorts...) + one(d, provePaths...)
}

func (d drawer) addresses() []any {
	var out []any
	for range d.IntN(3) {
		out = append(out, d.address())
	}
	return out
}

var proveBases = []string{"https://alice.example", "https://alice.example/", "https://alice.example/v1", "https://alice.example/v1/", "https://alice.example/v1/x",
	"HTTPS://Alice.example:443/v1", "https://alice.example/v12", "https://alice.example:8443", "https://bob.example", "https://alice.example/v1/../w", "https://alice.example:25"}

func (d drawer) remote(f fields) {
	f["key"] = one(d, "r1", "r2", "r3")
	configurable := d.chance(40)
	if !configurable || d.chance(50) {
		f["baseUrl"] = one(d, proveBases...)
		if d.chance(30) {
			f["baseUrl"] = fields{"default": one(d, proveBases...), "EU": one(d, proveBases...)}
		}
	}
	if configurable {
		setting := fields{"name": "Server", "description": "Where it is."}
		if d.chance(70) {
			setting[one(d, "supportedPatterns", "supportedPatterns", "domainPatterns")] = d.addresses()
		}
		if d.chance(50) {
			f["configurable"] = setting
		} else {
			if _, has := f["baseUrl"]; !has && d.chance(50) {
				setting["default"] = one(d, proveBases...)
			}
			f["userConfiguration"] = setting
		}
	}
	f["operations"] = some(d, 2, "storage", "compute", "fetch", "other")
	if d.chance(50) || slices.Contains(f["operations"].([]any), any("storage")) {
		f["storage"] = fields{"inScopeEUD": d.chance(50)}
	}
	d.tokens(f)
}

func (d drawer) tokens(f fields) {
	if d.chance(50) {
		f["auth"] = fields{"appUserToken": fields{"enabled": d.chance(50)}, "appSystemToken": fields{"enabled": d.chance(50)}}
	}
}

func (d drawer) provider(f fields) {
	f["key"], f["name"] = one(d, "o1", "o2"), one(d, "Bob", "Bob Inc")
	if d.chance(15) {
		f["integration"] = one(d, "google", "miro")
		f["scopes"] = some(d, 2, "read", "write")
		return
	}
	if d.chance(20) { // a site's own credential
		f["type"], f["remotes"] = one(d, "api_key", "hmac"), append(some(d, 1, "p2"), "p1")
		f["bearerMethod"] = fields{"type": "authorization-header", "parameter": one(d, "X-Key", "X-Token")}
		return
	}
	at := func(path string) fields {
		out := fields{"remote": one(d, "p1", "p1", "p2"), "path": one(d, path, path, path+"2")}
		return out
	}
	f["type"], f["clientId"] = "oauth2", one(d, "c1", "c2")
	f["scopes"], f["remotes"] = some(d, 2, "read", "write"), append(some(d, 1, "p2"), "p1")
	f["bearerMethod"] = "authorization-header"
	switch d.IntN(4) {
	case 0:
		f["bearerMethod"] = fields{"type": one(d, "form-encoded", "uri-query"), "parameter": one(d, "access_token", "token")}
	case 1:
		f["bearerMethod"] = fields{"type": "authorization-header", "prefix": one(d, "Bearer", "token"), "parameter": one(d, "Authorization", "X-Token")}
	}
	if d.chance(20) {
		f["issuer"] = one(d, "https://i1.example", "https://i2.example")
	}
	if d.chance(30) {
		f["mintPaths"] = []any{at("/mint")}
	}
	flag := func(a fields, name string) {
		if d.chance(20) {
			a[name] = d.chance(50)
		}
	}
	texts := func(a fields, name, key string) {
		if d.chance(20) {
			a[name] = fields{key: one(d, "1", "2")}
		}
	}
	overrides := func(a fields) {
		if d.chance(20) {
			a["overrides"] = fields{one(d, "headers", "body"): fields{"x": one(d, "1", "2")}}
		}
	}
	token := func(path string) fields {
		a := at(path)
		if d.chance(20) {
			a["resolvers"] = fields{one(d, "accessToken", "accessTokenExpires", "refreshToken"): one(d, "a", "b")}
		}
		flag(a, "useBasicAuth")
		overrides(a)
		return a
	}
	authorization := at("/authorize")
	texts(authorization, "queryParameters", "audience")
	texts(authorization, "additionalConsentParameters", "prompt")
	profile := at("/me")
	profile["resolvers"] = fields{"id": one(d, "id", "sub"), one(d, "displayName", "avatarUrl"): one(d, "a", "b")}
	if d.chance(20) {
		profile["method"] = one(d, "GET", "POST")
	}
	if d.chance(10) {
		profile["function"] = "f"
	}
	flag(profile, "oidc")
	texts(profile, "queryParameters", "v")
	overrides(profile)
	actions := fields{"authorization": authorization, "exchange": token("/token"), "retrieveProfile": profile}
	if d.chance(30) {
		actions["refreshToken"] = token("/refresh")
	}
	if d.chance(30) {
		revoke := at("/revoke")
		flag(revoke, "useBasicAuth")
		texts(revoke, "queryParameters", "all")
		overrides(revoke)
		actions["revokeToken"] = revoke
	}
	f["actions"] = actions
}

func (d drawer) module(kind string, f fields) {
	switch kind {
	case "webtrigger":
		f["key"], f["function"] = one(d, "w1", "w2"), "f"
		outputs := []any{fields{"key": "ok", "statusCode": 200}}
		switch d.IntN(5) {
		case 0:
			f["response"] = fields{"type": "static", "outputs": outputs}
		case 1:
			f["response"] = fields{"type": "dynamic"}
		case 2:
			f["security"] = fields{"egress": fields{"allowDataEgress": false, "allowedResponses": outputs}}
		case 3:
			f["security"] = fields{"egress": fields{"allowDataEgress": true}}
		}
		if d.chance(50) {
			f["request"] = fields{"authentication": one(d, "none", "hmac", "hmacSharedSecret", "bearer")}
		}
	case "trigger":
		f["key"], f["function"] = one(d, "t1", "t2"), "f"
		f["events"] = append(some(d, 1, "tracker:created:comment"), one(d, "tracker:created:issue", "tracker:updated:issue"))
	case "endpoint":
		f["key"], f["remote"], f["route"] = one(d, "e1", "e2"), d.remoteKey(), fields{"path": one(d, "/hook", "/other")}
		d.tokens(f)
	case "event":
		f["key"], f["name"] = one(d, "v1", "v2"), one(d, "done", "begun")
		f["allowedRecipients"] = append(some(d, 1, "*", "app-a"), one(d, "app-a", "app-b", "*"))
	case "action":
		f["key"], f["function"], f["actionVerb"], f["description"] = one(d, "a1", "a2"), "f", "GET", "Says something."
	case "apiRoute":
		f["key"], f["function"], f["path"], f["operation"] = one(d, "h1", "h2"), "f", one(d, "/list", "/item/*"), one(d, "GET", "POST")
		f["scopes"] = append(some(d, 1, "read:all:custom"), one(d, "read:all:custom", "write:all:custom"))
	}
}

// text writes the model as a manifest. Pieces with the same key are the same thing: the
// later one counts. What pieces refer to is there.
func (m model) text() []byte {
	perms, external, fetch, content, modules, runtime := fields{}, fields{}, fields{}, fields{}, fields{}, fields{}
	scopes, remotes, providers := fields{}, []any{}, []any{}
	keyed := map[string]int{}
	put := func(list []any, kind string, f fields) []any {
		id := fmt.Sprint(kind, " ", f["key"])
		if i, ok := keyed[id]; ok {
			list[i] = f
			return list
		}
		keyed[id] = len(list)
		return append(list, f)
	}
	push := func(to fields, name string, v any) {
		list, _ := to[name].([]any)
		to[name] = append(list, v)
	}
	for i, key := range []string{"p1", "p2", "r1", "r2"} {
		if m.refersTo(key) {
			remotes = put(remotes, "remote", fields{"key": key, "baseUrl": proveBases[2*i], "operations": []any{"other"}})
		}
	}
	for _, p := range m {
		f := p.fields
		switch p.kind {
		case "scope":
			options := fields{}
			if f["impersonation"] == true {
				options["allowImpersonation"] = true
			}
			scopes[f["name"].(string)] = options
		case "egress":
			to, name := external, f["list"].(string)
			if after, ok := strings.CutPrefix(name, "fetch."); ok {
				to, name = fetch, after
			}
			e := maps.Clone(f)
			delete(e, "list")
			if a, ok := e["address"]; ok && len(e) == 1 {
				push(to, name, a)
			} else {
				push(to, name, e)
			}
		case "content":
			push(content, f["list"].(string), f["value"])
		case "sandbox":
			perms["sandbox"] = []any{"allow-storage-access-by-user-activation"}
		case "configurable":
			external["configurable"] = f
			if len(f) == 1 {
				external["configurable"] = f["enabled"]
			}
		case "runtime":
			maps.Copy(runtime, f)
		case "remote":
			remotes = put(remotes, "remote", f)
		case "provider":
			providers = put(providers, "provider", f)
		default:
			list, _ := modules[p.kind].([]any)
			modules[p.kind] = put(list, p.kind, f)
		}
	}
	push(modules, "function", fields{"key": "f", "handler": "index.run"})
	set := func(to fields, name string, v any, n int) {
		if n > 0 {
			to[name] = v
		}
	}
	set(perms, "scopes", scopes, len(scopes))
	set(external, "fetch", fetch, len(fetch))
	set(perms, "external", external, len(external))
	set(perms, "content", content, len(content))
	app := fields{"id": ""}
	set(app, "runtime", runtime, len(runtime))
	root := fields{"app": app, "modules": modules}
	set(root, "remotes", remotes, len(remotes))
	set(root, "permissions", perms, len(perms))
	set(root, "providers", fields{"auth": providers}, len(providers))
	out, err := yaml.Marshal(root)
	if err != nil {
		panic(err)
	}
	return out
}

func (m model) refersTo(remote string) bool {
	return slices.ContainsFunc(m, func(p piece) bool {
		return p.kind != "remote" && strings.Contains(fmt.Sprint(p.fields), remote)
	})
}

// smaller are the models that say one thing less.
func (m model) smaller(yield func(model) bool) {
	for i := range m {
		if !yield(slices.Delete(slices.Clone(m), i, i+1)) {
			return
		}
	}
	for i, p := range m {
		for _, f := range slices.Sorted(maps.Keys(p.fields)) {
			if f == "key" || f == "name" || f == "list" || f == "value" || f == "enabled" {
				continue
			}
			next := slices.Clone(m)
			next[i] = piece{p.kind, maps.Clone(p.fields)}
			delete(next[i].fields, f)
			if !yield(next) {
				return
			}
			if list, ok := p.fields[f].([]any); ok && len(list) > 1 {
				for j := range list {
					next := slices.Clone(next)
					next[i] = piece{p.kind, maps.Clone(p.fields)}
					next[i].fields[f] = slices.Delete(slices.Clone(list), j, j+1)
					if !yield(next) {
						return
					}
				}
			}
		}
	}
}
