package attack

import (
	"net/http"
	"strings"
	"testing"
)

// An answer that app code wrote goes out over the real listener: nothing in it sets
// state in a browser, speaks for the platform, or becomes another answer.
func TestAttackSetCookiesByWebTrigger(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{hooks: []string{"hook"}, code: `
function hook(request) {
  const headers = JSON.parse(request.body);
  return { statusCode: 200, headers, body: "<script>document.cookie = 'a=1'</script>" };
}`})
	url := at.hook("hook")
	for name, body := range map[string]string{
		"a cookie": `{"Set-Cookie": ["planted=1"]}`, "a cookie as text": `{"set-cookie": "planted=1"}`, "a cookie in capitals": `{"SET-COOKIE": ["planted=1", "planted=2"]}`,
		"a wide cookie": `{"Set-Cookie": ["planted=1; Domain=localhost; Path=/"]}`, "an old cookie": `{"Set-Cookie2": ["planted=1"]}`,
		"a header with a line break": `{"X-A": ["b\r\nSet-Cookie: planted=1"]}`, "one with a newline": `{"X-A": ["b\nSet-Cookie: planted=1"]}`, "one with a return": `{"X-A": ["b\rSet-Cookie: planted=1"]}`,
		"a name with a line break": `{"X-A: b\r\nSet-Cookie": ["planted=1"]}`, "a name with a blank": `{"Set-Cookie ": ["planted=1"]}`, "a name with a colon": `{"Set-Cookie:": ["planted=1"]}`, "a name with NUL": `{"Set-Cookie\u0000": ["planted=1"]}`,
		"a folded line": `{"X-A": ["b\r\n Set-Cookie: planted=1"]}`, "another answer": `{"X-A": ["b\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: planted=1\r\n\r\nx"]}`,
		"transfer": `{"Transfer-Encoding": ["chunked"], "Content-Length": ["1"]}`, "cleared": `{"Clear-Site-Data": ["\"*\" planted=1"]}`, "a worker's scope": `{"Service-Worker-Allowed": ["/planted=1"]}`,
		"another service": `{"Alt-Svc": ["h2=\"planted=1:443\""]}`, "strict transport": `{"Strict-Transport-Security": ["max-age=1; planted=1"]}`, "a policy": `{"Content-Security-Policy": ["planted=1"], "content-security-policy-report-only": ["planted=1"]}`,
		"reports": `{"Report-To": ["planted=1"], "NEL": ["planted=1"], "Reporting-Endpoints": ["planted=1"]}`, "sign-in": `{"WWW-Authenticate": ["Basic realm=\"planted=1\""]}`,
	} {
		a := p.ask("POST", url, nil, body)
		if a.status != 200 && a.status != 500 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		for header, values := range a.header {
			if strings.Contains(strings.Join(values, "\n"), "planted=1") && header != "Www-Authenticate" && header != "X-A" {
				t.Errorf("%s: %s: %s", name, header, values)
			}
		}
		for _, cookie := range []string{"Set-Cookie", "Set-Cookie2"} {
			if len(a.header.Values(cookie)) > 0 {
				t.Errorf("%s: %s", name, a.header)
			}
		}
		csp := a.header.Values("Content-Security-Policy")
		if len(csp) != 1 || !strings.Contains(csp[0], "sandbox allow-scripts allow-forms") || strings.Contains(csp[0], "allow-same-origin") ||
			!strings.Contains(csp[0], "frame-ancestors 'none'") || !strings.Contains(csp[0], "default-src 'none'") {
			t.Errorf("%s: Content-Security-Policy = %q", name, csp)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	// No page of the platform sets a cookie, and no address does whoever asks.
	for _, host := range []string{p.control(), "annex.localhost", strings.TrimPrefix(p.Access.UIURL, "http://"), "unknown.example"} {
		for _, path := range []string{"/", "/healthz", "/api/v1/whoami", "/missing"} {
			a := p.send("GET", host, path, http.Header{"Cookie": {"a=1"}, "Origin": {"https://evil.example"}}, nil)
			if len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s%s sets %s", host, path, a.header)
			}
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s%s lets other origins read: %s", host, path, a.header)
				}
			}
		}
	}
}
