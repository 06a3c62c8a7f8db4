package crypt

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"encoding/binary"
	"hash"

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

// maxInfo bounds HKDF's info, which is hashed again for each part of the key, and maxSalt
// the salts that apps give.
const (
	maxInfo = 32 << 10
	maxSalt = 4 << 20
)

// roundCost is what a round of PBKDF2 counts, in hashed bytes: two blocks, and the calls.
const roundCost = 256

func (w Work) pbkdf2(s Spec, password, salt []byte) (any, error) {
	hash, err := hashOf(s.Hash)
	if err != nil {
		return nil, err
	}
	if s.Length < 0 || s.Length > maxDerived || s.Iterations < 1 {
		return nil, &Error{errOperation, "ERR_OUT_OF_RANGE", "pbkdf2: at least one round, and at most 1 MB"}
	}
	if len(salt) > maxSalt {
		return nil, &Error{errOperation, "ERR_OUT_OF_RANGE", "pbkdf2: a salt has at most 4 MB"}
	}
	out, err := w.stretch(hash, password, salt, s.Iterations, s.Length)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// stretch is RFC 8018's PBKDF2; the standard library's cannot be interrupted. The salt is
// read once, however many blocks the key has.
func (w Work) stretch(hash crypto.Hash, password, salt []byte, iterations, length int) ([]byte, error) {
	mac, err := w.mac(hash, password)
	if err != nil {
		return nil, err
	}
	salted, err := cloned(mac)
	if err != nil {
		return nil, err
	}
	if err := w.inPieces(salt, func(b []byte) { salted.Write(b) }); err != nil {
		return nil, err
	}
	out := make([]byte, 0, length+hash.Size())
	var u []byte
	for block := uint32(1); len(out) < length; block++ {
		first, err := cloned(salted)
		if err != nil {
			return nil, err
		}
		first.Write(binary.BigEndian.AppendUint32(nil, block))
		at := len(out)
		out = first.Sum(out)
		if err := w.spend(2 * roundCost); err != nil {
			return nil, err
		}
		t := out[at:]
		u = append(u[:0], t...)
		for i := 1; i < iterations; i++ {
			if err := w.spend(roundCost); err != nil {
				return nil, err
			}
			mac.Reset()
			mac.Write(u)
			u = mac.Sum(u[:0])
			for j := range t {
				t[j] ^= u[j]
			}
		}
	}
	return out[:length], nil
}

// mac makes a MAC. A long key counts as its hash, which is taken in pieces.
func (w Work) mac(h crypto.Hash, key []byte) (hash.Hash, error) {
	if len(key) > h.New().BlockSize() {
		var err error
		if key, err = w.digest(h, key); err != nil {
			return nil, err
		}
	}
	return hmac.New(h.New, key), nil
}

// cloned is a hash in the same state.
func cloned(h hash.Hash) (hash.Hash, error) {
	c, ok := h.(hash.Cloner)
	if !ok {
		return nil, fail(errSupport, "this hash cannot be used here")
	}
	return c.Clone()
}

// hkdf is RFC 5869's; the standard library's cannot be interrupted.
func (w Work) hkdf(s Spec, secret, salt, info []byte) (any, error) {
	hash, err := hashOf(s.Hash)
	if err != nil {
		return nil, err
	}
	if s.Length < 0 || s.Length > 255*hash.Size() {
		return nil, &Error{errOperation, "ERR_CRYPTO_INVALID_KEYLEN", "hkdf: the key is too long"}
	}
	if len(info) > maxInfo || len(salt) > maxSalt {
		return nil, &Error{errOperation, "ERR_OUT_OF_RANGE", "hkdf: info has at most 32 KB, a salt at most 4 MB"}
	}
	if len(salt) == 0 {
		salt = make([]byte, hash.Size())
	}
	extract, err := w.mac(hash, salt)
	if err != nil {
		return nil, err
	}
	if err := w.inPieces(secret, func(b []byte) { extract.Write(b) }); err != nil {
		return nil, err
	}
	expand := hmac.New(hash.New, extract.Sum(nil))
	var out, last []byte
	for i := byte(1); len(out) < s.Length; i++ {
		expand.Reset()
		expand.Write(last)
		expand.Write(info)
		expand.Write([]byte{i})
		last = expand.Sum(nil)
		out = append(out, last...)
		if err := w.spend(2*roundCost + len(info)); err != nil {
			return nil, err
		}
	}
	return out[:s.Length], nil
}

// maxScrypt bounds scrypt's table, and maxScryptBlocks what is stirred in it one after the
// other.
const (
	maxScrypt       = 64 << 20
	maxScryptBlocks = 4 << 20
)

// scrypt is RFC 7914's over a library's Salsa20/8; that library's scrypt cannot be
// interrupted.
func (w Work) scrypt(s Spec, password, salt []byte) (any, error) {
	if s.N < 2 || s.N > maxScrypt || s.N&(s.N-1) != 0 || s.R < 1 || s.P < 1 || s.R > 1<<12 || s.P > 1<<12 || s.Length < 0 || s.Length > maxDerived {
		return nil, &Error{"RangeError", "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params"}
	}
	width := 128 * s.R
	if s.N > maxScrypt/width || s.P > maxScryptBlocks/width {
		return nil, &Error{"RangeError", "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", "Invalid scrypt params: 128*N*r may be at most 64 MB here, and 128*p*r 4 MB"}
	}
	if len(salt) > maxSalt {
		return nil, &Error{"RangeError", "ERR_OUT_OF_RANGE", "scrypt: a salt has at most 4 MB"}
	}
	if err := w.reserve((s.N + s.P + 1) * width); err != nil {
		return nil, err
	}
	b, err := w.stretch(crypto.SHA256, password, salt, 1, s.P*width)
	if err != nil {
		return nil, err
	}
	table, y := newTable(s.N, width), make([]byte, width)
	for i := range s.P {
		if err := w.mix(b[i*width:(i+1)*width], y, table); err != nil {
			return nil, err
		}
	}
	out, err := w.stretch(crypto.SHA256, password, b, 1, s.Length)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// table is what scrypt remembers. It comes in parts, each when it is first needed: clearing
// all of it would be a long piece of work.
type table struct {
	rows, width int
	inPart      int // rows
	parts       [][]byte
}

func newTable(rows, width int) *table {
	inPart := min(rows, max(1, piece/width))
	return &table{rows, width, inPart, make([][]byte, (rows+inPart-1)/inPart)}
}

func (t *table) row(i int) []byte {
	part := &t.parts[i/t.inPart]
	if *part == nil {
		*part = make([]byte, t.inPart*t.width)
	}
	at := i % t.inPart * t.width
	return (*part)[at : at+t.width]
}

// mixCost is what a byte that is stirred counts beside one that is hashed.
const mixCost = 2

func (w Work) mix(x, y []byte, t *table) error {
	width, n := len(x), t.rows
	for i := range n {
		copy(t.row(i), x)
		blockMix(x, y)
		if err := w.spend(mixCost * width); err != nil {
			return err
		}
	}
	for range n {
		j := int(binary.LittleEndian.Uint64(x[width-64:]) & uint64(n-1))
		xor(x, t.row(j))
		blockMix(x, y)
		if err := w.spend(mixCost * width); err != nil {
			return err
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
