package account

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// AgreementsOn lists whose calls on an installation may go through tunnels at present, for an
// admin of its site.
func (s *Service) AgreementsOn(ctx context.Context, scope tenant.Scope) ([]Agreement, error) {
	if !scope.Valid() || scope.Install() == "" {
		return nil, denied("no installation was named")
	}
	rows, err := s.DB.Query(ctx, agreedOnSite, scope.Site(), s.Now().UnixMilli())
	if err != nil {
		return nil, fault.Op("account.AgreementsOn", err)
	}
	defer rows.Close()
	var out []Agreement
	for rows.Next() {
		a := Agreement{Site: scope.Site()}
		var subject string
		var created, expires int64
		if err := rows.Scan((*string)(&a.Token), (*string)(&a.Product), (*string)(&a.User), &a.Note, &subject, &created, &expires); err != nil {
			return nil, fault.Op("account.AgreementsOn", err)
		}
		a.TunnelOf, a.Created, a.Expires = tunnelOf(subject), time.UnixMilli(created), time.UnixMilli(expires)
		if a.Install == scope.Install() {
			out = append(out, a)
		}
	}
	return out, fault.Op("account.AgreementsOn", rows.Err())
}

// EndAgreementsOn ends what a user agreed to on an installation, whichever developers' tunnels
// it was for: an admin of the site does. It gives how many there were. What the user agreed
// to a moment ago, and no tunnel has learnt of, is over too.
func (s *Service) EndAgreementsOn(ctx context.Context, by id.Principal, site id.Site, install id.Install, product id.Product, user id.User) (ended int, err error) {
	scope, err := tenant.ForInstall(by, site, install)
	if err != nil {
		return 0, fault.Op("account.EndAgreementsOn", err)
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		ended = 0
		all, err := s.AgreementsOn(ctx, scope)
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.Product != product || a.User != user {
				continue
			}
			n, err := s.DB.Exec(ctx, endAgreed, s.Now().UnixMilli(), string(a.Token), site, product, user)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			ended++
			if err := s.Audit.Append(ctx, site, install, by, "tunnel.disagree", map[string]any{"token": a.Token, "own": false, "product": product, "user": user}); err != nil {
				return err
			}
		}
		from, to := string(install)+" ", string(install)+"!" // subjects that begin with the installation and a blank
		_, err = s.DB.Exec(ctx, dropWaiting, site, product, user, forTunnel(site), from, to)
		return err
	})
	return ended, fault.Op("account.EndAgreementsOn", err)
}
