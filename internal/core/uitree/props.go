package uitree

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxValueDepth = 32
	maxName       = 64
)

// prop takes in one prop. What it must not hold is left out; what is too large is an error.
func (t *Tree) prop(n *Node, name string, raw json.RawMessage, depth int) error {
	if !propName(name) {
		t.drop(n, name, "no prop has this name")
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.drop(n, name, "it is no JSON")
		return nil
	}
	if name == "xcss" {
		if styles, ok := v.(map[string]any); ok {
			n.Props[name] = encode(t.styles(n, styles, 0))
		}
		return nil
	}
	if isHandler(name) && !isFunction(v) {
		t.drop(n, name, "it is no function")
		return nil
	}
	clean, ok, err := t.value(n, name, v, depth, 0)
	if err != nil {
		return err
	}
	if ok {
		n.Props[name] = encode(clean)
	}
	return nil
}

// value takes in what a prop holds, at any depth; name is of the innermost member.
func (t *Tree) value(n *Node, name string, v any, depth, level int) (clean any, ok bool, err error) {
	if level > maxValueDepth {
		return nil, false, tooLarge("levels in one prop", level, maxValueDepth)
	}
	switch v := v.(type) {
	case string:
		if len(v) > MaxText {
			return nil, false, tooLarge("bytes of one text", len(v), MaxText)
		}
		if kind := addressOf(n.Type, name); kind != notAddress && !t.admits(kind, v) {
			t.drop(n, name, "the address is not one that the grant admits")
			return nil, false, nil
		}
		return v, true, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			c, ok, err := t.value(n, name, e, depth, level+1)
			if err != nil {
				return nil, false, err
			}
			if !ok {
				c = nil // the places of the others stay
			}
			out = append(out, c)
		}
		return out, true, nil
	case map[string]any:
		return t.object(n, name, v, depth, level)
	}
	return v, true, nil
}

func (t *Tree) object(n *Node, name string, v map[string]any, depth, level int) (any, bool, error) {
	if h, is := v["$fn"]; is {
		handle, _ := h.(string)
		if !strings.HasPrefix(handle, n.Key+":") || len(handle) > maxHandle || len(v) > 1 {
			t.drop(n, name, "its handle is another element's")
			return nil, false, nil
		}
		t.handles[handle] = true
		return v, true, nil
	}
	if el, is := v["$el"]; is {
		var w wireNode
		if err := json.Unmarshal(encode(el), &w); err != nil || len(v) > 1 {
			t.drop(n, name, "it holds no element")
			return nil, false, nil
		}
		node, err := t.node(&w, depth+1)
		return map[string]any{"$el": node}, err == nil, err
	}
	out := make(map[string]any, len(v))
	for _, member := range slices.Sorted(maps.Keys(v)) {
		if !memberName(member) {
			t.drop(n, name, "a member has a name that means something else")
			continue
		}
		if member == "xcss" {
			if styles, ok := v[member].(map[string]any); ok {
				out[member] = t.styles(n, styles, 0)
			}
			continue
		}
		c, ok, err := t.value(n, member, v[member], depth, level+1)
		if err != nil {
			return nil, false, err
		}
		if ok {
			out[member] = c
		}
	}
	return out, true, nil
}

func isFunction(v any) bool {
	m, ok := v.(map[string]any)
	_, is := m["$fn"]
	return ok && is
}

// isHandler says whether a prop's name is that of what reacts to something.
func isHandler(name string) bool {
	return len(name) > 2 && strings.HasPrefix(strings.ToLower(name), "on") && name[2] >= 'A' && name[2] <= 'Z'
}

// never are names that a browser or JavaScript itself gives a meaning.
var never = map[string]bool{
	"__proto__": true, "constructor": true, "prototype": true,
	"dangerouslySetInnerHTML": true, "innerHTML": true, "outerHTML": true, "srcdoc": true, "srcDoc": true, "srcset": true, "srcSet": true,
	"style": true, "className": true, "class": true, "css": true, "is": true, "slot": true, "part": true, "ref": true, "nonce": true,
	"ping": true, "formAction": true, "formaction": true, "action": true, "background": true, "poster": true, "manifest": true, "srcObject": true,
}

func propName(name string) bool {
	if name == "" || len(name) > maxName || never[name] {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '-' || r == '_')) {
			return false
		}
	}
	// What a page's markup would run: "onclick" is no name of UI Kit.
	return !strings.HasPrefix(strings.ToLower(name), "on") || isHandler(name)
}

// memberName admits what may name a member inside of a prop: data of the app's own has any
// name but those that mean something to JavaScript.
func memberName(name string) bool {
	return len(name) <= 200 && name != "__proto__" && name != "constructor" && name != "prototype" &&
		name != "dangerouslySetInnerHTML" && name != "innerHTML" && name != "srcdoc" && !strings.HasPrefix(name, "$")
}

func componentName(name string) bool {
	if name == "" || len(name) > maxName || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return false
		}
	}
	return true
}

func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
