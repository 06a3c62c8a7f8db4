package jsvm

import (
	"os"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// Image is an opened image with what was learned of the pages that its calls write, and
// its idle instances.
type Image struct {
	*image.Image
	size int
	// layers are what a space maps; whole is one layer instead of them, made when there
	// are so many instances that their mappings become scarce.
	layers []image.Layer
	whole  []image.Layer
	hot    hotPages
	idle   []*space
	live   int   // instances that are handed out
	used   int64 // when one was last given back, in the engine's count
	closed bool
}

func newImage(m *image.Image) *Image { return &Image{Image: m, size: m.Size, layers: m.Layers()} }

// Open opens an image that was composed for this engine's base image. It takes over f.
func (e *Engine) Open(f *os.File) (*Image, error) {
	m, err := image.Open(f, e.base.Image)
	if err != nil {
		return nil, err
	}
	return newImage(m), nil
}

// CloseImage frees an image; calls of it that are under way go on.
func (e *Engine) CloseImage(img *Image) {
	img.closed = true
	for len(img.idle) > 0 {
		e.freeIdle(img, 0)
	}
	img.dropWhole()
	_ = img.Close()
}

// dropWhole lets the copy go; instances that map it keep it until they are freed.
func (m *Image) dropWhole() {
	if m.whole != nil {
		_ = m.whole[0].File.Close()
		m.whole = nil
	}
}

// memory is what a call of the image may use.
func (m *Image) memory() int {
	if m.Memory == 0 {
		return DefaultMemory
	}
	return min(m.Memory, maxMemory)
}
