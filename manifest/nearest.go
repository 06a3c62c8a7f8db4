package manifest

import (
	"slices"
	"strings"
)

// nearest is the name of the list that was most likely meant, or "". How far off a
// name may be grows with its length, so that short names do not become each other.
func nearest(name string, list []string) string {
	best, bestAt := "", -1
	for _, c := range list {
		if c == name {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(c))
		if limit := max(len(name), len(c)) / 4; d > max(limit, 1) || d >= min(len(name), len(c)) {
			continue
		}
		if bestAt < 0 || d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

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
		d := distance(a[i], b[i])
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

// distance counts the insertions, deletions, replacements and swaps of neighbours
// that turn a into b. Names longer than any real one are taken as far apart.
func distance(a, b string) int {
	if a == b {
		return 0
	}
	if len(a) > 200 || len(b) > 200 {
		return max(len(a), len(b))
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
