package jsvm

// maxRejections bounds how many rejections without a handler a step remembers.
const maxRejections = 100

// rejection is a promise that was rejected while nobody handled it: two boxes of the
// engine's, each with a value that is ours.
type rejection struct{ promise, reason uint32 }

// promiseRejection is the engine's word that a promise was rejected without a handler, or
// that such a one has found its handler. Stack: promise, reason, handled; the boxes are ours.
// Nothing of the app's runs here.
func (e *Engine) promiseRejection(st []uint64) {
	promise, reason, handled := uint32(st[0]), uint32(st[1]), uint32(st[2]) != 0
	in := e.cur
	which, err := e.u64(promise)
	if in == nil || e.base == nil || err != nil || !handled && len(in.rejected) >= maxRejections {
		e.freeBoxes(promise, reason)
		return
	}
	if handled {
		in.handled(which)
		e.freeBoxes(promise, reason)
		return
	}
	if in.rejected == nil {
		in.rejected = map[uint64]rejection{}
	}
	if _, twice := in.rejected[which]; !twice {
		in.order = append(in.order, which)
	}
	in.rejected[which] = rejection{promise, reason}
}

// handled forgets a promise's rejection: somebody has taken it.
func (in *Instance) handled(promise uint64) {
	if r, ok := in.rejected[promise]; ok {
		delete(in.rejected, promise)
		in.e.freeBoxes(r.promise, r.reason)
	}
}

// freeBoxes gives boxes and values back. A failure leaves them to the instance's reset.
func (e *Engine) freeBoxes(boxes ...uint32) {
	for _, b := range boxes {
		_, _ = e.call(fnFreeBox, uint64(b))
	}
}

// unhandled tells the kernel of the rejections that are left when no job is. The call's
// result stands, whatever comes of it.
func (in *Instance) unhandled() {
	e, o := in.e, in.outcome
	order, rejected := in.order, in.rejected
	in.order, in.rejected = nil, nil
	quiet := o != nil && o.Fault != nil || in.sp.spent
	for _, which := range order {
		r, ok := rejected[which]
		if !ok {
			continue
		}
		if quiet {
			if !in.sp.spent {
				e.freeBoxes(r.promise, r.reason)
			}
			continue
		}
		reason, err := e.u64(r.reason)
		if err == nil {
			_, err = e.call(fnFree, uint64(r.reason)) // the box alone: entering takes the value
		}
		if err == nil {
			in.outcome = nil // host operations are an ended call's no more
			err = in.enter("unhandled", reason)
			if o == nil {
				o = in.outcome
			}
			in.outcome = o
		}
		if err != nil {
			in.broken(err)
			return
		}
		e.freeBoxes(r.promise)
	}
}
