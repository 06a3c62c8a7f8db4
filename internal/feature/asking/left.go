package asking

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// What an admin left out of a request that they granted, the boxes that they did not tick,
// counts as declined: an app that asks for a host in all ways, each time it needs one, would
// otherwise have the same boxes shown again and again. It is kept by app, as patience is.
// Until the pause of a refusal is over, such a request is not for them any more, and is told
// so; one that names the type asks.

// left are those of the wanted that were left out, and are not to be asked for yet.
func (s *Service) left(ctx context.Context, p *call.Policy, wanted []fresh) ([]Destination, error) {
	var out []Destination
	now := s.Now()
	for _, f := range wanted {
		_, quiet, err := s.leftOut(ctx, p.Site, p.App, p.Product, f.Destination)
		if err != nil {
			return nil, err
		}
		if now.Before(quiet) {
			out = append(out, f.Destination)
		}
	}
	return out, nil
}

func (s *Service) leftOut(ctx context.Context, site id.Site, app id.App, product id.Product, d Destination) (declines int64, quiet time.Time, err error) {
	var until int64
	err = s.DB.QueryRow(ctx, leftOf, site, app, product, string(d.Type), d.Pattern.String()).Scan(&declines, &until)
	if errors.Is(err, db.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	return declines, time.UnixMilli(until), err
}

// leave notes what an admin left out of what they granted, and forgets what they did grant.
func (s *Service) leave(ctx context.Context, r *row, granted, declined []Destination) error {
	for _, d := range granted {
		if _, err := s.DB.Exec(ctx, dropLeft, r.site, r.app, r.product, string(d.Type), d.Pattern.String()); err != nil {
			return err
		}
	}
	for _, d := range declined {
		before, _, err := s.leftOut(ctx, r.site, r.app, r.product, d)
		if err != nil {
			return err
		}
		quiet := s.Now().Add(quietAfter(before + 1)).UnixMilli()
		if _, err := s.DB.Exec(ctx, putLeft, r.site, r.app, r.product, string(d.Type), d.Pattern.String(), before+1, quiet); err != nil {
			return err
		}
	}
	return nil
}

// spare is a request for hosts in all ways without those ways of which it is known that they
// are not to be had now; what is left of it is asked for.
func (s *Service) spare(ctx context.Context, p *call.Policy, w *Want, x *plan) (*plan, error) {
	if w.Flat == nil || !w.Flat.Open {
		return x, nil
	}
	out, err := s.left(ctx, p, x.fresh)
	if err != nil {
		return nil, err
	}
	w.Flat.Left = append(out, x.off...)
	if len(w.Flat.Left) == 0 {
		return x, nil
	}
	w.Flat.Egress = slices.DeleteFunc(slices.Clone(w.Flat.Egress), func(d Destination) bool { return slices.Contains(w.Flat.Left, d) })
	return s.planOf(ctx, p, w)
}
