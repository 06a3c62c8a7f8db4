package protocol

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/remotekit"
)

// A remote written in Go takes what the server signs, once, where it was sent to; what it got
// is of no use at another remote of the same app.
func TestGoRemoteTakesTheServersTokens(t *testing.T) {
	const app = "ari:cloud:ecosystem::app/a"
	s, _ := newSigner(t)
	token := func(remote, audience string) string {
		text, err := s.Invocation(t.Context(), signer.Invocation{Audience: audience, App: map[string]any{"id": app, "installationId": "i"}, Principal: "alice",
			Remote: remote, URL: "https://" + remote + ".example.com/a%20b/lines", Method: "POST"})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one, two := token("logs", "https://logs.example.com"), token("home", app)
	keys, err := remotekit.ParseKeySet(s.JWKS())
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys: %v", len(keys), err)
	}
	start := func(remote, audience string) http.Handler {
		v, err := remotekit.NewVerifier(remotekit.Config{Server: issuer, Remote: remote, Audience: audience, Base: "https://" + remote + ".example.com", Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		return v.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if c, ok := remotekit.CallOf(r.Context()); !ok || c.Principal != "alice" || c.App.Installation != "i" {
				t.Errorf("%+v", c)
			}
		}))
	}
	logs, home := start("logs", "https://logs.example.com"), start("home", app)
	for _, c := range []struct {
		what         string
		at           http.Handler
		method, path string
		token        string
		want         int
	}{
		{"another method", logs, "PUT", "/a%20b/lines", one, 401}, {"another path", logs, "POST", "/a%20b/other", one, 401},
		{"logs", logs, "POST", "/a%20b/lines?x=1", one, 200}, {"again", logs, "POST", "/a%20b/lines?x=1", one, 401},
		{"that of logs at home", home, "POST", "/a%20b/lines", one, 401}, {"that of home at logs", logs, "POST", "/a%20b/lines", two, 401},
		{"home", home, "POST", "/a%20b/lines", two, 200}, {"nothing", home, "POST", "/a%20b/lines", "", 401},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Authorization", "Bearer "+c.token)
		w := httptest.NewRecorder()
		if c.at.ServeHTTP(w, r); w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.what, w.Code, c.want, w.Body)
		}
	}
}
