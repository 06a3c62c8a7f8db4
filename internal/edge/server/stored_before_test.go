package server

import (
	"slices"
	"testing"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// What installations stored before there were counts counts for their apps and sites once the
// server was brought up to date.
func TestWhatWasStoredBefore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		before := slices.DeleteFunc(migrations(), func(m db.Migration) bool { return m.ID == "kvstore/3" || m.ID == "owned/1" })
		if err := d.Migrate(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		put := func(q string, args ...any) {
			t.Helper()
			if _, err := d.Exec(t.Context(), q, args...); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range []struct{ id, env, site string }{{"i1", "e1", "s1"}, {"i2", "e1", "s2"}, {"i3", "e2", "s1"}, {"empty", "e3", "s3"}} {
			put(`INSERT INTO installations (id, app_id, owner, env_id, env_name, env_type, site_id, product, version_id, number, declared, granted,
				waiting_version, waiting_number, waiting_declared, installed_at, installed_by, removed_at, active, epoch, changed)
				VALUES (?, 'a', 'o', ?, 'n', 'production', ?, 'p', 'v', '1', '', '', '', '', '', 1, '', 0, 1, 1, 1)`, i.id, i.env, i.site)
			if i.id != "empty" {
				put(`INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at) VALUES (?, 'key', ?, 1, 1, 0)`, i.id, []byte("1234567"))
			}
		}
		if err := d.Migrate(t.Context(), migrations()); err != nil {
			t.Fatal(err)
		}
		put(`UPDATE kv SET value = ? WHERE install_id = 'i1'`, []byte("12"))
		for q, want := range map[string]int64{
			`SELECT SUM(bytes) FROM kv_stored_sites WHERE site_id = 's1'`:       15,
			`SELECT SUM(bytes) FROM kv_stored_sites WHERE site_id = 's2'`:       10,
			`SELECT SUM(bytes) FROM kv_stored_apps WHERE environment_id = 'e1'`: 15,
			`SELECT SUM(keys) FROM kv_stored_apps WHERE environment_id = 'e1'`:  2,
			`SELECT COUNT(*) FROM kv_owners`:                                    4,
		} {
			var got int64
			if err := d.QueryRow(t.Context(), q).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %d, %v, want %d", q, got, err, want)
			}
		}
	})
}
