package db_test

import (
	"fmt"
	"testing"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// A list of any length is seen to whole, and nothing beside it.
func TestExecIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if err := d.Migrate(ctx, []db.Migration{{ID: "t/1", SQL: `CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`}}); err != nil {
			t.Fatal(err)
		}
		var rows [][]any
		var ids []string
		for i := range 257 {
			rows = append(rows, []any{fmt.Sprint("t", i), 0})
			if i < 239 {
				ids = append(ids, fmt.Sprint("t", i))
			}
		}
		if err := d.InsertAll(ctx, `INSERT INTO things (id, n) VALUES (?, ?)`, rows); err != nil {
			t.Fatal(err)
		}
		const set = `UPDATE things SET n = n + ? WHERE n = ? AND id IN (?)`
		if n, err := d.ExecIn(ctx, set, ids, 7, 0); n != 239 || err != nil {
			t.Errorf("%d changed, %v", n, err)
		}
		if n, err := d.ExecIn(ctx, set, ids, 7, 0); n != 0 || err != nil {
			t.Errorf("again: %d changed, %v", n, err)
		}
		if n, err := d.ExecIn(ctx, set, nil, 7, 7); n != 0 || err != nil {
			t.Errorf("none: %d changed, %v", n, err)
		}
		var sum int
		if err := d.QueryRow(ctx, `SELECT SUM(n) FROM things`).Scan(&sum); err != nil || sum != 7*239 {
			t.Errorf("%d, %v", sum, err)
		}
		if _, err := d.ExecIn(ctx, `DELETE FROM things WHERE id = ?`, ids); err == nil {
			t.Error("a statement without a list was taken")
		}
	})
}
