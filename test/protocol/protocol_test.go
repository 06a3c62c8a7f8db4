package protocol

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/productkit"
)

type expectation struct {
	Type     string `json:"typ"`
	Signer   string `json:"signer"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
}

// question is what run.js reads.
type question struct {
	Now    int64                      `json:"now,omitempty"`
	Expect map[string]expectation     `json:"expect"`
	Keys   map[string]json.RawMessage `json:"keys"` // a set, or its URL
	Tokens []token                    `json:"tokens"`
}

type token struct {
	Name   string          `json:"name"`
	Kind   string          `json:"kind"`
	Claims json.RawMessage `json:"claims,omitempty"`
	Token  string          `json:"token"`
}

type answer struct {
	Name      string          `json:"name"`
	Claims    json.RawMessage `json:"claims"`
	Refused   string          `json:"refused"`
	JoseAlone *bool           `json:"joseAlone"`
}

func ask(t *testing.T, q question) []answer {
	t.Helper()
	if _, err := os.Stat("node_modules/jose"); err != nil {
		t.Fatal("the npm package jose is not there: run make test/protocol/node_modules/.done")
	}
	in, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "run.js")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var answers []answer
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(q.Tokens) {
		t.Fatalf("%d answers to %d tokens: %v", len(answers), len(q.Tokens), err)
	}
	return answers
}

func read[T any](t *testing.T, name string) (out T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs/protocol", name))
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNodeTakesGoodTokens(t *testing.T) {
	q := read[question](t, "vectors.json")
	for i, a := range ask(t, q) {
		if a.Refused != "" || !same(t, a.Claims, q.Tokens[i].Claims) {
			t.Errorf("%s: %s\n%s", a.Name, a.Refused, a.Claims)
		}
	}
}

func same(t *testing.T, a, b json.RawMessage) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	m, _ := json.Marshal(x)
	n, _ := json.Marshal(y)
	return bytes.Equal(m, n)
}

func TestNodeRefusesBadTokens(t *testing.T) {
	q := read[question](t, "vectors.json")
	q.Tokens = read[question](t, "bad-tokens.json").Tokens
	alone := 0
	for _, a := range ask(t, q) {
		if a.Refused == "" {
			t.Errorf("%s: taken", a.Name)
		}
		if *a.JoseAlone {
			alone++
			t.Logf("jose alone takes: %s", a.Name)
		}
	}
	t.Logf("%d bad tokens, jose alone takes %d", len(q.Tokens), alone)
}

const issuer = "https://api.annex.example.com"

// newSigner is what signs for a server, with keys that nobody fixed, and where they are found.
func newSigner(t *testing.T) (s *signer.Signer, keys string) {
	t.Helper()
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), signer.Migrations); err != nil {
		t.Fatal(err)
	}
	if s, err = signer.New(t.Context(), signer.Config{DB: d, Sealer: ring, Issuer: issuer}); err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.JWKS()) }))
	t.Cleanup(jwks.Close)
	return s, jwks.URL
}

// What the server signs and what a product signs, with keys that nobody fixed: Node takes
// both, finding the server's keys by URL.
func TestNodeTakesTheServersTokens(t *testing.T) {
	const ui = "https://ui.annex.example.com"
	s, keys := newSigner(t)
	access, _, err := s.Access(signer.Access{Audience: "tracker", Subject: "user:alice", ClientID: "app", Actor: signer.Actor{Subject: "app:i", Name: "Über <b>"},
		Scope: []string{"read:issue"}, Site: "s", Installation: "i"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := productkit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	u := productkit.User{Product: "tracker", Audience: ui, Site: "s", ID: "alice", Name: "Alice", Locale: "en", Timezone: "UTC", AuthTime: time.Now()}
	user, err := productkit.SignUser(key, u)
	if err != nil {
		t.Fatal(err)
	}
	panel, err := productkit.SignPanel(key, productkit.Panel{User: u, Module: "tracker:issuePanel", Extension: map[string]any{"issue": map[string]any{"key": "TRK-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	event, err := productkit.SignEvent(key, productkit.Event{Product: "tracker", Audience: issuer, Site: "s", Type: "x", Data: json.RawMessage(`{"a": [1]}`)})
	if err != nil {
		t.Fatal(err)
	}
	url, _ := json.Marshal(keys)
	for _, a := range ask(t, question{
		Expect: map[string]expectation{
			"access": {"at+jwt", "annex", issuer, "tracker"}, "user": {"annex-user+jwt", "tracker", "tracker", ui},
			"panel": {"annex-panel+jwt", "tracker", "tracker", ui}, "event": {"annex-event+jwt", "tracker", "tracker", issuer},
		},
		Keys:   map[string]json.RawMessage{"annex": url, "tracker": productkit.PublicKeys(key)},
		Tokens: []token{{Name: "access", Kind: "access", Token: access}, {Name: "user", Kind: "user", Token: user}, {Name: "panel", Kind: "panel", Token: panel}, {Name: "event", Kind: "event", Token: event}},
	}) {
		if a.Refused != "" {
			t.Errorf("%s: %s", a.Name, a.Refused)
		}
	}
}
