package scrub

import "unicode/utf8"

// undresser takes escapes off a stream.
type undresser interface {
	// take takes in a byte and gives what is known with it; the slice is the undresser's.
	take(c byte, at int64) []piece
	// close gives what was the beginning of an escape, and is none.
	close() []piece
	// forget drops it.
	forget()
	// mark is the byte with which its escapes begin.
	mark() byte
	// begun is where the escape begins of which a part has come, end when there is none.
	begun(end int64) int64
}

// maxEscape is how long the longest escape is.
const maxEscape = 6

// piece is a byte without its escape, which stood from from to to.
type piece struct {
	b        byte
	from, to int64
}

// pending is an escape of which a part has come.
type pending struct {
	bytes []byte
	from  int64
	out   []piece
}

func (p *pending) begun(end int64) int64 {
	if len(p.bytes) > 0 {
		return p.from
	}
	return end
}

// give up: what has come is no escape but stands for itself.
func (p *pending) literal() {
	for i, c := range p.bytes {
		p.out = append(p.out, piece{c, p.from + int64(i), p.from + int64(i) + 1})
	}
	p.bytes = p.bytes[:0]
}

func (p *pending) forget() { p.bytes = p.bytes[:0] }

func (p *pending) close() []piece {
	p.out = p.out[:0]
	p.literal()
	return p.out
}

// percents takes off the escapes of URLs.
type percents struct{ pending }

func (p *percents) mark() byte { return '%' }

func (p *percents) take(c byte, at int64) []piece {
	p.out = p.out[:0]
	_, hex := hexDigit(c)
	if len(p.bytes) > 0 && !hex {
		p.literal()
	}
	switch {
	case len(p.bytes) == 2:
		high, _ := hexDigit(p.bytes[1])
		low, _ := hexDigit(c)
		p.out = append(p.out, piece{high<<4 | low, p.from, at + 1})
		p.bytes = p.bytes[:0]
	case len(p.bytes) == 1:
		p.bytes = append(p.bytes, c)
	case c == '%':
		p.bytes, p.from = append(p.bytes, c), at
	default:
		p.out = append(p.out, piece{c, at, at + 1})
	}
	return p.out
}

// escapes takes off those of texts in JSON.
type escapes struct{ pending }

var short = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *escapes) mark() byte { return '\\' }

func (p *escapes) take(c byte, at int64) []piece {
	p.out = p.out[:0]
	if len(p.bytes) > 0 && !p.fits(c) {
		p.literal()
	}
	switch n := len(p.bytes); {
	case n == 0 && c == '\\':
		p.bytes, p.from = append(p.bytes, c), at
	case n == 0:
		p.out = append(p.out, piece{c, at, at + 1})
	case n == 1 && c != 'u':
		p.out = append(p.out, piece{short[c], p.from, at + 1})
		p.bytes = p.bytes[:0]
	case n < 5:
		p.bytes = append(p.bytes, c)
	default:
		var r rune
		for _, d := range append(p.bytes[2:], c) {
			v, _ := hexDigit(d)
			r = r<<4 | rune(v)
		}
		for _, b := range utf8.AppendRune(nil, r) {
			p.out = append(p.out, piece{b, p.from, at + 1})
		}
		p.bytes = p.bytes[:0]
	}
	return p.out
}

func (p *escapes) fits(c byte) bool {
	if len(p.bytes) == 1 {
		_, ok := short[c]
		return ok || c == 'u'
	}
	_, ok := hexDigit(c)
	return ok
}
