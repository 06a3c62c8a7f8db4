package main

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

type words map[string]string

var (
	styles = [4]string{"full", "long", "medium", "short"}
	widths = [4]string{"wide", "abbreviated", "narrow", "short"}
	alone  = [2]string{"format", "stand-alone"}
	week   = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// rawCalendar is a calendar as the packages write it.
type rawCalendar struct {
	Months, Days, DayPeriods map[string]map[string]words
	Eras                     map[string]words
	DateFormats, TimeFormats map[string]any
	DateTimeFormats          struct {
		Full, Long, Medium, Short string
		AvailableFormats          words
		AppendItems               words
		IntervalFormats           map[string]any
	}
	At struct{ Standard words } `json:"dateTimeFormats-atTime"`
}

func (r *rawCalendar) calendar() *cldr.Calendar {
	c := &cldr.Calendar{
		Append: r.DateTimeFormats.AppendItems, Available: map[string]string{}, Intervals: map[string]map[string]string{},
		Both: [4]string{r.DateTimeFormats.Full, r.DateTimeFormats.Long, r.DateTimeFormats.Medium, r.DateTimeFormats.Short},
	}
	for i, a := range alone {
		for j, w := range widths {
			if j < 3 {
				c.Months[i][j] = numbered(r.Months[a][w], 1)
				c.Periods[i][j] = plainKeys(r.DayPeriods[a][w])
			}
			for _, day := range week {
				if name := r.Days[a][w][day]; name != "" {
					c.Days[i][j] = append(c.Days[i][j], name)
				}
			}
		}
	}
	for i, w := range [3]string{"eraNames", "eraAbbr", "eraNarrow"} {
		c.Eras[i] = numbered(r.Eras[w], 0)
	}
	for i, s := range styles {
		c.Date[i], c.Time[i], c.At[i] = pattern(r.DateFormats[s]), pattern(r.TimeFormats[s]), r.At.Standard[s]
		if c.At[i] == "" {
			c.At[i] = c.Both[i]
		}
	}
	for k, v := range r.DateTimeFormats.AvailableFormats {
		if name, variant, _ := strings.Cut(k, "-"); variant == "" || variant == "count-other" {
			c.Available[name] = v
		}
	}
	for k, v := range r.DateTimeFormats.IntervalFormats {
		switch v := v.(type) {
		case string:
			c.Fallback = v
		case map[string]any:
			c.Intervals[k] = map[string]string{}
			for field, p := range v {
				if text, ok := p.(string); ok && !strings.Contains(field, "-") {
					c.Intervals[k][field] = text
				}
			}
		}
	}
	return c
}

// pattern is a format's text; some come with a numbering system.
func pattern(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		text, _ := v["_value"].(string)
		return text
	}
	return ""
}

// numbered makes a list of words that have numbers, from the first on.
func numbered(in words, first int) []string {
	var out []string
	for i := first; ; i++ {
		v, ok := in[strconv.Itoa(i)]
		if !ok {
			return out
		}
		out = append(out, v)
	}
}

// plainKeys leaves variants out.
func plainKeys(in words) map[string]string {
	out := map[string]string{}
	for k, v := range in {
		if !strings.Contains(k, "-alt-") {
			out[k] = v
		}
	}
	return out
}

func dates(src source, locale string) (*cldr.Dates, error) {
	d := &cldr.Dates{Calendars: map[string]*cldr.Calendar{}, Fields: map[string]string{}}
	for _, name := range []string{"gregorian", "generic"} {
		var raw rawCalendar
		if err := src.main("cldr-dates-full", locale, "ca-"+name+".json", &raw, "dates", "calendars", name); err != nil {
			return nil, err
		}
		d.Calendars[name] = raw.calendar()
	}
	// What both have in common is kept once.
	g, o := d.Calendars["gregorian"], d.Calendars["generic"]
	o.Days, o.Periods, o.Months = [2][4][]string{}, [2][3]map[string]string{}, g.Months
	o.Eras = [3][]string{}
	o.Months = [2][3][]string{}
	var fields map[string]struct{ DisplayName string }
	if err := src.main("cldr-dates-full", locale, "dateFields.json", &fields, "dates", "fields"); err != nil {
		return nil, err
	}
	for _, f := range []string{"era", "year", "month", "week", "day", "weekday", "dayperiod", "hour", "minute", "second", "zone", "quarter"} {
		d.Fields[f] = fields[f].DisplayName
	}
	return d, nil
}

// otherCalendar is a calendar that shares most with "generic"; nil if the packages do not
// have the locale.
func otherCalendar(src source, locale, name string, d *cldr.Dates) (*cldr.Calendar, error) {
	var raw rawCalendar
	err := src.main("cldr-cal-"+name+"-full", locale, "ca-"+name+".json", &raw, "dates", "calendars", name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := raw.calendar()
	generic := d.Calendars["generic"]
	// Times are written as in other calendars.
	for k, v := range generic.Available {
		if strings.ContainsAny(k, "hHBms") || c.Available[k] == "" {
			c.Available[k] = v
		}
	}
	if name != "persian" { // which has its own way of putting times to dates
		c.Both, c.At = generic.Both, generic.At
	}
	c.Time, c.Append = generic.Time, generic.Append
	c.Days, c.Periods = [2][4][]string{}, [2][3]map[string]string{}
	if name != "persian" {
		c.Months = [2][3][]string{}
	}
	if name == "japanese" { // the modern ones alone
		for i := range c.Eras {
			if n := len(c.Eras[i]); n > 232 {
				c.Eras[i] = c.Eras[i][232:]
			}
		}
	}
	if c.Fallback == "" {
		c.Intervals, c.Fallback = generic.Intervals, generic.Fallback
	}
	return c, nil
}

func zones(src source, locale string) (*cldr.Zones, error) {
	var raw struct {
		HourFormat, GMTFormat, GMTZeroFormat, RegionFormat, FallbackFormat string
		Standard                                                           string `json:"regionFormat-type-standard"`
		Daylight                                                           string `json:"regionFormat-type-daylight"`
		Zone                                                               map[string]any
		Metazone                                                           map[string]struct{ Long, Short words }
	}
	if err := src.main("cldr-dates-full", locale, "timeZoneNames.json", &raw, "dates", "timeZoneNames"); err != nil {
		return nil, err
	}
	z := &cldr.Zones{
		Hour: raw.HourFormat, GMT: raw.GMTFormat, Zero: raw.GMTZeroFormat, Region: raw.RegionFormat,
		RegionStandard: raw.Standard, RegionDaylight: raw.Daylight, Fallback: raw.FallbackFormat,
		Cities: map[string]string{}, Zone: map[string]*cldr.ZoneNames{}, Meta: map[string]*cldr.ZoneNames{},
	}
	kinds := func(w words) [3]string { return [3]string{w["generic"], w["standard"], w["daylight"]} }
	for name, m := range raw.Metazone {
		z.Meta[name] = &cldr.ZoneNames{Long: kinds(m.Long), Short: kinds(m.Short)}
	}
	var walk func(path string, node map[string]any)
	walk = func(path string, node map[string]any) {
		if node["_type"] == "zone" {
			if city, ok := node["exemplarCity"].(string); ok {
				z.Cities[path] = city
			}
			long, _ := node["long"].(map[string]any)
			short, _ := node["short"].(map[string]any)
			if long != nil || short != nil {
				z.Zone[path] = &cldr.ZoneNames{Long: kinds(stringsOf(long)), Short: kinds(stringsOf(short))}
			}
			return
		}
		for k, v := range node {
			if sub, ok := v.(map[string]any); ok {
				walk(strings.TrimPrefix(path+"/"+k, "/"), sub)
			}
		}
	}
	walk("", raw.Zone)
	return z, nil
}

func stringsOf(in map[string]any) words {
	out := words{}
	for k, v := range in {
		if s, ok := v.(string); ok {
			out[k] = s
		}
	}
	return out
}
