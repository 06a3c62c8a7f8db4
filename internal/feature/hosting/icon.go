package hosting

import (
	"context"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/picture"
)

// IconPrefix begins the paths of icons on the ui origin.
const IconPrefix = "/icons/"

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
	return b.data, picture.Type(b.data), nil
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
		data, err = picture.Redraw(data)
		return &body{data: data}, err
	})
	if err != nil {
		return nil, err
	}
	b := made.(*body)
	s.keep(name, b)
	return b, nil
}
