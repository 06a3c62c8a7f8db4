package jsvm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
)

func spki(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func jwkText(fields ...any) []byte {
	k := map[string]string{}
	for i := 0; i < len(fields); i += 2 {
		switch v := fields[i+1].(type) {
		case string:
			k[fields[i].(string)] = v
		case []byte:
			k[fields[i].(string)] = base64.RawURLEncoding.EncodeToString(v)
		}
	}
	text, _ := json.Marshal(k)
	return text
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestVerify signs with Go's own keys: each right signature counts, and no longer when a
// bit of the data or of itself is another.
func TestVerify(t *testing.T) {
	data := []byte("what was signed")
	d256, d512 := sha256.Sum256(data), sha512.Sum512(data)
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	ecPoint := must(ecKey.PublicKey.Bytes())
	r, s, _ := ecdsa.Sign(rand.Reader, ecKey, d256[:])
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)})
	rsaJWK := jwkText("kty", "RSA", "n", rsaKey.N.Bytes(), "e", big.NewInt(int64(rsaKey.E)).Bytes())

	for _, c := range []struct {
		name, alg string
		key, sig  []byte
	}{
		{"RSA", `{"hash":"sha256"}`, spki(t, &rsaKey.PublicKey), must(rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, d256[:]))},
		{"RSA of PKCS #1", `{"hash":"sha512"}`, pkcs1, must(rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA512, d512[:]))},
		{"RSA of a JWK", `{"hash":"sha256"}`, rsaJWK, must(rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, d256[:]))},
		{"PSS", `{"hash":"sha256","pss":true}`, rsaJWK, must(rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, d256[:], nil))},
		{"PSS with a salt as long as the digest", `{"hash":"sha256","pss":true,"saltLength":-1}`, rsaJWK, must(rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, d256[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))},
		{"ECDSA", `{"hash":"sha256"}`, spki(t, &ecKey.PublicKey), must(ecdsa.SignASN1(rand.Reader, ecKey, d256[:]))},
		{"ECDSA, P1363, of a JWK", `{"hash":"sha256","p1363":true}`, jwkText("kty", "EC", "crv", "P-256", "x", ecPoint[1:33], "y", ecPoint[33:]), append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)},
		{"Ed25519", `{"hash":null}`, spki(t, edPublic), ed25519.Sign(edKey, data)},
		{"Ed25519 of a JWK", `{"hash":null}`, jwkText("kty", "OKP", "crv", "Ed25519", "x", []byte(edPublic)), ed25519.Sign(edKey, data)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ok, err := verify([]byte(c.alg), c.key, data, c.sig); !ok || err != nil {
				t.Fatalf("the right signature: %v %v", ok, err)
			}
			if ok, err := verify([]byte(c.alg), c.key, append([]byte("x"), data...), c.sig); ok || err != nil {
				t.Errorf("other data: %v %v", ok, err)
			}
			bent := append([]byte(nil), c.sig...)
			bent[len(bent)/2] ^= 1
			if ok, err := verify([]byte(c.alg), c.key, data, bent); ok || err != nil {
				t.Errorf("another signature: %v %v", ok, err)
			}
			if ok, err := verify([]byte(c.alg), c.key, data, c.sig[:len(c.sig)-1]); ok || err != nil {
				t.Errorf("a short signature: %v %v", ok, err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	large := new(big.Int).Lsh(big.NewInt(1), maxRSABits)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, c := range map[string]struct {
		alg string
		key []byte
	}{
		"no key":            {`{"hash":"sha256"}`, nil},
		"no PEM":            {`{"hash":"sha256"}`, []byte("-----BEGIN PUBLIC KEY-----\n")},
		"no DER":            {`{"hash":"sha256"}`, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})},
		"no certificate":    {`{"hash":"sha256"}`, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})},
		"a symmetric JWK":   {`{"hash":"sha256"}`, jwkText("kty", "oct", "k", []byte("x"))},
		"an empty JWK":      {`{"hash":"sha256"}`, jwkText("kty", "RSA")},
		"an off curve":      {`{"hash":"sha256"}`, jwkText("kty", "EC", "crv", "P-256", "x", []byte{1}, "y", []byte{1})},
		"an unknown curve":  {`{"hash":"sha256"}`, jwkText("kty", "EC", "crv", "P-1", "x", []byte{1}, "y", []byte{1})},
		"a long point":      {`{"hash":"sha256"}`, jwkText("kty", "EC", "crv", "P-256", "x", make([]byte, 33), "y", []byte{1})},
		"a short Ed25519":   {`{"hash":null}`, jwkText("kty", "OKP", "crv", "Ed25519", "x", []byte{1})},
		"a modulus of zero": {`{"hash":"sha256"}`, jwkText("kty", "RSA", "n", []byte{0}, "e", []byte{1, 0, 1})},
		"a large modulus":   {`{"hash":"sha256"}`, jwkText("kty", "RSA", "n", large.Bytes(), "e", []byte{1, 0, 1})},
		"a large exponent":  {`{"hash":"sha256"}`, jwkText("kty", "RSA", "n", rsaKey.N.Bytes(), "e", []byte{1, 0, 0, 0, 1})},
		"a small modulus":   {`{"hash":"sha256"}`, jwkText("kty", "RSA", "n", []byte{15}, "e", []byte{3})},
		"an unknown hash":   {`{"hash":"md4"}`, spki(t, &rsaKey.PublicKey)},
		"a salt of zero":    {`{"hash":"sha256","pss":true,"saltLength":0}`, spki(t, &rsaKey.PublicKey)},
		"Ed25519 by digest": {`{"hash":"sha256"}`, spki(t, ed.Public())},
		"no algorithm":      {`[]`, spki(t, &rsaKey.PublicKey)},
	} {
		if ok, err := verify([]byte(c.alg), c.key, nil, nil); ok || err == nil {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"hash":"sha256"}`), jwkText("kty", "RSA", "n", []byte{200, 1}, "e", []byte{3}), []byte("d"), []byte("s"))
	f.Add([]byte(`{"hash":"sha1","pss":true}`), jwkText("kty", "EC", "crv", "P-384", "x", []byte{3}, "y", []byte{3}), []byte("d"), []byte("s"))
	f.Fuzz(func(t *testing.T, alg, key, data, sig []byte) {
		if ok, err := verify(alg, key, data, sig); ok && err != nil {
			t.Error(ok, err)
		}
	})
}
