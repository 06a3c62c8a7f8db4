// Package condition reads and evaluates the conditions of triggers: expressions over an
// event, in the part of JavaScript's syntax that manifests use for them (forge-facts 5.3).
//
// Promises:
//
//   - An expression sees what it is given and nothing else, changes nothing, and ends: each
//     step is counted, and what an operation reads or makes counts by its size.
//   - Where an expression makes no sense of an event (a member of null, numbers compared
//     with texts, a result that is no boolean) it fails, and whoever asked decides.
package condition

import "fmt"

// Limits of an expression.
const (
	MaxLength = 10_000 // characters
	MaxSteps  = 50_000 // of one evaluation
	maxNested = 100    // of what is written
	maxDeep   = 64     // of functions that call each other
)

// SyntaxError says where an expression cannot be read, and why.
type SyntaxError struct {
	Offset int // in bytes
	Why    string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at character %d: %s", e.Offset+1, e.Why) }

// Failure is an evaluation that came to no answer. Its text holds nothing of the event.
type Failure struct{ Why string }

func (f *Failure) Error() string { return f.Why }

func fail(format string, args ...any) *Failure { return &Failure{fmt.Sprintf(format, args...)} }

// Expression is a condition that was read. It is never changed.
type Expression struct{ root node }

// Parse reads an expression; its errors are of type *SyntaxError.
func Parse(text string) (Expression, error) {
	p := &parser{text: text}
	root, err := p.program()
	if err != nil {
		return Expression{}, err
	}
	return Expression{root}, nil
}

// Holds evaluates the expression with names that stand for values as encoding/json decodes
// them, with at most so many steps, and says how many it took. Errors are of type *Failure.
func (e Expression) Holds(names map[string]any, most int) (holds bool, steps int, err error) {
	m := &machine{left: most}
	s := &scope{}
	for name, v := range names {
		s = &scope{name: name, value: v, outer: s}
	}
	v, err := m.eval(e.root, s)
	if err != nil {
		return false, most - max(m.left, 0), err
	}
	holds, ok := v.(bool)
	if !ok {
		err = fail("the expression is %s and no boolean", kindOf(v))
	}
	return holds, most - max(m.left, 0), err
}
