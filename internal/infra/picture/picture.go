// Package picture draws small pictures that others made anew: icons of apps, faces of
// people. Its promise: what it gives is a PNG that this server encoded, or a drawing that it
// wrote from shapes, looks and words that are known to be nothing else; of what came not a
// byte is passed on, and what is too large is refused before it takes up room.
package picture

import (
	"bytes"
	"image"
	"image/draw"
	_ "image/gif"  // formats in which
	_ "image/jpeg" // pictures are drawn
	"image/png"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	maxBytes  = 1 << 20 // of the file
	maxPixels = 1 << 20
	size      = 96
)

// Type is the media type of what Redraw gave.
func Type(drawn []byte) string {
	if bytes.HasPrefix(drawn, []byte("<svg")) {
		return "image/svg+xml"
	}
	return "image/png"
}

// Redraw makes a picture of our own: none of the bytes that came is in it.
func Redraw(data []byte) ([]byte, error) {
	if len(data) > maxBytes {
		return nil, bad()
	}
	if text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))); bytes.HasPrefix(text, []byte("<")) {
		return redrawSVG(text)
	}
	head, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || head.Width < 1 || head.Height < 1 || head.Width > maxPixels/head.Height {
		return nil, bad()
	}
	decoded, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, bad()
	}
	var out bytes.Buffer
	if err := png.Encode(&out, smaller(decoded)); err != nil {
		return nil, fault.Op("picture.Redraw", err)
	}
	return out.Bytes(), nil
}

// smaller draws a picture at the size at which small pictures are shown, or at its own.
func smaller(from image.Image) image.Image {
	b := from.Bounds()
	scale := max(1, (max(b.Dx(), b.Dy())+size-1)/size)
	out := image.NewNRGBA(image.Rect(0, 0, max(1, b.Dx()/scale), max(1, b.Dy()/scale)))
	if scale == 1 {
		draw.Draw(out, out.Bounds(), from, b.Min, draw.Src)
		return out
	}
	for y := range out.Bounds().Dy() { // each pixel is the mean of those that it stands for
		for x := range out.Bounds().Dx() {
			var sum [4]uint64
			for dy := range scale {
				for dx := range scale {
					r, g, bl, a := from.At(b.Min.X+x*scale+dx, b.Min.Y+y*scale+dy).RGBA()
					sum[0], sum[1], sum[2], sum[3] = sum[0]+uint64(r), sum[1]+uint64(g), sum[2]+uint64(bl), sum[3]+uint64(a)
				}
			}
			at := out.PixOffset(x, y)
			if sum[3] == 0 {
				continue
			}
			for c := range 3 {
				out.Pix[at+c] = uint8(sum[c] * 255 / sum[3])
			}
			out.Pix[at+3] = uint8(sum[3] / uint64(scale*scale) >> 8)
		}
	}
	return out
}

func bad() error {
	return fault.New(fault.Invalid, "BAD_PICTURE", "the picture is no PNG, JPEG, GIF or plain SVG of a bounded size")
}
