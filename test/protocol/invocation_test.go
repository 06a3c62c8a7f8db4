package protocol

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/infra/signer"
)

var update = flag.Bool("update", false, "make docs/protocol/invocation.json anew")

// invocations is the form of docs/protocol/invocation.json.
type invocations struct {
	About  string            `json:"about"`
	Now    int64             `json:"now"`
	Expect map[string]string `json:"expect"`
	Keys   json.RawMessage   `json:"keys"`
	Good   []invocation      `json:"good"`
	Bad    []invocation      `json:"bad"`
}

type invocation struct {
	Name     string `json:"name"`
	Token    string `json:"token"`
	At       int64  `json:"at,omitempty"` // another time than now
	Replayed bool   `json:"replayed,omitempty"`
}

func TestNodeVerifiesInvocationTokens(t *testing.T) {
	const file = "../../docs/protocol/invocation.json"
	if *update {
		text, err := json.MarshalIndent(madeAnew(t), "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	v := read[invocations](t, "invocation.json")
	if len(v.Good) < 2 || len(v.Bad) < 20 {
		t.Fatalf("%d good and %d bad tokens", len(v.Good), len(v.Bad))
	}
	for _, tt := range []struct {
		tokens []invocation
		good   bool
	}{{v.Good, true}, {v.Bad, false}} {
		in, err := json.Marshal(map[string]any{"expect": v.Expect, "keys": v.Keys, "now": v.Now, "tokens": tt.tokens})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "node", "check.js")
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.Bytes())
		}
		var answers []answer
		if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(tt.tokens) {
			t.Fatalf("%d answers: %v", len(answers), err)
		}
		for _, a := range answers {
			if (a.Refused == "") != tt.good {
				t.Errorf("%s: %s %s", a.Name, a.Refused, a.Claims)
			}
		}
	}
}

// madeAnew signs tokens with keys that nobody keeps.
func madeAnew(t *testing.T) invocations {
	t.Helper()
	mine, other := rsaKey(t), rsaKey(t)
	const now = 1893553445
	v := invocations{
		About: "Invocation tokens at now, as a remote with the key logs, which an admin set to https://logs.example.com/v1, verifies them for POST /v1/lines?x=1. " +
			"The private halves of the keys are nowhere. A bad token with at is shown then; one that is replayed, twice.",
		Now: now, Expect: map[string]string{"server": "https://api.annex.example.com", "audience": "https://logs.example.com", "remote": "logs",
			"base": "https://logs.example.com/v1", "method": "POST", "path": "/v1/lines?x=1"},
	}
	var err error
	if v.Keys, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: mine.Public(), KeyID: "inv-1", Use: "sig", Algorithm: "RS256"}}}); err != nil {
		t.Fatal(err)
	}
	claims := func(change map[string]any) []byte {
		c := map[string]any{
			"iss": signer.InvocationIssuer, "server": v.Expect["server"], "aud": v.Expect["audience"], "remote": "logs", "htu": "https://logs.example.com/v1/lines", "htm": "POST",
			"iat": now - 1, "nbf": now - 1, "exp": now + 24, "jti": "VECTOR-0000000000001", "principal": "alice",
			"app": map[string]any{"id": "ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000010c5", "appVersion": "1.0.0", "installationId": "ari:cloud:ecosystem::installation/i",
				"apiBaseUrl": "https://api.annex.example.com/gateway/i/logs", "environment": map[string]any{"type": "PRODUCTION", "id": "e"}, "module": map[string]any{"type": "ui", "key": "settings"}},
		}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	sign := func(alg jose.SignatureAlgorithm, key any, kid, typ string, more map[jose.HeaderKey]any, payload []byte) string {
		opts := (&jose.SignerOptions{}).WithHeader("kid", kid)
		if typ != "" {
			opts = opts.WithType(jose.ContentType(typ))
		}
		for k, x := range more {
			opts = opts.WithHeader(k, x)
		}
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := func(change map[string]any) string {
		return sign(jose.RS256, mine, "inv-1", "fit+jwt", nil, claims(change))
	}
	v.Good = []invocation{{Name: "of a page, for a user", Token: good(nil)}, {Name: "of a trigger, for nobody", Token: good(map[string]any{"principal": nil})},
		{Name: "in its last second", Token: good(nil), At: now + 33}}
	bad := func(name, token string) { v.Bad = append(v.Bad, invocation{Name: name, Token: token}) }
	for _, c := range []struct {
		name   string
		change map[string]any
	}{
		{"sent to another remote of the app", map[string]any{"remote": "home"}},
		{"sent to another place", map[string]any{"aud": "https://other.example.com", "htu": "https://other.example.com/v1/lines"}},
		{"of a fixed remote, for the app", map[string]any{"aud": "ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000010c5"}},
		{"for several audiences", map[string]any{"aud": []string{"https://logs.example.com", "https://other.example.com"}}},
		{"for another method", map[string]any{"htm": "GET"}},
		{"for another path", map[string]any{"htu": "https://logs.example.com/v1/other"}},
		{"for another host", map[string]any{"htu": "https://logs.example.com.evil.test/v1/lines"}},
		{"for another scheme", map[string]any{"htu": "http://logs.example.com/v1/lines"}},
		{"of another server", map[string]any{"server": "https://evil.test"}},
		{"of no server", map[string]any{"server": nil}},
		{"of another issuer", map[string]any{"iss": "https://api.annex.example.com"}},
		{"expired", map[string]any{"iat": now - 60, "nbf": now - 60, "exp": now - 35}},
		{"not yet", map[string]any{"iat": now + 60, "nbf": now + 60, "exp": now + 85}},
		{"for an hour", map[string]any{"exp": now + 3600}},
		{"for ever", map[string]any{"exp": nil}},
		{"without an id", map[string]any{"jti": nil}},
		{"without an app", map[string]any{"app": nil}},
		{"without an installation", map[string]any{"app": map[string]any{"id": "a"}}},
		{"without a remote", map[string]any{"remote": nil}},
		{"without a URL", map[string]any{"htu": nil}},
	} {
		bad(c.name, good(c.change))
	}
	parts := strings.Split(good(nil), ".")
	b64 := base64.RawURLEncoding.EncodeToString
	bad("signed by another", sign(jose.RS256, other, "inv-1", "fit+jwt", nil, claims(nil)))
	bad("by an unknown key", sign(jose.RS256, other, "inv-2", "fit+jwt", nil, claims(nil)))
	bad("alg none", b64([]byte(`{"alg":"none","kid":"inv-1","typ":"fit+jwt"}`))+"."+parts[1]+".")
	bad("alg PS256", sign(jose.PS256, mine, "inv-1", "fit+jwt", nil, claims(nil)))
	bad("HS256 with the public key as secret", sign(jose.HS256, []byte(v.Keys), "inv-1", "fit+jwt", nil, claims(nil)))
	bad("of another kind", sign(jose.RS256, mine, "inv-1", "at+jwt", nil, claims(nil)))
	bad("of no kind", sign(jose.RS256, mine, "inv-1", "", nil, claims(nil)))
	bad("with a key set's URL", sign(jose.RS256, mine, "inv-1", "fit+jwt", map[jose.HeaderKey]any{"jku": "https://evil.test/keys"}, claims(nil)))
	bad("a name twice", sign(jose.RS256, mine, "inv-1", "fit+jwt", nil, []byte(`{"remote":"home",`+string(claims(nil)[1:]))))
	bad("changed", parts[0]+"."+b64(claims(map[string]any{"principal": "bob"}))+"."+parts[2])
	v.Bad = append(v.Bad, invocation{Name: "used twice", Token: good(nil), Replayed: true}, invocation{Name: "after its time", Token: good(nil), At: now + 35})
	return v
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A remote written for Node takes what the server signs, once, where it was sent to; what it
// got is of no use at another remote of the same app.
func TestNodeRemoteTakesTheServersTokens(t *testing.T) {
	const app = "ari:cloud:ecosystem::app/a"
	s, keys := newSigner(t)
	start := func(remote, audience string) (port string) {
		in, _ := json.Marshal(map[string]string{"server": issuer, "audience": audience, "remote": remote, "base": "https://" + remote + ".example.com", "keys": keys})
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, "node", "remote.js")
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cancel(); _ = cmd.Wait() })
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
	logs, home := start("logs", "https://logs.example.com"), start("home", app)
	token := func(remote, audience string) string {
		text, err := s.Invocation(t.Context(), signer.Invocation{Audience: audience, App: map[string]any{"id": app, "installationId": "i"}, Principal: "alice",
			Remote: remote, URL: "https://" + remote + ".example.com/lines", Method: "POST"})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ask := func(port, method, path, token string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:"+port+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	one, two := token("logs", "https://logs.example.com"), token("home", app)
	for _, c := range []struct {
		what, port, method, path, token string
		want                            int
	}{
		{"another method", logs, "PUT", "/lines", one, 401}, {"another path", logs, "POST", "/other", one, 401},
		{"logs", logs, "POST", "/lines?x=1", one, 200}, {"again", logs, "POST", "/lines?x=1", one, 401},
		{"that of logs at home", home, "POST", "/lines", one, 401}, {"that of home at logs", logs, "POST", "/lines", two, 401},
		{"home", home, "POST", "/lines", two, 200}, {"nothing", home, "POST", "/lines", "", 401},
	} {
		if got := ask(c.port, c.method, c.path, c.token); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}
