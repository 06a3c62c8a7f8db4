package hosting

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// What browsers report is written by whoever can make a page: the app above all. Hence
// reports are few and small, of what they say only a known directive and an origin is
// kept, and nothing is decided by them.

// Blocked is one thing that a page's policy stopped.
type Blocked struct {
	Directive string          `json:"directive"`      // "img-src"
	Type      perm.EgressType `json:"type,omitempty"` // what a manifest calls it
	// Origin is where the request would have gone, "https://alice.example", or "inline",
	// "eval", "data:", "blob:".
	Origin string    `json:"origin"`
	Times  int64     `json:"times"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

const (
	maxReport   = 64 << 10
	maxEntries  = 50
	perMinute   = 20 // reports of one installation
	maxCounters = 10_000
)

// directiveTypes are the directives that are kept, with the way of leaving of each.
var directiveTypes = map[string]perm.EgressType{
	"connect-src": perm.Client, "img-src": perm.Images, "media-src": perm.Media, "font-src": perm.Fonts, "frame-src": perm.Frames,
	"script-src": perm.Scripts, "script-src-elem": perm.Scripts, "style-src": perm.Styles, "style-src-elem": perm.Styles,
	"script-src-attr": "", "style-src-attr": "", "worker-src": "", "form-action": "", "base-uri": "", "object-src": "", "connection-allowlist": perm.Client,
}

// reports bounds how many are read.
type reports struct {
	now    func() time.Time
	mu     sync.Mutex
	minute int64
	counts map[id.Install]int
}

func newReports(now func() time.Time) *reports {
	return &reports{now: now, counts: map[id.Install]int{}}
}

func (r *reports) take(install id.Install) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.now().Unix() / 60; m != r.minute {
		r.minute, r.counts = m, map[id.Install]int{}
	}
	if r.counts[install] >= perMinute || len(r.counts) >= maxCounters {
		return false
	}
	r.counts[install]++
	return true
}

// report takes what a browser says that it blocked. The answer is the same whatever
// becomes of it.
func (s *Service) report(w http.ResponseWriter, r *http.Request, p *call.Policy) {
	defer w.WriteHeader(http.StatusNoContent)
	if !s.reports.take(p.Install) {
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxReport+1))
	if err != nil || len(raw) > maxReport {
		return
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return
	}
	found := readReports(media, raw)
	if len(found) == 0 {
		return
	}
	if err := s.remember(r.Context(), p, found); err != nil {
		s.cfg.Log.WarnContext(r.Context(), "what browsers blocked could not be kept", "err", err)
	}
	if p.EnvType == call.Production || s.cfg.Developer == nil {
		return // what its users' pages do is the site's
	}
	for _, b := range found {
		s.cfg.Developer.Blocked(r.Context(), p, b)
	}
}

// readReports reads both forms that browsers send.
func readReports(media string, raw []byte) []Blocked {
	type entry struct {
		Type string `json:"type"`
		Body struct {
			BlockedURL         string `json:"blockedURL"`
			EffectiveDirective string `json:"effectiveDirective"`
			URL                string `json:"url"`
		} `json:"body"`
	}
	var entries []entry
	switch media {
	case "application/reports+json":
		if json.Unmarshal(raw, &entries) != nil {
			return nil
		}
	case "application/csp-report":
		var old struct {
			Report struct {
				Blocked   string `json:"blocked-uri"`
				Effective string `json:"effective-directive"`
				Violated  string `json:"violated-directive"`
			} `json:"csp-report"`
		}
		if json.Unmarshal(raw, &old) != nil {
			return nil
		}
		e := entry{Type: "csp-violation"}
		e.Body.BlockedURL, e.Body.EffectiveDirective = old.Report.Blocked, old.Report.Effective
		if e.Body.EffectiveDirective == "" {
			e.Body.EffectiveDirective, _, _ = strings.Cut(old.Report.Violated, " ")
		}
		entries = []entry{e}
	}
	var out []Blocked
	for _, e := range entries[:min(len(entries), maxEntries)] {
		directive, blocked := e.Body.EffectiveDirective, e.Body.BlockedURL
		if strings.HasPrefix(e.Type, "connection-allowlist") {
			directive = "connection-allowlist"
			if blocked == "" {
				blocked = e.Body.URL
			}
		}
		t, known := directiveTypes[directive]
		b := Blocked{Directive: directive, Type: t, Origin: originOf(blocked), Times: 1}
		// The canary is blocked in every page; that is what it is there for.
		if !known || b.Origin == "" || b.Origin == "data:" && t == perm.Scripts {
			continue
		}
		if n := slices.IndexFunc(out, func(o Blocked) bool { return o.Directive == b.Directive && o.Origin == b.Origin }); n >= 0 {
			out[n].Times++
			continue
		}
		out = append(out, b)
	}
	return out
}

// originOf is what is kept of a blocked URL; "" for what has no such form.
func originOf(blocked string) string {
	switch blocked {
	case "inline", "eval", "wasm-eval", "trusted-types-sink", "trusted-types-policy":
		return blocked
	case "data", "blob":
		return blocked + ":"
	}
	u, err := url.Parse(blocked)
	if err != nil {
		return ""
	}
	switch u.Scheme {
	case "data", "blob":
		return u.Scheme + ":"
	case "https", "http", "wss", "ws":
	default:
		return ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if host == "" || len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
		return ""
	}
	if port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

func (s *Service) remember(ctx context.Context, p *call.Policy, found []Blocked) error {
	if p.Scope.Install() == "" {
		return fault.New(fault.Internal, "NO_SCOPE", "reports belong to an installation")
	}
	now := s.cfg.Now().UnixMilli()
	install, site := p.Scope.Install(), p.Scope.Site()
	return fault.Op("hosting.remember", s.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		for _, b := range found {
			n, err := s.cfg.DB.Exec(ctx, seeReport, b.Times, now, install, b.Directive, b.Origin)
			if err == nil && n == 0 {
				_, err = s.cfg.DB.Exec(ctx, addReport, install, site, b.Directive, b.Origin, b.Times, now, now, install)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Reports are what browsers blocked on an installation's pages, the latest first.
func (s *Service) Reports(ctx context.Context, scope tenant.Scope) ([]Blocked, error) {
	if scope.Install() == "" {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "reports belong to an installation")
	}
	rows, err := s.cfg.DB.Query(ctx, listReports, scope.Install(), scope.Site())
	if err != nil {
		return nil, fault.Op("hosting.Reports", err)
	}
	defer rows.Close()
	out := []Blocked{}
	for rows.Next() {
		var b Blocked
		var first, last int64
		if err := rows.Scan(&b.Directive, &b.Origin, &b.Times, &first, &last); err != nil {
			return nil, fault.Op("hosting.Reports", err)
		}
		b.Type, b.First, b.Last = directiveTypes[b.Directive], time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
		out = append(out, b)
	}
	return out, fault.Op("hosting.Reports", rows.Err())
}

// DeleteAll forgets what was reported of an installation, in the caller's transaction.
func (s *Service) DeleteAll(ctx context.Context, scope tenant.Scope) error {
	if scope.Install() == "" {
		return fault.New(fault.Denied, "NOT_YOURS", "reports belong to an installation")
	}
	_, err := s.cfg.DB.Exec(ctx, deleteReports, scope.Install())
	return fault.Op("hosting.DeleteAll", err)
}
