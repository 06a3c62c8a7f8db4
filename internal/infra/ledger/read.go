package ledger

import (
	"context"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
)

// Signed is a checkpoint as it was kept.
type Signed struct {
	trail.Checkpoint
	Hash, Signature string
}

// Checkpoints are a site's checkpoints behind a number, the next thousand at most.
func (l *Ledger) Checkpoints(ctx context.Context, site id.Site, after int64) ([]Signed, error) {
	return rows(ctx, l.DB, l.SQL.Checkpoints, []any{site, after, batch}, func(r scanner) (c Signed, err error) {
		var body string
		if err := r.Scan(&c.Number, &body, &c.Hash, &c.Signature); err != nil {
			return c, err
		}
		return c, json.Unmarshal([]byte(body), &c.Checkpoint)
	})
}

func (l *Ledger) keys(ctx context.Context, site id.Site) ([]trail.Key, error) {
	keys, err := rows(ctx, l.DB, l.SQL.Keys, []any{site}, func(r scanner) (k trail.Key, err error) {
		var text string
		if err := r.Scan(&text); err != nil {
			return k, err
		}
		return k, json.Unmarshal([]byte(text), &k)
	})
	if keys == nil {
		keys = []trail.Key{}
	}
	return keys, err
}

// Entry reads a row of segment, number, installation, time, actor, act, detail, the hash
// before and its own.
func Entry(row scanner, site id.Site) (trail.Entry, error) {
	e := trail.Entry{Site: site}
	err := row.Scan(&e.Segment, &e.Seq, (*string)(&e.Install), &e.At, &e.Actor, &e.Act, &e.Detail, &e.Prev, &e.Hash)
	return e, err
}

func (l *Ledger) entries(ctx context.Context, site id.Site, segment string, from, to int64) ([]trail.Entry, error) {
	return rows(ctx, l.DB, l.SQL.Entries, []any{site, segment, from, to, batch}, func(r scanner) (trail.Entry, error) { return Entry(r, site) })
}

type scanner interface{ Scan(...any) error }

// rows reads all rows of a statement.
func rows[T any](ctx context.Context, d *db.DB, q string, args []any, read func(scanner) (T, error)) (out []T, err error) {
	found, err := d.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		one, err := read(found)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, found.Err()
}
