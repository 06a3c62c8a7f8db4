package jsvm

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// Source is what an app's snapshot is made from.
type Source struct {
	Bundle    []byte
	Variables map[string]string
	Memory    int // bytes; 0 for the default
	// Repeats says that module scope runs at each call: what it draws is not kept, and so
	// may be random.
	Repeats bool
}

// Built is what running a module scope gave.
type Built struct {
	// Snapshot is the pages that differ from the base image; nil when Reason says why
	// module scope must run at each call instead.
	Snapshot []byte
	Reason   string
	Exports  []string
	Took     time.Duration
}

// BundleName is the file that an app's stack traces name; source maps translate it.
const BundleName = "app.js"

// Build runs an app's module scope on a fresh base and snapshots the result.
// What the app threw is an AppFailure; refusals and limits are fault.Errors.
func (e *Engine) Build(src Source, host Host, limits Limits) (*Built, error) {
	in, err := e.Acquire(e.base, host, limits)
	if err != nil {
		return nil, err
	}
	defer in.Release()
	began := time.Now()
	if err := in.Load(src); err != nil {
		return nil, err
	}
	b := &Built{Exports: in.meta.Exports, Took: time.Since(began)}
	switch {
	case len(in.timers) > 0:
		b.Reason = "a timer is pending after module scope"
		return b, nil
	case !in.registered:
		return nil, fault.New(fault.Invalid, "NO_MODULES", "the bundle registered no modules")
	}
	if err := e.settleInstance(in); err != nil {
		if o := in.outcome; o != nil && o.Fault != nil {
			return nil, o.Fault
		}
		return nil, err
	}
	if b.Snapshot, err = image.Diff(e.base.Image, in.sp.mem(), in.meta); errors.Is(err, image.ErrTooLarge) {
		const mb = image.MaxPages * image.PageSize >> 20
		err = fault.New(fault.Limit, "LIMIT_SNAPSHOT", "what module scope leaves in memory takes more than %d MB", mb).
			With("limit", "snapshot").With("figure", mb).WithFix("make large data inside a function, when it is first needed")
	}
	return b, err
}

// Load runs a module scope in the instance. Calls of a version that cannot be
// snapshotted begin with it.
func (in *Instance) Load(src Source) error {
	e := in.e
	if in.outcome != nil {
		return errors.New("jsvm: the instance has ended")
	}
	vars, err := json.Marshal(src.Variables)
	if err != nil {
		return fmt.Errorf("jsvm: variables: %w", err)
	}
	if src.Variables == nil {
		vars = []byte("{}")
	}
	if src.Memory > 0 {
		in.meta.Memory = min(src.Memory, maxMemory)
		in.sp.limit = in.meta.Memory
	}
	in.building, in.registered, in.repeats = true, false, src.Repeats
	in.step(func() error {
		cx := in.meta.Context
		memory := in.sp.limit
		if _, err := e.call(fnSetMemoryLimit, uint64(in.meta.Runtime), uint64(memory)); err != nil {
			return err
		}
		if _, err := in.reseed(); err != nil {
			return err
		}
		fn, err := e.eval(cx, BundleName, src.Bundle)
		if err != nil {
			return err
		}
		v, err := e.parseJSON(cx, vars)
		if err != nil {
			return err
		}
		if err := in.enter("load", fn, v); err != nil {
			return err
		}
		return in.drain()
	})
	if in.outcome == nil {
		in.step(func() error { return in.enter("phase", e.tags.bool(false)) })
	}
	in.building = false
	if in.drew != nil {
		return &AppFailure{in.drew}
	}
	if in.refused != nil {
		return &AppFailure{in.refused}
	}
	if o := in.outcome; o != nil {
		return in.loadError(o)
	}
	return nil
}

// reseed gives Math.random a seed from the host's randomness.
func (in *Instance) reseed() (uint64, error) {
	b := in.e.mem()[in.meta.Random : in.meta.Random+8]
	_, err := in.e.cfg.Random.Read(b)
	b[0] |= 1 // the generator's state may not be zero
	return 0, err
}

// loadError is the error of a module scope that did not come to its end.
func (in *Instance) loadError(o *Outcome) error {
	if o.Fault == nil {
		return &AppFailure{o.Head}
	}
	var thrown *evalError
	if errors.As(o.Fault.Err, &thrown) {
		head, err := json.Marshal(thrown)
		if err != nil {
			return fmt.Errorf("jsvm: module scope: %w", err)
		}
		return &AppFailure{head}
	}
	return o.Fault
}

// AppFailure is an error that the app's own code threw at module scope; Head is its
// serialized form.
type AppFailure struct{ Head []byte }

func (a *AppFailure) Error() string { return "jsvm: module scope threw " + string(a.Head) }

// settleInstance tidies an instance's heap before its memory becomes a snapshot.
func (e *Engine) settleInstance(in *Instance) error {
	if err := e.point(in.sp); err != nil {
		return err
	}
	e.cur = in
	defer func() { e.cur = nil }()
	e.sp.Set(in.meta.StackPointer)
	e.fuel.Set(fullTank)
	in.stepStart, in.building = e.cfg.Now(), true
	if err := e.settleHeap(in); err != nil {
		return err
	}
	in.building = false
	// What earlier steps left below the stack pointer means nothing, and differs.
	clear(e.mem()[:in.meta.StackPointer])
	return nil
}
