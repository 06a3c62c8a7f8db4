package image

import "fmt"

const (
	// maxGap is how many of the base image's pages an image takes over to join two runs of
	// its own: a page costs 4 KB for each app, a run two mappings for each instance.
	maxGap = 4
	// maxRuns bounds an image's runs, and so its instances' mappings.
	maxRuns = 128
)

// Run is pages [From, To).
type Run struct {
	From int `json:"from"`
	To   int `json:"to"`
}

func (r Run) pages() int { return r.To - r.From }

func count(runs []Run) int {
	n := 0
	for _, r := range runs {
		n += r.pages()
	}
	return n
}

// ownRuns are the runs of an image of size pages, when changed, which rise, are those that
// differ from a base image of base pages. Changes that lie scattered are joined over ever
// larger gaps; in the end the image is one run, a whole copy.
func ownRuns(changed []int, base, size int) []Run {
	for gap := maxGap; ; gap *= 2 {
		if runs := joined(changed, base, size, gap); len(runs) <= maxRuns {
			return runs
		}
	}
}

func joined(changed []int, base, size, gap int) []Run {
	var runs []Run
	add := func(r Run) {
		if n := len(runs); n > 0 && r.From-runs[n-1].To <= gap {
			runs[n-1].To = r.To
		} else {
			runs = append(runs, r)
		}
	}
	for _, p := range changed {
		if p < base {
			add(Run{p, p + 1})
		}
	}
	if size > base {
		add(Run{base, size})
	}
	return runs
}

// rising checks that runs are runs of an image of size pages, in order.
func rising(runs []Run, size int) error {
	at := 0
	for _, r := range runs {
		if r.From < at || r.To <= r.From || r.To > size {
			return fmt.Errorf("image: runs: %w", ErrDamaged)
		}
		at = r.To
	}
	return nil
}

// checkRuns checks that runs over a base image of base bytes make an image of size bytes.
func checkRuns(runs []Run, base, size int) error {
	n := len(runs)
	switch {
	case size < base:
		return fmt.Errorf("image: smaller than its base: %w", ErrDamaged)
	case n > maxRuns:
		return fmt.Errorf("image: %d runs: %w", n, ErrDamaged)
	case size > base && (n == 0 || runs[n-1].From > base/PageSize || runs[n-1].To != size/PageSize):
		return fmt.Errorf("image: pages behind its base are missing: %w", ErrDamaged)
	}
	return nil
}
