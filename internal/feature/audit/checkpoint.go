package audit

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/ledger"
)

const (
	// every is how long an entry waits for its checkpoint, and many how many wait at most.
	every = 10 * time.Second
	many  = 1000
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
	return fault.Op("audit.Tend", errors.Join(l.writeRefusals(ctx), l.ledger().Sign(ctx)))
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

// export writes a trail from its first entry: of acts nothing is ever dropped.
func (l *Log) export(ctx context.Context, site id.Site, w io.Writer) error {
	return l.ledger().Export(ctx, site, func(context.Context) (ledger.Start, error) { return ledger.Start{}, nil }, w)
}

func (l *Log) ledger() *ledger.Ledger {
	return &ledger.Ledger{DB: l.db, SQL: statements, Signer: l.Signer, Issuer: l.Issuer, Now: l.now}
}
