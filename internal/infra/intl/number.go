package intl

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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

// shown is a number that was rounded and scaled.
type shown struct {
	decimal
	minFraction int
	exponent    int // of scientific notation
	scale       int // of compact notation: the exponent its pattern was looked up by
	integer     string
	fraction    string
}

func (f *formatter) show(x decimal) shown {
	if f.Style == "percent" {
		x = x.shift(2)
	}
	s := shown{decimal: x, scale: -1}
	if x.nan || x.infinite {
		return s
	}
	switch f.Notation {
	case "scientific", "engineering":
		s = f.scientific(x)
	case "compact":
		s = f.compacted(x)
	default:
		s.decimal, s.minFraction = f.roundDigits(x)
	}
	s.integer, s.fraction = s.text(f.MinInt, s.minFraction)
	return s
}

func (f *formatter) scientific(x decimal) shown {
	exponent := func(m int) int {
		if f.Notation == "engineering" {
			return m - ((m%3)+3)%3
		}
		return m
	}
	e := exponent(x.magnitude())
	d, min := f.roundDigits(x.shift(-e))
	if !d.zero() {
		if again := exponent(d.magnitude() + e); again != e {
			e = again
			d, min = f.roundDigits(x.shift(-e))
		}
	}
	return shown{decimal: d, minFraction: min, exponent: e, scale: -1}
}

func (f *formatter) compacted(x decimal) shown {
	by := func(m int) (scale, shift int) {
		scale = min(m, 14)
		p := f.compact[scale]["other"]
		if m < 3 || p == "" {
			return -1, 0
		}
		n := f.parsed(p)
		if n.zeros == 0 || len(n.prefix)+len(n.suffix) == 0 {
			return -1, 0 // "0": as it is
		}
		return scale, scale - n.zeros + 1
	}
	m := x.magnitude()
	scale, shift := by(m)
	d, minFraction := f.roundDigits(x.shift(-shift))
	if !d.zero() && d.magnitude()+shift > m {
		scale, shift = by(m + 1)
		d, minFraction = f.roundDigits(x.shift(-shift))
	}
	return shown{decimal: d, minFraction: minFraction, scale: scale}
}

// roundDigits rounds as the configuration says, and tells how many digits of the fraction
// there are at least.
func (f *formatter) roundDigits(x decimal) (decimal, int) {
	bySignificant := func() (decimal, int) {
		d := x.round(x.magnitude()-f.MaxSig+1, 1, f.Mode)
		return d, max(0, f.MinSig-1-d.magnitude())
	}
	byFraction := func() (decimal, int) { return x.round(-f.MaxFrac, f.Increment, f.Mode), f.MinFrac }
	var d decimal
	var least int
	switch f.Rounding {
	case "significantDigits":
		d, least = bySignificant()
	case "morePrecision", "lessPrecision":
		significantIsFiner := x.magnitude()-f.MaxSig+1 <= -f.MaxFrac
		if significantIsFiner == (f.Rounding == "morePrecision") {
			d, least = bySignificant()
		} else {
			d, least = byFraction()
		}
	default:
		d, least = byFraction()
	}
	if f.Trailing == "stripIfInteger" && len(d.digits) <= max(d.point, 0) {
		least = 0
	}
	return d, least
}

func (f *formatter) parsed(text string) *numberPattern {
	if p := f.patterns[text]; p != nil {
		return p
	}
	p := parsePattern(text)
	f.patterns[text] = p
	return p
}

func (f *formatter) category(x decimal, rules *pluralRules) string {
	s := f.show(x)
	if s.nan || s.infinite {
		return "other"
	}
	return rules.category(f.operands(s))
}

func (f *formatter) operands(s shown) operands {
	o := operands{integer: s.integer, fraction: s.fraction, exponent: s.exponent}
	if s.scale >= 0 {
		p := f.parsed(f.compact[s.scale]["other"])
		o.exponent = s.scale - p.zeros + 1
		if o.exponent > 0 { // rules look at the whole number
			d := s.decimal.shift(o.exponent)
			o.integer, o.fraction = d.text(1, 0)
		}
	} else if s.exponent > 0 {
		o.integer, o.fraction = s.decimal.shift(s.exponent).text(1, 0)
	}
	return o
}

// pieces are a number's parts in three shells: what a unit adds is outside, then signs and
// currencies, then an exponent, then the digits.
type pieces struct {
	outerBefore, outerAfter   []part
	middleBefore, middleAfter []part
	digits, inner             []part
}

func (p *pieces) all() []part {
	return slices.Concat(p.outerBefore, p.middleBefore, p.digits, p.inner, p.middleAfter, p.outerAfter)
}

func (f *formatter) pieces(s shown, approximately bool) *pieces {
	p := &pieces{}
	f.number(p, s)
	category := "other"
	if !s.nan && !s.infinite {
		category = f.rules.category(f.operands(s))
	}
	pattern := f.pattern
	if s.scale >= 0 {
		pattern = f.compactPattern(s, f.rules.category(operands{integer: s.integer, fraction: s.fraction}))
	}
	f.affix(p, s, pattern, approximately)
	text, kind := f.word(category), f.wordKind()
	if text == "" {
		return p
	}
	before, after, found := strings.Cut(text, "{0}")
	if !found { // the word says the number too, as Arabic does for one
		return &pieces{outerBefore: around(nil, kind, text)}
	}
	p.outerBefore, p.outerAfter = around(nil, kind, before), around(nil, kind, after)
	return p
}

func (f *formatter) wordKind() string {
	if f.names != nil {
		return "currency"
	}
	return "unit"
}

// word is a unit's or a currency's name around "{0}", in the form of a category; empty
// where there is none.
func (f *formatter) word(category string) string {
	choose := func(m map[string]string) string {
		if t, ok := m[category]; ok {
			return t
		}
		return m["other"]
	}
	switch {
	case f.names != nil:
		return strings.Replace(choose(f.joining), "{1}", choose(f.names), 1)
	case f.unit != nil:
		return choose(f.unit)
	}
	return ""
}

// rangeWord is the word of a range.
func (f *formatter) rangeWord(x, y decimal) string {
	a, b := f.category(x, f.rules), f.category(y, f.rules)
	if to := f.ranges[a+"-"+b]; to != "" {
		b = to
	}
	text := f.word(b)
	if text != "" && !strings.Contains(text, "{0}") {
		text = f.word("other")
	}
	return text
}

func (f *formatter) compactPattern(s shown, category string) *numberPattern {
	forms := f.compact[s.scale]
	if t, ok := forms["1"]; ok && s.fraction == "" && s.integer == "1" {
		return f.parsed(t)
	}
	if t, ok := forms[category]; ok {
		return f.parsed(t)
	}
	return f.parsed(forms["other"])
}

// number makes the digits.
func (f *formatter) number(p *pieces, s shown) {
	switch {
	case s.nan:
		p.digits = []part{{Type: "nan", Value: f.sys.NaN}}
		return
	case s.infinite:
		p.digits = []part{{Type: "infinity", Value: f.sys.Infinity}}
		return
	}
	decimal, group := f.sys.Decimal, f.sys.Group
	if f.Style == "currency" {
		if f.sys.CurrencyDecimal != "" {
			decimal = f.sys.CurrencyDecimal
		}
		if f.sys.CurrencyGroup != "" {
			group = f.sys.CurrencyGroup
		}
	}
	for i, g := range f.groups(s.integer) {
		if i > 0 {
			p.digits = append(p.digits, part{Type: "group", Value: group})
		}
		p.digits = append(p.digits, part{Type: "integer", Value: f.localized(g)})
	}
	if s.fraction != "" {
		p.digits = append(p.digits, part{Type: "decimal", Value: decimal}, part{Type: "fraction", Value: f.localized(s.fraction)})
	}
	if f.Notation == "scientific" || f.Notation == "engineering" {
		p.inner = append(p.inner, part{Type: "exponentSeparator", Value: f.sys.Exponent})
		e := s.exponent
		if e < 0 {
			p.inner = append(p.inner, part{Type: "exponentMinusSign", Value: f.sys.Minus})
			e = -e
		}
		text := []byte{}
		for ; e > 0 || len(text) == 0; e /= 10 {
			text = append([]byte{byte('0' + e%10)}, text...)
		}
		p.inner = append(p.inner, part{Type: "exponentInteger", Value: f.localized(string(text))})
	}
}

func (f *formatter) localized(digits string) string {
	if f.NU == "latn" {
		return digits
	}
	var b strings.Builder
	for i := range len(digits) {
		b.WriteString(f.digits[digits[i]-'0'])
	}
	return b.String()
}

func (f *formatter) groups(integer string) []string {
	primary, secondary := f.pattern.primary, f.pattern.secondary
	least := f.minGroup
	switch f.Grouping {
	case "false":
		primary = 0
	case "always":
		least = 1
		if primary == 0 {
			primary, secondary = 3, 3
		}
	case "min2":
		least = max(2, least)
	}
	if primary == 0 || len(integer) < primary+least {
		return []string{integer}
	}
	out := []string{integer[len(integer)-primary:]}
	rest := integer[:len(integer)-primary]
	for len(rest) > secondary {
		out = append(out, rest[len(rest)-secondary:])
		rest = rest[:len(rest)-secondary]
	}
	if rest != "" {
		out = append(out, rest)
	}
	slices.Reverse(out)
	return out
}

// sign says which sign a number gets: -1, 0, 1.
func (f *formatter) sign(s shown) int {
	zero := s.zero()
	switch f.SignDisplay {
	case "never":
		return 0
	case "always":
		if s.negative {
			return -1
		}
		return 1
	case "exceptZero":
		if zero || s.nan {
			return 0
		}
		if s.negative {
			return -1
		}
		return 1
	case "negative":
		if s.negative && !zero {
			return -1
		}
		return 0
	}
	if s.negative {
		return -1
	}
	return 0
}

// affix puts signs, currencies and a pattern's words around the digits.
func (f *formatter) affix(p *pieces, s shown, pattern *numberPattern, approximately bool) {
	sign := f.sign(s)
	plus := sign > 0
	before, after, own := pattern.prefix, pattern.suffix, false
	if pattern.hasNegative && (sign < 0 || (plus || approximately) && (hasSign(pattern.negPrefix, '-') || hasSign(pattern.negSuffix, '-'))) {
		before, after, own = pattern.negPrefix, pattern.negSuffix, true
	}
	var signs []part
	if approximately {
		signs = around(signs, "approximatelySign", f.sys.Approximately)
	}
	switch {
	case sign < 0:
		signs = around(signs, "minusSign", f.sys.Minus)
	case plus:
		signs = around(signs, "plusSign", f.sys.Plus)
	}
	if !own {
		p.middleBefore = append(p.middleBefore, signs...)
	}
	compact := s.scale >= 0
	word := "literal"
	if compact {
		word = "compact"
	}
	add := func(out []part, tokens []token) []part {
		for _, t := range tokens {
			switch t.sign {
			case 0:
				out = around(out, word, t.text)
			case '-':
				out = append(out, signs...)
			case '+':
				out = around(out, "plusSign", f.sys.Plus)
			case '%':
				kind := "percentSign"
				if f.Style == "unit" {
					kind = "unit"
				}
				out = around(out, kind, f.sys.Percent)
			case '¤':
				out = around(out, "currency", f.currency)
			default:
				out = around(out, "literal", string(t.sign))
			}
		}
		return out
	}
	p.middleBefore = add(p.middleBefore, before)
	p.middleAfter = add(p.middleAfter, after)
	f.space(p, s)
}

// space sets a currency that ends in a letter apart from the digits.
func (f *formatter) space(p *pieces, s shown) {
	if s.nan || s.infinite {
		return
	}
	letterLike := func(r rune) bool { return !unicode.Is(unicode.S, r) && !unicode.Is(unicode.Z, r) }
	if n := len(p.middleBefore); n > 0 && p.middleBefore[n-1].Type == "currency" && f.sys.SpaceAfter != "" {
		if r, _ := utf8.DecodeLastRuneInString(p.middleBefore[n-1].Value); letterLike(r) {
			p.middleBefore = append(p.middleBefore, part{Type: "literal", Value: f.sys.SpaceAfter})
		}
	}
	if len(p.middleAfter) > 0 && p.middleAfter[0].Type == "currency" && f.sys.SpaceBefore != "" {
		if r, _ := utf8.DecodeRuneInString(p.middleAfter[0].Value); letterLike(r) {
			p.middleAfter = slices.Insert(p.middleAfter, 0, part{Type: "literal", Value: f.sys.SpaceBefore})
		}
	}
}

// around adds a word; spaces and marks of direction at its ends are not part of it.
func around(out []part, kind, text string) []part {
	if text == "" {
		return out
	}
	if kind == "literal" {
		return append(out, part{Type: kind, Value: text})
	}
	edge := func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }
	core := strings.TrimFunc(text, edge)
	if core == "" {
		return append(out, part{Type: "literal", Value: text})
	}
	at := strings.Index(text, core)
	if at > 0 {
		out = append(out, part{Type: "literal", Value: text[:at]})
	}
	out = append(out, part{Type: kind, Value: core})
	if rest := text[at+len(core):]; rest != "" {
		out = append(out, part{Type: "literal", Value: rest})
	}
	return out
}

// merged joins neighbouring literals.
func merged(in []part) []part {
	out := in[:0:0]
	for _, p := range in {
		if n := len(out); n > 0 && p.Type == "literal" && out[n-1].Type == "literal" && out[n-1].Source == p.Source {
			out[n-1].Value += p.Value
			continue
		}
		if p.Value != "" {
			out = append(out, p)
		}
	}
	return out
}

func (f *formatter) format(x decimal) []part { return merged(f.pieces(f.show(x), false).all()) }

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

// opNumberRange answers with the parts of a range.
func (e *Engine) opNumberRange(args []string) (string, error) {
	f, err := e.formatter(args[0])
	if err != nil {
		return "", err
	}
	x, err := parseDecimal(args[1])
	if err != nil {
		return "", err
	}
	y, err := parseDecimal(args[2])
	if err != nil {
		return "", err
	}
	if x.nan || y.nan {
		return "", rangeError("a range's ends must be numbers")
	}
	return toJSON(f.formatRange(x, y))
}

func (f *formatter) formatRange(x, y decimal) []part {
	a, b := f.pieces(f.show(x), false), f.pieces(f.show(y), false)
	mark := func(source string, lists ...[]part) []part {
		out := slices.Concat(lists...)
		out = slices.Clone(out)
		for i := range out {
			out[i].Source = source
		}
		return out
	}
	if joined(a.all()) == joined(b.all()) {
		return merged(mark("shared", f.pieces(f.show(x), true).all()))
	}
	same := func(p, q []part) bool { return slices.Equal(p, q) }
	runes := func(lists ...[]part) int { return utf8.RuneCountInString(joined(slices.Concat(lists...))) }
	// A unit's word is said once, in the form that the range as a whole has.
	outer := true
	if text := f.rangeWord(x, y); text != "" {
		before, after, _ := strings.Cut(text, "{0}")
		a.outerBefore, a.outerAfter = around(nil, f.wordKind(), before), around(nil, f.wordKind(), after)
		b.outerBefore, b.outerAfter = a.outerBefore, a.outerAfter
	}
	// A single sign is repeated: "€5 – €8", but "5–8 EUR".
	middle := outer && same(a.middleBefore, b.middleBefore) && same(a.middleAfter, b.middleAfter) && runes(a.middleBefore, a.middleAfter) > 1
	inner := middle && same(a.inner, b.inner)
	repeated := !outer && runes(a.outerBefore, a.outerAfter) > 0 || !middle && runes(a.middleBefore, a.middleAfter) > 0 || !inner && runes(a.inner) > 0
	separator := strings.NewReplacer("{0}", "", "{1}", "").Replace(f.sys.Range)
	if repeated && strings.TrimSpace(separator) == separator {
		separator = " " + separator + " "
	}
	end := func(p *pieces, source string, first bool) []part {
		var out []part
		shell := func(collapsed bool, list []part, here bool) {
			switch {
			case !collapsed:
				out = append(out, mark(source, list)...)
			case here:
				out = append(out, mark("shared", list)...)
			}
		}
		shell(outer, p.outerBefore, first)
		shell(middle, p.middleBefore, first)
		out = append(out, mark(source, p.digits)...)
		shell(inner, p.inner, !first)
		shell(middle, p.middleAfter, !first)
		shell(outer, p.outerAfter, !first)
		return out
	}
	return merged(slices.Concat(end(a, "startRange", true), []part{{Type: "literal", Value: separator, Source: "shared"}}, end(b, "endRange", false)))
}
