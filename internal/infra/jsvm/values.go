package jsvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// tags are how this build of the engine marks values: the upper half of the 64 bits.
// They are read from the engine when the base image is built, never assumed.
type tags struct {
	int, boolean, null, undefined, str, rope, object uint32
	floatAddend                                      uint64
}

// list and set carry the tags in an image's meta.
func (t *tags) list() []uint64 {
	return []uint64{
		uint64(t.int), uint64(t.boolean), uint64(t.null), uint64(t.undefined),
		uint64(t.str), uint64(t.rope), uint64(t.object), t.floatAddend,
	}
}

func (t *tags) set(v []uint64) bool {
	if len(v) != 8 {
		return false
	}
	*t = tags{uint32(v[0]), uint32(v[1]), uint32(v[2]), uint32(v[3]), uint32(v[4]), uint32(v[5]), uint32(v[6]), v[7]}
	return true
}

func tagOf(v uint64) uint32 { return uint32(v >> 32) }

func (t *tags) value(tag uint32, low uint32) uint64 { return uint64(tag)<<32 | uint64(low) }

func (t *tags) undef() uint64 { return t.value(t.undefined, 0) }

func (t *tags) bool(b bool) uint64 {
	if b {
		return t.value(t.boolean, 1)
	}
	return t.value(t.boolean, 0)
}

// number makes a number value without asking the engine.
func (t *tags) number(f float64) uint64 {
	if i := int32(f); float64(i) == f && (i != 0 || !math.Signbit(f)) {
		return t.value(t.int, uint32(i))
	}
	return math.Float64bits(f) - t.floatAddend
}

// isFloat says whether a value is a float: its upper half is none of the engine's marks.
func (t *tags) isFloat(v uint64) bool {
	const marks = 17 // from BigInt, eight below object, to the one before floats
	return tagOf(v)-(t.object-8) >= marks
}

func (t *tags) isString(v uint64) bool { return tagOf(v) == t.str || tagOf(v) == t.rope }

// mem is the memory of the instance that runs.
func (e *Engine) mem() []byte { return e.mapped.mem() }

func (e *Engine) u32(at uint32) (uint32, error) {
	m := e.mem()
	if uint64(at)+4 > uint64(len(m)) {
		return 0, errBounds
	}
	return binary.LittleEndian.Uint32(m[at:]), nil
}

func (e *Engine) u64(at uint32) (uint64, error) {
	m := e.mem()
	if uint64(at)+8 > uint64(len(m)) {
		return 0, errBounds
	}
	return binary.LittleEndian.Uint64(m[at:]), nil
}

func (e *Engine) bytes(at, n uint32) ([]byte, error) {
	m := e.mem()
	if uint64(at)+uint64(n) > uint64(len(m)) {
		return nil, errBounds
	}
	return m[at : at+n : at+n], nil
}

var (
	errBounds = errors.New("jsvm: address outside the memory")
	errMemory = errors.New("jsvm: the engine is out of memory")
	errType   = errors.New("jsvm: unexpected type of argument")
)

// onStack lends n bytes of the engine's stack, which calls dirty anyway; give returns
// them. What does not fit there is allocated.
const maxOnStack = 6 << 10

// lend copies b, followed by a zero byte, into the engine's memory.
func (e *Engine) lend(b []byte) (at uint32, giveBack func() error, err error) {
	n := len(b) + 1
	if n <= maxOnStack {
		old := e.sp.Get()
		at = (uint32(old) - uint32(n)) &^ 15
		if at < wasmPageSize || uint64(old) > uint64(len(e.mem())) {
			return 0, nil, errMemory
		}
		m := e.mem()[at:]
		copy(m, b)
		m[len(b)] = 0
		e.sp.Set(uint64(at))
		return at, func() error { e.sp.Set(old); return nil }, nil
	}
	return e.lendLarge(b)
}

// lendLarge is lend of a long text, which may come in parts.
func (e *Engine) lendLarge(parts ...[]byte) (at uint32, giveBack func() error, err error) {
	n := 1
	for _, b := range parts {
		n += len(b)
	}
	p, err := e.malloc(n)
	if err != nil {
		return 0, nil, err
	}
	m := e.mem()[p:]
	to := 0
	for _, b := range parts {
		if err := e.bulk(len(b), func(i, j int) { copy(m[to+i:], b[i:j]) }); err != nil {
			return 0, nil, err
		}
		to += len(b)
	}
	m[to] = 0
	return p, func() error {
		// A copy left behind in free memory would be written into a snapshot.
		if err := e.bulk(n, func(i, j int) { clear(e.mem()[int(p)+i : int(p)+j]) }); err != nil {
			return err
		}
		_, err := e.call(fnFree, uint64(p))
		return err
	}, nil
}

// atOnce is how much memory is moved at one go.
const atOnce = 1 << 20

// bulk does something with n bytes, a part at a time, and pauses in between where an
// operation of the host's may.
func (e *Engine) bulk(n int, fn func(from, to int)) error {
	for i := 0; i < n; i += atOnce {
		fn(i, min(i+atOnce, n))
		if in := e.cur; n > atOnce && in != nil && in.hosting {
			if err := in.pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

// copied is a copy of what lies in the engine's memory; it is charged to the call.
func (e *Engine) copied(b []byte) ([]byte, error) {
	if in := e.cur; in != nil && in.hosting {
		if err := in.charge(len(b)); err != nil {
			return nil, err
		}
	}
	out := make([]byte, 0, len(b))
	err := e.bulk(len(b), func(i, j int) { out = append(out, b[i:j]...) })
	return out, err
}

func (e *Engine) malloc(n int) (uint32, error) {
	p, err := e.call(fnMalloc, uint64(n))
	if err != nil {
		return 0, err
	}
	if uint32(p) == 0 || uint64(uint32(p))+uint64(n) > uint64(len(e.mem())) {
		return 0, errMemory
	}
	return uint32(p), nil
}

// newBytes makes a Uint8Array of bytes that may come in parts.
func (e *Engine) newBytes(cx uint32, parts ...[]byte) (uint64, error) {
	make := func(n int) func(uint32) (uint64, error) {
		return func(at uint32) (uint64, error) {
			return e.call(fnNewUint8Array, uint64(cx), uint64(at), uint64(n))
		}
	}
	switch len(parts) {
	case 0:
		return e.withBytes(nil, make(0))
	case 1:
		return e.withBytes(parts[0], make(len(parts[0])))
	}
	n := 0
	for _, b := range parts {
		n += len(b)
	}
	at, giveBack, err := e.lendLarge(parts...)
	if err != nil {
		return 0, err
	}
	v, err := make(n)(at)
	if err != nil {
		return 0, err
	}
	return v, giveBack()
}

var jsonName = []byte("<json>")

// parseJSON makes the value of a JSON text.
func (e *Engine) parseJSON(cx uint32, b []byte) (uint64, error) {
	return e.withBytes(jsonName, func(name uint32) (uint64, error) {
		return e.withBytes(b, func(at uint32) (uint64, error) {
			v, err := e.call(fnParseJSON, uint64(cx), uint64(at), uint64(len(b)), uint64(name))
			if err == nil && e.isException(v) {
				err = fmt.Errorf("jsvm: parse JSON: %w", e.exception(cx))
			}
			return v, err
		})
	})
}

func (e *Engine) withBytes(b []byte, fn func(at uint32) (uint64, error)) (uint64, error) {
	at, giveBack, err := e.lend(b)
	if err != nil {
		return 0, err
	}
	v, err := fn(at)
	if err != nil {
		return 0, err
	}
	return v, giveBack()
}

// typedUint8 is the engine's number of Uint8Array among typed arrays (quickjs.h).
const typedUint8 = 2

// view gives the bytes of a Uint8Array in place; they are valid until the next call.
func (e *Engine) view(cx uint32, v uint64) ([]byte, error) {
	if tagOf(v) != e.tags.object {
		return nil, errType
	}
	// Asked for the bytes of anything else, the engine throws, which may run app code.
	if kind, err := e.call(fnTypedArrayType, v); err != nil || int32(kind) != typedUint8 {
		return nil, errors.Join(err, errType)
	}
	old := e.sp.Get()
	out := uint32(old) - 16
	e.sp.Set(uint64(out))
	p, err := e.call(fnGetUint8Array, uint64(cx), uint64(out), v)
	e.sp.Set(old)
	if err != nil {
		return nil, err
	}
	n, err := e.u32(out)
	if err != nil {
		return nil, err
	}
	if uint32(p) == 0 {
		if n == 0 && !e.pendingException(cx) {
			return nil, nil // an empty array has no address
		}
		return nil, errType
	}
	return e.bytes(uint32(p), n)
}

// pendingException takes and frees the pending exception, and says whether there was one.
func (e *Engine) pendingException(cx uint32) bool {
	v, err := e.call(fnGetException, uint64(cx))
	if err != nil {
		return true
	}
	if t := tagOf(v); t == e.tags.null || t == e.tags.undefined || t > e.tags.undefined && t < e.tags.undefined+2 {
		return false // null or "uninitialized": nothing is pending
	}
	_, _ = e.call(fnFreeValue, uint64(cx), v)
	return true
}

// content copies out a string or a Uint8Array; undefined and null are (nil, false).
func (e *Engine) content(cx uint32, v uint64, max int) (b []byte, isText bool, err error) {
	switch {
	case e.tags.isString(v):
		b, err = e.text(cx, v, max)
		return b, true, err
	case tagOf(v) == e.tags.object:
		b, err = e.view(cx, v)
		if err != nil {
			return nil, false, err
		}
		if len(b) > max {
			return nil, false, &tooLongError{len(b), max}
		}
		b, err = e.copied(b)
		return b, false, err
	case tagOf(v) == e.tags.undefined, tagOf(v) == e.tags.null:
		return nil, false, nil
	}
	return nil, false, errType
}

// num reads a number value.
func (e *Engine) num(v uint64) (float64, error) {
	t := tagOf(v)
	switch {
	case t == e.tags.int:
		return float64(int32(uint32(v))), nil
	case t == e.tags.boolean, t == e.tags.null, t == e.tags.undefined, e.tags.isString(v), t == e.tags.object:
		return 0, errType
	}
	return math.Float64frombits(v + e.tags.floatAddend), nil
}

type tooLongError struct{ n, max int }

func (t *tooLongError) Error() string {
	return fmt.Sprintf("jsvm: %d bytes, %d allowed", t.n, t.max)
}

// isException reports whether a value is the mark of a thrown exception.
func (e *Engine) isException(v uint64) bool { return tagOf(v) == e.tags.undefined+3 }

// exception takes the pending exception and describes it.
func (e *Engine) exception(cx uint32) *evalError {
	x := &evalError{Name: "Error", Message: "a value that is no Error was thrown"}
	v, err := e.call(fnGetException, uint64(cx))
	if err != nil {
		x.Message = err.Error()
		return x
	}
	read := func(v uint64, into *string) {
		if b, err := e.text(cx, v, 64<<10); err == nil {
			*into = string(b)
		}
	}
	if tagOf(v) == e.tags.object {
		for name, into := range map[string]*string{"name": &x.Name, "message": &x.Message, "stack": &x.Stack} {
			if pv, err := e.property(cx, v, name); err == nil {
				read(pv, into)
				_, _ = e.call(fnFreeValue, uint64(cx), pv)
			}
		}
	} else {
		read(v, &x.Message)
	}
	_, _ = e.call(fnFreeValue, uint64(cx), v)
	return x
}

// evalError is an exception that left the engine.
type evalError struct {
	Name    string `json:"name"`
	Message string `json:"message"`
	Stack   string `json:"stack"`
}

func (x *evalError) Error() string { return x.Name + ": " + x.Message + "\n" + x.Stack }

// property reads a property; its owner must be an object.
func (e *Engine) property(cx uint32, obj uint64, name string) (uint64, error) {
	return e.withBytes([]byte(name), func(at uint32) (uint64, error) {
		return e.call(fnGetPropertyStr, uint64(cx), obj, uint64(at))
	})
}
