package script

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fake is a control API with the answers of openapi.yaml and no rules behind them,
// enough to tell whether the command asks and words rightly.
type fake struct {
	mu        sync.Mutex
	apps      int
	hashes    map[string][]string // "app/env" → version hashes
	installed map[string]object   // id → installation
	vars      map[string]object
	urls      []object
}

type object = map[string]any

func newFake(t *testing.T) *httptest.Server {
	f := &fake{hashes: map[string][]string{}, installed: map[string]object{}, vars: map[string]object{}}
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*http.Request) (int, any){
		"GET /api/v1/whoami":                                           f.whoami,
		"GET /api/v1/products":                                         f.products,
		"POST /api/v1/products":                                        f.addProduct,
		"POST /api/v1/apps":                                            f.register,
		"POST /api/v1/deployments":                                     f.deploy,
		"GET /api/v1/apps/{app}/environments/{env}/versions":           f.versions,
		"GET /api/v1/apps/{app}/environments/{env}/variables":          f.variables,
		"PUT /api/v1/apps/{app}/environments/{env}/variables/{key}":    f.setVariable,
		"DELETE /api/v1/apps/{app}/environments/{env}/variables/{key}": f.unsetVariable,
		"POST /api/v1/installations/preview":                           f.preview,
		"POST /api/v1/installations":                                   f.install,
		"GET /api/v1/installations":                                    f.installations,
		"DELETE /api/v1/installations/{id}":                            f.uninstall,
		"POST /api/v1/webtriggers":                                     f.webtrigger,
		"GET /api/v1/webtriggers":                                      f.webtriggers,
		"POST /api/v1/webtriggers/secret":                              f.rotate,
		"DELETE /api/v1/webtriggers/secret":                            f.retire,
		"POST /api/v1/invocations":                                     f.invoke,
		"GET /api/v1/logs":                                             f.logs,
		"POST /api/v1/tokens":                                          f.token,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			status, body := 401, fail("unauthenticated", "NO_TOKEN", "the token is not valid")
			if role(r) != "" {
				status, body = h(r)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				json.NewEncoder(w).Encode(body)
			}
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func role(r *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "_")
	if len(parts) != 3 || parts[0] != "anx" {
		return ""
	}
	return parts[1]
}

func fail(kind, code, message string) any {
	return object{"error": object{"kind": kind, "code": code, "message": message, "fix": "ask Alice", "reasonId": "r-1"}}
}

func read(r *http.Request) object {
	var in object
	json.NewDecoder(r.Body).Decode(&in)
	return in
}

func (f *fake) whoami(r *http.Request) (int, any) {
	return 200, object{"kind": role(r), "name": "alice"}
}

func (f *fake) products(*http.Request) (int, any) {
	return 200, object{"products": []object{{"key": "tracker", "aliases": []string{"jira"},
		"modules": []object{{"type": "tracker:issuePanel", "aliases": []string{"jira:issuePanel"}}}, "scopes": []object{{"name": "read:tracker-work"}}}}}
}

func (f *fake) addProduct(r *http.Request) (int, any) {
	text, _ := io.ReadAll(r.Body)
	if role(r) != "operator" {
		return 403, fail("denied", "ROLE", "only an operator may do this")
	}
	_, product, _ := strings.Cut(string(text), "\r\n\r\n") // the head of the part
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") || !strings.HasPrefix(product, "key: ") {
		return 422, object{"error": object{"kind": "invalid", "code": "PRODUCT", "message": "product.yaml has errors",
			"diagnostics": []object{{"file": "product.yaml", "line": 1, "column": 1, "rule": "required", "severity": "error", "message": "key is missing", "fix": "add it"}}}}
	}
	return 200, object{"product": object{"key": strings.TrimPrefix(strings.SplitN(product, "\n", 2)[0], "key: ")}}
}

func (f *fake) register(r *http.Request) (int, any) {
	f.apps++
	return 201, object{"id": fmt.Sprintf("app-%d", f.apps), "name": read(r)["name"]}
}

func (f *fake) deploy(r *http.Request) (int, any) {
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	sum, meta := sha256.New(), object{}
	for mr := multipart.NewReader(r.Body, params["boundary"]); ; {
		p, err := mr.NextRawPart()
		if err != nil {
			break
		}
		text, _ := io.ReadAll(p)
		if strings.Contains(p.Header.Get("Content-Disposition"), `name="meta"`) {
			json.Unmarshal(text, &meta)
			continue
		}
		fmt.Fprintf(sum, "%s %d\n%s", p.Header.Get("Content-Disposition"), len(text), text)
	}
	app, _ := meta["app"].(string)
	created := app == ""
	if created {
		f.apps++
		app = fmt.Sprintf("app-%d", f.apps)
	}
	key, hash := app+"/"+meta["environment"].(string), hex.EncodeToString(sum.Sum(nil))
	out := object{"app": app, "appCreated": created, "environment": meta["environment"], "version": "v", "hash": hash, "created": true, "kind": "first",
		"snapshot": object{"snapshotted": true}}
	if all := f.hashes[key]; len(all) > 0 && all[len(all)-1] == hash {
		out["created"], out["kind"], out["number"] = false, "same", fmt.Sprintf("%d.0.0", len(all))
		return 200, out
	}
	f.hashes[key] = append(f.hashes[key], hash)
	out["number"] = fmt.Sprintf("%d.0.0", len(f.hashes[key]))
	if len(f.hashes[key]) > 1 {
		out["kind"], out["waiting"], out["growth"] = "major", 1, []object{{"group": "Data", "text": "read issues", "loud": true}}
	}
	return 201, out
}

func (f *fake) versions(r *http.Request) (int, any) {
	all := []object{}
	for i, h := range f.hashes[r.PathValue("app")+"/"+r.PathValue("env")] {
		all = append([]object{{"id": "v", "number": fmt.Sprintf("%d.0.0", i+1), "hash": h}}, all...)
	}
	return 200, object{"versions": all}
}

func (f *fake) variables(*http.Request) (int, any) {
	all := []object{}
	for _, v := range f.vars {
		all = append(all, v)
	}
	return 200, object{"variables": all}
}

func (f *fake) setVariable(r *http.Request) (int, any) {
	in, key := read(r), r.PathValue("key")
	v := object{"key": key, "sealed": in["sealed"] == true}
	if in["sealed"] != true {
		v["value"] = in["value"]
	}
	f.vars[key] = v
	return 204, nil
}

func (f *fake) unsetVariable(r *http.Request) (int, any) {
	if _, ok := f.vars[r.PathValue("key")]; !ok {
		return 404, fail("not-found", "NO_VARIABLE", "there is no such variable")
	}
	delete(f.vars, r.PathValue("key"))
	return 204, nil
}

func (f *fake) preview(r *http.Request) (int, any) {
	in := read(r)
	return 200, object{"app": in["app"], "appName": "Hello", "environment": in["environment"], "site": in["site"], "product": in["product"],
		"version": "v", "number": "1.0.0", "digest": "d1", "words": []object{{"group": "Storage", "text": "keep data of its own"}, {"group": "Sends data out", "text": "send requests to", "items": []string{"https://a.example.com", "https://b.example.com"}, "loud": true}},
		"developmentWarning": "its developer can read logs and change code without asking"}
}

func (f *fake) install(r *http.Request) (int, any) {
	in := read(r)
	if role(r) == "developer" {
		return 202, fail("waiting", "REQUEST_FILED", "the site's admin was asked")
	}
	if in["digest"] != "d1" || in["confirmDevelopment"] != true {
		return 409, fail("conflict", "DIGEST", "the digest is not the one that was shown")
	}
	id := fmt.Sprintf("inst-%d", len(f.installed)+1)
	i := object{"id": id, "app": in["app"], "appName": "Hello", "environment": in["environment"], "site": in["site"], "product": in["product"], "number": "1.0.0"}
	f.installed[id] = i
	return 201, i
}

func (f *fake) installations(*http.Request) (int, any) {
	all := []object{}
	for n := 1; n <= 9; n++ {
		if i, ok := f.installed[fmt.Sprintf("inst-%d", n)]; ok {
			all = append(all, i)
		}
	}
	return 200, object{"installations": all}
}

func (f *fake) uninstall(r *http.Request) (int, any) {
	if _, ok := f.installed[r.PathValue("id")]; !ok {
		return 404, fail("not-found", "NOT_INSTALLED", "there is no such installation")
	}
	delete(f.installed, r.PathValue("id"))
	return 204, nil
}

func (f *fake) webtrigger(r *http.Request) (int, any) {
	in := read(r)
	w := object{"url": "http://0123.hooks.localhost:8480/", "module": in["module"], "site": in["site"]}
	if in["module"] == "guarded" {
		w["authentication"], w["secrets"] = "hmac", []object{{"createdAt": "2026-11-22T10:00:00Z"}}
		f.urls = append(f.urls, w)
		return 200, object{"url": w["url"], "module": "guarded", "authentication": "hmac", "secret": "annex_hook_first", "secrets": w["secrets"]}
	}
	f.urls = append(f.urls, w)
	return 200, w
}

func (f *fake) rotate(r *http.Request) (int, any) {
	in := read(r)
	made := []object{{"createdAt": "2026-11-22T12:00:00Z"}, {"createdAt": "2026-11-22T10:00:00Z"}}
	if in["retire"] == true {
		made = made[:1]
	}
	return 200, object{"module": in["module"], "authentication": "hmac", "secret": "annex_hook_second", "secrets": made}
}

func (f *fake) retire(r *http.Request) (int, any) {
	if r.URL.Query().Get("module") != "guarded" {
		return 404, fail("not-found", "NO_PREVIOUS_SECRET", "there is one only")
	}
	return 204, nil
}

func (f *fake) webtriggers(*http.Request) (int, any) { return 200, object{"webtriggers": f.urls} }

func (f *fake) invoke(r *http.Request) (int, any) {
	in := read(r)
	if in["function"] != "hello" {
		return 502, object{"error": object{"kind": "app", "code": "FUNCTION_ERR", "message": "TypeError: nothing here",
			"fields": object{"invocation": "i-2", "stack": "    at boom (src/index.ts:3:5)\n"}}}
	}
	return 200, object{"invocation": "i-1", "result": object{"got": in["payload"]}, "durationMs": 1.5}
}

func (f *fake) logs(r *http.Request) (int, any) {
	if r.URL.Query().Get("environment") == "production" {
		return 403, fail("denied", "PRODUCTION_LOGS", "logs of production are its site's")
	}
	return 200, object{"cursor": "c", "entries": []object{
		{"time": "2026-01-02T03:04:05Z", "level": "info", "invocation": "i-1", "args": []any{"hello\u001b[31m", object{"n": 1}}}}}
}

func (f *fake) token(r *http.Request) (int, any) {
	in := read(r)
	in["id"], in["secret"] = "t-1", "anx_ci_secret"
	return 201, in
}
