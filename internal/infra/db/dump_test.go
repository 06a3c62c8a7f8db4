package db_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var dumpSteps = []db.Migration{
	{ID: "a/1", SQL: `CREATE TABLE parents (id TEXT PRIMARY KEY, n BIGINT, data BLOB NOT NULL);
		CREATE TABLE seeds (one BIGINT PRIMARY KEY);
		INSERT INTO seeds (one) VALUES (1);
		CREATE TABLE children (id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES parents(id))`},
	{ID: "a/2", SQL: `ALTER TABLE parents ADD COLUMN later TEXT NOT NULL DEFAULT 'later'; CREATE TABLE heads (one BIGINT PRIMARY KEY)`},
}

// dumped is a database's content as text.
func dumped(t *testing.T, d *db.DB, steps []db.Migration) (schema []db.Step, tables []string, rows map[string][][]any, columns map[string][]string) {
	t.Helper()
	rows, columns = map[string][][]any{}, map[string][]string{}
	err := d.Dump(t.Context(), steps, db.Dump{
		Begin: func(s []db.Step) error { schema = s; return nil },
		Table: func(name string, c []string) error { tables = append(tables, name); columns[name] = c; return nil },
		Row: func(v []any) error {
			rows[tables[len(tables)-1]] = append(rows[tables[len(tables)-1]], append([]any(nil), v...))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return schema, tables, rows, columns
}

func load(t *testing.T, d *db.DB, steps []db.Migration, schema []db.Step, tables []string, rows map[string][][]any, columns map[string][]string) error {
	t.Helper()
	return d.Tx(t.Context(), func(ctx context.Context) error {
		return d.Replace(ctx, db.Replacement{Steps: steps, Have: schema, Keep: "kept", Rows: func(insert db.Insert) error {
			for _, name := range tables {
				if err := insert(name, columns[name], rows[name]); err != nil {
					return err
				}
			}
			return nil
		}})
	})
}

// What one database was dumped to, either database takes, older schema or not.
func TestDumpsGoFromEachDatabaseToEach(t *testing.T) {
	for name, from := range map[string]func(testing.TB) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		for _, have := range []int{1, 2} {
			t.Run(fmt.Sprintf("from %s %d", name, have), func(t *testing.T) {
				d := from(t)
				ctx := t.Context()
				if err := d.Migrate(ctx, dumpSteps[:have]); err != nil {
					t.Fatal(err)
				}
				for i := range 250 {
					if _, err := d.Exec(ctx, `INSERT INTO parents (id, n, data) VALUES (?, ?, ?)`, fmt.Sprintf("ü%d\n", i), int64(1)<<62+int64(i), []byte{0, 255, byte(i), 1}[:i%4]); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := d.Exec(ctx, `UPDATE parents SET n = NULL WHERE id = ?`, "ü7\n"); err != nil {
					t.Fatal(err)
				}
				if _, err := d.Exec(ctx, `INSERT INTO children (id, parent) VALUES ('c', ?)`, "ü7\n"); err != nil {
					t.Fatal(err)
				}
				schema, tables, rows, columns := dumped(t, d, dumpSteps)
				if len(rows["parents"]) != 250 || len(rows["seeds"]) != 1 || len(tables) != have+2 {
					t.Fatal(tables, len(rows["parents"]))
				}
				dbtest.Each(t, func(t *testing.T, to *db.DB) {
					if err := to.Migrate(t.Context(), dumpSteps); err != nil {
						t.Fatal(err)
					}
					if _, err := to.Exec(t.Context(), `INSERT INTO heads (one) VALUES (7)`); err != nil {
						t.Fatal(err)
					}
					if err := load(t, to, dumpSteps, schema, tables, rows, columns); err != nil {
						t.Fatal(err)
					}
					_, _, got, cols := dumped(t, to, dumpSteps)
					if len(got["heads"]) != 0 || len(got["seeds"]) != 1 || len(cols["parents"]) != 4 {
						t.Error(got["heads"], cols)
					}
					want := map[any][]any{}
					for _, r := range rows["parents"] {
						want[r[0]] = r
					}
					for _, r := range got["parents"] {
						if !reflect.DeepEqual(r[:3], want[r[0]][:3]) || r[3] != "later" {
							t.Fatalf("%v, want %v", r, want[r[0]])
						}
					}
					if len(got["parents"]) != len(want) || !reflect.DeepEqual(got["children"], rows["children"]) {
						t.Error(len(got["parents"]), got["children"])
					}
					if err := to.Migrate(t.Context(), dumpSteps); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// A dump that does not fit changes nothing.
func TestReplaceIsAllOrNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), dumpSteps); err != nil {
			t.Fatal(err)
		}
		schema, tables, rows, columns := dumped(t, d, dumpSteps)
		for name, c := range map[string]struct {
			code   string
			change func() ([]db.Step, []string)
		}{
			"an unknown table": {"BACKUP_MALFORMED", func() ([]db.Step, []string) {
				columns["sqlite_schema"], rows["sqlite_schema"] = []string{"sql"}, [][]any{{"x"}}
				return schema, append(tables[:len(tables):len(tables)], "sqlite_schema")
			}},
			"a column of nowhere": {"BACKUP_MALFORMED", func() ([]db.Step, []string) {
				columns["heads"], rows["heads"] = []string{"one) VALUES (1); DROP TABLE parents; --"}, [][]any{{int64(1)}}
				return schema, tables
			}},
			"a value of another type": {"BACKUP_MALFORMED", func() ([]db.Step, []string) {
				columns["heads"], rows["heads"] = []string{"one"}, [][]any{{"x"}}
				return schema, tables
			}},
			"a child without its parent": {"BACKUP_MALFORMED", func() ([]db.Step, []string) {
				rows["heads"], rows["children"] = nil, [][]any{{"c", "nobody"}}
				return schema, tables
			}},
			"a newer schema": {"DATABASE_NEWER", func() ([]db.Step, []string) {
				return append(schema[:len(schema):len(schema)], db.Step{ID: "a/3"}), tables
			}},
			"a schema of others": {"DATABASE_NEWER", func() ([]db.Step, []string) {
				return append(schema[:len(schema):len(schema)], db.Step{ID: "z/1"}), tables
			}},
			"a changed step": {"MIGRATION_CHANGED", func() ([]db.Step, []string) {
				return []db.Step{{ID: "a/1", Digest: strings.Repeat("0", 64)}}, tables
			}},
		} {
			t.Run(name, func(t *testing.T) {
				schema, tables := c.change()
				if err := load(t, d, dumpSteps, schema, tables, rows, columns); fault.CodeOf(err) != c.code {
					t.Error(err)
				}
				delete(rows, "sqlite_schema")
				columns["heads"], rows["heads"], rows["children"] = []string{"one"}, nil, nil
				if _, _, got, _ := dumped(t, d, dumpSteps); len(got["seeds"]) != 1 || len(got["heads"]) != 0 {
					t.Error("the database was changed")
				}
			})
		}
	})
}

// What is kept stays, and gets what only the dump has; whichever of both has the newer
// schema.
func TestReplaceKeeps(t *testing.T) {
	steps := append(dumpSteps[:1:1], db.Migration{ID: "kept/1", SQL: `CREATE TABLE trail (n BIGINT PRIMARY KEY, text TEXT NOT NULL)`},
		db.Migration{ID: "kept/2", SQL: `ALTER TABLE trail ADD COLUMN more TEXT NOT NULL DEFAULT 'more'`})
	for _, have := range [][2]int{{2, 3}, {3, 2}, {2, 2}, {1, 3}, {3, 1}} {
		dbtest.Each(t, func(t *testing.T, d *db.DB) {
			from := dbtest.SQLite(t)
			for n, x := range []*db.DB{from, d} {
				if err := x.Migrate(t.Context(), steps[:have[n]]); err != nil {
					t.Fatal(err)
				}
				if have[n] < 2 {
					continue
				}
				for _, row := range [][2]int{{1, 1}, {10 + n, 10 + n}} {
					if _, err := x.Exec(t.Context(), `INSERT INTO trail (n, text) VALUES (?, ?)`, row[0], fmt.Sprint("of ", n)); err != nil {
						t.Fatal(err)
					}
				}
			}
			schema, tables, rows, columns := dumped(t, from, steps)
			if err := load(t, d, steps, schema, tables, rows, columns); err != nil {
				t.Fatal(err)
			}
			_, _, got, _ := dumped(t, d, steps)
			want := map[int64]string{}
			if have[0] > 1 {
				want[1], want[10] = "of 0", "of 0"
			}
			if have[1] > 1 {
				want[1], want[11] = "of 1", "of 1"
			}
			if len(got["trail"]) != len(want) {
				t.Errorf("%v: %v", have, got["trail"])
			}
			for _, r := range got["trail"] {
				if r[1] != want[r[0].(int64)] || r[2] != "more" {
					t.Errorf("%v: %v", have, r)
				}
			}
			if err := d.Migrate(t.Context(), steps); err != nil {
				t.Error(err)
			}
		})
	}
}

// A database is found open by whoever has it open, this process too, and asking does not
// take its locks away: what it writes afterwards is whole for others.
func TestBesideTheWriter(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "annex.db")
	if _, ok, err := db.Beside(t.Context(), db.Config{URL: url}); ok || err != nil {
		t.Fatal(ok, err)
	}
	d, err := db.Open(t.Context(), db.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(t.Context(), dumpSteps); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := d.Exec(t.Context(), `INSERT INTO heads (one) VALUES (?)`, n); err != nil {
			t.Fatal(err)
		}
		r, ok, err := db.Beside(t.Context(), db.Config{URL: url})
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if _, _, rows, _ := dumped(t, r, dumpSteps); len(rows["heads"]) != n+1 {
			t.Errorf("%d rows after %d", len(rows["heads"]), n+1)
		}
		if _, err := r.Exec(t.Context(), `INSERT INTO heads (one) VALUES (9)`); err == nil {
			t.Error("who reads beside may write")
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := db.Beside(t.Context(), db.Config{URL: url}); ok || err != nil {
		t.Error("nobody has it open any more", ok, err)
	}
}
