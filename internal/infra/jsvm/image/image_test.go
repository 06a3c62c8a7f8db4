package image_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// base is a base image whose last pages are zeros.
func base(t testing.TB, pages int) *image.Image {
	t.Helper()
	mem := make([]byte, pages*image.PageSize)
	for i := range mem[:len(mem)*7/8] {
		mem[i] = byte(i%251) + 1
	}
	img, err := image.Create("base", mem, image.Meta{StackPointer: 7, Entry: map[string]uint64{"start": 1 << 60}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = img.Close() })
	return img
}

// contents are an image's pages, read a stretch at a time.
func contents(m *image.Image) []byte {
	var all []byte
	for n := m.Size / image.PageSize; len(all) < m.Size; {
		all = append(all, m.At(len(all)/image.PageSize, n)...)
	}
	return all
}

// mapped are an image's pages as its layers give them.
func mapped(t fataler, layers []image.Layer, size int) []byte {
	buf := bytes.Repeat([]byte{0xee}, size)
	for _, l := range layers {
		if _, err := l.File.ReadAt(buf[l.From*image.PageSize:l.To*image.PageSize], l.Offset); err != nil {
			t.Fatal(err)
		}
	}
	return buf
}

type fataler interface{ Fatal(...any) }

// held is how much memory an image's file takes.
func held(t fataler, m *image.Image) int {
	st, err := m.File.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return int(st.Sys().(*syscall.Stat_t).Blocks) * 512
}

// changed draws a memory over a base: sometimes larger, with few or very many writes, and
// with pages that are zeros.
func changed(t *rapid.T, b *image.Image) []byte {
	pages := b.Size / image.PageSize
	mem := make([]byte, rapid.IntRange(pages, pages+20).Draw(t, "pages")*image.PageSize)
	copy(mem, contents(b))
	for _, at := range rapid.SliceOfN(rapid.IntRange(0, len(mem)-1), 0, 60).Draw(t, "writes") {
		mem[at] = rapid.Byte().Draw(t, "byte")
	}
	if step := rapid.IntRange(0, 9).Draw(t, "every so many pages"); step > 0 {
		for p := rapid.IntRange(0, pages).Draw(t, "from"); p < pages; p += step {
			mem[p*image.PageSize]++
		}
	}
	if p := rapid.IntRange(-1, pages-1).Draw(t, "cleared page"); p >= 0 {
		clear(mem[p*image.PageSize : (p+1)*image.PageSize])
	}
	return mem
}

func TestComposeUndoesDiff(t *testing.T) {
	b := base(t, 800)
	rapid.Check(t, func(t *rapid.T) {
		mem := changed(t, b)
		snap, err := image.Diff(b, mem, image.Meta{Exports: []string{"index.run"}, StackPointer: 9})
		if err != nil {
			t.Fatal(err)
		}
		img, err := image.Compose(b, "app", snap)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = img.Close() }()
		if img.StackPointer != 9 || img.Exports[0] != "index.run" || img.Base != b.Hash || img.Size != len(mem) {
			t.Fatal("the composed image is another one")
		}
		whole, err := img.Whole("whole")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = whole.File.Close() }()
		layers := img.Layers()
		if !bytes.Equal(contents(img), mem) || !bytes.Equal(mapped(t, layers, img.Size), mem) || !bytes.Equal(mapped(t, []image.Layer{whole}, img.Size), mem) {
			t.Fatal("the composed image has other pages")
		}
		if len(layers) > 129 {
			t.Fatalf("%d layers", len(layers))
		}
		if _, err := img.File.WriteAt([]byte{1}, 0); err == nil {
			t.Fatal("a sealed image was written to")
		}
		at := rapid.IntRange(0, len(snap)-1).Draw(t, "damage")
		snap[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := image.Compose(b, "app", snap); !errors.Is(err, image.ErrDamaged) {
			t.Fatalf("a damaged snapshot gave %v", err)
		}
	})
}

// An image of an app that changed little takes little, before and after it was opened and
// read by others.
func TestAnImageHoldsWhatDiffers(t *testing.T) {
	b := base(t, 800)
	mem := make([]byte, b.Size+16*image.PageSize)
	copy(mem, contents(b))
	for p := range 10 {
		mem[p*50*image.PageSize]++
	}
	snap, err := image.Diff(b, mem, image.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Compose(b, "app", snap)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = img.Close() }()
	if got, most := held(t, img), 12*image.PageSize; got > most {
		t.Errorf("an image that differs in 10 pages holds %d bytes", got)
	}
	if n := len(img.Layers()); n != 12 {
		t.Errorf("%d layers", n)
	}
}

// Whatever bit of an image's file is another one, and whatever base it is opened over:
// nothing but what was written is opened.
func TestOpenRefusesDamage(t *testing.T) {
	b := base(t, 800)
	other, err := image.Create("other", make([]byte, b.Size), image.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	rapid.Check(t, func(t *rapid.T) {
		snap, err := image.Diff(b, changed(t, b), image.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		img, err := image.Compose(b, "app", snap)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = img.Close() }()
		whole := readAll(t, img.File)
		again, err := image.Open(sealed(t, whole), b)
		if err != nil || again.Hash != img.Hash {
			t.Fatal("a copy of an image is not the image:", err)
		}
		_ = again.Close()
		for _, wrong := range []*image.Image{nil, other, img} {
			if _, err := image.Open(sealed(t, whole), wrong); !errors.Is(err, image.ErrDamaged) {
				t.Fatalf("over another base: %v", err)
			}
		}
		if _, err := image.Open(sealed(t, readAll(t, other.File)), b); !errors.Is(err, image.ErrDamaged) {
			t.Fatalf("another base image: %v", err)
		}
		cut := rapid.IntRange(0, len(whole)-1).Draw(t, "cut")
		if _, err := image.Open(sealed(t, whole[:cut]), b); !errors.Is(err, image.ErrDamaged) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		// Few of the bits are the header's, and they matter most.
		at := len(whole) - 1 - min(rapid.IntRange(0, len(whole)-1).Draw(t, "at"), rapid.IntRange(0, 2*len(whole)).Draw(t, "at most"))
		whole[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := image.Open(sealed(t, whole), b); !errors.Is(err, image.ErrDamaged) {
			t.Fatalf("damaged at %d of %d: %v", at, len(whole), err)
		}
	})
}

func readAll(t fataler, f *os.File) []byte {
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// sealed is a sealed file of any bytes.
func sealed(t fataler, b []byte) *os.File {
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "test")
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOpenRefusesWhatCanChange(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "image")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := image.Open(f, nil); !errors.Is(err, image.ErrDamaged) {
		t.Errorf("an unsealed file gave %v", err)
	}
}

func FuzzCompose(f *testing.F) {
	b := base(f, 32)
	mem := contents(b)
	mem[4097]++
	mem[90000]++
	snap, err := image.Diff(b, mem, image.Meta{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(snap, false)
	f.Add(snap[:len(snap)-sha256.Size], true)
	f.Add(snap[:40], false)
	f.Add([]byte("ANXSNP01"), true)
	f.Fuzz(func(t *testing.T, snap []byte, sum bool) {
		if sum { // so that what is behind the check of the hash is reached
			own := sha256.Sum256(snap)
			snap = append(snap, own[:]...)
		}
		img, err := image.Compose(b, "fuzz", snap)
		check(t, img, err)
	})
}

func FuzzOpen(f *testing.F) {
	b := base(f, 32)
	mem := append(contents(b), make([]byte, image.PageSize)...)
	mem[4097]++
	mem[90000]++
	snap, err := image.Diff(b, mem, image.Meta{})
	if err != nil {
		f.Fatal(err)
	}
	img, err := image.Compose(b, "app", snap)
	if err != nil {
		f.Fatal(err)
	}
	whole := readAll(f, img.File)
	f.Add(whole, false)
	f.Add(whole[:len(whole)-sha256.Size], true)
	f.Add([]byte("ANXIMG02"), true)
	f.Fuzz(func(t *testing.T, file []byte, sum bool) {
		if sum {
			own := sha256.Sum256(file)
			file = append(file, own[:]...)
		}
		img, err := image.Open(sealed(t, file), b)
		check(t, img, err)
	})
}

// check looks that what was opened can be read and mapped to its end.
func check(t *testing.T, img *image.Image, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, image.ErrDamaged) {
			t.Fatal(err)
		}
		return
	}
	defer func() { _ = img.Close() }()
	if img.Size > 1<<20 {
		return
	}
	if !bytes.Equal(contents(img), mapped(t, img.Layers(), img.Size)) {
		t.Fatal("an image reads otherwise than it maps")
	}
}
