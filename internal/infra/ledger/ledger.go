// Package ledger signs chained entries in a database. Its promise: whatever stands in the
// chains of a site is covered, once and in order, by a signed checkpoint that is linked to
// the one before it, and an export is a file that package trail verifies to its last entry.
//
// Entries and their chains are the caller's, and so are its tables: a ledger is told how
// their rows are read, and writes nothing but checkpoints.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
)

// Signer signs checkpoints, and gives the key that verifies the signature.
type Signer interface {
	Checkpoint(payload []byte) (signature string, key trail.Key, err error)
}

// Statements are the texts for one ledger's tables.
type Statements struct {
	Unsigned string // → the sites of which something is not signed
	Moved    string // site → segment, number, hash of its chains that moved since the last checkpoint
	Count    string // site → how many entries its chains have
	Sign     string // number, site, segment: the chain is covered so far

	Last        string // site → number and hash of its last checkpoint
	Put         string // site, number, time in ms, body, hash, signature, key id
	Checkpoints string // site, after, limit → number, body, hash, signature
	PutKey      string // key id, JWK
	Keys        string // site → JWK of each key that signed for it

	Entries string // site, segment, after, through, limit → what Entry reads
}

// Ledger is one kind of trail: all its sites' chains and checkpoints.
type Ledger struct {
	DB     *db.DB
	SQL    Statements
	Trail  string // as in trail.Begin
	Signer Signer // without one nothing is signed
	Issuer string
	Now    func() time.Time
}

// batch is how many rows are read at once.
const batch = 1000

// Sign makes the checkpoints over what is not signed yet, of this process or of another.
// What cannot be signed of one site keeps no other from it.
func (l *Ledger) Sign(ctx context.Context) error {
	if l.Signer == nil {
		return nil
	}
	sites, err := l.Sites(ctx, l.SQL.Unsigned)
	for _, site := range sites {
		_, cErr := l.Check(ctx, trail.Checkpoint{Site: site})
		err = errors.Join(err, cErr)
	}
	return err
}

// Sites reads the sites that a statement selects.
func (l *Ledger) Sites(ctx context.Context, q string, args ...any) ([]id.Site, error) {
	return rows(ctx, l.DB, q, args, func(r scanner) (s id.Site, err error) { return s, r.Scan(&s) })
}

// Check makes a site's next checkpoint, if something moved since the last one, it ends an
// export, or it says what was dropped. It joins the transaction of ctx. Of two servers that
// make the same one, the first does.
func (l *Ledger) Check(ctx context.Context, c trail.Checkpoint) (made trail.Checkpoint, err error) {
	err = l.DB.Tx(ctx, func(ctx context.Context) (err error) {
		c := c
		c.Trail = l.Trail
		if c.At == 0 {
			c.At = l.Now().UnixMilli()
		}
		if err := l.DB.QueryRow(ctx, l.SQL.Last, c.Site).Scan(&c.Number, &c.Prev); err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		c.Number++
		if c.Heads, err = l.heads(ctx, c.Site); err != nil || len(c.Heads) == 0 && c.Export == "" && c.Dropped == nil {
			return err
		}
		// All heads are covered from here on, so the count is the sum of all of them.
		if err := l.DB.QueryRow(ctx, l.SQL.Count, c.Site).Scan(&c.Entries); err != nil {
			return err
		}
		if err := l.keep(ctx, c); err != nil {
			return err
		}
		for _, h := range c.Heads {
			if _, err := l.DB.Exec(ctx, l.SQL.Sign, h.Seq, c.Site, h.Segment); err != nil {
				return err
			}
		}
		made = c
		return nil
	})
	return made, err
}

func (l *Ledger) heads(ctx context.Context, site id.Site) ([]trail.Head, error) {
	heads, err := rows(ctx, l.DB, l.SQL.Moved, []any{site}, func(r scanner) (h trail.Head, err error) {
		return h, r.Scan(&h.Segment, &h.Seq, &h.Hash)
	})
	if heads == nil {
		heads = []trail.Head{} // a list also where it is empty: it is signed
	}
	return heads, err
}

// keep signs a checkpoint and puts it into the database.
func (l *Ledger) keep(ctx context.Context, c trail.Checkpoint) error {
	payload, err := c.Payload()
	if err != nil {
		return err
	}
	hash, err := c.Digest()
	if err != nil {
		return err
	}
	signature, key, err := l.Signer.Checkpoint(payload)
	if err != nil {
		return err
	}
	jwk, err := json.Marshal(key)
	if err != nil {
		return err
	}
	if _, err := l.DB.Exec(ctx, l.SQL.PutKey, key.KeyID, string(jwk)); err != nil {
		return err
	}
	_, err = l.DB.Exec(ctx, l.SQL.Put, c.Site, c.Number, c.At, string(payload), hash, signature, key.KeyID)
	return err
}
