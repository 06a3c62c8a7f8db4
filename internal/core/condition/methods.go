package condition

import (
	"math"
	"slices"
	"strings"
	"unicode/utf16"
)

// methods are those of lists, texts and objects. A name that is none of them is a mistake
// that is found before anything happens.
var methods = map[string]bool{
	"map": true, "filter": true, "flatMap": true, "some": true, "every": true, "find": true, "reduce": true, "includes": true, "indexOf": true,
	"concat": true, "flatten": true, "slice": true, "join": true, "reverse": true,
	"toLowerCase": true, "toUpperCase": true, "trim": true, "startsWith": true, "endsWith": true, "split": true, "charAt": true, "replace": true,
	"substring": true, "keys": true, "values": true, "entries": true, "toString": true,
}

func (m *machine) method(n method, s *scope) (any, error) {
	if of, ok := n.of.(lookup); ok && of.name == "Object" {
		return m.static(n, s)
	}
	of, err := m.eval(n.of, s)
	if err != nil {
		return nil, err
	}
	if of == nil && n.safe {
		return nil, absent
	}
	args, err := m.all(n.args, s)
	if err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case []any:
		return m.onList(of, n.name, args)
	case string:
		return m.onText(of, n.name, args)
	}
	return nil, fail("%s has no method %s", kindOf(of), n.name)
}

// static is Object.keys(o) and its like.
func (m *machine) static(n method, s *scope) (any, error) {
	args, err := m.all(n.args, s)
	if err != nil {
		return nil, err
	}
	o, ok := arg(args, 0).(map[string]any)
	if !ok {
		return nil, fail("Object.%s takes an object", n.name)
	}
	if err := m.spend(4 * len(o)); err != nil { // they are sorted
		return nil, err
	}
	out := []any{}
	for _, k := range keys(o) {
		switch n.name {
		case "keys":
			out = append(out, k)
		case "values":
			out = append(out, o[k])
		case "entries":
			out = append(out, []any{k, o[k]})
		default:
			return nil, fail("there is no Object.%s", n.name)
		}
	}
	return out, nil
}

func arg(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

func (m *machine) onList(l []any, name string, args []any) (any, error) {
	if err := m.spend(len(l)); err != nil {
		return nil, err
	}
	switch name {
	case "map", "filter", "flatMap", "some", "every", "find":
		f, ok := arg(args, 0).(function)
		if !ok {
			return nil, fail("%s takes a function", name)
		}
		return m.each(l, name, f)
	case "reduce":
		return m.reduce(l, args)
	case "includes", "indexOf":
		at := -1
		for i, v := range l {
			same, err := m.nested(v, arg(args, 0))
			if err != nil {
				return nil, err
			}
			if same {
				at = i
				break
			}
		}
		if name == "includes" {
			return at >= 0, nil
		}
		return float64(at), nil
	case "concat":
		out := slices.Clone(l)
		for _, a := range args {
			if more, ok := a.([]any); ok {
				if err := m.spend(len(more)); err != nil {
					return nil, err
				}
				out = append(out, more...)
			} else {
				out = append(out, a)
			}
		}
		return out, nil
	case "flatten":
		return m.flat(l)
	case "slice":
		from, to, err := bounds(args, len(l))
		return slices.Clone(l[from:max(from, to)]), err
	case "reverse":
		out := slices.Clone(l)
		slices.Reverse(out)
		return out, nil
	case "join":
		return m.join(l, args)
	}
	return nil, fail("a list has no method %s", name)
}

func (m *machine) each(l []any, name string, f function) (any, error) {
	out := []any{}
	for i, v := range l {
		got, err := m.call(f, v, float64(i))
		if err != nil {
			return nil, err
		}
		if name == "map" || name == "flatMap" {
			out = append(out, got)
			continue
		}
		yes, ok := got.(bool)
		switch {
		case !ok:
			return nil, fail("the function of %s gives %s and no boolean", name, kindOf(got))
		case name == "some" && yes, name == "every" && !yes:
			return yes, nil
		case name == "find" && yes:
			return v, nil
		case name == "filter" && yes:
			out = append(out, v)
		}
	}
	switch name {
	case "some":
		return false, nil
	case "every":
		return true, nil
	case "find":
		return nil, nil
	case "flatMap":
		return m.flat(out)
	}
	return out, nil
}

func (m *machine) reduce(l []any, args []any) (any, error) {
	f, ok := arg(args, 0).(function)
	if !ok {
		return nil, fail("reduce takes a function")
	}
	var sum any
	if len(args) > 1 {
		sum = args[1]
	} else if len(l) > 0 {
		sum, l = l[0], l[1:]
	} else {
		return nil, fail("reduce of an empty list needs a value to begin with")
	}
	for i, v := range l {
		var err error
		if sum, err = m.call(f, sum, v, float64(i)); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func (m *machine) flat(l []any) (any, error) {
	out := []any{}
	for _, v := range l {
		some, ok := v.([]any)
		if !ok {
			some = []any{v}
		}
		if err := m.spend(len(some)); err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func (m *machine) join(l []any, args []any) (any, error) {
	between := ","
	if s, ok := arg(args, 0).(string); ok {
		between = s
	}
	parts := make([]string, len(l))
	for i, v := range l {
		s, ok := v.(string)
		if !ok {
			return nil, fail("join takes a list of texts, and one is %s", kindOf(v))
		}
		if parts[i] = s; m.read(len(s)+len(between)) != nil {
			return nil, fail("the expression takes more than its steps")
		}
	}
	return strings.Join(parts, between), nil
}

func (m *machine) onText(t, name string, args []any) (any, error) {
	if err := m.read(len(t)); err != nil {
		return nil, err
	}
	switch name {
	case "toLowerCase", "toUpperCase", "slice", "substring", "charAt": // each letter is looked at, and written anew
		if err := m.spend(len(t) / 8); err != nil {
			return nil, err
		}
	}
	switch name {
	case "toLowerCase":
		return strings.ToLower(t), nil
	case "toUpperCase":
		return strings.ToUpper(t), nil
	case "trim":
		return strings.TrimSpace(t), nil
	case "toString":
		return t, nil
	case "slice", "substring":
		units := utf16.Encode([]rune(t))
		from, to, err := bounds(args, len(units))
		return string(utf16.Decode(units[from:max(from, to)])), err
	case "charAt":
		units := utf16.Encode([]rune(t))
		i, ok := arg(args, 0).(float64)
		if !ok || i != math.Trunc(i) || i < 0 || i >= float64(len(units)) {
			return "", nil
		}
		return string(utf16.Decode(units[int(i) : int(i)+1])), nil
	}
	return m.parts(t, name, args)
}

// parts are the methods that look for a text in another one.
func (m *machine) parts(t, name string, args []any) (any, error) {
	if !slices.Contains([]string{"includes", "startsWith", "endsWith", "indexOf", "split", "replace"}, name) {
		return nil, fail("a text has no method %s", name)
	}
	part, ok := arg(args, 0).(string)
	if !ok {
		return nil, fail("%s takes a text", name)
	}
	switch name {
	case "includes":
		return strings.Contains(t, part), nil
	case "startsWith":
		return strings.HasPrefix(t, part), nil
	case "endsWith":
		return strings.HasSuffix(t, part), nil
	case "indexOf":
		i := strings.Index(t, part)
		if i < 0 {
			return -1.0, nil
		}
		return float64(length(t[:i])), nil
	case "split":
		return m.split(t, part)
	}
	with, ok := arg(args, 1).(string)
	if !ok {
		return nil, fail("replace takes two texts")
	}
	return strings.Replace(t, part, with, 1), m.read(len(with))
}

func (m *machine) split(t, by string) (any, error) {
	n := strings.Count(t, by) + 1
	if err := m.spend(n); err != nil {
		return nil, err
	}
	out := make([]any, 0, n)
	for _, s := range strings.Split(t, by) {
		out = append(out, s)
	}
	return out, nil
}

// bounds are those of a slice, of which a negative one counts from the end.
func bounds(args []any, n int) (from, to int, err error) {
	to = n
	for i, at := range []*int{&from, &to} {
		v := arg(args, i)
		if v == nil {
			continue
		}
		f, ok := v.(float64)
		if !ok || f != math.Trunc(f) {
			return 0, 0, fail("slice takes whole numbers")
		}
		if f < 0 {
			f += float64(n)
		}
		*at = int(min(max(f, 0), float64(n)))
	}
	return from, to, nil
}

// length is a text's length as JavaScript counts it.
func length(t string) int {
	n := 0
	for _, r := range t {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}
