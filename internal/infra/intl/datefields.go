package intl

import (
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// narrowSpace stands before "PM" in CLDR's patterns. Programs split at spaces, so browsers
// and Node.js write a plain one where they make a text of one date, and so does this.
const narrowSpace = "\u202f"

// format writes a moment by a pattern.
func (d *dates) format(m moment, pattern []run) []part {
	out := make([]part, 0, len(pattern))
	for _, r := range pattern {
		if r.letter == 0 {
			out = append(out, part{Type: "literal", Value: r.text})
			continue
		}
		kind, value := d.field(m, r, pattern)
		if value != "" {
			out = append(out, part{Type: kind, Value: value})
		}
	}
	return out
}

func (d *dates) field(m moment, r run, pattern []run) (string, string) {
	width := cldr.Abbreviated
	switch {
	case r.length == 4:
		width = cldr.Wide
	case r.length == 5:
		width = cldr.Narrow
	}
	switch r.letter {
	case 'G':
		return "era", d.era(m, width)
	case 'y', 'Y', 'u':
		if r.length == 2 {
			return "year", d.number(((m.year%100)+100)%100, 2)
		}
		return "year", d.number(m.year, r.length)
	case 'U', 'r':
		return "relatedYear", d.number(m.related, r.length)
	case 'M', 'L':
		if r.length <= 2 {
			return "month", d.number(m.month+1, r.length)
		}
		return "month", d.month(m, width, r.letter == 'L')
	case 'd':
		return "day", d.number(m.day, r.length)
	case 'E', 'e', 'c':
		if r.length == 6 {
			width = cldr.Short
		}
		if r.letter != 'E' && r.length <= 2 {
			return "weekday", d.number((m.weekday+8-d.firstDay()%7)%7+1, 1)
		}
		alone := 0
		if r.letter == 'c' {
			alone = 1
		}
		if names := d.names.Days[alone][width]; m.weekday < len(names) {
			return "weekday", names[m.weekday]
		}
		return "weekday", d.names.Days[0][cldr.Abbreviated][m.weekday]
	case 'a':
		name := "am"
		if m.hour >= 12 {
			name = "pm"
		}
		return "dayPeriod", d.period(name, width)
	case 'b', 'B':
		return "dayPeriod", d.flexible(m, width, pattern)
	case 'h':
		return "hour", d.number((m.hour+11)%12+1, r.length)
	case 'H':
		return "hour", d.number(m.hour, r.length)
	case 'K':
		return "hour", d.number(m.hour%12, r.length)
	case 'k':
		return "hour", d.number((m.hour+23)%24+1, r.length)
	case 'm':
		return "minute", d.number(m.minute, r.length)
	case 's':
		return "second", d.number(m.second, r.length)
	case 'S':
		text := strconv.Itoa(1000 + m.millisecond)[1:]
		for len(text) < r.length {
			text += "0"
		}
		return "fractionalSecond", d.local(text[:r.length])
	case 'z', 'v', 'O', 'V', 'Z', 'X', 'x':
		return "timeZoneName", d.zones.write(r.letter, r.length, d.zone, m.at)
	}
	return "literal", ""
}

func (d *dates) firstDay() int {
	if n, ok := d.e.sup.FirstDay[d.e.region(d.Locale)]; ok {
		return n
	}
	return 1
}

func (d *dates) era(m moment, width int) string {
	names := d.calendar.Eras[width]
	if d.calendar == d.names || len(names) == 0 {
		names = d.names.Eras[width]
	}
	if m.era < len(names) {
		return names[m.era]
	}
	return ""
}

func (d *dates) month(m moment, width int, alone bool) string {
	i := 0
	if alone {
		i = 1
	}
	names := d.calendar.Months[i][width]
	if len(names) == 0 {
		names = d.names.Months[i][width]
	}
	if m.month < len(names) {
		return names[m.month]
	}
	return ""
}

func (d *dates) period(name string, width int) string {
	if text := d.names.Periods[0][width][name]; text != "" {
		return text
	}
	return d.names.Periods[0][cldr.Abbreviated][name]
}

// flexible is a part of the day: "in the afternoon". Noon is a point, so minutes and
// seconds count if they are shown.
func (d *dates) flexible(m moment, width int, pattern []run) string {
	rest := 0
	for _, r := range pattern {
		switch r.letter {
		case 'm':
			rest += m.minute
		case 's':
			rest += m.second
		}
	}
	now := m.hour * 60
	for _, p := range d.periods {
		if p.At && p.Name != "midnight" && p.From == now && rest == 0 {
			return d.period(p.Name, width)
		}
	}
	for _, p := range d.periods {
		in := now >= p.From && now < p.Before
		if p.Before < p.From {
			in = now >= p.From || now < p.Before
		}
		if !p.At && in {
			if text := d.period(p.Name, width); text != "" {
				return text
			}
		}
	}
	if m.hour < 12 {
		return d.period("am", width)
	}
	return d.period("pm", width)
}

func (d *dates) number(n, least int) string {
	negative := n < 0
	if negative {
		n = -n
	}
	text := strconv.Itoa(n)
	for len(text) < least {
		text = "0" + text
	}
	if negative {
		text = "-" + text
	}
	return d.local(text)
}

func (d *dates) local(digits string) string {
	if d.NU == "latn" {
		return digits
	}
	var b strings.Builder
	for i := range len(digits) {
		if digits[i] == '-' {
			b.WriteByte('-')
			continue
		}
		b.WriteString(d.digits[digits[i]-'0'])
	}
	return b.String()
}
