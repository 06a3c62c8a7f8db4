package uitree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
)

// The bounds of one tree.
const (
	MaxBytes  = 2 << 20
	MaxNodes  = 10_000
	MaxDepth  = 100 // of nodes; of values in a prop maxValueDepth
	MaxText   = 100 << 10
	maxProps  = 100
	maxKey    = 200
	maxHandle = 400
)

// Rules say what an interface may name; nil refuses all.
type Rules struct {
	// Image says whether the grant admits a picture, a film or a font at an https address.
	Image func(url string) bool
}

// Tree is a tree that was taken in.
type Tree struct {
	Root    *Node
	handles map[string]bool
	dropped []string
	nodes   int
	keys    map[string]bool
	rules   Rules
}

// Node is one element. Text is a node of type String.
type Node struct {
	Type     string                     `json:"type"`
	Key      string                     `json:"key"`
	Props    map[string]json.RawMessage `json:"props"`
	Children []*Node                    `json:"children"`
}

// wireNode is a node as the sandbox writes it.
type wireNode struct {
	Type     string                     `json:"type"`
	Key      string                     `json:"key"`
	Props    map[string]json.RawMessage `json:"props"`
	Children []wireNode                 `json:"children"`
}

// Parse takes a tree in.
func Parse(text []byte, rules Rules) (*Tree, error) {
	if len(text) > MaxBytes {
		return nil, tooLarge("bytes", len(text), MaxBytes)
	}
	if d := depth(text); d > 2*MaxDepth+4*maxValueDepth {
		return nil, tooLarge("levels", d, MaxDepth)
	}
	var w wireNode
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fault.New(fault.App, "INVALID_TREE", "what the interface shows is no tree").Because(err)
	}
	t := &Tree{handles: map[string]bool{}, keys: map[string]bool{}, rules: rules}
	root, err := t.node(&w, 0)
	if err != nil {
		return nil, err
	}
	if !roots[root.Type] {
		return nil, fault.New(fault.App, "INVALID_TREE", "the tree begins with <%s>", clip(root.Type))
	}
	t.Root, t.keys = root, nil
	return t, nil
}

var roots = map[string]bool{"Root": true, "MacroConfig": true}

// Has reports whether a handle is of a function that the tree shows.
func (t *Tree) Has(handle string) bool { return t != nil && t.handles[handle] }

// Dropped are the props that were left out, for the developer's log; a few of them.
func (t *Tree) Dropped() []string { return t.dropped }

// JSON is the tree as it is sent.
func (t *Tree) JSON() json.RawMessage { return encode(t.Root) }

func (t *Tree) drop(n *Node, name, why string) {
	if len(t.dropped) < 20 {
		t.dropped = append(t.dropped, fmt.Sprintf("<%s> %s: %s", n.Type, clip(name), why))
	}
}

func (t *Tree) node(w *wireNode, depth int) (*Node, error) {
	if depth > MaxDepth {
		return nil, tooLarge("levels", depth, MaxDepth)
	}
	if t.nodes++; t.nodes > MaxNodes {
		return nil, tooLarge("elements", t.nodes, MaxNodes)
	}
	if !componentName(w.Type) {
		return nil, fault.New(fault.App, "INVALID_TREE", "the tree holds an element of type %q", clip(w.Type))
	}
	if w.Key == "" || len(w.Key) > maxKey || !plainText(w.Key) || t.keys[w.Key] {
		return nil, fault.New(fault.App, "INVALID_TREE", "the element <%s> has no key of its own", w.Type)
	}
	t.keys[w.Key] = true
	n := &Node{Type: w.Type, Key: w.Key, Props: map[string]json.RawMessage{}, Children: []*Node{}}
	if len(w.Props) > maxProps {
		return nil, tooLarge("props of one element", len(w.Props), maxProps)
	}
	known := components[w.Type]
	if w.Type == "String" {
		return n, t.text(n, w)
	}
	for _, name := range slices.Sorted(maps.Keys(w.Props)) {
		if !known {
			t.drop(n, name, "the component is unknown")
			continue
		}
		if err := t.prop(n, name, w.Props[name], depth); err != nil {
			return nil, err
		}
	}
	for i := range w.Children {
		c, err := t.node(&w.Children[i], depth+1)
		if err != nil {
			return nil, err
		}
		n.Children = append(n.Children, c)
	}
	return n, nil
}

func (t *Tree) text(n *Node, w *wireNode) error {
	var text string
	if err := json.Unmarshal(w.Props["text"], &text); err != nil || len(w.Children) > 0 {
		return fault.New(fault.App, "INVALID_TREE", "a text of the tree is none")
	}
	if len(text) > MaxText {
		return tooLarge("bytes of one text", len(text), MaxText)
	}
	n.Props["text"] = encode(text)
	return nil
}

func tooLarge(what string, n, limit int) error {
	return fault.New(fault.Limit, "LIMIT_TREE", "what the interface shows has %d %s; %d are allowed", n, what, limit).
		With("limit", "interface "+what).With("figure", limit).WithFix("show less at once: page through long lists")
}

// depth is how deep the JSON nests, without parsing it.
func depth(text []byte) int {
	most, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return json.RawMessage("null") // it holds texts, numbers and what was parsed from JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
