package crypt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"math/big"
)

const (
	// Node.js's numbers for a salt as long as the digest, the longest there is room for,
	// and one of any length.
	pssDigest = -1
	pssMax    = -2
)

// sign makes the key's signature over data.
func (w Work) sign(s Spec, der, data []byte) (any, error) {
	key, err := load(der)
	if err != nil {
		return nil, err
	}
	if k, ok := key.(ed25519.PrivateKey); ok {
		if s.Hash != "" {
			return nil, &Error{"Error", "ERR_OSSL_EVP_INVALID_DIGEST", "an Ed25519 key takes no digest: name it null"}
		}
		if len(data) > maxSigned {
			return nil, tooLong("what Ed25519 signs", len(data), maxSigned)
		}
		return ed25519.Sign(k, data), w.Pause()
	}
	hash, digest, err := w.toSign(s, data)
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if err := w.Pause(); err != nil { // reading the key took a while, and so will this
			return nil, err
		}
		return w.signRSA(s, k, hash, digest)
	case *ecdsa.PrivateKey:
		sig, err := ecdsa.SignASN1(rand.Reader, k, digest)
		if err != nil {
			return nil, fail(errOperation, "the key cannot sign: %v", err)
		}
		if !s.P1363 {
			return sig, nil
		}
		return p1363(sig, (k.Curve.Params().BitSize+7)/8)
	}
	return nil, &Error{"TypeError", "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE", "this kind of key cannot sign"}
}

func (w Work) toSign(s Spec, data []byte) (crypto.Hash, []byte, error) {
	if s.Hash == "" {
		s.Hash = "sha256"
	}
	hash, err := hashOf(s.Hash)
	if err != nil {
		return 0, nil, err
	}
	if s.Raw {
		if len(data) != hash.Size() {
			return 0, nil, fail(errOperation, "the digest has the wrong length")
		}
		return hash, data, nil
	}
	digest, err := w.digest(hash, data)
	return hash, digest, err
}

func (w Work) signRSA(s Spec, k *rsa.PrivateKey, hash crypto.Hash, digest []byte) (any, error) {
	var sig []byte
	var err error
	if s.PSS {
		salt := rsa.PSSSaltLengthEqualsHash
		switch {
		case s.Salt == nil, *s.Salt == pssDigest:
		case *s.Salt == pssMax:
			salt = rsa.PSSSaltLengthAuto
		case *s.Salt == 0:
			return w.signPSSWithoutSalt(k, hash, digest)
		case *s.Salt > 0:
			salt = *s.Salt
		default:
			return nil, fail(errOperation, "the salt length %d is not offered", *s.Salt)
		}
		sig, err = rsa.SignPSS(rand.Reader, k, hash, digest, &rsa.PSSOptions{SaltLength: salt})
	} else {
		sig, err = rsa.SignPKCS1v15(nil, k, hash, digest)
	}
	if err != nil {
		return nil, fail(errOperation, "the key cannot sign: %v", err)
	}
	return sig, nil
}

// signPSSWithoutSalt is for a salt of no bytes, which Go's options cannot say: with them
// 0 means the longest one.
func (w Work) signPSSWithoutSalt(k *rsa.PrivateKey, hash crypto.Hash, digest []byte) (any, error) {
	bits := k.N.BitLen() - 1
	size := (bits + 7) / 8
	if size < hash.Size()+2 {
		return nil, fail(errOperation, "the key is too short for this hash")
	}
	h := hash.New()
	h.Write(make([]byte, 8))
	h.Write(digest)
	sum := h.Sum(nil)
	block := make([]byte, size)
	db := block[:size-hash.Size()-1]
	db[len(db)-1] = 1
	mask(hash, db, sum)
	db[0] &= 0xff >> (8*size - bits)
	copy(block[len(db):], sum)
	block[size-1] = 0xbc
	m := new(big.Int).SetBytes(block)
	if m.Cmp(k.N) >= 0 {
		return nil, fail(errOperation, "the key cannot sign")
	}
	return w.rawRSA(k, m)
}

// mask is MGF1 over b.
func mask(hash crypto.Hash, b, seed []byte) {
	for i := 0; len(b) > 0; i++ {
		h := hash.New()
		h.Write(seed)
		h.Write([]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		for _, c := range h.Sum(nil) {
			if len(b) == 0 {
				return
			}
			b[0] ^= c
			b = b[1:]
		}
	}
}

// rawRSA is the bare operation of a private key, blinded: big.Int takes a time that
// depends on its numbers.
func (w Work) rawRSA(k *rsa.PrivateKey, m *big.Int) ([]byte, error) {
	for {
		r, err := rand.Int(rand.Reader, k.N)
		if err != nil {
			return nil, err
		}
		inverse := new(big.Int).ModInverse(r, k.N)
		if inverse == nil {
			continue
		}
		e := big.NewInt(int64(k.E))
		c := new(big.Int).Exp(r, e, k.N)
		c.Mul(c, m).Mod(c, k.N)
		if c, err = w.exponent(k, c); err != nil {
			return nil, err
		}
		c.Mul(c, inverse).Mod(c, k.N)
		if new(big.Int).Exp(c, e, k.N).Cmp(m) != 0 {
			return nil, fail(errOperation, "the key's parts do not belong together")
		}
		return c.FillBytes(make([]byte, k.Size())), nil
	}
}

// exponent is c to the private exponent, with a pause on the way where the primes are known
// apart.
func (w Work) exponent(k *rsa.PrivateKey, c *big.Int) (*big.Int, error) {
	k.Precompute()
	if len(k.Primes) != 2 || k.Precomputed.Qinv == nil {
		return c.Exp(c, k.D, k.N), nil
	}
	p, q := k.Primes[0], k.Primes[1]
	a := new(big.Int).Exp(c, k.Precomputed.Dp, p)
	if err := w.Pause(); err != nil {
		return nil, err
	}
	b := new(big.Int).Exp(c, k.Precomputed.Dq, q)
	a.Sub(a, b).Mul(a, k.Precomputed.Qinv).Mod(a, p)
	return a.Mul(a, q).Add(a, b), w.Pause()
}

// verify says whether sig is the key's signature over data. A wrong signature is false;
// what cannot be checked is an error.
func (w Work) verify(s Spec, der, data, sig []byte) (any, error) {
	key, err := load(der)
	if err != nil {
		return nil, err
	}
	if isPrivate(key) {
		key = key.(interface{ Public() crypto.PublicKey }).Public()
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		if s.Hash != "" {
			return nil, &Error{"Error", "ERR_OSSL_EVP_INVALID_DIGEST", "an Ed25519 key takes no digest: name it null"}
		}
		if len(data) > maxSigned {
			return nil, tooLong("what Ed25519 signs", len(data), maxSigned)
		}
		return ed25519.Verify(k, data, sig), w.Pause()
	}
	hash, digest, err := w.toSign(s, data)
	if err != nil {
		return nil, err
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return verifyRSA(s, k, hash, digest, sig)
	case *ecdsa.PublicKey:
		if s.P1363 {
			half := (k.Curve.Params().BitSize + 7) / 8
			if len(sig) != 2*half {
				return false, nil
			}
			return ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])), nil
		}
		return ecdsa.VerifyASN1(k, digest, sig), nil
	}
	return nil, &Error{"TypeError", "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE", "this kind of key signs nothing"}
}

func verifyRSA(s Spec, k *rsa.PublicKey, hash crypto.Hash, digest, sig []byte) (any, error) {
	var err error
	switch {
	case !s.PSS:
		err = rsa.VerifyPKCS1v15(k, hash, digest, sig)
	case s.Salt != nil && *s.Salt < pssMax:
		return nil, fail(errOperation, "the salt length %d is not offered", *s.Salt)
	default:
		salt := rsa.PSSSaltLengthAuto
		if s.Salt != nil && *s.Salt == pssDigest {
			salt = rsa.PSSSaltLengthEqualsHash
		}
		if s.Salt != nil && *s.Salt > 0 {
			salt = *s.Salt
		}
		err = rsa.VerifyPSS(k, hash, digest, sig, &rsa.PSSOptions{SaltLength: salt})
	}
	if err != nil && !errors.Is(err, rsa.ErrVerification) {
		return nil, fail(errOperation, "the public key cannot be used: %v", err)
	}
	return err == nil, nil
}

// p1363 turns a signature's DER into two numbers of equal length.
func p1363(sig []byte, half int) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &rs); err != nil {
		return nil, fail(errOperation, "the key cannot sign: %v", err)
	}
	out := make([]byte, 2*half)
	rs.R.FillBytes(out[:half])
	rs.S.FillBytes(out[half:])
	return out, nil
}
