package install

import (
	"context"
	"errors"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// trying marks the context of an act that is taken back.
type trying struct{}

var errTried = fault.New(fault.Internal, "TRIED", "an act was tried and taken back")

// Try does what act does to an installation, all of it and with all checks, and takes it
// back. It gives what the app may do before and what it could do afterwards, and whether it
// would have ended, so that an admin can be told what a decision means before it is made.
func (s *Service) Try(ctx context.Context, p id.Principal, install id.Install, act func(ctx context.Context) error) (before, after *call.Policy, ended bool, err error) {
	ctx = context.WithValue(ctx, trying{}, true)
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		before, after, ended = nil, nil, false // it may run again
		now, err := s.Detail(ctx, p, install)
		if err != nil {
			return err
		}
		if err := act(ctx); err != nil {
			return err
		}
		if before, err = now.Installation.WouldRun(); err != nil {
			return err
		}
		then, err := s.Detail(ctx, p, install)
		if fault.KindOf(err) == fault.NotFound { // the act ended it, and nothing is left to be allowed
			ended = true
			return errTried
		}
		if err != nil {
			return err
		}
		if after, err = then.Installation.WouldRun(); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return before, after, ended, fault.Op("install.Try", err)
}

// WouldRun is its policy while it runs at all.
func (i *Installation) WouldRun() (*call.Policy, error) {
	p, err := i.policy()
	if err == nil {
		p.Set = i.Allowed()
	}
	return p, err
}
