package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/audit"
)

type auditJSON struct {
	Time         time.Time       `json:"time"`
	Act          string          `json:"act"`
	Actor        string          `json:"actor"`
	Site         id.Site         `json:"site,omitempty"`
	Installation id.Install      `json:"installation,omitempty"`
	Detail       json.RawMessage `json:"detail"`
	Segment      string          `json:"segment"`
	Seq          int64           `json:"seq"`
	Hash         string          `json:"hash"`
}

// trailOf is whose trail is asked for: a site's, or, for an operator who names none, the
// platform's (then the scope names no tenant).
func (a *API) trailOf(r *request) (scope tenant.Scope, platform bool, err error) {
	site := r.caller.Site
	if ref := r.URL.Query().Get("site"); ref != "" {
		s, err := a.site(r.ctx(), ref)
		if err != nil {
			return scope, false, err
		}
		site = s.ID
	}
	if site == "" && r.caller.Kind == id.Operator {
		return scope, true, nil
	}
	scope, err = tenant.ForSite(r.caller, site)
	return scope, false, err
}

func (a *API) listAudit(w http.ResponseWriter, r *request) error {
	scope, platform, err := a.trailOf(r)
	if err != nil {
		return err
	}
	f, err := auditFilter(r)
	if err != nil {
		return err
	}
	var page audit.Page
	if platform {
		page, err = a.Audit.PlatformPage(r.ctx(), r.caller, f)
	} else {
		page, err = a.Audit.Page(r.ctx(), scope, f)
	}
	if err != nil {
		return err
	}
	out := []auditJSON{}
	for _, e := range page.Entries {
		out = append(out, auditJSON{time.UnixMilli(e.At).UTC(), e.Act, e.Actor, e.Site, e.Install, e.Detail, e.Segment, e.Seq, e.Hash})
	}
	writeJSON(w, http.StatusOK, map[string]any{"entries": out, "cursor": page.Cursor})
	return nil
}

func auditFilter(r *request) (audit.Filter, error) {
	v := r.URL.Query()
	f := audit.Filter{Act: v.Get("kind"), Install: id.Install(v.Get("installation")), Actor: v.Get("actor"), Cursor: v.Get("cursor")}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if text := v.Get(name); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return f, fault.New(fault.Usage, "BAD_TIME", "%s must be an RFC 3339 time, such as 2026-01-31T08:00:00Z", name)
			}
			*to = at
		}
	}
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > 1000 {
			return f, fault.New(fault.Usage, "BAD_LIMIT", "limit must be a whole number from 1 to 1000")
		}
		f.Limit = n
	}
	return f, nil
}

// exportAudit streams JSON lines. What breaks off is no export: the end says that it is one.
func (a *API) exportAudit(w http.ResponseWriter, r *request) error {
	scope, platform, err := a.trailOf(r)
	if err != nil {
		return err
	}
	out := &late{ResponseWriter: w}
	if platform {
		err = a.Audit.ExportPlatform(r.ctx(), r.caller, out)
	} else {
		err = a.Audit.Export(r.ctx(), scope, out)
	}
	if err != nil && out.begun {
		a.Log.ErrorContext(r.ctx(), "an audit export broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// late sets the head of the answer at its first byte, so that an error before it can
// still be answered as one.
type late struct {
	http.ResponseWriter
	begun bool
}

func (l *late) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		h := l.Header()
		h.Set("Content-Type", "application/x-ndjson")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
	}
	return l.ResponseWriter.Write(p)
}

// reads remembers which reader of logs has an entry of this hour: one who follows logs
// asks every second.
type reads struct {
	mu   sync.Mutex
	hour int64
	seen map[string]bool
}

func (r *reads) first(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := now.Unix() / 3600; h != r.hour || r.seen == nil || len(r.seen) > 100_000 {
		r.hour, r.seen = h, map[string]bool{}
	}
	if r.seen[key] {
		return false
	}
	r.seen[key] = true
	return true
}

// readBy writes into a site's trail that somebody read an app's lines there, before they
// are given out: once an hour for each reader and installation.
func (a *API) readBy(ctx context.Context, p id.Principal, q applog.Query, entries []applog.Entry) error {
	for _, e := range entries {
		key := p.String() + " " + string(p.Token) + " " + string(e.Install)
		if !a.reads.first(key, time.Now()) {
			continue
		}
		// Also of one that ended: its lines are kept for a while.
		err := a.Audit.Append(ctx, e.Site, e.Install, p, "logs.read", map[string]any{"app": q.App, "environment": q.Env})
		if err != nil {
			return err
		}
	}
	return nil
}
