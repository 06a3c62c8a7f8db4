package quota

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// keep is how long the counts of a day are kept.
const keep = 35 * 24 * time.Hour

// Start writes counts until Close.
func (s *Service) Start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		tick := time.NewTicker(s.cfg.Settle)
		defer tick.Stop()
		failing := false
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
			err := s.Settle(context.WithoutCancel(ctx))
			if err != nil && !failing {
				s.cfg.Log.ErrorContext(ctx, "what was used cannot be written; it is tried again", "err", err)
			}
			failing = err != nil
		}
	}()
}

// Close writes what was counted last.
func (s *Service) Close() {
	if s.cancel != nil {
		s.cancel()
		<-s.done
	}
}

// Settle writes what was used, and learns what other servers let through.
func (s *Service) Settle(ctx context.Context) error {
	if err := s.write(ctx); err != nil {
		return fault.Op("quota.Settle", err)
	}
	if !s.cfg.DB.Postgres() { // a SQLite database has one server
		return nil
	}
	return fault.Op("quota.Settle", s.share(ctx))
}

func (s *Service) write(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	used := s.used
	s.used = map[day]*count{}
	s.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	err := s.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		for d, c := range used {
			if _, err := s.cfg.DB.Exec(ctx, add, d.site, d.install, d.what, d.day, c.used, c.refused); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	s.mu.Lock() // it is written with what comes next
	defer s.mu.Unlock()
	for d, c := range used {
		if have := s.used[d]; have != nil {
			c.used, c.refused = c.used+have.used, c.refused+have.refused
		}
		s.used[d] = c
	}
	return err
}

// share tells other servers of windows that are an eighth full, and learns theirs.
func (s *Service) share(ctx context.Context) error {
	s.mu.Lock()
	s.turn(s.cfg.Now())
	began := s.began
	type delta struct{ n, mine int }
	tell := map[subject]delta{}
	for is, w := range s.windows {
		if w.mine*8 >= w.limit {
			tell[is] = delta{w.mine - w.told, w.mine}
		}
	}
	s.mu.Unlock()
	for is, d := range tell { // each by itself: rows that servers share are held for a moment only
		var all int
		err := s.cfg.DB.Tx(ctx, func(ctx context.Context) error {
			return s.cfg.DB.QueryRow(ctx, addWindow, is.what, is.of, is.who, began.Unix(), d.n).Scan(&all)
		})
		if err != nil {
			return err
		}
		s.mu.Lock()
		if w := s.windows[is]; w != nil && s.began.Equal(began) {
			w.told, w.others = d.mine, all-d.mine
		}
		s.mu.Unlock()
	}
	return nil
}

// Used is what an installation used of something on a day.
type Used struct {
	What          string
	Day           time.Time
	Used, Refused int64
}

// Usage is what an installation used, the last days first.
func (s *Service) Usage(ctx context.Context, scope tenant.Scope) ([]Used, error) {
	if !scope.Valid() || scope.Install() == "" {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	if err := s.write(ctx); err != nil {
		return nil, fault.Op("quota.Usage", err)
	}
	rows, err := s.cfg.DB.Query(ctx, usage, scope.Site(), scope.Install(), s.cfg.Now().Add(-keep).Unix()/(24*60*60))
	if err != nil {
		return nil, fault.Op("quota.Usage", err)
	}
	defer rows.Close()
	var out []Used
	for rows.Next() {
		var u Used
		var day int64
		if err := rows.Scan(&u.What, &day, &u.Used, &u.Refused); err != nil {
			return nil, fault.Op("quota.Usage", err)
		}
		u.Day = time.Unix(day*24*60*60, 0).UTC()
		out = append(out, u)
	}
	return out, fault.Op("quota.Usage", rows.Err())
}

// Limits are the figures of an installation.
func (s *Service) Limits(app id.App, install id.Install) Figures {
	return s.cfg.Limits.Of(app, install)
}

// Erase removes what is known of an installation, also what is not written yet.
func (s *Service) Erase(ctx context.Context, scope tenant.Scope) error {
	s.writing.Lock() // what is being written is there afterwards, to be removed
	defer s.writing.Unlock()
	s.mu.Lock()
	maps.DeleteFunc(s.used, func(d day, _ *count) bool { return d.site == scope.Site() && d.install == scope.Install() })
	s.mu.Unlock()
	_, err := s.cfg.DB.Exec(ctx, erase, scope.Site(), scope.Install())
	return fault.Op("quota.Erase", err)
}

// Sweep forgets what is past its time.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.cfg.Now()
	_, err := s.cfg.DB.Exec(ctx, oldDays, now.Add(-keep).Unix()/(24*60*60))
	_, err2 := s.cfg.DB.Exec(ctx, oldWindows, now.Add(-5*time.Minute).Unix())
	return fault.Op("quota.Sweep", errors.Join(err, err2))
}
