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
	opVerify
)

// entryNames are the kernel's functions that the host calls.
var entryNames = []string{"load", "start", "reply", "timer", "phase", "unhandled"}

// jsError becomes an exception in the sandbox.
type jsError struct{ name, message string }

func (j *jsError) Error() string { return j.name + ": " + j.message }

func typeError(format string, args ...any) error {
	return &jsError{"TypeError", fmt.Sprintf(format, args...)}
}

// hostCall is the one native function: (op, ...args) → value or exception.
// Stack: name, its length, this, argc, argv; the answer is a boxed value, 0 for a throw.
func (e *Engine) hostCall(st []uint64) {
	argc, argv := uint32(st[3]), uint32(st[4])
	st[0] = 0
	in := e.cur
	if in == nil {
		return
	}
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
		in.broken(err)
		return
	}
	v, err := in.op(args)
	if err == nil {
		st[0], err = e.box(v)
	}
	if err == nil {
		return
	}
	st[0] = 0
	var js *jsError
	var long *tooLongError
	switch {
	case errors.As(err, &js):
	case errors.As(err, &long):
		js = &jsError{"RangeError", fmt.Sprintf("%d bytes are too many here; %d are allowed", long.n, long.max)}
	case errors.Is(err, errType):
		js = &jsError{"TypeError", "the host was given an argument of the wrong type"}
	default:
		in.broken(err)
		js = &jsError{"Error", "the host could not answer"}
	}
	e.throw(in.meta.Context, js)
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

func (e *Engine) throw(cx uint32, js *jsError) {
	v, err := e.call(fnNewError, uint64(cx))
	if err != nil {
		return
	}
	set := func(name, value string) {
		sv, err := e.newString(cx, []byte(value))
		if err != nil {
			return
		}
		_, _ = e.withBytes([]byte(name), func(at uint32) (uint64, error) {
			return e.call(fnSetPropertyStr, uint64(cx), v, uint64(at), sv)
		})
	}
	set("name", js.name)
	set("message", js.message)
	_, _ = e.call(fnThrow, uint64(cx), v)
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
		return in.opCall(arg(1), arg(2), arg(3), arg(4))
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
	case opResult:
		return undef, in.opResult(arg(1), arg(2), arg(3))
	case opNow:
		return e.tags.number(float64(in.clock.read().UnixMilli())), nil
	case opCPU:
		return e.tags.number(float64((in.cpu + time.Since(in.stepStart)).Microseconds())), nil
	}
	return in.native(int(code), arg)
}

func (in *Instance) id(v uint64) (uint32, error) {
	f, err := in.e.num(v)
	if err != nil || f < 0 || f > math.MaxUint32 {
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
		return json.Unmarshal(b, &in.meta.Exports)
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

func (in *Instance) opCall(id, method, head, body uint64) (uint64, error) {
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
		if in.called == "" {
			in.called = string(name)
		}
		return e.newString(cx, fmt.Appendf(nil, "%s cannot be called at module scope: module scope runs once, when the app is deployed; call it inside a function", name))
	}
	h, err := e.text(cx, head, MaxHead)
	if err != nil {
		return 0, err
	}
	b, _, err := e.content(cx, body, MaxBody)
	if err != nil {
		return 0, err
	}
	if in.calls == nil {
		in.calls = map[uint32]struct{}{}
	}
	in.calls[n] = struct{}{}
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
		in.timers = map[uint32]struct{}{}
	}
	if len(in.timers) >= maxTimers {
		return &jsError{"RangeError", fmt.Sprintf("more than %d timers at once", maxTimers)}
	}
	in.timers[n] = struct{}{}
	if in.host != nil {
		in.host.Timer(n, time.Duration(d)*time.Millisecond)
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

// moduleScopeCall is the error of a deploy whose module scope asked for authority.
func moduleScopeCall(method string) *fault.Error {
	return fault.New(fault.Invalid, "MODULE_SCOPE_CALL", "module scope called %s: module scope runs once, when the app is deployed, and may call nothing", method).
		WithFix("move the call into a function, and keep its promise there")
}
