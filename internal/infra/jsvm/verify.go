package jsvm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
)

const (
	// maxKeyText bounds a public key's text.
	maxKeyText = 16 << 10
	// maxRSABits and maxExponent bound what one check costs: it runs outside the engine,
	// where no interrupt reaches.
	maxRSABits  = 8192
	maxExponent = 1<<31 - 1
	// pssDigestLength and pssAutoLength are Node.js's numbers for a salt as long as the
	// digest, and of any length.
	pssDigestLength = -1
	pssAutoLength   = -2
)

// signature says how a signature was made. Hash is nil where the key alone decides.
type signature struct {
	Hash       *string `json:"hash"`
	PSS        bool    `json:"pss"`
	SaltLength *int    `json:"saltLength"`
	P1363      bool    `json:"p1363"`
}

var signatureHashes = map[string]crypto.Hash{
	"sha1": crypto.SHA1, "sha224": crypto.SHA224, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// verify says whether sig is the key's signature over data. The key is PEM or a JWK. A
// wrong signature is false; what cannot be checked is an error.
func verify(alg, key, data, sig []byte) (bool, error) {
	var how signature
	if err := json.Unmarshal(alg, &how); err != nil {
		return false, errType
	}
	public, err := publicKey(key)
	if err != nil {
		return false, typeError("crypto.verify: the public key cannot be used: %v", err)
	}
	if k, ok := public.(ed25519.PublicKey); ok {
		if how.Hash != nil {
			return false, typeError("crypto.verify: an Ed25519 key takes no digest: name it null")
		}
		return ed25519.Verify(k, data, sig), nil
	}
	name := "sha256"
	if how.Hash != nil {
		name = *how.Hash
	}
	hash, ok := signatureHashes[name]
	if !ok {
		return false, typeError("crypto.verify: no signatures over %q here: sha1, sha224, sha256, sha384, sha512", name)
	}
	digest := sum(hash.New(), data)
	switch k := public.(type) {
	case *rsa.PublicKey:
		return verifyRSA(k, hash, digest, sig, how)
	case *ecdsa.PublicKey:
		if how.P1363 {
			half := (k.Curve.Params().BitSize + 7) / 8
			if len(sig) != 2*half {
				return false, nil
			}
			return ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])), nil
		}
		return ecdsa.VerifyASN1(k, digest, sig), nil
	}
	return false, typeError("crypto.verify: RSA, ECDSA and Ed25519 keys can be used, not %T", public)
}

func verifyRSA(k *rsa.PublicKey, hash crypto.Hash, digest, sig []byte, how signature) (bool, error) {
	if k.N.BitLen() > maxRSABits {
		return false, typeError("crypto.verify: an RSA key has at most %d bits here", maxRSABits)
	}
	var err error
	if how.PSS {
		salt, ok := saltLength(how.SaltLength)
		if !ok {
			return false, typeError("crypto.verify: the salt length %d is not offered", *how.SaltLength)
		}
		err = rsa.VerifyPSS(k, hash, digest, sig, &rsa.PSSOptions{SaltLength: salt})
	} else {
		err = rsa.VerifyPKCS1v15(k, hash, digest, sig)
	}
	if err != nil && !errors.Is(err, rsa.ErrVerification) {
		return false, typeError("crypto.verify: the public key cannot be used: %v", err)
	}
	return err == nil, nil
}

func saltLength(asked *int) (int, bool) {
	switch {
	case asked == nil || *asked == pssAutoLength:
		return rsa.PSSSaltLengthAuto, true
	case *asked == pssDigestLength:
		return rsa.PSSSaltLengthEqualsHash, true
	}
	return *asked, *asked > 0
}

func publicKey(text []byte) (any, error) {
	if len(text) > 0 && text[0] == '{' {
		return jwk(text)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is neither PEM nor a JWK")
	}
	switch block.Type {
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

func jwk(text []byte) (any, error) {
	var k struct{ Kty, Crv, N, E, X, Y string }
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, err
	}
	var bad error
	part := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err == nil && len(b) == 0 {
			err = errors.New("the JWK lacks a part")
		}
		bad = errors.Join(bad, err)
		return b
	}
	switch k.Kty {
	case "RSA":
		n, e := new(big.Int).SetBytes(part(k.N)), new(big.Int).SetBytes(part(k.E))
		if !e.IsInt64() || e.Int64() > maxExponent {
			return nil, errors.New("the JWK's exponent is too large")
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, bad
	case "EC":
		curve := curves[k.Crv]
		x, y := part(k.X), part(k.Y)
		if bad != nil {
			return nil, bad
		}
		if curve == nil {
			return nil, errors.New("the JWK's curve is not P-256, P-384 or P-521")
		}
		size := (curve.Params().BitSize + 7) / 8
		if len(x) > size || len(y) > size {
			return nil, errors.New("the JWK's point is too long")
		}
		point := make([]byte, 1+2*size)
		point[0] = 4 // uncompressed
		copy(point[1+size-len(x):], x)
		copy(point[1+2*size-len(y):], y)
		return ecdsa.ParseUncompressedPublicKey(curve, point)
	case "OKP":
		x := part(k.X)
		if k.Crv != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("the JWK is no Ed25519 key")
		}
		return ed25519.PublicKey(x), bad
	}
	return nil, errors.New("the JWK's kty is not RSA, EC or OKP")
}
