package receipts

import (
	"context"
	"io"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/ledger"
)

// Export writes a site's receipts, which Verify of package trail checks. It ends with a
// checkpoint of its own; what is sent meanwhile belongs to the next export.
func (l *Log) Export(ctx context.Context, scope tenant.Scope, w io.Writer) error {
	if !scope.Valid() {
		return fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	if err := l.Flush(ctx); err != nil {
		return fault.Op("receipts.Export", err)
	}
	return fault.Op("receipts.Export", l.ledger().Export(ctx, scope.Site(), func(ctx context.Context) (ledger.Start, error) {
		dropped, heads, err := l.droppedBefore(ctx, scope.Site())
		return ledger.Start{Through: dropped.Through, Heads: heads}, err
	}, w))
}

func (l *Log) ledger() *ledger.Ledger {
	return &ledger.Ledger{DB: l.DB, SQL: statements, Trail: trail.Receipts, Signer: l.Signer, Issuer: l.Issuer, Now: l.Now}
}

// sign makes checkpoints over what is not signed yet.
func (l *Log) sign(ctx context.Context) error { return fault.Op("receipts.sign", l.ledger().Sign(ctx)) }
