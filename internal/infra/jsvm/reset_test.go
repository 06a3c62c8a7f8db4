package jsvm

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// overlaid is an image over a base, with mem as its contents.
func overlaid(t testing.TB, base *image.Image, mem []byte) *Image {
	t.Helper()
	snap, err := image.Diff(base, mem, image.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.Compose(base, "test", snap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return newImage(file)
}

// images are images of each kind: a base; apps over it that differ in one page, in runs
// all over, in most pages, and not at all; with their contents.
func images(t testing.TB, pages int) map[string]*Image {
	t.Helper()
	mem := make([]byte, pages*pageSize)
	for i := range mem[:len(mem)*3/4] {
		mem[i] = byte(i * 7)
	}
	base, err := image.Create("test", mem, image.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = base.Close() })
	all := map[string]*Image{"base": newImage(base), "nothing of its own": overlaid(t, base, mem)}
	for name, step := range map[string]int{"one page": pages, "many runs": 7, "one run": 2} {
		own := append(bytes.Clone(mem), make([]byte, 5*pageSize)...)
		for p := 3; p < pages; p += step {
			copy(own[p*pageSize:], "changed")
		}
		copy(own[len(own)-2*pageSize:], "behind the base")
		all[name] = overlaid(t, base, own)
	}
	return all
}

func contents(img *Image) []byte {
	var mem []byte
	for len(mem) < img.size {
		mem = append(mem, img.At(len(mem)/pageSize, img.size/pageSize)...)
	}
	return mem
}

// A reset must undo every write, whichever pages it touched and whosever they were, with
// and without the kernel's help, while the hot set grows and shrinks and spaces take turns.
func TestResetUndoesEveryWrite(t *testing.T) {
	const basePages = 96
	for kind, img := range images(t, basePages) {
		for name, scan := range map[string]func() *scanner{"pagemap": func() *scanner { return openScanner(nil) }, "without pagemap": func() *scanner { return nil }} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				e := &Engine{scan: scan()}
				e.onFound = func(from, to int) { e.found = append(e.found, run{from, to}) }
				rapid.Check(t, func(t *rapid.T) { resets(t, e, img) })
			})
		}
	}
}

func resets(t *rapid.T, e *Engine, img *Image) {
	mem := contents(img)
	pages := len(mem) / pageSize
	img.hot = hotPages{}
	whole, err := img.Whole("test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = whole.File.Close() }()
	spaces := make([]*space, 3)
	for i := range spaces {
		s, err := newSpace()
		if err != nil {
			t.Fatal(err)
		}
		defer s.free()
		layers := img.layers
		if i == 2 { // spaces of the image's whole copy take turns with the others
			layers = []image.Layer{whole}
		}
		if err := s.layer(img, layers); err != nil {
			t.Fatal(err)
		}
		spaces[i] = s
	}
	favourites := rapid.SliceOfN(rapid.IntRange(0, pages-1), 1, 12).Draw(t, "favourites")
	for range rapid.IntRange(10, 700).Draw(t, "calls") {
		s := spaces[rapid.IntRange(0, 2).Draw(t, "space")]
		s.faults = e.faults
		for _, p := range favourites {
			s.buf[p*pageSize+p] ^= 0x55
		}
		for _, at := range rapid.SliceOfN(rapid.IntRange(0, len(mem)-1), 0, 3).Draw(t, "writes") {
			s.buf[at]++
		}
		if rapid.IntRange(0, 30).Draw(t, "a long write") == 0 { // over the borders of runs
			from := rapid.IntRange(0, pages-1).Draw(t, "from")
			b := s.buf[from*pageSize : rapid.IntRange(from, pages).Draw(t, "to")*pageSize]
			for i := 0; i < len(b); i += 512 {
				b[i] ^= 0xaa
			}
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
}

func TestScannerFindsWhatWasWritten(t *testing.T) {
	sc := openScanner(nil)
	if sc == nil {
		t.Skip("this kernel has no PAGEMAP_SCAN")
	}
	defer sc.close()
	file, err := image.Create("test", make([]byte, 2000*pageSize), image.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	mem := make([]byte, 2000*pageSize)
	for p := 0; p < 2000; p += 20 { // pages that the app has of its own
		mem[p*pageSize+1] = 1
	}
	img := overlaid(t, file, mem)
	if n := len(img.layers); n != 101 {
		t.Fatalf("%d layers", n)
	}
	s, err := newSpace()
	if err != nil {
		t.Fatal(err)
	}
	defer s.free()
	if err := s.restore(img); err != nil {
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
