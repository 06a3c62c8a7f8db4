package egress

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// decision begins the record of one request of a call. tell ends it.
func decision(p *call.Policy, c *call.Call, via string) Decision {
	return Decision{
		ReasonID: uuid.NewString(), Install: p.Install, Site: p.Site, App: p.App, Version: p.Version, Epoch: p.Epoch,
		Invocation: c.ID, Function: c.Function, Actor: c.Principal, Via: via,
	}
}

// Begun reports whether the request was written down as one that is sent.
func (d Decision) Begun() bool { return d.receipt != nil }

// intend writes down that a request is about to be sent. Without that nothing is.
func (b *Broker) intend(ctx context.Context, d *Decision, body []byte) (err error) {
	if b.cfg.Receipts == nil {
		return nil
	}
	if d.receipt, err = b.cfg.Receipts.Intent(ctx, *d, body); err != nil {
		d.Allow = false
		return refused(fault.New(fault.Unavailable, "RECEIPTS_UNAVAILABLE", "the server cannot write down what leaves at present, so nothing does").
			WithFix("ask again in a while").Because(err), d)
	}
	return nil
}

// tell writes the one line of the decision and hands it on. The line's fields are part of
// what operators build on (docs/egress.md): none is renamed, and none holds a path, a
// query, a header or a body.
func (b *Broker) tell(ctx context.Context, d Decision) {
	if d.receipt != nil {
		d.receipt.Done(d)
	}
	decision := "deny"
	if d.Allow {
		decision = "allow"
	}
	b.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "CANONICAL-EGRESS-DECISION",
		slog.String("id", d.ReasonID), slog.String("decision", decision), slog.String("code", d.Code), slog.String("rule", d.Rule), slog.String("reason", d.Reason),
		slog.String("app", string(d.App)), slog.String("installation", string(d.Install)), slog.String("site", string(d.Site)),
		slog.String("version", string(d.Version)), slog.Uint64("epoch", d.Epoch), slog.String("invocation", string(d.Invocation)),
		slog.String("type", d.Type), slog.String("method", d.Method), slog.String("scheme", d.Scheme), slog.String("host", d.Host), slog.Int("port", int(d.Port)),
		slog.String("address_class", d.AddressClass), slog.String("allowed_by", d.AllowedBy),
		slog.Int("status", d.Status), slog.Int64("sent", d.Sent), slog.Int64("received", d.Received), slog.Int("echoes", d.Echoes), slog.Duration("duration", d.Took))
	if b.cfg.Decisions == nil {
		return
	}
	if d.Allow {
		b.cfg.Decisions.Allowed(ctx, d)
	} else {
		b.cfg.Decisions.Denied(ctx, d)
	}
}
