package console

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/hosting"
	"github.com/annexhq/annex/internal/feature/install"
)

// blocked is something that browsers stopped on an app's pages, for an admin.
type blocked struct {
	Where string // host, or what stands for one
	What  string // what the page tried
	Times int64
	Last  time.Time
	Allow string // how to
}

// attempts words what a page tried when a directive stopped it.
var attempts = map[string]string{
	"connect-src": "to send data", "connection-allowlist": "to connect", "img-src": "to load an image", "media-src": "to load sound or video",
	"font-src": "to load a font", "frame-src": "to embed a page, or to go there", "script-src": "to run code", "script-src-elem": "to run code",
	"script-src-attr": "to run code", "style-src": "to take a style sheet", "style-src-elem": "to take a style sheet", "style-src-attr": "to take a style",
	"worker-src": "to start a worker", "form-action": "to send a form", "base-uri": "to change what its addresses mean", "object-src": "to load a plug-in",
}

func (c *Console) blockedOf(ctx context.Context, scope tenant.Scope, i install.Installation) ([]blocked, error) {
	all, err := c.Hosting.Reports(ctx, scope)
	if err != nil {
		return nil, err
	}
	var out []blocked
	for _, b := range all {
		out = append(out, blocked{Where: quote.Line(b.Origin, 300), What: attempts[b.Directive], Times: b.Times, Last: b.Last, Allow: hosting.Advice(b, i.Allowed(), i.Declared)})
	}
	return out, nil
}
