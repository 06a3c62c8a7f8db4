// Package audit is the append-only trail of acts: grants, deploys, installs, tokens.
// Its promise: an act and its entry are one transaction, so neither exists without the
// other, and each entry holds the hash of the one before it in its chain, so that a
// later change of an entry shows.
//
// There is one chain per site and server process ("segment"); what belongs to no site
// is in the chain of the site "". Entries hold ids and sizes, never texts of people: what
// could be one stands in them as a salted hash. Checkpoints over all chains of a site are
// signed and linked, and an export ends with one (package trail checks it).
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/ledger"
)

// Entry is one act.
type Entry = trail.Entry

// Log appends to the trail and reads it.
type Log struct {
	db      *db.DB
	now     func() time.Time
	segment string

	// Signer, Issuer and Logger are set before Start; without a signer nothing is signed.
	Signer ledger.Signer
	Issuer string
	Logger *slog.Logger

	mu       sync.Mutex
	since    map[id.Site]int // entries of this process since its last look at the site
	refusals map[refusal]int64
	wake     chan struct{}
	stop     func()
}

// New makes the log of this process; Migrations must have been applied.
func New(d *db.DB, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{db: d, now: now, segment: uuid.Must(uuid.NewV7()).String(), Logger: slog.New(slog.DiscardHandler),
		since: map[id.Site]int{}, refusals: map[refusal]int64{}, wake: make(chan struct{}, 1)}
}

// Append writes an entry. It joins the transaction of ctx, so the entry stands if and
// only if the act does.
func (l *Log) Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error {
	err := l.db.Tx(ctx, func(ctx context.Context) error {
		h := &hasher{log: l, ctx: ctx, site: site}
		text, err := harmless(detail, h.hash)
		if err != nil {
			return err
		}
		e := Entry{Segment: l.segment, Site: site, Install: install, At: l.now().UnixMilli(),
			Actor: actor(by, h.hash), Act: act, Detail: text}
		if h.err != nil {
			return h.err
		}
		// The head's row is written first: it makes two transactions of one chain wait
		// for each other, so that no number is given twice.
		if err := l.db.QueryRow(ctx, advance, site, l.segment).Scan(&e.Seq, &e.Prev); err != nil {
			return err
		}
		if e.Hash, err = e.Digest(); err != nil {
			return err
		}
		if _, err := l.db.Exec(ctx, moveHead, e.Hash, site, l.segment); err != nil {
			return err
		}
		_, err = l.db.Exec(ctx, insert, e.Site, e.Segment, e.Seq, e.Install, e.At, e.Actor, e.Act, string(e.Detail), e.Prev, e.Hash)
		return err
	})
	if err == nil {
		l.appended(site)
	}
	return fault.Op("audit.Append", err)
}

// List reads a site's entries, oldest first within each chain.
func (l *Log) List(ctx context.Context, scope tenant.Scope) ([]Entry, error) {
	if !scope.Valid() {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	return l.read(ctx, scope.Site())
}

// Platform reads the entries that belong to no site. Only an operator may.
func (l *Log) Platform(ctx context.Context, p id.Principal) ([]Entry, error) {
	if !p.Is(id.Operator) {
		return nil, fault.New(fault.Denied, "ROLE_REQUIRED", "only an operator reads the platform's audit trail")
	}
	return l.read(ctx, "")
}

func (l *Log) read(ctx context.Context, site id.Site) ([]Entry, error) {
	rows, err := l.db.Query(ctx, ofSite, site)
	if err != nil {
		return nil, fault.Op("audit.List", err)
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		e, err := ledger.Entry(rows, site)
		if err != nil {
			return nil, fault.Op("audit.List", err)
		}
		out = append(out, e)
	}
	return out, fault.Op("audit.List", rows.Err())
}

// Verify checks the chains of one site's entries as List gives them.
func Verify(entries []Entry) error {
	last := map[string]Entry{}
	for _, e := range entries {
		prev := last[e.Segment]
		switch sum, err := e.Digest(); {
		case err != nil:
			return err
		case sum != e.Hash:
			return fmt.Errorf("entry %d of segment %s was edited", e.Seq, e.Segment)
		case e.Seq != prev.Seq+1:
			return fmt.Errorf("entry %d of segment %s does not follow entry %d", e.Seq, e.Segment, prev.Seq)
		case e.Prev != prev.Hash:
			return fmt.Errorf("entry %d of segment %s does not continue the one before", e.Seq, e.Segment)
		}
		last[e.Segment] = e
	}
	return nil
}
