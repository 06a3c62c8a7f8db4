package attack

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
)

// CONTRACTS 1: no cookie leaves a web trigger and none reaches it; its pages are an
// opaque origin that cannot be framed and registers no service worker.
func TestAttackKeepStateInBrowserByWebTrigger(t *testing.T) {
	h := newHooks(t, "i-hostile")
	url := h.address(t, "i-hostile")
	headers := map[string]any{"Content-Type": "text/html", "X-Fine": "1"}
	dropped := []string{
		"Set-Cookie", "set-cookie", "SET-COOKIE", "Set-Cookie2", "Clear-Site-Data", "Service-Worker-Allowed", "Alt-Svc", "Strict-Transport-Security",
		"Content-Security-Policy", "content-security-policy", "Content-Security-Policy-Report-Only", "X-Content-Type-Options", "NEL", "Report-To",
	}
	for _, name := range dropped {
		headers[name] = []string{"sid=1; Domain=apps.example", "evil *"}
	}
	h.run = func(*call.Call) (any, string) {
		return map[string]any{"statusCode": 200, "headers": headers}, "<script>navigator.serviceWorker.register('/')</script>"
	}
	w := h.ask(url, nil)
	if w.Code != 200 || w.Header().Get("X-Fine") != "1" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, name := range dropped {
		for _, v := range w.Header().Values(name) {
			if strings.Contains(v, "sid=1") || strings.Contains(v, "evil") {
				t.Errorf("%s: %s", name, v)
			}
		}
	}
	csp := w.Header().Values("Content-Security-Policy")
	if len(csp) != 1 {
		t.Fatalf("Content-Security-Policy = %q", csp)
	}
	directives := strings.Split(csp[0], "; ")
	if !slices.Contains(directives, "sandbox allow-scripts allow-forms") || !slices.Contains(directives, "frame-ancestors 'none'") || !slices.Contains(directives, "base-uri 'none'") {
		t.Errorf("Content-Security-Policy = %q", csp)
	}
	if w := h.ask(url, http.Header{"Service-Worker": {"script"}}); w.Code != 404 {
		t.Errorf("a service worker's script: %d", w.Code)
	}
}

// Neither a browser's session nor a proxy's word about the client reaches an app.
func TestAttackSeeCookiesOrProxyIdentity(t *testing.T) {
	h := newHooks(t, "i-hostile")
	url := h.address(t, "i-hostile")
	w := h.ask(url, http.Header{
		"Cookie": {"session=secret"}, "X-Forwarded-For": {"secret"}, "X-Forwarded-User": {"secret"}, "Forwarded": {"for=secret"}, "X-Real-Ip": {"secret"},
		"Cf-Connecting-Ip": {"secret"}, "X-Auth-Request-Email": {"secret"}, "Remote-User": {"secret"}, "Proxy-Authorization": {"secret"}, "X-Annex-User": {"secret"},
		"X_forwarded_for": {"secret"}, "X-Fine": {"seen"},
	})
	if w.Code != 200 || len(h.ran) != 1 {
		t.Fatal(w.Code)
	}
	var ctx struct{ Request call.WebRequest }
	if err := json.Unmarshal(h.ran[0].Context, &ctx); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(h.ran[0].Context), "secret") || len(ctx.Request.Headers["x-fine"]) != 1 {
		t.Errorf("the app sees %s", h.ran[0].Context)
	}
}
