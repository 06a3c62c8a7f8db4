package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHostDecidesBeforeAnythingElse(t *testing.T) {
	o, err := newOrigins("", "", "", "127.0.0.1:8480")
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Family", name) })
	}
	h := o.route(families{control: named("control"), ui: named("ui"), hook: named("hook"), app: named("app")})
	for host, want := range map[string]string{
		"127.0.0.1:8480": "control", "localhost:8480": "control", "annex.localhost:8480": "ui", "ANNEX.localhost": "ui",
		"0123456789abcdef0123456789abcdef.hooks.localhost:8480": "hook",
		"0123456789abcdef0123456789abcdef.apps.localhost:8480":  "app", "x.APPS.localhost": "app",
		"apps.localhost": "", ".apps.localhost": "", "a.b.apps.localhost": "", "a.apps.localhost.evil.test": "", "xapps.localhost": "", "hooks.apps.localhost.": "",
		"a.b.hooks.localhost": "", "hooks.localhost": "", ".hooks.localhost": "", "evil.test": "", "annex.localhost.evil.test": "", "": "",
		"xhooks.localhost": "", "127.0.0.1.evil.test": "", "127.0.0.1:80.evil.test": "", "annex.localhost:80.evil.test": "",
		"0123456789abcdef0123456789abcdef.hooks.localhost:80.evil.test": "",
	} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Family"); got != want {
			t.Errorf("Host %q went to %q, want %q", host, got, want)
		}
		if want == "" && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("Host %q: %d, want 421", host, w.Code)
		}
	}
}

// A load balancer asks an address, not a name: there /healthz and /readyz answer, and nothing else.
func TestHealthAnswersOnAddresses(t *testing.T) {
	o, err := newOrigins("annex.example.com", "annex-apps.net", "https", "0.0.0.0:8480")
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Family", name) })
	}
	h := o.route(families{control: named("control"), ui: named("ui"), hook: named("hook"), app: named("app")})
	for _, c := range []struct{ host, path, want string }{
		{"10.0.0.7:8480", "/healthz", "control"}, {"10.0.0.7", "/readyz", "control"}, {"[2001:db8::7]:8480", "/healthz", "control"},
		{"127.0.0.1:8480", "/healthz", "control"},
		{"10.0.0.7:8480", "/", ""}, {"10.0.0.7:8480", "/api/v1/apps", ""}, {"10.0.0.7:8480", "/healthz/", ""},
		{"evil.test", "/healthz", ""}, {"10.0.0.7.evil.test", "/healthz", ""}, {"", "/healthz", ""},
		{"api.annex.example.com", "/api/v1/apps", "control"},
		{"label.annex-apps.net", "/", "app"}, {"annex-apps.net", "/", ""}, {"id.hooks.annex-apps.net", "/", "hook"}, {"a.b.annex-apps.net", "/", ""},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Family"); got != c.want || c.want == "" && w.Code != http.StatusMisdirectedRequest {
			t.Errorf("Host %q %s: %q, %d; want %q", c.host, c.path, got, w.Code, c.want)
		}
	}
}

func TestAppsLiveOnAnotherRegistrableDomain(t *testing.T) {
	for _, c := range []struct {
		platform, apps string
		ok             bool
	}{
		{"annex.example.com", "annex-apps.net", true},
		{"annex.example.com", "apps.example.com", false},
		{"example.co.uk", "apps.example.co.uk", false},
		{"one.co.uk", "two.co.uk", true},
		{"example.com", "", false},
		{"com", "example.net", false},
		{"annex.example.com", "*.annex-apps.net", false},
		{"https://annex.example.com", "annex-apps.net", false},
	} {
		if _, err := newOrigins(c.platform, c.apps, "https", "0.0.0.0:443"); (err == nil) != c.ok {
			t.Errorf("platform %q, apps %q: %v", c.platform, c.apps, err)
		}
	}
}

// Names are the same in any case (RFC 9110).
func TestHostsIgnoreCase(t *testing.T) {
	o, err := newOrigins("Annex.Example.com", "apps.example.net", "https", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	family := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(name)) })
	}
	h := o.route(families{control: family("control"), ui: family("ui"), hook: family("hook")})
	for host, want := range map[string]string{
		"API.annex.example.COM": "control", "ui.ANNEX.example.com:443": "ui", "0123456789ABCDEF.HOOKS.Apps.Example.Net": "hook",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Body.String() != want {
			t.Errorf("%s: %d %s, want %s", host, w.Code, w.Body, want)
		}
	}
}
