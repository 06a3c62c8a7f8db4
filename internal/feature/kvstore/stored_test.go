package kvstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// owned says whose installations are: "app-n" is of the environment "app".
type owned struct{}

func (owned) Owner(_ context.Context, sc tenant.Scope) (kvstore.Owner, error) {
	app, _, ok := strings.Cut(string(sc.Install()), "-")
	if !ok {
		return kvstore.Owner{}, errors.New("of no app")
	}
	return kvstore.Owner{App: id.App(app), Environment: id.Env("env of " + app)}, nil
}

func on(t testing.TB, site id.Site, install id.Install) tenant.Scope {
	t.Helper()
	sc, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: site})
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// shops are stores of one database, as servers are.
func shops(t testing.TB, d *db.DB, n int, q *kvstore.Quotas) (out []*kvstore.Store) {
	t.Helper()
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(t.Context(), kvstore.Migrations); err != nil {
		t.Fatal(err)
	}
	for range n {
		s := kvstore.New(d, ring, nil)
		s.Owners = owned{}
		if q != nil {
			s.Quotas = func(id.App, id.Install) kvstore.Quotas { return *q }
		}
		out = append(out, s)
	}
	return out
}

// counted are all counts of a database, and recounted what they should be.
func counted(t testing.TB, d *db.DB) (have, want map[string][2]int64) {
	t.Helper()
	read := func(q string) map[string][2]int64 {
		out := map[string][2]int64{}
		rows, err := d.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var who string
			var keys, bytes int64
			if err := rows.Scan(&who, &keys, &bytes); err != nil {
				t.Fatal(err)
			}
			if keys != 0 || bytes != 0 {
				out[who] = [2]int64{keys, bytes}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	const everything = `(SELECT install_id, key, value FROM kv UNION ALL SELECT install_id, key, value FROM kv_secrets
		UNION ALL SELECT install_id, key, value FROM kv_entities) AS everything`
	const sums = `CAST(COUNT(*) AS BIGINT), CAST(SUM(OCTET_LENGTH(key) + OCTET_LENGTH(value)) AS BIGINT)`
	have = read(`SELECT 'i ' || install_id, CAST(SUM(keys) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM kv_stored GROUP BY install_id
		UNION ALL SELECT 'a ' || environment_id, CAST(SUM(keys) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM kv_stored_apps GROUP BY environment_id
		UNION ALL SELECT 's ' || site_id, CAST(SUM(keys) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM kv_stored_sites GROUP BY site_id`)
	want = read(`SELECT 'i ' || install_id, ` + sums + ` FROM ` + everything + ` GROUP BY install_id
		UNION ALL SELECT 'a ' || environment_id, ` + sums + ` FROM ` + everything + ` JOIN kv_owners USING (install_id) GROUP BY environment_id
		UNION ALL SELECT 's ' || site_id, ` + sums + ` FROM ` + everything + ` JOIN kv_owners USING (install_id) GROUP BY site_id`)
	return have, want
}

func agree(t testing.TB, d *db.DB) {
	t.Helper()
	have, want := counted(t, d)
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Fatalf("counted\n%v, there is\n%v", have, want)
	}
}

// Whatever several servers do at once, what is counted is what is there: of each
// installation, app and site.
func TestCountsDoNotDrift(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		all := shops(t, d, 3, &kvstore.Quotas{Install: kvstore.Quota{Keys: 25, Bytes: 3000}, App: kvstore.Quota{Keys: 60, Bytes: 9000}, Site: kvstore.Quota{Keys: 70, Bytes: 9000}})
		var clock sync.Mutex
		now := time.UnixMilli(1_700_000_000_000)
		for _, s := range all {
			s.SetClock(func() time.Time { clock.Lock(); defer clock.Unlock(); return now })
		}
		scopes := []tenant.Scope{on(t, "s1", "app-1"), on(t, "s1", "app-2"), on(t, "s2", "app-3"), on(t, "s1", "other-1"), on(t, "s2", "other-2")}
		seed := rand.Uint64()
		t.Log("seed", seed)
		for round := range 6 {
			var at sync.WaitGroup
			for w, s := range all {
				at.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(round*10+w)))
					for range 60 {
						if err := something(t.Context(), r, s, scopes); err != nil && fault.CodeOf(err) != "LIMIT_STORAGE" && fault.CodeOf(err) != "KEY_CONFLICT" && fault.CodeOf(err) != "CONDITION_FAILED" {
							t.Error(err)
						}
					}
				})
			}
			at.Wait()
			agree(t, d)
			clock.Lock()
			now = now.Add(time.Minute)
			clock.Unlock()
		}
		for _, sc := range scopes {
			if err := all[0].Erase(t.Context(), sc); err != nil {
				t.Fatal(err)
			}
		}
		agree(t, d)
		if have, _ := counted(t, d); len(have) != 0 {
			t.Error(have)
		}
	})
}

// something is one random act.
func something(ctx context.Context, r *rand.Rand, s *kvstore.Store, scopes []tenant.Scope) error {
	sc, key := scopes[r.IntN(len(scopes))], fmt.Sprint("k\u3000", r.IntN(12))
	value := []byte(`{"state":"` + strings.Repeat("x", r.IntN(300)) + `"}`)
	o := kvstore.SetOptions{FailIfExists: r.IntN(4) == 0}
	if r.IntN(3) == 0 {
		o.TTL = time.Duration(1+r.IntN(90)) * time.Second
	}
	op := func() kvstore.Op {
		op := kvstore.Op{Do: []kvstore.Do{kvstore.Set, kvstore.Set, kvstore.Delete}[r.IntN(3)], Key: fmt.Sprint("k\u3000", 12+r.IntN(1_000_000)), Value: value, SetOptions: o}
		if r.IntN(2) == 0 {
			op.Kind = task
		}
		return op
	}
	switch r.IntN(13) {
	case 0, 1, 2:
		return s.Set(ctx, sc, key, value, o)
	case 3:
		return s.Delete(ctx, sc, key)
	case 4, 5:
		return s.SetSecret(ctx, sc, key, value, o)
	case 6:
		return s.DeleteSecret(ctx, sc, key)
	case 7, 8:
		return s.SetEntity(ctx, sc, task, key, value, o)
	case 9:
		return s.DeleteEntity(ctx, sc, task, key)
	case 10:
		return s.Transact(ctx, sc, []kvstore.Op{op(), op(), op()})
	case 11:
		_, err := s.Batch(ctx, sc, []kvstore.Op{op(), op(), op()})
		return err
	}
	switch r.IntN(8) {
	case 0:
		return s.Erase(ctx, sc)
	case 1:
		_, err := s.Move(ctx, sc, scopes[r.IntN(len(scopes))])
		return err
	}
	_, err := s.Sweep(ctx)
	return err
}

// A refusal names what is full: the installation, the app's environment on all sites, or the
// site; it tells an app its own figure and nobody else's. Others go on.
func TestQuotasOfAppsAndSites(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		q := &kvstore.Quotas{Install: kvstore.Quota{Keys: 4, Bytes: 10_000}, App: kvstore.Quota{Keys: 6, Bytes: 20_000}, Site: kvstore.Quota{Keys: 100, Bytes: 14_000}}
		s := shops(t, d, 1, q)[0]
		one, two, third, other := on(t, "s1", "app-1"), on(t, "s2", "app-2"), on(t, "s1", "else-1"), on(t, "s3", "else-2")
		set := func(sc tenant.Scope, key string, bytes int) error {
			return s.Set(t.Context(), sc, key, []byte(`"`+strings.Repeat("v", bytes)+`"`), kvstore.SetOptions{})
		}
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		full := func(err error, scope, what string, limit, figure int64) {
			t.Helper()
			e, typed := fault.As(err)
			if !typed || e.Code != "LIMIT_STORAGE" || e.Kind != fault.Limit || e.Fields["scope"] != scope || e.Fields["what"] != what ||
				e.Fields["limit"] != limit || e.Fields["figure"] != figure || e.Fix == "" {
				t.Errorf("got %v (%v), want %s of the %s", err, e, what, scope)
			}
		}
		for n := range 4 {
			ok(set(one, fmt.Sprint("k", n), 10))
		}
		full(set(one, "k4", 10), "installation", "keys", 4, 5)
		ok(set(two, "k0", 10))
		ok(set(two, "k1", 10))
		full(set(two, "k2", 10), "app", "keys", 6, 6)
		ok(set(third, "k", 9_000))
		full(set(third, "k2", 2000), "installation", "bytes", 10_000, 11_007)
		full(set(one, "k0", 5000), "site", "bytes", 14_000, 14_000)
		ok(set(other, "k", 9_000))
		ok(set(one, "k0", 9)) // what needs less than it had is never refused
		ok(s.Delete(t.Context(), third, "k"))
		ok(set(one, "k0", 5000))
		ok(s.Delete(t.Context(), one, "k1"))
		ok(set(two, "k2", 10))
		all, err := s.Stored(t.Context(), one)
		if err != nil || len(all) != 3 || all[0].Has.Keys != 3 || all[1].Has.Keys != 6 || all[2].Has.Keys != 3 || all[1].May != q.App {
			t.Error(all, err)
		}
		q.App, q.Site = kvstore.Quota{}, kvstore.Quota{} // that bound nothing
		ok(set(two, "k3", 10))
		agree(t, d)
	})
}

// Two servers do not let through more together than one.
func TestServersShareWhatIsStored(t *testing.T) {
	d := dbtest.Postgres(t)
	const limit = 80
	all := shops(t, d, 2, &kvstore.Quotas{Install: kvstore.Quota{Keys: 1000, Bytes: 1 << 20}, Site: kvstore.Quota{Keys: limit, Bytes: 1 << 20}})
	stored := 0
	for n := range 2 * limit {
		err := all[n%2].Set(t.Context(), on(t, "s", id.Install(fmt.Sprint("app-", n%5))), fmt.Sprint("k", n), []byte("1"), kvstore.SetOptions{})
		if err == nil {
			stored++
		} else if fault.CodeOf(err) != "LIMIT_STORAGE" {
			t.Fatal(err)
		}
	}
	if stored != limit {
		t.Errorf("%d keys of %d were let in", stored, limit)
	}
	agree(t, d)
}

// What an older version stored counts, of its installation at once and of app and site from
// the installation's next write.
func TestWhatWasStoredBeforeCounts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), kvstore.Migrations[:2]); err != nil {
			t.Fatal(err)
		}
		for n := range 7 {
			if _, err := d.Exec(t.Context(), `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at) VALUES ('app-1', ?, ?, 1, 1, 0)`, fmt.Sprint("k", n), []byte("12345")); err != nil {
				t.Fatal(err)
			}
		}
		s := shops(t, d, 1, &kvstore.Quotas{Site: kvstore.Quota{Keys: 8}})[0]
		agree(t, d)
		sc := on(t, "s", "app-1")
		if err := s.Set(t.Context(), sc, "k7", []byte("1"), kvstore.SetOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Set(t.Context(), sc, "k8", []byte("1"), kvstore.SetOptions{}); fault.CodeOf(err) != "LIMIT_STORAGE" {
			t.Error(err)
		}
		agree(t, d)
	})
}

// A backup brings the counts with the rows, and counting goes on.
func TestCountsAreRestored(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := shops(t, d, 1, nil)[0]
		sc := on(t, "s", "app-1")
		for n := range 9 {
			if err := s.Set(t.Context(), sc, fmt.Sprint("k", n), []byte("12345"), kvstore.SetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		var schema []db.Step
		var tables []string
		rows, columns := map[string][][]any{}, map[string][]string{}
		if err := d.Dump(t.Context(), kvstore.Migrations, db.Dump{
			Begin: func(s []db.Step) error { schema = s; return nil },
			Table: func(name string, c []string) error { tables = append(tables, name); columns[name] = c; return nil },
			Row: func(v []any) error {
				name := tables[len(tables)-1]
				rows[name] = append(rows[name], append([]any(nil), v...))
				return nil
			},
		}); err != nil {
			t.Fatal(err)
		}
		dbtest.Each(t, func(t *testing.T, to *db.DB) {
			other := shops(t, to, 1, nil)[0]
			if err := other.Set(t.Context(), sc, "mine", []byte("1"), kvstore.SetOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := to.Tx(t.Context(), func(ctx context.Context) error {
				return to.Replace(ctx, db.Replacement{Steps: kvstore.Migrations, Have: schema, Rows: func(insert db.Insert) error {
					for _, name := range tables {
						if err := insert(name, columns[name], rows[name]); err != nil {
							return err
						}
					}
					return nil
				}})
			}); err != nil {
				t.Fatal(err)
			}
			agree(t, to)
			for n := range 3 {
				if err := other.Delete(t.Context(), sc, fmt.Sprint("k", n)); err != nil {
					t.Fatal(err)
				}
			}
			agree(t, to)
			if have, _ := counted(t, to); have["i app-1"] != [2]int64{6, 42} || have["s s"] != [2]int64{6, 42} {
				t.Error(have)
			}
		})
	})
}
