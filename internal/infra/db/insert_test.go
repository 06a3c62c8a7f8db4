package db_test

import (
	"fmt"
	"testing"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// Rows are there in full and in their places, however many one statement takes.
func TestInsertAll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), []db.Migration{{ID: "rows/1", SQL: `CREATE TABLE many (n BIGINT PRIMARY KEY, text TEXT NOT NULL)`}}); err != nil {
			t.Fatal(err)
		}
		const q = `INSERT INTO many (n, text) VALUES (?, ?) ON CONFLICT (n) DO NOTHING`
		next := 0
		for _, count := range []int{0, 1, 4, 5, 99, 100, 238} {
			var rows [][]any
			for range count {
				rows = append(rows, []any{next, fmt.Sprint("row ", next)})
				next++
			}
			if count > 0 {
				rows = append(rows, []any{0, "another text of the first row"})
			}
			if err := d.InsertAll(t.Context(), q, rows); err != nil {
				t.Fatal(count, err)
			}
		}
		var there, wrong int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*), COALESCE(SUM(CASE WHEN text = 'row ' || n THEN 0 ELSE 1 END), 0) FROM many`).Scan(&there, &wrong); err != nil {
			t.Fatal(err)
		}
		if there != next || wrong != 0 {
			t.Errorf("of %d rows %d are there, %d with another's text", next, there, wrong)
		}
		for _, bad := range []struct {
			q    string
			rows [][]any
		}{{q, [][]any{{next}}}, {q, [][]any{{next, "a", "b"}}}, {`INSERT INTO many SELECT 1, ''`, nil}, {`INSERT INTO many (n, text) VALUES (?, ?`, nil}} {
			if err := d.InsertAll(t.Context(), bad.q, bad.rows); err == nil {
				t.Errorf("%s with %v", bad.q, bad.rows)
			}
		}
	})
}
