// Package near finds which name of a list was most likely meant by a misspelt one.
package near

import "strings"

// Name is the name of the list that was most likely meant, or "". How far off a
// name may be grows with its length, so that short names do not become each other.
func Name(name string, list []string) string {
	best, bestAt := "", -1
	for _, c := range list {
		if c == name {
			continue
		}
		d := Distance(strings.ToLower(name), strings.ToLower(c))
		if limit := max(len(name), len(c)) / 4; d > max(limit, 1) || d >= min(len(name), len(c)) {
			continue
		}
		if bestAt < 0 || d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// Distance counts the insertions, deletions, replacements and swaps of neighbours
// that turn a into b. Names longer than any real one are taken as far apart.
func Distance(a, b string) int {
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
