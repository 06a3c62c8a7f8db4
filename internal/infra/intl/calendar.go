package intl

import "time"

// moment is a time in a zone and a calendar, as it is written.
type moment struct {
	at                   time.Time // in the zone
	era, year            int
	month                int // from 0
	day, weekday         int // the weekday from 0, Sunday
	hour, minute, second int
	millisecond          int
	related              int // the Gregorian year
}

func momentOf(ms int64, z *zone, calendar string) moment {
	t := time.UnixMilli(ms).In(z.loc)
	m := moment{
		at: t, month: int(t.Month()) - 1, day: t.Day(), weekday: int(t.Weekday()), hour: t.Hour(), minute: t.Minute(), second: t.Second(),
		millisecond: t.Nanosecond() / 1e6, related: t.Year(),
	}
	switch calendar {
	case "buddhist":
		m.year = t.Year() + 543
	case "japanese":
		m.japanese(t)
	case "persian":
		m.persian(t)
	case "iso8601":
		m.era, m.year = 1, t.Year()
		if m.year <= 0 {
			m.era = 0
		}
	default:
		m.gregorian(t)
	}
	return m
}

func (m *moment) gregorian(t time.Time) {
	m.era, m.year = 1, t.Year()
	if m.year <= 0 {
		m.era, m.year = 0, 1-m.year
	}
}

// nengo are the beginnings of the modern eras of Japan, the latest first.
var nengo = [][3]int{{2019, 5, 1}, {1989, 1, 8}, {1926, 12, 25}, {1912, 7, 30}, {1868, 9, 8}}

func (m *moment) japanese(t time.Time) {
	y, mo, d := t.Date()
	for i, n := range nengo {
		if y > n[0] || y == n[0] && (int(mo) > n[1] || int(mo) == n[1] && d >= n[2]) {
			m.era, m.year = len(nengo)-1-i, y-n[0]+1
			return
		}
	}
	m.era, m.year = 0, y-1867
}

// persian counts by the cycle of 33 years, as ICU does.
func (m *moment) persian(t time.Time) {
	y, mo, d := t.Date()
	days := julian(y, int(mo), d) - 1948320
	year := 1 + floor(33*days+3, 12053)
	first := 365*(year-1) + floor(8*year+21, 33)
	of := days - first
	m.era, m.year = 0, year
	if of < 216 {
		m.month, m.day = of/31, of%31+1
		return
	}
	m.month, m.day = (of-6)/30, (of-6)%30+1
}

func floor(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// julian is a day's number.
func julian(y, m, d int) int {
	a := (14 - m) / 12
	yy, mm := y+4800-a, m+12*a-3
	return d + (153*mm+2)/5 + 365*yy + floor(yy, 4) - floor(yy, 100) + floor(yy, 400) - 32045
}
