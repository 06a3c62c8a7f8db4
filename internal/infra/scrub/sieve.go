package scrub

import (
	"encoding/base64"
	"encoding/hex"
)

// sieve says of most of a stream that no secret stands there, in a hundredth of the time that
// the lanes take. It looks at the stream in windows of four bytes, one beside the other. A
// secret of Shortest bytes or more that stands in the stream without escapes, plain or as
// digits, fills at least one window, and what fills a window of one is known beforehand; a
// secret with escapes has the byte with which these begin.
//
// Letters count as the same in upper and in lower case, and so do both alphabets of base64: a
// window that looks as if there were something is only looked at by the lanes.
type sieve struct {
	set [1 << 16 / 64]uint64 // of the windows' hashes
}

const (
	window = 4
	// behind is how far before a suspicious window a secret may have begun: one of whom six
	// bytes and half a digit stand before an escape.
	behind = 8
	// beyond is how far behind the beginning of a suspicious window a secret that has not
	// filled another one, and has no further escape, has ended or not yet begun: an escape ends
	// nine bytes later at most, and the next whole window behind it is looked at too.
	beyond = 16
	// sieveFrom is how long a stream has to be for a sieve to be worth its making.
	sieveFrom = 1 << 10
	mark      = 1 << 7
)

// folded is what a byte counts as in a window.
var folded = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i) &^ mark
		if c := byte(i); c >= 'A' && c <= 'Z' {
			t[i] = c | 0x20
		}
	}
	t['-'], t['_'] = '+', '/'
	t['%'], t['\\'] = mark, mark
	return t
}()

func newSieve(needles []needle) *sieve {
	v := &sieve{}
	for _, n := range needles {
		v.add(n.text)
		v.add([]byte(hex.EncodeToString(n.text)))
		for shift := range 3 {
			digits := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), n.text...))
			// The first and the last digit may be of other bytes too.
			v.add([]byte(digits[(8*shift+5)/6 : 8*(shift+len(n.text))/6]))
		}
	}
	return v
}

func (v *sieve) add(text []byte) {
	for i := range len(text) - window + 1 {
		h, _ := hash(text[i:])
		v.set[h>>6] |= 1 << (h & 63)
	}
}

// hash is that of a window, and says whether an escape begins in it.
func hash(b []byte) (h uint32, escape bool) {
	_ = b[3]
	x := uint32(folded[b[0]]) | uint32(folded[b[1]])<<8 | uint32(folded[b[2]])<<16 | uint32(folded[b[3]])<<24
	return x * 0x9e3779b1 >> 16, x&(mark|mark<<8|mark<<16|mark<<24) != 0
}

// suspects reports whether a part of a secret may stand in a window.
func (v *sieve) suspects(b []byte) bool {
	h, escape := hash(b)
	return escape || v.set[h>>6]&(1<<(h&63)) != 0
}
