package kvstore

import "time"

// SetClock replaces the store's clock.
func (s *Store) SetClock(now func() time.Time) { s.clock = newClock(now) }

// SetQuota replaces what an installation may store.
func (s *Store) SetQuota(q Quota) { s.usages = newUsages(q) }
