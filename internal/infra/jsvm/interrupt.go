package jsvm

import (
	"io"
	"time"
)

const (
	// tickEvery is how long a step runs before it looks around.
	tickEvery = 5 * time.Millisecond
	// piece is what a native handles between two pauses: a few milliseconds' work.
	piece = 256 << 10
)

// interrupted is the engine's question, about every 10,000 operations, whether to stop.
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
	if time.Now().After(in.nextTick) {
		if e.tick != nil {
			e.tick()
		}
		in.nextTick = time.Now().Add(tickEvery)
	}
	return in.outcome != nil
}

// pause is the same question from inside a host operation, asked when it is due.
func (in *Instance) pause() error {
	if in.outcome == nil && !time.Now().After(in.nextTick) || !in.e.interrupted() {
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
	now := time.Now()
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
	began := time.Now()
	in.cpu += began.Sub(in.stepStart)
	fn()
	in.stepStart = time.Now()
	e.free = append(e.free, e.lane)
	e.cur, e.lane = in, lane
	if err := e.point(mapped); err != nil {
		return err
	}
	e.sp.Set(sp)
	return nil
}
