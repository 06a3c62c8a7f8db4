// Package rollout says when a version that asks for nothing new reaches a site's
// installations. Its promise: the site's policy decides, and its text, as it is stored
// and typed, has one reading.
package rollout

import (
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// Policy is a site's policy for updates. The zero value is "at once".
type Policy struct {
	Manual bool
	// After is how long a version waits first; 0 with Manual unset is at once.
	After time.Duration
}

const maxAfter = 90 * 24 * time.Hour

// Parse reads "now", "manual" or "after:24h" (minutes, hours, days: 90m, 24h, 7d).
func Parse(text string) (Policy, error) {
	switch text {
	case "now", "":
		return Policy{}, nil
	case "manual":
		return Policy{Manual: true}, nil
	}
	after, ok := strings.CutPrefix(text, "after:")
	d, err := Duration(after)
	if !ok || err != nil || d < time.Minute || d > maxAfter {
		return Policy{}, fault.New(fault.Usage, "UPDATES_POLICY", "%q is no policy for updates", text).
			WithFix("use now, manual, or after: and 1m to 90d, such as after:24h")
	}
	return Policy{After: d}, nil
}

// Duration reads 90m, 24h or 7d.
func Duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 8)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

// String is the text that Parse reads.
func (p Policy) String() string {
	switch {
	case p.Manual:
		return "manual"
	case p.After > 0:
		text := p.After.String()
		for _, zero := range []string{"m0s", "h0m"} { // 24h0m0s is 24h
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		return "after:" + text
	}
	return "now"
}
