package install

import "context"

// RunDue lets in what is due now.
func (s *Service) RunDue(ctx context.Context) error { return s.runDue(ctx) }
