package jsvm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// The numbers of the host's operations; kernel.js has the same table.
const (
	opEntry = 1 + iota
	opCall
	opTimer
	opUntimer
	opLog
	opResult
	opRandom
	opNow
	opHash
	opHMAC
	opUTF8Enc
	opUTF8Dec
	opInflate
	opDeflate
	opTZ
	opFile
	opCPU
	opEqual
	opLatin1Dec
	opUTF16Dec
	opCrypto
	opStringify
	opRespond
	opIntl
	opMemory
	opUptime
	opEmit
	opText
)

// entryNames are the kernel's functions that the host calls.
var entryNames = []string{"load", "start", "settle", "finish", "fail", "session", "reply", "timer", "phase", "unhandled"}

// jsError becomes an exception in the sandbox; code may be empty.
type jsError struct{ name, message, code string }

func (j *jsError) Error() string { return j.name + ": " + j.message }

func typeError(format string, args ...any) error {
	return &jsError{name: "TypeError", message: fmt.Sprintf(format, args...)}
}

// hostCall is the one native function: (op, ...args) → value or exception.
// Stack: name, its length, this, argc, argv; the answer is a boxed value, 0 for a throw.
//
// An operation never runs inside another of the same call: whatever of the engine it uses
// could then be entered over its own frames. The panics here unwind the engine, which
// makes them the error of the step's call.
func (e *Engine) hostCall(st []uint64) {
	argc, argv := uint32(st[3]), uint32(st[4])
	st[0] = 0
	in := e.cur
	if in == nil {
		return
	}
	if in.hosting {
		in.stop(&trapError{"host_call", errReentered})
	}
	// Operations may be long, and the engine asks only every 10,000 operations of its own.
	if err := in.pause(); err != nil {
		in.stop(err)
	}
	in.hosting = true
	st[0] = in.answer(argc, argv)
	in.hosting = false
	in.discharge()
}

// errEnded says that an operation found its call ended.
var errEnded = errors.New("jsvm: the call has ended")

// stop ends the call in the middle of an operation. It does not return.
func (in *Instance) stop(err error) {
	in.broken(err)
	panic(err)
}

// answer runs an operation and gives what the engine's trampoline wants.
func (in *Instance) answer(argc, argv uint32) uint64 {
	e := in.e
	var buf [6]uint64
	args := buf[:0]
	for i := range min(argc, uint32(len(buf))) {
		box, err := e.u32(argv + 4*i)
		if err == nil {
			var v uint64
			if v, err = e.u64(box); err == nil {
				args = append(args, v)
				continue
			}
		}
		in.stop(err)
	}
	v, err := in.op(args)
	if err == nil {
		if v, err = e.box(v); err == nil {
			return v
		}
	}
	var js *jsError
	var long *tooLongError
	switch {
	case errors.As(err, &js):
	case errors.As(err, &long):
		js = &jsError{name: "RangeError", message: fmt.Sprintf("%d bytes are too many here; %d are allowed", long.n, long.max)}
	case errors.Is(err, errType):
		js = &jsError{name: "TypeError", message: "the host was given an argument of the wrong type"}
	default:
		in.stop(err)
	}
	if err := e.throw(in.meta.Context, js); err != nil {
		in.stop(err)
	}
	return 0
}

// box puts a value where the engine's trampoline takes it from.
func (e *Engine) box(v uint64) (uint64, error) {
	p, err := e.malloc(8)
	if err != nil {
		return 0, err
	}
	binary.LittleEndian.PutUint64(e.mem()[p:], v)
	return uint64(p), nil
}

// The engine's flags of a property (quickjs.h).
const (
	propConfigurable = 1 << 0
	propWritable     = 1 << 1
	propEnumerable   = 1 << 2
)

// classError is the engine's number of the class Error (quickjs.c).
const classError = 3

// throw makes js the pending exception. Its properties are defined, not set: a setter on
// a prototype is app code.
func (e *Engine) throw(cx uint32, js *jsError) error {
	// JS_NewError would ask the app's Error.prepareStackTrace for a stack. The error gets
	// it when it arrives in the code that called the host.
	v, err := e.call(fnNewObjectClass, uint64(cx), classError)
	if err != nil || e.isException(v) {
		return err
	}
	for _, p := range [...][2]string{{"name", js.name}, {"message", js.message}, {"code", js.code}} {
		if p[1] == "" {
			continue
		}
		flags := uint64(propConfigurable | propWritable)
		if p[0] == "code" {
			flags |= propEnumerable
		}
		text, err := e.newString(cx, []byte(p[1]))
		if err != nil || e.isException(text) {
			return err // or what is pending already: no memory
		}
		done, err := e.withBytes([]byte(p[0]), func(at uint32) (uint64, error) {
			return e.call(fnDefine, uint64(cx), v, uint64(at), text, flags)
		})
		if err != nil || int32(done) < 0 {
			return err
		}
	}
	_, err = e.call(fnThrow, uint64(cx), v)
	return err
}

// op answers one operation. args[0] is its number.
func (in *Instance) op(args []uint64) (uint64, error) {
	if len(args) == 0 {
		return 0, errType
	}
	e := in.e
	code, err := e.num(args[0])
	if err != nil {
		return 0, err
	}
	arg := func(i int) uint64 {
		if i < len(args) {
			return args[i]
		}
		return e.tags.undef()
	}
	undef := e.tags.undef()
	switch int(code) {
	case opEntry:
		return undef, in.opEntry(arg(1), arg(2))
	case opCall:
		return in.opCall(arg(1), arg(2), arg(3), arg(4), arg(5))
	case opTimer:
		return undef, in.opTimer(arg(1), arg(2))
	case opUntimer:
		id, err := in.id(arg(1))
		if err != nil {
			return 0, err
		}
		if _, ok := in.timers[id]; ok {
			delete(in.timers, id)
			if in.host != nil {
				in.host.Untimer(id)
			}
		}
		return undef, nil
	case opLog:
		return undef, in.opLog(arg(1), arg(2))
	case opEmit:
		return undef, in.opEmit(arg(1))
	case opResult:
		return undef, in.opResult(arg(1), arg(2), arg(3))
	case opRespond:
		return in.opRespond(arg(1))
	case opStringify:
		text, ok := in.stringify(arg(1))
		v, err := undef, error(nil)
		if ok {
			v, err = e.newString(in.meta.Context, text)
		}
		e.keep(text)
		return v, err
	case opText:
		n, err := in.id(arg(1))
		if err != nil || int(n) >= len(in.texts) {
			return undef, errType
		}
		return e.newString(in.meta.Context, in.texts[n])
	case opNow:
		return e.tags.number(float64(in.clock.read().UnixMilli())), nil
	case opMemory:
		return e.tags.number(float64(in.sp.size)), nil
	case opUptime: // 0 at module scope, which is kept
		if in.began.IsZero() {
			return e.tags.number(0), nil
		}
		return e.tags.number(float64(in.clock.read().Sub(in.began).Milliseconds())), nil
	case opCPU:
		return e.tags.number(float64((in.cpu + e.cfg.Now().Sub(in.stepStart)).Microseconds())), nil
	}
	return in.native(int(code), arg)
}

func (in *Instance) id(v uint64) (uint32, error) {
	f, err := in.e.num(v)
	if err != nil || f < 0 || f > math.MaxUint32 || f != math.Trunc(f) {
		return 0, errType
	}
	return uint32(f), nil
}

// opEntry registers the kernel's functions, once in the base image; and, from load, the
// functions that the app exports.
func (in *Instance) opEntry(table, exports uint64) error {
	e, cx := in.e, in.meta.Context
	if !in.building {
		return typeError("the kernel is complete")
	}
	if e.tags.isString(exports) {
		b, err := e.text(cx, exports, 1<<20)
		if err != nil {
			return err
		}
		in.registered = true
		in.meta.Exports = nil
		if json.Unmarshal(b, &in.meta.Exports) != nil {
			return typeError("the exports are no list of names")
		}
		return nil
	}
	if e.base != nil || tagOf(table) != e.tags.object {
		return typeError("the kernel is complete")
	}
	for _, name := range entryNames {
		v, err := e.property(cx, table, name)
		if err != nil {
			return err
		}
		in.meta.Entry[name] = v // a reference that is never given back
	}
	return nil
}

// opCall begins a host call. At module scope how is the stack, otherwise whether the
// answer's head is wanted as a text.
func (in *Instance) opCall(id, method, head, body, how uint64) (uint64, error) {
	e, cx := in.e, in.meta.Context
	n, err := in.id(id)
	if err != nil {
		return 0, err
	}
	name, err := e.text(cx, method, 256)
	if err != nil {
		return 0, err
	}
	if in.building || in.host == nil {
		if err := in.called(string(name), how); err != nil {
			return 0, err
		}
		return e.newString(cx, fmt.Appendf(nil, "%s cannot be called at module scope: module scope runs once, when the app is deployed; call it inside a function", name))
	}
	h, err := e.text(cx, head, MaxHead)
	if err == nil && !object(h) {
		return 0, in.invalid("the head of a call of %.64s is no JSON object", name)
	}
	var b []byte
	if err == nil {
		b, _, err = e.content(cx, body, MaxBody)
	}
	var long *tooLongError
	if errors.As(err, &long) {
		return 0, &jsError{"RangeError", fmt.Sprintf("%s was given %d bytes; %d are allowed", name, long.n, long.max), "LIMIT_REQUEST"}
	}
	if err != nil {
		return 0, err
	}
	if in.calls == nil {
		in.calls = map[uint32]bool{}
	}
	in.calls[n] = how == e.tags.bool(true)
	in.asks(n)
	in.host.Call(n, string(name), h, b)
	return e.tags.undef(), nil
}

// maxTimers bounds what one call can make the worker remember.
const maxTimers = 10_000

func (in *Instance) opTimer(id, ms uint64) error {
	n, err := in.id(id)
	if err != nil {
		return err
	}
	d, err := in.e.num(ms)
	if err != nil {
		return err
	}
	if in.timers == nil {
		in.timers = map[uint32]time.Time{}
	}
	if _, again := in.timers[n]; !again && len(in.timers) >= maxTimers {
		return &jsError{name: "RangeError", message: fmt.Sprintf("more than %d timers at once", maxTimers)}
	}
	if !(d > 0) {
		d = 0
	}
	in.timers[n] = time.Now().Add(time.Duration(min(d, math.MaxInt32)) * time.Millisecond)
	if in.host != nil {
		in.host.Timer(n, time.Duration(min(d, math.MaxInt32))*time.Millisecond)
	}
	return nil
}

func (in *Instance) opLog(level, args uint64) error {
	if in.host == nil {
		return nil
	}
	e, cx := in.e, in.meta.Context
	l, err := e.text(cx, level, 16)
	if err != nil {
		return err
	}
	a, err := e.text(cx, args, 1<<20)
	var long *tooLongError
	if errors.As(err, &long) {
		a = fmt.Appendf(nil, `["a log line of %d bytes was left out"]`, long.n)
	} else if err != nil {
		return err
	}
	switch {
	case !json.Valid(a):
		return in.invalid("a log line is no JSON")
	case !startsWith(a, '['): // an app may teach lists another JSON
		a = append(append([]byte{'['}, a...), ']')
	}
	in.host.Log(string(l), a)
	return nil
}

func (in *Instance) opResult(ok, head, body uint64) error {
	e, cx := in.e, in.meta.Context
	if in.outcome != nil {
		return nil
	}
	o := &Outcome{OK: ok == e.tags.bool(true)}
	max := MaxHead
	if !o.OK {
		max = maxErrorHead
	}
	var err error
	if e.tags.isString(head) {
		if o.Head, err = e.text(cx, head, max); err != nil {
			return in.resultTooLong(err, max)
		}
	}
	if (o.Head != nil || !o.OK) && !object(o.Head) {
		return in.invalid("the head of the result is no JSON object")
	}
	if !o.OK && outOfMemory(o.Head) {
		in.finish(&Outcome{Fault: limitMemory(in.sp.limit)})
		return nil
	}
	o.HasBody = e.tags.isString(body) || tagOf(body) == e.tags.object
	if o.Body, _, err = e.content(cx, body, in.limits.Response); err != nil {
		return in.resultTooLong(err, in.limits.Response)
	}
	in.finish(o)
	return nil
}

func (in *Instance) resultTooLong(err error, max int) error {
	var long *tooLongError
	if !errors.As(err, &long) {
		return err
	}
	if max == maxErrorHead {
		in.finish(&Outcome{Head: []byte(`{"name":"Error","message":"the app's error was too large to be reported","stack":""}`)})
		return nil
	}
	in.finish(&Outcome{Fault: limitResponse(long.n, max)})
	return nil
}

// object says whether b is a JSON object. Heads go onto the wire as they are.
func object(b []byte) bool { return startsWith(b, '{') && json.Valid(b) }

func startsWith(b []byte, c byte) bool { return len(b) > 0 && b[0] == c }

// invalid ends a call whose kernel does not keep to the interface with the host: app code
// has tampered with it.
func (in *Instance) invalid(format string, args ...any) error {
	in.finish(&Outcome{Fault: fault.New(fault.App, "INVALID_HOST_OP", format, args...).
		WithFix("leave the built-in objects of the language as they are")})
	return errEnded
}

// called keeps the first host call of a module scope, which fails the deploy whatever the
// app does with the refusal. The kernel says where in the app's code it was made.
func (in *Instance) called(method string, stack uint64) error {
	if !in.building || in.refused != nil {
		return nil
	}
	at, err := in.e.text(in.meta.Context, stack, 64<<10)
	if err != nil {
		at = nil // the kernel has none
	}
	message := "module scope called " + method + ": module scope runs once, when the app is deployed, and may call nothing"
	in.refused, err = json.Marshal(map[string]string{"name": "Error", "message": message, "code": "MODULE_SCOPE_CALL", "stack": string(at)})
	return err
}
