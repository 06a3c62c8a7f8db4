package install

import (
	"context"
	"errors"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// trying marks the context of an act that is taken back.
type trying struct{}

var errTried = fault.New(fault.Internal, "TRIED", "an act was tried and taken back")

// Try does what act does to an installation, all of it and with all checks, and takes it
// back. It gives what the app may do before and what it could do afterwards, and whether it
// would have ended, so that an admin can be told what a decision means before it is made.
func (s *Service) Try(ctx context.Context, p id.Principal, install id.Install, act func(ctx context.Context) error) (before, after perm.Set, ended bool, err error) {
	ctx = context.WithValue(ctx, trying{}, true)
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		before, after, ended = perm.Set{}, perm.Set{}, false // it may run again
		now, err := s.Detail(ctx, p, install)
		if err != nil {
			return err
		}
		if err := act(ctx); err != nil {
			return err
		}
		before = now.Installation.Allowed()
		then, err := s.Detail(ctx, p, install)
		if fault.KindOf(err) == fault.NotFound { // the act ended it, and nothing is left to be allowed
			ended = true
			return errTried
		}
		if err != nil {
			return err
		}
		after = then.Installation.Allowed()
		return errTried
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return before, after, ended, fault.Op("install.Try", err)
}
