package inside

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

const value = `{"name":"An issue","count":17,"labels":["a","b","c"]}`

func newKVS(b *testing.B, s store) *kvstore.Store {
	b.Helper()
	s.migrate(b, kvstore.Migrations)
	ring, err := seal.OpenRing(filepath.Join(b.TempDir(), "ring"), true)
	if err != nil {
		b.Fatal(err)
	}
	return kvstore.New(s.DB, ring, nil)
}

func appOf(b *testing.B, install id.Install) tenant.Scope {
	b.Helper()
	sc, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: "site"})
	if err != nil {
		b.Fatal(err)
	}
	return sc
}

// filled has so many values in each of so many installations, i0 and on.
func (s store) filled(b *testing.B, installs, each int) {
	b.Helper()
	text := `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at)
		SELECT 'i' || i, 'k' || substr('000000' || j, -6), CAST('` + value + `' AS BLOB), 1, 1, 0 FROM a, c`
	if s.Postgres() {
		text = `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at)
			SELECT 'i' || i, 'k' || lpad(j::text, 6, '0'), '` + value + `'::bytea, 1, 1, 0
			FROM generate_series(%d, %d) AS i, generate_series(0, %d) AS j`
	} else {
		text = `WITH RECURSIVE a (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM a WHERE i < %d), c (j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM c WHERE j < %d) ` + text
	}
	for from := 0; from < installs; from += 50 { // the database gives a statement a few seconds
		if _, err := s.Exec(b.Context(), fmt.Sprintf(text, from, min(from+50, installs)-1, each-1)); err != nil {
			b.Fatal(err)
		}
	}
}

func keyOf(i, each int) string { return fmt.Sprintf("k%06d", i*7919%each) }

// BenchmarkKVS compares get, set and a query of ten values with the same statements by hand, over
// database/sql.
func BenchmarkKVS(b *testing.B) {
	eachStore(b, func(b *testing.B, s store) {
		k := newKVS(b, s)
		const each = 1000
		s.filled(b, 10, each)
		hand := s.byHand(b)
		get := prepared(b, hand, by(s, `SELECT value, created_at, updated_at, expires_at FROM kv WHERE install_id = ? AND key = ? AND (expires_at = 0 OR expires_at > ?)`))
		set := prepared(b, hand, by(s, `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at) VALUES (?, ?, ?, ?, ?, 0)
			ON CONFLICT (install_id, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at`))
		list := prepared(b, hand, by(s, `SELECT key, value, created_at, updated_at, expires_at FROM kv
			WHERE install_id = ? AND key >= ? AND key < ? AND (expires_at = 0 OR expires_at > ?) ORDER BY key LIMIT 11`))
		sc, ctx := appOf(b, "i3"), b.Context()
		seen := map[string][]time.Duration{}
		do := func(name string, n int, f func(i int) error) {
			var took []time.Duration
			timed(b, &took, n, f)
			seen[name] = append(seen[name], took...)
		}
		for range rounds {
			do("get", scaled(1000), func(i int) error { _, _, err := k.Get(ctx, sc, keyOf(i, each)); return err })
			do("get-hand", scaled(1000), func(i int) error { return readOne(get.QueryRow("i3", keyOf(i, each), time.Now().UnixMilli())) })
			do("query", scaled(500), func(i int) error {
				_, err := k.Query(ctx, sc, kvstore.Query{Prefix: keyOf(i, each)[:4]})
				return err
			})
			do("query-hand", scaled(500), func(i int) error {
				from := keyOf(i, each)[:4]
				rows, err := list.Query("i3", from, from+"~", time.Now().UnixMilli())
				return readAll(rows, err)
			})
			do("set", scaled(200), func(i int) error {
				return k.Set(ctx, sc, keyOf(i, each), []byte(value), kvstore.SetOptions{})
			})
			do("set-hand", scaled(200), func(i int) error {
				_, err := set.Exec("i3", keyOf(i, each), []byte(value), 1, time.Now().UnixMilli())
				return err
			})
		}
		for name, took := range seen {
			b.ReportMetric(micros(at(0.5, took)), name+"-µs")
		}
	})
}

// BenchmarkRows asks one installation among a thousand with a thousand values each, and one that is
// alone with as many: the difference is what others' data costs.
func BenchmarkRows(b *testing.B) {
	eachStore(b, func(b *testing.B, many store) {
		few := many
		if many.Postgres() {
			few = openStore(b, dbtest.PostgresURL(b))
		} else {
			few = openStore(b, "sqlite:"+filepath.Join(b.TempDir(), "few.db"))
		}
		each := 1000
		installs := max(4, scaled(1000))
		stores := map[string]*kvstore.Store{"many": newKVS(b, many), "few": newKVS(b, few)}
		many.filled(b, installs, each)
		few.filled(b, 4, each)
		sc, ctx := appOf(b, "i3"), b.Context()
		seen := map[string][]time.Duration{}
		for range rounds {
			for _, name := range []string{"many", "few"} {
				k := stores[name]
				var get, query, set []time.Duration
				timed(b, &get, scaled(1000), func(i int) error { _, _, err := k.Get(ctx, sc, keyOf(i, each)); return err })
				timed(b, &query, scaled(500), func(i int) error {
					_, err := k.Query(ctx, sc, kvstore.Query{Prefix: keyOf(i, each)[:4]})
					return err
				})
				timed(b, &set, scaled(100), func(i int) error {
					return k.Set(ctx, sc, keyOf(i, each), []byte(value), kvstore.SetOptions{})
				})
				seen[name+"-get"] = append(seen[name+"-get"], get...)
				seen[name+"-query"] = append(seen[name+"-query"], query...)
				seen[name+"-set"] = append(seen[name+"-set"], set...)
			}
		}
		b.ReportMetric(float64(installs*each), "rows")
		for name, took := range seen {
			b.ReportMetric(micros(at(0.5, took)), name+"-µs")
		}
	})
}

// by writes a statement's parameters as the database names them.
func by(s store, text string) string {
	if !s.Postgres() {
		return text
	}
	var out strings.Builder
	n := 0
	for _, c := range text {
		if c != '?' {
			out.WriteRune(c)
			continue
		}
		n++
		fmt.Fprintf(&out, "$%d", n)
	}
	return out.String()
}

func readOne(row *sql.Row) error {
	var v []byte
	var created, updated, expires int64
	return row.Scan(&v, &created, &updated, &expires)
}

func readAll(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var v []byte
		var created, updated, expires int64
		if err := rows.Scan(&key, &v, &created, &updated, &expires); err != nil {
			return err
		}
	}
	return rows.Err()
}
