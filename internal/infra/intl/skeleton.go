package intl

import "strings"

// The fields of dates in the order of CLDR's pattern matching.
const (
	fieldEra = iota
	fieldYear
	fieldQuarter
	fieldMonth
	fieldWeekOfYear
	fieldWeekOfMonth
	fieldWeekday
	fieldDayOfYear
	fieldDayOfWeekInMonth
	fieldDay
	fieldPeriod
	fieldHour
	fieldMinute
	fieldSecond
	fieldFraction
	fieldZone
	fieldCount

	dateMask = 1<<fieldPeriod - 1
	timeMask = 1<<fieldCount - 1 - dateMask
)

// How far apart two ways of writing a field are: names are negative, numbers positive.
const (
	typeNarrow  = -0x101
	typeShorter = -0x102
	typeShort   = -0x103
	typeLong    = -0x104
	typeNumeric = 0x100
	typeDelta   = 0x10

	extraField   = 0x10000
	missingField = 0x1000
)

// fieldType is a letter of patterns, from a length on.
type fieldType struct {
	letter     byte
	field      int
	kind, from int
}

var fieldTypes = []fieldType{
	{'G', fieldEra, typeShort, 1}, {'G', fieldEra, typeLong, 4}, {'G', fieldEra, typeNarrow, 5},
	{'y', fieldYear, typeNumeric, 1}, {'Y', fieldYear, typeNumeric + typeDelta, 1}, {'u', fieldYear, typeNumeric + 2*typeDelta, 1}, {'r', fieldYear, typeNumeric + 3*typeDelta, 1},
	{'U', fieldYear, typeShort, 1}, {'U', fieldYear, typeLong, 4}, {'U', fieldYear, typeNarrow, 5},
	{'Q', fieldQuarter, typeNumeric, 1}, {'Q', fieldQuarter, typeShort, 3}, {'Q', fieldQuarter, typeLong, 4}, {'Q', fieldQuarter, typeNarrow, 5},
	{'M', fieldMonth, typeNumeric, 1}, {'M', fieldMonth, typeShort, 3}, {'M', fieldMonth, typeLong, 4}, {'M', fieldMonth, typeNarrow, 5},
	{'L', fieldMonth, typeNumeric + typeDelta, 1}, {'L', fieldMonth, typeShort - typeDelta, 3}, {'L', fieldMonth, typeLong - typeDelta, 4}, {'L', fieldMonth, typeNarrow - typeDelta, 5},
	{'w', fieldWeekOfYear, typeNumeric, 1}, {'W', fieldWeekOfMonth, typeNumeric, 1},
	{'E', fieldWeekday, typeShort, 1}, {'E', fieldWeekday, typeLong, 4}, {'E', fieldWeekday, typeNarrow, 5}, {'E', fieldWeekday, typeShorter, 6},
	{'c', fieldWeekday, typeNumeric + 2*typeDelta, 1}, {'c', fieldWeekday, typeShort - 2*typeDelta, 3}, {'c', fieldWeekday, typeLong - 2*typeDelta, 4},
	{'c', fieldWeekday, typeNarrow - 2*typeDelta, 5}, {'c', fieldWeekday, typeShorter - 2*typeDelta, 6},
	{'e', fieldWeekday, typeNumeric + typeDelta, 1}, {'e', fieldWeekday, typeShort - typeDelta, 3}, {'e', fieldWeekday, typeLong - typeDelta, 4},
	{'e', fieldWeekday, typeNarrow - typeDelta, 5}, {'e', fieldWeekday, typeShorter - typeDelta, 6},
	{'d', fieldDay, typeNumeric, 1}, {'g', fieldDay, typeNumeric + typeDelta, 1},
	{'D', fieldDayOfYear, typeNumeric, 1}, {'F', fieldDayOfWeekInMonth, typeNumeric, 1},
	{'a', fieldPeriod, typeShort, 1}, {'a', fieldPeriod, typeLong, 4}, {'a', fieldPeriod, typeNarrow, 5},
	{'b', fieldPeriod, typeShort - typeDelta, 1}, {'b', fieldPeriod, typeLong - typeDelta, 4}, {'b', fieldPeriod, typeNarrow - typeDelta, 5},
	{'B', fieldPeriod, typeShort - 3*typeDelta, 1}, {'B', fieldPeriod, typeLong - 3*typeDelta, 4}, {'B', fieldPeriod, typeNarrow - 3*typeDelta, 5},
	{'H', fieldHour, typeNumeric + 10*typeDelta, 1}, {'k', fieldHour, typeNumeric + 11*typeDelta, 1}, {'h', fieldHour, typeNumeric, 1}, {'K', fieldHour, typeNumeric + typeDelta, 1},
	{'m', fieldMinute, typeNumeric, 1},
	{'s', fieldSecond, typeNumeric, 1}, {'A', fieldSecond, typeNumeric + typeDelta, 1},
	{'S', fieldFraction, typeNumeric, 1},
	{'v', fieldZone, typeShort - 2*typeDelta, 1}, {'v', fieldZone, typeLong - 2*typeDelta, 4},
	{'z', fieldZone, typeShort, 1}, {'z', fieldZone, typeLong, 4},
	{'Z', fieldZone, typeNarrow - typeDelta, 1}, {'Z', fieldZone, typeLong - typeDelta, 4}, {'Z', fieldZone, typeShort - typeDelta, 5},
	{'O', fieldZone, typeShort - typeDelta, 1}, {'O', fieldZone, typeLong - typeDelta, 4},
	{'V', fieldZone, typeShort - typeDelta, 1}, {'V', fieldZone, typeLong - typeDelta, 4},
	{'X', fieldZone, typeNarrow - typeDelta, 1}, {'X', fieldZone, typeShort - typeDelta, 2}, {'X', fieldZone, typeLong - typeDelta, 4},
	{'x', fieldZone, typeNarrow - typeDelta, 1}, {'x', fieldZone, typeShort - typeDelta, 2}, {'x', fieldZone, typeLong - typeDelta, 4},
}

// typeOf finds what a run of a letter means.
func typeOf(letter byte, length int) (fieldType, bool) {
	var best fieldType
	found := false
	for _, t := range fieldTypes {
		if t.letter == letter && (!found || t.from <= length) {
			best, found = t, true
		}
	}
	return best, found
}

// run is a piece of a pattern: a field, or a text.
type run struct {
	letter byte // 0 for a text
	length int
	text   string
}

// runs divides a pattern.
func runs(pattern string) []run {
	var out []run
	text := strings.Builder{}
	flush := func() {
		if text.Len() > 0 {
			out = append(out, run{text: text.String()})
			text.Reset()
		}
	}
	quoted := false
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			if i+1 < len(pattern) && pattern[i+1] == '\'' {
				text.WriteByte('\'')
				i += 2
				continue
			}
			quoted = !quoted
			i++
			continue
		}
		if quoted || !(c|32 >= 'a' && c|32 <= 'z') {
			text.WriteByte(c)
			i++
			continue
		}
		flush()
		n := 1
		for i+n < len(pattern) && pattern[i+n] == c {
			n++
		}
		out = append(out, run{letter: c, length: n})
		i += n
	}
	flush()
	return out
}

// quote writes runs as a pattern.
func quote(list []run) string {
	var b strings.Builder
	for _, r := range list {
		if r.letter != 0 {
			for range r.length {
				b.WriteByte(r.letter)
			}
			continue
		}
		if !strings.ContainsFunc(r.text, func(c rune) bool { return c|32 >= 'a' && c|32 <= 'z' || c == '\'' }) {
			b.WriteString(r.text)
			continue
		}
		b.WriteString("'" + strings.ReplaceAll(r.text, "'", "''") + "'")
	}
	return b.String()
}

// skeleton says which fields there are, and how each is written.
type skeleton [fieldCount]struct {
	letter byte
	length int
	kind   int
}

// newSkeleton reads the fields of a pattern, or of a skeleton's text.
func newSkeleton(pattern string) skeleton {
	var s skeleton
	set := func(letter byte, length int) {
		t, ok := typeOf(letter, length)
		if !ok {
			return
		}
		f := &s[t.field]
		f.letter, f.length, f.kind = letter, length, t.kind
		if t.kind > 0 {
			f.kind += length
		}
	}
	for _, r := range runs(pattern) {
		if r.letter != 0 {
			set(r.letter, r.length)
		}
	}
	if s[fieldMinute].letter != 0 && s[fieldFraction].letter != 0 && s[fieldSecond].letter == 0 {
		set('s', 1)
	}
	switch s[fieldHour].letter {
	case 0:
	case 'h', 'K':
		if s[fieldPeriod].letter == 0 {
			set('a', 1)
		}
	default:
		s[fieldPeriod].letter, s[fieldPeriod].length, s[fieldPeriod].kind = 0, 0, 0
	}
	return s
}

func (s *skeleton) mask() int {
	m := 0
	for i := range s {
		if s[i].kind != 0 {
			m |= 1 << i
		}
	}
	return m
}

// String is the skeleton's text. An understood "a" is left out.
func (s *skeleton) String() string {
	var b strings.Builder
	for i, f := range s {
		if f.letter == 0 || i == fieldPeriod && f.letter == 'a' {
			continue
		}
		for range f.length {
			b.WriteByte(f.letter)
		}
	}
	return b.String()
}

// distance says how unlike another skeleton is, and which fields of s it lacks.
func (s *skeleton) distance(other *skeleton, include int) (distance, missing int) {
	for i := range s {
		mine := s[i].kind
		if include&(1<<i) == 0 {
			mine = 0
		}
		theirs := other[i].kind
		switch {
		case mine == theirs:
		case mine == 0:
			distance += extraField
		case theirs == 0:
			distance += missingField
			missing |= 1 << i
		case mine > theirs:
			distance += mine - theirs
		default:
			distance += theirs - mine
		}
	}
	return distance, missing
}
