package jsvm

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // apps compute what their peers ask for
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
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

// maxRandom is what crypto.getRandomValues allows at once.
const maxRandom = 65536

// native answers an operation that has no effect outside the engine.
func (in *Instance) native(code int, arg func(int) uint64) (uint64, error) {
	e, cx := in.e, in.meta.Context
	str := func(i int) (string, error) {
		b, err := e.text(cx, arg(i), 4096)
		return string(b), err
	}
	data := func(i int) ([]byte, error) {
		b, _, err := e.content(cx, arg(i), maxMemory)
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
		n, err := e.num(arg(1))
		if err != nil || n < 0 || n > maxRandom {
			return 0, &jsError{"RangeError", "between 0 and 65536 random bytes at once"}
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
			return 0, typeError("no hash %q here: md5, sha1, sha224, sha256, sha384, sha512", alg)
		}
		first, err := data(2)
		if err != nil || code == opHash {
			return bytesOut(sum(h(), first), err)
		}
		msg, err := data(3)
		return bytesOut(sum(hmac.New(h, first), msg), err)
	case opUTF8Enc:
		b, err := e.text(cx, arg(1), maxMemory)
		// Lone surrogates have no UTF-8 form.
		return bytesOut([]byte(strings.ToValidUTF8(string(b), "\ufffd")), err)
	case opUTF8Dec, opLatin1Dec, opUTF16Dec:
		b, err := data(1)
		if err != nil {
			return 0, err
		}
		s, ok := decodeText(code, b)
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
		if code == opDeflate {
			return bytesOut(deflate(kind, b))
		}
		return bytesOut(inflate(kind, b))
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
			return 0, &jsError{"RangeError", "invalid time zone: " + zone}
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
	case opVerify:
		alg, err := str(1)
		if err != nil {
			return 0, err
		}
		key, err := e.text(cx, arg(2), maxKeyText)
		if err != nil {
			return 0, err
		}
		msg, err := data(3)
		if err != nil {
			return 0, err
		}
		sig, err := data(4)
		if err != nil {
			return 0, err
		}
		ok, err := verify([]byte(alg), key, msg, sig)
		if err != nil {
			return 0, err
		}
		return e.tags.bool(ok), nil
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
	"sha384": sha512.New384, "sha512": sha512.New, "sha512256": sha512.New512_256,
}

func sum(h hash.Hash, b []byte) []byte {
	_, _ = h.Write(b)
	return h.Sum(nil)
}

// decodeText gives UTF-8, and whether the input was valid.
func decodeText(code int, b []byte) ([]byte, bool) {
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
