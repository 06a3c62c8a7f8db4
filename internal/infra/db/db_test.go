package db_test

import (
	"context"
	"errors"
	"testing"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var steps = []db.Migration{
	{ID: "test/1", SQL: `
		-- a comment; with a semicolon and a BIGINT
		CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT NOT NULL DEFAULT 0, data BLOB, "TEXT" TEXT NOT NULL DEFAULT 'a;TEXT?');
		CREATE INDEX things_n ON things (n);`},
}

func migrated(t *testing.T, d *db.DB) context.Context {
	t.Helper()
	if err := d.Migrate(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	return t.Context()
}

func TestStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		n, err := d.Exec(ctx, `INSERT INTO things (id, n, data) VALUES (?, ?, ?) /* not a ? */`, "a", true, []byte{0, 255})
		if err != nil || n != 1 {
			t.Fatal(n, err)
		}
		var (
			data []byte
			on   bool
			txt  string
		)
		err = d.QueryRow(ctx, `SELECT data, n, "TEXT" FROM things WHERE id = ? AND '?' <> id`, "a").Scan(&data, &on, &txt)
		if err != nil || string(data) != "\x00\xff" || !on || txt != "a;TEXT?" {
			t.Fatal(data, on, txt, err)
		}
		if err := d.QueryRow(ctx, `SELECT n FROM things WHERE id = ?`, "b").Scan(&n); !errors.Is(err, db.ErrNoRows) {
			t.Fatal(err)
		}
		_, err = d.Exec(ctx, `INSERT INTO things (id) VALUES (?)`, "a")
		if !db.IsUnique(err) {
			t.Fatal(err)
		}
		for _, bad := range []any{"a\x00b", "\xff", uint64(1 << 63), struct{}{}} {
			if _, err := d.Exec(ctx, `INSERT INTO things (id) VALUES (?)`, bad); err == nil {
				t.Errorf("%#v was stored", bad)
			}
		}
	})
}

// Reading to the end is no error, however often: the end of a query's patience comes
// after its rows are closed.
func TestRowsEndWithoutError(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for range 500 {
			rows, err := d.Query(t.Context(), `SELECT 1`)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
