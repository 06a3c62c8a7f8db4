package kvstore

import "time"

// SetClock replaces the store's clock.
func (s *Store) SetClock(now func() time.Time) { s.now = now }
