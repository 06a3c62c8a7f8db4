package kvstore_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// model is what the store promises, in maps.
type model struct {
	now     time.Time
	values  map[id.Install]map[string]item
	secrets map[id.Install]map[string]item
}

type item struct {
	value   string
	expires time.Time // zero for never
}

func (m *model) live(space map[id.Install]map[string]item, install id.Install, key string) (item, bool) {
	i, ok := space[install][key]
	return i, ok && (i.expires.IsZero() || i.expires.After(m.now))
}

// TestStoreAgreesWithMaps runs random operations of several installations on the store
// and on maps.
func TestStoreAgreesWithMaps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++ // each run has installations of its own
			installs := []id.Install{id.Install(fmt.Sprintf("alice-%d", run)), id.Install(fmt.Sprintf("bob-%d", run))}
			m := &model{
				now:    time.UnixMilli(1_700_000_000_000),
				values: map[id.Install]map[string]item{}, secrets: map[id.Install]map[string]item{},
			}
			for _, i := range installs {
				m.values[i], m.secrets[i] = map[string]item{}, map[string]item{}
			}
			s.SetClock(func() time.Time { return m.now })
			rt.Repeat(m.actions(t, s, installs))
		})
	})
}

func (m *model) actions(t *testing.T, s *kvstore.Store, installs []id.Install) map[string]func(*rapid.T) {
	// Few keys, so that they meet; with neighbours in the order of bytes.
	keys := rapid.SampledFrom([]string{"a", "a:", "a:1", "a:2", "aa", "b", "B", "a-", "a\u00a0", "a\ufeff", "a\u3000b", "a 1", strings.Repeat("k", 500)})
	values := rapid.SampledFrom([]string{"null", "1", `"x\u0000y"`, `{"a":[1,2,{}]}`, `"é\ud800"`, "[]"})
	space := func(rt *rapid.T) (secret bool, all map[id.Install]map[string]item) {
		if rapid.Bool().Draw(rt, "secret") {
			return true, m.secrets
		}
		return false, m.values
	}
	pick := func(rt *rapid.T) (id.Install, tenant.Scope) {
		i := rapid.SampledFrom(installs).Draw(rt, "install")
		return i, scope(t, i)
	}
	return map[string]func(*rapid.T){
		"get": func(rt *rapid.T) {
			install, sc := pick(rt)
			secret, all := space(rt)
			key := keys.Draw(rt, "key")
			read := s.Get
			if secret {
				read = s.GetSecret
			}
			got, found, err := read(t.Context(), sc, key)
			want, exists := m.live(all, install, key)
			if err != nil || found != exists || found && string(got) != want.value {
				rt.Fatalf("%q: got %q, %v, %v; want %q, %v", key, got, found, err, want.value, exists)
			}
		},
		"set": func(rt *rapid.T) {
			install, sc := pick(rt)
			secret, all := space(rt)
			key, value := keys.Draw(rt, "key"), values.Draw(rt, "value")
			o := kvstore.SetOptions{
				TTL:          time.Duration(rapid.IntRange(0, 3).Draw(rt, "ttl")) * time.Second,
				FailIfExists: rapid.Bool().Draw(rt, "policy"),
			}
			write := s.Set
			if secret {
				write = s.SetSecret
			}
			err := write(t.Context(), sc, key, []byte(value), o)
			if _, exists := m.live(all, install, key); exists && o.FailIfExists {
				if fault.CodeOf(err) != "KEY_CONFLICT" {
					rt.Fatal(err)
				}
				return
			}
			if err != nil {
				rt.Fatal(err)
			}
			i := item{value: value}
			if o.TTL > 0 {
				i.expires = m.now.Add(o.TTL)
			}
			all[install][key] = i
		},
		"delete": func(rt *rapid.T) {
			install, sc := pick(rt)
			secret, all := space(rt)
			key := keys.Draw(rt, "key")
			del := s.Delete
			if secret {
				del = s.DeleteSecret
			}
			if err := del(t.Context(), sc, key); err != nil {
				rt.Fatal(err)
			}
			delete(all[install], key)
		},
		"query": func(rt *rapid.T) {
			install, sc := pick(rt)
			prefix := rapid.SampledFrom([]string{"", "a", "a:", "b", "c", "a\u00a0", "kk"}).Draw(rt, "prefix")
			limit := rapid.IntRange(1, 4).Draw(rt, "limit")
			var want []string
			for _, key := range slices.Sorted(maps.Keys(m.values[install])) {
				if i, ok := m.live(m.values, install, key); ok && strings.HasPrefix(key, prefix) {
					want = append(want, key+"="+i.value)
				}
			}
			var got []string
			for q := (kvstore.Query{Prefix: prefix, Limit: limit}); ; {
				page, err := s.Query(t.Context(), sc, q)
				if err != nil || len(page.Entries) > limit || page.Next != "" && len(page.Entries) == 0 {
					rt.Fatal(page, err)
				}
				for _, e := range page.Entries {
					got = append(got, e.Key+"="+string(e.Value))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				rt.Fatalf("prefix %q: got %q, want %q", prefix, got, want)
			}
		},
		"time passes": func(rt *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(1, 2000).Draw(rt, "ms")) * time.Millisecond)
		},
		"sweep": func(rt *rapid.T) {
			if _, err := s.Sweep(t.Context()); err != nil {
				rt.Fatal(err)
			}
		},
		"erase": func(rt *rapid.T) {
			if rapid.IntRange(0, 9).Draw(rt, "seldom") > 0 {
				rt.Skip("seldom")
			}
			install, sc := pick(rt)
			if err := s.Erase(t.Context(), sc); err != nil {
				rt.Fatal(err)
			}
			clear(m.values[install])
			clear(m.secrets[install])
		},
	}
}
