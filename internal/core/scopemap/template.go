package scopemap

import (
	"fmt"
	"strings"
)

// kind orders the parts of templates: what says more about a segment wins.
type kind uint8

const (
	rest    kind = iota // this segment and all that follow
	any1                // one segment
	pattern             // a part of one segment, "{id}.json"
	literal
)

// segment is one part of a template.
type segment struct {
	kind kind
	text string // literal: the segment, decoded
	name string // any1, rest: the parameter
	// pattern: texts and names alternate, a text first and last; each name takes at least
	// one character, the first as few as possible.
	texts, names []string
}

// param is where a template's parameter stands in a path.
type param struct {
	at int
	segment
}

// parse reads a path template; restName is the parameter that takes the rest of the path,
// "" for none.
func parse(template, restName string) ([]segment, error) {
	if !strings.HasPrefix(template, "/") {
		return nil, fmt.Errorf("the path does not start with a slash")
	}
	if len(template) > maxPath {
		return nil, fmt.Errorf("the path is longer than %d bytes", maxPath)
	}
	parts := strings.Split(template[1:], "/")
	if len(parts) > maxSegments {
		return nil, fmt.Errorf("the path has more than %d segments", maxSegments)
	}
	var out []segment
	for i, p := range parts {
		if p == "" && i+1 < len(parts) {
			return nil, fmt.Errorf("the path has two slashes in a row")
		}
		s, err := parseSegment(p)
		if err != nil {
			return nil, err
		}
		if s.kind == any1 && s.name == restName {
			if i+1 < len(parts) {
				return nil, fmt.Errorf("the parameter %q takes the rest of the path, but more follows it", restName)
			}
			s.kind = rest
		}
		out = append(out, s)
	}
	return out, nil
}

func parseSegment(p string) (segment, error) {
	var texts, names []string
	left := p
	for {
		text, tail, more := strings.Cut(left, "{")
		if strings.Contains(text, "}") {
			return segment{}, fmt.Errorf("the path has a brace without its partner")
		}
		texts = append(texts, text)
		if !more {
			break
		}
		name, after, closed := strings.Cut(tail, "}")
		if !closed || name == "" || strings.Contains(name, "{") {
			return segment{}, fmt.Errorf("the path has a brace without its partner, or a parameter without name")
		}
		names = append(names, name)
		left = after
	}
	for i, t := range texts {
		decoded, err := templateText(t)
		if err != nil {
			return segment{}, err
		}
		if texts[i] = decoded; decoded == "" && 0 < i && i < len(names) {
			return segment{}, fmt.Errorf("two parameters of the path touch each other")
		}
	}
	switch {
	case len(names) == 0:
		if texts[0] == "." || texts[0] == ".." {
			return segment{}, fmt.Errorf("the path has a dot segment")
		}
		return segment{kind: literal, text: texts[0]}, nil
	case len(names) == 1 && texts[0] == "" && texts[1] == "":
		return segment{kind: any1, name: names[0]}, nil
	}
	return segment{kind: pattern, texts: texts, names: names}, nil
}

// templateText is literal text of a template. A document writes some characters as they
// are that a request has to encode, so it is read generously; what no request can ever
// match is refused, to be seen when the product is registered.
func templateText(t string) (string, error) {
	if strings.Contains(t, "%") {
		return unescape(t)
	}
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '?' || c == '#':
			return "", fmt.Errorf("the path has a query or fragment, which tell no operations apart")
		case c == '\\' || c == ';' || c < 0x20 || c == 0x7f:
			return "", fmt.Errorf("the path has the character %q, which no request may have", c)
		}
	}
	return t, nil
}

// match gives the values of a pattern's names in a segment.
func (s *segment) match(value string) ([]string, bool) {
	left, ok := strings.CutPrefix(value, s.texts[0])
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(s.names))
	for i := range s.names {
		end := s.texts[i+1]
		at := len(left) - len(end)
		if i+1 < len(s.names) {
			if len(left) == 0 {
				return nil, false
			}
			at = strings.Index(left[1:], end) + 1 // a name takes at least one character
			if at == 0 {
				return nil, false
			}
		} else if !strings.HasSuffix(left, end) {
			return nil, false
		}
		if at < 1 {
			return nil, false
		}
		out = append(out, left[:at])
		left = left[at+len(end):]
	}
	return out, true
}

// shape is the template without the names of its parameters: two templates of one shape
// match the same paths.
func shape(segments []segment) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		switch s.kind {
		case literal:
			b.WriteString(escapeBraces(s.text))
		case pattern:
			for i, t := range s.texts {
				if i > 0 {
					b.WriteString("{}")
				}
				b.WriteString(escapeBraces(t))
			}
		case any1:
			b.WriteString("{}")
		case rest:
			b.WriteString("{**}")
		}
	}
	return b.String()
}

func escapeBraces(s string) string {
	return strings.NewReplacer("{", "%7B", "%", "%25", "}", "%7D").Replace(s)
}

// within reports whether a says at least as much as b about each segment of a path that
// both match.
func within(a, b []segment) bool {
	for i := range max(len(a), len(b)) {
		if kindAt(a, i) < kindAt(b, i) {
			return false
		}
	}
	return true
}

func kindAt(s []segment, i int) kind {
	if i < len(s) {
		return s[i].kind
	}
	return rest // only a template with a rest matches a path that is longer than itself
}
