package kvstore

import (
	"time"

	"github.com/annexhq/annex/internal/core/id"
)

// SetClock replaces the store's clock.
func (s *Store) SetClock(now func() time.Time) { s.clock = newClock(now) }

// SetQuota replaces what an installation may store.
func (s *Store) SetQuota(q Quota) {
	s.Quotas = func(id.App, id.Install) Quotas { return Quotas{Install: q} }
}
