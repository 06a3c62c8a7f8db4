package jsvm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

const (
	// maxStack is what the engine may use of its 1 MB native stack.
	maxStack = 512 << 10
	// DefaultMemory is what one call may use when its app asks for nothing else.
	DefaultMemory = 128 << 20
)

// buildTime is what every clock reads while the base image is built, so that all workers
// build the same one.
var buildTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// buildBase starts the engine in s, runs the SDK and freezes the result.
func (e *Engine) buildBase(s *space) error {
	in := &Instance{e: e, sp: s, building: true, clock: frozen{}}
	e.cur = in
	defer func() { e.cur = nil }()

	code, err := e.compileSDK(s)
	if err != nil {
		return fmt.Errorf("compile the SDK: %w", err)
	}
	if in.meta, err = e.boot(); err != nil {
		return err
	}
	cx := in.meta.Context
	if err := e.learnTags(uint32(cx)); err != nil {
		return err
	}
	if err := e.findRandom(in); err != nil {
		return err
	}
	if err := e.learnHeap(in); err != nil {
		return err
	}
	if err := e.defineHost(uint32(cx)); err != nil {
		return err
	}
	if err := e.runCompiled(cx, code); err != nil {
		return err
	}
	for _, name := range entryNames {
		if _, ok := in.meta.Entry[name]; !ok {
			return fmt.Errorf("the SDK registered no %q", name)
		}
	}
	if err := in.drain(); err != nil {
		return err
	}
	if in.pending()+len(in.timers) > 0 {
		return errors.New("the SDK left a timer behind")
	}
	if err := e.settleHeap(in); err != nil {
		return err
	}
	clear(s.mem()[:in.meta.StackPointer]) // as in snapshots: what lies there means nothing
	in.meta.Engine, in.meta.Tags = e.cfg.sum(), e.tags.list()
	img, err := image.Create("annex-base", s.mem(), in.meta)
	if err != nil {
		return err
	}
	e.base = newImage(img)
	return s.restore(e.base)
}

// boot starts the engine in the machine's memory.
func (e *Engine) boot() (image.Meta, error) {
	for _, step := range []struct {
		name string
		args []uint64
	}{
		{"_initialize", nil}, {"qjs_init", nil}, {"qjs_set_interrupt_handler", []uint64{1}},
		{"qjs_set_max_stack_size", []uint64{maxStack}}, {"qjs_set_promise_rejection_handler", []uint64{1}},
	} {
		if _, err := e.once(step.name, step.args...); err != nil {
			return image.Meta{}, err
		}
	}
	rt, err := e.once("qjs_get_runtime_ptr")
	if err != nil {
		return image.Meta{}, err
	}
	cx, err := e.once("qjs_get_context_ptr")
	if err != nil {
		return image.Meta{}, err
	}
	return image.Meta{Runtime: uint32(rt), Context: uint32(cx), StackPointer: e.sp.Get(), Entry: map[string]uint64{}}, nil
}

// The engine's flags (quickjs.h).
const (
	evalCompileOnly  = 1 << 5
	writeBytecode    = 1 << 0
	writeStripSource = 1 << 4
	readBytecode     = 1 << 0
)

// compileSDK compiles the SDK in a copy of the fresh machine s, which is then thrown
// away. An engine keeps each function's source text, once more for each function around
// it, and the parser leaves its holes: a base image made that way is several times as
// large. The code never leaves this process.
func (e *Engine) compileSDK(s *space) (_ []byte, err error) {
	scratch, err := newSpace()
	if err != nil {
		return nil, err
	}
	defer scratch.free()
	if !scratch.grow(s.size) {
		return nil, errMemory
	}
	copy(scratch.mem(), s.mem())
	sp := e.sp.Get()
	if err := e.point(scratch); err != nil {
		return nil, err
	}
	defer func() {
		e.sp.Set(sp)
		err = errors.Join(err, e.point(s))
	}()
	meta, err := e.boot()
	if err != nil {
		return nil, err
	}
	if err := e.learnTags(meta.Context); err != nil {
		return nil, err
	}
	cx := uint64(meta.Context)
	fn, err := e.withBytes([]byte("annex:sdk.js"), func(name uint32) (uint64, error) {
		return e.withBytes(e.cfg.SDK, func(code uint32) (uint64, error) {
			return e.call(fnEval, cx, uint64(code), uint64(len(e.cfg.SDK)), uint64(name), evalCompileOnly)
		})
	})
	if err != nil {
		return nil, err
	}
	if e.isException(fn) {
		return nil, e.exception(meta.Context)
	}
	size := uint32(e.sp.Get()) - 16
	e.sp.Set(uint64(size))
	at, err := e.once("JS_WriteObject", cx, uint64(size), fn, writeBytecode|writeStripSource)
	if err != nil {
		return nil, err
	}
	n, err := e.u32(size)
	if err != nil {
		return nil, err
	}
	b, err := e.bytes(uint32(at), n)
	if err != nil || uint32(at) == 0 {
		return nil, errors.Join(errMemory, err)
	}
	return bytes.Clone(b), nil
}

// runCompiled runs what compileSDK gave.
func (e *Engine) runCompiled(cx uint32, code []byte) error {
	fn, err := e.withBytes(code, func(at uint32) (uint64, error) {
		return e.once("JS_ReadObject", uint64(cx), uint64(at), uint64(len(code)), readBytecode)
	})
	if err != nil {
		return err
	}
	if e.isException(fn) {
		return e.exception(cx)
	}
	v, err := e.once("JS_EvalFunction", uint64(cx), fn)
	if err == nil && e.isException(v) {
		err = e.exception(cx)
	}
	return err
}

var errOtherBase = errors.New("it was built from another engine or SDK")

// takeBase uses a base image that was built elsewhere.
func (e *Engine) takeBase(s *space, f *os.File) error {
	img, err := image.Open(f, nil)
	if err != nil {
		return err
	}
	if img.Engine != e.cfg.sum() || !e.tags.set(img.Tags) {
		_ = img.Close()
		return errOtherBase
	}
	e.base = newImage(img)
	if err := s.restore(e.base); err != nil {
		return err
	}
	// The machine must learn that its memory has grown to the image's size.
	e.mapped = nil
	return e.point(s)
}

// sum identifies what a base image is built from; the constant changes when this package
// builds it differently.
func (c *Config) sum() string {
	const builder = "6"
	h := sha256.New()
	for _, part := range [][]byte{[]byte(builder), c.WASM, c.SDK} {
		own := sha256.Sum256(part)
		h.Write(own[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// once calls an export that is not needed again.
func (e *Engine) once(name string, args ...uint64) (uint64, error) {
	fn := e.mod.ExportedFunction(name)
	if fn == nil {
		return 0, fmt.Errorf("the engine exports no %s", name)
	}
	res, err := fn.Call(e.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if len(res) == 0 {
		return 0, nil
	}
	return res[0], nil
}

// eval runs a script and gives its completion value.
func (e *Engine) eval(cx uint32, name string, src []byte) (uint64, error) {
	return e.withBytes([]byte(name), func(at uint32) (uint64, error) {
		return e.withBytes(src, func(code uint32) (uint64, error) {
			v, err := e.call(fnEval, uint64(cx), uint64(code), uint64(len(src)), uint64(at), 0)
			if err != nil {
				return 0, err
			}
			if e.isException(v) {
				return 0, e.exception(cx)
			}
			return v, nil
		})
	})
}

// learnTags reads how the engine marks values.
func (e *Engine) learnTags(cx uint32) error {
	tag := func(src string) uint32 {
		v, err := e.withBytes([]byte("<probe>"), func(at uint32) (uint64, error) {
			return e.withBytes([]byte(src), func(code uint32) (uint64, error) {
				return e.call(fnEval, uint64(cx), uint64(code), uint64(len(src)), uint64(at), 0)
			})
		})
		if err != nil {
			return math.MaxUint32 - 100
		}
		if src == "1.5" {
			e.tags.floatAddend = math.Float64bits(1.5) - v
		}
		return tagOf(v)
	}
	t := &e.tags
	t.int, t.boolean, t.null, t.undefined = tag("7"), tag("true"), tag("null"), tag("undefined")
	t.str, t.object = tag("'abc'"), tag("({})")
	t.rope = t.str + 1
	tag("1.5")
	thrown := tag("throw 1")
	e.pendingException(cx)
	seen := map[uint32]bool{}
	for _, v := range []uint32{t.int, t.boolean, t.null, t.undefined, t.str, t.rope, t.object, thrown} {
		if seen[v] {
			return errors.New("this build of the engine marks values in an unknown way")
		}
		seen[v] = true
	}
	if !e.isException(uint64(thrown) << 32) {
		return errors.New("this build of the engine marks exceptions in an unknown way")
	}
	return nil
}

// findRandom finds where the engine keeps the state of Math.random, which it seeds from
// the clock, so that each call can be given a seed of its own: the one place whose next
// value follows from its last. It proves the find by predicting what Math.random answers.
func (e *Engine) findRandom(in *Instance) error {
	const seed = 0x9e3779b97f4a7c15
	cx := in.meta.Context
	probe := func() (float64, error) {
		v, err := e.eval(cx, "<probe>", []byte("Math.random()"))
		if err != nil {
			return 0, err
		}
		return e.num(v)
	}
	before := bytes.Clone(e.mem())
	if _, err := probe(); err != nil {
		return err
	}
	for at := int(cx) &^ 7; at+8 <= len(before); at += 8 {
		was, is := binary.LittleEndian.Uint64(before[at:]), binary.LittleEndian.Uint64(e.mem()[at:])
		if was == is || was == 0 || xorshift(was) != is {
			continue
		}
		in.meta.Random = uint32(at)
		binary.LittleEndian.PutUint64(e.mem()[at:], seed)
		got, err := probe()
		if err != nil {
			return err
		}
		if want := fraction(xorshift(seed)); got != want {
			return fmt.Errorf("the engine's Math.random answers %v, %v expected", got, want)
		}
		binary.LittleEndian.PutUint64(e.mem()[at:], seed)
		return nil
	}
	return errors.New("the engine's random state was not found")
}

// xorshift is the engine's generator (xorshift64*): the next state.
func xorshift(x uint64) uint64 {
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	return x
}

// fraction is the number in [0, 1) that a state gives.
func fraction(x uint64) float64 {
	return math.Float64frombits(0x3ff<<52|x*0x2545f4914f6cdd1d>>12) - 1
}

// defineHost puts the one native function on globalThis; the kernel takes it off again.
func (e *Engine) defineHost(cx uint32) error {
	at, giveBack, err := e.lend([]byte("__host"))
	if err != nil {
		return err
	}
	box, err := e.once("qjs_new_host_function", uint64(at), 6, 0)
	if err != nil {
		return err
	}
	fn, err := e.u64(uint32(box))
	if err != nil {
		return err
	}
	global, err := e.call(fnGlobal, uint64(cx))
	if err != nil {
		return err
	}
	if _, err := e.call(fnSetPropertyStr, uint64(cx), global, uint64(at), fn); err != nil {
		return err
	}
	return giveBack()
}
