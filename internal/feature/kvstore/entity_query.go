package kvstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// maxExamined bounds what one page of a filtered query looks at; the rest follows at
// its cursor, also when nothing has passed yet.
const maxExamined = 1000

// EntityQuery selects entities by an index: those of one partition, in the order of the
// range and, where it is the same, of the keys.
type EntityQuery struct {
	Index     string            `json:"index"` // "" and "by-key" go by the key
	Partition []json.RawMessage `json:"partition"`
	Where     *Condition        `json:"where"` // on the range
	Filters   Filter            `json:"filters"`
	Sort      string            `json:"sort"`  // ASC, the default, or DESC
	Limit     *int              `json:"limit"` // 1 to 100; 10 unless said
	Cursor    string            `json:"cursor"`
}

// span is the part of an index that a query goes through: from lo up to, without, hi.
type span struct {
	lo, hi []byte
	keys   bool // by key: the bounds are texts of keys
	down   bool
}

// QueryEntities gives one page. A page of a filtered query may have fewer entities than
// its limit, or none, and a cursor all the same.
func (s *Store) QueryEntities(ctx context.Context, sc tenant.Scope, k *Kind, q EntityQuery) (Page, error) {
	install, err := installOf(sc)
	if err != nil {
		return Page{}, err
	}
	limit, err := limitOf(q.Limit)
	if err != nil {
		return Page{}, err
	}
	filter, err := k.parse(q.Filters)
	if err != nil {
		return Page{}, err
	}
	at, x, err := k.span(q)
	if err != nil {
		return Page{}, err
	}
	if x != nil {
		if err := s.built(ctx, install, k, x); err != nil {
			return Page{}, err
		}
	}
	var (
		page           Page
		size, examined int
	)
	for {
		rows, err := s.entries(ctx, install, k, at, limit+1)
		if err != nil {
			return Page{}, fault.Op("kvstore.QueryEntities", err)
		}
		for i, r := range rows {
			var attrs map[string]any
			if err := json.Unmarshal(r.Value, &attrs); err != nil {
				return Page{}, fault.Op("kvstore.QueryEntities", err)
			}
			passes := filter.match(attrs)
			if n := len(page.Entries); passes && (n == limit || n > 0 && size+len(r.Value) > maxPage) || examined == maxExamined {
				if i > 0 {
					at.from(rows[i-1].place)
				}
				page.Next = at.cursor()
				return page, nil
			}
			examined++
			if passes {
				size += len(r.Key) + len(r.Value)
				page.Entries = append(page.Entries, r.Entry)
			}
		}
		if len(rows) <= limit {
			return page, nil
		}
		at.from(rows[len(rows)-1].place)
	}
}

// limitOf is a page's limit.
func limitOf(limit *int) (int, error) {
	switch {
	case limit == nil:
		return defaultLimit, nil
	case *limit < 1:
		return 0, refuse("INVALID_LIMIT", "the limit must be at least 1")
	case *limit > maxLimit:
		return 0, refuse("LIST_QUERY_LIMIT_EXCEEDED", "the limit is %d, at most %d is possible", *limit, maxLimit).
			With("limit", maxLimit).With("figure", *limit)
	}
	return *limit, nil
}

// placed is an entity with its place in the index.
type placed struct {
	Entry
	place []byte
}

func (s *Store) entries(ctx context.Context, install id.Install, k *Kind, at span, n int) (out []placed, err error) {
	now := s.clock.millis()
	var statement string
	var args []any
	if at.keys {
		statement = pick(at.down, listKeysDown, listKeys)
		args = []any{install, k.Name, string(at.lo), string(at.hi), now, n}
	} else {
		statement = pick(at.down, listEntriesDown, listEntries)
		args = []any{install, install, k.Name, k.Name, at.lo, at.hi, now, n}
	}
	rows, err := s.db.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e placed
		if at.keys {
			err = rows.Scan(&e.Key, &e.Value, &e.Created, &e.Updated, &e.Expires)
			e.place = []byte(e.Key)
		} else {
			err = rows.Scan(&e.place, &e.Key, &e.Value, &e.Created, &e.Updated, &e.Expires)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

func pick(down bool, a, b string) string {
	if down {
		return a
	}
	return b
}

// from goes on behind a place.
func (at *span) from(place []byte) {
	if at.down {
		at.hi = place
	} else {
		at.lo = append(bytes.Clone(place), pick(at.keys, "\x01", "\x00")...)
	}
}

// cursor is where the span goes on.
func (at span) cursor() string {
	if at.down {
		return base64.RawURLEncoding.EncodeToString(append([]byte{3}, at.hi...))
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte{2}, at.lo...))
}

// at goes on where an earlier page ended, which has to be within the query's span: a
// cursor widens nothing.
func (at *span) at(cursor string) error {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 2 || (b[0] == 3) != at.down || b[0] != 2 && b[0] != 3 ||
		bytes.Compare(b[1:], at.lo) < 0 || bytes.Compare(b[1:], at.hi) > 0 || at.keys && (!utf8.Valid(b[1:]) || bytes.IndexByte(b, 0) >= 0) {
		return refuse("INVALID_CURSOR", "the cursor is not one of this query").
			WithFix("pass the nextCursor of the page before, with the same query")
	}
	if at.down {
		at.hi = b[1:]
	} else {
		at.lo = b[1:]
	}
	return nil
}

// span is what a query goes through, and the index, nil for that of keys.
func (k *Kind) span(q EntityQuery) (at span, x *index, err error) {
	switch q.Sort {
	case "", "ASC":
	case "DESC":
		at.down = true
	default:
		return at, nil, refuse("INVALID_SORT", "there is no order %.20q", q.Sort).WithFix("use ASC or DESC")
	}
	if q.Index == "" || q.Index == byKey {
		at.keys = true
		if len(q.Partition) > 0 {
			return at, nil, refuse("INVALID_PARTITION", "the index by-key has no partition")
		}
		at.lo, at.hi, err = spanOfKeys(q.Where)
	} else {
		if x = k.indexes[q.Index]; x == nil {
			return at, nil, refuse("INDEX_NOT_DECLARED", "the entity %s has no index %.60q", k.Name, q.Index).
				WithFix("declare it in the manifest, or use by-key")
		}
		at.lo, at.hi, err = x.span(q)
	}
	if err == nil && q.Cursor != "" {
		err = at.at(q.Cursor)
	}
	return at, x, err
}

// ranges are the conditions that an order answers.
var ranges = map[string]bool{
	"EQUAL_TO": true, "GREATER_THAN": true, "GREATER_THAN_EQUAL_TO": true, "LESS_THAN": true, "LESS_THAN_EQUAL_TO": true,
	"BEGINS_WITH": true, "BETWEEN": true,
}

func whereTerm(c Condition, kind string) (term, error) {
	if !ranges[c.Condition] {
		return term{}, refuse("QUERY_WHERE_INVALID", "where has no condition %.40q", c.Condition).
			WithFix("use beginsWith, between, equalTo, greaterThan, greaterThanEqualTo, lessThan or lessThanEqualTo; the others are for filters")
	}
	c.Field = "the range of the index"
	return parseTerm(c, kind)
}

func (x *index) span(q EntityQuery) (lo, hi []byte, err error) {
	if len(q.Partition) != len(x.Partition) {
		return nil, nil, refuse("INVALID_PARTITION", "the index %.60s has %d partition attribute(s), and %d value(s) are given", q.Index, len(x.Partition), len(q.Partition)).
			WithFix("give a value for each, in the order of the manifest")
	}
	values := make([]any, len(x.Partition))
	for i, a := range x.Partition {
		if json.Unmarshal(q.Partition[i], &values[i]) != nil || !isOf(a.kind(), values[i]) {
			return nil, nil, refuse("INVALID_PARTITION", "the value of %s is no %s", a.name(), a.kind())
		}
	}
	base, ok := x.base(values)
	if !ok {
		return nil, nil, refuse("INVALID_PARTITION", "a partition's value is a text, a number or a truth value")
	}
	if q.Where == nil {
		return base, beyond(base), nil
	}
	if x.Range == nil {
		return nil, nil, refuse("QUERY_WHERE_INVALID", "the index %.60s has no range that where could be about", q.Index).
			WithFix("declare a range, or use filters")
	}
	t, err := whereTerm(*q.Where, x.Range.kind())
	if err != nil {
		return nil, nil, err
	}
	one := func(v any) []byte {
		out, _ := appendScalar(bytes.Clone(base), v)
		return out
	}
	v := one(t.values[0])
	kind := append(bytes.Clone(base), tagOf(t.values[0])) // values of another type are no greater and no less
	switch t.condition {
	case "EQUAL_TO":
		return v, beyond(v), nil
	case "GREATER_THAN":
		return beyond(v), beyond(kind), nil
	case "GREATER_THAN_EQUAL_TO":
		return v, beyond(kind), nil
	case "LESS_THAN":
		return kind, v, nil
	case "LESS_THAN_EQUAL_TO":
		return kind, beyond(v), nil
	case "BEGINS_WITH":
		v = appendText(bytes.Clone(base), t.values[0].(string))
		return v, beyond(v), nil
	}
	return v, beyond(one(t.values[1])), nil // BETWEEN
}

func spanOfKeys(where *Condition) (lo, hi []byte, err error) {
	if where == nil {
		return nil, []byte(after("")), nil
	}
	t, err := whereTerm(*where, "string")
	if err != nil {
		return nil, nil, err
	}
	for _, v := range t.values {
		if text := v.(string); !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 || utf8.RuneCountInString(text) > maxKey {
			return nil, nil, refuse("QUERY_WHERE_INVALID", "no key is such a text").WithFix("use at most %d characters that a key may hold", maxKey)
		}
	}
	v := t.values[0].(string)
	const up = "\x01" // no character of a key is below it
	switch t.condition {
	case "EQUAL_TO":
		return []byte(v), []byte(v + up), nil
	case "GREATER_THAN":
		return []byte(v + up), []byte(after("")), nil
	case "GREATER_THAN_EQUAL_TO":
		return []byte(v), []byte(after("")), nil
	case "LESS_THAN":
		return nil, []byte(v), nil
	case "LESS_THAN_EQUAL_TO":
		return nil, []byte(v + up), nil
	case "BEGINS_WITH":
		return []byte(v), []byte(after(v)), nil
	}
	return []byte(v), []byte(t.values[1].(string) + up), nil
}
