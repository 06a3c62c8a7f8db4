package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		rule, after, want string
		phase             uint64
	}{
		{"fiveMinute", "2026-01-02T03:04:05Z", "2026-01-02T03:05:00Z", 0},
		{"fiveMinute", "2026-01-02T03:05:00Z", "2026-01-02T03:10:00Z", 0},
		{"fiveMinute", "2026-01-02T03:04:05Z", "2026-01-02T03:06:40Z", 100},
		{"hour", "2026-01-02T03:00:00Z", "2026-01-02T03:59:59Z", 3599},
		{"day", "2026-01-02T03:04:05Z", "2026-01-03T00:00:00Z", 0},
		{"week", "2026-01-02T00:00:00Z", "2026-01-08T00:00:00Z", 0}, // weeks begin on Thursday, as 1970 did
		{"week", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z", 0},
		{"*/15 * * * *", "2026-01-02T03:04:05Z", "2026-01-02T03:15:00Z", 0},
		{"*/15 * * * *", "2026-01-02T03:15:06Z", "2026-01-02T03:15:07Z", 7},
		{"0 9 * * mon-fri", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z", 0},
		{"30 4 1,15 * 5", "2026-01-02T04:30:00Z", "2026-01-09T04:30:00Z", 0},
		{"0 0 29 2 *", "2026-01-02T04:30:00Z", "2028-02-29T00:00:00Z", 0},
		{"59 23 31 DEC 7", "2026-01-02T04:30:00Z", "2026-12-06T23:59:00Z", 0},
		{"5/20 2-4/2 * * *", "2026-01-02T04:26:00Z", "2026-01-02T04:45:00Z", 0},
	} {
		r, err := Parse(c.rule)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		if got := r.Next(at(t, c.after), c.phase); !got.Equal(at(t, c.want)) {
			t.Errorf("%s after %s with phase %d: %s, want %s", c.rule, c.after, c.phase, got.Format(time.RFC3339), c.want)
		}
	}
	r, err := Parse("0 0 31 2 *")
	if got := r.Next(at(t, "2026-01-02T04:30:00Z"), 0); err != nil || !got.IsZero() {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "year", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *", "* * * * * *", "-1 * * * *", "1- * * * *", "*/-1 * * * *", "+5 * * * *", "*/+5 * * * *", "0-+5 * * * *"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Whenever it is asked, the times are the same ones; an interval's are that far apart.
func TestNextDoesNotDrift(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{"fiveMinute", "hour", "day", "week", "*/7 3,5 * * *", "0 0 1 * *", "13 13 * * 5"} {
		rule, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			phase := r.Uint64()
			after := time.Unix(r.Int64N(4e9), r.Int64N(1e9))
			next := rule.Next(after, phase)
			if !next.After(after) {
				t.Fatalf("%s: %v is not after %v", text, next, after)
			}
			between := after.Add(time.Duration(r.Int64N(int64(next.Sub(after)))))
			if again := rule.Next(between, phase); !again.Equal(next) {
				t.Fatalf("%s: after %v it is %v, after %v it is %v", text, after, next, between, again)
			}
			if every, ok := intervals[text]; ok && rule.Next(next, phase).Sub(next) != every {
				t.Fatalf("%s: %v apart", text, rule.Next(next, phase).Sub(next))
			}
		}
	}
}
