package intl

import "strings"

// token is a piece of what stands around a number: a text, or a sign by its letter in
// CLDR's patterns (- + % ‰ ¤).
type token struct {
	sign rune
	text string
}

// numberPattern is one of CLDR's patterns: "#,##0.00 ¤;(#,##0.00 ¤)".
type numberPattern struct {
	prefix, suffix       []token
	negPrefix, negSuffix []token
	hasNegative          bool
	primary, secondary   int // sizes of groups, 0 for none
	zeros                int // how many "0" it has before the point
}

func parsePattern(text string) *numberPattern {
	p := &numberPattern{}
	positive, negative, found := cutUnquoted(text, ';')
	var body string
	p.prefix, body, p.suffix = affixes(positive)
	integer, _, _ := strings.Cut(body, ".")
	if groups := strings.Split(integer, ","); len(groups) > 1 {
		p.primary = len(groups[len(groups)-1])
		p.secondary = p.primary
		if len(groups) > 2 {
			p.secondary = len(groups[len(groups)-2])
		}
	}
	p.zeros = strings.Count(integer, "0")
	if found {
		p.hasNegative = true
		p.negPrefix, _, p.negSuffix = affixes(negative)
	}
	return p
}

func cutUnquoted(text string, at byte) (string, string, bool) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == at && !quoted:
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// affixes divides a pattern into what stands before the digits, the digits, and the rest.
func affixes(text string) (before []token, body string, after []token) {
	into := &before
	literal := strings.Builder{}
	flush := func() {
		if literal.Len() > 0 {
			*into = append(*into, token{text: literal.String()})
			literal.Reset()
		}
	}
	quoted := false
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case c == '\'':
			if i+1 < len(runes) && runes[i+1] == '\'' {
				literal.WriteRune('\'')
				i++
				continue
			}
			quoted = !quoted
		case quoted:
			literal.WriteRune(c)
		case strings.ContainsRune("-+%‰¤", c):
			flush()
			if n := len(*into); c == '¤' && n > 0 && (*into)[n-1].sign == '¤' && runes[i-1] == '¤' {
				continue
			}
			*into = append(*into, token{sign: c})
		case strings.ContainsRune("#0,.@E123456789", c) && (c != '.' && c != ',' && c != 'E' || body != "" && into == &before):
			if into == &after {
				literal.WriteRune(c)
				continue
			}
			flush()
			for i < len(runes) && strings.ContainsRune("#0,.@E123456789", runes[i]) {
				body += string(runes[i])
				i++
			}
			i--
			into = &after
		default:
			literal.WriteRune(c)
		}
	}
	flush()
	return before, body, after
}

func hasSign(tokens []token, sign rune) bool {
	for _, t := range tokens {
		if t.sign == sign {
			return true
		}
	}
	return false
}
