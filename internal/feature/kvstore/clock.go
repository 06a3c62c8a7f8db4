package kvstore

import (
	"sync"
	"time"
)

// clock is the wall clock without its jumps backwards: a value that has expired does not
// come back because somebody set the time. It goes on from where it was, as fast as time
// passes, until the wall clock has caught up. That holds within a process; a start begins
// with what the wall clock says.
type clock struct {
	now func() time.Time

	mu sync.Mutex
	at time.Time // of the last reading that the wall clock was right for
	ms int64     // what it said, in Unix milliseconds
}

func newClock(now func() time.Time) *clock { return &clock{now: now} }

func (c *clock) millis() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.now()
	ms := t.UnixMilli()
	// Sub counts by the monotonic reading, which nobody sets.
	if least := c.ms + max(0, t.Sub(c.at).Milliseconds()); !c.at.IsZero() && ms < least {
		return least
	}
	c.at, c.ms = t, ms
	return ms
}
