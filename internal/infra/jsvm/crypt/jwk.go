package crypt

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
)

// jwk holds the members of a JSON Web Key that are the key itself.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	D   string `json:"d,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	P   string `json:"p,omitempty"`
	Q   string `json:"q,omitempty"`
	DP  string `json:"dp,omitempty"`
	DQ  string `json:"dq,omitempty"`
	QI  string `json:"qi,omitempty"`
}

// parts decodes members and remembers what was wrong with one.
type parts struct{ err error }

func (p *parts) bytes(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	switch {
	case err != nil:
		p.err = errors.Join(p.err, err)
	case len(b) == 0:
		p.err = errors.Join(p.err, errors.New("the JWK lacks a part"))
	case len(b) > maxRSABits/8+1:
		p.err = errors.Join(p.err, errors.New("a part of the JWK is too long"))
	}
	return b
}

func (p *parts) number(s string) *big.Int { return new(big.Int).SetBytes(p.bytes(s)) }

func readJWK(text []byte) (any, error) {
	var k jwk
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, errors.New("it is no JWK")
	}
	switch k.Kty {
	case "RSA":
		return rsaJWK(k)
	case "EC":
		return ecJWK(k)
	case "OKP":
		return okpJWK(k)
	}
	return nil, errors.New("the JWK's kty is not RSA, EC or OKP")
}

func rsaJWK(k jwk) (any, error) {
	var p parts
	n, e := p.number(k.N), p.number(k.E)
	if p.err != nil {
		return nil, p.err
	}
	if !e.IsInt64() || e.Int64() > maxExponent || n.BitLen() > maxRSABits {
		return nil, errors.New("the JWK's modulus or exponent is too large")
	}
	public := rsa.PublicKey{N: n, E: int(e.Int64())}
	if k.D == "" {
		return &public, nil
	}
	private := &rsa.PrivateKey{PublicKey: public, D: p.number(k.D), Primes: []*big.Int{p.number(k.P), p.number(k.Q)}}
	if p.err != nil {
		return nil, p.err
	}
	if err := private.Validate(); err != nil {
		return nil, err
	}
	private.Precompute()
	return private, nil
}

func ecJWK(k jwk) (any, error) {
	var p parts
	curve := curves[k.Crv]
	if curve == nil {
		return nil, errors.New("the JWK's curve is not P-256, P-384 or P-521")
	}
	x, y := p.bytes(k.X), p.bytes(k.Y)
	if p.err != nil {
		return nil, p.err
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) > size || len(y) > size {
		return nil, errors.New("the JWK's point is too long")
	}
	raw := make([]byte, 1+2*size)
	raw[0] = 4 // uncompressed
	copy(raw[1+size-len(x):], x)
	copy(raw[1+2*size-len(y):], y)
	public, err := ecdsa.ParseUncompressedPublicKey(curve, raw)
	if err != nil || k.D == "" {
		return public, err
	}
	d := p.bytes(k.D)
	if p.err != nil || len(d) > size {
		return nil, errors.New("the JWK's d is not as long as its curve")
	}
	private, err := ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-len(d)), d...))
	if err != nil {
		return nil, err
	}
	if !private.PublicKey.Equal(public) {
		return nil, errors.New("the JWK's parts do not belong together")
	}
	return private, nil
}

func okpJWK(k jwk) (any, error) {
	var p parts
	x := p.bytes(k.X)
	if p.err != nil || len(x) != 32 || k.Crv != "Ed25519" && k.Crv != "X25519" {
		return nil, errors.New("the JWK is no Ed25519 or X25519 key")
	}
	if k.D == "" {
		if k.Crv == "Ed25519" {
			return ed25519.PublicKey(x), nil
		}
		return ecdh.X25519().NewPublicKey(x)
	}
	d := p.bytes(k.D)
	if p.err != nil || len(d) != 32 {
		return nil, errors.New("the JWK's d has not 32 bytes")
	}
	if k.Crv == "Ed25519" {
		private := ed25519.NewKeyFromSeed(d)
		if string(private[32:]) != string(x) {
			return nil, errors.New("the JWK's parts do not belong together")
		}
		return private, nil
	}
	private, err := ecdh.X25519().NewPrivateKey(d)
	if err == nil && string(private.PublicKey().Bytes()) != string(x) {
		return nil, errors.New("the JWK's parts do not belong together")
	}
	return private, err
}

func writeJWK(key any) (json.RawMessage, error) {
	text := base64.RawURLEncoding.EncodeToString
	number := func(n *big.Int) string { return text(n.Bytes()) }
	var k jwk
	switch key := key.(type) {
	case *rsa.PublicKey:
		k = jwk{Kty: "RSA", N: number(key.N), E: number(big.NewInt(int64(key.E)))}
	case *rsa.PrivateKey:
		if len(key.Primes) != 2 {
			return nil, fail(errSupport, "a key of %d primes has no JWK here", len(key.Primes))
		}
		key.Precompute()
		k = jwk{
			Kty: "RSA", N: number(key.N), E: number(big.NewInt(int64(key.E))), D: number(key.D), P: number(key.Primes[0]), Q: number(key.Primes[1]),
			DP: number(key.Precomputed.Dp), DQ: number(key.Precomputed.Dq), QI: number(key.Precomputed.Qinv),
		}
	case *ecdsa.PublicKey:
		return pointJWK(key, nil)
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		if err != nil {
			return nil, fail(errOperation, "the key cannot be written: %v", err)
		}
		return pointJWK(&key.PublicKey, d)
	case ed25519.PublicKey:
		k = jwk{Kty: "OKP", Crv: "Ed25519", X: text(key)}
	case ed25519.PrivateKey:
		k = jwk{Kty: "OKP", Crv: "Ed25519", X: text(key[32:]), D: text(key.Seed())}
	case *ecdh.PublicKey:
		k = jwk{Kty: "OKP", Crv: "X25519", X: text(key.Bytes())}
	case *ecdh.PrivateKey:
		k = jwk{Kty: "OKP", Crv: "X25519", X: text(key.PublicKey().Bytes()), D: text(key.Bytes())}
	default:
		return nil, fail(errSupport, "a %T has no JWK here", key)
	}
	return json.Marshal(k)
}

func pointJWK(key *ecdsa.PublicKey, d []byte) (json.RawMessage, error) {
	raw, err := key.Bytes()
	if err != nil {
		return nil, fail(errOperation, "the key cannot be written: %v", err)
	}
	text := base64.RawURLEncoding.EncodeToString
	half := len(raw) / 2
	return json.Marshal(jwk{Kty: "EC", Crv: key.Curve.Params().Name, X: text(raw[1 : 1+half]), Y: text(raw[1+half:]), D: text(d)})
}
