package attack

import (
	"strings"
	"testing"
)

// SPEC 3.4: a product that can be made to send or fetch is not an app's way out. Such an
// operation is closed, and where its product opened it, with a reason, it takes the app's
// own destinations and no others.
func TestAttackLeaveByAProduct(t *testing.T) {
	d, at := newDesk(t, "api.example.com")
	ask := func(method, path, body string) (g got) {
		payload := map[string]any{"product": "desk", "method": method, "path": path}
		if body != "" {
			payload["headers"], payload["raw"] = map[string]string{"Content-Type": "application/json"}, body
		}
		at.result("ask", payload, &g)
		return g
	}
	for name, x := range map[string][2]string{
		"a webhook": {"/repos/one/hooks", `{"config":{"url":"https://api.example.com/x"}}`}, "nowhere": {"/repos/one/hooks", `{"config":{}}`},
	} {
		if g := ask("POST", x[0], x[1]); g.Status != 200 || len(d.took()) != 1 {
			t.Fatalf("%s to where the app may send: %+v", name, g)
		}
	}
	for path, body := range map[string]string{
		"/repos/one/push_mirrors": `{"remote_address":"https://evil.example/x"}`, "/import": `{"clone_addr":"https://evil.example/x"}`,
		"/avatars": `{"from":"https://evil.example/x"}`,
	} {
		if g := ask("POST", path, body); g.Status != 403 || g.Code != "OPERATION_CLOSED" {
			t.Errorf("%s: %+v", path, g)
		}
	}
	for _, body := range []string{
		`{"config":{"url":"https://evil.example/x"}}`, `{"config":{"url":"https://api.example.com/x","url":"https://evil.example/x"}}`,
		`{"config":{"url":"https://evil.example/x"},"config":{"url":"https://api.example.com/x"}}`, `{"CONFIG":{"URL":"https://evil.example/x"}}`,
		`{"config":{"url":["https://api.example.com/","https://evil.example/x"]}}`, `{"config":{"url":{"href":"https://evil.example/x"}}}`,
		`{"config":{"\u0075rl":"https://evil.example/x"}}`, `{"config":{"url":"https://api.example.com@evil.example/x"}}`, `{"config":{"url":"//evil.example/x"}}`,
		`{"config":{"url":"https:\\\\evil.example/x"}}`, `{"config":{"url":"http://127.0.0.1:1/x"}}`, `{"config":{"url":"https://[::1]/x"}}`, `{"config":{"url":" https://evil.example/x"}}`,
		`{"config":{"url":"https://api.example.com:8443/x"}}`, `{"config":{"url":"gopher://api.example.com/x"}}`, `{"config":{"url":"https://API.example.com.evil.example/x"}}`,
	} {
		g := ask("POST", "/repos/one/hooks", body)
		if g.Status != 403 || g.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
			t.Errorf("%s: %+v", body, g)
		}
	}
	for _, body := range []string{"url=https://evil.example", `{"config":{"url":"https://evil.example/x"`, `{}{"config":{"url":"https://evil.example/x"}}`, strings.Repeat("[", 100) + `"https://evil.example"` + strings.Repeat("]", 100)} {
		if g := ask("POST", "/repos/one/hooks", body); g.Status != 403 || g.Code != "BODY_REFUSED" {
			t.Errorf("%s: %+v", body, g)
		}
	}
	for _, query := range []string{"url=https://evil.example/x", "url=https://api.example.com/&url=https://evil.example/x", "URL=https://evil.example/x", "%75rl=https://evil.example/x", "url=%09https://evil.example"} {
		if g := ask("GET", "/previews?"+query, ""); g.Status != 403 || g.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
			// Undeclared spellings may also be left out.
			if all := d.took(); g.Status != 200 || len(all) != 1 || strings.Contains(all[0].uri, "evil") {
				t.Errorf("%s: %+v, the product got %+v", query, g, all)
			}
		}
	}
	for _, s := range d.took() {
		t.Errorf("the product got %+v", s)
	}
}
