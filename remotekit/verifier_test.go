package remotekit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/remotekit"
)

type vectors struct {
	Now       int64
	Expect    struct{ Server, Audience, Remote, Base, Method, Path string }
	Keys      json.RawMessage
	Good, Bad []struct {
		Name, Token string
		At          int64
		Replayed    bool
	}
}

func read(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("../docs/protocol/invocation.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil || len(v.Good) < 3 || len(v.Bad) < 20 {
		t.Fatalf("%d good and %d bad tokens: %v", len(v.Good), len(v.Bad), err)
	}
	return v
}

func (v vectors) config(t *testing.T, at int64) remotekit.Config {
	t.Helper()
	keys, err := remotekit.ParseKeySet(v.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if at == 0 {
		at = v.Now
	}
	return remotekit.Config{Server: v.Expect.Server, Audience: v.Expect.Audience, Remote: v.Expect.Remote, Base: v.Expect.Base,
		Keys: keys, Now: func() time.Time { return time.Unix(at, 0) }}
}

func verifier(t *testing.T, cfg remotekit.Config) *remotekit.Verifier {
	t.Helper()
	v, err := remotekit.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// request is the vectors' request with a token.
func (v vectors) request(token string) *http.Request {
	r := httptest.NewRequest(v.Expect.Method, v.Expect.Path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func TestVectors(t *testing.T) {
	v := read(t)
	for _, c := range v.Good {
		call, err := verifier(t, v.config(t, c.At)).Request(v.request(c.Token))
		if err != nil || call.Remote != "logs" || !strings.HasPrefix(call.App.Installation, "ari:") || call.App.Environment.Type != "PRODUCTION" || call.App.Module.Key != "settings" {
			t.Errorf("%s: %+v %v", c.Name, call, err)
		}
		if call != nil && (call.Principal == "alice") != strings.HasSuffix(c.Name, "user") && !strings.HasPrefix(c.Name, "in its") {
			t.Errorf("%s: for %q", c.Name, call.Principal)
		}
	}
	for _, c := range v.Bad {
		one := verifier(t, v.config(t, c.At))
		_, err := one.Request(v.request(c.Token))
		if c.Replayed {
			if err != nil {
				t.Errorf("%s, the first time: %v", c.Name, err)
			}
			_, err = one.Request(v.request(c.Token))
		}
		if remotekit.ReasonOf(err) == "" || len(err.Error()) > 200 {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

func TestRequestsThatAreNotTheTokens(t *testing.T) {
	v := read(t)
	good := v.Good[0].Token
	for name, change := range map[string]func(r *http.Request){
		"no token":            func(r *http.Request) { r.Header.Del("Authorization") },
		"two":                 func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+good) },
		"two of its own":      func(r *http.Request) { r.Header["X-Annex-Invocation-Token"] = []string{good, good} },
		"basic":               func(r *http.Request) { r.Header.Set("Authorization", "Basic "+good) },
		"another method":      func(r *http.Request) { r.Method = "PUT" },
		"another path":        func(r *http.Request) { r.RequestURI = "/v1/other" },
		"an escaped path":     func(r *http.Request) { r.RequestURI = "/v1/%6cines" },
		"a path with more":    func(r *http.Request) { r.RequestURI = "/v1/lines/" },
		"a line end":          func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+good+"\n") },
		"a line end in it":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+good[:20]+"\n"+good[20:]) },
		"padding":             func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+good+"=") },
		"very long":           func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+good+strings.Repeat("A", 20<<10)) },
		"without a signature": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+good[:strings.LastIndex(good, ".")+1]) },
	} {
		r := v.request(good)
		change(r)
		if _, err := verifier(t, v.config(t, 0)).Request(r); remotekit.ReasonOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Where a credential took Authorization, and mounted below a path.
	r := v.request("of-the-credential")
	r.Header.Set("X-Annex-Invocation-Token", good)
	w := httptest.NewRecorder()
	http.StripPrefix("/v1", verifier(t, v.config(t, 0)).Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if call, ok := remotekit.CallOf(r.Context()); !ok || call.Principal != "alice" {
			t.Errorf("%+v", call)
		}
		_, _ = io.WriteString(w, "in")
	}))).ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != "in" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// What says whether a token was used is out of reach.
	cfg := v.config(t, 0)
	cfg.Used = func(context.Context, string, time.Time) (bool, error) { return false, errors.New("no store") }
	w = httptest.NewRecorder()
	verifier(t, cfg).Require(http.NotFoundHandler()).ServeHTTP(w, v.request(good))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The server's keys are asked for when they are needed, again when they are old or a token
// names a new one, not for every invented one, and count for a while when the server is away.
func TestKeysOfTheServer(t *testing.T) {
	v := read(t)
	var asked atomic.Int32
	var set atomic.Value
	set.Store([]byte(`{"keys":[]}`))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch text := set.Load().([]byte); {
		case r.URL.Path != "/.well-known/jwks.json":
			t.Errorf("%s was asked for", r.URL)
		case len(text) == 0:
			http.Redirect(w, r, "https://evil.test/keys", http.StatusFound)
		default:
			_, _ = w.Write(text)
		}
	}))
	defer server.Close()
	now := time.Unix(v.Now, 0)
	cfg := v.config(t, 0)
	cfg.Keys, cfg.Server, cfg.Now = nil, server.URL, func() time.Time { return now }
	one := verifier(t, cfg)
	// The tokens are another server's, so a good signature is what WrongServer shows.
	for n, step := range []struct {
		after time.Duration
		keys  string
		want  remotekit.Reason
		asked int32
	}{
		{0, `{"keys":[]}`, remotekit.UnknownKey, 1},
		{time.Second, string(v.Keys), remotekit.UnknownKey, 1}, // asked a moment ago
		{10 * time.Second, string(v.Keys), remotekit.WrongServer, 2},
		{time.Minute, "", remotekit.WrongServer, 2},
		{5 * time.Minute, "", remotekit.WrongServer, 3}, // old, and the server sends elsewhere
		{9 * time.Minute, "", remotekit.NoKeys, 4},      // too old
		{time.Second, "not JSON", remotekit.NoKeys, 5},
		{time.Second, string(v.Keys), remotekit.WrongServer, 6},
	} {
		now = now.Add(step.after)
		set.Store([]byte(step.keys))
		_, err := one.Request(v.request(v.Good[0].Token))
		if remotekit.ReasonOf(err) != step.want || asked.Load() != step.asked {
			t.Errorf("step %d: %v after %d requests", n, err, asked.Load())
		}
	}
}

func TestWhatIsNoVerifierOrKeySet(t *testing.T) {
	v := read(t)
	for name, change := range map[string]func(c *remotekit.Config){
		"plain http": func(c *remotekit.Config) { c.Server = "http://api.annex.example.com" }, "a path": func(c *remotekit.Config) { c.Server += "/" },
		"no server": func(c *remotekit.Config) { c.Server = "" }, "no remote": func(c *remotekit.Config) { c.Remote = "" },
		"no audience": func(c *remotekit.Config) { c.Audience = "" }, "no base": func(c *remotekit.Config) { c.Base = "logs.example.com" },
	} {
		cfg := v.config(t, 0)
		change(&cfg)
		if _, err := remotekit.NewVerifier(cfg); err == nil {
			t.Errorf("a verifier with %s", name)
		}
	}
	key := strings.TrimSuffix(strings.TrimPrefix(strings.Join(strings.Fields(string(v.Keys)), ""), `{"keys":[`), `]}`)
	for name, text := range map[string]string{
		"no JSON": `x`, "a key twice": `{"keys":[` + key + `,` + key + `]}`, "a private key": `{"keys":[` + strings.Replace(key, `"kty"`, `"d":"AQ","kty"`, 1) + `]}`,
		"a small key": `{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`, "an even exponent": `{"keys":[` + strings.Replace(key, `"AQAB"`, `"AQAA"`, 1) + `]}`,
		"a private key for something else": `{"keys":[{"kty":"EC","kid":"b","d":"AQ"},` + key + `]}`, "a secret": `{"keys":[{"kty":"oct","kid":"b","k":"AQ"},` + key + `]}`,
		"an exponent of 32 bits": `{"keys":[` + strings.Replace(key, `"AQAB"`, `"gAAAAQ"`, 1) + `]}`, "an exponent of 72 bits": `{"keys":[` + strings.Replace(key, `"AQAB"`, `"AQAAAAAAAQAB"`, 1) + `]}`,
		"no keys": `{}`, "too large": `{"keys":[]}` + strings.Repeat(" ", 70<<10),
	} {
		if set, err := remotekit.ParseKeySet([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, set)
		}
	}
	if set, err := remotekit.ParseKeySet([]byte(`{"keys":[{"kty":"EC","kid":"a"},` + strings.Replace(key, `"RS256"`, `"PS256"`, 1) + `]}`)); err != nil || len(set) != 0 {
		t.Errorf("keys for something else: %v %v", set, err)
	}
}
