package productkit_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/annexhq/annex/productkit"
)

var update = flag.Bool("update", false, "write docs/protocol")

// The files are for every language; docs/PROTOCOL.md explains them.
const (
	vectorsFile = "../docs/protocol/vectors.json"
	badFile     = "../docs/protocol/bad-tokens.json"
)

// vectors is the form of vectors.json.
type vectors struct {
	About  string                     `json:"about"`
	Now    int64                      `json:"now"`
	Expect map[string]expectation     `json:"expect"` // by kind
	Keys   map[string]json.RawMessage `json:"keys"`   // by who signs
	Tokens []vector                   `json:"tokens"`
}

// expectation is what a verifier of a kind of tokens is told beforehand.
type expectation struct {
	Type     string `json:"typ"`
	Signer   string `json:"signer"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
}

type vector struct {
	Name   string          `json:"name"`
	Kind   string          `json:"kind"`
	Header json.RawMessage `json:"header"`
	Claims json.RawMessage `json:"claims"`
	Token  string          `json:"token"`
}

// badTokens is the form of bad-tokens.json.
type badTokens struct {
	About  string     `json:"about"`
	Tokens []badToken `json:"tokens"`
}

type badToken struct {
	Name   string            `json:"name"`
	Kind   string            `json:"kind"`
	Reason productkit.Reason `json:"reason"`
	Token  string            `json:"token"`
}

const now = 1893553445 // 2030-01-02T03:04:05Z

// pair is a fixed key: its private half is the SHA-256 of a text, so that no private key
// lies in a file and anybody can make the same signatures.
type pair struct {
	private *ecdsa.PrivateKey
	kid     string
}

func fixed(t testing.TB, curve elliptic.Curve, kid string) pair {
	t.Helper()
	sum := sha256.Sum256([]byte("annex test vectors: " + kid))
	d := make([]byte, (curve.Params().BitSize+7)/8)
	copy(d[len(d)-32:], sum[:])
	private, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		t.Fatal(err)
	}
	return pair{private, kid}
}

func (p pair) jwk() object {
	point, err := p.private.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	n := (len(point) - 1) / 2
	return object{{"kty", "EC"}, {"crv", p.private.Curve.Params().Name}, {"kid", p.kid}, {"use", "sig"},
		{"alg", map[int]string{32: "ES256", 48: "ES384"}[n]}, {"x", b64(point[1 : 1+n])}, {"y", b64(point[1+n:])}}
}

// numbers signs (RFC 6979: the same bytes each time).
func (p pair) numbers(input string) (r, s *big.Int) {
	sum := sha256.Sum256([]byte(input))
	der, err := p.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		panic(err)
	}
	r, s = new(big.Int), new(big.Int)
	in := cryptobyte.String(der)
	if !in.ReadASN1(&in, asn1.SEQUENCE) || !in.ReadASN1Integer(r) || !in.ReadASN1Integer(s) {
		panic("no signature")
	}
	return r, s
}

func raw(r, s *big.Int) []byte { return sized(32, r, s) }

func sized(n int, r, s *big.Int) []byte {
	out := make([]byte, 2*n)
	r.FillBytes(out[:n])
	s.FillBytes(out[n:])
	return out
}

// token signs a header and claims, given as they are to be written.
func (p pair) token(header, claims string) string {
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	r, s := p.numbers(input)
	return input + "." + b64(sized((p.private.Params().BitSize+7)/8, r, s))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// object is a JSON object in a fixed order.
type object [][2]any

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, m := range o {
		name, err := json.Marshal(m[0])
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m[1])
		if err != nil {
			return nil, err
		}
		b.WriteByte("{,"[min(i, 1)])
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o object) String() string {
	text, err := o.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return string(text)
}

// with is the object with a member changed or added; nil takes it away.
func (o object) with(name string, value any) object {
	var out object
	found := false
	for _, m := range o {
		switch {
		case m[0] != name:
			out = append(out, m)
		case value != nil:
			out = append(out, [2]any{name, value})
		}
		found = found || m[0] == name
	}
	if !found && value != nil {
		out = append(out, [2]any{name, value})
	}
	return out
}

func head(typ, kid string) object { return object{{"alg", "ES256"}, {"typ", typ}, {"kid", kid}} }

const (
	controlOrigin = "https://api.annex.example.com"
	uiOrigin      = "https://ui.annex.example.com"
	site          = "0199a1b2-0000-7000-8000-000000000001"
	installation  = "0199a1b2-0000-7000-8000-000000000002"
	app           = "0199a1b2-0000-7000-8000-000000000003"
)

var accessClaims = object{
	{"iss", controlOrigin}, {"aud", "tracker"}, {"sub", "user:alice"}, {"client_id", app},
	{"act", object{{"sub", "app:" + installation}, {"name", "Time sheets"}}}, {"scope", "read:issue write:issue"},
	{"site", site}, {"installation", installation}, {"iat", now}, {"exp", now + 60}, {"jti", "ACCESS0000000000000000001"},
}

var userClaims = object{
	{"iss", "tracker"}, {"aud", uiOrigin}, {"sub", "alice"}, {"site", site}, {"name", "Alice Liddell"}, {"locale", "en-GB"}, {"timezone", "Europe/London"},
	{"admin", false}, {"auth_time", now - 3600}, {"iat", now}, {"exp", now + 60}, {"jti", "USER000000000000000000001"},
}

var panelClaims = userClaims.with("jti", "PANEL00000000000000000001").with("module", "tracker:issuePanel").
	with("extension", object{{"type", "tracker:issuePanel"}, {"issue", object{{"key", "TRK-1"}}}})

var eventClaims = object{
	{"iss", "tracker"}, {"aud", controlOrigin}, {"site", site}, {"type", "tracker:issue.created"}, {"time", "2030-01-02T03:04:04.5Z"},
	{"user", "alice"}, {"data", object{{"issue", object{{"key", "TRK-1"}}}}}, {"iat", now}, {"exp", now + 60}, {"jti", "EVENT00000000000000000001"},
}

// world is who signs: Annex with two keys while it rotates, and the product.
type world struct {
	annex, next, product, stranger, p384 pair
}

func newWorld(t testing.TB) world {
	return world{annex: fixed(t, elliptic.P256(), "annex-1"), next: fixed(t, elliptic.P256(), "annex-2"),
		product: fixed(t, elliptic.P256(), "tracker-1"), stranger: fixed(t, elliptic.P256(), "stranger-1"), p384: fixed(t, elliptic.P384(), "annex-384")}
}

func set(pairs ...pair) json.RawMessage {
	keys := []object{}
	for _, p := range pairs {
		keys = append(keys, p.jwk())
	}
	return json.RawMessage(object{{"keys", keys}}.String())
}

func (w world) vectors() vectors {
	good := func(name, kind string, p pair, header, claims object) vector {
		return vector{name, kind, json.RawMessage(header.String()), json.RawMessage(claims.String()), p.token(header.String(), claims.String())}
	}
	return vectors{
		About: "Good tokens of each kind. The private half of each key is the SHA-256 of \"annex test vectors: \" and its kid; signatures are those of RFC 6979.",
		Now:   now,
		Expect: map[string]expectation{
			"access": {"at+jwt", "annex", controlOrigin, "tracker"}, "user": {"annex-user+jwt", "tracker", "tracker", uiOrigin},
			"panel": {"annex-panel+jwt", "tracker", "tracker", uiOrigin}, "event": {"annex-event+jwt", "tracker", "tracker", controlOrigin},
		},
		Keys: map[string]json.RawMessage{"annex": set(w.annex, w.next, w.p384), "tracker": set(w.product)},
		Tokens: []vector{
			good("access, on behalf of a user", "access", w.annex, head("at+jwt", w.annex.kid), accessClaims),
			good("access, as the app's own account, by the next key", "access", w.next, head("at+jwt", w.next.kid),
				accessClaims.with("sub", "app:"+installation).with("jti", "ACCESS0000000000000000002").with("scope", "read:issue")),
			good("access, for an operation that needs no scope", "access", w.annex, head("at+jwt", w.annex.kid),
				accessClaims.with("scope", "").with("jti", "ACCESS0000000000000000003")),
			good("access, in its last second", "access", w.annex, head("at+jwt", w.annex.kid),
				accessClaims.with("iat", now-59).with("exp", now+1).with("act", object{{"sub", "app:" + installation}})),
			good("user", "user", w.product, head("annex-user+jwt", w.product.kid), userClaims),
			good("user, an admin who signs in, of the longest life", "user", w.product, head("annex-user+jwt", w.product.kid),
				userClaims.with("admin", true).with("auth_time", now-5).with("exp", now+120).with("state", "0123456789abcdef")),
			good("panel", "panel", w.product, head("annex-panel+jwt", w.product.kid), panelClaims),
			good("event", "event", w.product, head("annex-event+jwt", w.product.kid), eventClaims),
		},
	}
}

// checked demands that a file is what the test makes, or writes it.
func checked(t *testing.T, file string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("../docs/protocol", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what the test makes: run go test ./productkit -update, and look at the difference", file)
	}
}

func TestVectorFilesAreTheTests(t *testing.T) {
	w := newWorld(t)
	checked(t, vectorsFile, w.vectors())
	checked(t, badFile, badTokens{
		About:  "Tokens that every verifier refuses, told what vectors.json says under expect for the kind, with its keys and its time.",
		Tokens: w.bad(),
	})
}

// verify gives a token to the function of its kind.
func verify(t *testing.T, v vectors, kind, token string) (any, error) {
	t.Helper()
	e := v.Expect[kind]
	keys, err := productkit.ParseKeySet(v.Keys[e.Signer])
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(v.Now, 0)
	want := productkit.Expect{Product: e.Issuer, Audience: e.Audience, Keys: keys, Now: at}
	switch kind {
	case "user":
		return productkit.VerifyUser(t.Context(), token, want)
	case "panel":
		return productkit.VerifyPanel(t.Context(), token, want)
	case "event":
		return productkit.VerifyEvent(t.Context(), token, want)
	}
	verifier, err := productkit.NewVerifier(productkit.VerifierConfig{Issuer: e.Issuer, Audience: e.Audience, Keys: keys, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Access(t.Context(), token)
}

func readFile[T any](t *testing.T, file string) (out T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoodTokens(t *testing.T) {
	v := readFile[vectors](t, vectorsFile)
	for _, g := range v.Tokens {
		if _, err := verify(t, v, g.Kind, g.Token); err != nil {
			t.Errorf("%s: %v", g.Name, err)
		}
		for kind := range v.Expect { // and no other function takes it
			if kind != g.Kind {
				if _, err := verify(t, v, kind, g.Token); err == nil {
					t.Errorf("%s: taken for %s", g.Name, kind)
				}
			}
		}
	}
	if len(v.Tokens) < 8 {
		t.Error("vectors are missing")
	}
}

func TestBadTokens(t *testing.T) {
	v, bad := readFile[vectors](t, vectorsFile), readFile[badTokens](t, badFile)
	seen := map[string]bool{}
	for _, b := range bad.Tokens {
		if seen[b.Name] {
			t.Errorf("%s: there twice", b.Name)
		}
		seen[b.Name] = true
		_, err := verify(t, v, b.Kind, b.Token)
		if err == nil || productkit.ReasonOf(err) != b.Reason {
			t.Errorf("%s: %v, want %s", b.Name, err, b.Reason)
		}
		if err != nil && len(b.Token) > 40 && strings.Contains(err.Error(), b.Token[len(b.Token)-30:]) {
			t.Errorf("%s: the refusal quotes the token: %v", b.Name, err)
		}
	}
	if len(bad.Tokens) < 80 {
		t.Errorf("only %d bad tokens", len(bad.Tokens))
	}
}
