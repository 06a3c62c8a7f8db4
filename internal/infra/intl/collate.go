package intl

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/collate"
	xlanguage "golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

type collateConfig struct {
	Locale, CO, Sensitivity, CaseFirst string
	Numeric, IgnorePunctuation         bool
}

// comparer compares texts in a locale's order.
type comparer struct {
	collateConfig
	full    *collate.Collator // all that the sensitivity asks for
	letters *collate.Collator // without case
	base    *collate.Collator // letters alone
}

// collations are the orders that x/text knows besides a language's usual one.
var collations = func() map[string][]string {
	out := map[string][]string{}
	for _, t := range collate.Supported() {
		if co := t.TypeForKey("co"); co != "" && co != "search" && co != "standard" {
			base, _ := t.Base()
			out[base.String()] = append(out[base.String()], co)
		}
	}
	for k := range out {
		slices.Sort(out[k])
		out[k] = slices.Compact(out[k])
	}
	return out
}()

var allCollations = func() []string {
	var out []string
	for _, list := range collations {
		out = append(out, list...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}()

// collationsOf are those of a locale's language.
func collationsOf(locale string) []string { return collations[language(locale)] }

// caseFirst is a locale's usual answer to which case comes first.
func (e *Engine) caseFirst(locale string) string {
	if l := language(locale); l == "da" || l == "mt" {
		return "upper"
	}
	return "false"
}

func (e *Engine) comparer(config string) (*comparer, error) {
	return prepare(e, "compare ", config, func() (*comparer, error) {
		c := &comparer{}
		if err := json.Unmarshal([]byte(config), &c.collateConfig); err != nil {
			return nil, err
		}
		name := c.Locale
		switch language(name) {
		case "nb", "nn", "no": // x/text's own order for them lacks letters
			name = "da"
		}
		if c.CO != "" && c.CO != "default" {
			name += "-u-co-" + c.CO
		}
		tag, err := xlanguage.Parse(name)
		if err != nil {
			tag = xlanguage.Und
		}
		with := func(opts ...collate.Option) *collate.Collator {
			if c.Numeric {
				opts = append(opts, collate.Numeric)
			}
			return collate.New(tag, opts...)
		}
		c.letters = with(collate.IgnoreCase)
		c.base = with(collate.IgnoreCase, collate.IgnoreDiacritics)
		switch c.Sensitivity {
		case "base":
			c.full = c.base
		case "accent":
			c.full = c.letters
		default:
			c.full = with()
		}
		return c, nil
	})
}

// maxCompared bounds how much of a text is looked at in one piece of work.
const maxCompared = 1 << 18

func (c *comparer) compare(a, b string) int {
	if c.IgnorePunctuation {
		a, b = strings.Map(letter, a), strings.Map(letter, b)
	}
	if c.Sensitivity == "case" {
		if r := c.base.CompareString(a, b); r != 0 {
			return r
		}
		return c.byCase(c.full.CompareString(plain(a), plain(b)))
	}
	r := c.full.CompareString(a, b)
	if r != 0 && c.CaseFirst == "upper" && c.Sensitivity == "variant" && c.letters.CompareString(a, b) == 0 {
		return -r
	}
	return r
}

func (c *comparer) byCase(r int) int {
	if c.CaseFirst == "upper" {
		return -r
	}
	return r
}

// letter leaves spaces and punctuation out.
func letter(r rune) rune {
	if unicode.IsSpace(r) || unicode.IsPunct(r) {
		return -1
	}
	return r
}

// plain is a text without its accents.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

// opCompare answers -1, 0 or 1.
func (e *Engine) opCompare(args []string) (string, error) {
	c, err := e.comparer(args[0])
	if err != nil {
		return "", err
	}
	a, b := args[1], args[2]
	if len(a) > maxCompared {
		a = strings.ToValidUTF8(a[:maxCompared], "")
	}
	if len(b) > maxCompared {
		b = strings.ToValidUTF8(b[:maxCompared], "")
	}
	switch r := c.compare(a, b); {
	case r < 0:
		return "-1", nil
	case r > 0:
		return "1", nil
	}
	return "0", nil
}
