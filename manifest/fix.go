package manifest

import (
	"bytes"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// edit replaces a stretch of the text by another one.
type edit struct {
	from, to int // bytes of source.text
	with     string
	diag     Diagnostic
}

// edit reports a problem at a scalar and, where the scalar's text stands in the file
// as it was read, how to rewrite it. Only one-line scalars without escapes, tags or
// references are rewritten: everything else is left to a person.
func (l *loader) edit(n *yaml.Node, s Severity, rule, message, fix, with string) {
	p := l.place(n)
	d := Diagnostic{File: l.file, Line: p.Line, Column: p.Column, Rule: rule, Severity: s, Message: message, Fix: fix}
	if from, to, ok := l.src.stretch(n); ok {
		d.Fixable = true
		l.edits = append(l.edits, edit{from, to, with, d})
	}
	l.diags = append(l.diags, d)
}

// stretch is where a scalar stands in the text.
func (s *source) stretch(n *yaml.Node) (from, to int, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Value == "" || strings.ContainsAny(n.Value, "\"'\\\n\r") {
		return 0, 0, false
	}
	raw := n.Value
	switch n.Style {
	case yaml.SingleQuotedStyle:
		raw = "'" + raw + "'"
	case yaml.DoubleQuotedStyle:
		raw = `"` + raw + `"`
	case 0:
	default:
		return 0, 0, false
	}
	from, ok = offset(s.text, Position{n.Line, n.Column})
	if !ok || !bytes.HasPrefix(s.text[from:], []byte(raw)) {
		return 0, 0, false
	}
	return from, from + len(raw), true
}

// Fix mends what can be mended without a decision: it rewrites values in place and
// leaves everything else, comments and layout included, as it is. It gives the
// mended text and the problems that it mended, at their places in the text that was
// given; data itself when there is none.
func Fix(name string, data []byte) (fixed []byte, applied []Diagnostic) {
	fixed = data
	// Mending may uncover more; each round mends at least one problem for good.
	for range 4 {
		text, done := fixOnce(name, fixed)
		if len(done) == 0 {
			break
		}
		fixed, applied = text, append(applied, done...)
	}
	return fixed, applied
}

func fixOnce(name string, data []byte) ([]byte, []Diagnostic) {
	l := newLoader(name, Options{})
	root, whole := l.parse(data)
	var done []Diagnostic
	for _, d := range l.diags {
		if d.Rule == "yaml-unquoted-star" {
			done = append(done, d)
		}
	}
	if len(l.src.mends) > len(done) {
		// An alias that nobody defined was quoted to read on; that is no mending.
		return data, nil
	}
	if root == nil {
		return withMark(data, l.src.text), done
	}
	l.partial = !whole
	l.read(root)
	edits := l.edits
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	text, before := l.src.text, len(l.src.text)+1
	for _, e := range edits {
		if e.to > before {
			continue
		}
		text, before = splice(text, e.from, e.to, e.with), e.from
		done = append(done, e.diag)
	}
	slices.SortStableFunc(done, func(a, b Diagnostic) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return withMark(data, text), done
}

// withMark puts the byte order mark back that the given text may start with.
func withMark(given, text []byte) []byte {
	if mark := []byte("\ufeff"); len(text) > 0 && bytes.HasPrefix(given, mark) {
		return append(bytes.Clone(mark), text...)
	}
	return text
}
