package kvstore_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// An installation stores as much as it may and no more; what replaces a value needs no
// room of its own, what is deleted makes room at once, and nobody else is concerned.
func TestQuota(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		alice, bob := scope(t, "alice"), scope(t, "bob")
		ctx := t.Context()
		now := time.UnixMilli(1_700_000_000_000)
		s.SetClock(func() time.Time { return now })
		set := func(key string, value []byte, ttl time.Duration) error {
			return s.Set(ctx, alice, key, value, kvstore.SetOptions{TTL: ttl})
		}
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		full := func(err error, limit int64) {
			t.Helper()
			e, typed := fault.As(err)
			if !typed || e.Code != "LIMIT_STORAGE" || e.Kind != fault.Limit || e.Fields["limit"] != limit || e.Fields["figure"].(int64) <= limit || e.Fix == "" {
				t.Errorf("got %v, want LIMIT_STORAGE of %d", err, limit)
			}
		}

		s.SetQuota(kvstore.Quota{Keys: 5, Bytes: 1 << 20})
		for n := range 4 {
			ok(set(fmt.Sprint("k", n), []byte("1"), 0))
		}
		ok(s.SetSecret(ctx, alice, "s", []byte("1"), kvstore.SetOptions{}))
		full(set("k4", []byte("1"), 0), 5)
		full(s.SetSecret(ctx, alice, "s2", []byte("1"), kvstore.SetOptions{}), 5)
		for range 20 {
			ok(set("k0", []byte("2"), 0))
			ok(s.SetSecret(ctx, alice, "s", []byte("2"), kvstore.SetOptions{}))
		}
		ok(s.Set(ctx, bob, "k", []byte("1"), kvstore.SetOptions{}))
		ok(s.Delete(ctx, alice, "k0"))
		ok(set("k4", []byte("1"), time.Minute))
		full(set("k5", []byte("1"), 0), 5)
		now = now.Add(2 * time.Minute) // what has expired is not stored any more
		ok(s.DeleteSecret(ctx, alice, "none"))
		ok(set("k5", []byte("1"), 0))

		value := []byte(`"` + strings.Repeat("v", 998) + `"`)
		const limit = 20_000
		s.SetQuota(kvstore.Quota{Keys: 1000, Bytes: limit})
		for n := range 19 {
			ok(set(fmt.Sprintf("k%02d", n), value, 0))
		}
		full(set("k19", value, 0), limit)
		for range 20 {
			ok(set("k18", value, 0))
		}
		full(set("k18", bytes.Repeat([]byte("1"), 2500), 0), limit)
		ok(set("k18", []byte("1"), 0))
		ok(set("k19", value, 0))
		full(set("k20", value, 0), limit)
	})
}

// Many at once do not slip through together.
func TestQuotaAtOnce(t *testing.T) {
	s := store(t, dbtest.SQLite(t))
	s.SetQuota(kvstore.Quota{Keys: 10, Bytes: 1 << 20})
	sc := scope(t, "alice")
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			if err := s.Set(t.Context(), sc, fmt.Sprint("k", n), []byte("1"), kvstore.SetOptions{}); err != nil && fault.CodeOf(err) != "LIMIT_STORAGE" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := s.Query(t.Context(), sc, kvstore.Query{Limit: 100})
	if err != nil || len(page.Entries) != 10 {
		t.Error(len(page.Entries), err)
	}
}

// Somebody who sets the clock back does not bring back what has expired, and what is
// stored then lives as long as it should.
func TestClockThatGoesBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		sc := scope(t, "alice")
		now := time.UnixMilli(1_700_000_000_000)
		s.SetClock(func() time.Time { return now })
		have := func(key string, want bool) {
			t.Helper()
			_, found, err := s.Get(t.Context(), sc, key)
			if err != nil || found != want {
				t.Errorf("%s at %v: %v, %v", key, now, found, err)
			}
			page, err := s.Query(t.Context(), sc, kvstore.Query{Prefix: key})
			if err != nil || len(page.Entries) == 1 != want {
				t.Errorf("%s at %v: %v, %v", key, now, page, err)
			}
		}
		set := func(key string, ttl time.Duration) {
			t.Helper()
			if err := s.Set(t.Context(), sc, key, []byte("1"), kvstore.SetOptions{TTL: ttl}); err != nil {
				t.Fatal(err)
			}
		}
		set("minute", time.Minute)
		have("minute", true)
		now = now.Add(59_999 * time.Millisecond)
		have("minute", true)
		now = now.Add(time.Millisecond)
		have("minute", false)
		now = now.Add(-time.Hour)
		have("minute", false)
		set("later", time.Minute)
		have("later", true)
		now = now.Add(time.Hour + time.Minute)
		have("later", false)
		now = now.Add(24 * 365 * time.Hour) // forward it is believed
		set("far", time.Minute)
		have("far", true)
	})
}

// A prefix is text, whatever it means in a pattern; the order is that of bytes; and a
// cursor of one installation opens nothing of another.
func TestPrefixesAndCursorsAreData(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		alice, bob := scope(t, "alice"), scope(t, "bob")
		for _, key := range []string{"a_b", "aXb", "a#b", "a.b", "A_b", "a_", "a-b", "a b", "a\u00a0b", "a\u3000b"} {
			if err := s.Set(t.Context(), alice, key, []byte("1"), kvstore.SetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		keys := func(q kvstore.Query) (out []string) {
			t.Helper()
			page, err := s.Query(t.Context(), alice, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entries {
				out = append(out, e.Key)
			}
			return out
		}
		for prefix, want := range map[string]string{
			"a_": `["a_" "a_b"]`, "a%": "[]", "a*": "[]", "%": "[]", "_": "[]", "a?": "[]", `a\`: "[]", "a.": `["a.b"]`, "[a]": "[]", "a'": "[]", "A": `["A_b"]`,
			"a\u00a0": "[\"a\\u00a0b\"]", "": `["A_b" "a b" "a#b" "a-b" "a.b" "aXb" "a_" "a_b" "a\u00a0b" "a\u3000b"]`,
		} {
			if got := fmt.Sprintf("%q", keys(kvstore.Query{Prefix: prefix, Limit: 100})); got != want {
				t.Errorf("%q: %s, want %s", prefix, got, want)
			}
		}
		page, err := s.Query(t.Context(), alice, kvstore.Query{Limit: 3})
		if err != nil || page.Next == "" {
			t.Fatal(page, err)
		}
		if err := s.Set(t.Context(), bob, "zzz", []byte(`"bob's"`), kvstore.SetOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, cursor := range []string{page.Next, ""} {
			other, err := s.Query(t.Context(), bob, kvstore.Query{Cursor: cursor, Limit: 100})
			if err != nil || len(other.Entries) != 1 || other.Entries[0].Key != "zzz" {
				t.Errorf("bob with the cursor %q: %v, %v", cursor, other, err)
			}
		}
		// What comes and goes meanwhile neither repeats nor hides anything else.
		for _, change := range []error{
			s.Delete(t.Context(), alice, page.Entries[2].Key), s.Delete(t.Context(), alice, "a.b"),
			s.Set(t.Context(), alice, "A", []byte("1"), kvstore.SetOptions{}), s.Set(t.Context(), alice, "aaa", []byte("1"), kvstore.SetOptions{}),
		} {
			if change != nil {
				t.Fatal(change)
			}
		}
		if got := fmt.Sprintf("%q", keys(kvstore.Query{Cursor: page.Next, Limit: 100})); got != `["a-b" "aXb" "a_" "a_b" "aaa" "a\u00a0b" "a\u3000b"]` {
			t.Error(got)
		}
	})
}
