package uitree

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

func root(children ...string) string {
	return `{"type":"Root","key":"root","props":{},"children":[` + strings.Join(children, ",") + `]}`
}

func el(typ, key, props string, children ...string) string {
	return fmt.Sprintf(`{"type":%q,"key":%q,"props":{%s},"children":[%s]}`, typ, key, props, strings.Join(children, ","))
}

var granted = Rules{Image: func(u string) bool { return strings.HasPrefix(u, "https://img.example.com/") }}

func parse(t *testing.T, text string) *Tree {
	t.Helper()
	tree, err := Parse([]byte(text), granted)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return tree
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		component, prop, value string
		ok                     bool
	}{
		{"Image", "src", "https://img.example.com/a.png", true},
		{"Image", "src", "https://evil.example/a.png", false},
		{"Image", "src", "http://img.example.com/a.png", false},
		{"Image", "src", "//evil.example/a.png", false},
		{"Image", "src", `/\evil.example/a.png`, false},
		{"Image", "src", "https://user@img.example.com/a.png", false},
		{"Image", "src", "\thttps://evil.example/", false},
		{"Image", "src", "java\nscript:alert(1)", false},
		{"Image", "src", "blob:https://evil.example/1", false},
		{"Image", "src", "data:text/html,<script>", false},
		{"Image", "src", "data:image/png;base64,AAAA", true},
		{"Image", "src", "resource:main;logo.png", true},
		{"Image", "src", "resource:main;../logo.png", false},
		{"Image", "src", "logo.png", true},
		{"Image", "src", "/logo.png", true},
		{"Avatar", "avatarUrl", "https://evil.example/x", false},
		{"Button", "iconBefore", "https://evil.example/x", false},
		{"Button", "iconBefore", "check-circle", true},
		{"Link", "href", "https://anywhere.example/x", true},
		{"Link", "href", "javascript:alert(1)", false},
		{"Link", "href", "JaVaScRiPt:alert(1)", false},
		{"Link", "href", "data:text/html,x", false},
		{"Link", "href", "vbscript:x", false},
		{"Link", "href", "mailto:alice@example.com", true},
		{"Text", "title", "javascript:alert(1)", true}, // a text
	} {
		tree := parse(t, root(el(c.component, "1", fmt.Sprintf("%q:%q", c.prop, c.value))))
		if _, kept := tree.Root.Children[0].Props[c.prop]; kept != c.ok {
			t.Errorf("<%s %s=%q>: kept %v", c.component, c.prop, c.value, kept)
		}
	}
	// At any depth: a document, rows of a table.
	deep := parse(t, root(el("AdfRenderer", "1", `"document":{"type":"doc","content":[{"type":"media","attrs":{"src":"https://evil.example/x"}},{"type":"text","marks":[{"attrs":{"href":"javascript:x"}}]}]}`)))
	if s := string(deep.JSON()); strings.Contains(s, "evil") || strings.Contains(s, "javascript") {
		t.Error(s)
	}
	if len(deep.Dropped()) != 2 {
		t.Error(deep.Dropped())
	}
}

func TestStyles(t *testing.T) {
	tree := parse(t, root(el("Box", "1", `"xcss":{"color":"color.text","padding":"space.100","width":12,"backgroundImage":"url(https://evil.example)","backgroundColor":"url(//evil.example)",
		"background":"red","content":"x","height":"expression(alert(1))","margin":"var(--x)","position":"fixed","borderRadius":"1px;color:red",":hover":{"color":"#fff","cursor":"url(x)"},":not(*)":{"color":"red"},"@import":"x"}`)))
	got := string(tree.Root.Children[0].Props["xcss"])
	if want := `{":hover":{"color":"#fff"},"color":"color.text","padding":"space.100","width":12}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNamesThatMeanSomethingElse(t *testing.T) {
	tree := parse(t, root(el("Box", "1", `"__proto__":{"x":1},"constructor":1,"innerHTML":"<b>","dangerouslySetInnerHTML":{"__html":"x"},"onclick":"alert(1)","onClick":"alert(1)","style":{"a":"b"},
		"data":{"__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}},"fine":1,"$x":2},"testId":"t","aria-label":"l"`), el("Evil", "2", `"src":"https://img.example.com/x","onClick":{"$fn":"2:onClick"}`, el("Text", "3", ``))))
	got := slices.Sorted(maps.Keys(tree.Root.Children[0].Props))
	if want := []string{"aria-label", "data", "testId"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if d := string(tree.Root.Children[0].Props["data"]); d != `{"fine":1}` {
		t.Error(d)
	}
	unknown := tree.Root.Children[1]
	if len(unknown.Props) != 0 || len(unknown.Children) != 1 || tree.Has("2:onClick") {
		t.Errorf("of an unknown component the children alone are passed on: %+v", unknown)
	}
}

func TestHandles(t *testing.T) {
	tree := parse(t, root(el("Button", "1", `"onClick":{"$fn":"1:onClick"}`), el("Button", "2", `"onClick":{"$fn":"1:onClick"},"onBlur":{"$fn":"fx:1"}`),
		el("Tooltip", "3", `"content":{"$el":`+el("Button", "4", `"onClick":{"$fn":"4:onClick"}`)+`}`)))
	for handle, want := range map[string]bool{"1:onClick": true, "4:onClick": true, "2:onClick": false, "fx:1": false, "": false} {
		if tree.Has(handle) != want {
			t.Errorf("%q: %v", handle, !want)
		}
	}
	if len(tree.Root.Children[1].Props) != 0 {
		t.Error("a handle of another element was passed on")
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string {
		s := el("Text", "leaf", "")
		for i := range n {
			s = el("Box", fmt.Sprint(i), "", s)
		}
		return root(s)
	}
	many := make([]string, MaxNodes)
	for i := range many {
		many[i] = el("Text", fmt.Sprint(i), "")
	}
	for name, text := range map[string]string{
		"depth":       nested(MaxDepth + 1),
		"very deep":   nested(4000),
		"nodes":       root(many...),
		"text":        root(el("String", "1", `"text":"`+strings.Repeat("x", MaxText+1)+`"`)),
		"prop":        root(el("Box", "1", `"a":"`+strings.Repeat("x", MaxText+1)+`"`)),
		"value depth": root(el("Box", "1", `"a":`+strings.Repeat("[", 80)+strings.Repeat("]", 80))),
		"bytes":       root(el("Box", "1", `"a":"`+strings.Repeat("x", MaxBytes)+`"`)),
	} {
		if _, err := Parse([]byte(text), granted); fault.CodeOf(err) != "LIMIT_TREE" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"same key":  root(el("Text", "1", ""), el("Text", "1", "")),
		"html":      root(el("script", "1", "")),
		"no key":    root(el("Text", "", "")),
		"no root":   el("Text", "1", ""),
		"no tree":   `[]`,
		"no text":   root(el("String", "1", `"text":{}`)),
		"type text": `{"type":7}`,
	} {
		if _, err := Parse([]byte(text), granted); fault.CodeOf(err) != "INVALID_TREE" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse([]byte(nested(MaxDepth-2)), granted); err != nil {
		t.Error(err)
	}
}

// apply is what a renderer does with patches; the tree that it arrives at must be the new one.
func apply(n *Node, ps []Patch) *Node {
	index := map[string]*Node{}
	var walk func(n *Node)
	walk = func(n *Node) {
		index[n.Key] = n
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(n)
	for _, p := range ps {
		at := index[p.Key]
		switch p.Op {
		case "props":
			maps.Copy(at.Props, p.Set)
			for _, name := range p.Unset {
				delete(at.Props, name)
			}
		case "children":
			at.Children = []*Node{}
			for _, c := range p.Children {
				switch c := c.(type) {
				case string:
					at.Children = append(at.Children, index[c])
				case map[string]any:
					var made Node
					_ = json.Unmarshal(encode(c), &made)
					walk(&made)
					at.Children = append(at.Children, &made)
				}
			}
		case "replace":
			*at = *p.Node
			walk(at)
		}
	}
	return n
}

// canonical is a node as JSON whose members are in order everywhere.
func canonical(n *Node) string {
	var v any
	_ = json.Unmarshal(encode(n), &v)
	return string(encode(v))
}

func TestDiff(t *testing.T) {
	trees := []string{
		root(),
		root(el("Text", "1", `"a":1`, el("String", "2", `"text":"x"`)), el("Box", "3", "")),
		root(el("Box", "3", `"b":true`), el("Text", "1", "", el("String", "2", `"text":"y"`))),
		root(el("Box", "3", `"c":{"$el":`+el("Text", "9", "")+`}`, el("Text", "4", "")), el("Link", "1", "", el("String", "7", `"text":"y"`))),
		root(el("Box", "3", "")),
	}
	for _, a := range trees {
		for _, b := range trees {
			old, now := parse(t, a), parse(t, b)
			ps, ok := Diff(old, now)
			if !ok {
				t.Fatal("no patches")
			}
			var sent []Patch
			if err := json.Unmarshal(encode(ps), &sent); err != nil {
				t.Fatal(err)
			}
			if got := apply(old.Root, sent); canonical(got) != canonical(now.Root) {
				t.Errorf("%s\n%s\n%s", encode(got), now.JSON(), encode(ps))
			}
			if a == b && len(ps) > 0 {
				t.Errorf("of the same: %s", encode(ps))
			}
		}
	}
}
