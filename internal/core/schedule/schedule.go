// Package schedule says when something that happens again and again happens next. Its
// promise: the times follow from the rule and the phase alone, so that they do not drift,
// and every server comes to the same ones.
//
// A phase is a number that spreads many over the interval: the hash of an installation's
// id. All times are UTC.
package schedule

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Rule is when something happens.
type Rule struct {
	every time.Duration // of an interval, 0 for cron
	cron  cron
}

var intervals = map[string]time.Duration{
	"fiveMinute": 5 * time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour,
}

// Parse reads an interval (fiveMinute, hour, day, week) or a cron expression of five fields.
func Parse(text string) (Rule, error) {
	if every, ok := intervals[text]; ok {
		return Rule{every: every}, nil
	}
	c, err := parseCron(text)
	return Rule{cron: c}, err
}

// Next is the first time after the given one. It is the zero time for a cron expression
// that names no day of the next eight years, as "0 0 31 2 *" does.
func (r Rule) Next(after time.Time, phase uint64) time.Time {
	after = after.UTC()
	if r.every > 0 {
		seconds := int64(r.every / time.Second)
		offset := int64(phase % uint64(seconds))
		n := (after.Unix()-offset)/seconds + 1
		if at := time.Unix((n-1)*seconds+offset, 0).UTC(); at.After(after) {
			return at // before 1970 division rounds up
		}
		return time.Unix(n*seconds+offset, 0).UTC()
	}
	// Within the minute that cron names there is room to spread too.
	spread := time.Duration(phase%60) * time.Second
	minute := r.cron.next(after.Add(-spread))
	if minute.IsZero() {
		return minute
	}
	return minute.Add(spread)
}

// cron holds a bit for each value that a field takes.
type cron struct {
	minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                bool
}

var fields = [...]struct {
	name     string
	min, max int
	names    string
}{
	{"minute", 0, 59, ""}, {"hour", 0, 23, ""}, {"day of the month", 1, 31, ""},
	{"month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"}, {"day of the week", 0, 7, "sun mon tue wed thu fri sat"},
}

func parseCron(text string) (c cron, err error) {
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return c, fmt.Errorf("%q is no interval (fiveMinute, hour, day, week) and no cron expression of five fields", text)
	}
	var sets [len(fields)]uint64
	for i, p := range parts {
		if sets[i], err = parseField(strings.ToLower(p), i); err != nil {
			return c, err
		}
	}
	c = cron{sets[0], sets[1], sets[2], sets[3], sets[4], strings.HasPrefix(parts[2], "*"), strings.HasPrefix(parts[4], "*")}
	if c.weekday&(1<<7) != 0 { // Sunday is 0 and 7
		c.weekday |= 1
	}
	return c, nil
}

func parseField(text string, i int) (uint64, error) {
	var set uint64
	f := fields[i]
	bad := fmt.Errorf("%q is no %s of a cron expression", text, f.name)
	for item := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			if step = number(stepText); step < 1 || step > f.max {
				return 0, bad
			}
		}
		from, to := f.min, f.max
		if span != "*" {
			first, last, isRange := strings.Cut(span, "-")
			if from = value(first, i); from < f.min || from > f.max {
				return 0, bad
			}
			switch {
			case isRange:
				if to = value(last, i); to < from || to > f.max {
					return 0, bad
				}
			case !stepped:
				to = from
			}
		}
		for v := from; v <= to; v += step {
			set |= 1 << v
		}
	}
	return set, nil
}

// value reads a number or a name, -1 for neither.
func value(text string, i int) int {
	for n, name := range strings.Fields(fields[i].names) {
		if name == text {
			return n + fields[i].min
		}
	}
	return number(text)
}

// number reads one or two digits, -1 for anything else: no sign is one.
func number(text string) int {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || len(text) > 2 {
		return -1
	}
	return int(n)
}

// next is the first minute after the time that the expression names.
func (c cron) next(after time.Time) time.Time {
	at := after.Truncate(time.Minute).Add(time.Minute)
	for day := 0; day < 8*366; day++ {
		if c.onDay(at) {
			if found, ok := c.within(at); ok {
				return found
			}
		}
		at = time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// onDay follows cron's rule: where both days are named, either will do.
func (c cron) onDay(at time.Time) bool {
	if c.month&(1<<int(at.Month())) == 0 {
		return false
	}
	day, weekday := c.day&(1<<at.Day()) != 0, c.weekday&(1<<int(at.Weekday())) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// within is the first minute of the day, from at on.
func (c cron) within(at time.Time) (time.Time, bool) {
	for hour := at.Hour(); hour < 24; hour++ {
		if c.hour&(1<<hour) == 0 {
			continue
		}
		from := 0
		if hour == at.Hour() {
			from = at.Minute()
		}
		if rest := c.minute >> from; rest != 0 {
			return time.Date(at.Year(), at.Month(), at.Day(), hour, from+bits.TrailingZeros64(rest), 0, 0, time.UTC), true
		}
	}
	return time.Time{}, false
}
