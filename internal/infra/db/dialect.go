package db

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
)

type dialect uint8

const (
	sqlite3 dialect = iota
	postgres
)

// rewritten caches Postgres texts; statements are constants of the program.
var rewritten sync.Map

// query gives the dialect's text of a statement: Postgres counts its placeholders.
func (d dialect) query(q string) string {
	if d == sqlite3 || !strings.Contains(q, "?") {
		return q
	}
	if s, ok := rewritten.Load(q); ok {
		return s.(string)
	}
	var b strings.Builder
	n := 0
	for _, t := range tokens(q) {
		if t.kind == mark {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteString(t.text)
	}
	rewritten.Store(q, b.String())
	return b.String()
}

// schema splits a migration into statements in the dialect's words. Types are
// written in capitals; anything in lower case is a name.
func (d dialect) schema(text string) []string {
	var (
		out   []string
		b     strings.Builder
		words []string // of the current statement
	)
	flush := func() {
		s := strings.TrimSpace(b.String())
		if len(words) > 0 && s != "" {
			if d == sqlite3 && len(words) > 1 && words[0] == "CREATE" && words[1] == "TABLE" &&
				words[len(words)-1] != "STRICT" {
				s += " STRICT" // refuse a value of the wrong type, as Postgres does
			}
			out = append(out, s)
		}
		b.Reset()
		words = nil
	}
	for _, t := range tokens(text) {
		switch t.kind {
		case end:
			flush()
			continue
		case word:
			words = append(words, t.text)
			b.WriteString(d.typeName(words))
			continue
		}
		b.WriteString(t.text)
	}
	flush()
	return out
}

// typeName translates the last of the words if it is a type in a table's definition.
func (d dialect) typeName(words []string) string {
	w := words[len(words)-1]
	if len(words) < 3 || words[1] != "TABLE" {
		return w
	}
	switch {
	case d == sqlite3 && w == "BIGINT":
		return "INTEGER"
	case d == postgres && w == "BLOB":
		return "BYTEA"
	case d == postgres && w == "TEXT":
		return `TEXT COLLATE "C"` // byte order, as SQLite's
	default:
		return w
	}
}

// args brings arguments to the five kinds that both drivers take alike: nil, int64,
// float64, string and []byte.
func args(in []any) ([]any, error) {
	out := make([]any, len(in))
	for i, a := range in {
		v, err := arg(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		out[i] = v
	}
	return out, nil
}

func arg(a any) (any, error) {
	switch v := a.(type) {
	case nil, int64, float64, []byte:
		return v, nil
	case string:
		return v, storable(v)
	case int:
		return int64(v), nil
	case bool:
		return truth(v), nil
	case json.RawMessage:
		return string(v), storable(string(v))
	}
	r := reflect.ValueOf(a)
	switch r.Kind() {
	case reflect.String:
		return r.String(), storable(r.String())
	case reflect.Bool:
		return truth(r.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d does not fit a BIGINT", r.Uint())
		}
		return int64(r.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return r.Float(), nil
	case reflect.Slice:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return r.Bytes(), nil
		}
	case reflect.Pointer:
		if r.IsNil() {
			return nil, nil
		}
		return arg(r.Elem().Interface())
	}
	return nil, fmt.Errorf("%T is no storable type (times are stored as Unix milliseconds)", a)
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// storable refuses on both databases the text that Postgres cannot hold.
func storable(s string) error {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return fault.New(fault.Invalid, "TEXT_NOT_STORABLE", "the text holds a NUL character or is not valid UTF-8")
	}
	return nil
}
