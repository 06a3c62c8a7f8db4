package productkit_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/annexhq/annex/productkit"
)

// bad are tokens that must be refused, most of them with a good signature: what is wrong
// is only what the name says.
func (w world) bad() []badToken {
	var out []badToken
	kind := "access"
	add := func(reason productkit.Reason, name, token string) {
		out = append(out, badToken{name, kind, reason, token})
	}
	h, c := head("at+jwt", w.annex.kid), accessClaims
	signed := func(h, c object) string { return w.annex.token(h.String(), c.String()) }
	good := signed(h, c)
	parts := strings.Split(good, ".")

	// algorithms
	unsigned := func(h object) string { return b64([]byte(h.String())) + "." + parts[1] }
	for _, alg := range []string{"none", "None", "nOnE", ""} {
		add(ifElse(alg == "", productkit.BadHeader, productkit.WrongAlg), "alg "+alg+" with the good signature", unsigned(h.with("alg", alg))+"."+parts[2])
	}
	add(productkit.Malformed, "alg none, no signature", unsigned(h.with("alg", "none"))+".")
	add(productkit.Malformed, "no signature", parts[0]+"."+parts[1]+".")
	for _, secret := range w.publicTexts() {
		input := unsigned(h.with("alg", "HS256"))
		mac := hmac.New(sha256.New, secret.text)
		mac.Write([]byte(input))
		add(productkit.WrongAlg, "HS256 with the public key as secret: "+secret.name, input+"."+b64(mac.Sum(nil)))
	}
	for _, alg := range []string{"RS256", "PS256", "ES384", "ES256K", "EdDSA", "es256"} {
		add(productkit.WrongAlg, "alg "+alg, signed(h.with("alg", alg), c))
	}
	add(productkit.BadHeader, "alg missing", signed(h.with("alg", nil), c))
	add(productkit.BadHeader, "alg a list", signed(h.with("alg", []string{"ES256"}), c))

	// kinds
	for _, typ := range []string{"JWT", "AT+JWT", "annex-user+jwt", "annex-panel+jwt", "annex-event+jwt"} {
		add(productkit.WrongType, "typ "+typ, signed(h.with("typ", typ), c))
	}
	add(productkit.BadHeader, "typ missing", signed(h.with("typ", nil), c))

	// keys
	evil := w.stranger
	add(productkit.UnknownKey, "kid unknown", evil.token(h.with("kid", evil.kid).String(), c.String()))
	add(productkit.UnknownKey, "kid of another issuer, signed with its key", w.product.token(h.with("kid", w.product.kid).String(), c.String()))
	add(productkit.UnknownKey, "kid of another issuer", signed(h.with("kid", w.product.kid), c))
	add(productkit.UnknownKey, "kid a path", signed(h.with("kid", "../../../dev/null"), c))
	add(productkit.UnknownKey, "kid a statement", signed(h.with("kid", "x' UNION SELECT 'key"), c))
	add(productkit.UnknownKey, "wrong curve: a key of P-384", w.p384.token(h.with("kid", w.p384.kid).String(), c.String()))
	add(productkit.BadSign, "kid of one key, signed with the next", w.next.token(h.String(), c.String()))
	add(productkit.BadSign, "the issuer's kid, signed by another", w.product.token(h.String(), c.String()))
	add(productkit.BadHeader, "kid missing", signed(h.with("kid", nil), c))
	add(productkit.BadHeader, "kid empty", signed(h.with("kid", ""), c))
	add(productkit.BadHeader, "kid a number", signed(h.with("kid", 1), c))
	add(productkit.BadHeader, "jwk: the signer's own key", evil.token(h.with("jwk", evil.jwk()).String(), c.String()))
	add(productkit.BadHeader, "jwk without kid", evil.token(h.with("kid", nil).with("jwk", evil.jwk()).String(), c.String()))
	add(productkit.BadHeader, "jku", evil.token(h.with("jku", "https://keys.example.net/jwks.json").String(), c.String()))
	add(productkit.BadHeader, "x5u", evil.token(h.with("x5u", "https://keys.example.net/chain.pem").String(), c.String()))
	add(productkit.BadHeader, "x5c", evil.token(h.with("x5c", []string{"MIIB"}).String(), c.String()))
	add(productkit.BadHeader, "jku beside a good signature", signed(h.with("jku", "https://keys.example.net/jwks.json"), c))

	// header members that change the meaning
	add(productkit.BadHeader, "crit exp", signed(h.with("crit", []string{"exp"}), c))
	add(productkit.BadHeader, "crit unknown", signed(h.with("crit", []string{"annex"}).with("annex", true), c))
	add(productkit.BadHeader, "b64 false", signed(h.with("b64", false).with("crit", []string{"b64"}), c))
	add(productkit.BadHeader, "b64 false without crit", signed(h.with("b64", false), c))
	add(productkit.BadHeader, "zip", signed(h.with("zip", "DEF"), c))
	add(productkit.BadHeader, "cty JWT", signed(h.with("cty", "JWT"), c))
	add(productkit.Malformed, "alg twice in the header", w.annex.token(`{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"annex-1"}`, c.String()))
	add(productkit.Malformed, "header a list", w.annex.token(`["ES256"]`, c.String()))

	// serialization
	json2 := object{{"payload", parts[1]}, {"signatures", []object{{{"protected", parts[0]}, {"signature", parts[2]}}, {{"protected", parts[0]}, {"signature", parts[2]}}}}}
	add(productkit.Malformed, "two signatures", json2.String())
	add(productkit.Malformed, "flattened JSON", object{{"payload", parts[1]}, {"protected", parts[0]}, {"signature", parts[2]}}.String())
	add(productkit.Malformed, "two signatures in compact form", good+"."+parts[2])
	add(productkit.Malformed, "five parts", good+".AA.AA")
	add(productkit.Malformed, "trailing dot", good+".")
	add(productkit.Malformed, "trailing newline", good+"\n")
	add(productkit.Malformed, "leading space", " "+good)
	add(productkit.Malformed, "two tokens", good+","+good)
	add(productkit.Malformed, "empty", "")
	add(productkit.Malformed, "two dots", "..")
	add(productkit.Malformed, "newline inside the claims", parts[0]+"."+parts[1][:40]+"\n"+parts[1][40:]+"."+parts[2])
	add(productkit.Malformed, "newline inside the signature", parts[0]+"."+parts[1]+"."+parts[2][:40]+"\r\n"+parts[2][40:])
	add(productkit.Malformed, "NUL at the end", good+"\x00")
	add(productkit.Malformed, "padding", parts[0]+"."+parts[1]+"."+parts[2]+"==")
	add(productkit.Malformed, "not canonical base64: spare bits set in the signature", parts[0]+"."+parts[1]+"."+spare(parts[2]))
	add(productkit.Malformed, "alphabet of base64 instead of base64url", parts[0]+"."+parts[1]+"."+strings.NewReplacer("-", "+", "_", "/").Replace(w.dashed(parts)))
	add(productkit.TooLarge, "huge", signed(h, c.with("scope", strings.TrimSpace(strings.Repeat("read:issue ", 1500)))))

	// signatures
	input := parts[0] + "." + parts[1]
	r, s := w.annex.numbers(input)
	n := w.annex.private.Params().N
	sig := func(name string, b []byte) { add(productkit.BadSign, name, input+"."+b64(b)) }
	sig("r and s 0", make([]byte, 64))
	sig("r 0", raw(new(big.Int), s))
	sig("s 0", raw(r, new(big.Int)))
	sig("r and s the order of the curve", raw(n, n))
	sig("s out of range", raw(r, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))))
	sig("signature in DER", der(r, s))
	sig("signature one byte short", raw(r, s)[:63])
	sig("signature one byte long", append(raw(r, s), 0))
	sig("signature with 48-byte numbers", append(append(make([]byte, 16), raw(r, s)[:32]...), append(make([]byte, 16), raw(r, s)[32:]...)...))
	sig("s changed by one", raw(r, new(big.Int).Xor(s, big.NewInt(1))))
	add(productkit.BadSign, "claims of one token, signature of another", b64([]byte(h.String()))+"."+b64([]byte(c.with("sub", "user:bob").String()))+"."+parts[2])

	// claims
	for _, name := range []string{"iss", "aud", "sub", "client_id", "act", "scope", "site", "installation", "iat", "exp", "jti"} {
		add(productkit.BadClaim, name+" missing", signed(h, c.with(name, nil)))
		add(productkit.BadClaim, name+" null", signed(h, object(c).with(name, null{})))
	}
	for _, x := range []struct {
		reason productkit.Reason
		name   string
		claims object
	}{
		{productkit.WrongIssuer, "iss another server", c.with("iss", "https://api.other.example.com")},
		{productkit.WrongIssuer, "iss with a slash", c.with("iss", controlOrigin+"/")},
		{productkit.WrongIssuer, "iss another product", c.with("iss", "tracker")},
		{productkit.WrongAud, "aud another product", c.with("aud", "wiki")},
		{productkit.WrongAud, "aud in capitals", c.with("aud", "TRACKER")},
		{productkit.BadClaim, "aud a list of two", c.with("aud", []string{"wiki", "tracker"})},
		{productkit.Expired, "expired", c.with("iat", now-200).with("exp", now-140)},
		{productkit.Expired, "expired a moment ago", c.with("iat", now-70).with("exp", now-10)},
		{productkit.NotYet, "nbf in the future", c.with("nbf", now+30)},
		{productkit.NotYet, "iat in the future", c.with("iat", now+30).with("exp", now+90)},
		{productkit.BadClaim, "exp before iat", c.with("exp", now).with("iat", now)},
		{productkit.BadClaim, "exp a text", c.with("exp", "9999999999")},
		{productkit.BadClaim, "exp not a whole number", c.with("exp", 1893553505.5)},
		{productkit.BadClaim, "exp negative", c.with("exp", -1)},
		{productkit.BadClaim, "exp beyond all time", c.with("exp", 1<<52)},
		{productkit.BadClaim, "nbf a text", c.with("nbf", "now")},
		{productkit.BadClaim, "sub without a kind", c.with("sub", "alice")},
		{productkit.BadClaim, "sub a user without a name", c.with("sub", "user:")},
		{productkit.BadClaim, "sub another installation", c.with("sub", "app:"+site)},
		{productkit.BadClaim, "act another installation", c.with("act", object{{"sub", "app:" + site}})},
		{productkit.BadClaim, "act a text", c.with("act", "app:"+installation)},
		{productkit.BadClaim, "scope a list", c.with("scope", []string{"read:issue"})},
		{productkit.BadClaim, "scope a space", c.with("scope", " ")},
		{productkit.BadClaim, "scope with two spaces", c.with("scope", "read:issue  write:issue")},
		{productkit.BadClaim, "a claim in other letters", c.with("aud", nil).with("AUD", "tracker")},
	} {
		add(x.reason, x.name, signed(h, x.claims))
	}
	add(productkit.BadClaim, "exp infinite", w.annex.token(h.String(), strings.Replace(c.String(), `"exp":1893553505`, `"exp":1e400`, 1)))
	add(productkit.Malformed, "aud twice", w.annex.token(h.String(), strings.Replace(c.String(), `"aud":"tracker"`, `"aud":"wiki","aud":"tracker"`, 1)))
	add(productkit.Malformed, "aud twice, once in another spelling", w.annex.token(h.String(), strings.Replace(c.String(), `"aud":"tracker"`, `"a\u0075d":"wiki","aud":"tracker"`, 1)))
	add(productkit.Malformed, "sub twice inside act", w.annex.token(h.String(), strings.Replace(c.String(), `"act":{`, `"act":{"sub":"app:x",`, 1)))
	add(productkit.Malformed, "trailing data after the claims", w.annex.token(h.String(), c.String()+`{"sub":"user:bob"}`))
	add(productkit.Malformed, "claims a list", w.annex.token(h.String(), "["+c.String()+"]"))
	add(productkit.Malformed, "claims not UTF-8", w.annex.token(h.String(), strings.Replace(c.String(), "user:alice", "user:ali\xffe", 1)))
	add(productkit.Malformed, "claims after a byte order mark", w.annex.token(h.String(), "\ufeff"+c.String()))
	add(productkit.BadClaim, "sub with a control character", signed(h, c.with("sub", "user:alice\n")))

	// another kind of token, as good as it may be
	u, ph := head("annex-user+jwt", w.product.kid), w.product
	kind = "user"
	add(productkit.WrongType, "user: a panel token", ph.token(u.with("typ", "annex-panel+jwt").String(), panelClaims.String()))
	add(productkit.WrongType, "user: an event", ph.token(u.with("typ", "annex-event+jwt").String(), eventClaims.String()))
	add(productkit.WrongType, "user: an access token", good)
	add(productkit.UnknownKey, "user: signed by Annex", w.annex.token(u.with("kid", w.annex.kid).String(), userClaims.String()))
	add(productkit.WrongIssuer, "user: another product", ph.token(u.String(), userClaims.with("iss", "wiki").String()))
	add(productkit.WrongAud, "user: for another server", ph.token(u.String(), userClaims.with("aud", "https://ui.other.example.com").String()))
	add(productkit.WrongAud, "user: for the control origin", ph.token(u.String(), userClaims.with("aud", controlOrigin).String()))
	add(productkit.TooLong, "user: counts for too long", ph.token(u.String(), userClaims.with("exp", now+121).String()))
	add(productkit.Expired, "user: expired", ph.token(u.String(), userClaims.with("iat", now-130).with("exp", now-10).String()))
	add(productkit.NotYet, "user: made in the future", ph.token(u.String(), userClaims.with("iat", now+20).with("exp", now+60).String()))
	add(productkit.BadClaim, "user: admin a text", ph.token(u.String(), userClaims.with("admin", "true").String()))
	add(productkit.BadClaim, "user: admin a number", ph.token(u.String(), userClaims.with("admin", 1).String()))
	add(productkit.BadClaim, "user: auth_time in the future", ph.token(u.String(), userClaims.with("auth_time", now+3600).String()))
	add(productkit.BadClaim, "user: jti that can be guessed", ph.token(u.String(), userClaims.with("jti", "1").String()))
	add(productkit.BadClaim, "user: locale that is none", ph.token(u.String(), userClaims.with("locale", "<en>").String()))
	add(productkit.BadClaim, "user: time zone a path", ph.token(u.String(), userClaims.with("timezone", "../../etc/passwd").String()))
	for _, name := range []string{"iss", "aud", "sub", "site", "name", "locale", "timezone", "admin", "auth_time", "iat", "exp", "jti"} {
		add(productkit.BadClaim, "user: "+name+" missing", ph.token(u.String(), userClaims.with(name, nil).String()))
	}
	kind, u = "panel", u.with("typ", "annex-panel+jwt")
	add(productkit.WrongType, "panel: a user assertion", ph.token(head("annex-user+jwt", w.product.kid).String(), userClaims.String()))
	add(productkit.BadClaim, "panel: module missing", ph.token(u.String(), panelClaims.with("module", nil).String()))
	add(productkit.BadClaim, "panel: extension missing", ph.token(u.String(), panelClaims.with("extension", nil).String()))
	add(productkit.BadClaim, "panel: extension a list", ph.token(u.String(), panelClaims.with("extension", []int{1}).String()))
	add(productkit.Malformed, "panel: issue twice in the extension", ph.token(u.String(), strings.Replace(panelClaims.String(), `"issue":{`, `"issue":{"key":"TRK-2"},"issue":{`, 1)))
	kind, u = "event", u.with("typ", "annex-event+jwt")
	add(productkit.WrongType, "event: a panel token", ph.token(head("annex-panel+jwt", w.product.kid).String(), panelClaims.String()))
	add(productkit.WrongAud, "event: for the ui origin", ph.token(u.String(), eventClaims.with("aud", uiOrigin).String()))
	add(productkit.BadClaim, "event: data a text", ph.token(u.String(), eventClaims.with("data", "{}").String()))
	for _, name := range []string{"type", "time", "data", "site", "jti"} {
		add(productkit.BadClaim, "event: "+name+" missing", ph.token(u.String(), eventClaims.with(name, nil).String()))
	}
	return out
}

// null is a member that is there and null.
type null struct{}

// MarshalJSON writes null.
func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func ifElse[T any](is bool, a, b T) T {
	if is {
		return a
	}
	return b
}

type publicText struct {
	name string
	text []byte
}

// publicTexts are the forms in which somebody may have configured the public key.
func (w world) publicTexts() []publicText {
	spki, err := x509.MarshalPKIXPublicKey(&w.annex.private.PublicKey)
	if err != nil {
		panic(err)
	}
	point, err := w.annex.private.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return []publicText{
		{"PEM", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})}, {"DER", spki}, {"point", point},
		{"key set", set(w.annex, w.next, w.p384)}, {"nothing", nil},
	}
}

// spare sets bits that no byte has: of 64 bytes the last character holds two only.
func spare(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, signature[len(signature)-1])
	return signature[:len(signature)-1] + string(alphabet[last|1])
}

// dashed is the signature, or one put together to have the characters that differ.
func (w world) dashed(parts []string) string {
	if !strings.ContainsAny(parts[2], "-_") {
		panic("choose another token: its signature has neither - nor _")
	}
	return parts[2]
}

func der(r, s *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(r)
		b.AddASN1BigInt(s)
	})
	return b.BytesOrPanic()
}
