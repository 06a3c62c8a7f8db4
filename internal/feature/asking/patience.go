package asking

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// patience is how often an app has asked an admin, and how that went. It is kept by app, so
// that installing it anew does not begin anew.
type patience struct {
	shown    []int64 // in the last hour, in milliseconds
	declines int64   // since something was granted
	quiet    time.Time
}

func (s *Service) patience(ctx context.Context, site id.Site, app id.App, user id.Principal) (patience, error) {
	var p patience
	var shown string
	var quiet int64
	err := s.DB.QueryRow(ctx, patienceOf, site, app, user.Product, user.User).Scan(&shown, &p.declines, &quiet)
	if errors.Is(err, db.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.quiet = time.UnixMilli(quiet)
	return p, json.Unmarshal([]byte(shown), &p.shown)
}

func (s *Service) putPatience(ctx context.Context, site id.Site, app id.App, user id.Principal, p patience) error {
	text, err := json.Marshal(p.shown)
	if err != nil {
		return err
	}
	quiet := int64(0)
	if !p.quiet.IsZero() {
		quiet = p.quiet.UnixMilli()
	}
	_, err = s.DB.Exec(ctx, putPatience, site, app, user.Product, user.User, string(text), p.declines, quiet)
	return err
}

// show counts a request that an admin is about to see, or says from when on the app may ask
// again.
func (s *Service) show(ctx context.Context, p *call.Policy, user id.Principal, now time.Time) error {
	have, err := s.patience(ctx, p.Site, p.App, user)
	if err != nil {
		return err
	}
	hour := now.Add(-time.Hour).UnixMilli()
	have.shown = slices.DeleteFunc(have.shown, func(at int64) bool { return at <= hour })
	if now.Before(have.quiet) {
		return later(now, have.quiet)
	}
	if len(have.shown) >= Prompts {
		return later(now, time.UnixMilli(have.shown[0]).Add(time.Hour))
	}
	have.shown = append(have.shown, now.UnixMilli())
	return s.putPatience(ctx, p.Site, p.App, user, have)
}

func later(now, at time.Time) error {
	return fault.New(fault.Limit, "ASK_LATER", "the app has asked often enough for now").With("status", 429).
		With("retryAfter", int(at.Sub(now)/time.Second)+1).WithFix("ask when the user does something that needs it")
}

// answered notes how an admin decided.
func (s *Service) answered(ctx context.Context, r *row, user id.Principal, granted bool) error {
	have, err := s.patience(ctx, r.site, r.app, user)
	if err != nil {
		return err
	}
	if granted {
		have.declines, have.quiet = 0, time.Time{}
	} else {
		have.declines++
		have.quiet = s.Now().Add(quietAfter(have.declines))
	}
	return s.putPatience(ctx, r.site, r.app, user, have)
}

// quietAfter is how long an app does not ask after so many refusals.
func quietAfter(declines int64) time.Duration {
	d := firstPause
	for range declines - 1 {
		if d *= 4; d >= longest {
			return longest
		}
	}
	return d
}

func (s *Service) blocked(ctx context.Context, scope tenant.Scope) (bool, error) {
	var by string
	var at int64
	err := s.DB.QueryRow(ctx, blockOf, scope.Install(), scope.Site()).Scan(&by, &at)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Blocked says whether an admin had the app not ask any more.
func (s *Service) Blocked(ctx context.Context, scope tenant.Scope) (bool, error) {
	out, err := s.blocked(ctx, scope)
	return out, fault.Op("asking.Blocked", err)
}

// SetBlocked has an app not ask any more, or lets it ask again.
func (s *Service) SetBlocked(ctx context.Context, by id.Principal, install id.Install, blocked bool) error {
	scope, err := tenant.ForInstall(by, by.Site, install)
	if err != nil {
		return err
	}
	return fault.Op("asking.SetBlocked", s.DB.Tx(ctx, func(ctx context.Context) error { return s.setBlocked(ctx, by, scope, blocked) }))
}

func (s *Service) setBlocked(ctx context.Context, by id.Principal, scope tenant.Scope, blocked bool) error {
	act := "asking.block"
	var err error
	if blocked {
		_, err = s.DB.Exec(ctx, putBlock, scope.Install(), scope.Site(), by.String(), s.Now().UnixMilli())
	} else {
		act = "asking.unblock"
		_, err = s.DB.Exec(ctx, dropBlock, scope.Install(), scope.Site())
	}
	if err != nil {
		return err
	}
	return s.Audit.Append(ctx, scope.Site(), scope.Install(), by, act, map[string]any{})
}
