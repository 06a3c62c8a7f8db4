package kvstore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestLimits(t *testing.T) {
	s := store(t, dbtest.SQLite(t))
	sc := scope(t, "alice")
	for key, code := range map[string]string{
		"":                         "KEY_TOO_SHORT",
		strings.Repeat("k", 501):   "KEY_TOO_LONG",
		strings.Repeat(" ", 500):   "INVALID_KEY",
		"\t\u2003":                 "INVALID_KEY",
		"a/b":                      "INVALID_KEY",
		"é":                        "INVALID_KEY",
		"a\x00":                    "INVALID_KEY",
		"a\x01":                    "INVALID_KEY",
		"a\xff":                    "INVALID_KEY",
		"a\u200b":                  "INVALID_KEY", // of no width, but no white space to JavaScript
		strings.Repeat("é", 501):   "INVALID_KEY",
		strings.Repeat("\xc2", 10): "INVALID_KEY",
	} {
		wantCode(t, s.Set(t.Context(), sc, key, []byte("1"), kvstore.SetOptions{}), code)
		wantCode(t, s.SetSecret(t.Context(), sc, key, []byte("1"), kvstore.SetOptions{}), code)
		_, _, err := s.Get(t.Context(), sc, key)
		wantCode(t, err, code)
		wantCode(t, s.Delete(t.Context(), sc, key), code)
	}
	nested := func(n int) string { return strings.Repeat(`[{"[{":`, n/2) + "1" + strings.Repeat("}]", n/2) }
	for value, code := range map[string]string{
		"":                 "INVALID_VALUE",
		"{":                "INVALID_VALUE",
		"1 2":              "INVALID_VALUE",
		"NaN":              "INVALID_VALUE",
		`"` + "\xff" + `"`: "INVALID_VALUE",
		`"` + strings.Repeat("v", 240*1024-1) + `"`: "MAX_SIZE",
		nested(32): "MAX_DEPTH",
	} {
		wantCode(t, s.Set(t.Context(), sc, "k", []byte(value), kvstore.SetOptions{}), code)
		wantCode(t, s.SetSecret(t.Context(), sc, "k", []byte(value), kvstore.SetOptions{}), code)
	}
	for _, value := range []string{`"` + strings.Repeat("v", 240*1024-2) + `"`, "[" + nested(30) + "]"} {
		if err := s.Set(t.Context(), sc, strings.Repeat("k", 500), []byte(value), kvstore.SetOptions{}); err != nil {
			t.Error(err)
		}
	}
	for _, ttl := range []time.Duration{-1, 1, 366 * 24 * time.Hour} {
		wantCode(t, s.Set(t.Context(), sc, "k", []byte("1"), kvstore.SetOptions{TTL: ttl}), "INVALID_TTL")
	}
	for q, code := range map[kvstore.Query]string{
		{Limit: 101}:                       "LIST_QUERY_LIMIT_EXCEEDED",
		{Limit: -1}:                        "INVALID_LIMIT",
		{Cursor: "?"}:                      "INVALID_CURSOR",
		{Cursor: "AQ"}:                     "INVALID_CURSOR",
		{Prefix: "b", Cursor: "AWE"}:       "INVALID_CURSOR", // of key "a"
		{Prefix: strings.Repeat("k", 501)}: "QUERY_WHERE_INVALID",
		{Prefix: "\xff"}:                   "QUERY_WHERE_INVALID",
	} {
		_, err := s.Query(t.Context(), sc, q)
		wantCode(t, err, code)
		if fault.KindOf(err).Status() != 400 {
			t.Errorf("%s has status %d", code, fault.KindOf(err).Status())
		}
	}
}

func TestNobodyHasNoStorage(t *testing.T) {
	s := store(t, dbtest.SQLite(t))
	_, _, err := s.Get(t.Context(), tenant.Scope{}, "k")
	wantCode(t, err, "NO_TENANT")
	wantCode(t, s.Set(t.Context(), tenant.Scope{}, "k", []byte("1"), kvstore.SetOptions{}), "NO_TENANT")
	wantCode(t, s.SetSecret(t.Context(), tenant.Scope{}, "k", []byte("1"), kvstore.SetOptions{}), "NO_TENANT")
	_, err = s.Query(t.Context(), tenant.Scope{}, kvstore.Query{})
	wantCode(t, err, "NO_TENANT")
	wantCode(t, s.Erase(t.Context(), tenant.Scope{}), "NO_TENANT")
}

// A page of large values is cut, and the next one goes on where it ended.
func TestPagesAreBounded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		sc := scope(t, "alice")
		value := []byte(`"` + strings.Repeat("v", 239*1024) + `"`)
		const n = 40
		for i := range n {
			if err := s.Set(t.Context(), sc, fmt.Sprintf("k%03d", i), value, kvstore.SetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		q := kvstore.Query{Limit: 100}
		seen := 0
		for {
			page, err := s.Query(t.Context(), sc, q)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Entries) > 20 {
				t.Fatalf("a page has %d values of 239 KB", len(page.Entries))
			}
			for _, e := range page.Entries {
				if e.Key != fmt.Sprintf("k%03d", seen) {
					t.Fatal(e.Key, seen)
				}
				seen++
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if seen != n {
			t.Error(seen)
		}
	})
}

// The default limit is 10; deleting what a cursor stands on does not lose the place.
func TestCursorOutlivesItsKey(t *testing.T) {
	s := store(t, dbtest.SQLite(t))
	sc := scope(t, "alice")
	for i := range 15 {
		if err := s.Set(t.Context(), sc, fmt.Sprintf("k%02d", i), []byte("1"), kvstore.SetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.Query(t.Context(), sc, kvstore.Query{})
	if err != nil || len(page.Entries) != 10 {
		t.Fatal(len(page.Entries), err)
	}
	if err := s.Delete(t.Context(), sc, "k09"); err != nil {
		t.Fatal(err)
	}
	page, err = s.Query(t.Context(), sc, kvstore.Query{Cursor: page.Next})
	if err != nil || len(page.Entries) != 5 || page.Entries[0].Key != "k10" || page.Next != "" {
		t.Fatal(page, err)
	}
	if strings.Contains(page.Next, "k09") {
		t.Error("the cursor shows its form")
	}
}

// One of many that add a key at once wins.
func TestFailIfExistsIsAtomic(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		sc := scope(t, "alice")
		for name, write := range map[string]func(key string) error{
			"value": func(key string) error {
				return s.Set(t.Context(), sc, key, []byte("1"), kvstore.SetOptions{FailIfExists: true})
			},
			"secret": func(key string) error {
				return s.SetSecret(t.Context(), sc, key, []byte("1"), kvstore.SetOptions{FailIfExists: true})
			},
		} {
			var wg sync.WaitGroup
			var won atomic.Int32
			for range 12 {
				wg.Go(func() {
					switch err := write("lock"); {
					case err == nil:
						won.Add(1)
					case fault.CodeOf(err) != "KEY_CONFLICT" || fault.KindOf(err).Status() != 409:
						t.Error(name, err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%s: %d won", name, won.Load())
			}
		}
	})
}

// Rows that somebody swaps in the database do not open, nor does an old one put back.
func TestSecretsAreBoundToTheirRow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		alice, bob := scope(t, "alice"), scope(t, "bob")
		ctx := t.Context()
		set := func(sc tenant.Scope, key, value string) {
			if err := s.SetSecret(ctx, sc, key, []byte(value), kvstore.SetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		raw := func(install, key string) (v []byte) {
			if err := d.QueryRow(ctx, `SELECT value FROM kv_secrets WHERE install_id = ? AND key = ?`, install, key).Scan(&v); err != nil {
				t.Fatal(err)
			}
			return v
		}
		put := func(install, key string, v []byte) {
			if _, err := d.Exec(ctx, `UPDATE kv_secrets SET value = ? WHERE install_id = ? AND key = ?`, v, install, key); err != nil {
				t.Fatal(err)
			}
		}
		broken := func(sc tenant.Scope, key string) {
			t.Helper()
			v, found, err := s.GetSecret(ctx, sc, key)
			if fault.CodeOf(err) != "SEAL_BROKEN" || v != nil || found {
				t.Errorf("%q %v %v", v, found, err)
			}
		}
		set(alice, "k1", `"one"`)
		set(alice, "k2", `"two"`)
		set(bob, "k1", `"three"`)
		if bytes.Contains(raw("alice", "k1"), []byte("one")) {
			t.Error("the secret lies open")
		}
		mine := raw("alice", "k1")
		put("alice", "k1", raw("alice", "k2"))
		broken(alice, "k1")
		put("alice", "k1", raw("bob", "k1"))
		broken(alice, "k1")
		put("alice", "k1", mine)
		if v, _, err := s.GetSecret(ctx, alice, "k1"); err != nil || string(v) != `"one"` {
			t.Fatal(v, err)
		}
		set(alice, "k1", `"new"`)
		put("alice", "k1", mine)
		broken(alice, "k1")
		// Not even after the key was deleted and set again.
		if err := s.DeleteSecret(ctx, alice, "k1"); err != nil {
			t.Fatal(err)
		}
		s.SetClock(func() time.Time { return time.Now().Add(time.Second) })
		set(alice, "k1", `"again"`)
		put("alice", "k1", mine)
		broken(alice, "k1")
	})
}

// times are the members of an answer that the clock says.
var times = regexp.MustCompile(`,"(createdAt|updatedAt|expiresAt)":[0-9]+`)

func TestHostCalls(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		h := s.Bind(call.Binding{})
		p := policy(t, "alice")
		do := func(method, head, body string) (string, string, error) {
			r, err := h(t.Context(), p, call.Request{Method: method, Head: json.RawMessage(head), Body: []byte(body)})
			return string(r.Head), string(r.Body), err
		}
		for i, step := range []struct{ method, head, body, wantHead, wantBody, code string }{
			{"kvs.get", `{"key":"k"}`, "", `{"found":false}`, "", ""},
			{"kvs.set", `{"key":"k","keyPolicy":"FAIL_IF_EXISTS"}`, `{"a":1}`, `{}`, "", ""},
			{"kvs.set", `{"key":"k","keyPolicy":"FAIL_IF_EXISTS"}`, `2`, "", "", "KEY_CONFLICT"},
			{"kvs.set", `{"key":"k","keyPolicy":"x"}`, `2`, "", "", "INVALID_KEY_POLICY"},
			{"kvs.set", `{"key":"k","ttlSeconds":0}`, `2`, "", "", "INVALID_TTL"},
			{"kvs.set", `{"key":"k","ttlSeconds":1e300}`, `2`, "", "", "INVALID_TTL"},
			{"kvs.set", `{"key":1}`, `2`, "", "", "INVALID_REQUEST"},
			{"kvs.set", ``, `2`, "", "", "INVALID_REQUEST"},
			{"kvs.get", `{"key":"k","unknown":true}`, "", `{"found":true}`, `{"a":1}`, ""},
			{"kvs.secret.get", `{"key":"k"}`, "", `{"found":false}`, "", ""},
			{"kvs.secret.set", `{"key":"s","ttlSeconds":3600}`, `"hush"`, `{}`, "", ""},
			{"kvs.secret.get", `{"key":"s"}`, "", `{"found":true}`, `"hush"`, ""},
			{"kvs.set", `{"key":"k\"\u00a0#"}`, `2`, "", "", "INVALID_KEY"},
			{"kvs.set", `{"key":"k2"}`, `[ 2 ]`, `{}`, "", ""},
			{"kvs.query", `{}`, "", `{}`, `{"results":[{"key":"k","value":{"a":1}},{"key":"k2","value":[ 2 ]}]}`, ""},
			{"kvs.query", `{"limit":1,"prefix":"k"}`, "", `{}`, `{"results":[{"key":"k","value":{"a":1}}],"nextCursor":"AWs"}`, ""},
			{"kvs.query", `{"limit":1,"prefix":"k","cursor":"AWs"}`, "", `{}`, `{"results":[{"key":"k2","value":[ 2 ]}]}`, ""},
			{"kvs.query", `{"prefix":"s"}`, "", `{}`, `{"results":[]}`, ""},
			{"kvs.query", `{"limit":0}`, "", "", "", "INVALID_LIMIT"},
			{"kvs.query", `{"limit":1.5}`, "", "", "", "INVALID_REQUEST"},
			{"kvs.delete", `{"key":"k"}`, "", `{}`, "", ""},
			{"kvs.delete", `{"key":"k"}`, "", `{}`, "", ""},
			{"kvs.secret.delete", `{"key":"s"}`, "", `{}`, "", ""},
			{"kvs.secret.get", `{"key":"s"}`, "", `{"found":false}`, "", ""},
			{"kvs.entity.get", `{"entity":"none","key":"k"}`, "", "", "", "ENTITY_NOT_DECLARED"},
			{"kvs.nothing", `{}`, "", "", "", "NOT_OFFERED"},
		} {
			head, body, err := do(step.method, step.head, step.body)
			if step.code != "" {
				wantCode(t, err, step.code)
				continue
			}
			head = times.ReplaceAllString(head, "")
			if err != nil || head != step.wantHead || body != step.wantBody {
				t.Errorf("%d %s %s: %s %s %v", i, step.method, step.head, head, body, err)
			}
		}
		p.Set = perm.Set{}
		for _, m := range s.Methods() {
			_, _, err := do(m, `{"key":"k"}`, "1")
			wantCode(t, err, "STORAGE_NOT_GRANTED")
		}
		if want := []string{"kvs.batch.delete", "kvs.batch.get", "kvs.batch.set", "kvs.delete", "kvs.entity.delete", "kvs.entity.get", "kvs.entity.query", "kvs.entity.set",
			"kvs.get", "kvs.query", "kvs.secret.delete", "kvs.secret.get", "kvs.secret.set", "kvs.set", "kvs.transact"}; !slices.Equal(s.Methods(), want) {
			t.Error(s.Methods())
		}
	})
}

// A refused statement says why instead of pretending that there is nothing.
func TestStorageFailure(t *testing.T) {
	d := dbtest.SQLite(t)
	s := store(t, d)
	if _, err := d.Exec(t.Context(), `DROP TABLE kv`); err != nil {
		t.Fatal(err)
	}
	_, found, err := s.Get(t.Context(), scope(t, "alice"), "k")
	if err == nil || found || errors.Is(err, db.ErrNoRows) {
		t.Error(found, err)
	}
}

func FuzzHostCalls(f *testing.F) {
	f.Add("kvs.set", `{"key":"k"}`, []byte(`1`))
	f.Add("kvs.query", `{"prefix":"a","limit":3,"cursor":"AWE"}`, []byte{})
	f.Add("kvs.secret.set", `{"key":"k","ttlSeconds":0.5}`, []byte(`{"a":"\ud800"}`))
	s := store(f, dbtest.SQLite(f))
	f.Fuzz(func(t *testing.T, method, head string, body []byte) {
		r, err := s.Bind(call.Binding{})(t.Context(), policy(t, "alice"), call.Request{Method: method, Head: json.RawMessage(head), Body: body})
		if err != nil {
			if k := fault.KindOf(err); k == fault.Internal || k == fault.Unavailable {
				t.Fatal(err)
			}
			return
		}
		if !json.Valid(r.Head) || len(r.Body) > 0 && !json.Valid(r.Body) {
			t.Fatalf("%s %s", r.Head, r.Body)
		}
	})
}
