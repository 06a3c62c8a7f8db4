package audit

import (
	"bufio"
	"context"

	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// every is how long an entry waits for its checkpoint, and many how many wait at most.
	every = 10 * time.Second
	many  = 1000
	// batch is how many rows are read at once for an export.
	batch = 1000
)

// Start signs checkpoints and writes counted refusals until Close.
func (l *Log) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		failing := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-l.wake:
			}
			err := l.Tend(ctx)
			if err != nil && !failing && ctx.Err() == nil {
				l.Logger.ErrorContext(ctx, "the audit trail could not be signed; it goes on unsigned", "err", err)
			}
			failing = err != nil
		}
	}()
}

// Close ends what Start began, and signs and writes what is left.
func (l *Log) Close() error {
	if l.stop == nil {
		return nil
	}
	l.stop()
	l.stop = nil
	ctx, cancel := context.WithTimeout(context.Background(), every)
	defer cancel()
	return l.Tend(ctx)
}

// Tend writes the refusals that were counted and signs what is not signed yet, of this
// process or of one that died.
func (l *Log) Tend(ctx context.Context) error {
	err := l.writeRefusals(ctx)
	if l.Signer == nil {
		return fault.Op("audit.Tend", err)
	}
	sites, siteErr := l.sites(ctx)
	err = errors.Join(err, siteErr)
	for _, site := range sites {
		if _, cErr := l.check(ctx, site, "", 0); cErr != nil {
			err = errors.Join(err, cErr)
		}
	}
	return fault.Op("audit.Tend", err)
}

func (l *Log) sites(ctx context.Context) ([]id.Site, error) {
	rows, err := l.db.Query(ctx, unsigned)
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

// appended notes an entry, so that a busy site does not wait for the clock.
func (l *Log) appended(site id.Site) {
	l.mu.Lock()
	l.since[site]++
	due := l.since[site] >= many
	if due {
		l.since[site] = 0
	}
	l.mu.Unlock()
	if due {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// check makes a site's next checkpoint, if something moved since the last one or it ends
// an export. Of two servers that make the same one, the first does.
func (l *Log) check(ctx context.Context, site id.Site, export string, at int64) (made trail.Checkpoint, err error) {
	err = l.db.Tx(ctx, func(ctx context.Context) error {
		c := trail.Checkpoint{Site: site, At: at, Export: export, Heads: []trail.Head{}}
		if at == 0 {
			c.At = l.now().UnixMilli()
		}
		if err := l.db.QueryRow(ctx, lastChecked, site).Scan(&c.Number, &c.Prev); err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		c.Number++
		if c.Heads, err = l.heads(ctx, site); err != nil || len(c.Heads) == 0 && export == "" {
			return err
		}
		// All heads are covered from here on, so the count is the sum of all of them.
		if err := l.db.QueryRow(ctx, countSigned, site).Scan(&c.Entries); err != nil {
			return err
		}
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
		if _, err := l.db.Exec(ctx, putKey, key.KeyID, string(jwk)); err != nil {
			return err
		}
		if _, err := l.db.Exec(ctx, putCheckpoint, site, c.Number, string(payload), hash, signature, key.KeyID); err != nil {
			return err
		}
		for _, h := range c.Heads {
			if _, err := l.db.Exec(ctx, signHead, h.Seq, site, h.Segment); err != nil {
				return err
			}
		}
		made = c
		return nil
	})
	return made, err
}

func (l *Log) heads(ctx context.Context, site id.Site) ([]trail.Head, error) {
	rows, err := l.db.Query(ctx, moved, site)
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

// Export writes a site's trail, which Verify of package trail checks. It ends with a
// checkpoint of its own; what is appended meanwhile belongs to the next export.
func (l *Log) Export(ctx context.Context, scope tenant.Scope, w io.Writer) error {
	if !scope.Valid() {
		return fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	return fault.Op("audit.Export", l.export(ctx, scope.Site(), w))
}

// ExportPlatform writes the trail that belongs to no site. Only an operator may.
func (l *Log) ExportPlatform(ctx context.Context, p id.Principal, w io.Writer) error {
	if !p.Is(id.Operator) {
		return fault.New(fault.Denied, "ROLE_REQUIRED", "only an operator reads the platform's audit trail")
	}
	return fault.Op("audit.ExportPlatform", l.export(ctx, "", w))
}

func (l *Log) export(ctx context.Context, site id.Site, to io.Writer) error {
	if l.Signer == nil {
		return fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is no key to sign an export with")
	}
	begin := trail.Begin{ID: uuid.NewString(), Issuer: l.Issuer, Site: site, At: l.now().UnixMilli(), Keys: []trail.Key{}}
	last, err := l.check(ctx, site, begin.ID, begin.At)
	if err != nil {
		return err
	}
	if begin.Keys, err = l.keys(ctx, site); err != nil {
		return err
	}
	w := bufio.NewWriterSize(to, 64<<10)
	put := func(line []byte, err error) error {
		if err != nil {
			return err
		}
		_, err = w.Write(line)
		return err
	}
	if err := put(begin.Line()); err != nil {
		return err
	}
	done := map[string]int64{}
	for number := int64(0); number < last.Number; {
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
				if err := l.chain(ctx, site, h.Segment, done[h.Segment], h.Seq, put); err != nil {
					return err
				}
				done[h.Segment] = h.Seq
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
	signature string
}

func (l *Log) checkpoints(ctx context.Context, site id.Site, after int64) ([]signed, error) {
	rows, err := l.db.Query(ctx, checkpoints, site, after, batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []signed
	for rows.Next() {
		var c signed
		var body string
		if err := rows.Scan(&c.Number, &body, &c.signature); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &c.Checkpoint); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func (l *Log) keys(ctx context.Context, site id.Site) ([]trail.Key, error) {
	rows, err := l.db.Query(ctx, keysOfSite, site)
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

func (l *Log) batch(ctx context.Context, site id.Site, segment string, from, to int64) ([]Entry, error) {
	rows, err := l.db.Query(ctx, ofChain, site, segment, from, to, batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		e, err := scan(rows, site)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
