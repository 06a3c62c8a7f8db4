package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
)

// atOnce is how much is past its time before it is dropped: each dropping is a checkpoint.
const atOnce = 24 * time.Hour

// Sweep drops what is past its time. What it drops of a trail it says in a signed
// checkpoint, so that the rest still verifies, and one that somebody cut does not.
func (l *Log) Sweep(ctx context.Context) error {
	before := l.Now().Add(-l.Keep)
	_, err := l.DB.Exec(ctx, usesPast, before.Unix()/3600)
	if l.Signer == nil {
		return fault.Op("receipts.Sweep", err)
	}
	sites, sErr := l.ledger().Sites(ctx, sitesPast, before.Add(-atOnce).UnixMilli())
	err = errors.Join(err, sErr)
	for _, site := range sites {
		err = errors.Join(err, l.DB.Tx(ctx, func(ctx context.Context) error { return l.forget(ctx, site, before.UnixMilli()) }))
	}
	return fault.Op("receipts.Sweep", err)
}

// forget drops the checkpoints of before a time, and the entries that they cover.
func (l *Log) forget(ctx context.Context, site id.Site, before int64) error {
	d, heads, err := l.droppedBefore(ctx, site)
	if err != nil {
		return err
	}
	from := d.Through
	if err := l.DB.QueryRow(ctx, lastPast, site, before).Scan(&d.Through); err != nil || d.Through <= from {
		return err
	}
	d.Before = before
	for number := from; number < d.Through; {
		some, err := l.ledger().Checkpoints(ctx, site, number)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			return errors.New("a checkpoint of the receipts is missing")
		}
		for _, c := range some {
			if c.Number > d.Through {
				break
			}
			for _, h := range c.Heads {
				heads[h.Segment] = h
			}
			number, d.Hash, d.Entries = c.Number, c.Hash, c.Entries
		}
	}
	d.Heads = []trail.Head{}
	for _, h := range heads {
		d.Heads = append(d.Heads, h)
		if _, err := l.DB.Exec(ctx, dropEntries, site, h.Segment, h.Seq); err != nil {
			return err
		}
	}
	slices.SortFunc(d.Heads, func(a, b trail.Head) int { return strings.Compare(a.Segment, b.Segment) })
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	// The checkpoint is made first: it follows the last one, which may be one that goes.
	if _, err := l.ledger().Check(ctx, trail.Checkpoint{Site: site, Dropped: &d}); err != nil {
		return err
	}
	if _, err := l.DB.Exec(ctx, dropChecked, site, d.Through); err != nil {
		return err
	}
	_, err = l.DB.Exec(ctx, putDropped, site, string(body))
	return err
}

// droppedBefore is what was dropped so far, and where the chains were then.
func (l *Log) droppedBefore(ctx context.Context, site id.Site) (d trail.Dropped, heads map[string]trail.Head, err error) {
	var body string
	heads = map[string]trail.Head{}
	err = l.DB.QueryRow(ctx, droppedOf, site).Scan(&body)
	if errors.Is(err, db.ErrNoRows) {
		return d, heads, nil
	}
	if err != nil {
		return d, nil, err
	}
	err = json.Unmarshal([]byte(body), &d)
	for _, h := range d.Heads {
		heads[h.Segment] = h
	}
	return d, heads, err
}
