package intl

import (
	"encoding/json"
	"strings"

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
