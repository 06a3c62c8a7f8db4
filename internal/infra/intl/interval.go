package intl

import (
	"slices"
	"strings"
)

// intervals are how ranges of a date's format are written: a pattern for each largest
// field that can differ.
type intervals struct {
	patterns map[byte]string // by the letter of the field; "a" for the half of the day
	fuller   map[byte]string // what both ends are written by, where they need more fields
	whole    string          // what both ends are written by otherwise
	date     string          // with times of one day: its date
	clock    string          // and each end's time
	both     string          // and how they are put together
	finest   int             // the finest field that is shown
}

// differingField are the fields that can differ, by their letters.
var differingField = map[byte]int{'G': fieldEra, 'y': fieldYear, 'M': fieldMonth, 'd': fieldDay, 'a': fieldPeriod, 'h': fieldHour, 'm': fieldMinute, 's': fieldSecond}

// ranges prepares intervals when the first range is asked for.
func (d *dates) ranges() *intervals {
	if d.intervals != nil {
		return d.intervals
	}
	iv := &intervals{patterns: map[byte]string{}, fuller: map[byte]string{}}
	shown := newSkeleton(d.text)
	date, clock, plainDate, plainClock := divide(&shown)
	iv.whole = d.cycled(d.generator.best(date + clock))
	for i := range shown {
		if shown[i].letter != 0 && i != fieldZone {
			iv.finest = max(iv.finest, i)
		}
	}
	if date != "" && clock != "" {
		iv.both = d.calendar.Both[2]
		iv.date, iv.clock = d.generator.best(plainDate), d.cycled(d.generator.best(clock))
	}
	d.intervals = iv
	found := d.found(iv, plainDate, plainClock)
	switch {
	case clock == "":
	case date == "":
		for _, c := range []byte("yMd") {
			iv.fuller[c] = d.cycled(d.generator.best("yMd" + clock))
		}
		iv.fuller['G'] = d.cycled(d.generator.best("GyMd" + clock))
	case found:
		more := date + clock
		for _, c := range []byte("dMyG") {
			if !strings.ContainsRune(date, rune(c)) {
				more = string(c) + more
			}
			if more != date+clock && (c != 'G' || strings.ContainsRune(more, 'G')) {
				iv.fuller[c] = d.cycled(d.generator.best(more))
			}
		}
		for _, c := range []byte("ahm") {
			if p := iv.patterns[c]; p != "" {
				iv.patterns[c] = glue(iv.both, p, d.generator.best(date))
			}
		}
	}
	return iv
}

// divide gives the fields of dates and of times: as they are, and at their usual lengths.
func divide(s *skeleton) (date, clock, plainDate, plainClock string) {
	for i, f := range s {
		if f.letter == 0 || i == fieldPeriod && f.letter == 'a' {
			continue
		}
		letter := f.letter
		switch letter {
		case 'L':
			letter = 'M'
		case 'c', 'e':
			letter = 'E'
		}
		text := strings.Repeat(string(letter), f.length)
		plain := text
		if f.length <= 2 && letter != 'y' || letter == 'E' && f.length == 3 || letter == 'G' && f.length == 3 {
			plain = string(letter)
		}
		if i < fieldPeriod {
			date += text
			plainDate += plain
			continue
		}
		if i == fieldHour || i == fieldMinute || i == fieldSecond { // the locale knows how many digits
			text = string(letter)
		}
		clock += text
		switch letter {
		case 'k':
			plain = "H"
		case 'K':
			plain = "h"
		case 'O', 'V', 'v', 'z':
			plain = "v"
		}
		plainClock += plain
	}
	return date, clock, plainDate, plainClock
}

// found looks the patterns up; false if the locale has none for these fields.
func (d *dates) found(iv *intervals, date, clock string) bool {
	want := clock
	if want == "" {
		want = date
	}
	best, difference := d.nearest(want)
	if difference < 0 {
		return false
	}
	all := d.calendar.Intervals
	if clock != "" {
		for _, c := range []byte("mha") {
			p := d.intervalFor(best, c)
			if p == "" && c == 'a' {
				p = d.intervalFor(best, 'h')
			}
			if p != "" {
				iv.patterns[c] = d.cycled(widen(want, best, p, difference))
			}
		}
		return true
	}
	for _, c := range []byte("dMyG") {
		p := all[best][string(c)]
		if p == "" {
			if differingField[c] > iv.finest {
				continue
			}
			want, best = string(c)+want, string(c)+best
			if p = all[best][string(c)]; p == "" && difference == 0 {
				if other, diff := d.nearest(best); diff >= 0 {
					best, difference = other, diff
					p = all[best][string(c)]
				}
			}
			if p == "" {
				want, best = want[1:], strings.TrimPrefix(best, string(c))
			}
		}
		if p != "" {
			iv.patterns[c] = widen(want, best, p, difference)
		}
	}
	return true
}

func (d *dates) intervalFor(best string, c byte) string {
	p := d.calendar.Intervals[best][string(c)]
	if p == "" && c == 'h' {
		p = d.calendar.Intervals[best]["H"]
	}
	return p
}

func counts(skeleton string) [58]int {
	var n [58]int
	for i := range len(skeleton) {
		if at := int(skeleton[i]) - 'A'; at >= 0 && at < len(n) {
			n[at]++
		}
	}
	return n
}

// nearest finds the skeleton most like one: with 0 for the same, 1 where lengths differ,
// -1 where fields do.
func (d *dates) nearest(want string) (string, int) {
	names := make([]string, 0, len(d.calendar.Intervals))
	for k := range d.calendar.Intervals {
		names = append(names, k)
	}
	slices.Sort(names)
	mine := counts(want)
	best, distance, difference := "", 1<<30, -1
	for _, name := range names {
		theirs := counts(name)
		sum, diff := 0, 1
		for i := range mine {
			a, b := mine[i], theirs[i]
			switch {
			case a == b:
			case a == 0 || b == 0:
				diff = -1
				sum += 0x1000
			case byte(i+'A') == 'M' && (a <= 2) != (b <= 2):
				sum += 0x100
			default:
				sum += max(a-b, b-a)
			}
		}
		if sum < distance {
			best, distance, difference = name, sum, diff
		}
		if sum == 0 {
			return name, 0
		}
	}
	return best, difference
}

// widen gives a pattern's fields the lengths that were asked for.
func widen(want, best, pattern string, difference int) string {
	if difference == 0 {
		return pattern
	}
	mine, theirs := counts(want), counts(best)
	list := runs(pattern)
	for i := range list {
		r := &list[i]
		if r.letter == 0 {
			continue
		}
		letter := r.letter
		if letter == 'L' {
			letter = 'M'
		}
		at := int(letter) - 'A'
		length := r.length
		if letter == 'E' && length <= 3 && theirs[at] == 1 {
			length = 1
		}
		if mine[at] > length && length == theirs[at] {
			r.length = mine[at]
		}
	}
	return quote(list)
}

// differs is the letter of the largest field in which two moments differ; 0 for none.
func differs(a, b moment) byte {
	switch {
	case a.era != b.era:
		return 'G'
	case a.year != b.year:
		return 'y'
	case a.month != b.month:
		return 'M'
	case a.day != b.day:
		return 'd'
	case a.hour/12 != b.hour/12:
		return 'a'
	case a.hour != b.hour:
		return 'h'
	case a.minute != b.minute:
		return 'm'
	case a.second != b.second:
		return 's'
	case a.millisecond != b.millisecond:
		return 'S'
	}
	return 0
}

func sourced(source string, list []part) []part {
	for i := range list {
		list[i].Source = source
	}
	return list
}

func (d *dates) formatRange(a, b moment) []part {
	iv := d.ranges()
	field := differs(a, b)
	single := func() []part { return sourced("shared", d.format(a, d.pattern)) }
	if field == 0 {
		return single()
	}
	shown := newSkeleton(d.text)
	if field == 'S' {
		if shown[fieldFraction].letter == 0 {
			return single()
		}
	} else if p := iv.patterns[field]; p != "" {
		return d.byPattern(a, b, runs(p))
	} else if iv.fuller[field] == "" && differingField[field] > iv.finest {
		return single()
	}
	separator, sameDay := d.calendar.Fallback, strings.IndexByte("ahmsS", field) >= 0
	if separator == "" {
		separator = "{0} – {1}"
	}
	join := func(pattern string) []part {
		before, rest, _ := strings.Cut(separator, "{0}")
		middle, after, _ := strings.Cut(rest, "{1}")
		p := runs(pattern)
		out := []part{{Type: "literal", Value: before, Source: "shared"}}
		out = append(out, sourced("startRange", d.format(a, p))...)
		out = append(out, part{Type: "literal", Value: middle, Source: "shared"})
		out = append(out, sourced("endRange", d.format(b, p))...)
		return append(out, part{Type: "literal", Value: after, Source: "shared"})
	}
	if sameDay && iv.both != "" {
		var out []part
		for _, piece := range cutBoth(iv.both) {
			switch piece {
			case "{0}":
				out = append(out, join(iv.clock)...)
			case "{1}":
				out = append(out, sourced("shared", d.format(a, runs(iv.date)))...)
			default:
				out = append(out, sourced("shared", d.format(a, runs(piece)))...)
			}
		}
		return out
	}
	if p := iv.fuller[field]; p != "" {
		return join(p)
	}
	return join(iv.whole)
}

// cutBoth divides "{1}, {0}".
func cutBoth(text string) []string {
	var out []string
	for text != "" {
		at := strings.IndexByte(text, '{')
		switch {
		case at < 0:
			return append(out, text)
		case at > 0:
			out = append(out, text[:at])
		}
		out = append(out, text[at:at+3])
		text = text[at+3:]
	}
	return out
}

// byPattern writes both ends by an interval's pattern: the second begins where a field
// comes again.
func (d *dates) byPattern(a, b moment, list []run) []part {
	seen := map[int]bool{}
	at := len(list)
	for i, r := range list {
		if r.letter == 0 {
			continue
		}
		t, _ := typeOf(r.letter, r.length)
		if seen[t.field] {
			at = i
			break
		}
		seen[t.field] = true
	}
	again := map[int]bool{}
	for _, r := range list[at:] {
		if t, ok := typeOf(r.letter, r.length); ok && r.letter != 0 && seen[t.field] {
			again[t.field] = true
		}
	}
	side := func(m moment, source string, list []run) []part {
		first, last := -1, -1
		for i, r := range list {
			if t, ok := typeOf(r.letter, r.length); ok && r.letter != 0 && again[t.field] {
				if first < 0 {
					first = i
				}
				last = i
			}
		}
		var out []part
		for i, r := range list {
			s := "shared"
			if i >= first && i <= last {
				s = source
			}
			out = append(out, sourced(s, d.format(m, []run{r}))...)
		}
		return out
	}
	return append(side(a, "startRange", list[:at]), side(b, "endRange", list[at:])...)
}

// opDateRange answers with the parts of a range.
func (e *Engine) opDateRange(args []string) (string, error) {
	d, err := e.dates(args[0])
	if err != nil {
		return "", err
	}
	x, err := milliseconds(args[1])
	if err != nil {
		return "", err
	}
	y, err := milliseconds(args[2])
	if err != nil {
		return "", err
	}
	return toJSON(merged(d.formatRange(momentOf(x, d.zone, d.CA), momentOf(y, d.zone, d.CA))))
}
