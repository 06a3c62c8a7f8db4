package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// The file is: the pages of the image's runs, one after another; the header as JSON; its
// length (8 bytes), a magic, SHA-256 of all that. Pages of zeros are holes: they take no
// memory until somebody reads them through a mapping, which nobody here does.
const (
	magic       = "ANXIMG02"
	trailerSize = 8 + len(magic) + sha256.Size
	seals       = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
)

// header is what the file says of itself. Runs are the pages that the file holds; those
// between them are the base image's. A base image holds all of its pages, and has none.
type header struct {
	Meta
	Runs []Run `json:"runs,omitempty"`
}

// held are the pages that the file holds.
func (h *header) held() []Run {
	if h.Base == "" {
		return []Run{{0, h.Size / PageSize}}
	}
	return h.Runs
}

// create writes an image's file; page gives its own pages in rising order.
func create(name string, h header, page func(p int) []byte) (*os.File, error) {
	if !sound(h.Size) {
		return nil, fmt.Errorf("image: size %d: %w", h.Size, ErrDamaged)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	return memfd(name, func(w *writer) error {
		w.sum = sha256.New()
		for _, r := range h.held() {
			for p := r.From; p < r.To; p++ {
				if err := w.page(page(p)); err != nil {
					return err
				}
			}
		}
		tail := binary.LittleEndian.AppendUint64(head, uint64(len(head)))
		tail = append(tail, magic...)
		w.sum.Write(tail)
		return w.write(w.sum.Sum(tail))
	})
}

func sound(size int) bool { return size > 0 && size%PageSize == 0 && size <= maxSize }

// memfd makes a sealed file in memory.
func memfd(name string, fill func(*writer) error) (_ *os.File, err error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("image: memfd: %w", err)
	}
	w := &writer{file: os.NewFile(uintptr(fd), name)}
	if err = fill(w); err == nil {
		// The last pages may be a hole, which makes no file longer.
		err = w.file.Truncate(w.at)
	}
	if err == nil {
		_, err = unix.FcntlInt(w.file.Fd(), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("image: %w", err)
	}
	return w.file, nil
}

// Sealed makes a file that Open takes of an image's bytes, which may come from a disk.
func Sealed(name string, b []byte) (*os.File, error) {
	return memfd(name, func(w *writer) error {
		for page := range slices.Chunk(b, PageSize) {
			if err := w.page(page); err != nil {
				return err
			}
		}
		return nil
	})
}

type writer struct {
	file *os.File
	at   int64
	sum  hash.Hash // of pages; nil for none
}

var zeros [PageSize]byte

func (w *writer) page(b []byte) error {
	if w.sum != nil {
		w.sum.Write(b)
	}
	if bytes.Equal(b, zeros[:]) {
		w.at += PageSize
		return nil
	}
	return w.write(b)
}

func (w *writer) write(b []byte) error {
	n, err := w.file.WriteAt(b, w.at)
	w.at += int64(n)
	return err
}

// Open opens an image that was made by this package, here or in another process: a base
// image when base is nil, else that base image or one that was composed over it, which
// may be used for as long as its base is open. Open refuses a file that somebody could
// still change. It takes over f.
func Open(f *os.File, base *Image) (_ *Image, err error) {
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
	h, sum, err := parse(f, st.Size())
	if err != nil {
		return nil, err
	}
	m := &Image{Meta: h.Meta, File: f, Hash: sum, runs: h.held()}
	switch {
	case h.Base != "":
		if base == nil || base.Base != "" || h.Base != base.Hash {
			return nil, fmt.Errorf("image: of another base image: %w", ErrDamaged)
		}
		if err := checkRuns(h.Runs, base.Size, h.Size); err != nil {
			return nil, err
		}
		m.base = base
	case base != nil && sum != base.Hash:
		return nil, fmt.Errorf("image: another base image: %w", ErrDamaged)
	}
	if n := count(m.runs) * PageSize; n > 0 {
		if m.own, err = unix.Mmap(int(f.Fd()), 0, n, unix.PROT_READ, unix.MAP_SHARED); err != nil {
			return nil, fmt.Errorf("image: map: %w", err)
		}
	}
	return m, nil
}

// parse reads the file's header and checks its hash. It maps nothing: a mapping would fill
// the holes.
func parse(f io.ReaderAt, total int64) (h header, sum string, err error) {
	bad := func(what string) (header, string, error) {
		return header{}, "", fmt.Errorf("image: %s: %w", what, ErrDamaged)
	}
	end := total - int64(trailerSize)
	if end < 0 || end > maxSize+maxMeta {
		return bad("length")
	}
	var tail [trailerSize]byte
	if _, err := f.ReadAt(tail[:], end); err != nil {
		return header{}, "", fmt.Errorf("image: %w", err)
	}
	if string(tail[8:8+len(magic)]) != magic {
		return bad("no trailer")
	}
	n := binary.LittleEndian.Uint64(tail[:])
	if n > maxMeta || int64(n) > end {
		return bad("trailer")
	}
	hash := sha256.New()
	if _, err := io.CopyBuffer(hash, io.NewSectionReader(f, 0, total-sha256.Size), make([]byte, 64<<10)); err != nil {
		return header{}, "", fmt.Errorf("image: %w", err)
	}
	want := hash.Sum(nil)
	if !bytes.Equal(want, tail[8+len(magic):]) {
		return bad("hash")
	}
	head := make([]byte, n)
	if _, err := f.ReadAt(head, end-int64(n)); err != nil {
		return header{}, "", fmt.Errorf("image: %w", err)
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return bad("header: " + err.Error())
	}
	if !sound(h.Size) {
		return bad("size")
	}
	if h.Base != "" {
		if err := rising(h.Runs, h.Size/PageSize); err != nil {
			return header{}, "", err
		}
	}
	if int64(count(h.held()))*PageSize != end-int64(n) {
		return bad("pages")
	}
	return h, hex.EncodeToString(want), nil
}
