package jsvm

import "github.com/annexhq/annex/internal/infra/jsvm/image"

const (
	// maxIdle is how many reset instances of one image are kept.
	maxIdle = 16
	// A process may have 65,530 mappings (vm.max_map_count), and an instance of a usual app
	// takes about 70. Idle instances may take maxIdleMappings of them. When all take
	// maxMappings, further instances of an app that has several at once map a whole copy of
	// its image, which takes three; at hardMappings those of all apps do. What is left is
	// enough for as many of these as a worker holds.
	maxIdleMappings = 20_000
	// maxIdleSpaces is how many reset instances of all images are kept. Each holds the pages
	// that its calls wrote, half a megabyte; mapping a new one takes a tenth of a millisecond.
	maxIdleSpaces = 96
	maxMappings   = 30_000
	hardMappings  = 50_000
	severalAtOnce = 8
)

// takeSpace gives a space that reads as img in every page.
func (e *Engine) takeSpace(img *Image) (*space, error) {
	if n := len(img.idle); n > 0 {
		s := img.idle[n-1] // the last one used is the likeliest to be in the caches
		e.takeIdle(img, n-1)
		img.live++
		e.live++
		// The count of the last reset will do: faults since can only cost a look too many.
		s.faults = e.faults
		s.limit = img.memory() // the call before may have been of another app, over the base
		return s, nil
	}
	layers, copied, err := e.layers(img)
	if err != nil {
		return nil, err
	}
	s, err := newSpace()
	if err != nil {
		return nil, err
	}
	s.limit = img.memory()
	if err := s.layer(img, layers); err != nil {
		s.free()
		return nil, err
	}
	s.mappings, s.copied = mappingsOf(layers), copied
	e.mappings += s.mappings
	img.live++
	e.live++
	return s, nil
}

// layers chooses what a new space of img maps.
func (e *Engine) layers(img *Image) (_ []image.Layer, copied bool, err error) {
	n := e.mappings + mappingsOf(img.layers)
	if len(img.layers) == 1 || n <= maxMappings || n <= hardMappings && img.live < severalAtOnce {
		return img.layers, false, nil
	}
	if img.whole == nil {
		l, err := img.Whole("annex-app-whole")
		if err != nil {
			return nil, false, err
		}
		img.whole = []image.Layer{l}
	}
	return img.whole, true, nil
}

// giveSpace resets a space for the next call of its image, or frees it.
func (e *Engine) giveSpace(s *space) {
	img := s.image
	e.live--
	e.unhold(s)
	if img.live--; img.live == 0 && img.whole != nil {
		// The rush is over, and so is the need for a copy.
		img.dropWhole()
		for i := len(img.idle) - 1; i >= 0; i-- {
			if img.idle[i].copied {
				e.freeIdle(img, i)
			}
		}
	}
	if img.closed || len(img.idle) >= maxIdle || s.refused || s.spent || s.single || s.copied && img.whole == nil {
		e.freeSpace(s)
		return
	}
	if !e.cfg.SkipReset && !e.reset(s) {
		e.freeSpace(s)
		return
	}
	img.idle = append(img.idle, s)
	e.gives++
	img.used = e.gives
	e.idle[img] = struct{}{}
	e.idleMappings += s.mappings
	e.idleSpaces++
	for e.idleMappings > maxIdleMappings || e.idleSpaces > maxIdleSpaces {
		e.freeIdle(e.longestIdle(), 0)
	}
}

// longestIdle is the image, of those with idle instances, that was not used for longest.
func (e *Engine) longestIdle() *Image {
	var oldest *Image
	for img := range e.idle {
		if oldest == nil || img.used < oldest.used {
			oldest = img
		}
	}
	return oldest
}

// takeIdle takes an image's i-th idle instance from the pool.
func (e *Engine) takeIdle(img *Image, i int) *space {
	s := img.idle[i]
	img.idle = append(img.idle[:i], img.idle[i+1:]...)
	e.idleMappings -= s.mappings
	e.idleSpaces--
	if len(img.idle) == 0 {
		delete(e.idle, img)
	}
	return s
}

func (e *Engine) freeIdle(img *Image, i int) { e.freeSpace(e.takeIdle(img, i)) }

func (e *Engine) freeSpace(s *space) {
	if e.mapped == s {
		// The machine must always be pointed at some memory.
		if err := e.point(e.home); err != nil {
			return // it stays mapped; nothing will run in it again
		}
	}
	e.mappings -= s.mappings
	s.free()
}
