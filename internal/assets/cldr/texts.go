package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

func numbers(src source, locale string) (*cldr.Numbers, error) {
	var raw map[string]any
	if err := src.main("cldr-numbers-full", locale, "numbers.json", &raw, "numbers"); err != nil {
		return nil, err
	}
	text := func(path ...string) string {
		var at any = raw
		for _, key := range path {
			m, _ := at.(map[string]any)
			at = m[key]
		}
		s, _ := at.(string)
		return s
	}
	list := func(path ...string) map[string]any {
		var at any = raw
		for _, key := range path {
			m, _ := at.(map[string]any)
			at = m[key]
		}
		m, _ := at.(map[string]any)
		return m
	}
	n := &cldr.Numbers{Default: text("defaultNumberingSystem"), Others: stringsOf(list("otherNumberingSystems")), MinGroup: 1, Systems: map[string]*cldr.System{}}
	if v, err := strconv.Atoi(text("minimumGroupingDigits")); err == nil {
		n.MinGroup = v
	}
	for key := range raw {
		name, ok := strings.CutPrefix(key, "symbols-numberSystem-")
		if !ok {
			continue
		}
		sym := func(of string) string { return text(key, of) }
		cur, dec := "currencyFormats-numberSystem-"+name, "decimalFormats-numberSystem-"+name
		or := func(first, second string) string {
			if first != "" {
				return first
			}
			return second
		}
		n.Systems[name] = &cldr.System{
			Decimal: sym("decimal"), Group: sym("group"), Percent: sym("percentSign"), Plus: sym("plusSign"), Minus: sym("minusSign"),
			Approximately: sym("approximatelySign"), Exponent: sym("exponential"), Superscript: sym("superscriptingExponent"),
			Infinity: sym("infinity"), NaN: sym("nan"), TimeSeparator: sym("timeSeparator"),
			CurrencyDecimal: sym("currencyDecimal"), CurrencyGroup: sym("currencyGroup"),
			Pattern: text(dec, "standard"), PercentPattern: text("percentFormats-numberSystem-"+name, "standard"),
			Scientific: text("scientificFormats-numberSystem-"+name, "standard"),
			Currency:   text(cur, "standard"), CurrencyAlpha: or(text(cur, "standard-alphaNextToNumber"), text(cur, "standard")),
			Accounting: text(cur, "accounting"), AccountingAlpha: or(text(cur, "accounting-alphaNextToNumber"), text(cur, "accounting")),
			Range: text("miscPatterns-numberSystem-"+name, "range"), ApproximatelyPattern: text("miscPatterns-numberSystem-"+name, "approximately"),
			SpaceBefore: text(cur, "currencySpacing", "beforeCurrency", "insertBetween"), SpaceAfter: text(cur, "currencySpacing", "afterCurrency", "insertBetween"),
			Short: compact(list(dec, "short", "decimalFormat"), false), Long: compact(list(dec, "long", "decimalFormat"), false),
			CurrencyShort: compact(list(cur, "short", "standard"), false), CurrencyShortAlpha: compact(list(cur, "short", "standard"), true),
			CurrencyUnit: counted(stringsOf(list(cur)), "unitPattern-count-"),
		}
	}
	return n, nil
}

// compact reads "1000-count-one": "0K" and "1000-count-one-alt-alphaNextToNumber".
func compact(in map[string]any, alpha bool) map[int]map[string]string {
	out := map[int]map[string]string{}
	for key, v := range stringsOf(in) {
		number, rest, ok := strings.Cut(key, "-count-")
		category, variant, _ := strings.Cut(rest, "-alt-")
		if !ok || variant != "" && (!alpha || variant != "alphaNextToNumber") {
			continue
		}
		exponent := len(number) - 1
		if out[exponent] == nil {
			out[exponent] = map[string]string{}
		}
		if _, set := out[exponent][category]; !set || variant != "" {
			out[exponent][category] = v
		}
	}
	if alpha && !slices.ContainsFunc(keys(in), func(k string) bool { return strings.Contains(k, "-alt-alphaNextToNumber") }) {
		return nil
	}
	return out
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// counted takes the words of a prefix: category → text.
func counted(in words, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range in {
		if category, ok := strings.CutPrefix(k, prefix); ok && !strings.Contains(category, "-alt-") {
			out[category] = v
		}
	}
	return out
}

func currencies(src source, locale string) (map[string]*cldr.Currency, error) {
	var raw map[string]words
	if err := src.main("cldr-numbers-full", locale, "currencies.json", &raw, "numbers", "currencies"); err != nil {
		return nil, err
	}
	out := map[string]*cldr.Currency{}
	for code, w := range raw {
		c := &cldr.Currency{Symbol: w["symbol"], Narrow: w["symbol-alt-narrow"], Formal: w["symbol-alt-formal"], Name: w["displayName"], Plural: counted(w, "displayName-count-")}
		if c.Symbol == code {
			c.Symbol = ""
		}
		out[code] = c
	}
	return out, nil
}

// sanctioned are the units of ECMA-402, and "per" pairs that CLDR names as one.
var sanctioned = strings.Fields(`acre bit byte celsius centimeter day degree fahrenheit fluid-ounce foot gallon gigabit gigabyte gram
hectare hour inch kilobit kilobyte kilogram kilometer liter megabit megabyte meter microsecond mile mile-scandinavian milliliter millimeter
millisecond minute month nanosecond ounce percent petabyte pound second stone terabit terabyte week yard year
kilometer-per-hour mile-per-hour meter-per-second liter-per-kilometer mile-per-gallon`)

func units(src source, locale string) (*cldr.Units, error) {
	var raw map[string]map[string]any
	if err := src.main("cldr-units-full", locale, "units.json", &raw, "units"); err != nil {
		return nil, err
	}
	out := &cldr.Units{}
	for i, width := range []string{"long", "short", "narrow"} {
		out.Unit[i] = map[string]*cldr.Unit{}
		for key, v := range raw[width] {
			node, ok := v.(map[string]any)
			if !ok {
				continue
			}
			w := stringsOf(node)
			if key == "per" {
				out.Per[i] = w["compoundUnitPattern"]
				continue
			}
			_, name, _ := strings.Cut(key, "-")
			if key == "graphics-dot" || !slices.Contains(sanctioned, name) {
				continue
			}
			out.Unit[i][name] = &cldr.Unit{Name: w["displayName"], Pattern: counted(w, "unitPattern-count-"), Per: w["perUnitPattern"]}
		}
	}
	if len(out.Unit[0]) < 40 {
		return nil, fmt.Errorf("only %d units", len(out.Unit[0]))
	}
	return out, nil
}

func texts(src source, locale string) (*cldr.Texts, error) {
	out := &cldr.Texts{Lists: map[string][4]string{}, Fields: map[string]*cldr.Field{}}
	var lists map[string]words
	if err := src.main("cldr-misc-full", locale, "listPatterns.json", &lists, "listPatterns"); err != nil {
		return nil, err
	}
	for key, w := range lists {
		out.Lists[strings.TrimPrefix(key, "listPattern-type-")] = [4]string{w["start"], w["middle"], w["end"], w["2"]}
	}
	var fields map[string]map[string]any
	if err := src.main("cldr-dates-full", locale, "dateFields.json", &fields, "dates", "fields"); err != nil {
		return nil, err
	}
	for _, name := range strings.Fields("era year quarter month week weekOfMonth day weekday dayperiod hour minute second zone weekday") {
		for _, width := range []string{"", "-short", "-narrow"} {
			raw := fields[name+width]
			if raw == nil {
				continue
			}
			f := &cldr.Field{Relative: map[string]string{}}
			f.Name, _ = raw["displayName"].(string)
			for k, v := range raw {
				if n, ok := strings.CutPrefix(k, "relative-type-"); ok {
					f.Relative[n], _ = v.(string)
				}
			}
			past, _ := raw["relativeTime-type-past"].(map[string]any)
			future, _ := raw["relativeTime-type-future"].(map[string]any)
			f.Past, f.Future = counted(stringsOf(past), "relativeTimePattern-count-"), counted(stringsOf(future), "relativeTimePattern-count-")
			out.Fields[name+width] = f
		}
	}
	return out, nil
}

func displayNames(src source, locale string) (*cldr.Names, error) {
	out := &cldr.Names{}
	for _, f := range []struct {
		file, key string
		into      *map[string]string
	}{
		{"languages", "languages", &out.Languages}, {"scripts", "scripts", &out.Scripts},
		{"territories", "territories", &out.Territories}, {"variants", "variants", &out.Variants},
	} {
		var w words
		if err := src.main("cldr-localenames-full", locale, f.file+".json", &w, "localeDisplayNames", f.key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		// Of variants, the short ones are asked for.
		*f.into = map[string]string{}
		for k, v := range w {
			if name, variant, _ := strings.Cut(k, "-alt-"); variant == "" || variant == "short" || variant == "stand-alone" {
				if variant != "" {
					name += "-" + variant
				}
				(*f.into)[name] = v
			}
		}
	}
	var general struct {
		LocaleDisplayPattern struct{ LocalePattern, LocaleSeparator string }
		Types                map[string]words
	}
	if err := src.main("cldr-localenames-full", locale, "localeDisplayNames.json", &general, "localeDisplayNames"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out.Pattern, out.Separator = general.LocaleDisplayPattern.LocalePattern, general.LocaleDisplayPattern.LocaleSeparator
	out.Calendars = plainKeys(general.Types["calendar"])
	return out, nil
}
