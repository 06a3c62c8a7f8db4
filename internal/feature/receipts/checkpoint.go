package receipts

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
)

// sign makes checkpoints over what is not signed yet, of this process or of another.
func (l *Log) sign(ctx context.Context) error {
	if l.Signer == nil {
		return nil
	}
	sites, err := l.sitesOf(ctx, unsigned)
	for _, site := range sites {
		_, cErr := l.check(ctx, trail.Checkpoint{Site: site})
		err = errors.Join(err, cErr)
	}
	return fault.Op("receipts.sign", err)
}

func (l *Log) sitesOf(ctx context.Context, q string, args ...any) ([]id.Site, error) {
	rows, err := l.DB.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []id.Site
	for rows.Next() {
		var s id.Site
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// check makes a site's next checkpoint, if something moved since the last one, it ends an
// export, or it says what was dropped. It joins the transaction of ctx. Of two servers that
// make the same one, the first does.
func (l *Log) check(ctx context.Context, c trail.Checkpoint) (made trail.Checkpoint, err error) {
	err = l.DB.Tx(ctx, func(ctx context.Context) (err error) {
		c := c
		c.Trail = trail.Receipts
		if c.At == 0 {
			c.At = l.Now().UnixMilli()
		}
		if err := l.DB.QueryRow(ctx, lastChecked, c.Site).Scan(&c.Number, &c.Prev); err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		c.Number++
		if c.Heads, err = l.heads(ctx, c.Site); err != nil || len(c.Heads) == 0 && c.Export == "" && c.Dropped == nil {
			return err
		}
		// All heads are covered from here on, so the count is the sum of all of them.
		if err := l.DB.QueryRow(ctx, countSigned, c.Site).Scan(&c.Entries); err != nil {
			return err
		}
		if err := l.keep(ctx, c); err != nil {
			return err
		}
		for _, h := range c.Heads {
			if _, err := l.DB.Exec(ctx, signHead, h.Seq, c.Site, h.Segment); err != nil {
				return err
			}
		}
		made = c
		return nil
	})
	return made, err
}

// keep signs a checkpoint and puts it into the database.
func (l *Log) keep(ctx context.Context, c trail.Checkpoint) error {
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
	if _, err := l.DB.Exec(ctx, putKey, key.KeyID, string(jwk)); err != nil {
		return err
	}
	_, err = l.DB.Exec(ctx, putCheckpoint, c.Site, c.Number, c.At, string(payload), hash, signature, key.KeyID)
	return err
}

func (l *Log) heads(ctx context.Context, site id.Site) ([]trail.Head, error) {
	rows, err := l.DB.Query(ctx, moved, site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []trail.Head{}
	for rows.Next() {
		var h trail.Head
		if err := rows.Scan(&h.Segment, &h.Seq, &h.Hash); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}
