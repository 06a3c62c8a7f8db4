package jsvm

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxQuick is the longest text that is made here; the engine makes longer ones itself,
	// and can be interrupted.
	maxQuick = 12 << 20
	maxDepth = 200
	// maxKept is the largest buffer that is kept for the next text.
	maxKept = 64 << 10
)

// stringify is JSON.stringify for plain data, many times as fast as the engine's own. It
// answers false for everything else, and nothing of the app has run then. Who has made use of the
// text gives it back, see keep.
func (in *Instance) stringify(v uint64) ([]byte, bool) {
	h, ok := in.heapOf()
	if !ok {
		return nil, false
	}
	w := jsonWriter{heapReader: &h, out: in.e.json[:0], in: in}
	in.e.json = nil // another call may make a text in a pause of this one
	w.value(v, 0)
	return w.out, !h.gaveUp
}

// keep takes back a text of stringify for the next one. Until then nobody else may have it: the
// engine, asked for anything, even for memory, may let another call run.
func (e *Engine) keep(text []byte) {
	if cap(text) <= maxKept {
		e.json = text
	}
}

type jsonWriter struct {
	*heapReader
	out     []byte
	in      *Instance
	charged int // bytes of out that its call was charged
}

// weigh charges the text to its call as it grows.
func (w *jsonWriter) weigh() {
	if n := cap(w.out) - w.charged; n > 0 && w.pause != nil {
		w.charged += n
		if w.in.charge(n) != nil {
			w.giveUp()
		}
	}
}

func (w *jsonWriter) add(s string) { w.out = append(w.out, s...) }

func (w *jsonWriter) value(v uint64, depth int) {
	w.step()
	if depth > maxDepth || len(w.out) > maxQuick {
		w.giveUp()
	}
	if w.gaveUp {
		return
	}
	w.weigh()
	t := w.tags
	switch tag := tagOf(v); {
	case tag == t.int:
		w.out = strconv.AppendInt(w.out, int64(int32(uint32(v))), 10)
	case tag == t.boolean:
		w.out = strconv.AppendBool(w.out, uint32(v) != 0)
	case tag == t.null:
		w.add("null")
	case t.isString(v):
		w.add(`"`)
		w.chars(v, 0)
		w.add(`"`)
	case tag == t.object:
		if o := w.object(v); w.gaveUp {
		} else if o.list {
			w.list(o, depth)
		} else {
			w.members(o, depth)
		}
	case t.isFloat(v):
		w.number(math.Float64frombits(v + t.floatAddend))
	default: // undefined, where it is not left out or null; BigInt; Symbol
		w.giveUp()
	}
}

func (w *jsonWriter) list(o plainObject, depth int) {
	w.add("[")
	for i := uint32(0); i < o.length && !w.gaveUp; i++ {
		if i > 0 {
			w.add(",")
		}
		if v := w.u64(o.values + 8*i); tagOf(v) == w.tags.undefined {
			w.add("null")
		} else {
			w.value(v, depth+1)
		}
	}
	w.add("]")
}

func (w *jsonWriter) members(o plainObject, depth int) {
	w.add("{")
	first := true
	w.each(o, func(name uint32, v uint64) {
		if tagOf(v) == w.tags.undefined {
			return
		}
		if !first {
			w.add(",")
		}
		first = false
		w.add(`"`)
		w.quote(w.text(name))
		w.add(`":`)
		w.value(v, depth+1)
	})
	w.add("}")
}

// number writes a float as the language does: the shortest text that reads as the same.
func (w *jsonWriter) number(f float64) {
	switch abs := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		w.add("null")
	case f == 0:
		w.add("0") // also for -0
	case abs < 1e-6 || abs >= 1e21:
		w.out = strconv.AppendFloat(w.out, f, 'e', -1, 64)
		// e-07 is e-7
		if n := len(w.out); w.out[n-4] == 'e' && w.out[n-3] == '-' && w.out[n-2] == '0' {
			w.out[n-2] = w.out[n-1]
			w.out = w.out[:n-1]
		}
	default:
		w.out = strconv.AppendFloat(w.out, f, 'f', -1, 64)
	}
}

// chars writes a string's characters; it may be a rope of several.
func (w *jsonWriter) chars(v uint64, depth int) {
	w.step()
	p := uint32(v)
	switch {
	case w.gaveUp:
	case tagOf(v) == w.tags.str:
		w.quote(w.text(p))
	case tagOf(v) == w.tags.rope && depth < maxDepth && w.u16(p+ropeWide)&0xff == 0:
		w.chars(w.u64(p+ropeLeft), depth+1)
		w.chars(w.u64(p+ropeRight), depth+1)
	default: // a pair of surrogates may lie on both sides of a seam
		w.giveUp()
	}
}

// plainChars are those that stand for themselves in JSON.
var plainChars = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func (w *jsonWriter) quote(b []byte, wide bool) {
	if len(w.out)+len(b) > maxQuick {
		w.giveUp()
		return
	}
	for len(b) > 0 && !w.gaveUp {
		n := w.quotable(b, wide)
		if wide {
			w.quoteWide(b[:n])
		} else {
			w.quoteLatin(b[:n])
		}
		b = b[n:]
		w.work(n / bytesPerStep)
		w.weigh()
	}
}

const (
	// quotedAtOnce is how much of a text is written between two looks at the clock, and
	// bytesPerStep how much of it counts as a step.
	quotedAtOnce = 4 << 10
	bytesPerStep = 4
)

// quotable is how much of b to write next: it does not end inside a pair of surrogates.
func (w *jsonWriter) quotable(b []byte, wide bool) int {
	if len(b) <= quotedAtOnce {
		return len(b)
	}
	if n := quotedAtOnce; !wide || b[n-1]&0xfc != 0xd8 {
		return n
	}
	return quotedAtOnce - 2
}

func (w *jsonWriter) quoteLatin(b []byte) {
	for len(b) > 0 {
		n := 0
		for n < len(b) && plainChars[b[n]] {
			n++
		}
		w.out = append(w.out, b[:n]...)
		if n == len(b) {
			return
		}
		w.special(rune(b[n]))
		b = b[n+1:]
	}
}

func (w *jsonWriter) quoteWide(b []byte) {
	for ; len(b) >= 2; b = b[2:] {
		c := rune(binary.LittleEndian.Uint16(b))
		switch {
		case c < utf8.RuneSelf && plainChars[c]:
			w.out = append(w.out, byte(c))
		case utf16.IsSurrogate(c):
			if len(b) >= 4 {
				if r := utf16.DecodeRune(c, rune(binary.LittleEndian.Uint16(b[2:]))); r != utf8.RuneError {
					w.out = utf8.AppendRune(w.out, r)
					b = b[2:]
					continue
				}
			}
			w.escape(c)
		default:
			w.special(c)
		}
	}
}

// special writes a character that does not stand for itself, or is not ASCII.
func (w *jsonWriter) special(c rune) {
	switch c {
	case '"', '\\':
		w.out = append(w.out, '\\', byte(c))
	case '\b':
		w.add(`\b`)
	case '\t':
		w.add(`\t`)
	case '\n':
		w.add(`\n`)
	case '\f':
		w.add(`\f`)
	case '\r':
		w.add(`\r`)
	default:
		if c < 0x20 {
			w.escape(c)
			return
		}
		w.out = utf8.AppendRune(w.out, c)
	}
}

// escape writes a character by its number.
func (w *jsonWriter) escape(c rune) {
	const hex = "0123456789abcdef"
	w.out = append(w.out, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
}

// heapProbes are values of every kind that plain data has, and of the kinds that must not
// be taken for it.
var heapProbes = []string{
	`({a: 1, b: -2147483648, c: 1.5, d: true, e: false, f: null, g: undefined, h: "text", i: [], j: {}})`,
	`[1, 2.5, "x", null, undefined, [3, [4]], {a: {b: {c: [5]}}}]`,
	`({s: '"\\\b\t\n\f\r\u0000\u001f\u007f', latin: "äöüÿ", wide: "日本 \u{1f600} \ud83d x \udc00", rope: "a".repeat(300) + "b".repeat(300) + "é"})`,
	`[0, -0, 0.1, 1e-7, 1.5e-10, 1e21, 1.7976931348623157e308, 5e-324, 123456789012345680000, NaN, Infinity]`,
	`(() => { const o = {a: 1, b: 2, c: 3}; delete o.b; o.d = 4; Object.defineProperty(o, "hidden", {value: 5}); return o })()`,
	`(() => { const o = Object.create(null); o.x = "abcdefghijklmnopqrstuvwxyz".slice(3, 20); return o })()`,
	`(() => { class A { #p = 1; constructor() { this.q = 2 } } return [new A(), "slice of a longer text".substring(2, 21)] })()`,
	`(() => { const o = {}; for (let i = 0; i < 100; i++) o["k" + i] = i; return o })()`,
	`(() => { const o = {b: 1, 2: 2, 1: 1}; return o })()`,
	`({b: 1, "3000000000": 2, "4294967294": 3})`,
	`({b: 1, "4294967295": 2, "30000000000": 3, "2147483647x": 4})`,
	`({get a() { return 1 }, toJSON: undefined})`,
	`({d: new Date(0), m: new Map([[1, 2]]), r: /x/, f() {}, s: Symbol("s"), [Symbol("k")]: 1, e: new Error("x"), n: new Number(3)})`,
	`[, 1, , 2]`,
	`(() => { const a = [1]; a.length = 3; return a })()`,
	`(() => { const a = [1]; a.toJSON = () => 7; return {a} })()`,
	`new Proxy({a: 1}, {})`,
}

// proveHeap compares with the engine's own answers.
func (e *Engine) proveHeap(in *Instance) error {
	cx := in.meta.Context
	quick := 0
	for _, probe := range heapProbes {
		v, err := e.eval(cx, "<probe>", []byte(probe))
		if err != nil {
			return err
		}
		made, ok := in.stringify(v)
		got := string(made)
		e.keep(made)
		if _, err := e.call(fnFreeValue, uint64(cx), v); err != nil {
			return err
		}
		s, err := e.eval(cx, "<probe>", []byte("JSON.stringify("+probe+")"))
		if err != nil {
			return err
		}
		want, err := e.text(cx, s, maxQuick)
		if err != nil {
			return err
		}
		if _, err := e.call(fnFreeValue, uint64(cx), s); err != nil {
			return err
		}
		if !ok {
			continue
		}
		if quick++; got != string(want) {
			return fmt.Errorf("the engine keeps its values in an unknown way: %s reads %s, not %s", probe, got, want)
		}
	}
	if quick < 8 {
		return fmt.Errorf("the engine keeps its values in an unknown way: %d of %d can be read", quick, len(heapProbes))
	}
	return nil
}
