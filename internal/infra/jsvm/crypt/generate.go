package crypt

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
)

// generate makes a private key.
func (w Work) generate(s Spec) (any, error) {
	var key any
	var err error
	switch s.Kind {
	case "rsa":
		key, err = w.generateRSA(s.Bits, s.Exponent)
	case "ec":
		curve := curves[s.Curve]
		if curve == nil {
			return nil, fail(errSupport, "the curve %q is not offered; P-256, P-384 and P-521 are", s.Curve)
		}
		key, err = ecdsa.GenerateKey(curve, rand.Reader)
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "x25519":
		key, err = ecdh.X25519().GenerateKey(rand.Reader)
	default:
		return nil, fail(errSupport, "keys of kind %q are not offered", s.Kind)
	}
	if err != nil {
		return nil, err
	}
	if err := w.Pause(); err != nil {
		return nil, err
	}
	return describe(key)
}

// maxNewBits bounds new RSA keys: the search for primes of 2,048 bits takes seconds
// already, and each round of a test is one piece.
const maxNewBits = 4096

// generateRSA searches primes with a pause after each test. Go's own search cannot be
// interrupted, and takes from a tenth of a second to many.
func (w Work) generateRSA(bits int, exponent int64) (*rsa.PrivateKey, error) {
	if bits < 1024 || bits > maxNewBits || bits%8 != 0 {
		return nil, fail(errOperation, "a new RSA key has 1024 to %d bits here, not %d", maxNewBits, bits)
	}
	if exponent < 3 || exponent > maxExponent || exponent%2 == 0 {
		return nil, fail(errOperation, "the public exponent %d is not offered", exponent)
	}
	e := big.NewInt(exponent)
	one := big.NewInt(1)
	for {
		p, err := w.prime(bits / 2)
		if err != nil {
			return nil, err
		}
		q, err := w.prime(bits / 2)
		if err != nil {
			return nil, err
		}
		n := new(big.Int).Mul(p, q)
		order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, order)
		if p.Cmp(q) == 0 || d == nil || n.BitLen() != bits {
			continue
		}
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(exponent)}, D: d, Primes: []*big.Int{p, q}}
		key.Precompute()
		if err := w.Pause(); err != nil {
			return nil, err
		}
		if err := key.Validate(); err != nil {
			return nil, fail(errOperation, "no key could be made: %v", err)
		}
		return key, nil
	}
}

// small are odd primes whose product fits into a word; one division by it sorts out most
// candidates.
var small = func() *big.Int {
	n := big.NewInt(1)
	for _, p := range []int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47} {
		n.Mul(n, big.NewInt(p))
	}
	return n
}()

// rounds of a test with random bases: for primes of 512 bits and more, chosen at random,
// an error is less likely than 2^-100 (FIPS 186-5, table B.1).
const rounds = 8

// prime finds a random prime with its two highest bits set, so that the product of two has
// the length asked for.
func (w Work) prime(bits int) (*big.Int, error) {
	b := make([]byte, bits/8)
	n, gcd := new(big.Int), new(big.Int)
	for {
		if err := w.Pause(); err != nil {
			return nil, err
		}
		if _, err := rand.Read(b); err != nil {
			return nil, err
		}
		b[0] |= 0xc0
		b[len(b)-1] |= 1
		n.SetBytes(b)
		if gcd.GCD(nil, nil, n, small).BitLen() > 1 {
			continue
		}
		ok, err := w.probablyPrime(n)
		if err != nil {
			return nil, err
		}
		if ok {
			return n, nil
		}
	}
}

// probablyPrime is the test of Miller and Rabin, with a pause after each round.
func (w Work) probablyPrime(n *big.Int) (bool, error) {
	one := big.NewInt(1)
	minus := new(big.Int).Sub(n, one)
	s := minus.TrailingZeroBits()
	d := new(big.Int).Rsh(minus, s)
	span := new(big.Int).Sub(n, big.NewInt(3))
	x := new(big.Int)
	for range rounds {
		base, err := rand.Int(rand.Reader, span)
		if err != nil {
			return false, err
		}
		x.Exp(base.Add(base, big.NewInt(2)), d, n)
		witness := x.Cmp(one) != 0 && x.Cmp(minus) != 0
		for i := uint(1); witness && i < s; i++ {
			x.Mul(x, x).Mod(x, n)
			witness = x.Cmp(minus) != 0
		}
		if witness {
			return false, nil
		}
		if err := w.Pause(); err != nil {
			return false, err
		}
	}
	return true, nil
}
