package intl

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	xlanguage "golang.org/x/text/language"
)

// opCase changes the case of a text by a language's own rules.
func (e *Engine) opCase(args []string) (string, error) {
	tag, err := xlanguage.Parse(args[0])
	if err != nil {
		return "", rangeError("no language %.20s", args[0])
	}
	if args[1] == "upper" {
		return cases.Upper(tag).String(args[2]), nil
	}
	return cases.Lower(tag, cases.HandleFinalSigma(true)).String(args[2]), nil
}

// opValues is Intl.supportedValuesOf.
func (e *Engine) opValues(args []string) (string, error) {
	var out []string
	switch args[0] {
	case "calendar":
		out = calendars
	case "collation":
		for _, c := range e.sup.Collations {
			if slices.Contains(allCollations, c) && c != "phonetic" { // Lingala's alone
				out = append(out, c)
			}
		}
	case "currency":
		out = e.sup.Currencies
	case "numberingSystem":
		out = e.numberingSystems()
	case "timeZone":
		seen := map[string]bool{}
		for _, n := range e.sup.Zones {
			p := e.sup.ZonePrimary[n]
			if p == "" || strings.HasPrefix(p, "Etc/UTC") || p == "Etc/GMT" {
				continue
			}
			if known, ok := e.zones.names[strings.ToLower(p)]; ok && !seen[known] {
				seen[known] = true
				out = append(out, known)
			}
		}
		out = append(out, "UTC")
		slices.Sort(out)
	case "unit":
		out = units
	default:
		return "", rangeError("Invalid key : %.40s", args[0])
	}
	return toJSON(out)
}

// units are those of ECMA-402.
var units = strings.Fields(`acre bit byte celsius centimeter day degree fahrenheit fluid-ounce foot gallon gigabit gigabyte gram
hectare hour inch kilobit kilobyte kilogram kilometer liter megabit megabyte meter microsecond mile mile-scandinavian milliliter millimeter
millisecond minute month nanosecond ounce percent petabyte pound second stone terabit terabyte week yard year`)

// opLocaleInfo answers what Intl.Locale's get… methods do.
func (e *Engine) opLocaleInfo(args []string) (string, error) {
	t, err := e.canonical(args[1])
	if err != nil {
		return "", err
	}
	base := t.String()
	switch args[0] {
	case "calendars":
		if v, ok := t.keyword("ca"); ok {
			return toJSON([]string{v})
		}
		return toJSON(e.preferredCalendars(base))
	case "collations":
		if v, ok := t.keyword("co"); ok {
			return toJSON([]string{v})
		}
		return toJSON(append([]string{"emoji", "eor"}, collationsOf(t.language)...))
	case "hours":
		if v, ok := t.keyword("hc"); ok {
			return toJSON([]string{v})
		}
		_, allowed := e.hours(base)
		var out []string
		for _, a := range allowed {
			if c := cycles[a[0]]; !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
		return toJSON(out)
	case "systems":
		if v, ok := t.keyword("nu"); ok {
			return toJSON([]string{v})
		}
		return toJSON(e.known("nu", e.available(t.base()))[:1])
	case "zones":
		if t.region == "" {
			return "null", nil
		}
		out := []string{}
		for n, territory := range e.sup.Territory {
			if territory == t.region {
				if p := e.sup.ZonePrimary[n]; p != "" {
					n = p
				}
				out = append(out, n)
			}
		}
		slices.Sort(out)
		return toJSON(out)
	case "text":
		m := e.maximize(t)
		if m == nil {
			m = t
		}
		direction := "ltr"
		if e.sup.RightToLeft[m.script] {
			direction = "rtl"
		}
		return toJSON(map[string]string{"direction": direction})
	case "week":
		region := e.region(base)
		or := func(m map[string]int) int {
			if v, ok := m[region]; ok {
				return v
			}
			return m["001"]
		}
		weekend, ok := e.sup.Weekend[region]
		if !ok {
			weekend = e.sup.Weekend["001"]
		}
		first := or(e.sup.FirstDay)
		if fw, ok := t.keyword("fw"); ok {
			if i := slices.Index([]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, fw); i >= 0 {
				first = i + 1
			}
		}
		days := []int{}
		for d := weekend[0]; ; d = d%7 + 1 {
			days = append(days, d)
			if d == weekend[1] {
				break
			}
		}
		slices.Sort(days)
		return toJSON(map[string]any{"firstDay": first, "weekend": days, "minimalDays": or(e.sup.MinDays)})
	case "hour": // the cycle that a locale prefers
		letter, _ := e.hours(base)
		return cycles[letter[0]], nil
	}
	return "", rangeError("nothing of that name")
}
