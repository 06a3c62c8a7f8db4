package jsvm

import "bytes"

const (
	// maxHot bounds what a reset copies, and what an idle instance keeps: 768 KB. A call
	// that returns 1 KB of JSON writes to about a hundred pages, half of them only to
	// count a reference up and down again. One page over the bound would cost each call
	// a page fault and a look at all pages.
	maxHot = 192
	// hotAfter is how often a page must be found written before it is copied back
	// instead of dropped. A copy costs a tenth of the page fault that it saves.
	hotAfter = 2
	// Every sampleEvery-th reset looks which hot pages were really written; those that
	// no sample of a round found are let go.
	sampleEvery = 64
	sampleRound = 8
)

// run is pages [from, to).
type run struct{ from, to int }

// hotRun is a run of hot pages with what the image has there.
type hotRun struct {
	run
	image []byte
}

// hotPages are the pages that calls of one image usually write.
type hotPages struct {
	runs    []hotRun
	is      []bool  // by page
	seen    []uint8 // by page: how often found written while not hot
	used    []bool  // by page: found written by a sample of this round
	count   int
	resets  int
	samples int
	// shrunk counts how often pages left the set; see space.shrunk.
	shrunk int
}

// note records that pages [from, to) were found written.
func (h *hotPages) note(r run, pages int) (changed bool) {
	if h.is == nil {
		h.is, h.seen, h.used = make([]bool, pages), make([]uint8, pages), make([]bool, pages)
	}
	for p := r.from; p < r.to && p < pages; p++ {
		if h.is[p] {
			continue
		}
		if h.seen[p]++; h.seen[p] >= hotAfter && h.count < maxHot {
			h.is[p], h.used[p], h.seen[p] = true, true, 0
			h.count++
			changed = true
		}
	}
	return changed
}

func (h *hotPages) rebuild(img *Image) {
	h.runs = h.runs[:0]
	for p := 0; p < len(h.is); {
		if !h.is[p] {
			p++
			continue
		}
		end := p + 1
		for end < len(h.is) && h.is[end] {
			end++
		}
		for p < end {
			b := img.At(p, end)
			h.runs = append(h.runs, hotRun{run{p, p + len(b)/pageSize}, b})
			p += len(b) / pageSize
		}
	}
}

// sample looks which hot pages of mem differ from the image, and at a round's end lets
// those go that never did.
func (h *hotPages) sample(mem []byte, img *Image) {
	for _, r := range h.runs {
		for p := r.from; p < r.to; p++ {
			is, was := mem[p*pageSize:(p+1)*pageSize], r.image[(p-r.from)*pageSize:(p-r.from+1)*pageSize]
			if !h.used[p] && !bytes.Equal(is, was) {
				h.used[p] = true
			}
		}
	}
	if h.samples++; h.samples < sampleRound {
		return
	}
	h.samples = 0
	h.shrunk++
	for p, hot := range h.is {
		if hot && !h.used[p] {
			h.is[p] = false
			h.count--
		}
		h.used[p] = false
	}
	h.rebuild(img)
}

// reset makes the space read as its image again, in every page, whichever were written.
// It answers false when the space must be thrown away instead.
func (e *Engine) reset(s *space) bool {
	img := s.image
	if s.size != img.size {
		return false
	}
	h, pages := &img.hot, img.size/pageSize
	h.resets++
	thorough := h.resets%sampleEvery == 0
	if thorough {
		h.sample(s.buf, img)
	}
	// A page that is not ours yet can only become so by a page fault. Without one since
	// the space was handed out, nothing but hot pages can have been written.
	faults := pageFaults()
	if thorough || faults < 0 || faults != s.faults || s.shrunk != h.shrunk {
		if !e.dropWritten(s, h, pages) {
			return false
		}
		s.shrunk = h.shrunk
	}
	e.faults = faults
	for _, r := range h.runs {
		copy(s.buf[r.from*pageSize:], r.image)
	}
	return true
}

// dropWritten drops all pages that are not hot, and learns from those that were written.
func (e *Engine) dropWritten(s *space, h *hotPages, pages int) bool {
	if e.scan == nil {
		return dropGaps(s, h.runs, pages)
	}
	e.found = e.found[:0]
	if !e.scan.written(s.addr(), pages, e.onFound) {
		return dropGaps(s, h.runs, pages)
	}
	learned := false
	for _, f := range e.found {
		// Split the run at hot pages: only what will not be copied back is dropped.
		for p := f.from; p < f.to; {
			if h.is != nil && h.is[p] {
				p++
				continue
			}
			q := p + 1
			for q < f.to && (h.is == nil || !h.is[q]) {
				q++
			}
			if s.drop(p, q) != nil {
				return false
			}
			learned = h.note(run{p, q}, pages) || learned
			p = q
		}
	}
	if learned {
		h.rebuild(s.image)
	}
	return true
}

// dropGaps drops everything between the hot runs, without knowing what was written.
func dropGaps(s *space, hot []hotRun, pages int) bool {
	at := 0
	for _, r := range hot {
		if r.from > at && s.drop(at, r.from) != nil {
			return false
		}
		at = r.to
	}
	return at >= pages || s.drop(at, pages) == nil
}
