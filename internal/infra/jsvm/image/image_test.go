package image_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
	"pgregory.net/rapid"
)

func base(t testing.TB) *image.Image {
	t.Helper()
	mem := make([]byte, 8*image.PageSize)
	for i := range mem[:5*image.PageSize] {
		mem[i] = byte(i%251) + 1
	}
	img, err := image.Create("base", mem, image.Meta{StackPointer: 7, Entry: map[string]uint64{"start": 1 << 60}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = img.Close() })
	return img
}

func TestComposeUndoesDiff(t *testing.T) {
	b := base(t)
	rapid.Check(t, func(t *rapid.T) {
		mem := make([]byte, rapid.IntRange(8, 12).Draw(t, "pages")*image.PageSize)
		copy(mem, b.Pages)
		for _, at := range rapid.SliceOfN(rapid.IntRange(0, len(mem)-1), 0, 8).Draw(t, "writes") {
			mem[at] = rapid.Byte().Draw(t, "byte")
		}
		if p := rapid.IntRange(-1, 7).Draw(t, "cleared page"); p >= 0 {
			clear(mem[p*image.PageSize : (p+1)*image.PageSize])
		}
		snap, err := image.Diff(b, mem, image.Meta{Exports: []string{"index.run"}, StackPointer: 9})
		if err != nil {
			t.Fatal(err)
		}
		img, err := image.Compose(b, "app", snap)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = img.Close() }()
		if !bytes.Equal(img.Pages, mem) || img.StackPointer != 9 || img.Exports[0] != "index.run" || img.Base != b.Hash {
			t.Fatal("the composed image is another one")
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

func TestOpenRefusesWhatCanChange(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "image")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := image.Open(f); !errors.Is(err, image.ErrDamaged) {
		t.Errorf("an unsealed file gave %v", err)
	}
}

func FuzzCompose(f *testing.F) {
	b := base(f)
	mem := bytes.Clone(b.Pages)
	mem[4097]++
	snap, err := image.Diff(b, mem, image.Meta{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(snap)
	f.Add(snap[:40])
	f.Add([]byte("ANXSNP01"))
	f.Fuzz(func(t *testing.T, snap []byte) {
		img, err := image.Compose(b, "fuzz", snap)
		if err == nil {
			_ = img.Close()
		} else if !errors.Is(err, image.ErrDamaged) {
			t.Fatalf("%v", err)
		}
	})
}
