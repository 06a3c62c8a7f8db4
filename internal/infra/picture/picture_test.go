package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

func encoded(t *testing.T, w, h int) []byte {
	t.Helper()
	from := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(from.Pix); i += 4 {
		copy(from.Pix[i:], []byte{10, 20, 30, 255})
	}
	var out bytes.Buffer
	if err := png.Encode(&out, from); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPicturesAreSmallAndOurs(t *testing.T) {
	came := append(encoded(t, 400, 100), "<script>x()</script>"...)
	got, err := Redraw(came)
	if err != nil || bytes.Contains(got, []byte("script")) || Type(got) != "image/png" {
		t.Fatalf("%v %q", err, got)
	}
	drawn, err := png.Decode(bytes.NewReader(got))
	if err != nil || drawn.Bounds().Dx() != 80 || drawn.Bounds().Dy() != 20 || drawn.At(1, 1) != (color.NRGBA{10, 20, 30, 255}) && drawn.At(1, 1) != (color.RGBA{10, 20, 30, 255}) {
		t.Errorf("%v %v %v", err, drawn.Bounds(), drawn.At(1, 1))
	}
	var large bytes.Buffer
	if err := png.Encode(&large, image.NewGray(image.Rect(0, 0, 1<<10, 1<<10+1))); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "a page": []byte("<html>"), "too many pixels": large.Bytes(), "too many bytes": append(encoded(t, 4, 4), make([]byte, maxBytes)...)} {
		if got, err := Redraw(data); fault.CodeOf(err) != "BAD_PICTURE" {
			t.Errorf("%s becomes %q", name, got[:min(len(got), 40)])
		}
	}
}

// A face that is a letter on a disc stays one; words stand in text and nowhere else.
func TestWordsOfDrawings(t *testing.T) {
	got, err := Redraw([]byte(`<svg viewBox="0 0 9 9">loose<circle r="4"/><text x="4" onclick="x()" style="y">A&lt;b&amp;<tspan>c</tspan><a href="https://evil.example">d</a></text><title>e</title></svg>`))
	const want = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4"></circle><text x="4">A&lt;b&amp;<tspan>c</tspan></text></svg>`
	if err != nil || string(got) != want || Type(got) != "image/svg+xml" {
		t.Errorf("%v\n%s", err, got)
	}
	if strings.Contains(string(got), "evil") {
		t.Error("an address is passed on")
	}
}
