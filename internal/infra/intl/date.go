package intl

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// dateConfig is a resolved Intl.DateTimeFormat: its fields as a skeleton, or its styles.
type dateConfig struct {
	Locale, NU, CA, Cycle, Zone string
	Skeleton                    string
	DateStyle, TimeStyle        string
}

// dates is what is known of a configuration before a date comes.
type dates struct {
	dateConfig
	e         *Engine
	calendar  *cldr.Calendar // patterns, and names where it has its own
	names     *cldr.Calendar // the Gregorian one, whose names others use
	generator *generator
	digits    []string
	decimal   string
	pattern   []run
	text      string
	zone      *zone
	periods   []cldr.DayPeriod
	zones     *zoneWriter
	intervals *intervals
}

var styleNames = []string{"full", "long", "medium", "short"}

func styleIndex(name string) int {
	for i, s := range styleNames {
		if s == name {
			return i
		}
	}
	return -1
}

func (e *Engine) dates(config string) (*dates, error) {
	return prepare(e, "date ", config, func() (*dates, error) {
		d := &dates{e: e}
		if err := json.Unmarshal([]byte(config), &d.dateConfig); err != nil {
			return nil, err
		}
		return d, d.prepare()
	})
}

// generatorOf is a locale's, for a calendar.
func (d *dates) load() error {
	sec, err := section[cldr.Dates](d.e, d.Locale, "d")
	if err != nil {
		return err
	}
	d.names = sec.Calendars["gregorian"]
	d.calendar = d.names
	own := map[string]string{"buddhist": "dB", "japanese": "dJ", "persian": "dP"}[d.CA]
	if own != "" {
		c, err := section[cldr.Calendar](d.e, d.Locale, own)
		if err != nil {
			return err
		}
		if d.calendar = c; c.Fallback == "" { // the packages do not have the locale
			d.calendar = sec.Calendars["generic"]
		}
	}
	sys, _, err := d.e.system(d.Locale, d.NU)
	if err != nil {
		return err
	}
	d.decimal = sys.Decimal
	d.generator, err = prepare(d.e, "generator ", d.Locale+" "+d.CA+" "+d.NU, func() (*generator, error) {
		return newGenerator(d.calendar, sec.Fields, sys.Decimal), nil
	})
	return err
}

// maxSkeleton is more than all fields at their longest.
const maxSkeleton = 80

func (d *dates) prepare() error {
	if len(d.Skeleton) > maxSkeleton {
		return rangeError("too many fields")
	}
	if err := d.load(); err != nil {
		return err
	}
	var err error
	if d.zone, err = d.e.zone(d.Zone); err != nil {
		return err
	}
	d.digits = d.e.digitsOf(d.NU)
	d.periods = d.dayPeriods()
	date, clock := styleIndex(d.DateStyle), styleIndex(d.TimeStyle)
	switch {
	case date >= 0 && clock >= 0:
		d.text = glue(d.calendar.At[date], d.times(clock), d.calendar.Date[date])
	case date >= 0:
		d.text = d.calendar.Date[date]
	case clock >= 0:
		d.text = d.times(clock)
	default:
		d.text = d.cycled(d.generator.best(d.Skeleton))
	}
	d.pattern = runs(d.text)
	for _, r := range d.pattern {
		if t, ok := typeOf(r.letter, r.length); ok && t.field == fieldZone {
			d.zones, err = d.e.zoneWriter(d.Locale, d.NU)
		}
	}
	return err
}

// times is the pattern of a time style. If another hour cycle was asked for than the
// locale's, it is found anew.
func (d *dates) times(style int) string {
	p := d.calendar.Time[style]
	s := newSkeleton(p)
	want := letterOf(d.Cycle)
	have := s[fieldHour].letter
	if d.Cycle == "" || have == want {
		return p
	}
	twelve := func(c byte) bool { return c == 'h' || c == 'K' }
	if twelve(have) == twelve(want) {
		return d.cycled(p)
	}
	list := runs(p)
	var b strings.Builder
	for _, r := range list {
		switch {
		case r.letter == 0 || strings.IndexByte("abB", r.letter) >= 0:
		case strings.IndexByte("hHkK", r.letter) >= 0:
			c := "H"
			if twelve(want) {
				c = "h"
			}
			b.WriteString(strings.Repeat(c, r.length))
		default:
			b.WriteString(strings.Repeat(string(r.letter), r.length))
		}
	}
	return d.cycled(d.generator.best(b.String()))
}

// cycled writes a pattern's hours in the cycle that was asked for.
func (d *dates) cycled(pattern string) string {
	if d.Cycle == "" {
		return pattern
	}
	list := runs(pattern)
	for i := range list {
		if list[i].letter != 0 && strings.IndexByte("hHkK", list[i].letter) >= 0 {
			list[i].letter = letterOf(d.Cycle)
		}
	}
	return quote(list)
}

func (d *dates) dayPeriods() []cldr.DayPeriod {
	for at := d.Locale; ; {
		if p := d.e.sup.DayPeriods[at]; p != nil {
			return p
		}
		cut := strings.LastIndexByte(at, '-')
		if cut < 0 {
			return nil
		}
		at = at[:cut]
	}
}

// milliseconds reads a time as JavaScript writes the number.
func milliseconds(text string) (int64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != f || f > 8.64e15 || f < -8.64e15 {
		return 0, rangeError("Invalid time value")
	}
	return int64(f), nil
}

func (e *Engine) opDateList(args []string) ([]part, error) {
	d, err := e.dates(args[0])
	if err != nil {
		return nil, err
	}
	ms, err := milliseconds(args[1])
	if err != nil {
		return nil, err
	}
	return merged(d.format(momentOf(ms, d.zone, d.CA), d.pattern)), nil
}

func (e *Engine) opDate(args []string) (string, error) {
	parts, err := e.opDateList(args)
	return strings.ReplaceAll(joined(parts), narrowSpace, " "), err
}

func (e *Engine) opDateParts(args []string) (string, error) {
	parts, err := e.opDateList(args)
	if err != nil {
		return "", err
	}
	return toJSON(parts)
}

// opDateFields answers how each field is written: what resolvedOptions shows.
func (e *Engine) opDateFields(args []string) (string, error) {
	d, err := e.dates(args[0])
	if err != nil {
		return "", err
	}
	out := map[string]string{}
	for _, r := range d.pattern {
		t, ok := typeOf(r.letter, r.length)
		if r.letter == 0 || !ok {
			continue
		}
		name := map[int]string{
			fieldEra: "era", fieldYear: "year", fieldMonth: "month", fieldWeekday: "weekday", fieldDay: "day", fieldPeriod: "dayPeriod",
			fieldHour: "hour", fieldMinute: "minute", fieldSecond: "second", fieldZone: "timeZoneName",
		}[t.field]
		if name == "" || r.letter == 'a' {
			continue
		}
		value := "numeric"
		switch {
		case t.field == fieldZone:
			value = map[string]string{"z": "short", "zzzz": "long", "O": "shortOffset", "OOOO": "longOffset", "v": "shortGeneric", "vvvv": "longGeneric"}[strings.Repeat(string(r.letter), r.length)]
		case t.kind < 0:
			value = map[int]string{4: "long", 5: "narrow"}[r.length]
			if value == "" {
				value = "short"
			}
		case r.length == 2:
			value = "2-digit"
		}
		out[name] = value
	}
	return toJSON(out)
}
