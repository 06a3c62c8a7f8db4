package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/ledger"
)

// Filter says which entries are wanted. Empty fields do not bound.
type Filter struct {
	// Act is an act ("install.approve") or all of a kind ("install").
	Act     string
	Install id.Install
	// Actor is who acted, as entries name them.
	Actor        string
	Since, Until time.Time
	// Cursor is where the page before ended.
	Cursor string
	Limit  int // 100 unless given, 1,000 at most
}

// Page is a part of a trail, newest first.
type Page struct {
	Entries []Entry
	// Cursor gives the next page; "" when this is the last one.
	Cursor string
}

// Page reads a site's entries, newest first.
func (l *Log) Page(ctx context.Context, scope tenant.Scope, f Filter) (Page, error) {
	if !scope.Valid() {
		return Page{}, fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	if scope.Install() != "" {
		f.Install = scope.Install()
	}
	return l.page(ctx, scope.Site(), f)
}

// PlatformPage reads the entries that belong to no site. Only an operator may.
func (l *Log) PlatformPage(ctx context.Context, p id.Principal, f Filter) (Page, error) {
	if !p.Is(id.Operator) {
		return Page{}, fault.New(fault.Denied, "ROLE_REQUIRED", "only an operator reads the platform's audit trail")
	}
	return l.page(ctx, "", f)
}

func (l *Log) page(ctx context.Context, site id.Site, f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	f.Limit = min(f.Limit, 1000)
	since, at, segment, seq := int64(0), int64(math.MaxInt64), "", int64(0)
	if !f.Since.IsZero() {
		since = f.Since.UnixMilli()
	}
	if !f.Until.IsZero() {
		at = f.Until.UnixMilli()
	}
	if f.Cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		parts := []any{&at, &segment, &seq}
		if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != 3 {
			return Page{}, fault.New(fault.Usage, "BAD_CURSOR", "the cursor is none that this server gave")
		}
	}
	like := strings.NewReplacer("%", "", "_", "").Replace(f.Act) + ".%"
	rows, err := l.db.Query(ctx, page, site, since, at, at, segment, segment, seq, f.Install, f.Install, f.Act, f.Act, like, f.Actor, f.Actor, f.Limit+1)
	if err != nil {
		return Page{}, fault.Op("audit.Page", err)
	}
	defer rows.Close()
	var out Page
	for rows.Next() {
		e, err := ledger.Entry(rows, site)
		if err != nil {
			return Page{}, fault.Op("audit.Page", err)
		}
		if len(out.Entries) == f.Limit {
			out.Cursor = cursorText(out.Entries[f.Limit-1])
			break
		}
		out.Entries = append(out.Entries, e)
	}
	return out, fault.Op("audit.Page", rows.Err())
}
