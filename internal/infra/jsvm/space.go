package jsvm

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

const (
	pageSize     = 4096
	wasmPageSize = 65536
	// maxMemory is the address space that each space reserves, and so the most that any
	// app can be given. Reserved is not used: it costs nothing until it is written.
	maxMemory = 512 << 20
)

// space is the memory of one instance: a fixed range of addresses, the image's layers
// mapped privately at its start, anonymous memory behind it as far as the guest has grown.
type space struct {
	buf   []byte // the whole reservation
	size  int    // what the guest may address now
	limit int    // what the guest may grow to
	// refused is set when the guest asked for more than limit.
	refused bool
	// spent is set when the engine lost its way in the space: it is never used again.
	spent bool
	// single is set for what no call comes after: a session writes other pages than calls do,
	// and nothing shall be learned from it.
	single bool
	image  *Image
	// held is what the call's pages count in the engine's budget.
	held int
	// natives is how much of that is an operation's own, and large says that it is one of the
	// few that may have much.
	natives int
	large   bool
	// mappings is how many mappings it may take, and copied says that they are of the
	// image's whole copy.
	mappings int
	copied   bool
	// faults is how many page faults the process had had when the space was handed out,
	// negative when that is not known. shrunk is the state of the image's hot set at the
	// last look at all pages: a page that left the set since is ours, and can be written
	// without a fault.
	faults int64
	shrunk int
}

func newSpace() (*space, error) {
	buf, err := unix.Mmap(-1, 0, maxMemory, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("jsvm: reserve memory: %w", err)
	}
	return &space{buf: buf, limit: maxMemory}, nil
}

func (s *space) addr() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s.buf))) }

// mem is the memory that the guest may address.
func (s *space) mem() []byte { return s.buf[:s.size:s.size] }

// grow makes size bytes addressable. The guest never shrinks.
func (s *space) grow(size int) bool {
	if size > s.limit {
		s.refused = true
		return false
	}
	if size > s.size {
		if err := unix.Mprotect(s.buf[s.size:size], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			s.refused = true
			return false
		}
		s.size = size
	}
	return true
}

// restore maps img over the start of the space; whatever was there is gone. After an
// error the space can only be freed.
func (s *space) restore(img *Image) error { return s.layer(img, img.layers) }

// layer is restore with other layers of the same contents.
func (s *space) layer(img *Image, layers []image.Layer) error {
	if s.size > img.size {
		return errors.New("jsvm: a grown space cannot be restored")
	}
	const prot = unix.PROT_READ | unix.PROT_WRITE
	for _, l := range layers {
		at, size := uintptr(l.From)*pageSize, uintptr(l.To-l.From)*pageSize
		_, _, errno := unix.Syscall6(unix.SYS_MMAP, s.addr()+at, size, prot, unix.MAP_PRIVATE|unix.MAP_FIXED, l.File.Fd(), uintptr(l.Offset))
		if errno != 0 {
			return fmt.Errorf("jsvm: map image: %w", errno)
		}
	}
	s.size, s.image, s.refused, s.faults, s.shrunk = img.size, img, false, -1, -1
	return nil
}

// mappingsOf is how many mappings a space of layers may take: each layer over the first
// one splits it once more; and what the guest grows into, and the rest.
func mappingsOf(layers []image.Layer) int { return 2*len(layers) + 1 }

func (s *space) free() {
	if s.buf != nil {
		_ = unix.Munmap(s.buf)
		s.buf = nil
	}
}

// drop makes pages [from, to) read as the image again.
func (s *space) drop(from, to int) error {
	return unix.Madvise(s.buf[from*pageSize:to*pageSize], unix.MADV_DONTNEED)
}
