package db_test

import (
	"context"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestMigrate(t *testing.T) {
	more := append(steps[:1:1], db.Migration{ID: "test/2", SQL: `ALTER TABLE things ADD COLUMN more TEXT NOT NULL DEFAULT ''`})
	other := []db.Migration{{ID: "other/1", SQL: `CREATE TABLE others (id TEXT PRIMARY KEY)`}}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for range 2 { // again changes nothing
			if err := d.Migrate(ctx, steps); err != nil {
				t.Fatal(err)
			}
		}
		if err := insert(ctx, d, "kept"); err != nil {
			t.Fatal(err)
		}
		if err := d.Migrate(ctx, more); err != nil {
			t.Fatal(err)
		}
		var text string
		if err := d.QueryRow(ctx, `SELECT more FROM things WHERE id = 'kept'`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		if err := d.Migrate(ctx, other); err != nil { // another feature, on its own
			t.Fatal(err)
		}
		if err := d.Migrate(ctx, steps); fault.CodeOf(err) != "DATABASE_NEWER" {
			t.Error("an older program took the database:", err)
		}
		changed := append([]db.Migration{{ID: "test/1", SQL: steps[0].SQL + " "}}, more[1])
		if err := d.Migrate(ctx, changed); fault.CodeOf(err) != "MIGRATION_CHANGED" {
			t.Error("a changed step was taken:", err)
		}
		for _, bad := range [][]db.Migration{{{ID: "noslash"}}, append(other, other...)} {
			if err := d.Migrate(ctx, bad); err == nil {
				t.Error("taken:", bad)
			}
		}
	})
}

// A step that fails leaves nothing of itself and of those before it in the same run.
func TestMigrateIsAllOrNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		bad := append(steps[:1:1], db.Migration{ID: "test/2", SQL: `CREATE TABLE more (id TEXT); CREATE TABLE broken (`})
		if err := d.Migrate(t.Context(), bad); err == nil {
			t.Fatal("no error")
		}
		if err := insert(t.Context(), d, "a"); err == nil {
			t.Error("a table of a failed run is there")
		}
		if err := d.Migrate(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
	})
}

// Several servers that start at once on one database.
func TestMigrateAtOnce(t *testing.T) {
	for name, newURL := range urls {
		t.Run(name, func(t *testing.T) {
			url := newURL(t)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					d, err := db.Open(context.Background(), db.Config{URL: url, Relaxed: true, Readers: 2, Writers: 2})
					if err != nil {
						t.Error(err)
						return
					}
					defer d.Close()
					if err := d.Migrate(context.Background(), steps); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}
