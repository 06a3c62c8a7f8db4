package rollout

import (
	"testing"
	"time"
)

func TestPolicyText(t *testing.T) {
	for text, want := range map[string]Policy{
		"now": {}, "": {}, "manual": {Manual: true}, "after:24h": {After: 24 * time.Hour}, "after:90m": {After: 90 * time.Minute},
		"after:7d": {After: 7 * 24 * time.Hour}, "after:1h30m": {After: 90 * time.Minute}, "after:20m": {After: 20 * time.Minute},
	} {
		p, err := Parse(text)
		if err != nil || p != want {
			t.Errorf("%q: %v, %v", text, p, err)
		}
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("%q is written %q: %v, %v", text, p, again, err)
		}
	}
	for _, text := range []string{"after:", "after:0s", "after:-1h", "after:91d", "24h", "after:1", "never", "Now", "after:300d", "after:1e3h"} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q is read as %v", text, p)
		}
	}
	if got := (Policy{After: 24 * time.Hour}).String(); got != "after:24h" {
		t.Error(got)
	}
}
