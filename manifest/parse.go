package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// Bounds of how many unquoted stars one run quotes in order to read on: their number,
// and the bytes read again, since each one is found by reading the text from its start.
const (
	maxMends  = 500
	maxReread = 4 << 20
)

// source is the text of a manifest while it is turned into nodes.
type source struct {
	text  []byte
	mends []mend
}

// mend is a text that was quoted in order to read on.
type mend struct {
	at   Position // of the star, in the file as it is
	text string   // what was quoted
}

// parse turns the text into nodes. What stops the YAML reader is reported, and as
// much as can still be read is given back; whole says that this is all of it.
func (l *loader) parse(data []byte) (root *yaml.Node, whole bool) {
	if len(data) > MaxSize {
		l.at(Position{1, 1}, Error, "manifest-too-big",
			fmt.Sprintf("the manifest has %d bytes; the limit is %d", len(data), MaxSize),
			"move long texts into resources")
		return nil, false
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	l.lastLine = lineCount(data)
	if p, bad := badByte(data); bad {
		l.at(p, Error, "yaml-encoding", "this byte is not part of UTF-8 text", "save the file as UTF-8 text without control characters")
		return nil, false
	}
	l.src = &source{text: data}
	for {
		root, err := readYAML(l.src.text)
		if err == nil {
			return root, true
		}
		if len(l.src.mends) < maxMends && len(l.src.mends)*len(l.src.text) < maxReread && l.quoteStar(err) {
			continue
		}
		return l.syntaxError(err), false
	}
}

// readYAML gives the first document's content. The YAML reader is young; should it
// panic on odd bytes, that is a syntax error and not the end of the process.
func readYAML(text []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("the text cannot be read: %v", r)
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var doc, more yaml.Node
	if err := loader.Load(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errEmpty
		}
		return nil, err
	}
	switch err := loader.Load(&more); {
	case err == nil:
		return nil, &secondDocument{Position{max(more.Line, 1), max(more.Column, 1)}}
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errEmpty
	}
	return doc.Content[0], nil
}

var errEmpty = errors.New("the manifest is empty")

type secondDocument struct{ at Position }

func (*secondDocument) Error() string { return "a second YAML document starts here" }

// quoteStar quotes a text that starts with a star, where YAML would read an alias:
// "- *.github.com". It reports whether there is something new to read.
func (l *loader) quoteStar(err error) bool {
	p, ok := starOf(err)
	if !ok {
		return false
	}
	start, ok := offset(l.src.text, p)
	if !ok || l.src.text[start] != '*' {
		return false
	}
	text := starToken(l.src.text[start:])
	real := l.src.original(p)
	if name := text[1:]; name != "" && !strings.ContainsAny(name, "./:*") {
		l.at(real, Error, "yaml-alias", fmt.Sprintf("nothing has the anchor &%s, to which *%s refers", name, name),
			fmt.Sprintf("define the anchor above, or write %q in quotes if the star is meant", text))
	} else {
		l.diags = append(l.diags, Diagnostic{
			File: l.file, Line: real.Line, Column: real.Column, Rule: "yaml-unquoted-star", Severity: Error,
			Message: fmt.Sprintf("%s starts with a star, which YAML reads as a reference", text),
			Fix:     fmt.Sprintf("put it in quotes: %q", text), Fixable: true,
		})
	}
	l.src.mends = append(l.src.mends, mend{at: real, text: text})
	l.src.text = splice(l.src.text, start, start+len(text), `"`+text+`"`)
	return true
}

// starOf is the place of the star that the YAML reader stumbled over.
func starOf(err error) (Position, bool) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		return Position{}, false
	}
	switch {
	case strings.HasPrefix(e.Message, "unknown anchor"):
		return Position{e.Mark.Line, e.Mark.Column}, true
	case strings.Contains(e.ContextMsg, "scanning an alias"):
		return Position{e.ContextMark.Line, e.ContextMark.Column}, true
	}
	return Position{}, false
}

// starToken is the text that the author meant: up to the end of the line, a comment,
// or the end of a list's element in brackets.
func starToken(rest []byte) string {
	if i := bytes.IndexAny(rest, "\r\n,]}\"'\\"); i >= 0 {
		rest = rest[:i]
	}
	if i := bytes.Index(rest, []byte(" #")); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimRight(string(rest), " \t")
}

// original is the place in the file as it is, for a place in the mended text.
func (s *source) original(p Position) Position {
	shift := 0
	for _, m := range s.mends {
		if m.at.Line == p.Line && m.at.Column+shift < p.Column {
			shift += 2
		}
	}
	// A place inside of quotes that were put there is behind the first one only.
	p.Column = max(p.Column-shift, 1)
	return p
}

// syntaxError reports why the text is not YAML and gives what stands before it.
func (l *loader) syntaxError(err error) *yaml.Node {
	var second *secondDocument
	var e *yaml.LoadError
	switch {
	case errors.Is(err, errEmpty):
		l.at(Position{1, 1}, Error, "yaml-empty", "the manifest is empty", "start with `app: {id: ''}` and modules; docs/manifest.md has an example")
		return nil
	case errors.As(err, &second):
		l.at(second.at, Error, "yaml-documents", second.Error(), "keep one document: remove the --- and what follows it")
		return nil
	case !errors.As(err, &e):
		l.at(Position{1, 1}, Error, "yaml-syntax", err.Error(), "check the file with a YAML tool")
		return nil
	}
	p := Position{max(e.Mark.Line, 1), max(e.Mark.Column, 1)}
	message := e.Message
	if e.ContextMsg != "" {
		message += " (" + e.ContextMsg
		if e.ContextMark.Line > 0 && e.ContextMark.Line != e.Mark.Line {
			message += fmt.Sprintf(" that starts at line %d", e.ContextMark.Line)
		}
		message += ")"
	}
	l.at(l.src.original(p), Error, "yaml-syntax", message, syntaxFix(e.Message, line(l.src.text, p.Line)))
	// What stands before the trouble can still be checked by itself.
	from := p.Line
	if e.ContextMark.Line > 0 {
		from = min(from, e.ContextMark.Line)
	}
	root, err := readYAML(firstLines(l.src.text, from-1))
	if err != nil {
		return nil
	}
	return root
}

// syntaxFix words what usually mends a syntax error.
func syntaxFix(message, text string) string {
	trimmed := strings.TrimLeft(text, " \t-")
	switch {
	case strings.Contains(message, "tab"):
		return "indent with spaces, not with tabs"
	case strings.Contains(message, "cannot start any token"):
		return "put the text in quotes: it starts with a character that YAML keeps for itself"
	case strings.Contains(message, "mapping values are not allowed"):
		return "put the text in quotes if it holds a colon, or mend the indentation"
	case strings.Contains(message, "end of stream"):
		return "close the quote or bracket"
	case strings.HasPrefix(trimmed, "*"):
		return "put the text in quotes: a star starts a reference in YAML"
	}
	return "mend the indentation, quotes or brackets here"
}

// badByte finds the first byte that YAML text cannot hold.
func badByte(data []byte) (Position, bool) {
	p := Position{1, 1}
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1, r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return p, true
		case r == '\n':
			p = Position{p.Line + 1, 0}
		}
		p.Column++
		data = data[n:]
	}
	return p, false
}

// offset is the byte at a place.
func offset(text []byte, p Position) (int, bool) {
	at := 0
	for range p.Line - 1 {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return 0, false
		}
		at += i + 1
	}
	for range p.Column - 1 {
		if at >= len(text) || text[at] == '\n' {
			return 0, false
		}
		_, n := utf8.DecodeRune(text[at:])
		at += n
	}
	return at, at < len(text)
}

// lineCount counts lines as YAML does.
func lineCount(text []byte) int {
	n := 1
	for _, lineBreak := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		n += bytes.Count(text, []byte(lineBreak))
	}
	return n - bytes.Count(text, []byte("\r\n"))
}

func line(text []byte, n int) string {
	lines := bytes.SplitN(text, []byte("\n"), n+1)
	if n < 1 || len(lines) < n {
		return ""
	}
	return string(lines[n-1])
}

func firstLines(text []byte, n int) []byte {
	at := 0
	for range n {
		i := bytes.IndexByte(text[at:], '\n')
		if i < 0 {
			return text
		}
		at += i + 1
	}
	return text[:at]
}

func splice(text []byte, from, to int, with string) []byte {
	out := make([]byte, 0, len(text)+len(with))
	out = append(out, text[:from]...)
	out = append(out, with...)
	return append(out, text[to:]...)
}
