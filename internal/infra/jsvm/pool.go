package jsvm

// maxIdle is how many reset instances of one image are kept.
const maxIdle = 16

// takeSpace gives a space that reads as img in every page.
func (e *Engine) takeSpace(img *Image) (*space, error) {
	if n := len(img.idle); n > 0 {
		s := img.idle[n-1] // the last one used is the likeliest to be in the caches
		img.idle = img.idle[:n-1]
		// The count of the last reset will do: faults since can only cost a look too many.
		s.faults = e.faults
		return s, nil
	}
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	s.limit = img.memory()
	if err := s.restore(img); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

// giveSpace resets a space for the next call of its image, or frees it.
func (e *Engine) giveSpace(s *space) {
	img := s.image
	if img == nil || img.closed || len(img.idle) >= maxIdle || s.refused {
		e.freeSpace(s)
		return
	}
	if !e.cfg.SkipReset && !e.reset(s) {
		e.freeSpace(s)
		return
	}
	img.idle = append(img.idle, s)
}

func (e *Engine) freeSpace(s *space) {
	if e.mapped == s {
		// The machine must always be pointed at some memory.
		if err := e.point(e.home); err != nil {
			return // it stays mapped; nothing will run in it again
		}
	}
	s.free()
}
