package attack

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// SPEC 5: redirects start again from the top. The broker follows none: the answer goes
// back, and the next hop is a request that is decided about like any other.
func TestAttackFollowRedirectToUndeclaredHost(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{
			"https://evil.example/?stolen=1", "//evil.example/", "https://127.0.0.1/", "https://api.example.com@evil.example/",
			"http://api.example.com/", "https://metadata.internal/",
		} {
			o := newOutside(t)
			o.Play(t, "93.184.216.60", canary(t), netguardtest.Certificate{Names: []string{"evil.example"}})
			o.Resolve("evil.example", []string{"93.184.216.60"})
			hits := 0
			o.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hits++
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			}))
			a := o.app(t, "api.example.com")
			f, err := a.fetch(map[string]any{
				"url": "https://api.example.com/upload", "method": "POST", "redirect": "follow",
				"headers": [][2]string{{"Authorization", "Bearer secret"}},
			}, "secret")
			if err != nil || f.Status != status || f.header("location") != location || hits != 1 {
				t.Fatalf("%d %s: %+v after %d hits, %v", status, location, f, hits, err)
			}
			next := location
			if next == "//evil.example/" {
				next = "https:" + next
			}
			_, err = a.get(next)
			refused(t, next, err)
			for _, name := range o.Resolved() {
				if name != "api.example.com" {
					t.Errorf("%s was looked up", name)
				}
			}
		}
	}
}

// The SDK's fetch follows redirects by asking again. Between two granted hosts it takes
// no credentials along, and it goes nowhere but to https.
func TestAttackLeakByRedirect(t *testing.T) {
	type seen struct {
		host, method, authorization, cookie, own, kind, body string
	}
	p := newPlatform(t)
	var mu sync.Mutex
	var hops []seen
	hop := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		mu.Lock()
		hops = append(hops, seen{r.Host, r.Method, h.Get("Authorization"), h.Get("Cookie"), h.Get("X-Own"), h.Get("Content-Type"), string(body)})
		mu.Unlock()
		if to := r.URL.Query().Get("to"); to != "" {
			status, _ := strconv.Atoi(r.URL.Query().Get("status"))
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		}
	}
	for _, name := range []string{"a.example", "b.example"} {
		p.Host(t, name, http.HandlerFunc(hop))
	}
	p.Host(t, "evil.example", canary(t))
	at := p.deploy("development", source{also: []string{"go"}, egress: []string{"a.example", "b.example"}, code: `
const { fetch } = __annex_require("@annex/api");
async function go([url, method]) {
  const headers = { authorization: "Bearer secret", cookie: "s=secret", "x-own": "mine", "content-type": "text/plain" };
  try { const res = await fetch(url, { method, headers, body: method === "GET" ? undefined : "payload" }); return "ok " + res.status + " " + res.redirected; }
  catch (err) { return err.code ?? err.name; }
}`})
	from := func(status int, to string) string {
		return "https://a.example/?status=" + strconv.Itoa(status) + "&to=" + url.QueryEscape(to)
	}
	all := seen{"a.example", "POST", "Bearer secret", "s=secret", "mine", "text/plain", "payload"}
	for _, tt := range []struct {
		name, url, method, want string
		last                    seen
		hops                    int
	}{
		{"to itself", from(307, "/x"), "POST", "ok 200 true", all, 2},
		{"to another granted host", from(307, "https://b.example/"), "POST", "ok 200 true", seen{"b.example", "POST", "", "", "mine", "text/plain", "payload"}, 2},
		{"308 to another granted host", from(308, "//b.example/"), "PUT", "ok 200 true", seen{"b.example", "PUT", "", "", "mine", "text/plain", "payload"}, 2},
		{"there and back", from(302, "https://b.example/?status=302&to="+url.QueryEscape("https://a.example/")), "GET", "ok 200 true", seen{"a.example", "GET", "", "", "mine", "text/plain", ""}, 3},
		{"301 makes a POST a GET", from(301, "/x"), "POST", "ok 200 true", seen{"a.example", "GET", "Bearer secret", "s=secret", "mine", "", ""}, 2},
		{"303 makes a PUT a GET", from(303, "https://b.example/"), "PUT", "ok 200 true", seen{"b.example", "GET", "", "", "mine", "", ""}, 2},
		{"301 leaves a PUT", from(301, "/x"), "PUT", "ok 200 true", seen{"a.example", "PUT", "Bearer secret", "s=secret", "mine", "text/plain", "payload"}, 2},
		{"to another port", from(302, "https://a.example:8443/"), "GET", "REQUEST_EGRESS_ALLOWLIST_ERR", seen{}, 1},
		{"to a host that is not granted", from(307, "https://evil.example/"), "POST", "REQUEST_EGRESS_ALLOWLIST_ERR", seen{}, 1},
		{"down to http", from(302, "http://b.example/"), "GET", "REQUEST_EGRESS_ALLOWLIST_ERR", seen{}, 1},
		{"to a file", from(302, "file:///etc/passwd"), "GET", "TypeError", seen{}, 1},
		{"to data", from(302, "data:text/plain,x"), "GET", "TypeError", seen{}, 1},
		{"with a password", from(302, "https://u:p@b.example/"), "GET", "REQUEST_EGRESS_ALLOWLIST_ERR", seen{}, 1},
		{"to nowhere", from(302, "https://"), "GET", "TypeError", seen{}, 1},
	} {
		mu.Lock()
		hops = nil
		mu.Unlock()
		var got string
		at.result("go", []string{tt.url, tt.method}, &got)
		mu.Lock()
		if got != tt.want || len(hops) != tt.hops || tt.last != (seen{}) && hops[len(hops)-1] != tt.last {
			t.Errorf("%s: %s after %d hops: %+v", tt.name, got, len(hops), hops)
		}
		mu.Unlock()
	}
	// A loop ends.
	mu.Lock()
	hops = nil
	mu.Unlock()
	loop := "https://b.example/loop"
	p.Host(t, "b.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hops = append(hops, seen{})
		mu.Unlock()
		http.Redirect(w, r, loop, http.StatusFound)
	}))
	p.System.Guard.Forget(at.installation) // its connection is to the host as it was
	var got string
	at.result("go", []string{loop, "GET"}, &got)
	if got != "TypeError" || len(hops) != 21 {
		t.Errorf("a loop of redirects ended with %s after %d hops", got, len(hops))
	}
}
