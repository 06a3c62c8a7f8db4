package jsvm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/annexhq/annex/internal/infra/intl"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
	"github.com/annexhq/annex/internal/infra/jsvm/meter"
)

// Config is what an Engine is made from.
type Config struct {
	WASM []byte // quickjs.wasm
	SDK  []byte // the base image's script
	// Code is WASM compiled; New compiles it when nil. New takes it over.
	Code *Code
	// Base is the base image that another engine built from the same WASM and SDK; it is
	// built when nil. New takes it over.
	Base *os.File
	// Kept is the base image as a file that was kept between starts, used when nobody
	// gives Base and it is of this WASM and SDK.
	Kept []byte
	// Now and Random are the clock and the randomness of calls; the system's when nil. Limits
	// and pauses go by the same clock.
	Now    func() time.Time
	Random io.Reader
	// Budget is what all calls together may hold of memory beyond their images;
	// DefaultBudget when 0.
	Budget int
	// Await gives Base and Budget when the engine is compiled, which takes most of a start:
	// whoever builds the base image does so meanwhile. Nil where they are known.
	Await func() (base *os.File, budget int, err error)
	// Pagemap is the process's own /proc/self/pagemap, opened before it lost sight of it;
	// New opens it itself when nil, and takes it over.
	Pagemap *os.File
	// Intl answers what Intl's classes ask; without it they answer nothing.
	Intl *intl.Engine
	// SkipReset hands instances on as the last call left them. It exists to measure
	// what isolation costs, and to show that the tests of isolation can fail.
	SkipReset bool
}

// Engine runs calls, one step at a time. It is not safe for concurrent use.
type Engine struct {
	cfg  Config
	ctx  context.Context
	rt   wazero.Runtime
	mod  api.Module
	sp   api.MutableGlobal
	fuel api.MutableGlobal // what loops of the engine's own draw on; see interrupt.go
	lane *lane
	free []*lane
	tags tags

	base *Image
	scan *scanner

	idle         map[*Image]struct{} // images that have idle instances
	gives        int64
	held         int // bytes that instances under way have beyond their images
	holders      map[*space]*Instance
	evicted      func(*Instance)
	large        int // operations under way that have much memory of their own
	live         int // instances that are handed out
	mappings     int // that all handed out and idle instances may take
	idleMappings int // and those that are idle
	idleSpaces   int // how many they are

	mapped *space // what the machine's memory is now
	next   *space // what Reallocate shall make it
	cur    *Instance
	found  []run
	json   []byte // room for the next text of stringify; nil while a call has it
	faults int64  // the process's page faults at the last reset
	home   *space // the base image's own; never given to a call

	onFound func(from, to int)
	// tick is called about every 10,000 operations of a running step; see OnTick.
	tick func()
}

// New compiles the engine and builds the base image, unless it is given them.
func New(ctx context.Context, cfg Config) (_ *Engine, err error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	e := &Engine{cfg: cfg, scan: openScanner(cfg.Pagemap), idle: map[*Image]struct{}{}, holders: map[*space]*Instance{}}
	e.onFound = func(from, to int) { e.found = append(e.found, run{from, to}) }
	e.ctx = experimental.WithMemoryAllocator(context.WithoutCancel(ctx), experimental.MemoryAllocatorFunc(e.allocate))
	code := cfg.Code
	if code == nil {
		if code, err = Compile(e.ctx, cfg.WASM, ""); err != nil {
			return nil, err
		}
	}
	e.rt, e.cfg.Code = code.runtime, nil
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if err := e.hostModules(); err != nil {
		return nil, err
	}
	first, err := newSpace()
	if err != nil {
		return nil, err
	}
	e.next = first
	e.mod, err = e.rt.InstantiateModule(e.ctx, code.module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("jsvm: instantiate: %w", err)
	}
	e.home = first
	sp, ok := e.mod.ExportedGlobal("__stack_pointer").(api.MutableGlobal)
	if !ok {
		return nil, errors.New("jsvm: the engine exports no __stack_pointer")
	}
	e.sp = sp
	if e.fuel, ok = e.mod.ExportedGlobal(meter.Fuel).(api.MutableGlobal); !ok {
		return nil, errors.New("jsvm: the engine is not metered")
	}
	if e.lane, err = e.newLane(); err != nil {
		return nil, err
	}
	if cfg.Await != nil {
		if e.cfg.Base, e.cfg.Budget, err = cfg.Await(); err != nil {
			return nil, err
		}
	}
	if e.cfg.Budget == 0 {
		e.cfg.Budget = DefaultBudget
	}
	if err := e.openBase(first); err != nil {
		return nil, fmt.Errorf("jsvm: base image: %w", err)
	}
	return e, nil
}

// openBase takes the base image that it is given, or the one that was kept, or builds it.
func (e *Engine) openBase(s *space) error {
	given, kept := e.cfg.Base, e.cfg.Kept
	e.cfg.Base, e.cfg.Kept = nil, nil
	if given != nil {
		return e.takeBase(s, given)
	}
	if kept == nil {
		return e.buildBase(s)
	}
	f, err := image.Sealed("annex-base", kept)
	if err == nil {
		err = e.takeBase(s, f)
	}
	if errors.Is(err, errOtherBase) || errors.Is(err, image.ErrDamaged) {
		return e.buildBase(s)
	}
	return err
}

// Base is the image of engine and SDK.
func (e *Engine) Base() *Image { return e.base }

// OnTick registers what a long step calls every few milliseconds at most: a heartbeat,
// a look at what else is waiting. Inside, Yield may be called.
func (e *Engine) OnTick(fn func()) { e.tick = fn }

// Close frees the engine. No instance may be used after it.
func (e *Engine) Close() {
	if e.base != nil {
		e.CloseImage(e.base)
	}
	if e.rt != nil {
		_ = e.rt.Close(e.ctx)
	}
	if e.home != nil {
		e.home.free()
	}
	if e.scan != nil {
		e.scan.close()
	}
}

// machineMemory is the linear memory that wazero sees. wazero asks it for its buffer
// whenever the memory grows; we also grow it by one page on purpose to be asked, and
// answer with another instance's memory. That is how one machine runs all instances.
type machineMemory struct{ e *Engine }

func (e *Engine) allocate(_, _ uint64) experimental.LinearMemory { return machineMemory{e} }

// Reallocate implements experimental.LinearMemory.
func (m machineMemory) Reallocate(size uint64) []byte {
	e := m.e
	if s := e.next; s != nil {
		e.next = nil
		if s.size == 0 && !s.grow(int(size)) {
			return nil
		}
		e.mapped = s
		return s.mem()
	}
	if size > maxMemory || !e.room(int(size)) || !e.mapped.grow(int(size)) {
		return nil
	}
	return e.mapped.mem()
}

// Free implements experimental.LinearMemory; spaces are freed by the engine.
func (m machineMemory) Free() {}

// point makes s the machine's memory.
func (e *Engine) point(s *space) error {
	if e.mapped == s {
		return nil
	}
	e.next = s
	if _, ok := e.mod.Memory().Grow(1); !ok || e.mapped != s {
		e.next = nil
		return errors.New("jsvm: the machine did not take the memory")
	}
	return nil
}
