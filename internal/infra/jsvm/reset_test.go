package jsvm

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// A reset must undo every write, whichever pages it touched, with and without the
// kernel's help, while the hot set grows and shrinks and spaces take turns.
func TestResetUndoesEveryWrite(t *testing.T) {
	for name, scan := range map[string]func() *scanner{"pagemap": openScanner, "without pagemap": func() *scanner { return nil }} {
		t.Run(name, func(t *testing.T) {
			const pages = 32
			mem := make([]byte, pages*pageSize)
			for i := range mem {
				mem[i] = byte(i * 7)
			}
			file, err := image.Create("test", mem, image.Meta{})
			if err != nil {
				t.Fatal(err)
			}
			img := newImage(file)
			defer func() { _ = file.Close() }()
			e := &Engine{scan: scan()}
			e.onFound = func(from, to int) { e.found = append(e.found, run{from, to}) }
			rapid.Check(t, func(t *rapid.T) {
				img.hot = hotPages{}
				spaces := make([]*space, 3)
				for i := range spaces {
					s, err := newSpace()
					if err != nil {
						t.Fatal(err)
					}
					defer s.free()
					if err := s.restore(img); err != nil {
						t.Fatal(err)
					}
					spaces[i] = s
				}
				favourites := rapid.SliceOfN(rapid.IntRange(0, pages-1), 1, 12).Draw(t, "favourites")
				for range rapid.IntRange(10, 1400).Draw(t, "calls") {
					s := spaces[rapid.IntRange(0, 2).Draw(t, "space")]
					s.faults = e.faults
					for _, p := range favourites {
						s.buf[p*pageSize+p] ^= 0x55
					}
					for _, at := range rapid.SliceOfN(rapid.IntRange(0, len(mem)-1), 0, 3).Draw(t, "writes") {
						s.buf[at]++
					}
					if rapid.IntRange(0, 100).Draw(t, "change habits") == 0 {
						favourites = rapid.SliceOfN(rapid.IntRange(0, pages-1), 0, 6).Draw(t, "new favourites")
					}
					if !e.reset(s) {
						t.Fatal("not reset")
					}
					if !bytes.Equal(s.buf[:len(mem)], mem) {
						t.Fatal("a write survived the reset")
					}
				}
			})
		})
	}
}

func TestScannerFindsWhatWasWritten(t *testing.T) {
	sc := openScanner()
	if sc == nil {
		t.Skip("this kernel has no PAGEMAP_SCAN")
	}
	defer sc.close()
	file, err := image.Create("test", make([]byte, 2000*pageSize), image.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	s, err := newSpace()
	if err != nil {
		t.Fatal(err)
	}
	defer s.free()
	if err := s.restore(newImage(file)); err != nil {
		t.Fatal(err)
	}
	want := map[int]bool{}
	sum := byte(0)
	for p := range 2000 {
		sum += s.buf[p*pageSize] // reading makes no page ours
		if p%3 == 0 {            // more runs than one answer holds
			s.buf[p*pageSize] = 1
			want[p] = true
		}
	}
	got := 0
	ok := sc.written(s.addr(), 2000, func(from, to int) {
		for p := from; p < to; p++ {
			if !want[p] {
				t.Errorf("page %d was not written", p)
			}
			got++
		}
	})
	if !ok || got != len(want) || sum != 0 {
		t.Errorf("found %d of %d pages, %v", got, len(want), ok)
	}
}
