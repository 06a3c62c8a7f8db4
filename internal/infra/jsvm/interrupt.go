package jsvm

import "time"

// tickEvery is how long a step runs before it looks around.
const tickEvery = 5 * time.Millisecond

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
	if now := time.Now(); e.tick != nil && now.After(in.nextTick) {
		e.tick()
		in.nextTick = time.Now().Add(tickEvery)
		return in.outcome != nil
	}
	return false
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
