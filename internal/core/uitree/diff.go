package uitree

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Patch is one change of a tree.
type Patch struct {
	Op  string `json:"op"` // props, children or replace
	Key string `json:"key"`
	// Set and Unset are of props.
	Set   map[string]json.RawMessage `json:"set,omitempty"`
	Unset []string                   `json:"unset,omitempty"`
	// Children are all of the element's, in order: the key of one that it had, or a node.
	Children []any `json:"children,omitzero"`
	// Node takes the place of the element.
	Node *Node `json:"node,omitempty"`
}

// Diff says what makes the new tree of the old one. It answers false where only the whole
// new one says it.
func Diff(old, now *Tree) ([]Patch, bool) {
	if old == nil || old.Root.Type != now.Root.Type || old.Root.Key != now.Root.Key {
		return nil, false
	}
	var out []Patch
	diff(old.Root, now.Root, &out)
	return out, true
}

func diff(old, now *Node, out *[]Patch) {
	p := Patch{Op: "props", Key: now.Key}
	for _, name := range slices.Sorted(maps.Keys(now.Props)) {
		if was, ok := old.Props[name]; !ok || !bytes.Equal(was, now.Props[name]) {
			if p.Set == nil {
				p.Set = map[string]json.RawMessage{}
			}
			p.Set[name] = now.Props[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Props)) {
		if _, ok := now.Props[name]; !ok {
			p.Unset = append(p.Unset, name)
		}
	}
	if p.Set != nil || p.Unset != nil {
		*out = append(*out, p)
	}
	had := make(map[string]*Node, len(old.Children))
	for _, c := range old.Children {
		had[c.Key] = c
	}
	same := len(old.Children) == len(now.Children)
	list := make([]any, 0, len(now.Children))
	var kept [][2]*Node
	for i, c := range now.Children {
		was := had[c.Key]
		if was == nil {
			same = false
			list = append(list, c)
			continue
		}
		same = same && old.Children[i].Key == c.Key
		list = append(list, c.Key)
		if was.Type != c.Type {
			*out = append(*out, Patch{Op: "replace", Key: c.Key, Node: c})
			continue
		}
		kept = append(kept, [2]*Node{was, c})
	}
	if !same {
		*out = append(*out, Patch{Op: "children", Key: now.Key, Children: list})
	}
	for _, k := range kept {
		diff(k[0], k[1], out)
	}
}
