package intl

import (
	"math/bits"
	"slices"
	"sort"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// generator finds the pattern for a set of fields, as UTS 35 describes it and ICU does it:
// the nearest of a locale's patterns, with what is missing appended.
type generator struct {
	calendar *cldr.Calendar
	names    map[string]string // of fields
	decimal  string
	entries  []entry
}

type entry struct {
	skeleton skeleton
	pattern  string
	given    bool // the skeleton is CLDR's, not read off the pattern
	order    byte
}

// fieldNames are how CLDR calls the fields: of appended items, and of their names.
var fieldNames = [fieldCount][2]string{
	{"Era", "era"}, {"Year", "year"}, {"Quarter", "quarter"}, {"Month", "month"}, {"Week", "week"}, {"Week", "week"}, {"Day-Of-Week", "weekday"},
	{"Day", "day"}, {"Day-Of-Week", "weekday"}, {"Day", "day"}, {"Hour", "dayperiod"}, {"Hour", "hour"}, {"Minute", "minute"}, {"Second", "second"}, {"Second", "second"}, {"Timezone", "zone"},
}

func newGenerator(c *cldr.Calendar, names map[string]string, decimal string) *generator {
	g := &generator{calendar: c, names: names, decimal: decimal}
	known := map[string]int{}
	add := func(text, pattern string, given bool) {
		s := newSkeleton(text)
		key := s.String()
		if s[fieldPeriod].letter == 'a' {
			key += "a"
		}
		e := entry{skeleton: s, pattern: pattern, given: given}
		for i := range s {
			if s[i].letter != 0 {
				e.order = s[i].letter
				break
			}
		}
		if at, ok := known[key]; ok {
			if given {
				g.entries[at] = e
			}
			return
		}
		known[key] = len(g.entries)
		g.entries = append(g.entries, e)
	}
	for _, letter := range "GyQMwWEDFdaHmsSv" {
		add(string(letter), string(letter), false)
	}
	for _, p := range slices.Concat(c.Date[:], c.Time[:]) {
		add(p, p, false)
	}
	names2 := make([]string, 0, len(c.Available))
	for k := range c.Available {
		names2 = append(names2, k)
	}
	slices.Sort(names2)
	for _, k := range names2 {
		add(k, c.Available[k], true)
	}
	sort.SliceStable(g.entries, func(i, j int) bool { return g.entries[i].order < g.entries[j].order })
	return g
}

// best is the pattern for a skeleton.
func (g *generator) best(text string) string {
	want := newSkeleton(text)
	found, missing, exact := g.raw(&want, 1<<fieldCount-1)
	if exact && missing == 0 {
		return quote(g.adjust(found, &want, false))
	}
	mask := want.mask()
	date, clock := g.appending(&want, mask&dateMask), g.appending(&want, mask&timeMask)
	if date == nil {
		return quote(clock)
	}
	if clock == nil {
		return quote(date)
	}
	style := 3
	switch month := want[fieldMonth]; {
	case month.length == 4 && want[fieldWeekday].length > 0:
		style = 0
	case month.length == 4:
		style = 1
	case month.length == 3:
		style = 2
	}
	return glue(g.calendar.At[style], quote(clock), quote(date))
}

// glue puts patterns into a pattern of patterns.
func glue(outer string, args ...string) string {
	for i, a := range args {
		outer = strings.ReplaceAll(outer, "{"+string(rune('0'+i))+"}", a)
	}
	return outer
}

// raw is the entry nearest to the fields of a mask; exact says that it has no others.
func (g *generator) raw(want *skeleton, include int) (*entry, int, bool) {
	var best *entry
	distance, missing := 1<<30, -1
	for i := range g.entries {
		e := &g.entries[i]
		d, m := want.distance(&e.skeleton, include)
		if d < distance || d == distance && missing < m {
			best, distance, missing = e, d, m
			if d == 0 {
				break
			}
		}
	}
	return best, missing, distance < extraField
}

// adjust writes an entry's fields at the lengths that were asked for.
func (g *generator) adjust(e *entry, want *skeleton, fraction bool) []run {
	list := runs(e.pattern)
	for i := 0; i < len(list); i++ {
		r := &list[i]
		if r.letter == 0 {
			continue
		}
		t, ok := typeOf(r.letter, r.length)
		if !ok {
			continue
		}
		if fraction && t.field == fieldSecond {
			list = slices.Insert(list, i+1, run{text: g.decimal}, run{letter: 'S', length: want[fieldFraction].length})
			i += 2
			continue
		}
		asked := want[t.field]
		if asked.kind == 0 {
			continue
		}
		length := asked.length
		if asked.letter == 'E' && length < 3 {
			length = 3
		}
		adjusted := length
		switch {
		case t.field == fieldMinute || t.field == fieldSecond:
			adjusted = r.length
		case e.given && asked.letter != 'c' && asked.letter != 'e':
			have := e.skeleton[t.field]
			if have.length == length || (t.kind > 0) != (have.kind > 0) {
				adjusted = r.length
			}
		}
		letter := asked.letter
		if t.field == fieldHour || t.field == fieldMonth || t.field == fieldWeekday || t.field == fieldYear && asked.letter != 'Y' {
			letter = r.letter
		}
		if letter == 'E' && adjusted < 3 {
			letter = 'e'
		}
		r.letter, r.length = letter, adjusted
	}
	return list
}

// appending is the pattern for some of the fields, what no entry has appended to it.
func (g *generator) appending(want *skeleton, mask int) []run {
	if mask == 0 {
		return nil
	}
	e, missing, _ := g.raw(want, mask)
	out := g.adjust(e, want, false)
	const both = 1<<fieldSecond | 1<<fieldFraction
	for missing != 0 {
		if missing&both == 1<<fieldFraction && mask&both == both {
			out = g.adjust(&entry{pattern: quote(out), skeleton: e.skeleton, given: e.given}, want, true)
			missing &^= 1 << fieldFraction
			continue
		}
		next, still, _ := g.raw(want, missing)
		found := missing &^ still
		if found == 0 {
			break
		}
		missing = still
		names := fieldNames[bits.Len(uint(found))-1]
		format := g.calendar.Append[names[0]]
		if format == "" {
			format = "{0} {1}"
		}
		name := ""
		if n := g.names[names[1]]; n != "" {
			name = "'" + strings.ReplaceAll(n, "'", "''") + "'"
		}
		out = runs(glue(format, quote(out), quote(g.adjust(next, want, false)), name))
	}
	return out
}
