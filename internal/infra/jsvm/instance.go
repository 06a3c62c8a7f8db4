package jsvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// Host is what one instance may ask of the outside. Its methods must not block and must
// not touch the engine; answers come back through the Instance's methods.
type Host interface {
	// Call starts a host call; Instance.Reply answers it.
	Call(id uint32, method string, head, body []byte)
	// Timer asks for Instance.Timer(id) after d; Untimer takes it back.
	Timer(id uint32, d time.Duration)
	Untimer(id uint32)
	// Log takes one line; args is a JSON array.
	Log(level string, args []byte)
	// File gives a file that is bundled with the app.
	File(path string) ([]byte, bool)
}

// Outcome is how a call ended.
type Outcome struct {
	OK   bool
	Head []byte // of the result, or the app's error when not OK and Fault is nil
	Body []byte
	// HasBody tells an empty body from none.
	HasBody bool
	// Parked says that a session waits for its next event: see Park.
	Parked bool
	// Fault is set when the platform ended the call: a limit, or a promise that never settles.
	Fault *fault.Error
}

// Instance is one call's own copy of an image. Its methods run one step each: until the
// call ends or has to wait.
type Instance struct {
	e    *Engine
	sp   *space
	meta image.Meta
	host Host

	limits  Limits
	cpu     time.Duration // used up to now
	outcome *Outcome
	calls   map[uint32]bool      // host calls under way; true: the answer's head is wanted as a text
	timers  map[uint32]time.Time // when each is due
	clock   clock
	began   time.Time
	texts   [3][]byte // envelope, facts and context, for when the call asks

	promise  uint64               // that the function returned, until it is settled; 0 for none
	rejected map[uint64]rejection // promises without a handler, in this step
	order    []uint64

	session  bool             // of UI Kit: it ends by being parked
	yields   bool             // to whatever happens next, rather than wait for its timers
	room     bool             // for another event, rather than wait for answers
	event    int64            // of the session, whose doing runs
	of       map[uint32]int64 // host calls under way of a session: the events that made them
	was      []int64          // the events that waited when somebody last asked
	stepping bool             // a step is on the stack, perhaps suspended
	// overdueCalls are host calls that the session was parked without.
	overdueCalls []uint32

	hosting    bool   // a host operation runs
	uncounted  int    // bytes of it that are not charged yet
	building   bool   // module scope runs
	refused    []byte // the first host call that module scope made, as an error
	registered bool   // the bundle has registered its modules
	repeats    bool   // module scope runs at each call
	drew       []byte // where module scope asked for randomness, as an error

	stepStart time.Time
	nextTick  time.Time
	tidying   int // looks of the engine at a call that has its result
	rounds    int
}

// Acquire gives an instance of img that no call has touched.
func (e *Engine) Acquire(img *Image, host Host, limits Limits) (*Instance, error) {
	s, err := e.takeSpace(img)
	if err != nil {
		return nil, err
	}
	if limits.CPU == 0 {
		limits.CPU = DefaultCPU
	}
	if limits.Response == 0 {
		limits.Response = MaxResponse
	}
	in := &Instance{e: e, sp: s, meta: img.Meta, host: host, limits: limits, clock: &callClock{now: e.cfg.Now}}
	in.began = in.clock.read()
	return in, nil
}

// Start is what a call begins with.
type Start struct {
	// Kind says how the function is called; Function is "folder/file.export".
	Kind, Function string
	// Envelope (module, id), Facts and Context are JSON objects. The call gets their texts
	// when it asks: most handlers never look at them.
	Envelope, Facts, Context []byte
	Body                     []byte // nil for none
	Text                     bool   // Body becomes a string
	Seed                     uint64
	Remaining                time.Duration
	Event                    int64 // of a session, 0 for one that nobody waits for
}

// Start begins the call.
func (in *Instance) Start(s Start) { in.begin("start", s) }

func (in *Instance) begin(entry string, s Start) {
	in.step(func() error {
		e, cx := in.e, in.meta.Context
		if s.Seed == 0 {
			s.Seed = 1
		}
		binary.LittleEndian.PutUint64(e.mem()[in.meta.Random:], s.Seed)
		in.keep(s.Envelope, s.Facts, s.Context)
		args := make([]uint64, 0, 5)
		for _, text := range [...][]byte{[]byte(s.Kind), []byte(s.Function)} {
			v, err := e.newString(cx, text)
			if err != nil {
				return err
			}
			args = append(args, v)
		}
		body, err := in.value(s.Body, s.Text)
		if err != nil {
			return err
		}
		now := float64(in.clock.read().UnixMilli())
		v, err := in.ask(entry, append(args, body, e.tags.number(now), e.tags.number(float64(s.Remaining.Milliseconds())))...)
		if err == nil && tagOf(v) == e.tags.object {
			in.promise = v
		}
		return err
	})
}

// keep keeps what the call may ask for, apart from the message that it came with.
func (in *Instance) keep(texts ...[]byte) {
	all := slices.Concat(texts...)
	for i, text := range texts {
		in.texts[i], all = all[:len(text):len(text)], all[len(text):]
	}
}

// Reply answers a host call. Of a refusal, head is the JSON of the error's fields.
func (in *Instance) Reply(id uint32, ok bool, head, body []byte) {
	asText, waiting := in.calls[id]
	if !waiting {
		return
	}
	delete(in.calls, id)
	in.step(func() error {
		in.doing(id)
		if len(head) == 0 {
			head = []byte("null")
		}
		value := in.e.parseJSON
		if ok && asText {
			value = in.e.newString
		}
		v, err := value(in.meta.Context, head)
		if err != nil {
			return err
		}
		arg, err := in.value(body, ok && asText && short(body))
		if err != nil {
			return err
		}
		t := &in.e.tags
		return in.enter("reply", t.number(float64(id)), t.bool(ok), v, arg)
	})
}

// maxShort is what an answer's body may be to be given as a text.
const maxShort = 64 << 10

// short says whether a text is cheaper for the engine than bytes, and of the same size.
func short(b []byte) bool {
	return len(b) <= maxShort && isASCII(b)
}

// Timer fires a timer.
func (in *Instance) Timer(id uint32) {
	if _, waiting := in.timers[id]; !waiting {
		return
	}
	delete(in.timers, id)
	in.step(func() error {
		in.event = 0
		return in.enter("timer", in.e.tags.number(float64(id)))
	})
}

// End ends the call from outside.
func (in *Instance) End(why *fault.Error) { in.finish(&Outcome{Fault: why}) }

// Fail makes an error of Load the call's outcome.
func (in *Instance) Fail(err error) {
	var app *AppFailure
	if errors.As(err, &app) {
		in.outcome = &Outcome{Head: app.Head}
		return
	}
	f, ok := fault.As(err)
	if !ok {
		f = fault.New(fault.Internal, "ENGINE_ERROR", "module scope could not be run").Because(err)
	}
	in.outcome = &Outcome{Fault: f}
}

// Expire ends the call if its deadline has passed, also while a step of it is interrupted,
// and reports whether it has ended.
func (in *Instance) Expire() bool {
	if w := in.limits.Wall; in.outcome == nil && !w.IsZero() && in.e.cfg.Now().After(w) {
		if in.session && !in.stepping {
			in.finish(&Outcome{OK: true, Parked: true}) // what it waits for is told it that it took too long
			return true
		}
		in.finish(&Outcome{Fault: in.limitWall()})
	}
	return in.outcome != nil
}

// Outcome is how the call ended, nil while it waits.
func (in *Instance) Outcome() *Outcome { return in.outcome }

// CPU is the time that the call has spent inside the engine.
func (in *Instance) CPU() time.Duration { return in.cpu }

// Release gives the instance back. Its memory is reset at once: an idle instance holds
// nothing of the call before.
func (in *Instance) Release() {
	if in.sp == nil {
		return
	}
	in.e.giveSpace(in.sp)
	in.sp, in.calls, in.of, in.timers = nil, nil, nil, nil
}

// value makes an argument of a body.
func (in *Instance) value(b []byte, isText bool) (uint64, error) {
	switch {
	case b == nil:
		return in.e.tags.undef(), nil
	case isText:
		return in.e.newString(in.meta.Context, b)
	}
	return in.e.newBytes(in.meta.Context, b)
}

// enter calls one of the kernel's functions, which take over their arguments.
func (in *Instance) enter(name string, args ...uint64) error {
	_, err := in.ask(name, args...)
	return err
}

// ask is enter for what the function returns.
func (in *Instance) ask(name string, args ...uint64) (uint64, error) {
	fn, ok := in.meta.Entry[name]
	if !ok {
		return 0, fmt.Errorf("jsvm: the kernel has no %q", name)
	}
	e := in.e
	old := e.sp.Get()
	at := (uint32(old) - uint32(8*len(args))) &^ 15
	m := e.mem()
	for i, v := range args {
		if e.isException(v) {
			return 0, errMemory // the mark of what could not be made is no value
		}
		binary.LittleEndian.PutUint64(m[int(at)+8*i:], v)
	}
	e.sp.Set(uint64(at))
	v, err := e.call(fnCall, uint64(in.meta.Context), fn, e.tags.undef(), uint64(len(args)), uint64(at))
	e.sp.Set(old)
	if err != nil {
		return 0, err
	}
	for _, a := range args {
		if t := tagOf(a); t == e.tags.object || e.tags.isString(a) {
			if _, err := e.call(fnFreeValue, uint64(in.meta.Context), a); err != nil {
				return 0, err
			}
		}
	}
	if in.outcome == nil && e.isException(v) {
		return 0, e.exception(in.meta.Context)
	}
	return v, nil
}

// step points the machine at the instance, runs fn and what became ready by it, and
// decides whether the call has ended.
func (in *Instance) step(fn func() error) {
	if in.outcome != nil {
		return
	}
	e := in.e
	if err := e.point(in.sp); err != nil {
		in.broken(err)
		return
	}
	outer := e.cur
	e.cur = in
	e.sp.Set(in.meta.StackPointer)
	e.fuel.Set(fullTank)
	in.stepStart = e.cfg.Now()
	in.nextTick = in.stepStart.Add(tickEvery)
	in.stepping = true
	err := fn()
	if err == nil && in.outcome == nil {
		err = in.drain()
	}
	if err == nil && len(in.rejected) > 0 {
		in.unhandled()
	}
	in.stepping = false
	in.order = nil
	in.cpu += e.cfg.Now().Sub(in.stepStart)
	e.cur = outer
	switch {
	case in.outcome != nil:
	case err != nil:
		in.broken(err)
	case in.building:
	case in.session && in.rests():
		in.finish(&Outcome{OK: true, Parked: true})
	case len(in.calls)+len(in.timers) > 0:
		e.weigh(in)
	default:
		in.finish(&Outcome{Fault: neverSettled()})
	}
}

// drain runs promise jobs, one at a time, until none is left or the call has ended.
func (in *Instance) drain() error {
	e := in.e
	for in.outcome == nil {
		if err := in.settle(); err != nil || in.outcome != nil {
			return err
		}
		old := e.sp.Get()
		out := uint32(old) - 16
		e.sp.Set(uint64(out))
		n, err := e.call(fnJob, uint64(in.meta.Runtime), uint64(out))
		e.sp.Set(old)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if int32(n) < 0 && in.outcome == nil {
			e.pendingException(in.meta.Context)
		}
		if in.rounds++; in.rounds%64 == 0 {
			in.overdue()
		}
	}
	return nil
}

// The states of a promise (quickjs.h).
const (
	promisePending   = 0
	promiseFulfilled = 1
	promiseRejected  = 2
)

// settle ends the call when the promise that the function returned is settled. What was to
// run before the function's caller would hear of it runs first.
func (in *Instance) settle() error {
	e, promise := in.e, in.promise
	if promise == 0 {
		return nil
	}
	state, err := e.call(fnPromiseState, uint64(in.meta.Context), promise)
	if err != nil || int32(state) == promisePending {
		return err
	}
	in.promise = 0
	waiting, err := e.call(fnJobPending, uint64(in.meta.Runtime))
	if err != nil {
		return err
	}
	var entry string
	switch {
	case waiting == 0 && int32(state) == promiseFulfilled:
		entry = "finish"
	case waiting == 0 && int32(state) == promiseRejected:
		entry = "fail"
	default: // or it only looks like a promise
		return in.enter("settle", promise)
	}
	result, err := e.call(fnPromiseResult, uint64(in.meta.Context), promise)
	if err != nil {
		return err
	}
	in.handled(promise)
	return in.enter(entry, result)
}

// finish records how the call ended; the first word counts.
func (in *Instance) finish(o *Outcome) {
	if in.outcome == nil {
		in.outcome = o
	}
}

// broken ends the call because the engine could not go on with it.
func (in *Instance) broken(err error) {
	var trap *trapError
	switch {
	case in.sp.refused || errors.Is(err, errMemory):
		in.finish(&Outcome{Fault: limitMemory(in.sp.limit).Because(err)})
	case errors.As(err, &trap):
		in.finish(&Outcome{Fault: fault.New(fault.Internal, "ENGINE_TRAP", "the engine stopped in the middle of the call").Because(err)})
	default:
		in.finish(&Outcome{Fault: fault.New(fault.Internal, "ENGINE_ERROR", "the engine could not go on with the call").Because(err)})
	}
	in.sp.spent = true
}

func (in *Instance) pending() int { return len(in.calls) }
