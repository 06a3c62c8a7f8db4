package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestSchemaTexts(t *testing.T) {
	const text = `-- two; statements
CREATE TABLE IF NOT EXISTS "BLOB" (text TEXT, n BIGINT DEFAULT 0 /* TEXT; */, b BLOB, c TEXT DEFAULT 'TEXT;''BLOB');;
CREATE INDEX i ON t (a) WHERE b = 'TEXT'; ALTER TABLE t ADD COLUMN x BIGINT`
	for name, c := range map[string]struct {
		got  []string
		want []string
	}{
		"sqlite": {db.SQLiteSchema(text), []string{
			"-- two; statements\nCREATE TABLE IF NOT EXISTS \"BLOB\" (text TEXT, n INTEGER DEFAULT 0 /* TEXT; */, b BLOB, c TEXT DEFAULT 'TEXT;''BLOB') STRICT",
			"CREATE INDEX i ON t (a) WHERE b = 'TEXT'", "ALTER TABLE t ADD COLUMN x INTEGER",
		}},
		"postgres": {db.PostgresSchema(text), []string{
			"-- two; statements\nCREATE TABLE IF NOT EXISTS \"BLOB\" (text TEXT COLLATE \"C\", n BIGINT DEFAULT 0 /* TEXT; */, b BYTEA, c TEXT COLLATE \"C\" DEFAULT 'TEXT;''BLOB')",
			"CREATE INDEX i ON t (a) WHERE b = 'TEXT'", "ALTER TABLE t ADD COLUMN x BIGINT",
		}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, c.got, c.want)
		}
	}
	for q, want := range map[string]string{
		`SELECT ?, '?', "?", ? -- ?`: `SELECT $1, '?', "?", $2 -- ?`,
		`SELECT 'it''s ?' /* ? */ ?`: `SELECT 'it''s ?' /* ? */ $1`,
		`SELECT 1`:                   `SELECT 1`,
	} {
		if got := db.PostgresQuery(q); got != want {
			t.Errorf("%q: %q", q, got)
		}
	}
}

// Rewriting changes placeholders only, and loses nothing of any text.
func FuzzQueryText(f *testing.F) {
	f.Add(`SELECT ?, '?' -- ?`)
	f.Add(`'a''? /* "`)
	f.Add("/*")
	f.Fuzz(func(t *testing.T, q string) {
		got := db.PostgresQuery(q)
		for n := strings.Count(q, "?"); n > 0; n-- {
			// From the back, so that $1 does not meet $12.
			got = strings.Replace(got, fmt.Sprintf("$%d", n), "?", 1)
		}
		if !strings.Contains(q, "$") && got != q {
			t.Errorf("%q became %q", q, got)
		}
		db.SQLiteSchema(q)
	})
}

// Both databases order text by its bytes, and so does Go.
func TestTextIsOrderedByBytes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		rapid.Check(t, func(rt *rapid.T) {
			if _, err := d.Exec(ctx, `DELETE FROM things`); err != nil {
				rt.Fatal(err)
			}
			ids := rapid.SliceOfDistinct(rapid.StringMatching(`[-aB_é ~.\x{10ffff}\x{e000}0]{0,4}`), rapid.ID).Draw(rt, "ids")
			for _, id := range ids {
				if err := insert(ctx, d, id); err != nil {
					rt.Fatal(err)
				}
			}
			from := rapid.StringMatching(`[-aBé ]{0,2}`).Draw(rt, "from")
			var want, got []string
			for _, id := range ids {
				if id >= from {
					want = append(want, id)
				}
			}
			slices.Sort(want)
			rows, err := d.Query(ctx, `SELECT id FROM things WHERE id >= ? ORDER BY id`, from)
			if err != nil {
				rt.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var id string
				if err := rows.Scan(&id); err != nil {
					rt.Fatal(err)
				}
				got = append(got, id)
			}
			if rows.Err() != nil || !slices.Equal(got, want) {
				rt.Fatalf("%q, want %q, %v", got, want, rows.Err())
			}
		})
	})
}
