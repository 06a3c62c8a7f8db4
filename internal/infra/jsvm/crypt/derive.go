package crypt

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/hmac"
	"encoding/binary"

	//lint:ignore SA1019 scrypt is made of nothing else
	"golang.org/x/crypto/salsa20/salsa"
)

// agree is the secret that a private key shares with a public one.
func agree(private, public []byte) (any, error) {
	a, err := load(private)
	if err != nil {
		return nil, err
	}
	b, err := load(public)
	if err != nil {
		return nil, err
	}
	mine, theirs := (*ecdh.PrivateKey)(nil), (*ecdh.PublicKey)(nil)
	switch k := a.(type) {
	case *ecdh.PrivateKey:
		mine = k
	case *ecdsa.PrivateKey:
		mine, err = k.ECDH()
	}
	if k, ok := b.(*ecdh.PublicKey); ok {
		theirs = k
	}
	if k, ok := b.(*ecdsa.PublicKey); ok && err == nil {
		theirs, err = k.ECDH()
	}
	if err != nil || mine == nil || theirs == nil || mine.Curve() != theirs.Curve() {
		return nil, &Error{"InvalidAccessError", "ERR_CRYPTO_INCOMPATIBLE_KEY", "a private and a public key of the same curve are needed"}
	}
	secret, err := mine.ECDH(theirs)
	if err != nil {
		return nil, fail(errOperation, "the keys share no secret")
	}
	return secret, nil
}

// maxDerived bounds derived keys.
const maxDerived = 1 << 20

// roundsPerPause is how many rounds of PBKDF2 are some hundred microseconds.
const roundsPerPause = 1000

// pbkdf2 is RFC 8018's; the standard library's cannot be interrupted.
func (w Work) pbkdf2(s Spec, password, salt []byte) (any, error) {
	hash, err := hashOf(s.Hash)
	if err != nil {
		return nil, err
	}
	if s.Length < 0 || s.Length > maxDerived || s.Iterations < 1 {
		return nil, &Error{errOperation, "ERR_OUT_OF_RANGE", "pbkdf2: at least one round, and at most 1 MB"}
	}
	mac := hmac.New(hash.New, password)
	out := make([]byte, 0, s.Length+hash.Size())
	var u []byte
	left := roundsPerPause
	for block := uint32(1); len(out) < s.Length; block++ {
		mac.Reset()
		mac.Write(salt)
		mac.Write(binary.BigEndian.AppendUint32(nil, block))
		at := len(out)
		out = mac.Sum(out)
		t := out[at:]
		u = append(u[:0], t...)
		for i := 1; i < s.Iterations; i++ {
			if left--; left == 0 {
				left = roundsPerPause
				if err := w.Pause(); err != nil {
					return nil, err
				}
			}
			mac.Reset()
			mac.Write(u)
			u = mac.Sum(u[:0])
			for j := range t {
				t[j] ^= u[j]
			}
		}
	}
	return out[:s.Length], nil
}

func hkdfKey(s Spec, secret, salt, info []byte) (any, error) {
	hash, err := hashOf(s.Hash)
	if err != nil {
		return nil, err
	}
	if s.Length < 0 || s.Length > 255*hash.Size() {
		return nil, &Error{errOperation, "ERR_CRYPTO_INVALID_KEYLEN", "hkdf: the key is too long"}
	}
	out, err := hkdf.Key(hash.New, secret, salt, string(info), s.Length)
	if err != nil {
		return nil, fail(errOperation, "hkdf: %v", err)
	}
	return out, nil
}

// maxScrypt bounds scrypt's memory, which is outside of the call's own.
const maxScrypt = 64 << 20

// scrypt is RFC 7914's over a library's Salsa20/8; that library's scrypt cannot be
// interrupted.
func (w Work) scrypt(s Spec, password, salt []byte) (any, error) {
	if s.N < 2 || s.N&(s.N-1) != 0 || s.R < 1 || s.P < 1 || s.R > 1<<12 || s.P > 1<<12 || s.Length < 0 || s.Length > maxDerived {
		return nil, &Error{"RangeError", "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params"}
	}
	width := 128 * s.R
	if s.N > maxScrypt/width || s.P > maxScrypt/width {
		return nil, &Error{"RangeError", "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params: 128*N*r may be at most 64 MB here"}
	}
	made, err := w.pbkdf2(Spec{Hash: "sha256", Iterations: 1, Length: s.P * width}, password, salt)
	if err != nil {
		return nil, err
	}
	b := made.([]byte)
	table, y := make([]byte, s.N*width), make([]byte, width)
	for i := range s.P {
		if err := w.mix(b[i*width:(i+1)*width], y, table, s.N); err != nil {
			return nil, err
		}
	}
	return w.pbkdf2(Spec{Hash: "sha256", Iterations: 1, Length: s.Length}, password, b)
}

func (w Work) mix(x, y, table []byte, n int) error {
	width := len(x)
	every := max(1, (64<<10)/width) // some hundred microseconds
	for i := range n {
		copy(table[i*width:], x)
		blockMix(x, y)
		if i%every == 0 {
			if err := w.Pause(); err != nil {
				return err
			}
		}
	}
	for i := range n {
		j := int(binary.LittleEndian.Uint64(x[width-64:]) & uint64(n-1))
		xor(x, table[j*width:(j+1)*width])
		blockMix(x, y)
		if i%every == 0 {
			if err := w.Pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockMix stirs x, with y for the meantime: even blocks first, then odd ones.
func blockMix(x, y []byte) {
	var t [64]byte
	copy(t[:], x[len(x)-64:])
	half := len(x) / 2
	for i := 0; i < len(x); i += 64 {
		xor(t[:], x[i:i+64])
		salsa.Core208(&t, &t)
		copy(y[i/128*64+i%128/64*half:], t[:])
	}
	copy(x, y)
}

func xor(dst, src []byte) {
	for i := 0; i+8 <= len(dst); i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], binary.LittleEndian.Uint64(dst[i:])^binary.LittleEndian.Uint64(src[i:]))
	}
}
