// Package dbtest runs a test on both databases: what passes on SQLite only is not done.
package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/annexhq/annex/internal/infra/db"
)

// Each runs the test on SQLite and on Postgres, each time on an empty database of
// its own. ANNEX_TEST_POSTGRES=off leaves Postgres out, for machines without it.
func Each(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite is an empty SQLite database.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return open(t, db.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "annex.db"), Relaxed: true})
}

// Postgres is an empty schema of the test binary's Postgres server.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	return open(t, db.Config{URL: PostgresURL(t), Relaxed: true, Readers: 4, Writers: 4})
}

// PostgresURL names an empty schema of the test binary's Postgres server, for tests
// that open it several times.
func PostgresURL(t testing.TB) string {
	t.Helper()
	if os.Getenv("ANNEX_TEST_POSTGRES") == "off" {
		t.Skip("ANNEX_TEST_POSTGRES=off")
	}
	u, err := newSchema(context.Background())
	if err != nil {
		t.Fatalf("no Postgres to test on: %v\ninstall it (Debian: apt-get install postgresql; initdb on PATH is enough) or set ANNEX_TEST_POSTGRES=off", err)
	}
	return u
}

func open(t testing.TB, cfg db.Config) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
