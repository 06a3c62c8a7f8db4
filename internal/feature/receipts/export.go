package receipts

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
)

// batch is how many rows are read at once for an export.
const batch = 1000

// Export writes a site's receipts, which Verify of package trail checks. It ends with a
// checkpoint of its own; what is sent meanwhile belongs to the next export.
func (l *Log) Export(ctx context.Context, scope tenant.Scope, w io.Writer) error {
	if !scope.Valid() {
		return fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	if err := l.Flush(ctx); err != nil {
		return fault.Op("receipts.Export", err)
	}
	return fault.Op("receipts.Export", l.export(ctx, scope.Site(), w))
}

func (l *Log) export(ctx context.Context, site id.Site, to io.Writer) error {
	if l.Signer == nil {
		return fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is no key to sign an export with")
	}
	begin := trail.Begin{ID: uuid.NewString(), Issuer: l.Issuer, Site: site, At: l.Now().UnixMilli(), Keys: []trail.Key{}, Trail: trail.Receipts}
	last, err := l.check(ctx, trail.Checkpoint{Site: site, Export: begin.ID, At: begin.At})
	if err != nil {
		return err
	}
	if begin.Keys, err = l.keysOf(ctx, site); err != nil {
		return err
	}
	dropped, heads, err := l.droppedBefore(ctx, site)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 64<<10)
	put := func(line []byte, err error) error {
		if err == nil {
			_, err = w.Write(line)
		}
		return err
	}
	if err := put(begin.Line()); err != nil {
		return err
	}
	for number := dropped.Through; number < last.Number; {
		some, err := l.checkpoints(ctx, site, number)
		if err != nil {
			return err
		}
		if len(some) == 0 {
			return errors.New("a checkpoint is missing")
		}
		for _, c := range some {
			if c.Number > last.Number {
				break
			}
			for _, h := range c.Heads {
				if err := l.chain(ctx, site, h.Segment, heads[h.Segment].Seq, h.Seq, put); err != nil {
					return err
				}
				heads[h.Segment] = h
			}
			if err := put(c.Line(c.signature)); err != nil {
				return err
			}
			number = c.Number
		}
	}
	return w.Flush()
}

type signed struct {
	trail.Checkpoint
	hash, signature string
}

func (l *Log) checkpoints(ctx context.Context, site id.Site, after int64) ([]signed, error) {
	rows, err := l.DB.Query(ctx, checkpoints, site, after, batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []signed
	for rows.Next() {
		var c signed
		var body string
		if err := rows.Scan(&c.Number, &body, &c.hash, &c.signature); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &c.Checkpoint); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func (l *Log) keysOf(ctx context.Context, site id.Site) ([]trail.Key, error) {
	rows, err := l.DB.Query(ctx, keysOfSite, site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []trail.Key{}
	for rows.Next() {
		var text string
		var k trail.Key
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &k); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// chain writes the entries of a segment from one number, exclusive, to another. It reads
// in batches, so that a long export holds no transaction.
func (l *Log) chain(ctx context.Context, site id.Site, segment string, from, to int64, put func([]byte, error) error) error {
	for from < to {
		entries, err := l.batch(ctx, site, segment, from, to)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil // the file will say that they are missing
		}
		for _, e := range entries {
			if err := put(e.Line()); err != nil {
				return err
			}
			from = e.Seq
		}
	}
	return nil
}

func (l *Log) batch(ctx context.Context, site id.Site, segment string, from, to int64) ([]trail.Entry, error) {
	rows, err := l.DB.Query(ctx, ofChain, site, segment, from, to, batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []trail.Entry
	for rows.Next() {
		e := trail.Entry{Site: site}
		if err := rows.Scan(&e.Segment, &e.Seq, (*string)(&e.Install), &e.At, &e.Actor, &e.Act, &e.Detail, &e.Prev, &e.Hash); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
