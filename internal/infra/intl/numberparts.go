package intl

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
