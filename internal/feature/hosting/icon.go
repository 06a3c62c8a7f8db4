package hosting

import (
	"bytes"
	"context"
	"image"
	"image/draw"
	_ "image/gif"  // formats in which
	_ "image/jpeg" // icons are drawn
	"image/png"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/blob"
)

// IconPrefix begins the paths of icons on the ui origin.
const IconPrefix = "/icons/"

const (
	maxIcon   = 1 << 20 // bytes of the file
	maxPixels = 1 << 20
	iconSize  = 96
)

// IconPath is the path of a module's icon on the ui origin, "" where it has none of its
// own. A picture of another host is none: whoever opened the page would be known there.
func (s *Service) IconPath(ctx context.Context, p *call.Policy, module string) string {
	v, err := s.version(ctx, p.Version)
	if err != nil {
		return ""
	}
	if _, ok := v.icon(module); !ok {
		return ""
	}
	label, err := s.labels.of(p.Install)
	if err != nil {
		return ""
	}
	return IconPrefix + label + "/" + v.Hash[:min(len(v.Hash), 16)] + "/" + module
}

// icon finds the file that a module names as "resource:KEY;PATH".
func (v *Version) icon(module string) (blob.Hash, bool) {
	at, ok := strings.CutPrefix(v.Icons[module], "resource:")
	if !ok {
		return "", false
	}
	key, name, ok := strings.Cut(at, ";")
	if !ok {
		return "", false
	}
	h, ok := v.Resources[key].Files[strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")]
	return h, ok
}

// Icons serves the icons of apps' modules on the ui origin. None of the app's bytes is
// passed on: a picture is decoded and drawn anew, and a drawing is written anew from the
// shapes that are known to be nothing else.
func (s *Service) Icons() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			refuse(w, r, http.StatusMethodNotAllowed, "only GET and HEAD")
			return
		}
		b, typ, err := s.drawn(r.Context(), strings.Split(strings.TrimPrefix(r.URL.Path, IconPrefix), "/"))
		if err != nil {
			refuse(w, r, http.StatusNotFound, "not found")
			return
		}
		h.Set("Content-Type", typ)
		h.Set("Cache-Control", "private, max-age=86400, immutable")
		send(w, r, b)
	})
}

// drawn is the icon at LABEL/VERSION/MODULE.
func (s *Service) drawn(ctx context.Context, at []string) (data []byte, typ string, err error) {
	if len(at) != 3 {
		return nil, "", unknown()
	}
	install, ok := s.labels.whose(at[0])
	if !ok {
		return nil, "", unknown()
	}
	p, err := s.cfg.Policies.Policy(ctx, install)
	if err != nil {
		return nil, "", err
	}
	v, err := s.version(ctx, p.Version)
	if err != nil {
		return nil, "", err
	}
	h, ok := v.icon(at[2])
	if !ok || !strings.HasPrefix(v.Hash, at[1]) {
		return nil, "", unknown()
	}
	b, err := s.store.icon(ctx, h)
	if err != nil {
		return nil, "", err
	}
	if bytes.HasPrefix(b.data, []byte("<svg")) {
		return b.data, "image/svg+xml", nil
	}
	return b.data, "image/png", nil
}

// icon is a picture ready to send.
func (s *store) icon(ctx context.Context, h blob.Hash) (*body, error) {
	name := string(h) + ",icon"
	s.mu.Lock()
	have, ok := s.kept.Get(name)
	s.mu.Unlock()
	if ok {
		return have, nil
	}
	made, err, _ := s.flight.Do(name, func() (any, error) {
		data, err := s.blobs.Get(context.WithoutCancel(ctx), h)
		if err != nil {
			return nil, err
		}
		data, err = redraw(data)
		return &body{data: data}, err
	})
	if err != nil {
		return nil, err
	}
	b := made.(*body)
	s.keep(name, b)
	return b, nil
}

// redraw makes a picture of our own out of an app's.
func redraw(data []byte) ([]byte, error) {
	if len(data) > maxIcon {
		return nil, badIcon()
	}
	if text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))); bytes.HasPrefix(text, []byte("<")) {
		return redrawSVG(text)
	}
	head, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || head.Width < 1 || head.Height < 1 || head.Width > maxPixels/head.Height {
		return nil, badIcon()
	}
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, badIcon()
	}
	var out bytes.Buffer
	if err := png.Encode(&out, smaller(picture)); err != nil {
		return nil, fault.Op("hosting.redraw", err)
	}
	return out.Bytes(), nil
}

// smaller draws a picture at the size at which icons are shown, or at its own.
func smaller(picture image.Image) image.Image {
	b := picture.Bounds()
	scale := max(1, (max(b.Dx(), b.Dy())+iconSize-1)/iconSize)
	out := image.NewNRGBA(image.Rect(0, 0, max(1, b.Dx()/scale), max(1, b.Dy()/scale)))
	if scale == 1 {
		draw.Draw(out, out.Bounds(), picture, b.Min, draw.Src)
		return out
	}
	for y := range out.Bounds().Dy() { // each pixel is the mean of those that it stands for
		for x := range out.Bounds().Dx() {
			var sum [4]uint64
			for dy := range scale {
				for dx := range scale {
					r, g, bl, a := picture.At(b.Min.X+x*scale+dx, b.Min.Y+y*scale+dy).RGBA()
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

func badIcon() error {
	return fault.New(fault.Invalid, "BAD_ICON", "the icon is no PNG, JPEG, GIF or plain SVG of a bounded size")
}
