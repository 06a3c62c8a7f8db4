package attack

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// frontEnd is an app that has a front end of its own and nothing else.
type frontEnd struct {
	id, external string
	files        map[string]string
}

func (a frontEnd) parts(environment string) []part {
	meta, _ := json.Marshal(map[string]string{"app": a.id, "environment": environment})
	manifest := "app:\n  id: \"\"\n  name: Attack\n  runtime: {name: nodejs22.x}\npermissions:\n  scopes: []\n" + a.external +
		"modules:\n  \"tracker:issuePanel\":\n    - {key: panel, title: Panel, resource: main}\nresources:\n  - {key: main, path: static}\n"
	parts := []part{{"meta", "", string(meta)}, {"manifest", "", manifest}, {"bundle", "", ""}}
	for name, text := range a.files {
		parts = append(parts, part{"file", name, text})
	}
	return parts
}

// pages deploys and installs a front end and tells where it stands.
func (p *platform) pages(environment string, a frontEnd) (at place, document string) {
	p.t.Helper()
	at = place{p: p, environment: environment, site: p.Access.Site, developer: p.Access.DeveloperToken, admin: p.Access.AdminToken}
	var made struct{ App string }
	p.upload(at.developer, a.parts(environment)).must(p.t).into(p.t, &made)
	at.app = made.App
	at = at.install()
	return at, at.document()
}

func (at place) document() string {
	at.p.t.Helper()
	var shown struct{ Documents map[string]string }
	at.p.api("GET", "/api/v1/installations/"+at.installation+"/pages", at.admin, nil).must(at.p.t).into(at.p.t, &shown)
	return shown.Documents["main"]
}

const alicesPage = "<!doctype html><html><head><script>first()</script><script src=./app.js></script></head><body>of alice</body></html>"

// A page of an app is bounded in whatever it is answered, and is given nothing that is
// another's.
func TestAttackLeaveByPage(t *testing.T) {
	p := newPlatform(t)
	const clients = "  external: {fetch: {client: [api.alice.example]}, images: [\"*.alice.example\"]}\n"
	at, document := p.pages("development", frontEnd{external: clients, files: map[string]string{"static/index.html": alicesPage, "static/app.js": "work()", "static/a b.svg": "<svg onload=x()>", "secret.txt": "outside of the front end"}})
	other, others := p.pages("development", frontEnd{files: map[string]string{"static/index.html": "of bob", "static/bob.js": "bob()"}})
	origin, hash := strings.SplitN(document, "/", 5)[2], strings.SplitN(document, "/", 5)[3]
	ask := func(method, host, path string, header http.Header) answer {
		return p.send(method, host, path, header, nil)
	}

	t.Run("every answer is bounded", func(t *testing.T) {
		tag := ask("GET", origin, "/"+hash+"/main/app.js", nil).header.Get("ETag")
		for name, c := range map[string]struct {
			method, path string
			header       http.Header
			status       int
		}{
			"the document": {"GET", "/" + hash + "/main/index.html", nil, 200}, "a file": {"GET", "/" + hash + "/main/app.js", nil, 200}, "an image": {"GET", "/" + hash + "/main/a%20b.svg", nil, 200},
			"unchanged": {"GET", "/" + hash + "/main/app.js", http.Header{"If-None-Match": {tag}}, 304}, "a part": {"GET", "/" + hash + "/main/app.js", http.Header{"Range": {"bytes=0-1"}}, 206},
			"a part that is not there": {"GET", "/" + hash + "/main/app.js", http.Header{"Range": {"bytes=900-"}}, 416},
			"unknown":                  {"GET", "/nothing", nil, 404}, "a form": {"POST", "/" + hash + "/main/index.html", nil, 405}, "the bridge": {"GET", "/_annex/bridge.js", nil, 200},
			"a service worker": {"GET", "/" + hash + "/main/app.js", http.Header{"Service-Worker": {"script"}}, 403}, "another method": {"PROPFIND", "/", nil, 405},
			"a long path": {"GET", "/" + strings.Repeat("x", 5000), nil, 404},
		} {
			a := ask(c.method, origin, c.path, c.header)
			if a.status != c.status {
				t.Errorf("%s: %d, not %d", name, a.status, c.status)
			}
			policy := a.header.Values("Content-Security-Policy")
			if len(policy) != 1 || !strings.HasPrefix(policy[0], "default-src 'none'; ") || !strings.Contains(policy[0], "connect-src 'self' https://api.alice.example;") || !strings.Contains(policy[0], "; sandbox ") ||
				a.header.Get("Connection-Allowlist") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" || len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s: %v", name, a.header)
			}
		}
	})
	t.Run("the bridge stands first", func(t *testing.T) {
		a := p.get(document).must(t)
		if first := strings.Index(a.body, "<script"); first < 0 || !strings.HasPrefix(a.body[first:], `<script src="/_annex/bridge.js`) {
			t.Errorf("first is %s", a.body)
		}
	})
	t.Run("nothing of another", func(t *testing.T) {
		stranger, strange := strings.SplitN(others, "/", 5)[2], strings.SplitN(others, "/", 5)[3]
		for _, c := range []struct{ host, path string }{
			{stranger, "/" + hash + "/main/index.html"}, {origin, "/" + strange + "/main/index.html"}, {origin, "/" + strange + "/main/bob.js"}, {stranger, "/" + hash + "/main/app.js"},
			{origin, "/0123456789abcdef/main/index.html"}, {origin, "//main/index.html"}, {origin, "/main/index.html"},
			{origin, "/" + hash + "/../secret.txt"}, {origin, "/" + hash + "/main/../secret.txt"}, {origin, "/" + hash + "/main/../../secret.txt"}, {origin, "/" + hash + "/main/%2e%2e/secret.txt"},
			{origin, "/" + hash + "/main/..%2fsecret.txt"}, {origin, "/" + hash + "/main/..%5csecret.txt"}, {origin, "/" + hash + "/main//secret.txt"}, {origin, "/" + hash + "/secret.txt"},
			{origin, "/" + hash + "/main/static/index.html"}, {origin, "/" + hash + "/main/index.html%00"}, {origin, "/" + hash + "/main/INDEX.HTML"},
			{strings.ReplaceAll(at.installation, "-", "") + ".apps.localhost", "/" + hash + "/main/index.html"}, {at.installation + ".apps.localhost", "/" + hash + "/main/index.html"},
			{strings.Replace(origin, origin[:1], map[bool]string{true: "1", false: "0"}[origin[0] == '0'], 1), "/" + hash + "/main/index.html"},
		} {
			if a := ask("GET", c.host, c.path, nil); a.status != 404 || strings.Contains(a.body, "alice") || strings.Contains(a.body, "outside") || strings.Contains(a.body, "bob") {
				t.Errorf("%s%s: %d %s", c.host, c.path, a.status, a.body)
			}
		}
	})
	t.Run("what was taken away is gone", func(t *testing.T) {
		p.api("PATCH", "/api/v1/installations/"+at.installation+"/grant", at.admin, map[string]any{"trim": []string{"egress:FETCH_CLIENT_SIDE:api.alice.example"}}).must(t)
		for _, file := range []string{"index.html", "app.js", "a%20b.svg"} {
			a := ask("GET", origin, "/"+hash+"/main/"+file, nil).must(t)
			// A worker and a picture opened as a page live under the policy that came with
			// them: a browser may keep none of it unasked.
			if kept := a.header.Get("Cache-Control"); kept != "no-store" && kept != "no-cache" {
				t.Errorf("%s is kept: %s", file, kept)
			}
			if strings.Contains(a.header.Get("Content-Security-Policy"), "api.alice.example") || strings.Contains(a.header.Get("Connection-Allowlist"), "api.alice.example") {
				t.Errorf("%s: %v", file, a.header)
			}
		}
		other.uninstall().must(t)
		if a := p.get(others); a.status != 404 || a.header.Get("Clear-Site-Data") == "" || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "default-src 'none'; ") {
			t.Errorf("after the uninstall: %d %v", a.status, a.header)
		}
	})
	t.Run("no policy is written by an app", func(t *testing.T) {
		for _, host := range []string{"a.example; script-src *", "a.example,script-src *", "a.example/x;script-src%20*", "https://a.example/x,y", "'unsafe-inline'", "a.example\\r\\nX-A: b", "data:", "https:", "*;", "a.example'", "https://a.example\\\" evil"} {
			a := p.upload(at.developer, frontEnd{external: fmt.Sprintf("  external: {images: [\"%s\"]}\n", host), files: map[string]string{"static/index.html": "x"}}.parts("development"))
			if a.status != 422 {
				t.Errorf("%s: %d %s", host, a.status, a.body)
			}
		}
		for _, script := range []string{"strict-dynamic", "nonce-YQ==", "*", "'self'", "data:", "unsafe-eval; script-src *"} {
			a := p.upload(at.developer, frontEnd{external: fmt.Sprintf("  content: {scripts: [\"%s\"]}\n", script), files: map[string]string{"static/index.html": "x"}}.parts("development"))
			if a.status != 422 {
				t.Errorf("%s: %d %s", script, a.status, a.body)
			}
		}
	})
	t.Run("no policy is too long for its header", func(t *testing.T) {
		var hosts []string
		for n := range 500 {
			hosts = append(hosts, fmt.Sprintf("host-%d.alice.example", n))
		}
		a := p.upload(at.developer, frontEnd{external: "  external: {images: [" + strings.Join(hosts, ", ") + "]}\n", files: map[string]string{"static/index.html": "x"}}.parts("development"))
		if a.code() != "LIMIT_PAGE_POLICY" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("reports say nothing of others", func(t *testing.T) {
		body := `[{"type":"csp-violation","body":{"blockedURL":"https://evil.example/secret-of-alice","effectiveDirective":"img-src","documentURL":"https://x/secret-of-alice","sample":"secret-of-alice"}}]`
		for range 100 {
			if a := p.send("POST", origin, "/_annex/reports", http.Header{"Content-Type": {"application/reports+json"}}, []byte(body)); a.status != 204 || a.body != "" {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		a := p.api("GET", "/api/v1/installations/"+at.installation+"/pages", at.admin, nil).must(t)
		if !strings.Contains(a.body, `"https://evil.example"`) || strings.Contains(a.body, "secret-of-alice") || strings.Contains(a.body, `"times":100`) {
			t.Error(a.body)
		}
		if log := p.api("GET", "/api/v1/logs?"+at.query(), at.developer, nil).must(t); strings.Contains(log.body, "secret-of-alice") {
			t.Error(log.body)
		}
	})
}

// A page leads its frame to an address of its own origin that is no request: what the browser is
// then shown belongs to that origin too, and could be scripted by what shares it.
func TestAttackReachAPageWithoutPolicy(t *testing.T) {
	p := newPlatform(t)
	_, document := p.pages("development", frontEnd{files: map[string]string{"static/index.html": alicesPage, "static/app.js": "work()"}})
	origin := strings.SplitN(document, "/", 5)[2]
	for name, path := range map[string]string{"an address that is none": "/%", "half of a letter": "/%f", "a head that is too long": "/?" + strings.Repeat("a", 100<<10)} {
		c, err := net.Dial("tcp", p.control())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: "+origin+"\r\n\r\n") // it may be refused before all of it went
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if policy := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.HasSuffix(policy, "; sandbox") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
		}
		_ = c.Close()
	}
}
