package jsvm

import (
	"crypto/sha256"
	"io"
	"time"
)

const (
	// tickEvery is how long a step runs before it looks around.
	tickEvery = 5 * time.Millisecond
	// piece is what a native handles between two pauses: a few milliseconds' work.
	piece = 256 << 10
)

// fullTank is how many rounds of the engine's own loops pass between two looks at the
// clock: a fraction of a millisecond.
const fullTank = 40_000

// maxTidying is how many times a call that has its result may still use up its fuel.
const maxTidying = 50

// exempt says which functions are not metered. The interpreter of scripts, by far the
// largest, asks by itself, and would pay for each instruction in a script's loop. And the
// allocator of small objects, which runs all the time, has but one loop, of at most 127
// rounds: metered it would cost as much as all others together.
func exempt(code []byte, largest int) bool {
	return len(code) == largest || len(code) == allocatorSize && sha256.Sum256(code) == allocator
}

// allocator is the hash of that function's code in the pinned engine. In another engine
// none may have it; then it is metered too.
const allocatorSize = 563

var allocator = [sha256.Size]byte{0x20, 0x61, 0x7f, 0x05, 0x93, 0x40, 0xf6, 0x4d, 0x18, 0xff, 0xb8, 0xbb, 0x1a, 0x71, 0x75, 0xd4, 0x2e, 0x8c, 0x47, 0x8e, 0x68, 0x52, 0x84, 0xf8, 0xcf, 0x6d, 0x59, 0x14, 0x0b, 0x9b, 0x74, 0xd9}

// expose says which functions of the engine's own are called from outside: the one that makes
// room for a string's characters.
func expose(code []byte) string {
	if len(code) == stringAllocatorSize && sha256.Sum256(code) == stringAllocator {
		return allocString
	}
	return ""
}

// allocString (runtime, length, wide) gives a string of as many characters as the caller then
// writes, or 0. The hash of its code is the pinned engine's.
const (
	allocString         = "annex_alloc_string"
	stringAllocatorSize = 107
)

var stringAllocator = [sha256.Size]byte{0xcb, 0x05, 0x7e, 0x49, 0x2b, 0x1c, 0xc4, 0xeb, 0xf6, 0x59, 0xc2, 0x09, 0x21, 0x2d, 0xa6, 0x41, 0xdf, 0xae, 0x27, 0x88, 0xdd, 0x0e, 0x69, 0x3b, 0xa8, 0x1f, 0xa8, 0x9d, 0xba, 0xb2, 0x50, 0xe8}

// poll is the engine's question whether to stop. Between the operations of a script it is
// asked about every 10,000 of them, and the answer 1 makes the engine throw what no script
// catches. From inside one of the engine's own operations it is asked when their fuel is
// used up; there is no way back from there, so a call that has ended is cut off.
func (e *Engine) poll() uint64 {
	inside := int32(e.fuel.Get()) < 0
	if inside {
		e.fuel.Set(fullTank)
	}
	if !e.interrupted() {
		return 0
	}
	if in := e.cur; inside {
		// A call that has its result only tidies up, and would lose its instance.
		if in.tidying++; in.outcome.Fault == nil && in.tidying <= maxTidying {
			return 0
		}
		in.stop(errEnded)
	}
	return 1
}

// interrupted says whether the call has ended, and lets others run when it is time.
func (e *Engine) interrupted() bool {
	in := e.cur
	if in == nil {
		return false
	}
	if in.outcome != nil {
		return true
	}
	if in.overdue() {
		return true
	}
	if e.cfg.Now().After(in.nextTick) {
		if e.tick != nil {
			e.tick()
		}
		in.nextTick = e.cfg.Now().Add(tickEvery)
	}
	return in.outcome != nil
}

// pause is the same question from inside a host operation, asked when it is due.
func (in *Instance) pause() error {
	if in.outcome == nil && !in.e.cfg.Now().After(in.nextTick) || !in.e.interrupted() {
		return nil
	}
	return errEnded
}

// inPieces gives b to w piece by piece, with a pause after each.
func (in *Instance) inPieces(w io.Writer, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), piece)
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		if err := in.pause(); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// overdue ends the call when it has used up its time.
func (in *Instance) overdue() bool {
	now := in.e.cfg.Now()
	if limit := in.limits.CPU; limit > 0 && in.cpu+now.Sub(in.stepStart) > limit {
		in.finish(&Outcome{Fault: in.limitCPU(limit)})
		return true
	}
	if w := in.limits.Wall; !w.IsZero() && now.After(w) {
		in.finish(&Outcome{Fault: in.limitWall()})
		return true
	}
	return false
}

// Yield lets fn run steps of other instances from inside a tick, and then goes on with
// the interrupted one. The time that fn takes is not the interrupted call's.
func (e *Engine) Yield(fn func()) error {
	in, lane, sp, mapped := e.cur, e.lane, e.sp.Get(), e.mapped
	if n := len(e.free); n > 0 {
		e.lane, e.free = e.free[n-1], e.free[:n-1]
	} else {
		l, err := e.newLane()
		if err != nil {
			return err
		}
		e.lane = l
	}
	began := e.cfg.Now()
	in.cpu += began.Sub(in.stepStart)
	e.cur = nil // steps of others do not run inside of this one
	fn()
	in.stepStart = e.cfg.Now()
	e.free = append(e.free, e.lane)
	e.cur, e.lane = in, lane
	if err := e.point(mapped); err != nil {
		return err
	}
	e.sp.Set(sp)
	return nil
}
