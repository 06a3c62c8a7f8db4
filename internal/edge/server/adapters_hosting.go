package server

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/hosting"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/blob"
)

// served tells hosting what a version's front ends are.
type served struct{ registry *registry.Service }

func (d served) Served(ctx context.Context, v id.Version) (*hosting.Version, error) {
	hash, resources, err := d.registry.Resources(ctx, v)
	if err != nil {
		return nil, err
	}
	m, err := d.registry.Manifest(ctx, v)
	if err != nil {
		return nil, err
	}
	out := &hosting.Version{Hash: hash, Resources: map[string]hosting.Resource{}, Icons: map[string]string{}}
	for key, r := range resources {
		files := make(map[string]blob.Hash, len(r.Files))
		for name, f := range r.Files {
			files[name] = f.Hash
		}
		out.Resources[key] = hosting.Resource{Files: files, Entries: r.Entries}
	}
	for _, u := range m.UIModules() {
		if u.Icon.Text != "" {
			out.Icons[u.Key] = u.Icon.Text
		}
	}
	return out, nil
}

// pageOrigins remembers for a moment where products show their pages: every file that a
// page loads asks.
type pageOrigins struct {
	tenancy *tenancy.Service
	mu      sync.Mutex
	known   map[id.Product][]string
	until   time.Time
}

func newPageOrigins(t *tenancy.Service) *pageOrigins { return &pageOrigins{tenancy: t} }

func (o *pageOrigins) PageOrigins(ctx context.Context, product id.Product) ([]string, error) {
	const trust = time.Second
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || time.Now().After(o.until) {
		all, err := o.tenancy.Products(ctx)
		if err != nil {
			return nil, err
		}
		o.known, o.until = make(map[id.Product][]string, len(all)), time.Now().Add(trust)
		for _, p := range all {
			o.known[p.Key] = slices.Clone(p.PageOrigins)
		}
	}
	return o.known[product], nil
}

// Blocked writes into the app's log what a browser stopped on its pages.
func (r recorder) Blocked(_ context.Context, p *call.Policy, b hosting.Blocked) {
	r.line(p, &call.Call{Installation: p.Install, Version: p.Version}, "warn", "a browser blocked a request of the app's page",
		map[string]any{"directive": b.Directive, "origin": b.Origin, "type": b.Type})
}

// bridgeScript is what stands first in apps' documents. Without it an app's page says
// itself that there is nobody to talk to.
func bridgeScript(ctx context.Context, ui string, log *slog.Logger) []byte {
	text, err := assets.Page("bridge.js")
	if err != nil {
		log.WarnContext(ctx, "apps' pages have no bridge", "err", err)
		return []byte("/* no bridge */\n")
	}
	// The script takes its port from this origin alone.
	return append([]byte("self.__annexShell="+strconv.Quote(ui)+";\n"), text...)
}

// appScript is what an app's page may import from its own origin, nil where it was not built.
func appScript(ctx context.Context, log *slog.Logger) []byte {
	text, err := assets.Page("bridge-sdk.js")
	if err != nil {
		log.WarnContext(ctx, "apps' pages have no /_annex/sdk.js", "err", err)
	}
	return text
}
