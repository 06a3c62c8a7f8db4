package jsvm

const (
	// headroom is memory that every image has behind its heap, so that a usual call does
	// not grow its instance (a grown one is thrown away). Untouched, it costs nothing.
	headroom = 2 << 20
	// gcThreshold is how much a call may allocate before the engine's cycle collector
	// runs. A collection writes to every object, and so to every page.
	gcThreshold = 16 << 20

	// The engine takes what is small (at most maxSmall bytes) from slabs of 4 KB, one kind
	// for each size, and makes a slab when those of a size are full: it then writes all of
	// it. inReserve is how much of each size every image has ready in slabs that were made
	// before, so that a usual call makes none.
	maxSmall  = 504
	inReserve = 1536
)

// settleHeap collects garbage and leaves room, so that calls start from a tidy heap: what a
// call allocates lies together at the heap's end, instead of dirtying a page for each hole
// that it falls into.
func (e *Engine) settleHeap(in *Instance) error {
	if _, err := e.call(fnRunGC, uint64(in.meta.Runtime)); err != nil {
		return err
	}
	end, err := e.malloc(headroom)
	if err != nil {
		return err
	}
	if _, err := e.call(fnFree, uint64(end)); err != nil {
		return err
	}
	if err := e.fillHoles(in, end); err != nil {
		return err
	}
	for size := uint64(8); size <= maxSmall; size += slabStep(size) {
		if err := e.reserve(in, size, end); err != nil {
			return err
		}
	}
	_, err = e.call(fnSetGCThreshold, uint64(in.meta.Runtime), gcThreshold)
	return err
}

// fillHoles fills the holes that the heap has below end for good. Those of small sizes it fills
// in the base image only: an app's image would get a page of its own for each that it
// shares with the base. Holes that module scope left in slabs of its own stay, and calls
// fall into them.
func (e *Engine) fillHoles(in *Instance, end uint32) error {
	least := uint64(8)
	if e.base != nil {
		least = maxSmall + 1
	}
	for size := uint64(64 << 10); size >= least; {
		p, err := e.take(in, size)
		if err != nil {
			return err
		}
		if p < end {
			continue // a hole
		}
		if _, err := e.call(fnJSFree, uint64(in.meta.Runtime), uint64(p)); err != nil {
			return err
		}
		if size > maxSmall {
			size = size * 7 / 8 &^ 7
		} else {
			size -= 8
		}
	}
	return nil
}

// slabStep is how far the next size of slabs is.
func slabStep(size uint64) uint64 {
	switch {
	case size < 120:
		return 8
	case size < 248:
		return 16
	}
	return 32
}

// reserve sees to it that inReserve bytes in pieces of size can be had of slabs that are
// there. What is had from behind end is of a new slab, which stays as long as one piece of it
// does.
func (e *Engine) reserve(in *Instance, size uint64, end uint32) error {
	var pieces []uint32
	kept := false
	for range max(inReserve/size, 4) {
		p, err := e.take(in, size)
		if err != nil {
			return err
		}
		if p >= end && !kept {
			kept = true
			continue
		}
		pieces = append(pieces, p)
	}
	// Backwards, so that the lists of what is free are as they were: an image holds only what
	// differs from the base.
	for i := len(pieces) - 1; i >= 0; i-- {
		if _, err := e.call(fnJSFree, uint64(in.meta.Runtime), uint64(pieces[i])); err != nil {
			return err
		}
	}
	return nil
}

// take takes size bytes of the engine's own heap.
func (e *Engine) take(in *Instance, size uint64) (uint32, error) {
	p, err := e.call(fnJSMalloc, uint64(in.meta.Runtime), size)
	if err == nil && uint32(p) == 0 {
		err = errMemory
	}
	return uint32(p), err
}
