package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/internal/core/fault"
)

// scanned is a document that is within its bounds: as JSON, without what authority does
// not depend on. Descriptions and examples are most of a document; not to interpret them
// makes reading it fast, and their mistakes harmless.
type scanned struct {
	json    []byte
	version string
	// lines are where operations stand, by "paths path method".
	lines map[string]int
}

// scan checks a document's bounds without interpreting it.
func scan(data []byte) (*scanned, error) {
	if !utf8.Valid(data) {
		return nil, invalid("the document is not UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	s := &scanner{lines: map[string]int{}}
	if start := bytes.TrimLeft(data, " \t\r\n"); len(start) > 0 && start[0] == '{' && json.Valid(data) {
		s.in, s.text = json.NewDecoder(bytes.NewReader(data)), data
		s.in.UseNumber()
		if err := s.jsonValue(place{}); err != nil {
			return nil, err
		}
	} else if len(data) > MaxYAML {
		return nil, fault.New(fault.Limit, "OPENAPI_TOO_LARGE", "the OpenAPI document has %d bytes of YAML; %d are read", len(data), MaxYAML).
			WithFix("send it as JSON, of which %d bytes are read", MaxSize)
	} else if err := s.yaml(data); err != nil {
		return nil, err
	}
	return &scanned{json: s.out.Bytes(), version: s.version, lines: s.lines}, nil
}

func (s *scanner) yaml(data []byte) error {
	var node yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&node); err != nil {
		return invalid("the document is neither JSON nor YAML: %s", brief(err)).Because(err)
	}
	if node.Kind != yaml.DocumentNode || len(node.Content) != 1 || node.Content[0].Kind != yaml.MappingNode {
		return invalid("the document is not a mapping")
	}
	if err := in.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return invalid("the file has more than one YAML document")
	}
	return s.yamlNode(node.Content[0], place{})
}

// scanner walks a document and writes what is kept of it.
type scanner struct {
	out     bytes.Buffer
	version string
	lines   map[string]int
	values  int
	// of JSON
	in      *json.Decoder
	text    []byte
	counted int64
	line    int
}

// place is where a value stands in a document.
type place struct {
	depth int
	// first, second and key are the first two names from the root and the last one.
	first, second, key string
	names              bool // the keys of this mapping are names that the document chose
	extension          bool // a vendor extension, or in one
	dropped            bool
}

// named are the fields whose value is a mapping with names of the document's own.
var named = set("paths", "webhooks", "properties", "patternProperties", "definitions", "schemas", "responses", "requestBodies", "headers",
	"securitySchemes", "securityDefinitions", "scopes", "content", "callbacks", "links", "$defs", "dependentSchemas", "pathItems", "mapping", "encoding")

// idle are the fields on which no authority depends.
var idle = set("description", "externalDocs", "example", "examples", "default", "enum", "const", "pattern", "contact", "license", "termsOfService",
	"xml", "links", "discriminator", "encoding", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "dependentRequired", "webhooks",
	"$schema", "$comment", "contentMediaType", "contentEncoding", "headers", "collectionFormat", "allowEmptyValue", "deprecated")

func set(all ...string) map[string]bool {
	out := map[string]bool{}
	for _, s := range all {
		out[s] = true
	}
	return out
}

// under gives the place of a key's value.
func (p place) under(key string) place {
	c := place{depth: p.depth + 1, first: p.first, second: p.second, key: key, extension: p.extension, dropped: p.dropped}
	switch c.depth {
	case 1:
		c.first = key
	case 2:
		c.second = key
	}
	switch {
	case p.extension:
	case p.names:
		// Below paths and callbacks extensions stand beside names.
		c.extension = c.depth == 2 && p.first == "paths" && strings.HasPrefix(key, "x-")
		c.dropped = c.dropped || c.extension
	case strings.HasPrefix(key, "x-"):
		// Those of operations and path items can carry scopes.
		c.extension = true
		c.dropped = c.dropped || p.first != "paths" || p.depth != 2 && p.depth != 3
	case idle[key]:
		c.dropped = true
	case named[key]:
		c.names = true
	case key == "parameters":
		c.names = p.depth < 2 // in lists elsewhere
	}
	return c
}

// element gives the place of a list's element.
func (p place) element() place {
	c := p
	c.depth++
	c.names = false
	return c
}

// enter counts a value.
func (s *scanner) enter(p place) error {
	if s.values++; s.values > maxValues {
		return invalid("the document has more than %d values", maxValues)
	}
	if p.depth > maxDepth {
		return invalid("the document is more than %d levels deep", maxDepth)
	}
	if s.out.Len() > MaxSize {
		return invalid("the document has more than %d bytes as JSON", MaxSize)
	}
	return nil
}

// note remembers where an operation stands.
func (s *scanner) note(p place, line int) {
	if p.depth == 3 && p.first == "paths" {
		s.lines["paths "+p.second+" "+p.key] = line
	}
}

// scalarText writes a text.
func (s *scanner) scalarText(p place, value string) error {
	switch {
	case p.depth == 0:
		return invalid("the document is not a mapping")
	case p.dropped:
		return nil
	case p.extension:
	case p.key == "$ref" || p.key == "$dynamicRef":
		if !strings.HasPrefix(value, "#") {
			return invalid("the document refers to %q, outside of itself", brief(errors.New(value))).
				WithFix("write everything into one document (most OpenAPI tools call it bundling)")
		}
	case p.depth == 1 && (p.key == "swagger" || p.key == "openapi"):
		s.version = value
	}
	s.write(value)
	return nil
}

func (s *scanner) write(text string) {
	b, _ := json.Marshal(text) // a text always can
	s.out.Write(b)
}

// raw writes a value as it is, unless it is dropped.
func (s *scanner) raw(p place, text string) error {
	if p.depth == 0 {
		return invalid("the document is not a mapping")
	}
	if !p.dropped {
		s.out.WriteString(text)
	}
	return nil
}

// object writes a mapping; each calls entry for its keys in order.
func (s *scanner) object(p place, each func(entry func(key string, line int) (place, error)) error) error {
	seen := map[string]bool{}
	first := true
	if !p.dropped {
		s.out.WriteByte('{')
	}
	err := each(func(key string, line int) (place, error) {
		if seen[key] {
			return place{}, invalid("line %d: the document says %q twice at one place", line, brief(errors.New(key)))
		}
		seen[key] = true
		c := p.under(key)
		s.note(c, line)
		if !c.dropped {
			if !first {
				s.out.WriteByte(',')
			}
			first = false
			s.write(key)
			s.out.WriteByte(':')
		}
		return c, nil
	})
	if !p.dropped {
		s.out.WriteByte('}')
	}
	return err
}

// list writes a sequence.
func (s *scanner) list(p place, each func(next func() place) error) error {
	if p.depth == 0 {
		return invalid("the document is not a mapping")
	}
	first := true
	if !p.dropped {
		s.out.WriteByte('[')
	}
	err := each(func() place {
		if !first && !p.dropped {
			s.out.WriteByte(',')
		}
		first = false
		return p.element()
	})
	if !p.dropped {
		s.out.WriteByte(']')
	}
	return err
}
