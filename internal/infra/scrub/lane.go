package scrub

// lane is the stream in one dress. Every byte of it is looked at as it is, as a digit of a
// hexadecimal text and as one of a base64 text; which of the digits begins a byte nobody
// knows, so each may.
type lane struct {
	undress undresser // nil for the stream as it is
	// asleep says that no escape stood in as many bytes as a secret can take: what is found
	// here, the stream as it is finds too. calm counts bytes since the last escape.
	asleep bool
	calm   int
	n      int64   // bytes of the lane so far
	from   []int64 // where in the stream the lane's last bytes began, by n modulo its length
	to     int64   // where in the stream the lane's last byte ended
	plain  []matcher
	hex    run
	base64 run
}

// run is a text of digits that may stand for bytes.
type run struct {
	length   int64 // of the run so far; 0 outside of one
	before   byte  // value of the digit before
	matchers [4][]matcher
}

// matcher is how much of a needle has come.
type matcher struct {
	*needle
	have int
}

func newLane(u undresser, needles []needle, longest int) *lane {
	all := func() []matcher {
		out := make([]matcher, len(needles))
		for i := range needles {
			out[i].needle = &needles[i]
		}
		return out
	}
	l := &lane{undress: u, asleep: u != nil, from: make([]int64, 2*longest+8), plain: all()}
	for i := range 2 {
		l.hex.matchers[i] = all()
	}
	for i := range 4 {
		l.base64.matchers[i] = all()
	}
	return l
}

// wake makes the lane go on from where the stream as it is has come to, at a byte with
// which an escape begins.
func (l *lane) wake(c byte, plain *lane) {
	if c != l.undress.mark() {
		return
	}
	l.calm = 0
	if !l.asleep {
		return
	}
	l.asleep = false
	l.n, l.to = plain.n, plain.to
	copy(l.from, plain.from)
	copy(l.plain, plain.plain)
	l.hex.like(&plain.hex, 2)
	l.base64.like(&plain.base64, 4)
}

// start makes the lane go on at an offset of the stream at which no secret is under way. It may
// lie in the middle of a run of digits.
func (l *lane) start(at int64) {
	if l.undress != nil {
		l.asleep = true
		l.undress.forget()
		return
	}
	l.to = at
	for i := range l.plain {
		l.plain[i].have = 0
	}
	l.hex.reset(2)
	l.base64.reset(4)
	l.hex.length, l.hex.before = group, 0
	l.base64.length, l.base64.before = group, 0
	for i := range int64(len(l.from)) {
		l.from[(l.n+i)%int64(len(l.from))] = at - int64(len(l.from)) + i
	}
}

// group is how many digits before a byte make every alignment possible.
const group = 4

func (r *run) like(other *run, phases int) {
	r.length, r.before = other.length, other.before
	for i := range r.matchers[:phases] {
		copy(r.matchers[i], other.matchers[i])
	}
}

// take takes in the byte of the stream at offset at.
func (l *lane) take(c byte, at int64, s *Scanner) {
	if l.undress == nil {
		l.add(c, at, at+1, s)
		return
	}
	if l.asleep {
		return
	}
	if l.calm++; l.calm > len(l.from)+maxEscape {
		l.asleep = true
		return
	}
	for _, p := range l.undress.take(c, at) {
		l.add(p.b, p.from, p.to, s)
	}
}

func (l *lane) close(s *Scanner) {
	if l.undress == nil || l.asleep {
		return
	}
	for _, p := range l.undress.close() {
		l.add(p.b, p.from, p.to, s)
	}
}

// add takes in a byte of the lane, which stands from from to to in the stream.
func (l *lane) add(c byte, from, to int64, s *Scanner) {
	l.from[l.n%int64(len(l.from))] = from
	l.n++
	l.to = to
	for i := range l.plain {
		if m := &l.plain[i]; m.take(c) {
			s.hit(l.back(int64(len(m.text))), to)
		}
	}
	l.addHex(c, s)
	l.addBase64(c, s)
}

// back is where in the stream the lane's last n bytes begin.
func (l *lane) back(n int64) int64 { return l.from[(l.n-n)%int64(len(l.from))] }

func (l *lane) addHex(c byte, s *Scanner) {
	v, ok := hexDigit(c)
	if !ok {
		l.hex.reset(2)
		return
	}
	r := &l.hex
	if r.length > 0 {
		for i := range r.matchers[r.length%2] {
			if m := &r.matchers[r.length%2][i]; m.take(r.before<<4 | v) {
				s.hit(l.back(hexDigits(len(m.text))), l.to)
			}
		}
	}
	r.before = v
	r.length++
}

func hexDigits(bytes int) int64 { return 2 * int64(bytes) }

func (l *lane) addBase64(c byte, s *Scanner) {
	v, ok := base64Digit(c)
	if !ok {
		l.base64.reset(4)
		return
	}
	r := &l.base64
	if r.length > 0 {
		for phase := range int64(4) {
			k := (r.length - phase + 4) % 4 // which of a group's four digits this is
			if k == 0 || r.length < phase {
				continue
			}
			b := r.before<<(2*k) | v>>(6-2*k)
			for i := range r.matchers[phase] {
				if m := &r.matchers[phase][i]; m.take(b) {
					s.hit(l.back(base64Digits(len(m.text), k)), l.to)
				}
			}
		}
	}
	r.before = v
	r.length++
}

// base64Digits is how many digits so many bytes take, the last of which ends in the k-th
// digit of a group (k from 1): byte t of a group lies in its digits t and t+1.
func base64Digits(bytes int, k int64) int64 {
	last := 3*int64(1<<20) + k - 1 // the number of the last byte; any group will do
	first := last - int64(bytes) + 1
	return (4*(last/3) + last%3 + 1) - (4*(first/3) + first%3) + 1
}

func (r *run) reset(phases int) {
	if r.length == 0 {
		return
	}
	r.length = 0
	for _, all := range r.matchers[:phases] {
		for i := range all {
			all[i].have = 0
		}
	}
}

// take takes in a byte and reports whether the needle is complete with it.
func (m *matcher) take(c byte) bool {
	for m.have > 0 && m.text[m.have] != c {
		m.have = m.fits[m.have]
	}
	if m.text[m.have] == c {
		m.have++
	}
	if m.have < len(m.text) {
		return false
	}
	m.have = m.fits[m.have]
	return true
}

// begun is where in the stream the earliest of what may become a secret begins, or
// something before it.
func (l *lane) begun(end int64) int64 {
	if l.asleep {
		return end
	}
	back := int64(0)
	for i := range l.plain {
		back = max(back, int64(l.plain[i].have))
	}
	// The last digit may be the beginning of a byte that is not whole.
	for _, m := range l.hex.most(2) {
		back = max(back, min(hexDigits(m.have)+1, l.hex.length))
	}
	for _, m := range l.base64.most(4) {
		back = max(back, min(int64(m.have)*4/3+4, l.base64.length))
	}
	out := l.to
	if back > 0 {
		out = l.back(back)
	} else if l.undress != nil {
		out = l.undress.begun(out)
	}
	return out
}

// most are, of each phase of a run, the matcher with which most has come.
func (r *run) most(phases int) (out []matcher) {
	if r.length == 0 {
		return nil
	}
	for _, all := range r.matchers[:phases] {
		most := all[0]
		for _, m := range all[1:] {
			if m.have > most.have {
				most = m
			}
		}
		out = append(out, most)
	}
	return out
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func base64Digit(c byte) (byte, bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A', true
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26, true
	case c >= '0' && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
