package crypt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"math/big"
)

var errDecrypt = &Error{errOperation, "ERR_OSSL_BAD_DECRYPT", "the data cannot be decrypted with this key"}

// cipher enciphers or deciphers data with AES.
func (w Work) cipher(s Spec, key, iv, data, aad []byte) (any, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, &Error{errData, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length"}
	}
	if len(iv) != aes.BlockSize && (s.Mode == "cbc" || s.Mode == "ctr") {
		return nil, &Error{errOperation, "ERR_CRYPTO_INVALID_IV", "Invalid initialization vector"}
	}
	switch s.Mode {
	case "cbc", "ecb":
		return w.blocks(s, block, iv, data)
	case "ctr":
		return w.counter(s, block, iv, data)
	case "gcm":
		return w.gcm(s, block, iv, data, aad)
	case "gcm-stream":
		return w.gcmStream(s, block, iv, data)
	case "kw":
		return w.wrap(s, block, data)
	}
	return nil, fail(errSupport, "the mode %q is not offered", s.Mode)
}

// blocks is CBC, or ECB where each block stands for itself.
func (w Work) blocks(s Spec, block cipher.Block, iv, data []byte) (any, error) {
	const size = aes.BlockSize
	var last []byte // with what fills it up
	if !s.Decrypt && s.Pad {
		n := size - len(data)%size
		whole := len(data) / size * size
		last = append(append(last, data[whole:]...), bytes.Repeat([]byte{byte(n)}, n)...)
		data = data[:whole]
	}
	if len(data)%size != 0 || s.Decrypt && s.Pad && len(data) == 0 {
		return nil, &Error{errOperation, "ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH", "the data's length is no multiple of the block's"}
	}
	if err := w.reserve(len(data) + len(last)); err != nil {
		return nil, err
	}
	out := make([]byte, len(data)+len(last))
	step := func(out, data []byte) {
		for i := 0; i < len(data); i += size {
			if s.Decrypt {
				block.Decrypt(out[i:], data[i:])
			} else {
				block.Encrypt(out[i:], data[i:])
			}
		}
	}
	if s.Mode == "cbc" {
		mode := cipher.NewCBCEncrypter(block, iv)
		if s.Decrypt {
			mode = cipher.NewCBCDecrypter(block, iv)
		}
		step = mode.CryptBlocks
	}
	at := 0
	if err := w.inPieces(data, func(b []byte) { step(out[at:], b); at += len(b) }); err != nil {
		return nil, err
	}
	step(out[at:], last)
	if !s.Decrypt || !s.Pad {
		return out, nil
	}
	n := int(out[len(out)-1])
	if n < 1 || n > size || !bytes.Equal(out[len(out)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errDecrypt
	}
	return out[:len(out)-n], nil
}

// counter is CTR whose last s.Counter bits count and the others stay; s.Skip bytes of the
// key stream are used up already.
func (w Work) counter(s Spec, block cipher.Block, iv, data []byte) (any, error) {
	bits := s.Counter
	if bits == 0 {
		bits = 128
	}
	if bits < 1 || bits > 128 || s.Skip < 0 {
		return nil, fail(errOperation, "the counter has 1 to 128 bits")
	}
	if err := w.reserve(len(data)); err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	if bits < 128 {
		// Where the counter returns to zero is inside of the data, or nowhere.
		total := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		need := big.NewInt(int64((len(data) + aes.BlockSize - 1) / aes.BlockSize))
		if need.Cmp(total) > 0 {
			return nil, fail(errOperation, "the data is longer than the counter allows")
		}
		start := new(big.Int).SetBytes(iv)
		low := new(big.Int).Mod(start, total)
		if first := new(big.Int).Sub(total, low); first.Cmp(need) < 0 {
			cut := first.Int64() * aes.BlockSize
			if err := w.stream(cipher.NewCTR(block, iv), out[:cut], data[:cut]); err != nil {
				return nil, err
			}
			again := start.Sub(start, low).FillBytes(make([]byte, aes.BlockSize))
			return out, w.stream(cipher.NewCTR(block, again), out[cut:], data[cut:])
		}
	}
	at := addCounter(iv, uint64(s.Skip)/aes.BlockSize)
	stream := cipher.NewCTR(block, at)
	if rest := s.Skip % aes.BlockSize; rest > 0 {
		stream.XORKeyStream(make([]byte, rest), make([]byte, rest))
	}
	return out, w.stream(stream, out, data)
}

// addCounter gives iv with n added to it as a number.
func addCounter(iv []byte, n uint64) []byte {
	out := append([]byte(nil), iv...)
	low := binary.BigEndian.Uint64(out[8:])
	binary.BigEndian.PutUint64(out[8:], low+n)
	if low+n < low {
		binary.BigEndian.PutUint64(out, binary.BigEndian.Uint64(out)+1)
	}
	return out
}

func (w Work) stream(stream cipher.Stream, out, data []byte) error {
	at := 0
	return w.inPieces(data, func(b []byte) {
		stream.XORKeyStream(out[at:at+len(b)], b)
		at += len(b)
	})
}

// gcm seals data, with the tag behind it, or opens what was sealed so.
func (w Work) gcm(s Spec, block cipher.Block, iv, data, aad []byte) (any, error) {
	aead, err := gcmOf(block, iv)
	if err != nil {
		return nil, err
	}
	if s.Tag < 4 || s.Tag > 16 {
		return nil, &Error{errOperation, "ERR_CRYPTO_INVALID_AUTH_TAG", "Invalid authentication tag length"}
	}
	if n := len(data) + len(aad); n > maxSealed {
		return nil, tooLong("authenticated data", n, maxSealed)
	}
	if err := w.reserve(len(data)); err != nil {
		return nil, err
	}
	if !s.Decrypt {
		out := aead.Seal(nil, iv, data, aad)
		return out[:len(out)-16+s.Tag], w.Pause()
	}
	if len(data) < s.Tag {
		return nil, errDecrypt
	}
	body, tag := data[:len(data)-s.Tag], data[len(data)-s.Tag:]
	if s.Tag == 16 {
		out, err := aead.Open(nil, iv, data, aad)
		if err != nil {
			return nil, errDecrypt
		}
		return out, w.Pause()
	}
	// A shortened tag: the whole one is made again, and its beginning compared.
	made, err := w.gcmStream(Spec{}, block, iv, body)
	if err != nil {
		return nil, err
	}
	plain := made.([]byte)
	whole := aead.Seal(nil, iv, plain, aad)[len(plain):]
	if subtle.ConstantTimeCompare(whole[:s.Tag], tag) != 1 {
		return nil, errDecrypt
	}
	return plain, w.Pause()
}

func gcmOf(block cipher.Block, iv []byte) (cipher.AEAD, error) {
	if len(iv) == 0 {
		return nil, &Error{errOperation, "ERR_CRYPTO_INVALID_IV", "Invalid initialization vector"}
	}
	if len(iv) > maxNonce {
		return nil, tooLong("an initialization vector", len(iv), maxNonce)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		return nil, fail(errOperation, "%v", err)
	}
	return aead, nil
}

// gcmStream is GCM without its tag, from s.Skip bytes on: what a cipher object gives out
// before it is final. The first counter is read off a block of zeros.
func (w Work) gcmStream(s Spec, block cipher.Block, iv, data []byte) (any, error) {
	aead, err := gcmOf(block, iv)
	if err != nil {
		return nil, err
	}
	first := aead.Seal(nil, iv, make([]byte, aes.BlockSize), nil)[:aes.BlockSize]
	start := make([]byte, aes.BlockSize)
	block.Decrypt(start, first)
	// GCM counts in 32 bits; data long enough for them to overflow is refused.
	low := binary.BigEndian.Uint32(start[12:])
	from := uint32(s.Skip / aes.BlockSize)
	if err := w.reserve(len(data)); err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	at, used := 0, s.Skip%aes.BlockSize // of the first block
	err = w.inPieces(data, func(b []byte) {
		for len(b) > 0 {
			binary.BigEndian.PutUint32(start[12:], low+from)
			block.Encrypt(first, start)
			n := subtle.XORBytes(out[at:], b, first[used:])
			if used += n; used == aes.BlockSize {
				from, used = from+1, 0
			}
			at += n
			b = b[n:]
		}
	})
	return out, err
}

// maxWrapped bounds what AES-KW wraps: keys.
const maxWrapped = 64 << 10

// wrap is AES key wrap, RFC 3394.
func (w Work) wrap(s Spec, block cipher.Block, data []byte) (any, error) {
	least := 16
	if s.Decrypt {
		least = 24
	}
	if len(data)%8 != 0 || len(data) < least || len(data) > maxWrapped {
		return nil, fail(errOperation, "AES-KW takes 16 bytes and more, in eights")
	}
	iv := bytes.Repeat([]byte{0xa6}, 8)
	if !s.Decrypt {
		data = append(iv, data...)
	}
	out := append([]byte(nil), data...)
	n := len(out)/8 - 1
	b := make([]byte, aes.BlockSize)
	for k := range 6 * n {
		j := k
		if s.Decrypt {
			j = 6*n - 1 - k
		}
		i, t := j%n+1, uint64(j+1)
		copy(b, out[:8])
		copy(b[8:], out[8*i:])
		if s.Decrypt {
			binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)^t)
			block.Decrypt(b, b)
		} else {
			block.Encrypt(b, b)
			binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)^t)
		}
		copy(out[:8], b[:8])
		copy(out[8*i:8*i+8], b[8:])
	}
	if s.Decrypt {
		if subtle.ConstantTimeCompare(out[:8], iv) != 1 {
			return nil, errDecrypt
		}
		return out[8:], nil
	}
	return out, nil
}
