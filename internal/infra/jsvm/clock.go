package jsvm

import "time"

// clock is what Date and performance read.
type clock interface{ read() time.Time }

// frozen is the clock of the base image's build.
type frozen struct{}

func (frozen) read() time.Time { return buildTime }

// callClock is a call's clock: whole milliseconds, never backwards.
type callClock struct {
	now  func() time.Time
	last time.Time
}

func (c *callClock) read() time.Time {
	t := c.now().Truncate(time.Millisecond)
	if t.Before(c.last) {
		return c.last
	}
	c.last = t
	return t
}
