package applog

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

const (
	summaryRows = 1000 // of each kind and installation
	summarySpan = time.Hour
)

// Summary is what an app's developer may know of its calls in every environment.
type Summary struct {
	Counts []Count `json:"counts"`
	Calls  []Call  `json:"calls"`
}

// Count counts the calls of one function in one minute that ended in the same way.
type Count struct {
	Install     id.Install `json:"installationId"`
	Site        id.Site    `json:"siteId"`
	App         id.App     `json:"appId"`
	Environment string     `json:"environment"`
	Minute      time.Time  `json:"minute"`
	Function    string     `json:"function"`
	Outcome     string     `json:"outcome"` // "ok" or an error's code
	Calls       int64      `json:"calls"`
	DurationUS  int64      `json:"durationUs"` // of all together
	CPUUS       int64      `json:"cpuUs"`
}

// Call is one call that logged or failed. It holds nothing that the app wrote.
type Call struct {
	Invocation  id.Invocation `json:"invocationId"`
	Attempt     int           `json:"attempt"`
	Install     id.Install    `json:"installationId"`
	Site        id.Site       `json:"siteId"`
	App         id.App        `json:"appId"`
	Environment string        `json:"environment"`
	Version     string        `json:"version"`
	Function    string        `json:"function"`
	Kind        string        `json:"kind"`
	Started     time.Time     `json:"started"`
	DurationUS  int64         `json:"durationUs"`
	CPUUS       int64         `json:"cpuUs"`
	Outcome     string        `json:"outcome"`
	Class       string        `json:"class,omitempty"`
	Location    string        `json:"location,omitempty"`
}

// Summary gives counts and calls since the query's time, an hour back when it names
// none, newest first for each installation.
func (s *Service) Summary(ctx context.Context, p id.Principal, q Query) (Summary, error) {
	if _, err := q.check(); err != nil {
		return Summary{}, err
	}
	if q.Since.IsZero() {
		q.Since = s.cfg.Now().Add(-summarySpan)
	}
	s.flushForReader(ctx)
	places, err := s.places(ctx, p, q)
	if err != nil {
		return Summary{}, fault.Op("applog.Summary", err)
	}
	var out Summary
	for _, l := range places {
		sc, err := l.scope(p)
		if err != nil {
			return Summary{}, fault.Op("applog.Summary", err)
		}
		if err := s.addCounts(ctx, sc, q, l, &out); err != nil {
			return Summary{}, fault.Op("applog.Summary", err)
		}
		if err := s.addCalls(ctx, sc, q, l, &out); err != nil {
			return Summary{}, fault.Op("applog.Summary", err)
		}
	}
	return out, nil
}

func (s *Service) addCounts(ctx context.Context, sc tenant.Scope, q Query, l place, out *Summary) error {
	rows, err := s.db.Query(ctx, counts, sc.Install(), q.Since.Truncate(time.Minute).UnixMilli(), summaryRows)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		c := Count{Install: l.install, Site: l.site, App: l.app, Environment: l.envName}
		var minute int64
		if err := rows.Scan(&minute, &c.Function, &c.Outcome, &c.Calls, &c.DurationUS, &c.CPUUS); err != nil {
			return err
		}
		c.Minute = time.UnixMilli(minute).UTC()
		out.Counts = append(out.Counts, c)
	}
	return rows.Err()
}

func (s *Service) addCalls(ctx context.Context, sc tenant.Scope, q Query, l place, out *Summary) error {
	rows, err := s.db.Query(ctx, calls, sc.Install(), q.Since.UnixMilli(), summaryRows)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		c := Call{Install: l.install, Site: l.site, App: l.app, Environment: l.envName}
		var started int64
		if err := rows.Scan(&c.Invocation, &c.Attempt, &c.Version, &c.Function, &c.Kind, &started, &c.DurationUS, &c.CPUUS,
			&c.Outcome, &c.Class, &c.Location); err != nil {
			return err
		}
		c.Started = time.UnixMilli(started).UTC()
		if q.Invocation == "" || q.Invocation == c.Invocation {
			out.Calls = append(out.Calls, c)
		}
	}
	return rows.Err()
}
