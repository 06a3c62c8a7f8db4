package image

import (
	"errors"
	"fmt"
	"os"
	"sort"

	"golang.org/x/sys/unix"
)

// PageSize is the unit in which images are compared, mapped and reset.
const PageSize = 4096

const (
	maxMeta = 4 << 20
	maxSize = 512 << 20
)

// ErrDamaged says that a snapshot or image is not what was written. A snapshot is a
// cache: make it again.
var ErrDamaged = errors.New("image: damaged")

// Meta is what is needed to enter an image.
type Meta struct {
	// Base is the hash of the base image that the image was made from; "" for a base.
	Base string `json:"base,omitempty"`
	// Engine is the hash of what the base image was built from, and Tags how that engine
	// marks values; both of base images only.
	Engine string   `json:"engine,omitempty"`
	Tags   []uint64 `json:"tags,omitempty"`
	// Size is the memory's size in bytes.
	Size int `json:"size"`
	// Memory is what a call may use, in bytes; 0 for the default.
	Memory int `json:"memory,omitempty"`
	// StackPointer is the one global of the engine.
	StackPointer uint64 `json:"sp"`
	// Runtime, Context, Random are addresses; Entry are the kernel's functions. Names is
	// where the engine keeps the address of its table of names, ToJSON one of these names,
	// Objects the address of Object.prototype.
	Runtime uint32            `json:"rt"`
	Context uint32            `json:"cx"`
	Random  uint32            `json:"random"`
	Names   uint32            `json:"names"`
	ToJSON  uint32            `json:"toJSON"`
	Objects uint32            `json:"objects"`
	Entry   map[string]uint64 `json:"entry"`
	// Exports are the functions "file.export" that the bundle registered.
	Exports []string `json:"exports,omitempty"`
}

// Image is an opened image. Its own pages are mapped read-only and shared.
type Image struct {
	Meta
	File *os.File
	Hash string // of all that the file holds, and so of the base image's hash too

	base *Image // of what is not its own; nil when all is
	runs []Run
	own  []byte // the pages of runs, one after another
}

// Create writes mem and meta into a sealed memfd as a base image, and opens it.
func Create(name string, mem []byte, meta Meta) (*Image, error) {
	meta.Base, meta.Size = "", len(mem)
	f, err := create(name, header{Meta: meta}, func(p int) []byte { return mem[p*PageSize : (p+1)*PageSize] })
	if err != nil {
		return nil, err
	}
	return Open(f, nil)
}

// Layer is pages of an image that lie together in a file.
type Layer struct {
	Run
	File   *os.File
	Offset int64
}

// Layers are what to map to have the image's memory, in this order: a later one covers
// what is below it.
func (m *Image) Layers() []Layer {
	var all []Layer
	if m.base != nil {
		all = m.base.Layers()
	}
	at := int64(0)
	for _, r := range m.runs {
		all = append(all, Layer{r, m.File, at})
		at += int64(r.pages()) * PageSize
	}
	return all
}

// At gives the contents of pages from, from+1 and so on up to to: of as many of them,
// at least one, as lie together. They are read-only, and valid until the image or its
// base is closed.
func (m *Image) At(from, to int) []byte {
	at := 0 // where the run's pages begin in own
	// The first run that ends behind from is the one that has it, or the next one.
	i := sort.Search(len(m.runs), func(i int) bool { return m.runs[i].To > from })
	if i < len(m.runs) && m.runs[i].From <= from {
		for _, r := range m.runs[:i] {
			at += r.pages()
		}
		at += from - m.runs[i].From
		to = min(to, m.runs[i].To)
		return m.own[at*PageSize : (at+to-from)*PageSize]
	}
	if i < len(m.runs) {
		to = min(to, m.runs[i].From)
	}
	return m.base.At(from, to)
}

// Whole writes all of the image's pages into one sealed memfd: what to map where the
// many mappings of layers are too dear.
func (m *Image) Whole(name string) (Layer, error) {
	all := Run{0, m.Size / PageSize}
	f, err := memfd(name, func(w *writer) error {
		for p := range all.To {
			if err := w.page(m.At(p, p+1)); err != nil {
				return err
			}
		}
		return nil
	})
	return Layer{Run: all, File: f}, err
}

// Close unmaps and closes the image. Instances that were mapped from it keep their pages.
func (m *Image) Close() error {
	if m.own != nil {
		_ = unix.Munmap(m.own)
		m.own = nil
	}
	if err := m.File.Close(); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return nil
}
