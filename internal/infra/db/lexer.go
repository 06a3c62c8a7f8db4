package db

// token is a piece of SQL text: a word, or text that is copied as it is (string,
// quoted name, comment, blank, sign).
type token struct {
	text string
	kind tokenKind
}

type tokenKind uint8

const (
	other    tokenKind = iota
	word               // unquoted name or key word
	mark               // ?
	end                // ;
	blank              // white space or a comment
	verbatim           // 'string' or "name"
)

// tokens splits SQL text. It knows what both databases agree on; dollar quoting,
// E” strings and nested comments are not used by this project.
func tokens(s string) []token {
	var out []token
	for i := 0; i < len(s); {
		n, kind := next(s[i:])
		out = append(out, token{s[i : i+n], kind})
		i += n
	}
	return out
}

func next(s string) (int, tokenKind) {
	c := s[0]
	switch {
	case c == '\'' || c == '"':
		for i := 1; i < len(s); i++ {
			if s[i] != c {
				continue
			}
			if i+1 < len(s) && s[i+1] == c {
				i++ // a doubled quote stands for itself
				continue
			}
			return i + 1, verbatim
		}
		return len(s), verbatim
	case hasPrefix(s, "--"):
		for i := 2; i < len(s); i++ {
			if s[i] == '\n' {
				return i + 1, blank
			}
		}
		return len(s), blank
	case hasPrefix(s, "/*"):
		for i := 2; i+1 < len(s); i++ {
			if s[i] == '*' && s[i+1] == '/' {
				return i + 2, blank
			}
		}
		return len(s), blank
	case isBlank(c):
		return span(s, isBlank), blank
	case isWord(c):
		return span(s, isWord), word
	case c == '?':
		return 1, mark
	case c == ';':
		return 1, end
	default:
		return 1, other
	}
}

func hasPrefix(s, p string) bool { return len(s) >= len(p) && s[:len(p)] == p }

func span(s string, in func(byte) bool) int {
	i := 1
	for i < len(s) && in(s[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
