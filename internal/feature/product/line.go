package product

import (
	"context"
	"log/slog"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// tell writes the one line of the decision and hands it on. None of its fields holds a
// path, a query, a header, a body or who the user is.
func (g *Gate) tell(ctx context.Context, d Decision) {
	if d.receipt != nil {
		d.receipt.Done(d)
	}
	decision := "deny"
	if d.Allow {
		decision = "allow"
	}
	g.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "CANONICAL-PRODUCT-DECISION",
		slog.String("id", d.ReasonID), slog.String("decision", decision), slog.String("code", d.Code), slog.String("rule", d.Rule), slog.String("reason", d.Reason),
		slog.String("app", string(d.App)), slog.String("installation", string(d.Install)), slog.String("site", string(d.Site)),
		slog.String("version", string(d.Version)), slog.Uint64("epoch", d.Epoch), slog.String("invocation", string(d.Invocation)),
		slog.String("product", string(d.Product)), slog.String("as", d.As), slog.String("method", d.Method), slog.String("operation", d.Operation),
		slog.String("scopes", strings.Join(d.Scopes, " ")),
		slog.Int("status", d.Status), slog.Int64("sent", d.Sent), slog.Int64("received", d.Received), slog.Duration("duration", d.Took))
	if g.cfg.Decisions != nil {
		g.cfg.Decisions.Decided(ctx, d)
	}
}

// Begun reports whether the request was written down as one that is sent.
func (d Decision) Begun() bool { return d.receipt != nil }

// intend writes down that a request is about to be sent. Without that nothing is.
func (g *Gate) intend(ctx context.Context, d *Decision, body []byte) (err error) {
	if g.cfg.Receipts == nil {
		return nil
	}
	if d.receipt, err = g.cfg.Receipts.Intent(ctx, *d, body); err != nil {
		d.Allow = false
		return deny(d, "receipts", fault.New(fault.Unavailable, "RECEIPTS_UNAVAILABLE", "the server cannot write down what leaves at present, so nothing does").
			WithFix("ask again in a while").Because(err))
	}
	return nil
}
