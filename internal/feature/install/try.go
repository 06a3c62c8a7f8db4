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
// back. It gives what the app may do before and what it could do afterwards, so that an
// admin can be told what a decision means before it is made.
func (s *Service) Try(ctx context.Context, p id.Principal, install id.Install, act func(ctx context.Context) error) (before, after perm.Set, err error) {
	ctx = context.WithValue(ctx, trying{}, true)
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		now, err := s.Detail(ctx, p, install)
		if err != nil {
			return err
		}
		if err := act(ctx); err != nil {
			return err
		}
		then, err := s.Detail(ctx, p, install)
		if err != nil {
			return err
		}
		before, after = now.Installation.Allowed(), then.Installation.Allowed()
		return errTried
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return before, after, fault.Op("install.Try", err)
}
