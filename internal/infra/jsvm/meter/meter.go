// Package meter rewrites a WebAssembly module so that no loop of it runs for long without
// asking its host whether to stop.
//
// A script engine asks that between the operations of a script, but not inside its own
// operations, and one of those can take minutes: joining a sparse array, raising a big
// integer, matching an expression. A module cannot be interrupted from outside, so each
// loop and each bulk operation of it is given a count to draw on, and calls the host when
// the count is used up. The host sets the count anew, lets others run meanwhile, or ends
// the call.
package meter

import (
	"errors"
	"fmt"
)

// Fuel is the exported global that holds the count. It is below zero only while the host
// is asked for more.
const Fuel = "annex_fuel"

// ErrModule says that a module is not of the kind that can be rewritten.
var ErrModule = errors.New("meter: unexpected module")

const (
	secType     = 1
	secImport   = 2
	secFunction = 3
	secGlobal   = 6
	secExport   = 7
	secCode     = 10

	typeI32 = 0x7f
)

// Rewrite gives the module with its loops metered. The host's function module.name, an
// import without parameters that gives one i32, is what they call when the count is used
// up. exempt says which functions are left as they are, by their code and the size of the
// largest one's; expose says under which names to export those that the module keeps to
// itself, "" for most.
func Rewrite(wasm []byte, module, name string, exempt func(code []byte, largest int) bool, expose func(code []byte) string) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, ok := r.(parseError)
			if !ok {
				panic(r)
			}
			out, err = nil, fmt.Errorf("%w: %s", ErrModule, string(p))
		}
	}()
	if len(wasm) < 8 || string(wasm[:8]) != "\x00asm\x01\x00\x00\x00" {
		return nil, ErrModule
	}
	m := &rewriter{exempt: exempt, poll: -1, exposed: exposed(wasm, expose)}
	out = append(out, wasm[:8]...)
	r := &reader{b: wasm, at: 8}
	for r.at < len(r.b) {
		id := r.byte()
		body := r.take(int(r.u32()))
		body = m.section(id, body, module, name)
		out = append(out, id)
		out = appendU32(out, uint32(len(body)))
		out = append(out, body...)
	}
	if !m.metered || !m.exported {
		return nil, fmt.Errorf("%w: it has no code, no globals or no exports", ErrModule)
	}
	return out, nil
}

type rewriter struct {
	exempt func(code []byte, largest int) bool

	params  []int // of each type
	imports int   // functions
	types   []int // type of each function of the module's own
	poll    int   // the host's function
	exposed []exposure
	fuel    uint32
	fill    uint32 // the function that is added for filling; the next one copies
	// globals, exported and metered say which sections were seen.
	globals, exported, metered bool
}

// exposure is a function of the module's own, counted without imports, and its new name.
type exposure struct {
	nth  int
	name string
}

// exposed looks ahead: the exports of a module come before its code.
func exposed(wasm []byte, expose func(code []byte) string) (found []exposure) {
	r := &reader{b: wasm, at: 8}
	for r.at < len(r.b) {
		id, body := r.byte(), r.take(int(r.u32()))
		if id != secCode {
			continue
		}
		code := &reader{b: body}
		for i := range int(code.u32()) {
			if name := expose(code.take(int(code.u32()))); name != "" {
				found = append(found, exposure{i, name})
			}
		}
	}
	return found
}

func (m *rewriter) section(id byte, body []byte, module, name string) []byte {
	r := &reader{b: body}
	switch id {
	case secType:
		for range r.u32() {
			if r.byte() != 0x60 {
				panic(parseError("a type that is no function"))
			}
			n := r.u32()
			r.take(int(n))
			r.take(int(r.u32()))
			m.params = append(m.params, int(n))
		}
		// (i32, i32, i32) → (), of the two functions that are added.
		out := append(appendU32(nil, uint32(len(m.params)+1)), body[sizeU32(uint32(len(m.params))):]...)
		return append(out, 0x60, 3, typeI32, typeI32, typeI32, 0)
	case secImport:
		m.readImports(r, module, name)
	case secFunction:
		for range r.u32() {
			m.types = append(m.types, int(r.u32()))
		}
		m.fill = uint32(m.imports + len(m.types))
		n := uint32(len(m.types))
		out := append(appendU32(nil, n+2), body[sizeU32(n):]...)
		return appendU32(appendU32(out, uint32(len(m.params))), uint32(len(m.params)))
	case secGlobal:
		n := r.u32()
		m.fuel += n
		m.globals = true
		out := append(appendU32(nil, n+1), r.b[r.at:]...)
		return append(out, typeI32, 1, 0x41, 0, 0x0b) // mutable, 0
	case secExport:
		n := r.u32()
		if !m.globals {
			panic(parseError("exports without globals"))
		}
		m.exported = true
		out := append(appendU32(nil, n+1+uint32(len(m.exposed))), r.b[r.at:]...)
		for _, x := range m.exposed {
			out = append(appendU32(out, uint32(len(x.name))), x.name...)
			out = appendU32(append(out, 0), uint32(m.imports+x.nth))
		}
		out = append(appendU32(out, uint32(len(Fuel))), Fuel...)
		return appendU32(append(out, 3), m.fuel)
	case secCode:
		return m.code(r)
	}
	return body
}

func (m *rewriter) readImports(r *reader, module, name string) {
	for range r.u32() {
		from, what := string(r.take(int(r.u32()))), string(r.take(int(r.u32())))
		switch r.byte() {
		case 0:
			r.u32()
			if from == module && what == name {
				m.poll = m.imports
			}
			m.imports++
		case 3:
			r.take(2)
			m.fuel++
		default:
			panic(parseError("an imported table or memory"))
		}
	}
}

func (m *rewriter) code(r *reader) []byte {
	if m.poll < 0 || !m.globals {
		panic(parseError("no function to call, or no globals"))
	}
	n := int(r.u32())
	if n != len(m.types) {
		panic(parseError("functions without code"))
	}
	bodies, largest := make([][]byte, n), 0
	for i := range bodies {
		bodies[i] = r.take(int(r.u32()))
		largest = max(largest, len(bodies[i]))
	}
	out := appendU32(nil, uint32(n+2))
	for i, b := range bodies {
		if !m.exempt(b, largest) {
			if m.types[i] >= len(m.params) {
				panic(parseError("a function of an unknown type"))
			}
			b = m.function(b, m.params[m.types[i]])
		}
		out = appendU32(out, uint32(len(b)))
		out = append(out, b...)
	}
	for _, b := range [][]byte{m.filling(), m.copying()} {
		out = appendU32(out, uint32(len(b)))
		out = append(out, b...)
	}
	m.metered = true
	return out
}

// function meters one function's body.
func (m *rewriter) function(b []byte, params int) []byte {
	r := &reader{b: b}
	groups := r.u32()
	start := r.at
	locals := uint32(params)
	for range groups {
		locals += r.u32()
		r.byte()
	}
	code := &instructions{reader: r, m: m, count: locals}
	code.copyUntilEnd()
	if !code.changed {
		return b
	}
	out := appendU32(nil, groups+1)
	out = append(out, b[start:code.first]...)
	out = append(appendU32(out, 1), typeI32)
	return append(out, code.out...)
}

// ask appends: the new count is on the stack; keep it, and call the host when it is used
// up.
func (m *rewriter) ask(out []byte, local uint32) []byte {
	out = appendU32(append(out, opLocalTee), local)
	out = appendU32(append(out, opGlobalSet), m.fuel)
	out = appendU32(append(out, opLocalGet), local)
	out = append(out, opI32Const, 0, opI32LtS, opIf, blockEmpty)
	out = appendU32(append(out, opCall), uint32(m.poll))
	return append(out, opDrop, opEnd)
}

// draw appends: take one from the count, and ask.
func (m *rewriter) draw(out []byte, local uint32) []byte {
	out = appendU32(append(out, opGlobalGet), m.fuel)
	return m.ask(append(out, opI32Const, 1, opI32Sub), local)
}
