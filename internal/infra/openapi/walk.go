package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// jsonValue walks JSON that is known to be valid.
func (s *scanner) jsonValue(p place) error {
	if err := s.enter(p); err != nil {
		return err
	}
	token, err := s.in.Token()
	if err != nil {
		return notJSON(err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			err = s.object(p, func(entry func(string, int) (place, error)) error {
				for s.in.More() {
					token, err := s.in.Token()
					key, ok := token.(string)
					if err != nil || !ok {
						return notJSON(err)
					}
					c, err := entry(key, s.lineNow())
					if err != nil {
						return err
					}
					if err := s.jsonValue(c); err != nil {
						return err
					}
				}
				return nil
			})
		} else {
			err = s.list(p, func(next func() place) error {
				for s.in.More() {
					if err := s.jsonValue(next()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		if _, err := s.in.Token(); err != nil { // its end
			return notJSON(err)
		}
		return nil
	case string:
		return s.scalarText(p, v)
	case json.Number:
		return s.raw(p, v.String())
	case bool:
		return s.raw(p, strconv.FormatBool(v))
	default:
		return s.raw(p, "null")
	}
}

func notJSON(err error) error {
	if err == nil {
		err = errors.New("a key is no text")
	}
	return invalid("the document is not JSON: %s", brief(err)).Because(err)
}

// lineNow is the line that the decoder has come to.
func (s *scanner) lineNow() int {
	to := s.in.InputOffset()
	s.line += bytes.Count(s.text[s.counted:to], []byte{'\n'})
	s.counted = to
	return s.line + 1
}

// yamlNode walks YAML. An alias means its anchor's node; the bounds count it each time
// that it is met.
func (s *scanner) yamlNode(n *yaml.Node, p place) error {
	if err := s.enter(p); err != nil {
		return err
	}
	switch n.Kind {
	case yaml.AliasNode:
		if n.Alias == nil {
			return invalid("line %d: the document has an alias of nothing", n.Line)
		}
		return s.yamlNode(n.Alias, p) // one inside its own anchor ends at the depth
	case yaml.MappingNode:
		return s.object(p, func(entry func(string, int) (place, error)) error {
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i]
				if key.Kind == yaml.AliasNode {
					key = key.Alias
				}
				if key == nil || key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
					return invalid("line %d: the document has a key that is no text", n.Content[i].Line)
				}
				c, err := entry(key.Value, key.Line)
				if err != nil {
					return err
				}
				if err := s.yamlNode(n.Content[i+1], c); err != nil {
					return err
				}
			}
			return nil
		})
	case yaml.SequenceNode:
		return s.list(p, func(next func() place) error {
			for _, e := range n.Content {
				if err := s.yamlNode(e, next()); err != nil {
					return err
				}
			}
			return nil
		})
	case yaml.ScalarNode:
		return s.yamlScalar(n, p)
	}
	return invalid("line %d: the document has something that is no value", n.Line)
}

func (s *scanner) yamlScalar(n *yaml.Node, p place) error {
	switch n.ShortTag() {
	case "!!null":
		return s.raw(p, "null")
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return invalid("line %d: %q is no truth value", n.Line, brief(errors.New(n.Value)))
		}
		return s.raw(p, strconv.FormatBool(b))
	case "!!int", "!!float":
		if p.depth == 1 && (p.key == "swagger" || p.key == "openapi") {
			return s.scalarText(p, n.Value) // 2.0 and 3.1 without quotes
		}
		if json.Valid([]byte(n.Value)) {
			return s.raw(p, n.Value)
		}
		var f float64
		if err := n.Decode(&f); err != nil || f-f != 0 {
			return s.scalarText(p, n.Value)
		}
		return s.raw(p, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return s.scalarText(p, n.Value)
}
