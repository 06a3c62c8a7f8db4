package jsvm

import (
	"context"
	"fmt"
	"io"

	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
)

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64

	errnoBadf = 8
	errnoIO   = 29
)

// hostModules are the twelve functions that the engine imports. It gets no file, no
// module loader and no clock or randomness but the call's.
func (e *Engine) hostModules() error {
	type fn struct {
		name   string
		run    func(stack []uint64)
		params []api.ValueType
		result bool
	}
	define := func(module string, fns []fn) error {
		b := e.rt.NewHostModuleBuilder(module)
		for _, f := range fns {
			var results []api.ValueType
			if f.result {
				results = []api.ValueType{i32}
			}
			run := f.run
			b.NewFunctionBuilder().
				WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { run(stack) }), f.params, results).
				Export(f.name)
		}
		if _, err := b.Instantiate(e.ctx); err != nil {
			return fmt.Errorf("jsvm: imports of %s: %w", module, err)
		}
		return nil
	}
	answer := func(v uint64) func([]uint64) { return func(st []uint64) { st[0] = v } }
	err := define("env", []fn{
		{"host_call", e.hostCall, []api.ValueType{i32, i32, i32, i32, i32}, true},
		{"host_interrupt", func(st []uint64) {
			st[0] = e.poll()
		}, nil, true},
		// Local time is UTC in the sandbox, as in Forge; zones are the SDK's, through "tz".
		{"host_get_timezone_offset", answer(0), []api.ValueType{i32, i32}, true},
		{"host_promise_rejection", e.promiseRejection, []api.ValueType{i32, i32, i32}, false},
		{"host_module_normalize", answer(0), []api.ValueType{i32, i32}, true},
		{"host_module_load", answer(0), []api.ValueType{i32, i32}, true},
	})
	if err != nil {
		return err
	}
	return define("wasi_snapshot_preview1", []fn{
		{"clock_time_get", e.clockTimeGet, []api.ValueType{i32, i64, i32}, true},
		{"random_get", e.randomGet, []api.ValueType{i32, i32}, true},
		{"fd_write", e.fdWrite, []api.ValueType{i32, i32, i32, i32}, true},
		{"fd_close", answer(errnoBadf), []api.ValueType{i32}, true},
		{"fd_seek", answer(errnoBadf), []api.ValueType{i32, i64, i32, i32}, true},
		{"fd_fdstat_get", answer(errnoBadf), []api.ValueType{i32, i32}, true},
	})
}

func (e *Engine) clockTimeGet(st []uint64) {
	t := buildTime
	if e.cur != nil {
		t = e.cur.clock.read()
	}
	b, err := e.bytes(uint32(st[2]), 8)
	if err != nil {
		st[0] = errnoIO
		return
	}
	binary.LittleEndian.PutUint64(b, uint64(t.UnixNano()))
	st[0] = 0
}

// randomGet is only asked by the C library, for hash seeds: in the base image it must
// always answer the same.
func (e *Engine) randomGet(st []uint64) {
	b, err := e.bytes(uint32(st[0]), uint32(st[1]))
	if err != nil {
		st[0] = errnoIO
		return
	}
	st[0] = 0
	if e.cur == nil || e.base == nil {
		clear(b)
		return
	}
	if _, err := io.ReadFull(e.cfg.Random, b); err != nil {
		st[0] = errnoIO
	}
}

// fdWrite swallows what the engine prints about itself.
func (e *Engine) fdWrite(st []uint64) {
	iovs, n, out := uint32(st[1]), uint32(st[2]), uint32(st[3])
	total := uint32(0)
	for i := range min(n, 64) {
		size, err := e.u32(iovs + 8*i + 4)
		if err != nil {
			st[0] = errnoIO
			return
		}
		total += size
	}
	b, err := e.bytes(out, 4)
	if err != nil {
		st[0] = errnoIO
		return
	}
	binary.LittleEndian.PutUint32(b, total)
	st[0] = 0
}
