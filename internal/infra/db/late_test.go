package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// The end of a caller's own time is no failure of the platform, wherever it comes: whoever is
// told of it may try again. A caller that went away is told nothing.
func TestTheEndOfACallersTimeCanBeTriedAgain(t *testing.T) {
	endless := `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000000) SELECT COUNT(*) FROM c`
	ways := map[string]func(ctx context.Context, d *db.DB) error{
		"a statement": func(ctx context.Context, d *db.DB) error {
			<-ctx.Done()
			return insert(ctx, d, "late")
		},
		"a query": func(ctx context.Context, d *db.DB) error {
			<-ctx.Done()
			_, err := d.Query(ctx, `SELECT id FROM things`)
			return err
		},
		"a query that runs": func(ctx context.Context, d *db.DB) error {
			var n int
			return d.QueryRow(ctx, endless).Scan(&n)
		},
		"rows that are open": func(ctx context.Context, d *db.DB) error {
			rows, err := d.Query(ctx, `SELECT id FROM things`)
			if err != nil {
				return err
			}
			defer rows.Close()
			if !rows.Next() {
				return rows.Err()
			}
			<-ctx.Done()
			var id string
			for { // until the driver has seen it
				if err := rows.Scan(&id); err != nil {
					return err
				}
			}
		},
		"a transaction that begins": func(ctx context.Context, d *db.DB) error {
			<-ctx.Done()
			return d.Tx(ctx, func(context.Context) error { return nil })
		},
		"a transaction that waits for the writer": func(ctx context.Context, d *db.DB) error {
			return d.Tx(context.WithoutCancel(ctx), func(in context.Context) error {
				if err := insert(in, d, "held"); err != nil {
					return err
				}
				return d.Tx(ctx, func(ctx context.Context) error { return insert(ctx, d, "held") })
			})
		},
		"a statement in a transaction": func(ctx context.Context, d *db.DB) error {
			return d.Tx(ctx, func(in context.Context) error {
				<-in.Done() // which may be a moment after ctx's
				return insert(in, d, "late")
			})
		},
		"a transaction undone under its user's hands": func(ctx context.Context, d *db.DB) error {
			return d.Tx(ctx, func(in context.Context) error {
				<-ctx.Done()
				for {
					if err := insert(context.WithoutCancel(in), d, "late"); err != nil {
						return err
					}
					if _, err := d.Exec(context.WithoutCancel(in), `DELETE FROM things WHERE id = ?`, "late"); err != nil {
						return err
					}
				}
			})
		},
		"a commit": func(ctx context.Context, d *db.DB) error {
			return d.Tx(ctx, func(in context.Context) error {
				err := insert(in, d, "late")
				for gone := error(nil); gone == nil; { // until the driver has seen the end: a commit before that would hold
					_, gone = d.Exec(context.WithoutCancel(in), `DELETE FROM things WHERE id = ?`, "nobody")
				}
				return err
			})
		},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := insert(migrated(t, d), d, "there"); err != nil {
			t.Fatal(err)
		}
		for name, way := range ways {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err := way(ctx, d)
			cancel()
			f, ok := fault.As(err)
			if !ok || f.Kind != fault.Unavailable || f.Code != "STORAGE_BUSY" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if err := way(ctx, d); !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Internal {
				t.Errorf("%s, given up: %v", name, err)
			}
		}
		if count(t, d) != 1 {
			t.Error("something was kept")
		}
	})
}
