package jsvm

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // apps compute what their peers ask for
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"io"
	"strings"
	"time"
	_ "time/tzdata" // a worker has no file system
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxRandom is what crypto.getRandomValues allows at once.
	maxRandom = 65536
	// maxNative bounds what one native handles: copying it in and out is one piece of work.
	maxNative = 64 << 20
)

// native answers an operation that has no effect outside the engine.
func (in *Instance) native(code int, arg func(int) uint64) (uint64, error) {
	e, cx := in.e, in.meta.Context
	str := func(i int) (string, error) {
		b, err := e.text(cx, arg(i), 4096)
		return string(b), err
	}
	data := func(i int) ([]byte, error) {
		b, _, err := e.content(cx, arg(i), maxNative)
		return b, err
	}
	bytesOut := func(b []byte, err error) (uint64, error) {
		if err != nil {
			return 0, err
		}
		return e.newBytes(cx, b)
	}
	switch code {
	case opRandom:
		if err := in.mayDraw(arg(2)); err != nil {
			return 0, err
		}
		n, err := e.num(arg(1))
		if err != nil || !(n >= 0 && n <= maxRandom) {
			return 0, &jsError{name: "RangeError", message: "between 0 and 65536 random bytes at once"}
		}
		b := make([]byte, int(n))
		if _, err := io.ReadFull(e.cfg.Random, b); err != nil {
			return 0, err
		}
		return e.newBytes(cx, b)
	case opHash, opHMAC:
		alg, err := str(1)
		if err != nil {
			return 0, err
		}
		h := hashes[strings.ToLower(strings.ReplaceAll(alg, "-", ""))]
		if h == nil {
			return 0, typeError("no hash %q here: md5, sha1, sha2 and sha3", alg)
		}
		first, err := data(2)
		if err != nil || code == opHash {
			if err != nil {
				return 0, err
			}
			return bytesOut(in.sum(h(), first))
		}
		msg, err := data(3)
		if err != nil {
			return 0, err
		}
		mac, err := in.hmac(h, first)
		if err != nil {
			return 0, err
		}
		return bytesOut(in.sum(mac, msg))
	case opUTF8Enc:
		b, err := e.text(cx, arg(1), maxNative)
		if err != nil {
			return 0, err
		}
		return bytesOut(in.validText(b))
	case opUTF8Dec, opLatin1Dec, opUTF16Dec:
		b, err := data(1)
		if err != nil {
			return 0, err
		}
		s, ok, err := in.decodeText(code, b)
		if err != nil {
			return 0, err
		}
		if !ok && arg(2) == e.tags.bool(true) {
			return 0, typeError("the encoded data was not valid")
		}
		return e.newString(cx, s)
	case opInflate, opDeflate:
		kind, err := str(1)
		if err != nil {
			return 0, err
		}
		b, err := data(2)
		if err != nil {
			return 0, err
		}
		do := in.inflate
		if code == opDeflate {
			do = in.deflate
		}
		out, err := do(kind, b)
		if err != nil {
			return 0, err
		}
		return e.newBytes(cx, out.list...)
	case opTZ:
		zone, err := str(1)
		if err != nil {
			return 0, err
		}
		ms, err := e.num(arg(2))
		if err != nil {
			return 0, err
		}
		loc, err := time.LoadLocation(zone)
		if err != nil || zone == "" || zone == "Local" {
			return 0, &jsError{name: "RangeError", message: "invalid time zone: " + zone}
		}
		_, offset := time.UnixMilli(int64(ms)).In(loc).Zone()
		return e.tags.number(float64(offset) / 60), nil
	case opFile:
		path, err := str(1)
		if err != nil || in.host == nil {
			return e.tags.undef(), err
		}
		b, ok := in.host.File(path)
		if !ok {
			return e.tags.undef(), nil
		}
		return e.newBytes(cx, b)
	case opIntl:
		return in.locales(arg)
	case opCrypto:
		return in.crypto(arg)
	case opEqual:
		a, err := data(1)
		if err != nil {
			return 0, err
		}
		b, err := data(2)
		if err != nil {
			return 0, err
		}
		return e.tags.bool(subtle.ConstantTimeCompare(a, b) == 1), nil
	}
	return 0, typeError("the host has no operation %d", code)
}

var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New,
	"sha384": sha512.New384, "sha512": sha512.New, "sha512224": sha512.New512_224, "sha512256": sha512.New512_256,
	"sha3224": func() hash.Hash { return sha3.New224() }, "sha3256": func() hash.Hash { return sha3.New256() },
	"sha3384": func() hash.Hash { return sha3.New384() }, "sha3512": func() hash.Hash { return sha3.New512() },
}

func (in *Instance) sum(h hash.Hash, b []byte) ([]byte, error) {
	if err := in.inPieces(h, b); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// hmac makes a MAC. A long key counts as its hash, which is taken in pieces.
func (in *Instance) hmac(h func() hash.Hash, key []byte) (hash.Hash, error) {
	var err error
	if first := h(); len(key) > first.BlockSize() {
		if key, err = in.sum(first, key); err != nil {
			return nil, err
		}
	}
	return hmac.New(h, key), nil
}

// decodeText gives UTF-8, and whether the input was valid.
func (in *Instance) decodeText(code int, b []byte) ([]byte, bool, error) {
	if len(b) <= piece && code == opUTF8Dec && utf8.Valid(b) {
		return b, true, nil
	}
	if err := in.charge(len(b)); err != nil {
		return nil, false, err
	}
	out, ok := make([]byte, 0, len(b)+len(b)/8), true
	for len(b) > 0 {
		n := cutText(code, b, piece)
		s, valid := decodePiece(code, b[:n])
		out, ok, b = append(out, s...), ok && valid, b[n:]
		if err := in.pause(); err != nil {
			return nil, false, err
		}
	}
	return out, ok, nil
}

// validText puts replacement characters where lone surrogates are, which have no UTF-8 form.
// They take three bytes, as these do.
func (in *Instance) validText(b []byte) ([]byte, error) {
	for at := 0; at < len(b); {
		n := cutText(opUTF8Dec, b[at:], piece)
		some := b[at : at+n]
		for i := 0; i < len(some); {
			r, size := utf8.DecodeRune(some[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			if len(some)-i < 3 {
				return []byte(strings.ToValidUTF8(string(b), "\ufffd")), nil
			}
			i += copy(some[i:], "\ufffd")
		}
		at += n
		if err := in.pause(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// cutText is where, at n bytes or a little before, no character of b is cut in two.
func cutText(code int, b []byte, n int) int {
	if len(b) <= n {
		return len(b)
	}
	switch code {
	case opUTF8Dec:
		for i := n; i > n-utf8.UTFMax; i-- {
			if utf8.RuneStart(b[i]) {
				return i
			}
		}
	case opUTF16Dec:
		if b[n-1]&0xfc == 0xd8 { // the first half of a pair
			return n - 2
		}
	}
	return n
}

func decodePiece(code int, b []byte) ([]byte, bool) {
	switch code {
	case opLatin1Dec:
		out := make([]byte, 0, len(b)+len(b)/8)
		for _, c := range b {
			out = utf8.AppendRune(out, rune(c))
		}
		return out, true
	case opUTF16Dec:
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		return []byte(string(utf16.Decode(units))), len(b)%2 == 0
	}
	if utf8.Valid(b) {
		return b, true
	}
	return replaceInvalid(b), false
}

// replaceInvalid does as WHATWG's decoder: one replacement character for each maximal
// part of a sequence that could have become a character.
func replaceInvalid(b []byte) []byte {
	out := make([]byte, 0, len(b)+16)
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r != utf8.RuneError || n > 1 {
			out = append(out, b[i:i+n]...)
			i += n
			continue
		}
		out = append(out, "\ufffd"...)
		i += invalidLen(b[i:])
	}
	return out
}

// invalidLen is the length of the maximal part at the start of b, which is not valid.
func invalidLen(b []byte) int {
	lo, hi, need := byte(0x80), byte(0xbf), 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c == 0xe0:
		need, lo = 2, 0xa0
	case c == 0xed:
		need, hi = 2, 0x9f
	case c >= 0xe1 && c <= 0xef:
		need = 2
	case c == 0xf0:
		need, lo = 3, 0x90
	case c == 0xf4:
		need, hi = 3, 0x8f
	case c >= 0xf1 && c <= 0xf3:
		need = 3
	}
	n := 1
	for ; need > 0 && n < len(b) && b[n] >= lo && b[n] <= hi; need-- {
		n++
		lo, hi = 0x80, 0xbf
	}
	return n
}
