package manifest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/manifest"
)

// docs/manifest.md is made from testdata/reference.md and the schema, which is made from
// the reader's own table, so that it names every field that is read and none besides.
const reference, referenceHead = "../docs/manifest.md", "testdata/reference.md"

func TestReferenceIsOfThisReader(t *testing.T) {
	head, err := os.ReadFile(referenceHead)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(manifest.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.Write(head)
	r := &writer{out: &b}
	r.section("", schema)
	if r.fields < 200 {
		t.Errorf("only %d fields are described", r.fields)
	}
	if *update {
		if err := os.WriteFile(reference, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Error("docs/manifest.md is not what the reader reads; make it again: go test ./manifest -run Reference -update")
	}
}

// The examples of the reference load as they stand.
func TestReferenceExamplesLoad(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```yaml\n")
	if len(parts) < 3 {
		t.Fatal("there are no examples")
	}
	for i, p := range parts[1:] {
		example, _, _ := strings.Cut(p, "```")
		m, ds := manifest.Load("manifest.yml", []byte(example), manifest.Options{})
		for _, d := range ds {
			if d.Rule != "app-id-blank" {
				t.Errorf("example %d: %d:%d %s", i+1, d.Line, d.Column, d.Message)
			}
		}
		if m == nil {
			t.Errorf("example %d does not load", i+1)
		}
	}
}

// writer writes a schema's objects as tables, each after the one that names it.
type writer struct {
	out    *bytes.Buffer
	fields int
}

func (w *writer) section(path string, s map[string]any) {
	properties, _ := s["properties"].(map[string]any)
	if len(properties) == 0 {
		return
	}
	title := path
	if title == "" {
		title = "The file"
	} else {
		title = "`" + title + "`"
	}
	fmt.Fprintf(w.out, "\n### %s\n\n| field | value | meaning |\n|---|---|---|\n", title)
	required, _ := s["required"].([]any)
	names := slices.Sorted(maps.Keys(properties))
	slices.SortStableFunc(names, func(a, b string) int { // required ones first
		return rank(required, a) - rank(required, b)
	})
	for _, name := range names {
		p := properties[name].(map[string]any)
		needed := ""
		if slices.Contains(required, any(name)) {
			needed = " (required)"
		}
		meaning, _ := p["description"].(string)
		fmt.Fprintf(w.out, "| `%s`%s | %s | %s |\n", name, needed, cell(values(p)), cell(meaning))
		w.fields++
	}
	if rest, ok := s["additionalProperties"].(map[string]any); ok {
		fmt.Fprintf(w.out, "| any other name | %s | |\n", cell(values(rest)))
	}
	for _, name := range names {
		w.below(strings.TrimPrefix(path+"."+name, "."), properties[name].(map[string]any))
	}
	if rest, ok := s["additionalProperties"].(map[string]any); ok {
		w.below(strings.TrimPrefix(path+".NAME", "."), rest)
	}
}

func rank(required []any, name string) int {
	if slices.Contains(required, any(name)) {
		return 0
	}
	return 1
}

// below writes the objects that a value may hold.
func (w *writer) below(path string, s map[string]any) {
	for _, f := range forms(s) {
		w.section(path, f)
		if items, ok := f["items"].(map[string]any); ok {
			w.below(path+"[]", items)
		}
		if _, named := f["properties"]; !named {
			if rest, ok := f["additionalProperties"].(map[string]any); ok {
				w.below(path+".NAME", rest)
			}
		}
	}
}

// forms are the ways in which a value may be written.
func forms(s map[string]any) []map[string]any {
	some, ok := s["anyOf"].([]any)
	if !ok {
		return []map[string]any{s}
	}
	var out []map[string]any
	for _, f := range some {
		out = append(out, forms(f.(map[string]any))...)
	}
	return out
}

// values says in words what may be written.
func values(s map[string]any) string {
	var out []string
	for _, f := range forms(s) {
		if text := form(f); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", or ")
}

func form(s map[string]any) string {
	typ, _ := s["type"].(string)
	if several, ok := s["type"].([]any); ok { // one of them is null: not written
		typ, _ = several[0].(string)
	}
	if list, ok := s["enum"].([]any); ok {
		var of []string
		for _, v := range list {
			if v != nil {
				of = append(of, fmt.Sprintf("`%v`", v))
			}
		}
		return strings.Join(of, ", ")
	}
	limit := func(what string) string {
		least, most := s["min"+what], s["max"+what]
		unit := map[string]string{"Items": "", "Properties": "", "Length": " characters", "imum": ""}[what]
		switch {
		case least != nil && most != nil:
			return fmt.Sprintf(", %v to %v%s", least, most, unit)
		case most != nil:
			return fmt.Sprintf(", at most %v%s", most, unit)
		case least != nil:
			return fmt.Sprintf(", at least %v%s", least, unit)
		}
		return ""
	}
	switch typ {
	case "null":
		return ""
	case "object":
		if rest, ok := s["additionalProperties"].(map[string]any); ok && s["properties"] == nil {
			return "map from name to " + or(values(rest), "anything") + limit("Properties")
		}
		return "map"
	case "array":
		items, _ := s["items"].(map[string]any)
		return "list of " + or(plural(values(items)), "anything") + limit("Items")
	case "string":
		return "text" + limit("Length")
	case "boolean":
		return "`true` or `false`"
	case "integer":
		return "number" + limit("imum")
	}
	return "anything"
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func plural(text string) string {
	for one, more := range map[string]string{"text": "texts", "map": "maps", "number": "numbers"} {
		if text == one || strings.HasPrefix(text, one+",") {
			return more + strings.TrimPrefix(text, one)
		}
	}
	return text
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
