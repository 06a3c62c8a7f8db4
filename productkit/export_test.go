package productkit

import "time"

// SetNow gives the source another clock.
func (r *RemoteKeys) SetNow(now func() time.Time) { r.source.Now = now }
