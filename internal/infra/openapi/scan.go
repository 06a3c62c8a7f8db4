package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scanned is a document that is within its bounds, as JSON.
type scanned struct {
	json    []byte
	version string
	// lines are where operations stand, by "paths path method".
	lines map[string]int
}

// scan checks a document's bounds and references without interpreting it.
func scan(data []byte) (*scanned, error) {
	if !utf8.Valid(data) {
		return nil, invalid("the document is not UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	s := &scanner{out: &scanned{lines: map[string]int{}}}
	if start := bytes.TrimLeft(data, " \t\r\n"); len(start) > 0 && start[0] == '{' && json.Valid(data) {
		s.in, s.text = json.NewDecoder(bytes.NewReader(data)), data
		s.in.UseNumber()
		if err := s.value(nil); err != nil {
			return nil, err
		}
		s.out.json = data
		return s.out, nil
	}
	var node yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&node); err != nil {
		return nil, invalid("the document is neither JSON nor YAML: %s", brief(err)).Because(err)
	}
	if node.Kind != yaml.DocumentNode || len(node.Content) != 1 || node.Content[0].Kind != yaml.MappingNode {
		return nil, invalid("the document is not a mapping")
	}
	if err := in.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, invalid("the file has more than one YAML document")
	}
	var out bytes.Buffer
	if err := s.node(node.Content[0], nil, &out); err != nil {
		return nil, err
	}
	s.out.json = out.Bytes()
	return s.out, nil
}

type scanner struct {
	out    *scanned
	values int
	// of JSON
	in      *json.Decoder
	text    []byte
	counted int64
	line    int
}

// enter counts a value at a place.
func (s *scanner) enter(at []string) error {
	if s.values++; s.values > maxValues {
		return invalid("the document has more than %d values", maxValues)
	}
	if len(at) > maxDepth {
		return invalid("the document is more than %d levels deep", maxDepth)
	}
	return nil
}

// key notes what is to know about a key, before its value.
func (s *scanner) key(at []string, line int) {
	if len(at) == 3 && at[0] == "paths" {
		s.out.lines[strings.Join(at, " ")] = line
	}
}

// scalar notes what is to know about a text.
func (s *scanner) scalar(at []string, value string) error {
	if len(at) == 0 {
		return invalid("the document is not a mapping")
	}
	switch name := at[len(at)-1]; {
	case name == "$ref" || name == "$dynamicRef":
		if !strings.HasPrefix(value, "#") && !exemplary(at) {
			return invalid("the document refers to %q, outside of itself", brief(errors.New(value))).
				WithFix("write everything into one document (most OpenAPI tools call it bundling)")
		}
	case len(at) == 1 && (name == "swagger" || name == "openapi"):
		s.out.version = value
	}
	return nil
}

// exemplary reports whether a place is inside an example, which refers to nothing.
func exemplary(at []string) bool {
	for _, name := range at {
		if name == "example" || name == "examples" || name == "default" || name == "enum" || strings.HasPrefix(name, "x-") {
			return true
		}
	}
	return false
}

// value walks JSON that is known to be valid.
func (s *scanner) value(at []string) error {
	if err := s.enter(at); err != nil {
		return err
	}
	token, err := s.in.Token()
	if err != nil {
		return invalid("the document is not JSON: %s", brief(err)).Because(err)
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for s.in.More() {
			token, err := s.in.Token()
			name, ok := token.(string)
			if err != nil || !ok {
				return invalid("the document is not JSON")
			}
			if seen[name] {
				return invalid("line %d: the document says %q twice at one place", s.lineNow(), brief(errors.New(name)))
			}
			seen[name] = true
			below := append(at, name)
			s.key(below, s.lineNow())
			if err := s.value(below); err != nil {
				return err
			}
		}
		_, err = s.in.Token()
	case json.Delim('['):
		for s.in.More() {
			if err := s.value(append(at, "*")); err != nil {
				return err
			}
		}
		_, err = s.in.Token()
	default:
		if text, ok := token.(string); ok {
			return s.scalar(at, text)
		}
		if len(at) == 0 {
			return invalid("the document is not a mapping")
		}
	}
	if err != nil {
		return invalid("the document is not JSON: %s", brief(err)).Because(err)
	}
	return nil
}

// lineNow is the line that the decoder has come to.
func (s *scanner) lineNow() int {
	to := s.in.InputOffset()
	s.line += bytes.Count(s.text[s.counted:to], []byte{'\n'})
	s.counted = to
	return s.line + 1
}

// node writes a YAML node as JSON.
func (s *scanner) node(n *yaml.Node, at []string, out *bytes.Buffer) error {
	if err := s.enter(at); err != nil {
		return err
	}
	if out.Len() > 2*MaxSize {
		return invalid("the document has more than %d bytes as JSON", 2*MaxSize)
	}
	switch n.Kind {
	case yaml.AliasNode:
		// An alias means its anchor's node; the bounds count it each time that it is met.
		return s.node(n.Alias, at, out)
	case yaml.MappingNode:
		return s.mapping(n, at, out)
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := s.node(e, append(at, "*"), out); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		return s.yamlScalar(n, at, out)
	}
	return invalid("line %d: the document has something that is no value", n.Line)
}

func (s *scanner) mapping(n *yaml.Node, at []string, out *bytes.Buffer) error {
	seen := map[string]bool{}
	out.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return invalid("line %d: the document has a key that is no text", key.Line)
		}
		if seen[key.Value] {
			return invalid("line %d: the document says %q twice at one place", key.Line, brief(errors.New(key.Value)))
		}
		seen[key.Value] = true
		if i > 0 {
			out.WriteByte(',')
		}
		writeText(out, key.Value)
		out.WriteByte(':')
		below := append(at, key.Value)
		s.key(below, key.Line)
		if err := s.node(value, below, out); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func (s *scanner) yamlScalar(n *yaml.Node, at []string, out *bytes.Buffer) error {
	switch tag := n.ShortTag(); tag {
	case "!!null":
		out.WriteString("null")
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return invalid("line %d: %q is no truth value", n.Line, brief(errors.New(n.Value)))
		}
		out.WriteString(strconv.FormatBool(b))
	case "!!int", "!!float":
		if len(at) == 1 { // openapi: 3.1 without quotes
			if err := s.scalar(at, n.Value); err != nil {
				return err
			}
			if at[0] == "swagger" || at[0] == "openapi" {
				writeText(out, n.Value)
				return nil
			}
		}
		if json.Valid([]byte(n.Value)) {
			out.WriteString(n.Value)
			return nil
		}
		var f float64
		if err := n.Decode(&f); err != nil || f-f != 0 {
			writeText(out, n.Value)
			return nil
		}
		fmt.Fprint(out, f)
	default:
		if err := s.scalar(at, n.Value); err != nil {
			return err
		}
		writeText(out, n.Value)
	}
	return nil
}

func writeText(out *bytes.Buffer, s string) {
	b, _ := json.Marshal(s) // a text always can
	out.Write(b)
}
