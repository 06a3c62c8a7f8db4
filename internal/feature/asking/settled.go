package asking

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Settled says whether a request of a site was decided, or waits no more: for the page that
// holds its ticket while the decision is made in another window. It does not say how.
func (s *Service) Settled(ctx context.Context, site id.Site, ticket string) (bool, error) {
	if ticket == "" || len(ticket) > 100 {
		return true, nil
	}
	r, err := s.read(s.DB.QueryRow(ctx, askByTicket, hashOf(ticket), site))
	if err != nil {
		return false, fault.Op("asking.Settled", err)
	}
	return r == nil || !r.waits(s.Now()), nil
}
