package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// ExecIn runs a statement that ends in "IN (?)" for a list, many with each statement, and gives
// how many rows that changed. args are the values before the list's. Outside Tx it may have
// been run for some of the list after an error.
func (d *DB) ExecIn(ctx context.Context, q string, list []string, args ...any) (changed int64, err error) {
	head, ok := strings.CutSuffix(q, "(?)")
	if !ok {
		return 0, fmt.Errorf("db.ExecIn: %q does not end in (?)", q)
	}
	for len(list) > 0 {
		n := atOnce[slices.IndexFunc(atOnce, func(n int) bool { return n <= len(list) })]
		values := slices.Clone(args)
		for _, one := range list[:n] {
			values = append(values, one)
		}
		some, err := d.Exec(ctx, head+"(?"+strings.Repeat(", ?", n-1)+")", values...)
		if err != nil {
			return changed, err
		}
		changed += some
		list = list[n:]
	}
	return changed, nil
}
