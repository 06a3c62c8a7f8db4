package applog

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Query selects lines or calls. Empty fields do not select.
type Query struct {
	App        id.App
	Env        string // the environment's name
	Site       id.Site
	Install    id.Install
	Installs   []id.Install // any of these
	Invocation id.Invocation
	// Trace selects lines only: 32 hexadecimal digits. With an invocation both have to fit.
	Trace string
	Since time.Time
	// Limit is the number of entries, 100 when 0. Without a cursor the newest ones are
	// given, with one those that follow it; in both cases the oldest first.
	Limit  int
	Follow string // Entry.Cursor of the last entry that was read
}

// Entry is one line that an app wrote.
type Entry struct {
	Time        time.Time       `json:"time"`
	Level       string          `json:"level"`
	Args        json.RawMessage `json:"args"` // a JSON array
	Invocation  id.Invocation   `json:"invocationId,omitempty"`
	Trace       string          `json:"trace,omitempty"` // of the request that made the call
	Function    string          `json:"function,omitempty"`
	App         id.App          `json:"appId"`
	Environment string          `json:"environment"`
	Version     string          `json:"version"`
	Site        id.Site         `json:"siteId"`
	Install     id.Install      `json:"installationId"`
	Cursor      string          `json:"cursor"`

	seq int64
}

// Read gives lines that the principal may read: a developer those of own apps in
// development and staging, a site's admin those of the site. Of production a developer
// gets what an admin shares at present, each read of which is audited; otherwise it says
// LOGS_NOT_SHARED.
func (s *Service) Read(ctx context.Context, p id.Principal, q Query) ([]Entry, error) {
	after, err := q.check()
	if err != nil {
		return nil, err
	}
	s.flushForReader(ctx)
	var last int64
	if err := s.db.QueryRow(ctx, lastNumberAllTenants).Scan(&last); err != nil {
		return nil, fault.Op("applog.Read", err)
	}
	all, err := s.places(ctx, p, q)
	if err != nil {
		return nil, fault.Op("applog.Read", err)
	}
	var out []Entry
	open := 0
	for _, l := range all {
		sc, err := l.scope(p)
		if err != nil {
			return nil, fault.Op("applog.Read", err)
		}
		mine := q
		if !l.readable(p) {
			share, err := s.sharedWith(ctx, sc, p)
			if err != nil {
				return nil, fault.Op("applog.Read", err)
			}
			if share == nil {
				continue
			}
			if mine.Since.Before(share.Since) {
				mine.Since = share.Since
			}
		}
		open++
		lines, err := s.lines(ctx, sc, mine, after, last)
		if err != nil {
			return nil, fault.Op("applog.Read", err)
		}
		if !l.readable(p) { // before anything is given
			if err := s.audit(ctx, sc, p, "logs.read", map[string]any{"app": l.app, "invocation": q.Invocation, "trace": q.Trace, "lines": len(lines)}); err != nil {
				return nil, fault.Op("applog.Read", err)
			}
		}
		for _, e := range lines {
			e.App, e.Environment, e.Site, e.Install = l.app, l.envName, l.site, l.install
			out = append(out, e)
		}
	}
	if open == 0 && (len(all) > 0 || p.Kind == id.Developer && isProduction(q.Env)) {
		return nil, notShared()
	}
	slices.SortFunc(out, func(a, b Entry) int { return int(a.seq - b.seq) })
	if n := len(out) - q.Limit; n > 0 && q.Follow == "" && !q.narrow() {
		out = out[n:] // the newest
	} else if n > 0 {
		out = out[:q.Limit]
	}
	if len(out) == 0 && q.narrow() {
		return nil, s.hidden(ctx, p, q, all)
	}
	return out, nil
}

// narrow: lines of one call or one trace are wanted, from the first one on.
func (q Query) narrow() bool { return q.Invocation != "" || q.Trace != "" }

// hidden says why lines of a call or a trace are not given, if they are of the developer's
// app in production.
func (s *Service) hidden(ctx context.Context, p id.Principal, q Query, all []place) error {
	for _, l := range all {
		if l.readable(p) {
			continue
		}
		sc, err := l.scope(p)
		if err != nil {
			return fault.Op("applog.Read", err)
		}
		statement, of := hasCall, string(q.Invocation)
		if of == "" {
			statement, of = hasTrace, q.Trace
		}
		var n int
		if err := s.db.QueryRow(ctx, statement, sc.Install(), of).Scan(&n); err != nil {
			return fault.Op("applog.Read", err)
		}
		if n > 0 {
			return notShared()
		}
	}
	return nil
}

func (s *Service) lines(ctx context.Context, sc tenant.Scope, q Query, after, last int64) ([]Entry, error) {
	statement, args := linesNewest, []any{sc.Install(), after, last, millis(q.Since), q.Limit}
	switch {
	case q.Invocation != "":
		statement, args = linesOfCall, []any{sc.Install(), q.Invocation, after, last, millis(q.Since), q.Limit}
	case q.Trace != "":
		statement, args = linesOfTrace, []any{sc.Install(), q.Trace, after, last, millis(q.Since), q.Limit}
	case q.Follow != "":
		statement = linesAfter
	}
	rows, err := s.db.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var (
			e  Entry
			at int64
		)
		if err := rows.Scan(&e.seq, &at, &e.Invocation, &e.Trace, &e.Version, &e.Function, &e.Level, &e.Args); err != nil {
			return nil, err
		}
		if q.Trace != "" && q.Trace != e.Trace {
			continue
		}
		e.Time, e.Cursor = time.UnixMilli(at).UTC(), strconv.FormatInt(e.seq, 10)
		out = append(out, e)
	}
	return out, rows.Err()
}

// check fills in the query's defaults and gives the number that lines follow.
func (q *Query) check() (after int64, err error) {
	switch {
	case q.Limit < 0 || q.Limit > maxLimit:
		return 0, fault.New(fault.Usage, "INVALID_LIMIT", "the limit must be between 1 and %d", maxLimit)
	case q.Limit == 0:
		q.Limit = defaultLimit
	}
	if q.Follow == "" {
		return 0, nil
	}
	after, err = strconv.ParseInt(q.Follow, 10, 64)
	if err != nil || after < 0 {
		return 0, fault.New(fault.Usage, "INVALID_CURSOR", "the cursor is not one of a log entry")
	}
	return after, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
