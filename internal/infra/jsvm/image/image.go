package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// PageSize is the unit in which images are compared, mapped and reset.
const PageSize = 4096

const (
	trailerMagic = "ANXIMG01"
	trailerSize  = 16
	maxMeta      = 4 << 20
	maxSize      = 512 << 20
	seals        = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
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
	// Runtime, Context, Random are addresses; Entry are the kernel's functions.
	Runtime uint32            `json:"rt"`
	Context uint32            `json:"cx"`
	Random  uint32            `json:"random"`
	Entry   map[string]uint64 `json:"entry"`
	// Exports are the functions "file.export" that the bundle registered.
	Exports []string `json:"exports,omitempty"`
}

// Image is an opened image. Its pages are mapped read-only and shared.
type Image struct {
	Meta
	File  *os.File
	Hash  string // of pages and meta
	Pages []byte
	whole []byte
}

// Create writes mem and meta into a sealed memfd and opens it.
func Create(name string, mem []byte, meta Meta) (*Image, error) {
	meta.Size = len(mem)
	f, err := create(name, meta, func(put func(page int, b []byte) error) error {
		for at := 0; at < len(mem); at += PageSize {
			if err := put(at/PageSize, mem[at:at+PageSize]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return Open(f)
}

func create(name string, meta Meta, fill func(put func(page int, b []byte) error) error) (_ *os.File, err error) {
	if meta.Size <= 0 || meta.Size%PageSize != 0 || meta.Size > maxSize {
		return nil, fmt.Errorf("image: size %d: %w", meta.Size, ErrDamaged)
	}
	head, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("image: memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	tail := make([]byte, 0, len(head)+trailerSize)
	tail = append(tail, head...)
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(head)))
	tail = append(tail, trailerMagic...)
	if _, err := f.WriteAt(tail, int64(meta.Size)); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	var zero [PageSize]byte
	put := func(page int, b []byte) error {
		if bytes.Equal(b, zero[:]) {
			return nil // a hole reads as zeros and takes no memory
		}
		_, err := f.WriteAt(b, int64(page)*PageSize)
		return err
	}
	if err := fill(put); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("image: seal: %w", err)
	}
	return f, nil
}

// Open maps an image that was made by this package, here or in another process. It
// refuses a file that somebody could still change. It takes over f.
func Open(f *os.File) (_ *Image, err error) {
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	got, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return nil, fmt.Errorf("image: not sealed: %w", ErrDamaged)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	total := st.Size()
	if total < trailerSize || total > maxSize+maxMeta+trailerSize {
		return nil, fmt.Errorf("image: %d bytes: %w", total, ErrDamaged)
	}
	whole, err := unix.Mmap(int(f.Fd()), 0, int(total), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("image: map: %w", err)
	}
	img, err := parse(whole)
	if err != nil {
		_ = unix.Munmap(whole)
		return nil, err
	}
	img.File = f
	return img, nil
}

func parse(whole []byte) (*Image, error) {
	end := len(whole) - trailerSize
	if end < 0 || string(whole[end+8:]) != trailerMagic {
		return nil, fmt.Errorf("image: no trailer: %w", ErrDamaged)
	}
	n := binary.LittleEndian.Uint64(whole[end:])
	if n > maxMeta || int(n) > end {
		return nil, fmt.Errorf("image: trailer: %w", ErrDamaged)
	}
	img := &Image{whole: whole}
	if err := json.Unmarshal(whole[end-int(n):end], &img.Meta); err != nil {
		return nil, fmt.Errorf("image: meta: %w: %w", ErrDamaged, err)
	}
	if img.Size != end-int(n) || img.Size <= 0 || img.Size%PageSize != 0 {
		return nil, fmt.Errorf("image: size %d of %d: %w", img.Size, end-int(n), ErrDamaged)
	}
	img.Pages = whole[:img.Size:img.Size]
	sum := sha256.Sum256(whole)
	img.Hash = hex.EncodeToString(sum[:])
	return img, nil
}

// Close unmaps and closes the image. Instances that were mapped from it keep their pages.
func (m *Image) Close() error {
	if m.whole != nil {
		_ = unix.Munmap(m.whole)
		m.whole, m.Pages = nil, nil
	}
	return m.File.Close()
}
