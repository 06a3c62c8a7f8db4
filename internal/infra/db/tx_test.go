package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func count(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(ctx context.Context, d *db.DB, id string) error {
	_, err := d.Exec(ctx, `INSERT INTO things (id) VALUES (?)`, id)
	return err
}

func TestTxJoinsAndSeesItself(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		err := d.Tx(ctx, func(in context.Context) error {
			if err := insert(in, d, "a"); err != nil {
				return err
			}
			return d.Tx(in, func(in context.Context) error {
				if err := insert(in, d, "b"); err != nil {
					return err
				}
				var n int
				if err := d.QueryRow(in, `SELECT COUNT(*) FROM things`).Scan(&n); err != nil || n != 2 {
					t.Error(n, err)
				}
				if n := count(t, d); n != 0 {
					t.Error("others see what is not committed:", n)
				}
				return nil
			})
		})
		if err != nil || count(t, d) != 2 {
			t.Fatal(err)
		}
	})
}

// Every kind of failure inside undoes all of it, on both databases.
func TestTxIsAllOrNothing(t *testing.T) {
	boom := errors.New("boom")
	duplicate := func(ctx context.Context, d *db.DB) error {
		_ = insert(ctx, d, "a")
		return nil // swallowed
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		for name, fn := range map[string]func(ctx context.Context) error{
			"fn fails": func(ctx context.Context) error { return boom },
			"a swallowed nested failure": func(ctx context.Context) error {
				_ = d.Tx(ctx, func(context.Context) error { return boom })
				return nil
			},
			"a swallowed failed statement": func(ctx context.Context) error { return duplicate(ctx, d) },
			"a statement after a failed one": func(ctx context.Context) error {
				_ = duplicate(ctx, d)
				if err := insert(ctx, d, "c"); err == nil {
					t.Error("the transaction went on")
				}
				return nil
			},
			"a swallowed failed query": func(ctx context.Context) error {
				var n int
				_ = d.QueryRow(ctx, `SELECT nothing FROM things`).Scan(&n)
				return nil
			},
		} {
			err := d.Tx(ctx, func(ctx context.Context) error {
				if err := insert(ctx, d, "a"); err != nil {
					return err
				}
				return fn(ctx)
			})
			if err == nil || count(t, d) != 0 {
				t.Errorf("%s: %v, %d rows", name, err, count(t, d))
			}
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = d.Tx(ctx, func(ctx context.Context) error {
				if err := insert(ctx, d, "a"); err != nil {
					return err
				}
				panic("x")
			})
		}()
		if count(t, d) != 0 {
			t.Error("a panic committed")
		}
		if err := insert(ctx, d, "a"); err != nil { // the writer is free again
			t.Fatal(err)
		}
	})
}

func TestTxAndNoRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		err := d.Tx(ctx, func(ctx context.Context) error {
			var n int
			if err := d.QueryRow(ctx, `SELECT n FROM things WHERE id = ?`, "a").Scan(&n); !errors.Is(err, db.ErrNoRows) {
				t.Error(err)
			}
			return insert(ctx, d, "a") // finding nothing is no failure
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Read-modify-write closures lose nothing, whoever else runs.
func TestNoUpdateIsLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		if err := insert(ctx, d, "a"); err != nil {
			t.Fatal(err)
		}
		const workers, rounds = 4, 10
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					if err := d.Tx(ctx, func(ctx context.Context) error {
						var n int
						if err := d.QueryRow(ctx, `SELECT n FROM things WHERE id = ?`, "a").Scan(&n); err != nil {
							return fmt.Errorf("wrapped: %w", err)
						}
						_, err := d.Exec(ctx, `UPDATE things SET n = ? WHERE id = ?`, n+1, "a")
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var n int
		if err := d.QueryRow(ctx, `SELECT n FROM things WHERE id = ?`, "a").Scan(&n); err != nil || n != workers*rounds {
			t.Error(n, err)
		}
	})
}

// A decision on rows that another transaction adds at the same time: only one may win.
func TestNoDecisionOnOldNews(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if err := d.Tx(ctx, func(ctx context.Context) error {
					var n int
					if err := d.QueryRow(ctx, `SELECT COUNT(*) FROM things`).Scan(&n); err != nil || n > 0 {
						return err
					}
					return insert(ctx, d, fmt.Sprint(i))
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, d); n != 1 {
			t.Error(n)
		}
	})
}

func TestOpenRowsBlockTheTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		for _, id := range []string{"a", "b"} {
			if err := insert(ctx, d, id); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Tx(ctx, func(ctx context.Context) error {
			rows, err := d.Query(ctx, `SELECT id FROM things ORDER BY id`)
			if err != nil {
				return err
			}
			if !rows.Next() {
				t.Error("no rows")
			}
			if err := insert(ctx, d, "c"); err == nil || !strings.Contains(err.Error(), "still open") {
				t.Error(err)
			}
			if err := rows.Close(); err != nil {
				return err
			}
			return insert(ctx, d, "c")
		}); err != nil {
			t.Fatal(err)
		}
		// Rows that fn left open are closed with it.
		if err := d.Tx(ctx, func(ctx context.Context) error {
			_, err := d.Query(ctx, `SELECT id FROM things`)
			return err
		}); err != nil || count(t, d) != 3 {
			t.Fatal(err)
		}
	})
}

func TestQueriesOutsideTxDoNotWrite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		var id string
		err := d.QueryRow(ctx, `INSERT INTO things (id) VALUES (?) RETURNING id`, "a").Scan(&id)
		if err == nil || !strings.Contains(err.Error(), "outside Tx") || fault.KindOf(err) != fault.Internal {
			t.Error(err)
		}
		if err := d.Tx(ctx, func(ctx context.Context) error {
			return d.QueryRow(ctx, `INSERT INTO things (id) VALUES (?) RETURNING id`, "a").Scan(&id)
		}); err != nil || id != "a" || count(t, d) != 1 {
			t.Error(id, err)
		}
	})
}

func TestCancelledContext(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		ctx, cancel := context.WithCancel(t.Context())
		err := d.Tx(ctx, func(in context.Context) error {
			if err := insert(in, d, "a"); err != nil {
				return err
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || count(t, d) != 0 {
			t.Error(err, count(t, d))
		}
		if err := d.Tx(ctx, func(context.Context) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// The mistake of writing inside Tx without its context ends in a clear error instead
// of waiting for ever.
func TestWriterThatWaitsForItself(t *testing.T) {
	d := dbtest.SQLite(t)
	ctx := migrated(t, d)
	d.SetPatience(time.Millisecond)
	err := d.Tx(ctx, func(context.Context) error { return insert(ctx, d, "a") })
	if fault.CodeOf(err) != "STORAGE_BUSY" || !strings.Contains(err.Error(), "without its context") {
		t.Error(err)
	}
}

// Statements that share a commit do not share their failures.
func TestStatementsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := migrated(t, d)
		const n = 200
		var wg sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			wg.Go(func() {
				switch i % 4 {
				case 0, 1: // each name twice
					errs[i] = insert(ctx, d, fmt.Sprint("pair-", i/4))
				case 2:
					_, errs[i] = d.Exec(ctx, `INSERT INTO nothing (id) VALUES (?)`, i)
				case 3:
					touched, err := d.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = ?`, "none")
					if errs[i] = err; touched != 0 {
						t.Error(touched)
					}
				}
			})
		}
		wg.Wait()
		for i := 0; i < n; i += 4 {
			if db.IsUnique(errs[i]) == db.IsUnique(errs[i+1]) || errs[i] != nil && errs[i+1] != nil {
				t.Error("not exactly one of a pair:", errs[i], errs[i+1])
			}
			if errs[i+2] == nil || errs[i+3] != nil {
				t.Error(errs[i+2], errs[i+3])
			}
		}
		if got := count(t, d); got != n/4 {
			t.Error(got)
		}
	})
}

// A full disk refuses the statement that does not fit and nobody else's.
func TestStatementsAtOnceOnAFullDisk(t *testing.T) {
	d := dbtest.SQLite(t)
	ctx := migrated(t, d)
	if err := d.Tx(ctx, func(ctx context.Context) error {
		var pages int
		return d.QueryRow(ctx, `PRAGMA max_page_count = 40`).Scan(&pages)
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			size := 10
			if i%5 == 0 {
				size = 1 << 20
			}
			_, err := d.Exec(ctx, `INSERT INTO things (id, data) VALUES (?, ?)`, fmt.Sprint(i), make([]byte, size))
			if full := fault.CodeOf(err) == "STORAGE_UNAVAILABLE" && err != nil; full != (size > 10) {
				t.Errorf("%d bytes: %v", size, err)
			}
		})
	}
	wg.Wait()
	if n := count(t, d); n != 80 {
		t.Error(n)
	}
}

// A statement whose caller has gone before its turn does not run.
func TestCancelledStatement(t *testing.T) {
	d := dbtest.SQLite(t)
	ctx := migrated(t, d)
	gone, cancel := context.WithCancel(ctx)
	first := make(chan error, 1)
	if err := d.Tx(ctx, func(context.Context) error {
		// This transaction has the turn that both wait for.
		go func() { first <- insert(ctx, d, "first") }()
		second := make(chan error, 1)
		go func() { second <- insert(gone, d, "second") }()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil || count(t, d) != 1 {
		t.Error(err, count(t, d))
	}
}

func TestClosed(t *testing.T) {
	d, err := db.Open(t.Context(), db.Config{URL: "sqlite:" + t.TempDir() + "/annex.db", Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { _ = insert(t.Context(), d, fmt.Sprint(i)) }) // done or refused, not stuck
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := insert(t.Context(), d, "late"); err == nil {
		t.Error("a closed database took a row")
	}
}

// Two transactions read that a key is free, and one has taken it when the other does: the
// other runs again, sees it, and takes the next.
func TestTakenMeanwhile(t *testing.T) {
	d := dbtest.Postgres(t)
	ctx := migrated(t, d)
	runs := 0
	err := d.Tx(ctx, func(mine context.Context) error {
		runs++
		var there int
		if err := d.QueryRow(mine, `SELECT count(*) FROM things`).Scan(&there); err != nil {
			return err
		}
		if runs == 1 { // the context is the test's: another transaction
			if err := insert(ctx, d, fmt.Sprint("number ", there)); err != nil {
				return err
			}
		}
		return insert(mine, d, fmt.Sprint("number ", there))
	})
	if err != nil || runs != 2 || count(t, d) != 2 {
		t.Errorf("%d runs, %d rows, %v", runs, count(t, d), err)
	}
	// A key that is there in truth stays a unique key's error, and fn's own words for it.
	err = d.Tx(ctx, func(mine context.Context) error {
		if err := insert(mine, d, "number 0"); db.IsUnique(err) {
			return errors.New("it is taken")
		}
		return nil
	})
	if err == nil || err.Error() != "it is taken" {
		t.Error(err)
	}
}

// A key that was free and is taken is a race also after other losses: how often a transaction
// that could not be put in order was run again says nothing of its keys.
func TestTakenAfterOtherLosses(t *testing.T) {
	d := dbtest.Postgres(t)
	ctx := migrated(t, d)
	if err := insert(ctx, d, "busy"); err != nil {
		t.Fatal(err)
	}
	const losses = 5
	runs := 0
	err := d.Tx(ctx, func(mine context.Context) error {
		runs++
		var there int
		if err := d.QueryRow(mine, `SELECT count(*) FROM things`).Scan(&there); err != nil {
			return err
		}
		if runs <= losses { // the context is the test's: another transaction
			if _, err := d.Exec(ctx, `UPDATE things SET n = n + 1 WHERE id = ?`, "busy"); err != nil {
				return err
			}
		} else if runs == losses+1 {
			if err := insert(ctx, d, fmt.Sprint("number ", there)); err != nil {
				return err
			}
		}
		if runs <= losses {
			_, err := d.Exec(mine, `UPDATE things SET n = n + 1 WHERE id = ?`, "busy")
			return err
		}
		return insert(mine, d, fmt.Sprint("number ", there))
	})
	if err != nil || runs != losses+2 || count(t, d) != 3 {
		t.Errorf("%d runs, %d rows, %v", runs, count(t, d), err)
	}
}

// A query may lose after a row that was all its caller wanted: the transaction is run again
// for that loss, and does not end with what Postgres says of a transaction that has failed.
func TestLossAfterTheFirstRow(t *testing.T) {
	d := dbtest.Postgres(t)
	ctx := migrated(t, d)
	if _, err := d.Exec(ctx, `CREATE FUNCTION loses_at(at BIGINT, n BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $$
		BEGIN
			IF n = at THEN
				RAISE EXCEPTION 'lost' USING ERRCODE = 'serialization_failure';
			END IF;
			RETURN n;
		END $$`); err != nil {
		t.Fatal(err)
	}
	const q = `SELECT loses_at(?, n) FROM generate_series(1, 3) AS n`
	for name, read := range map[string]func(ctx context.Context, at int) error{
		"a row": func(ctx context.Context, at int) (err error) {
			var n int
			_ = d.QueryRow(ctx, q, at).Scan(&n)
			return nil
		},
		"rows": func(ctx context.Context, at int) error {
			rows, err := d.Query(ctx, q, at)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			return nil
		},
	} {
		for _, more := range []bool{false, true} {
			runs := 0
			err := d.Tx(ctx, func(ctx context.Context) error {
				runs++
				if err := read(ctx, map[bool]int{true: 3}[runs == 1]); err != nil {
					return err
				}
				if more {
					return insert(ctx, d, name)
				}
				return nil
			})
			if err != nil || runs != 2 {
				t.Errorf("%s, more %v: %d runs, %v", name, more, runs, err)
			}
		}
	}
}
