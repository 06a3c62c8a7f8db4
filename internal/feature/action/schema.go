package action

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/manifest"
)

// maxInput bounds what an action is given.
const maxInput = 500 << 10

// property is one input in JSON Schema's words.
type property struct {
	Type        string `json:"type,omitempty"` // none for a type that only a product knows
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

// schemaOf says in JSON Schema what an action takes: an object of its inputs and nothing else.
func schemaOf(inputs map[string]manifest.ActionInput) (json.RawMessage, error) {
	properties, required := map[string]property{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		in := inputs[name]
		properties[name] = property{Type: schemaType(in.Type), Title: plain(in.Title, 80), Description: plain(in.Description, 500)}
		if needed(in) {
			required = append(required, name)
		}
	}
	return json.Marshal(map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

func needed(in manifest.ActionInput) bool { return in.Required != nil && *in.Required }

func schemaType(t string) string {
	switch t {
	case "string", "integer", "number", "boolean":
		return t
	}
	return ""
}

// check refuses what the schema does not take.
func check(inputs map[string]manifest.ActionInput, given json.RawMessage) error {
	if len(given) > maxInput {
		return fault.New(fault.Limit, "LIMIT_PAYLOAD", "the input is larger than %d bytes", maxInput).With("limit", "payload").With("figure", maxInput)
	}
	if len(bytes.TrimSpace(given)) == 0 {
		given = json.RawMessage("{}")
	}
	var values map[string]any
	dec := json.NewDecoder(bytes.NewReader(given))
	dec.UseNumber()
	if err := dec.Decode(&values); err != nil || values == nil || dec.More() {
		return wrong("the input is no JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		v, there := values[name]
		if !there {
			if needed(inputs[name]) {
				return wrong("the input %q is missing", name)
			}
			continue
		}
		if t := schemaType(inputs[name].Type); !is(t, v) {
			return wrong("the input %q has to be of the type %s", name, t)
		}
	}
	for name := range values {
		if _, known := inputs[name]; !known {
			return wrong("the action takes no input %q", plain(name, 60))
		}
	}
	return nil
}

func is(t string, v any) bool {
	n, number := v.(json.Number)
	switch t {
	case "string":
		_, ok := v.(string)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "number":
		return number
	case "integer":
		f, err := n.Float64()
		return number && err == nil && f == math.Trunc(f)
	}
	return true
}

func wrong(format string, args ...any) error {
	return fault.New(fault.Invalid, "ACTION_INPUT", "%s", fmt.Sprintf(format, args...)).WithFix("give what the action's input schema says")
}

// plain is one line of what an app says, for readers who take text for orders: without
// characters that nobody sees.
func plain(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp), r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF,
			r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x034F, r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}
