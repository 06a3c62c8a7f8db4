package kvstore_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/manifest"
)

// task is what the tests store. later has an index that task has not, as a version
// after an upgrade would.
func taskKind(indexes ...manifest.Index) *kvstore.Kind {
	types := map[string]manifest.Attribute{}
	for name, kind := range map[string]string{"state": "string", "points": "integer", "share": "float", "open": "boolean", "extra": "any"} {
		types[name] = manifest.Attribute{Type: kind}
	}
	return kvstore.NewKind(manifest.Entity{Name: "task", Attributes: types, Indexes: append([]manifest.Index{
		{Name: "share"}, {Name: "by-points", Partition: []string{"state"}, Range: []string{"points"}}, {Name: "of", Partition: []string{"open", "state"}},
	}, indexes...)})
}

var (
	task  = taskKind()
	later = taskKind(manifest.Index{Name: "state"})
)

// stored is a task in the oracle.
type stored struct {
	attrs   map[string]any
	expires time.Time
}

type tasks struct {
	now time.Time
	all map[id.Install]map[string]stored
}

func (m *tasks) live(i id.Install) map[string]map[string]any {
	out := map[string]map[string]any{}
	for key, t := range m.all[i] {
		if t.expires.IsZero() || t.expires.After(m.now) {
			out[key] = t.attrs
		}
	}
	return out
}

// order compares two attributes of one type.
func order(a, b any) int {
	switch a := a.(type) {
	case string:
		return cmp.Compare(a, b.(string))
	case bool:
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}
	return cmp.Compare(a.(float64), b.(float64))
}

func holds(v any, have bool, condition string, args []any) bool {
	switch condition {
	case "EXISTS":
		return have
	case "NOT_EXISTS":
		return !have
	case "NOT_EQUAL_TO":
		return !have || order(v, args[0]) != 0
	case "NOT_CONTAINS":
		return !have || !strings.Contains(v.(string), args[0].(string))
	}
	if !have {
		return false
	}
	switch condition {
	case "EQUAL_TO":
		return order(v, args[0]) == 0
	case "GREATER_THAN":
		return order(v, args[0]) > 0
	case "GREATER_THAN_EQUAL_TO":
		return order(v, args[0]) >= 0
	case "LESS_THAN":
		return order(v, args[0]) < 0
	case "LESS_THAN_EQUAL_TO":
		return order(v, args[0]) <= 0
	case "BETWEEN":
		return order(v, args[0]) >= 0 && order(v, args[1]) <= 0
	case "BEGINS_WITH":
		return strings.HasPrefix(v.(string), args[0].(string))
	case "CONTAINS":
		return strings.Contains(v.(string), args[0].(string))
	}
	panic(condition)
}

var (
	taskKeys = rapid.SampledFrom([]string{"a", "a:", "a:1", "aa", "b", "B", "a\u3000", strings.Repeat("k", 500)})
	texts    = rapid.SampledFrom([]string{"", "o", "open", "open\x00", "open\x00\xff", "opened", "é", "\U0001f600"})
	numbers  = rapid.SampledFrom([]float64{-2147483648, -1, 0, 1, 2, 255, 256, 2147483647})
	shares   = rapid.SampledFrom([]float64{-1e300, -1.5, -0.5, 0, 0.25, 1, 1e300})
)

func drawn(rt *rapid.T, name string) any {
	switch name {
	case "state":
		return strings.ToValidUTF8(texts.Draw(rt, name), "?")
	case "points":
		return numbers.Draw(rt, name)
	case "share":
		return shares.Draw(rt, name)
	}
	return rapid.Bool().Draw(rt, name)
}

func drawTask(rt *rapid.T) map[string]any {
	out := map[string]any{}
	for _, name := range []string{"state", "points", "share", "open"} {
		if rapid.IntRange(0, 4).Draw(rt, "has "+name) > 0 {
			out[name] = drawn(rt, name)
		}
	}
	return out
}

func drawCondition(rt *rapid.T, field string, all []string) (kvstore.Condition, []any) {
	c := kvstore.Condition{Field: field, Condition: rapid.SampledFrom(all).Draw(rt, "condition")}
	var args []any
	switch c.Condition {
	case "EXISTS", "NOT_EXISTS":
		return c, nil
	case "BETWEEN":
		args = []any{drawn(rt, field), drawn(rt, field)}
		c.Value = js(args)
	default:
		args = []any{drawn(rt, field)}
		c.Value = js(args[0])
	}
	return c, args
}

func js(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// TestEntitiesAgreeWithMaps runs random writes, transactions and queries of two
// installations on the store and on maps, by two versions with different indexes.
func TestEntitiesAgreeWithMaps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := store(t, d)
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			installs := []id.Install{id.Install(fmt.Sprintf("alice-%d", run)), id.Install(fmt.Sprintf("bob-%d", run))}
			m := &tasks{now: time.UnixMilli(1_700_000_000_000), all: map[id.Install]map[string]stored{installs[0]: {}, installs[1]: {}}}
			s.SetClock(func() time.Time { return m.now })
			rt.Repeat(m.actions(t, s, installs))
		})
	})
}

func (m *tasks) actions(t *testing.T, s *kvstore.Store, installs []id.Install) map[string]func(*rapid.T) {
	ctx := t.Context()
	who := func(rt *rapid.T) (id.Install, *kvstore.Kind) {
		k := task
		if rapid.Bool().Draw(rt, "later") {
			k = later
		}
		return rapid.SampledFrom(installs).Draw(rt, "install"), k
	}
	return map[string]func(*rapid.T){
		"set": func(rt *rapid.T) {
			i, k := who(rt)
			key, v := taskKeys.Draw(rt, "key"), drawTask(rt)
			o := kvstore.SetOptions{FailIfExists: rapid.Bool().Draw(rt, "policy"), TTL: time.Duration(rapid.IntRange(0, 2).Draw(rt, "ttl")) * time.Second}
			err := s.SetEntity(ctx, scope(t, i), k, key, js(v), o)
			if _, have := m.live(i)[key]; have && o.FailIfExists {
				if fault.CodeOf(err) != "KEY_CONFLICT" {
					rt.Fatal(err)
				}
				return
			}
			if err != nil {
				rt.Fatal(err)
			}
			m.put(i, key, v, o.TTL)
		},
		"delete": func(rt *rapid.T) {
			i, k := who(rt)
			key := taskKeys.Draw(rt, "key")
			if err := s.DeleteEntity(ctx, scope(t, i), k, key); err != nil {
				rt.Fatal(err)
			}
			delete(m.all[i], key)
		},
		"get": func(rt *rapid.T) {
			i, k := who(rt)
			key := taskKeys.Draw(rt, "key")
			got, found, err := s.GetEntity(ctx, scope(t, i), k, key)
			want, have := m.live(i)[key]
			if err != nil || found != have || found && string(got.Value) != string(js(want)) {
				rt.Fatalf("%q: %s, %v, %v; want %v", key, got.Value, found, err, want)
			}
		},
		"transact": func(rt *rapid.T) { m.transact(t, rt, s, who) },
		"query":    func(rt *rapid.T) { m.query(t, rt, s, who) },
		"move": func(rt *rapid.T) {
			from := rapid.IntRange(0, 1).Draw(rt, "from")
			old, to := installs[from], installs[1-from]
			if _, err := s.Move(ctx, scope(t, old), scope(t, to)); err != nil {
				rt.Fatal(err)
			}
			for key, x := range m.all[old] {
				if _, has := m.live(to)[key]; !has {
					m.all[to][key] = x
				}
			}
			m.all[old] = map[string]stored{}
		},
		"time passes": func(rt *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(1, 1500).Draw(rt, "ms")) * time.Millisecond)
		},
		"sweep": func(rt *rapid.T) {
			if _, err := s.Sweep(ctx); err != nil {
				rt.Fatal(err)
			}
		},
	}
}

func (m *tasks) put(i id.Install, key string, v map[string]any, ttl time.Duration) {
	n := stored{attrs: v}
	if ttl > 0 {
		n.expires = m.now.Add(ttl)
	}
	m.all[i][key] = n
}

// transact does up to three operations, some under conditions: all happen or none.
func (m *tasks) transact(t *testing.T, rt *rapid.T, s *kvstore.Store, who func(*rapid.T) (id.Install, *kvstore.Kind)) {
	i, k := who(rt)
	var ops []kvstore.Op
	var values []map[string]any
	wanted := true
	live := m.live(i)
	for _, key := range rapid.SliceOfNDistinct(taskKeys, 1, 3, rapid.ID[string]).Draw(rt, "keys") {
		op := kvstore.Op{Do: rapid.SampledFrom([]kvstore.Do{kvstore.Set, kvstore.Delete, kvstore.Check}).Draw(rt, "do"), Kind: k, Key: key}
		v := drawTask(rt)
		if op.Do == kvstore.Set {
			op.Value = js(v)
		}
		was, have := live[key]
		if rapid.Bool().Draw(rt, "conditional") {
			c, args := drawCondition(rt, "points", []string{"EQUAL_TO", "NOT_EQUAL_TO", "LESS_THAN", "EXISTS", "NOT_EXISTS"})
			c.Operator = "and"
			op.Conditions = kvstore.Filter{c}
			points, has := was["points"]
			wanted = wanted && holds(points, has, c.Condition, args)
		}
		wanted = wanted && (have || op.Do != kvstore.Check)
		ops, values = append(ops, op), append(values, v)
	}
	err := s.Transact(t.Context(), scope(t, i), ops)
	if wanted != (err == nil) || !wanted && fault.CodeOf(err) != "CONDITION_FAILED" {
		rt.Fatalf("%v: %v, want it done: %v", ops, err, wanted)
	}
	for n, op := range ops {
		switch {
		case !wanted:
		case op.Do == kvstore.Set:
			m.put(i, op.Key, values[n], 0)
		case op.Do == kvstore.Delete:
			delete(m.all[i], op.Key)
		}
	}
}

// query goes through all pages of a random query.
func (m *tasks) query(t *testing.T, rt *rapid.T, s *kvstore.Store, who func(*rapid.T) (id.Install, *kvstore.Kind)) {
	i, k := who(rt)
	names := []string{"", "by-key", "share", "by-points", "of"}
	if k == later {
		names = append(names, "state")
	}
	q := kvstore.EntityQuery{Index: rapid.SampledFrom(names).Draw(rt, "index"), Limit: new(rapid.IntRange(1, 4).Draw(rt, "limit"))}
	live := m.live(i)
	by := map[string]string{"share": "share", "by-points": "points", "state": "state"}[q.Index]
	inIndex := func(string) bool { return true }
	switch q.Index {
	case "by-points":
		state := drawn(rt, "state")
		q.Partition = []json.RawMessage{js(state)}
		inIndex = func(key string) bool { return live[key]["state"] == state }
	case "of":
		open, state := drawn(rt, "open"), drawn(rt, "state")
		q.Partition = []json.RawMessage{js(open), js(state)}
		inIndex = func(key string) bool { return live[key]["open"] == open && live[key]["state"] == state }
	}
	of := func(key string) (any, bool) {
		if by == "" {
			return key, true
		}
		v, ok := live[key][by]
		return v, ok
	}
	passes := func(string) bool { return true }
	ranges := []string{"EQUAL_TO", "GREATER_THAN", "GREATER_THAN_EQUAL_TO", "LESS_THAN", "LESS_THAN_EQUAL_TO", "BETWEEN"}
	if by != "" && rapid.Bool().Draw(rt, "where") {
		if by == "state" {
			ranges = append(ranges, "BEGINS_WITH")
		}
		c, args := drawCondition(rt, by, ranges)
		q.Where = &c
		passes = func(key string) bool { v, have := of(key); return holds(v, have, c.Condition, args) }
	}
	if n := rapid.IntRange(0, 2).Draw(rt, "filters"); n > 0 {
		operator := rapid.SampledFrom([]string{"and", "or"}).Draw(rt, "operator")
		before := passes
		var tests []func(string) bool
		for range n {
			field := rapid.SampledFrom([]string{"state", "points", "open"}).Draw(rt, "field")
			all := append([]string{"NOT_EQUAL_TO", "EXISTS", "NOT_EXISTS"}, ranges[:6]...)
			if field == "state" {
				all = append(all, "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH")
			}
			c, args := drawCondition(rt, field, all)
			c.Operator = operator
			q.Filters = append(q.Filters, c)
			tests = append(tests, func(key string) bool { v, have := live[key][field]; return holds(v, have, c.Condition, args) })
		}
		passes = func(key string) bool {
			if !before(key) {
				return false
			}
			some := slices.ContainsFunc(tests, func(f func(string) bool) bool { return f(key) })
			every := !slices.ContainsFunc(tests, func(f func(string) bool) bool { return !f(key) })
			return operator == "or" && some || operator == "and" && every
		}
	}
	var want []string
	for key := range maps.Keys(live) {
		if _, have := of(key); have && inIndex(key) && passes(key) {
			want = append(want, key)
		}
	}
	slices.SortFunc(want, func(a, b string) int {
		x, _ := of(a)
		y, _ := of(b)
		return cmp.Or(order(x, y), cmp.Compare(a, b))
	})
	if rapid.Bool().Draw(rt, "down") {
		q.Sort = "DESC"
		slices.Reverse(want)
	}
	var got []string
	for {
		page, err := s.QueryEntities(t.Context(), scope(t, i), k, q)
		if err != nil || len(page.Entries) > *q.Limit {
			rt.Fatal(page, err)
		}
		for _, e := range page.Entries {
			got = append(got, e.Key)
			if string(e.Value) != string(js(live[e.Key])) {
				rt.Fatalf("%s: %s", e.Key, e.Value)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		rt.Fatalf("%+v of %v: got %q, want %q", q, live, got, want)
	}
}
