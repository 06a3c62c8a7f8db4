package jsvm

import (
	"os"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// Image is an opened image with what was learned of the pages that its calls write, and
// its idle instances.
type Image struct {
	*image.Image
	file   *os.File
	size   int
	hot    hotPages
	idle   []*space
	closed bool
}

func newImage(m *image.Image) *Image { return &Image{Image: m, file: m.File, size: m.Size} }

// Open opens an image that was composed for this engine's base image. It takes over f.
func (e *Engine) Open(f *os.File) (*Image, error) {
	m, err := image.Open(f)
	if err != nil {
		return nil, err
	}
	if m.Hash != e.base.Hash && m.Base != e.base.Hash {
		_ = m.Close()
		return nil, image.ErrDamaged
	}
	return newImage(m), nil
}

// CloseImage frees an image; calls of it that are under way go on.
func (e *Engine) CloseImage(img *Image) {
	img.closed = true
	for _, s := range img.idle {
		e.freeSpace(s)
	}
	img.idle = nil
	_ = img.Close()
}

// memory is what a call of the image may use.
func (m *Image) memory() int {
	if m.Memory == 0 {
		return DefaultMemory
	}
	return min(m.Memory, maxMemory)
}
