package condition

import (
	"math"
	"slices"
)

type scope struct {
	name  string
	value any
	outer *scope
}

// function is a lambda with the names that it sees.
type function struct {
	lambda
	seen *scope
}

// absent is what a chain with ?. ends in.
var absent = fail("null")

// machine counts what an evaluation costs.
type machine struct {
	left int
	deep int
}

func (m *machine) spend(steps int) error {
	if m.left -= steps; m.left < 0 {
		return fail("the expression takes more than its steps")
	}
	return nil
}

// read spends for so many bytes or items that are looked at or made.
func (m *machine) read(size int) error { return m.spend(1 + size/32) }

func (m *machine) eval(n node, s *scope) (any, error) {
	if err := m.spend(1); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case literal:
		return n.value, nil
	case lookup:
		for at := s; at != nil; at = at.outer {
			if at.name == n.name {
				return at.value, nil
			}
		}
		return nil, fail("there is nothing with the name %q", clip(n.name))
	case list:
		return m.all(n.items, s)
	case object:
		values, err := m.all(n.values, s)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for i, k := range n.keys {
			out[k] = values[i]
		}
		return out, nil
	case member:
		return m.member(n, s)
	case method:
		return m.method(n, s)
	case chain:
		v, err := m.eval(n.of, s)
		if err == absent { //nolint:errorlint // it is this value, never wrapped
			return nil, nil
		}
		return v, err
	case unary:
		return m.unary(n, s)
	case binary:
		return m.binary(n, s)
	case choice:
		when, err := m.truth(n.when, s)
		if err != nil {
			return nil, err
		}
		if when {
			return m.eval(n.then, s)
		}
		return m.eval(n.other, s)
	case lambda:
		return function{n, s}, nil
	case let:
		v, err := m.eval(n.value, s)
		if err != nil {
			return nil, err
		}
		return m.eval(n.in, &scope{n.name, v, s})
	}
	return nil, fail("this cannot be evaluated")
}

func (m *machine) all(nodes []node, s *scope) ([]any, error) {
	out := make([]any, 0, len(nodes))
	for _, n := range nodes {
		v, err := m.eval(n, s)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (m *machine) truth(n node, s *scope) (bool, error) {
	v, err := m.eval(n, s)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fail("a condition is %s and no boolean", kindOf(v))
	}
	return b, nil
}

func (m *machine) member(n member, s *scope) (any, error) {
	of, err := m.eval(n.of, s)
	if err != nil {
		return nil, err
	}
	if of == nil && n.safe {
		return nil, absent
	}
	key, err := m.eval(n.key, s)
	if err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case map[string]any:
		k, ok := key.(string)
		if !ok {
			return nil, fail("a member's name is %s and no text", kindOf(key))
		}
		return of[k], nil
	case []any:
		if key == "length" {
			return float64(len(of)), nil
		}
		i, ok := key.(float64)
		if !ok {
			return nil, fail("a list has no such member")
		}
		if i != math.Trunc(i) || i < 0 || i >= float64(len(of)) {
			return nil, nil
		}
		return of[int(i)], nil
	case string:
		if key == "length" {
			return float64(length(of)), m.read(len(of))
		}
	}
	return nil, fail("%s has no members of this name", kindOf(of))
}

func (m *machine) unary(n unary, s *scope) (any, error) {
	if n.op == "!" {
		b, err := m.truth(n.of, s)
		return !b, err
	}
	v, err := m.eval(n.of, s)
	if err != nil {
		return nil, err
	}
	if n.op == "typeof" {
		return typeOf(v), nil
	}
	f, ok := v.(float64)
	if !ok {
		return nil, fail("%s has no sign", kindOf(v))
	}
	return -f, nil
}

func (m *machine) binary(n binary, s *scope) (any, error) {
	switch n.op {
	case "&&", "||":
		left, err := m.truth(n.left, s)
		if err != nil || left == (n.op == "||") {
			return left, err
		}
		return m.truth(n.right, s)
	case "??":
		if left, err := m.eval(n.left, s); err != nil || left != nil {
			return left, err
		}
		return m.eval(n.right, s)
	}
	left, err := m.eval(n.left, s)
	if err != nil {
		return nil, err
	}
	right, err := m.eval(n.right, s)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "==", "===", "!=", "!==":
		same, err := m.same(left, right)
		return same == (n.op[0] == '='), err
	case "+":
		a, isText := left.(string)
		b, bothText := right.(string)
		if isText && bothText {
			return a + b, m.read(len(a) + len(b))
		}
	case "<", ">", "<=", ">=":
		return m.compare(n.op, left, right)
	}
	return arithmetic(n.op, left, right)
}

func arithmetic(op string, left, right any) (any, error) {
	a, ok := left.(float64)
	b, both := right.(float64)
	if !ok || !both {
		return nil, fail("%s %s %s has no result", kindOf(left), op, kindOf(right))
	}
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	if b == 0 {
		return nil, fail("a division by zero")
	}
	if op == "%" {
		return math.Mod(a, b), nil
	}
	return a / b, nil
}

func (m *machine) compare(op string, left, right any) (any, error) {
	var c int
	switch a := left.(type) {
	case float64:
		b, ok := right.(float64)
		if !ok {
			return nil, fail("%s %s %s cannot be compared", kindOf(left), op, kindOf(right))
		}
		c = order(a, b)
	case string:
		b, ok := right.(string)
		if !ok {
			return nil, fail("%s %s %s cannot be compared", kindOf(left), op, kindOf(right))
		}
		if err := m.read(min(len(a), len(b))); err != nil {
			return nil, err
		}
		c = order(a, b)
	default:
		return nil, fail("%s %s %s cannot be compared", kindOf(left), op, kindOf(right))
	}
	return map[string]bool{"<": c < 0, ">": c > 0, "<=": c <= 0, ">=": c >= 0}[op], nil
}

func order[T float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// same compares by value; values of different kinds are never the same.
func (m *machine) same(left, right any) (bool, error) {
	switch a := left.(type) {
	case string:
		b, ok := right.(string)
		return ok && a == b, m.read(min(len(a), len(b)))
	case []any:
		b, ok := right.([]any)
		if !ok || len(a) != len(b) {
			return false, nil
		}
		for i := range a {
			if same, err := m.nested(a[i], b[i]); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case map[string]any:
		b, ok := right.(map[string]any)
		if !ok || len(a) != len(b) {
			return false, nil
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok {
				return false, nil
			}
			if same, err := m.nested(v, w); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case function:
		return false, fail("functions cannot be compared")
	}
	if _, ok := right.(function); ok {
		return false, fail("functions cannot be compared")
	}
	switch right.(type) {
	case []any, map[string]any:
		return false, nil
	}
	return left == right, nil
}

func (m *machine) nested(a, b any) (bool, error) {
	if err := m.spend(1); err != nil {
		return false, err
	}
	return m.same(a, b)
}

// call runs a function that a method was given; what it does not take is not given.
func (m *machine) call(f function, args ...any) (any, error) {
	if m.deep++; m.deep > maxDeep {
		return nil, fail("functions call each other too deeply")
	}
	defer func() { m.deep-- }()
	s := f.seen
	for i, p := range f.params {
		var v any
		if i < len(args) {
			v = args[i]
		}
		s = &scope{p, v, s}
	}
	return m.eval(f.body, s)
}

var kinds = map[string]string{"null": "null", "boolean": "a boolean", "number": "a number", "string": "a text", "list": "a list", "object": "an object", "function": "a function"}

func kindOf(v any) string { return kinds[typeOf(v)] }

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "list"
	case function:
		return "function"
	}
	return "object"
}

func clip(s string) string { return string([]rune(s)[:min(40, len([]rune(s)))]) }

func keys(o map[string]any) []string {
	out := make([]string, 0, len(o))
	for k := range o {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
