package bundle

import "strings"

// tokenKind classifies what esbuild prints; that is regular enough for a small lexer.
type tokenKind uint8

const (
	tokIdent tokenKind = iota
	tokString
	tokTemplate // value is the text before the first ${…}
	tokNumber
	tokRegexp
	tokPunct
)

type token struct {
	kind  tokenKind
	value string // identifier, punctuation, or a string's contents
	at    int    // byte offset
	// more says that a template goes on after value; name is then its first
	// expression when that is one identifier.
	more bool
	name string
	// parts are all texts of a template, what is between them is known at run time only.
	parts []string
}

// tokens cuts JavaScript as esbuild prints it. It stops at what it cannot read: it
// serves advice, never a decision.
func tokens(src string) []token {
	l := lexer{src: src}
	l.run("")
	return l.out
}

type lexer struct {
	src string
	pos int
	out []token
}

// run reads until the closing text at nesting depth 0, or to the end.
func (l *lexer) run(closing string) {
	depth := 0
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "//"):
			l.skipTo("\n")
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			l.skipTo("*/")
		case c == '"' || c == '\'':
			l.str(c)
		case c == '`':
			l.template()
		case c >= '0' && c <= '9':
			start := l.pos
			for l.pos < len(l.src) && (nameByte(l.src[l.pos]) || l.src[l.pos] == '.') {
				l.pos++
			}
			l.add(tokNumber, l.src[start:l.pos], start)
		case identByte(c):
			start := l.pos
			for l.pos < len(l.src) && nameByte(l.src[l.pos]) {
				l.pos++
			}
			l.add(tokIdent, l.src[start:l.pos], start)
		case c == '/' && l.regexpMayStart():
			l.regexp()
		default:
			if strings.HasPrefix(l.src[l.pos:], "=>") {
				l.add(tokPunct, "=>", l.pos)
				l.pos += 2
				continue
			}
			if c == '{' {
				depth++
			}
			if c == '}' {
				if depth == 0 && closing != "" {
					return
				}
				depth--
			}
			l.add(tokPunct, string(c), l.pos)
			l.pos++
		}
	}
}

func (l *lexer) add(k tokenKind, value string, at int) {
	l.out = append(l.out, token{kind: k, value: value, at: at})
}

func (l *lexer) skipTo(end string) {
	i := strings.Index(l.src[l.pos:], end)
	if i < 0 {
		l.pos = len(l.src)
		return
	}
	l.pos += i + len(end)
}

func (l *lexer) str(quote byte) {
	start := l.pos
	l.pos++
	text, ok := l.chars(quote)
	if ok {
		l.pos++
	}
	l.add(tokString, text, start)
}

// chars reads up to an unescaped end, or "${" in a template. Escapes lose their
// backslash, which is right for all that can be part of a host.
func (l *lexer) chars(end byte) (string, bool) {
	var s strings.Builder
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if c == '\\' && l.pos+1 < len(l.src) {
			s.WriteByte(l.src[l.pos+1])
			l.pos += 2
			continue
		}
		if c == end || end == '`' && strings.HasPrefix(l.src[l.pos:], "${") {
			return s.String(), true
		}
		s.WriteByte(c)
		l.pos++
	}
	return s.String(), false
}

func (l *lexer) template() {
	index := len(l.out)
	l.add(tokTemplate, "", l.pos)
	l.pos++
	for first := true; ; first = false {
		text, ok := l.chars('`')
		if first {
			l.out[index].value = text
		}
		l.out[index].parts = append(l.out[index].parts, text)
		if !ok || l.src[l.pos] == '`' {
			l.pos = min(l.pos+1, len(l.src))
			return
		}
		l.out[index].more = true
		l.add(tokPunct, "(", l.pos)
		l.pos += 2
		from := len(l.out)
		l.run("}")
		if first && len(l.out) == from+1 && l.out[from].kind == tokIdent {
			l.out[index].name = l.out[from].value
		}
		l.add(tokPunct, ")", l.pos)
		if l.pos >= len(l.src) {
			return
		}
		l.pos++
	}
}

// regexpMayStart decides whether a slash divides or begins a pattern.
func (l *lexer) regexpMayStart() bool {
	if len(l.out) == 0 {
		return true
	}
	t := l.out[len(l.out)-1]
	switch t.kind {
	case tokIdent:
		switch t.value {
		case "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "do", "else", "await", "yield":
			return true
		}
		return false
	case tokPunct:
		return t.value != ")" && t.value != "]" && t.value != "}"
	}
	return false
}

func (l *lexer) regexp() {
	start, class := l.pos, false
	for l.pos++; l.pos < len(l.src) && l.src[l.pos] != '\n'; l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\\':
			l.pos++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			l.pos++
			l.add(tokRegexp, "", start)
			return
		}
	}
	l.add(tokRegexp, "", start)
}

func identByte(c byte) bool {
	return c == '_' || c == '$' || c == '#' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func nameByte(c byte) bool { return identByte(c) || c >= '0' && c <= '9' }
