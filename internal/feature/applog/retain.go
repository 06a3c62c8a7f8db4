package applog

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// trim removes the oldest rows of an installation that has more than it may keep, and
// everything from before the given time.
func (s *Service) trim(ctx context.Context, install id.Install, before int64) error {
	keep := s.cfg.Keep
	return s.db.Tx(ctx, func(ctx context.Context) error {
		var line, started int64
		if err := s.db.QueryRow(ctx, lastLineTooMuch, install, keep.Lines, keep.Bytes).Scan(&line); err != nil {
			return err
		}
		if err := s.db.QueryRow(ctx, lastCallTooMuch, install, keep.Calls).Scan(&started); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, deleteLines, install, line, before); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, deleteCalls, install, max(started, before-1)); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, deleteCounts, install, before); err != nil {
			return err
		}
		_, err := s.db.Exec(ctx, recount, install, install, install, install)
		return err
	})
}

// Sweep removes what is older than may be kept, of all installations. Run it now and
// then; once an hour is right.
func (s *Service) Sweep(ctx context.Context) error {
	rows, err := s.db.Query(ctx, installsAllTenants)
	if err != nil {
		return fault.Op("applog.Sweep", err)
	}
	var installs []id.Install
	for rows.Next() {
		var i id.Install
		if err := rows.Scan(&i); err != nil {
			rows.Close()
			return fault.Op("applog.Sweep", err)
		}
		installs = append(installs, i)
	}
	if err := rows.Err(); err != nil {
		return fault.Op("applog.Sweep", err)
	}
	before := s.cfg.Now().Add(-s.cfg.Keep.Age).UnixMilli()
	for _, i := range installs {
		if err := s.trim(ctx, i, before); err != nil {
			return fault.Op("applog.Sweep", err)
		}
	}
	return nil
}

// eraseBatch is how many rows one statement of Erase removes: few enough that others are
// not kept waiting.
const eraseBatch = 1000

// Erase removes everything of an installation, after its grace. What this process has
// collected of it and not yet written goes too.
func (s *Service) Erase(ctx context.Context, sc tenant.Scope) error {
	install := sc.Install()
	if install == "" {
		return fault.New(fault.Denied, "NO_TENANT", "logs belong to an installation, and none was named")
	}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	s.erased[install] = s.cfg.Now()
	s.mu.Unlock()
	for _, statement := range []string{eraseLines, eraseCalls, eraseCounts} {
		for n := int64(eraseBatch); n == eraseBatch; {
			var err error
			if n, err = s.db.Exec(ctx, statement, install, install, eraseBatch); err != nil {
				return fault.Op("applog.Erase", err)
			}
		}
	}
	_, err := s.db.Exec(ctx, deletePlace, install) // last: the sweep finds by it what is left
	return fault.Op("applog.Erase", err)
}
