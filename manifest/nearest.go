package manifest

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/near"
)

// misspelt is the name of the list that differs by a slip of the finger, or "". It
// is stricter than nearest: names of one product are alike without being mistakes.
// Each part between colons is compared by itself.
func misspelt(name string, list []string) string {
	parts := strings.Split(name, ":")
	for _, c := range list {
		if c != name && slips(parts, strings.Split(c, ":")) {
			return c
		}
	}
	return ""
}

func slips(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	total := 0
	for i := range a {
		d := near.Distance(a[i], b[i])
		switch n := max(len(a[i]), len(b[i])); {
		case d == 0:
		case d > 2, d == 2 && n < 9, n < 5 && len(a[i]) == len(b[i]) && !sameLetters(a[i], b[i]):
			return false
		}
		total += d
	}
	return total <= 2
}

func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
