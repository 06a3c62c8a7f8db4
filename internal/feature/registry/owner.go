package registry

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Offer is an app that its owner offers to another developer.
type Offer struct {
	App     App
	To      id.Account
	Created time.Time
}

// OfferApp offers an app to another developer, who becomes its owner by accepting. "" as
// the other withdraws the offer.
func (s *Service) OfferApp(ctx context.Context, p id.Principal, app id.App, to id.Account) error {
	if to == p.Account {
		return fault.New(fault.Usage, "OWN_APP", "the app is yours already")
	}
	return fault.Op("registry.OfferApp", s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.owned(ctx, p, app); err != nil {
			return err
		}
		if to == "" {
			if _, err := s.DB.Exec(ctx, dropOffer, app); err != nil {
				return err
			}
			return s.Audit.Append(ctx, "", "", p, "app.offer-withdraw", map[string]any{"app": app})
		}
		if _, err := s.DB.Exec(ctx, putOffer, app, to, p.Account, s.Now().UnixMilli()); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "app.offer", map[string]any{"app": app, "to": to})
	}))
}

// Offers are the apps that are offered to a developer.
func (s *Service) Offers(ctx context.Context, p id.Principal) ([]Offer, error) {
	if !p.Is(id.Developer) {
		return nil, denied("only a developer is offered apps")
	}
	rows, err := s.DB.Query(ctx, offersTo, p.Account)
	if err != nil {
		return nil, fault.Op("registry.Offers", err)
	}
	defer rows.Close()
	var out []Offer
	for rows.Next() {
		o := Offer{To: p.Account}
		var created, offered int64
		if err := rows.Scan((*string)(&o.App.ID), &o.App.Name, (*string)(&o.App.Owner), &created, &offered); err != nil {
			return nil, fault.Op("registry.Offers", err)
		}
		o.App.Created, o.Created = time.UnixMilli(created), time.UnixMilli(offered)
		out = append(out, o)
	}
	return out, fault.Op("registry.Offers", rows.Err())
}

// AcceptApp makes the caller the owner of an app that was offered to them. Its
// installations stand still until an admin of each has confirmed that.
func (s *Service) AcceptApp(ctx context.Context, p id.Principal, app id.App) (stopped int, err error) {
	if !p.Is(id.Developer) {
		return 0, denied("only a developer owns apps")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		var from id.Account
		err := s.DB.QueryRow(ctx, offerOf, app, p.Account).Scan((*string)(&from))
		if errors.Is(err, db.ErrNoRows) {
			return fault.New(fault.NotFound, "NOT_OFFERED_TO_YOU", "there is no such app, or it is not offered to you")
		}
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, dropOffer, app); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, setOwner, p.Account, app); err != nil {
			return err
		}
		if stopped, err = s.Installations.HandOver(ctx, p, app, from, p.Account); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "app.hand-over", map[string]any{"app": app, "from": from, "to": p.Account, "stopped": stopped})
	})
	if err != nil {
		return 0, fault.Op("registry.AcceptApp", err)
	}
	s.Installations.Refresh(ctx)
	return stopped, nil
}

const maxReason = 500

// SuspendApp has an app run nowhere, be deployed nowhere and installed nowhere, for a
// reason that its developer and its sites' admins read; "" lifts that.
func (s *Service) SuspendApp(ctx context.Context, p id.Principal, app id.App, reason string) (reached int, err error) {
	if !p.Is(id.Operator) {
		return 0, denied("only an operator suspends an app everywhere")
	}
	if !utf8.ValidString(reason) || len(reason) > maxReason || strings.TrimSpace(reason) != reason || strings.ContainsFunc(reason, unicode.IsControl) {
		return 0, fault.New(fault.Invalid, "SUSPENSION_REASON", "a reason has up to %d printable characters and no blank at either end", maxReason)
	}
	act := "app.suspend"
	if reason == "" {
		act = "app.resume"
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		have, err := s.find(ctx, app)
		if err != nil {
			return err
		}
		if have == nil {
			return notYours()
		}
		if _, err := s.DB.Exec(ctx, setSuspended, reason, app); err != nil {
			return err
		}
		if reached, err = s.Installations.BlockApp(ctx, p, app, reason); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, act, map[string]any{"app": app, "reason": reason, "installations": reached})
	})
	if err != nil {
		return 0, fault.Op("registry.SuspendApp", err)
	}
	s.Installations.Refresh(ctx)
	return reached, nil
}

// Tunnelled gives what a development environment of an own app runs, where calls of its
// developer may run on the developer's machine instead.
func (s *Service) Tunnelled(ctx context.Context, p id.Principal, app id.App, environment string) (*call.Release, error) {
	if _, err := s.owned(ctx, p, app); err != nil {
		return nil, fault.Op("registry.Tunnelled", err)
	}
	env, err := s.environment(ctx, app, environment)
	if err != nil {
		return nil, fault.Op("registry.Tunnelled", err)
	}
	if env.Type != call.Development {
		return nil, fault.New(fault.Denied, "TUNNEL_DEVELOPMENT_ONLY", "%q is a %s environment; only development can be tunnelled", environment, strings.ToLower(string(env.Type))).
			WithFix("use development, or create a development environment of your own: annex environments create NAME")
	}
	release, err := s.Release(ctx, app, environment)
	if err != nil {
		return nil, fault.Op("registry.Tunnelled", err)
	}
	if release.Suspended != "" {
		return nil, suspended(release.Suspended)
	}
	return release, nil
}

func suspended(reason string) error {
	return fault.New(fault.Denied, "APP_SUSPENDED", "the operator of this server has suspended the app: %s", reason).
		WithFix("ask the operator")
}
