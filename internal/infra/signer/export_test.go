package signer

import "context"

// Refresh reads the keys now instead of at the next tick.
func (s *Signer) Refresh(ctx context.Context) error { return s.refresh(ctx) }
