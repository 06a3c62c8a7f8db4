package install

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// BlockApp suspends all installations of an app for the operator's reason, or lets them
// go on when there is none, in the transaction that says so about the app. Call Refresh
// after the commit. It gives how many there are.
func (s *Service) BlockApp(ctx context.Context, by id.Principal, app id.App, reason string) (int, error) {
	if !by.Is(id.Operator) {
		return 0, denied("only an operator suspends an app everywhere")
	}
	act := "install.block"
	if reason == "" {
		act = "install.unblock"
	}
	n, err := s.everywhere(ctx, by, app, act, func(_ context.Context, i *Installation) error {
		i.Blocked = reason
		return nil
	})
	return n, fault.Op("install.BlockApp", err)
}

// HandOver gives all installations of an app another owner and stops them until an
// admin of each has confirmed that, in the transaction in which the owner changes. Call
// Refresh after the commit. It gives how many there are.
func (s *Service) HandOver(ctx context.Context, by id.Principal, app id.App, from, to id.Account) (int, error) {
	at := s.Now().UTC().Truncate(time.Millisecond)
	if s.HandedOver != nil {
		if err := s.HandedOver(ctx, app, to); err != nil {
			return 0, fault.Op("install.HandOver", err)
		}
	}
	n, err := s.everywhere(ctx, by, app, "install.hand-over", func(ctx context.Context, i *Installation) error {
		known := from
		if i.Handover != nil { // nobody confirmed the one before: this is about the owner that they know
			known = i.Handover.From
		}
		i.Owner, i.Handover = to, &Handover{From: known, To: to, At: at}
		// What was configured was for the app of an owner whom the admins knew.
		set := i.Remotes
		i.Configured, i.Groups, i.Remotes, i.Networks = nil, nil, nil, nil
		for _, r := range set {
			if err := s.remoteChanged(ctx, i, r.Key); err != nil {
				return err
			}
		}
		return nil
	})
	return n, fault.Op("install.HandOver", err)
}

func (s *Service) everywhere(ctx context.Context, by id.Principal, app id.App, act string, change func(context.Context, *Installation) error) (n int, err error) {
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		rows, err := s.query(ctx, ofApp, app)
		if err != nil {
			return err
		}
		n = len(rows)
		for k := range rows {
			i := &rows[k].Installation
			if err := change(ctx, i); err != nil {
				return err
			}
			if err := s.save(ctx, i); err != nil {
				return err
			}
			if err := s.record(ctx, by, i, act); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
