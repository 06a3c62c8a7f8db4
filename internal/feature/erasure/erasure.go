// Package erasure removes what an ended installation stored. Its promise: 28 days after
// an app was uninstalled, or at once when its site is removed or its site's admin says so,
// its values, secrets, logs and whatever else was kept for it are gone. No app reaches its
// values in between: one that is installed again is another installation, unless the site's
// admin says that it is to have them.
package erasure

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// Grace is how long an ended installation's data is kept.
	Grace = 28 * 24 * time.Hour
	// settled is how long after its end nothing is written for an installation any more:
	// longer than a host call that was allowed a moment before the end, or a log line that
	// waits for the database. What is erased earlier is looked at again.
	settled = 2 * time.Minute
	// page is how many installations are looked up at once.
	page = 100
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Erase removes everything of an installation that one part of the platform keeps. It may
// be called again for what is gone, and takes as many transactions as it needs to keep
// nobody waiting.
type Erase func(ctx context.Context, scope tenant.Scope) error

// Config is what the service stands on. DB and Audit are required.
type Config struct {
	DB    *db.DB
	Audit Audit
	// Parts are all that keep something for installations.
	Parts []Erase
	// Installations and Storage are needed for what an admin keeps: Left, Export, Relink.
	Installations Installations
	Storage       Storage
	Now           func() time.Time // time.Now when nil
	Log           *slog.Logger
}

// Service knows what is to be erased when.
type Service struct {
	Config
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{Config: cfg}
}

// platform is who the audit trail says erased what was due.
var platform = id.Principal{Kind: id.Operator, Account: "erasure"}

// Ended notes that an installation has ended, in the transaction that ends it.
func (s *Service) Ended(ctx context.Context, scope tenant.Scope) error {
	if !scope.Valid() || scope.Install() == "" {
		return notYours()
	}
	now := s.Now()
	_, err := s.DB.Exec(ctx, put, scope.Install(), scope.Site(), now.UnixMilli(), now.Add(Grace).UnixMilli())
	return fault.Op("erasure.Ended", err)
}

// SiteEnded makes everything of a site's ended installations due, in the transaction that
// removes the site, after they have ended. Call Due after the commit.
func (s *Service) SiteEnded(ctx context.Context, site id.Site) error {
	_, err := s.DB.Exec(ctx, hastenSite, s.Now().UnixMilli(), site)
	return fault.Op("erasure.SiteEnded", err)
}

// AtOnce erases what an ended installation left, for its site's admin. What is not gone
// when it returns with an error goes with the next sweep.
func (s *Service) AtOnce(ctx context.Context, by id.Principal, install id.Install) error {
	if !by.Is(id.SiteAdmin) {
		return fault.New(fault.Denied, "ROLE_REQUIRED", "only the site's admin has data erased")
	}
	scope, err := tenant.ForInstall(by, by.Site, install)
	if err != nil {
		return fault.Op("erasure.AtOnce", err)
	}
	var ended int64
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		err := s.DB.QueryRow(ctx, hasten, s.Now().UnixMilli(), scope.Install(), scope.Site()).Scan(&ended)
		if errors.Is(err, db.ErrNoRows) {
			return notYours()
		}
		if err != nil {
			return err
		}
		return s.Audit.Append(ctx, scope.Site(), install, by, "install.erase", nil)
	})
	if err == nil {
		err = s.erase(ctx, scope, time.UnixMilli(ended))
	}
	return fault.Op("erasure.AtOnce", err)
}

// Due erases what is due, of all installations, and says of how many. Run it at the
// start, after a site's end, and once an hour.
func (s *Service) Due(ctx context.Context) (erased int, err error) {
	now := s.Now().UnixMilli()
	last := due{}
	for {
		some, err := s.due(ctx, now, last)
		if err != nil {
			return erased, fault.Op("erasure.Due", err)
		}
		for _, d := range some {
			last = d
			scope, err := tenant.ForInstall(platform, d.site, d.install)
			if err == nil {
				err = s.erase(ctx, scope, time.UnixMilli(d.ended))
			}
			if err != nil {
				return erased, fault.Op("erasure.Due", err)
			}
			erased++
		}
		if len(some) < page {
			return erased, nil
		}
	}
}

// erase asks every part, and then forgets the installation, unless something may still be
// written for it.
func (s *Service) erase(ctx context.Context, scope tenant.Scope, ended time.Time) error {
	for _, part := range s.Parts {
		if err := part(ctx, scope); err != nil {
			return err
		}
	}
	if s.Now().Sub(ended) < settled {
		return nil
	}
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := s.DB.Exec(ctx, drop, scope.Install(), scope.Site())
		if err != nil || n == 0 { // another server was faster
			return err
		}
		return s.Audit.Append(ctx, scope.Site(), scope.Install(), platform, "install.erased", nil)
	})
}

// due is an installation that is to be erased.
type due struct {
	install id.Install
	site    id.Site
	ended   int64
	at      int64
}

// due gives some of what is due, after the last one.
func (s *Service) due(ctx context.Context, now int64, last due) ([]due, error) {
	rows, err := s.DB.Query(ctx, dueAllTenants, now, last.at, last.at, last.install, page)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []due
	for rows.Next() {
		var d due
		if err := rows.Scan((*string)(&d.install), (*string)(&d.site), &d.ended, &d.at); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

func notYours() error {
	return fault.New(fault.NotFound, "NOT_YOURS", "there is no such installation, or nothing is left of it, or it is not yours")
}
