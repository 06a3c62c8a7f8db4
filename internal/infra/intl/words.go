package intl

import (
	"encoding/json"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	xlanguage "golang.org/x/text/language"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// opRelative answers with the parts of "in 3 days": a configuration with a number's in
// it, the number, the unit.
func (e *Engine) opRelative(args []string) (string, error) {
	type relativeConfig struct {
		numberConfig
		Width   string // of the words
		Numeric string
	}
	c, err := prepare(e, "relative ", args[0], func() (*relativeConfig, error) {
		c := &relativeConfig{}
		return c, json.Unmarshal([]byte(args[0]), c)
	})
	if err != nil {
		return "", err
	}
	texts, err := section[cldr.Texts](e, c.Locale, "l")
	if err != nil {
		return "", err
	}
	unit := args[2]
	key := unit
	if c.Width != "long" {
		key += "-" + c.Width
	}
	field := texts.Fields[key]
	if field == nil {
		if field = texts.Fields[unit]; field == nil {
			return "", rangeError("Invalid unit argument for Intl.RelativeTimeFormat.prototype.format() '%.40s'", unit)
		}
	}
	if c.Numeric == "auto" {
		value := args[1]
		if value == "-0" { // ICU says "0 seconds ago", JavaScript's -0 is 0 here
			value = "0"
		}
		if text := field.Relative[value]; text != "" {
			return toJSON([]part{{Type: "literal", Value: text}})
		}
	}
	x, err := parseDecimal(args[1])
	if err != nil {
		return "", err
	}
	if x.nan || x.infinite {
		return "", rangeError("The number value is not finite")
	}
	forms := field.Future
	if x.negative {
		forms = field.Past
	}
	x.negative = false
	f, r, err := e.pluralFormat(args[0])
	if err != nil {
		return "", err
	}
	text, ok := forms[f.category(x, r)]
	if !ok {
		text = forms["other"]
	}
	before, after, found := strings.Cut(text, "{0}")
	var out []part
	if before != "" {
		out = append(out, part{Type: "literal", Value: before})
	}
	if found {
		for _, p := range f.format(x) {
			p.Unit = unit
			out = append(out, p)
		}
	}
	if after != "" {
		out = append(out, part{Type: "literal", Value: after})
	}
	return toJSON(out)
}

// opList answers with a list's four patterns: start, middle, end, two.
func (e *Engine) opList(args []string) (string, error) {
	texts, err := section[cldr.Texts](e, args[0], "l")
	if err != nil {
		return "", err
	}
	kind := map[string]string{"conjunction": "standard", "disjunction": "or", "unit": "unit"}[args[1]]
	if kind == "" {
		return "", rangeError("no lists of type %.20s", args[1])
	}
	for _, name := range []string{kind + "-" + args[2], kind} {
		if p, ok := texts.Lists[name]; ok {
			return toJSON(p)
		}
	}
	return "", rangeError("no lists of type %.20s", args[1])
}

type nameConfig struct {
	Locale, Style, Type, Dialect string
}

// opName answers with a code's name, or "" if there is none.
func (e *Engine) opName(args []string) (string, error) {
	c, err := prepare(e, "name ", args[0], func() (*nameConfig, error) {
		c := &nameConfig{}
		return c, json.Unmarshal([]byte(args[0]), c)
	})
	if err != nil {
		return "", err
	}
	names, err := section[cldr.Names](e, c.Locale, "m")
	if err != nil {
		return "", err
	}
	code := args[1]
	styled := func(m map[string]string, key string) string {
		if c.Style != "long" {
			if v := m[key+"-short"]; v != "" {
				return v
			}
		}
		return m[key]
	}
	switch c.Type {
	case "language":
		return e.languageName(names, c, code)
	case "region":
		return styled(names.Territories, code), nil
	case "script":
		return styled(names.Scripts, code), nil
	case "calendar":
		switch code {
		case "gregory":
			code = "gregorian"
		case "ethioaa":
			code = "ethiopic-amete-alem"
		}
		return names.Calendars[code], nil
	case "currency":
		all, err := section[map[string]*cldr.Currency](e, c.Locale, "c")
		if err != nil {
			return "", err
		}
		cur := (*all)[code]
		switch {
		case cur == nil:
			return "", nil
		case c.Style == "narrow" && cur.Narrow != "":
			return cur.Narrow, nil
		case c.Style != "long":
			if cur.Symbol == "" {
				return code, nil
			}
			return cur.Symbol, nil
		}
		return cur.Name, nil
	case "dateTimeField":
		texts, err := section[cldr.Texts](e, c.Locale, "l")
		if err != nil {
			return "", err
		}
		key := map[string]string{"weekOfYear": "week", "dayPeriod": "dayperiod", "timeZoneName": "zone"}[code]
		if key == "" {
			key = code
		}
		if c.Style != "long" {
			if f := texts.Fields[key+"-"+c.Style]; f != nil && f.Name != "" {
				return f.Name, nil
			}
		}
		if f := texts.Fields[key]; f != nil {
			return f.Name, nil
		}
	}
	return "", nil
}

// languageName names a tag: the longest beginning with a name of its own, then the rest
// in brackets.
func (e *Engine) languageName(names *cldr.Names, c *nameConfig, code string) (string, error) {
	t, err := e.canonical(code)
	if err != nil {
		return "", err
	}
	find := func(key string) string {
		if c.Style != "long" {
			if v := names.Languages[key+"-short"]; v != "" {
				return v
			}
		}
		return names.Languages[key]
	}
	type attempt struct {
		key            string
		script, region bool
	}
	tries := []attempt{}
	if c.Dialect != "standard" {
		tries = append(tries,
			attempt{t.language + "-" + t.script + "-" + t.region, t.script != "", t.region != ""},
			attempt{t.language + "-" + t.script, t.script != "", false},
			attempt{t.language + "-" + t.region, false, t.region != ""})
	}
	tries = append(tries, attempt{t.language, false, false})
	base, script, region := "", t.script, t.region
	for _, a := range tries {
		if strings.HasSuffix(a.key, "-") || strings.Contains(a.key, "--") {
			continue
		}
		if base = find(a.key); base != "" {
			if a.script {
				script = ""
			}
			if a.region {
				region = ""
			}
			break
		}
	}
	if base == "" {
		if t.script == "" && t.region == "" && len(t.variants) == 0 {
			return "", nil
		}
		base = t.language
	}
	var rest []string
	add := func(m map[string]string, key string) {
		if key == "" {
			return
		}
		name := m[key]
		if c.Style != "long" && m[key+"-short"] != "" {
			name = m[key+"-short"]
		}
		if name == "" {
			name = key
		}
		name = strings.NewReplacer("(", "[", ")", "]", "（", "［", "）", "］").Replace(name)
		rest = append(rest, name)
	}
	add(names.Scripts, script)
	add(names.Territories, region)
	for _, v := range t.variants {
		add(names.Variants, strings.ToUpper(v))
	}
	if len(rest) == 0 {
		return base, nil
	}
	joined := rest[0]
	for _, r := range rest[1:] {
		joined = glue(names.Separator, joined, r)
	}
	base = strings.NewReplacer("(", "[", ")", "]").Replace(base)
	return glue(names.Pattern, base, joined), nil
}

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
