package applog

import (
	"context"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Share is an admin's leave for one developer to read the lines of one installation
// that are written from Since on, until Until.
type Share struct {
	Account id.Account
	Since   time.Time
	Until   time.Time
	By      string
}

const (
	shortestShare = time.Minute
	longestShare  = 30 * 24 * time.Hour
)

// ShareWith lets a developer read what an installation writes from now on, for a stated
// time. Where it is shared with them already, only its end moves. An admin's right is
// the scope's.
func (s *Service) ShareWith(ctx context.Context, p id.Principal, scope tenant.Scope, to id.Account, how time.Duration) (Share, error) {
	if !p.Is(id.SiteAdmin) || !scope.Valid() || scope.Install() == "" {
		return Share{}, fault.New(fault.Denied, "ROLE_REQUIRED", "only an admin of the site shares its logs")
	}
	if how < shortestShare || how > longestShare || to == "" {
		return Share{}, fault.New(fault.Usage, "SHARE_TIME", "logs are shared for a time from 1 minute to 30 days")
	}
	now := s.cfg.Now().UTC().Truncate(time.Millisecond)
	out := Share{Account: to, Since: now, Until: now.Add(how), By: p.String()}
	err := s.db.Tx(ctx, func(ctx context.Context) error {
		have, err := s.Shared(ctx, scope)
		if err != nil {
			return err
		}
		if have != nil && have.Account == to {
			out.Since = have.Since
		}
		if err := s.known(ctx, scope.Install()); err != nil {
			return err
		}
		if _, err := s.db.Exec(ctx, putShare, scope.Install(), scope.Site(), to, out.Since.UnixMilli(), out.Until.UnixMilli(), out.By); err != nil {
			return err
		}
		return s.audit(ctx, scope, p, "logs.share", map[string]any{"with": to, "since": out.Since, "until": out.Until})
	})
	return out, fault.Op("applog.ShareWith", err)
}

// known notes of which app an installation is, so that its developer finds what is shared of it
// before it has written anything.
func (s *Service) known(ctx context.Context, install id.Install) error {
	if s.cfg.Policy == nil {
		return nil
	}
	p, err := s.cfg.Policy(ctx, install)
	if fault.KindOf(err) == fault.Denied {
		return nil // it does not run at present, and so writes nothing
	}
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, putPlace, p.Install, p.Site, p.App, p.Owner, p.Environment, p.EnvName, p.EnvType, 0, 0, 0)
	return err
}

// Unshare ends the sharing of an installation's logs at once.
func (s *Service) Unshare(ctx context.Context, p id.Principal, scope tenant.Scope) error {
	if !p.Is(id.SiteAdmin) || !scope.Valid() || scope.Install() == "" {
		return fault.New(fault.Denied, "ROLE_REQUIRED", "only an admin of the site shares its logs")
	}
	return fault.Op("applog.Unshare", s.db.Tx(ctx, func(ctx context.Context) error {
		have, err := s.Shared(ctx, scope)
		if err != nil || have == nil {
			return err
		}
		if _, err := s.db.Exec(ctx, dropShare, scope.Install()); err != nil {
			return err
		}
		return s.audit(ctx, scope, p, "logs.unshare", map[string]any{"with": have.Account})
	}))
}

// Shared is who reads an installation's logs at present, nil when nobody does.
func (s *Service) Shared(ctx context.Context, scope tenant.Scope) (*Share, error) {
	var since, until int64
	var out Share
	err := s.db.QueryRow(ctx, shareOf, scope.Install()).Scan((*string)(&out.Account), &since, &until, &out.By)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Op("applog.Shared", err)
	}
	out.Since, out.Until = time.UnixMilli(since).UTC(), time.UnixMilli(until).UTC()
	if !s.cfg.Now().Before(out.Until) {
		return nil, nil
	}
	return &out, nil
}

// sharedWith is the sharing by which a developer reads an installation, nil without one.
func (s *Service) sharedWith(ctx context.Context, sc tenant.Scope, p id.Principal) (*Share, error) {
	if p.Kind != id.Developer || p.Account == "" {
		return nil, nil
	}
	share, err := s.Shared(ctx, sc)
	if err != nil || share == nil || share.Account != p.Account {
		return nil, err
	}
	return share, nil
}

// HandOver gives the lines of an app to its new owner's rule, and ends what was shared
// with the old one, in the transaction in which the owner changes.
func (s *Service) HandOver(ctx context.Context, app id.App, to id.Account) error {
	for _, q := range []string{setOwnerAllTenants, dropSharesOfAppAllTenants} {
		args := []any{app}
		if q == setOwnerAllTenants {
			args = []any{to, app}
		}
		if _, err := s.db.Exec(ctx, q, args...); err != nil {
			return fault.Op("applog.HandOver", err)
		}
	}
	return nil
}

// Restored ends all sharing, in a restore's transaction: what a backup had shared may
// have been ended since.
func Restored(ctx context.Context, d *db.DB) error {
	_, err := d.Exec(ctx, dropSharesAllTenants)
	return fault.Op("applog.Restored", err)
}

func (s *Service) audit(ctx context.Context, sc tenant.Scope, p id.Principal, act string, detail any) error {
	if s.cfg.Audit == nil {
		return nil
	}
	return s.cfg.Audit.Append(ctx, sc.Site(), sc.Install(), p, act, detail)
}
