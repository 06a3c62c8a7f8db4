package intl

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// numberConfig is a resolved Intl.NumberFormat.
type numberConfig struct {
	Locale, NU, Style                        string
	Currency, CurrencyDisplay, CurrencySign  string
	Unit, UnitDisplay                        string
	Notation, CompactDisplay                 string
	SignDisplay, Grouping                    string
	MinInt, MinFrac, MaxFrac, MinSig, MaxSig int
	Rounding, Mode, Trailing                 string
	Increment                                int
}

// formatter is what is known of a configuration before a number comes.
type formatter struct {
	numberConfig
	sys      *cldr.System
	digits   []string
	minGroup int
	rules    *pluralRules
	ranges   map[string]string // the forms of ranges
	pattern  *numberPattern
	compact  map[int]map[string]string
	patterns map[string]*numberPattern // compact ones by their text
	currency string                    // as it is shown
	names    map[string]string         // a currency's name by category
	joining  map[string]string         // category → "{0} {1}"
	unit     map[string]string         // category → "{0} km"
}

func (e *Engine) numbersOf(locale string) (*cldr.Numbers, error) {
	return section[cldr.Numbers](e, locale, "n")
}

// system is how a locale writes numbers of a numbering system. Where it says nothing
// about one, its usual signs go with the other digits.
func (e *Engine) system(locale, nu string) (*cldr.System, int, error) {
	n, err := e.numbersOf(locale)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range []string{nu, "latn", n.Default} {
		if s := n.Systems[name]; s != nil {
			if home := map[string]string{"arab": "ar-EG", "arabext": "fa"}[nu]; name != nu && home != "" {
				return e.lend(s, home, nu, n.MinGroup)
			}
			return s, n.MinGroup, nil
		}
	}
	return nil, 0, rangeError("nothing is known of numbers in %s", locale)
}

// lend is a system whose signs are those of the locale that the digits are at home in.
func (e *Engine) lend(s *cldr.System, home, nu string, minGroup int) (*cldr.System, int, error) {
	n, err := e.numbersOf(home)
	if err != nil || n.Systems[nu] == nil {
		return s, minGroup, err
	}
	out, from := *s, n.Systems[nu]
	out.Decimal, out.Group, out.Percent, out.Plus, out.Minus = from.Decimal, from.Group, from.Percent, from.Plus, from.Minus
	out.Exponent, out.Infinity = from.Exponent, from.Infinity
	return &out, minGroup, nil
}

func (e *Engine) digitsOf(nu string) []string {
	all := e.sup.Digits[nu]
	if all == "" {
		all = "0123456789"
	}
	return strings.Split(all, "")
}

func (e *Engine) formatter(config string) (*formatter, error) {
	return prepare(e, "number ", config, func() (*formatter, error) {
		var c numberConfig
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			return nil, err
		}
		return e.newFormatter(c)
	})
}

func (e *Engine) newFormatter(c numberConfig) (*formatter, error) {
	c.MinInt, c.MinFrac, c.MaxFrac = min(c.MinInt, 21), min(c.MinFrac, 100), min(c.MaxFrac, 100)
	c.MinSig, c.MaxSig, c.Increment = min(c.MinSig, 21), min(c.MaxSig, 21), min(c.Increment, 5000)
	f := &formatter{numberConfig: c, digits: e.digitsOf(c.NU), patterns: map[string]*numberPattern{}}
	var err error
	if f.sys, f.minGroup, err = e.system(c.Locale, c.NU); err != nil {
		return nil, err
	}
	if f.rules, err = e.rules(c.Locale, false); err != nil {
		return nil, err
	}
	f.ranges = e.sup.Ranges[language(c.Locale)]
	text := f.sys.Pattern
	switch {
	case c.Style == "percent", c.Style == "unit" && c.Unit == "percent" && c.UnitDisplay != "long":
		text = f.sys.PercentPattern
	case c.Style == "currency":
		if text, err = f.currencyPattern(e); err != nil {
			return nil, err
		}
	case c.Style == "unit":
		if err := f.unitPattern(e); err != nil {
			return nil, err
		}
	}
	f.pattern = parsePattern(text)
	if c.Notation == "compact" {
		switch {
		case c.Style == "currency" && c.CurrencyDisplay != "name":
			f.compact = f.sys.CurrencyShort
		case c.CompactDisplay == "long":
			f.compact = f.sys.Long
		default:
			f.compact = f.sys.Short
		}
	}
	return f, nil
}

func (f *formatter) currencyPattern(e *Engine) (string, error) {
	all, err := section[map[string]*cldr.Currency](e, f.Locale, "c")
	if err != nil {
		return "", err
	}
	c := (*all)[f.Currency]
	if c == nil {
		c = &cldr.Currency{}
	}
	or := func(list ...string) string {
		for _, s := range list {
			if s != "" {
				return s
			}
		}
		return f.Currency
	}
	switch f.CurrencyDisplay {
	case "code":
		f.currency = f.Currency
	case "narrowSymbol":
		f.currency = or(c.Narrow, c.Symbol)
	case "name":
		f.joining, f.names = f.sys.CurrencyUnit, c.Plural
		if len(f.names) == 0 {
			f.names = map[string]string{"other": or(c.Name)}
		}
		return f.sys.Pattern, nil
	default:
		f.currency = or(c.Symbol)
	}
	if f.CurrencySign == "accounting" {
		return f.sys.Accounting, nil
	}
	return f.sys.Currency, nil
}

func (f *formatter) unitPattern(e *Engine) error {
	all, err := section[cldr.Units](e, f.Locale, "u")
	if err != nil {
		return err
	}
	width := slices.Index([]string{"long", "short", "narrow"}, f.UnitDisplay)
	if width < 0 {
		width = 1
	}
	units := all.Unit[width]
	if u := units[f.Unit]; u != nil {
		f.unit = u.Pattern
		return nil
	}
	top, bottom, ok := strings.Cut(f.Unit, "-per-")
	a, b := units[top], units[bottom]
	if !ok || a == nil || b == nil {
		return rangeError("Invalid unit argument for Intl.NumberFormat() '%.40s'", f.Unit)
	}
	f.unit = map[string]string{}
	for category, pattern := range a.Pattern {
		if b.Per != "" {
			f.unit[category] = strings.Replace(b.Per, "{0}", pattern, 1)
			continue
		}
		one := b.Pattern["one"]
		if one == "" {
			one = b.Pattern["other"]
		}
		name := strings.TrimSpace(strings.Replace(one, "{0}", "", 1))
		f.unit[category] = strings.NewReplacer("{0}", pattern, "{1}", name).Replace(all.Per[width])
	}
	return nil
}

func (e *Engine) opNumberList(args []string) ([]part, error) {
	f, err := e.formatter(args[0])
	if err != nil {
		return nil, err
	}
	x, err := parseDecimal(args[1])
	if err != nil {
		return nil, err
	}
	return f.format(x), nil
}

func (e *Engine) opNumber(args []string) (string, error) {
	parts, err := e.opNumberList(args)
	return joined(parts), err
}

func (e *Engine) opNumberParts(args []string) (string, error) {
	parts, err := e.opNumberList(args)
	if err != nil {
		return "", err
	}
	return toJSON(parts)
}

// opCurrencyDigits answers how many digits a currency's fraction has.
func (e *Engine) opCurrencyDigits(args []string) (string, error) {
	n, ok := e.sup.Fractions[args[0]]
	if !ok {
		n = 2
	}
	return string(rune('0' + n)), nil
}
