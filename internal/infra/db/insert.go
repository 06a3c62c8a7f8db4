package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// maxArguments is what one statement takes on both databases.
const maxArguments = 30_000

// InsertAll puts rows into a table, many with each statement: one after the other they would
// hold SQLite's only writer, or wait for Postgres, as often as there are rows. q inserts one
// row: `INSERT INTO t (a, b) VALUES (?, ?)`, with or without ON CONFLICT … DO NOTHING. Each
// row has q's values in their order. Outside Tx some of the rows may be there after an error.
func (d *DB) InsertAll(ctx context.Context, q string, rows [][]any) error {
	head, one, tail, err := insertion(q)
	if err != nil {
		return err
	}
	width := strings.Count(one, "?")
	values := make([]any, 0, min(len(rows), atOnce[0])*width)
	for len(rows) > 0 {
		n := atOnce[slices.IndexFunc(atOnce, func(n int) bool { return n <= len(rows) && n*max(1, width) <= maxArguments || n == 1 })]
		values = values[:0]
		for _, row := range rows[:n] {
			if len(row) != width {
				return fmt.Errorf("db.InsertAll: a row has %d values, the statement takes %d", len(row), width)
			}
			values = append(values, row...)
		}
		if _, err := d.Exec(ctx, head+one+strings.Repeat(", "+one, n-1)+tail, values...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// atOnce are the numbers of rows of a statement: few different ones, for each is prepared.
var atOnce = []int{100, 20, 5, 1}

// insertion takes an insertion of one row apart.
func insertion(q string) (head, one, tail string, err error) {
	const word = "VALUES ("
	at := strings.Index(q, word)
	if at < 0 {
		return "", "", "", fmt.Errorf("db.InsertAll: no %q in %q", word, q)
	}
	at += len(word) - 1
	end := strings.IndexByte(q[at:], ')')
	if end < 0 {
		return "", "", "", fmt.Errorf("db.InsertAll: values without an end in %q", q)
	}
	end += at + 1
	return q[:at], q[at:end], q[end:], nil
}
