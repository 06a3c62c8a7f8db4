package condition

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end kind = iota
	name
	number
	text
	sign
)

type token struct {
	kind  kind
	at    int
	text  string // of a name or sign, or a text's value
	value float64
}

// signs are tried in this order: the longer ones first.
var signs = []string{
	"===", "!==", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.",
	"(", ")", "[", "]", "{", "}", ".", ",", ":", ";", "?", "<", ">", "+", "-", "*", "/", "%", "!", "=",
}

func (p *parser) wrong(at int, why string) error { return &SyntaxError{at, why} }

// next reads a token.
func (p *parser) next() (token, error) {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
	at := p.at
	if at == len(p.text) {
		return token{kind: end, at: at}, nil
	}
	rest := p.text[at:]
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		return p.quoted(c)
	case c >= '0' && c <= '9':
		n := 0
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		v, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return token{}, p.wrong(at, "this is no number")
		}
		p.at += n
		return token{kind: number, at: at, value: v}, nil
	}
	n := 0
	for i, r := range rest {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			break
		}
		n = i + utf8.RuneLen(r)
	}
	if n > 0 {
		p.at += n
		return token{kind: name, at: at, text: rest[:n]}, nil
	}
	for _, s := range signs {
		// a?.5:b is a condition, as in JavaScript
		if !strings.HasPrefix(rest, s) || s == "?." && len(rest) > 2 && rest[2] >= '0' && rest[2] <= '9' {
			continue
		}
		p.at += len(s)
		return token{kind: sign, at: at, text: s}, nil
	}
	return token{}, p.wrong(at, "this character has no place here")
}

var escapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': "\"", '/': "/"}

func (p *parser) quoted(quote byte) (token, error) {
	at := p.at
	var b strings.Builder
	for i := at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case quote:
			p.at = i + 1
			return token{kind: text, at: at, text: b.String()}, nil
		case '\\':
			i++
			if i == len(p.text) {
				break
			}
			if p.text[i] == 'u' && i+4 < len(p.text) {
				r, err := strconv.ParseUint(p.text[i+1:i+5], 16, 16)
				if err != nil {
					return token{}, p.wrong(i, "\\u needs four hexadecimal digits")
				}
				b.WriteRune(rune(r))
				i += 4
				continue
			}
			s, ok := escapes[p.text[i]]
			if !ok {
				return token{}, p.wrong(i, "this escape is not known")
			}
			b.WriteString(s)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, p.wrong(at, "this text does not end")
}
