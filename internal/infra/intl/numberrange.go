package intl

import (
	"slices"
	"strings"
	"unicode/utf8"
)

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
