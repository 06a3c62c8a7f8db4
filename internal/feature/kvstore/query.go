package kvstore

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/tenant"
)

const (
	defaultLimit = 10
	maxLimit     = 100
	// maxPage ends a page before its values are too many for one reply; the rest
	// follows at its cursor.
	maxPage = 4 << 20
)

// Query selects keys that begin with a prefix, in byte order.
type Query struct {
	Prefix string
	Limit  int    // 1 to 100; 0 means 10
	Cursor string // Page.Next of the page before
}

// Entry is one key with its value.
type Entry struct {
	Key string
	Item
}

// Page is a part of a query's answer.
type Page struct {
	Entries []Entry
	Next    string // "" at the end
}

// Query gives one page. Secrets are not among the entries.
func (s *Store) Query(ctx context.Context, sc tenant.Scope, q Query) (Page, error) {
	install, err := installOf(sc)
	if err != nil {
		return Page{}, err
	}
	from, limit, err := q.check()
	if err != nil {
		return Page{}, err
	}
	rows, err := s.db.Query(ctx, listValues, install, from, after(q.Prefix), s.clock.millis(), limit+1)
	if err != nil {
		return Page{}, fault.Op("kvstore.Query", err)
	}
	defer rows.Close()
	var (
		page Page
		size int
	)
	for rows.Next() {
		var e Entry
		if err := rows.Scan(&e.Key, &e.Value, &e.Created, &e.Updated, &e.Expires); err != nil {
			return Page{}, fault.Op("kvstore.Query", err)
		}
		size += len(e.Key) + len(e.Value)
		if n := len(page.Entries); n == limit || n > 0 && size > maxPage {
			page.Next = cursor(page.Entries[n-1].Key)
			break
		}
		page.Entries = append(page.Entries, e)
	}
	return page, fault.Op("kvstore.Query", rows.Err())
}

// check gives the least key that the page may hold and the page's limit.
func (q Query) check() (from string, limit int, err error) {
	switch {
	case q.Limit < 0:
		return "", 0, refuse("INVALID_LIMIT", "the limit must be at least 1")
	case q.Limit > maxLimit:
		return "", 0, refuse("LIST_QUERY_LIMIT_EXCEEDED", "the limit is %d, at most %d is possible", q.Limit, maxLimit).
			With("limit", maxLimit).With("figure", q.Limit)
	case q.Limit == 0:
		q.Limit = defaultLimit
	}
	if !utf8.ValidString(q.Prefix) || strings.IndexByte(q.Prefix, 0) >= 0 || utf8.RuneCountInString(q.Prefix) > maxKey {
		return "", 0, refuse("QUERY_WHERE_INVALID", "no key can begin with this text").
			WithFix("use at most %d characters that a key may hold", maxKey)
	}
	if q.Cursor == "" {
		return q.Prefix, q.Limit, nil
	}
	last, ok := parseCursor(q.Cursor)
	if !ok || !strings.HasPrefix(last, q.Prefix) {
		return "", 0, refuse("INVALID_CURSOR", "the cursor is not one of this query").
			WithFix("pass the nextCursor of the page before, with the same where")
	}
	// The least key above last: no character of a key is below \x01.
	return last + "\x01", q.Limit, nil
}

// after is the least text above every text that begins with prefix. The databases
// compare bytes, and UTF-8 keeps the order of characters.
func after(prefix string) string {
	r := []rune(prefix)
	for i := len(r) - 1; i >= 0; i-- {
		switch r[i] {
		case utf8.MaxRune:
			continue
		case 0xd7ff:
			r[i] = 0xe000 // what lies between is no character
		default:
			r[i]++
		}
		return string(r[:i+1])
	}
	return string(utf8.MaxRune) // no key holds it
}

// cursor hides its form, so that nobody comes to rely on it. It needs no seal: it
// only says where to go on within the caller's own keys.
func cursor(last string) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{1}, last...))
}

func parseCursor(c string) (last string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil || len(b) < 2 || b[0] != 1 || checkKey(string(b[1:])) != nil {
		return "", false
	}
	return string(b[1:]), true
}
