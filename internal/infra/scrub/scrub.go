// Package scrub takes credentials out of what a server answers, while the answer streams.
// Its promise: a secret that comes back whole, plain or in one of the usual dresses
// (percent or JSON escapes, and in either of these or in neither: hexadecimal, or base64 of
// either alphabet at any alignment), is replaced, wherever the stream was cut into pieces.
//
// It is a second wall and best effort. A server that turns the text around, sends it in
// two answers, compresses it inside of its answer or drops a character of it is not
// noticed. The first wall is where a credential is sent to at all.
package scrub

import (
	"bytes"
	"io"
)

// Removed stands where a secret was.
const Removed = "[redacted]"

// Shortest is how long a secret has to be: shorter ones stand in answers by chance.
const Shortest = 8

// Scanner looks for secrets in one stream. It is not safe for concurrent use.
type Scanner struct {
	needles []needle
	lanes   []*lane
	held    []byte // of the stream, from offset at on, not given out yet
	at, end int64  // end is how far it was looked at
	sieve   *sieve // nil until the stream is long
	// alert says that the lanes look at the stream, in any case until offset calm.
	alert bool
	calm  int64
	found []span // in the order of their ends, none overlaps another
	hits  int
}

// span is a part of the stream, without the byte at to.
type span struct{ from, to int64 }

// needle is a secret, with the table of Knuth, Morris and Pratt: how much of its
// beginning still fits after so many bytes of it.
type needle struct {
	text []byte
	fits []int
}

// New makes a scanner for one stream.
func New(secrets ...[]byte) *Scanner {
	s := &Scanner{alert: true}
	longest := 0
	for _, text := range secrets {
		if len(text) < Shortest {
			continue
		}
		s.needles = append(s.needles, newNeedle(text))
		if bytes.IndexByte(text, ' ') >= 0 { // as forms and queries write it
			s.needles = append(s.needles, newNeedle(bytes.ReplaceAll(text, []byte(" "), []byte("+"))))
		}
		longest = max(longest, len(text))
	}
	if longest > 0 {
		for _, undress := range []undresser{nil, &percents{}, &escapes{}} {
			s.lanes = append(s.lanes, newLane(undress, s.needles, longest))
		}
	}
	return s
}

func newNeedle(text []byte) needle {
	n := needle{text: text, fits: make([]int, len(text)+1)}
	for i, k := 1, 0; i < len(text); i++ {
		for k > 0 && text[i] != text[k] {
			k = n.fits[k]
		}
		if text[i] == text[k] {
			k++
		}
		n.fits[i+1] = k
	}
	return n
}

// Hits is how many secrets were taken out so far.
func (s *Scanner) Hits() int { return s.hits }

// Write takes in a piece of the stream and appends to out what is known to be harmless.
func (s *Scanner) Write(out, piece []byte) []byte {
	if len(s.lanes) == 0 {
		return append(out, piece...)
	}
	s.held = append(s.held, piece...)
	if s.sieve == nil && s.at+int64(len(s.held)) >= sieveFrom {
		s.sieve, s.calm = newSieve(s.needles), s.end+beyond
	}
	if s.sieve == nil {
		s.look(s.held[s.end-s.at:])
	} else {
		s.sift()
	}
	safe := s.end - behind
	if s.alert {
		safe = s.end
		for _, l := range s.lanes {
			safe = min(safe, l.begun(s.end))
		}
	}
	return s.give(out, max(safe, s.at)) // what was harmless stays so
}

// look has the lanes look at bytes.
func (s *Scanner) look(text []byte) {
	for _, c := range text {
		for _, l := range s.lanes[1:] {
			l.wake(c, s.lanes[0])
		}
		for _, l := range s.lanes {
			l.take(c, s.end, s)
		}
		s.end++
	}
}

// sift looks at all whole windows that are there, and has the lanes look at those in which
// something may be, and at what is around them.
func (s *Scanner) sift() {
	for rest := s.held[s.end-s.at:]; len(rest) >= window; rest = rest[window:] {
		if s.sieve.suspects(rest) {
			s.calm = s.end + beyond
			if !s.alert {
				s.start(max(s.end-behind, s.at))
			}
		}
		if !s.alert {
			s.end += window
			continue
		}
		s.look(rest[:window])
		s.alert = s.end < s.calm
	}
}

// start has the lanes look at what lies between an offset and the end of what was sifted.
func (s *Scanner) start(from int64) {
	seen := s.held[from-s.at : s.end-s.at]
	s.end, s.alert = from, true
	for _, l := range s.lanes {
		l.start(from)
	}
	s.look(seen)
}

// Close appends what was held back.
func (s *Scanner) Close(out []byte) []byte {
	if s.alert {
		s.look(s.held[s.end-s.at:])
		for _, l := range s.lanes {
			l.close(s)
		}
	}
	return s.give(out, s.at+int64(len(s.held)))
}

// Bytes is the whole of a text without the secrets.
func (s *Scanner) Bytes(text []byte) []byte { return s.Close(s.Write(nil, text)) }

// hit notes that the bytes from from to to are a secret.
func (s *Scanner) hit(from, to int64) {
	for len(s.found) > 0 && s.found[len(s.found)-1].to > from {
		last := s.found[len(s.found)-1]
		from, to = min(from, last.from), max(to, last.to)
		s.found = s.found[:len(s.found)-1]
	}
	s.found = append(s.found, span{max(from, s.at), to})
}

// give appends the stream up to safe, with what was found replaced.
func (s *Scanner) give(out []byte, safe int64) []byte {
	for len(s.found) > 0 {
		f := s.found[0]
		if f.from >= safe {
			break
		}
		if f.to > safe {
			safe = f.from // it may yet grow
			break
		}
		out = append(out, s.held[:f.from-s.at]...)
		out = append(out, Removed...)
		s.hits++
		s.drop(f.to)
		s.found = s.found[1:]
	}
	out = append(out, s.held[:safe-s.at]...)
	s.drop(safe)
	return out
}

func (s *Scanner) drop(to int64) {
	s.held = append(s.held[:0], s.held[to-s.at:]...)
	s.at = to
}

// Reader gives r without the secrets. Hits of the scanner count them.
func (s *Scanner) Reader(r io.Reader) io.Reader {
	if len(s.lanes) == 0 {
		return r
	}
	return &reader{s: s, r: r}
}

type reader struct {
	s    *Scanner
	r    io.Reader
	in   [8 << 10]byte
	out  []byte
	next int
	err  error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for r.next == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.out, r.next = r.out[:0], 0
		var n int
		n, r.err = r.r.Read(r.in[:])
		r.out = r.s.Write(r.out, r.in[:n])
		if r.err == io.EOF {
			r.out = r.s.Close(r.out)
		}
	}
	n := copy(p, r.out[r.next:])
	r.next += n
	return n, nil
}
