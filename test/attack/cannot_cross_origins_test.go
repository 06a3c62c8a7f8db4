package attack

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// CONTRACTS 1: the Host picks the family before anything else is looked at; what one
// family serves, no other does.
func TestAttackCrossOrigins(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{hooks: []string{"hook"}, code: `
function hook(request) { return { statusCode: 200, headers: { "content-type": ["text/html"] }, body: "the app: " + request.method + " " + request.path }; }`})
	address := strings.TrimPrefix(at.hook("hook"), "http://")
	hook, _, _ := strings.Cut(address, "/")
	_, port, err := net.SplitHostPort(p.control())
	if err != nil {
		t.Fatal(err)
	}
	bearer := http.Header{"Authorization": {"Bearer " + at.developer}}
	control := func(a answer) bool {
		return strings.Contains(a.body, `"isolation"`) || strings.Contains(a.body, `"apps"`) || strings.Contains(a.body, `"error"`)
	}
	app := func(a answer) bool { return strings.Contains(a.body, "the app") }

	for _, path := range []string{"/healthz", "/api/v1/apps", "/api/v1/whoami", "/", "/x/../api/v1/apps", "//api/v1/apps", "/.well-known/jwks.json"} {
		a := p.send("GET", hook, path, bearer.Clone(), nil)
		if control(a) || !app(a) {
			t.Errorf("the hook's host answers %s with %d %s", path, a.status, a.body)
		}
		if a := p.send("GET", p.control(), path, bearer.Clone(), nil); app(a) || strings.Contains(a.header.Get("Content-Type"), "html") {
			t.Errorf("the control host answers %s with %d %s", path, a.status, a.body)
		}
		if a := p.send("GET", "annex.localhost:"+port, path, bearer.Clone(), nil); control(a) || app(a) {
			t.Errorf("the ui host answers %s with %d %s", path, a.status, a.body)
		}
	}
	id := strings.TrimSuffix(hook, ".hooks.localhost:"+port)
	for _, host := range []string{
		"evil.example", "evil.example:" + port, "127.0.0.1.evil.example", "127.0.0.2:" + port, "0.0.0.0:" + port, "0:" + port, "2130706433:" + port, "[::ffff:127.0.0.1]:" + port,
		"hooks.localhost:" + port, "x." + hook, hook + ".evil.example", id + ".localhost:" + port, id + ".apps.localhost:" + port, id + ".hooks.localhost.evil.example:" + port,
		"annex.localhost.evil.example", "xannex.localhost:" + port, "api.annex.localhost:" + port, "tracker.localhost:" + port, "127.0.0.1.hooks.localhost.evil.example", "localhost.evil.example",
	} {
		for _, path := range []string{"/healthz", "/readyz", "/api/v1/apps", "/"} {
			if probed, err := netip.ParseAddrPort(host); err == nil && probed.IsValid() && (path == "/healthz" || path == "/readyz") {
				continue // a load balancer asks an address, and learns that the server serves
			}
			if a := p.send("GET", host, path, bearer.Clone(), nil); a.status != http.StatusMisdirectedRequest && a.status != http.StatusBadRequest && a.status != http.StatusNotFound || control(a) && a.status < 300 || app(a) {
				t.Errorf("Host %s, %s: %d %.200s", host, path, a.status, a.body)
			}
		}
	}
	// Nothing but the Host counts, and an address that is written oddly is none or the same.
	for name, h := range map[string]http.Header{
		"X-Forwarded-Host": {"X-Forwarded-Host": {p.control()}}, "X-Host": {"X-Host": {p.control()}}, "Forwarded": {"Forwarded": {"host=" + p.control()}}, "X-Original-Url": {"X-Original-Url": {"/api/v1/apps"}},
		"X-Http-Method-Override": {"X-Http-Method-Override": {"DELETE"}},
	} {
		h.Set("Authorization", "Bearer "+at.developer)
		if a := p.send("GET", hook, "/api/v1/apps", h, nil); control(a) || !strings.Contains(a.body, "the app: GET") {
			t.Errorf("with %s the hook's host answers %d %s", name, a.status, a.body)
		}
	}
	for _, raw := range []string{
		"GET /api/v1/apps HTTP/1.1\r\nHost: " + hook + "\r\nHost: " + p.control(), "GET /api/v1/apps HTTP/1.1\r\nHost: " + p.control() + "\r\nHost: " + hook,
		"GET /api/v1/apps HTTP/1.1", "GET /api/v1/apps HTTP/1.1\r\nHost:", "GET /api/v1/apps HTTP/1.1\r\nHost: " + hook + "@" + p.control(), "GET /api/v1/apps HTTP/1.1\r\nHost: " + p.control() + "@" + hook,
		"GET /api/v1/apps HTTP/1.1\r\nHost: " + hook + "/" + p.control(), "GET /api/v1/apps HTTP/1.1\r\nHost : " + p.control(), "GET http://evil.example/api/v1/apps HTTP/1.1\r\nHost: " + p.control(),
		"GET http://" + hook + "/api/v1/apps HTTP/1.1\r\nHost: evil.example",
	} {
		got := p.raw(raw + "\r\nAuthorization: Bearer " + at.developer + "\r\nConnection: close\r\n\r\n")
		if strings.Contains(got, `"apps"`) {
			t.Errorf("%q: %s", raw, got)
		}
	}
	// A body that two servers would cut differently does not become a second request.
	for _, head := range []string{"Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Content-Length: +5", "Content-Length: 5, 6"} {
		got := p.raw("POST / HTTP/1.1\r\nHost: " + hook + "\r\n" + head + "\r\n\r\n0\r\n\r\nGET /api/v1/apps HTTP/1.1\r\nHost: " + p.control() + "\r\nAuthorization: Bearer " + at.developer + "\r\nConnection: close\r\n\r\n")
		if strings.Contains(got, `"apps"`) {
			t.Errorf("%q hid a request: %s", head, got)
		}
	}
}

// raw writes a request as it is and reads all that comes back.
func (p *platform) raw(text string) string {
	p.t.Helper()
	c, err := net.Dial("tcp", p.control())
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second)) // ends a wait for more, asserts nothing
	if _, err := fmt.Fprint(c, text); err != nil {
		return ""
	}
	got, _ := io.ReadAll(bufio.NewReader(c))
	return string(got)
}
