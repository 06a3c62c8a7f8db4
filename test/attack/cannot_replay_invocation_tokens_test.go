package attack

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// request is what a remote knows of a request that it got.
type request struct{ audience, remote, method, url string }

// believed says what a remote says of a token, verifying it as docs/PROTOCOL.md says; "" is yes.
func (p *platform) believed(t *testing.T, authorization string, r request, at time.Time) string {
	t.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(p.send("GET", p.control(), "/.well-known/jwks.json", nil, nil).body), &keys); err != nil {
		t.Fatal(err)
	}
	token, err := jose.ParseSignedCompact(authorization[len("Bearer "):], []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err.Error()
	}
	text, err := token.Verify(keys)
	if err != nil {
		return err.Error()
	}
	var c struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Remote   string `json:"remote"`
		Method   string `json:"htm"`
		URL      string `json:"htu"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return err.Error()
	}
	switch {
	case c.Issuer != "forge/invocation-token":
		return "issuer"
	case c.Audience != r.audience:
		return "audience"
	case c.Expires-c.Issued > 25 || at.Unix() >= c.Expires:
		return "time"
	case r.remote != "" && c.Remote != r.remote:
		return "remote"
	case r.method != "" && c.Method != r.method:
		return "method"
	case r.url != "" && c.URL != r.url:
		return "url"
	}
	return ""
}

// CONTRACTS 3: what proves a request to a remote is of no use at another remote, for another
// request, or later. Whoever holds an address that an admin set, its own back end included,
// passes for the app nowhere else, also not with a remote that checks what Forge's did.
func TestAttackReplayInvocationTokens(t *testing.T) {
	p, at, ends := withRemotes(t)
	if err := at.setRemote("logs", "https://other.example.com/v1"); err != nil {
		t.Fatal(err)
	}
	token := func(end, remote string) string {
		if got := at.as("alice", "resolver", map[string]any{"remote": remote, "path": "/lines?x=1", "method": "POST"}); got.Status != 200 {
			t.Fatalf("%s: %+v", remote, got)
		}
		return ends[end].last(t).Header.Get("Authorization")
	}
	app := "ari:cloud:ecosystem::app/" + at.app
	now := time.Now()
	atOther := request{"https://other.example.com", "logs", http.MethodPost, "https://other.example.com/v1/lines"}
	atHome := request{app, "home", http.MethodPost, "https://home.example.com/base/lines"}
	stolen, home := token("other", "logs"), token("home", "home")
	if why := p.believed(t, stolen, atOther, now); why != "" {
		t.Fatalf("where it was sent: %s", why)
	}
	if why := p.believed(t, home, atHome, now); why != "" {
		t.Fatalf("at home: %s", why)
	}
	for _, c := range []struct {
		what, token string
		at          request
		when        time.Time
	}{
		{"at a fixed remote that checks as Forge's did", stolen, request{audience: app}, now},
		{"where the remote was set before", stolen, request{audience: "https://logs.example.com", remote: "logs"}, now},
		{"by another fixed remote", home, request{app, "second", http.MethodPost, "https://second.example.com/lines"}, now},
		{"with another method", stolen, request{atOther.audience, "logs", http.MethodGet, atOther.url}, now},
		{"at another URL", stolen, request{atOther.audience, "logs", http.MethodPost, "https://other.example.com/v1/all"}, now},
		{"26 seconds later", stolen, atOther, now.Add(26 * time.Second)},
	} {
		if p.believed(t, c.token, c.at, c.when) == "" {
			t.Errorf("a token counts %s", c.what)
		}
	}
}
