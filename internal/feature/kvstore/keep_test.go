package kvstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// exported is what an export has, a word for each thing.
func exported(t *testing.T, s *kvstore.Store, of id.Install) (out []string) {
	t.Helper()
	err := s.Export(t.Context(), scope(t, of), func(k kvstore.Kept) error {
		out = append(out, strings.TrimSpace(fmt.Sprint(k.Kind, " ", k.Entity, " ", k.Key, "=", string(k.Value))))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What an installation stored is exported whole, secrets by their keys, and becomes another
// one's but where that one stored something itself; nobody else's is touched.
func TestExportAndMove(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, now := store(t, d), time.UnixMilli(1_700_000_000_000)
		s.SetClock(func() time.Time { return now })
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		old, fresh, other := scope(t, "old"), scope(t, "fresh"), scope(t, "other")
		var want []string
		for n := range 1203 { // more than a page, and more than two
			ok(s.Set(t.Context(), old, fmt.Sprintf("k%04d", n), []byte(fmt.Sprint(n)), kvstore.SetOptions{}))
			want = append(want, fmt.Sprintf("value  k%04d=%d", n, n))
		}
		ok(s.Set(t.Context(), old, "gone", []byte("1"), kvstore.SetOptions{TTL: time.Second}))
		ok(s.SetEntity(t.Context(), old, task, "e1", []byte(`{"state":"open"}`), kvstore.SetOptions{}))
		ok(s.SetEntity(t.Context(), old, task, "gone", []byte(`{"state":"open"}`), kvstore.SetOptions{TTL: time.Second}))
		ok(s.SetSecret(t.Context(), old, "gone", []byte(`"hush"`), kvstore.SetOptions{TTL: time.Second}))
		ok(s.SetSecret(t.Context(), old, "s1", []byte(`"hush"`), kvstore.SetOptions{}))
		ok(s.SetSecret(t.Context(), old, "s2", []byte(`"old"`), kvstore.SetOptions{}))
		ok(s.Set(t.Context(), fresh, "k0001", []byte(`"its own"`), kvstore.SetOptions{}))
		ok(s.Set(t.Context(), fresh, "k0002", []byte(`"was"`), kvstore.SetOptions{TTL: time.Second}))
		ok(s.SetSecret(t.Context(), fresh, "s2", []byte(`"new"`), kvstore.SetOptions{}))
		ok(s.Set(t.Context(), other, "k0003", []byte(`"theirs"`), kvstore.SetOptions{}))
		now = now.Add(time.Minute)
		if got := exported(t, s, "old"); !slices.Equal(got, append(want, `entity task e1={"state":"open"}`, "secret  s1=", "secret  s2=")) {
			t.Fatalf("%d things: %.300q", len(got), got)
		}
		ok(s.SetEntity(t.Context(), old, task, "e2", []byte(`{"state":"old"}`), kvstore.SetOptions{}))
		ok(s.SetEntity(t.Context(), fresh, task, "e2", []byte(`{"state":"new"}`), kvstore.SetOptions{}))
		n, err := s.Move(t.Context(), old, fresh)
		// All but what is there already (a value, a secret, an entity) and what has expired.
		if want := (1203 - 1) + (2 - 1) + (2 - 1); err != nil || n != want {
			t.Fatalf("%d moved, not %d: %v", n, want, err)
		}
		want[1] = `value  k0001="its own"`
		if got := exported(t, s, "fresh"); !slices.Equal(got, append(want, `entity task e1={"state":"open"}`, `entity task e2={"state":"new"}`, "secret  s1=", "secret  s2=")) {
			t.Fatalf("%d things: %.300q", len(got), got)
		}
		for key, want := range map[string]string{"s1": `"hush"`, "s2": `"new"`} {
			if v, found, err := s.GetSecret(t.Context(), fresh, key); string(v) != want || !found || err != nil {
				t.Errorf("%s: %s, %v, %v", key, v, found, err)
			}
		}
		if got := exported(t, s, "old"); got != nil {
			t.Errorf("the old one has %q", got)
		}
		if got := exported(t, s, "other"); !slices.Equal(got, []string{`value  k0003="theirs"`}) {
			t.Errorf("the other one has %q", got)
		}
		if _, err := s.Sweep(t.Context()); err != nil { // what has expired counts until then
			t.Fatal(err)
		}
		if has, err := s.Stored(t.Context(), fresh); err != nil || has[0].Has.Keys != 1207 {
			t.Error(has, err)
		}
		if n, err = s.Move(t.Context(), old, fresh); n != 0 || err != nil {
			t.Error(n, err)
		}
	})
}

// After a move an older version's write keeps up the index of a newer one, though that index
// is still to be built again: an entity is found by what it is, not by what it was.
func TestWritesAfterAMoveKeepIndexes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		set := func(i id.Install, k *kvstore.Kind, state string) {
			t.Helper()
			if err := s.SetEntity(t.Context(), scope(t, i), k, "key", js(map[string]any{"state": state}), kvstore.SetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		found := func(state string) int {
			t.Helper()
			where := kvstore.Condition{Field: "state", Condition: "EQUAL_TO", Value: js(state)}
			page, err := s.QueryEntities(t.Context(), scope(t, "alice"), later, kvstore.EntityQuery{Index: "state", Where: &where})
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Entries)
		}
		set("alice", later, "open")
		if n := found("open"); n != 1 {
			t.Fatalf("%d are open", n)
		}
		set("bob", task, "other")
		if _, err := s.Move(t.Context(), scope(t, "bob"), scope(t, "alice")); err != nil {
			t.Fatal(err)
		}
		set("alice", task, "shut")
		if open, shut := found("open"), found("shut"); open != 0 || shut != 1 {
			t.Errorf("%d are found as open, %d as shut", open, shut)
		}
	})
}
