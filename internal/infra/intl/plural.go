package intl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// pluralCategories is the order in which languages' rules are tried, and shown.
var pluralCategories = []string{"zero", "one", "two", "few", "many", "other"}

// operands are what plural rules look at: the digits as they are shown.
type operands struct {
	integer, fraction string // the fraction with its trailing zeros
	exponent          int
}

// value gives an operand's value modulo m (0: whole), and whether it is a whole number.
func (o operands) value(name byte) (float64, bool) {
	trimmed := strings.TrimRight(o.fraction, "0")
	switch name {
	case 'n':
		v, _ := strconv.ParseFloat(o.integer+"."+trimmed+"0", 64)
		return v, trimmed == ""
	case 'i':
		v, _ := strconv.ParseFloat(o.integer, 64)
		return v, true
	case 'v':
		return float64(len(o.fraction)), true
	case 'w':
		return float64(len(trimmed)), true
	case 'f':
		v, _ := strconv.ParseFloat("0"+o.fraction, 64)
		return v, true
	case 't':
		v, _ := strconv.ParseFloat("0"+trimmed, 64)
		return v, true
	}
	return float64(o.exponent), true // c, e
}

// remainder is an operand modulo m; digits are enough for that, however many there are.
func (o operands) remainder(name byte, m int) (float64, bool) {
	digits, whole := "", true
	switch name {
	case 'n':
		digits, whole = o.integer, strings.TrimRight(o.fraction, "0") == ""
	case 'i':
		digits = o.integer
	case 'f':
		digits = o.fraction
	case 't':
		digits = strings.TrimRight(o.fraction, "0")
	default:
		v, _ := o.value(name)
		return float64(int(v) % m), true
	}
	r := 0
	for i := range len(digits) {
		r = (r*10 + int(digits[i]-'0')) % m
	}
	return float64(r), whole
}

// pluralRules are a language's categories in the order of their rules.
type pluralRules struct {
	names []string
	rules [][][]relation // or, and
}

// relation is "n % 10 = 2..4,7" or its negation.
type relation struct {
	operand byte
	modulus int
	not     bool
	ranges  [][2]float64
}

func parseRules(in map[string]string) (*pluralRules, error) {
	out := &pluralRules{}
	for _, name := range pluralCategories {
		rule, ok := in[name]
		if !ok || name == "other" {
			continue
		}
		var ors [][]relation
		for _, or := range strings.Split(rule, " or ") {
			var ands []relation
			for _, text := range strings.Split(or, " and ") {
				r, err := parseRelation(text)
				if err != nil {
					return nil, err
				}
				ands = append(ands, r)
			}
			ors = append(ors, ands)
		}
		out.names, out.rules = append(out.names, name), append(out.rules, ors)
	}
	return out, nil
}

func parseRelation(text string) (relation, error) {
	left, right, ok := strings.Cut(text, " = ")
	r := relation{}
	if !ok {
		if left, right, ok = strings.Cut(text, " != "); !ok {
			return r, fmt.Errorf("intl: plural rule %q", text)
		}
		r.not = true
	}
	left = strings.TrimSpace(left)
	r.operand = left[0]
	if _, m, ok := strings.Cut(left, " % "); ok {
		var err error
		if r.modulus, err = strconv.Atoi(m); err != nil {
			return r, err
		}
	}
	for _, part := range strings.Split(strings.TrimSpace(right), ",") {
		from, to, ok := strings.Cut(part, "..")
		if !ok {
			to = from
		}
		a, err := strconv.ParseFloat(from, 64)
		if err != nil {
			return r, err
		}
		b, err := strconv.ParseFloat(to, 64)
		if err != nil {
			return r, err
		}
		r.ranges = append(r.ranges, [2]float64{a, b})
	}
	return r, nil
}

func (r relation) holds(o operands) bool {
	v, whole := o.value(r.operand)
	if r.modulus > 0 {
		v, whole = o.remainder(r.operand, r.modulus)
	}
	in := whole && slices.ContainsFunc(r.ranges, func(x [2]float64) bool { return v >= x[0] && v <= x[1] })
	return in != r.not
}

func (p *pluralRules) category(o operands) string {
	for i, ors := range p.rules {
		for _, ands := range ors {
			if !slices.ContainsFunc(ands, func(r relation) bool { return !r.holds(o) }) {
				return p.names[i]
			}
		}
	}
	return "other"
}

func language(locale string) string {
	l, _, _ := strings.Cut(locale, "-")
	return l
}

// rules are those of a locale; ones without rules know "other" alone.
func (e *Engine) rules(locale string, ordinal bool) (*pluralRules, error) {
	all, kind := e.sup.Cardinal, "cardinal "
	if ordinal {
		all, kind = e.sup.Ordinal, "ordinal "
	}
	name := language(locale)
	if _, ok := all[locale]; ok { // pt-PT
		name = locale
	} else if t, ok := parseTag(locale); ok {
		if r := t.language + "-" + t.region; all[r] != nil {
			name = r
		} else if m := e.maximize(t); m != nil && all[name] == nil {
			name = m.language
		}
	}
	return prepare(e, kind, name, func() (*pluralRules, error) { return parseRules(all[name]) })
}

type pluralConfig struct {
	numberConfig
	Type string
}

func (e *Engine) pluralFormat(config string) (*formatter, *pluralRules, error) {
	type both struct {
		f *formatter
		r *pluralRules
	}
	b, err := prepare(e, "plural format ", config, func() (*both, error) {
		var c pluralConfig
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			return nil, err
		}
		f, err := e.newFormatter(c.numberConfig)
		if err != nil {
			return nil, err
		}
		r, err := e.rules(c.Locale, c.Type == "ordinal")
		return &both{f, r}, err
	})
	if err != nil {
		return nil, nil, err
	}
	return b.f, b.r, nil
}

func (e *Engine) opPlural(args []string) (string, error) {
	f, r, err := e.pluralFormat(args[0])
	if err != nil {
		return "", err
	}
	x, err := parseDecimal(args[1])
	if err != nil {
		return "", err
	}
	return f.category(x, r), nil
}

// opPluralRange answers for "one to few".
func (e *Engine) opPluralRange(args []string) (string, error) {
	a, err := e.opPlural(args[:2])
	if err != nil {
		return "", err
	}
	b, err := e.opPlural([]string{args[0], args[2]})
	if err != nil {
		return "", err
	}
	var c pluralConfig
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		return "", err
	}
	if args[1] == args[2] {
		return a, nil
	}
	if to, ok := e.sup.Ranges[language(c.Locale)][a+"-"+b]; ok {
		return to, nil
	}
	return b, nil
}

func (e *Engine) opCategories(args []string) (string, error) {
	_, r, err := e.pluralFormat(args[0])
	if err != nil {
		return "", err
	}
	out := []string{}
	for _, name := range pluralCategories {
		if name == "other" || slices.Contains(r.names, name) {
			out = append(out, name)
		}
	}
	return toJSON(out)
}
