package server

import (
	"context"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/feature/product"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/remote"
)

// brokerReceipts writes down what the broker sends, productReceipts what the gate does.
type (
	brokerReceipts  struct{ log *receipts.Log }
	productReceipts struct{ log *receipts.Log }
	brokerReceipt   struct{ *receipts.Open }
	productReceipt  struct{ *receipts.Open }
)

func (r brokerReceipts) Intent(ctx context.Context, d egress.Decision, body []byte) (egress.Receipt, error) {
	open, err := r.log.Intent(ctx, sentByBroker(d), body)
	if err != nil {
		return nil, err
	}
	return brokerReceipt{open}, nil
}

func (r brokerReceipt) Done(d egress.Decision) {
	r.Open.Done(receipts.Outcome{Allow: d.Allow, Rule: d.Rule, Code: d.Code, Status: d.Status, Received: d.Received, Took: d.Took})
}

func sentByBroker(d egress.Decision) receipts.Request {
	return receipts.Request{
		ID: d.ReasonID, Site: d.Site, Install: d.Install, App: d.App, Version: d.Version, Function: d.Function, Invocation: d.Invocation,
		Epoch: d.Epoch, Actor: d.Actor, Method: d.Method, AllowedBy: d.AllowedBy, Bytes: d.Sent,
		Use: receipts.Use{Via: d.Via, Key: d.Key, Endpoint: d.Endpoint, Remote: d.Remote, Type: d.Type, Origin: d.Origin, Matched: d.Matched, Missed: d.Missed,
			Mints: d.Mints, Clear: d.Clear, Opened: d.Opened, Never: d.Never, Keyed: d.Keyed},
	}
}

func (r productReceipts) Intent(ctx context.Context, d product.Decision, body []byte) (product.Receipt, error) {
	open, err := r.log.Intent(ctx, sentToProduct(d), body)
	if err != nil {
		return nil, err
	}
	return productReceipt{open}, nil
}

func (r productReceipt) Done(d product.Decision) {
	r.Open.Done(receipts.Outcome{Allow: d.Allow, Rule: d.Rule, Code: d.Code, Status: d.Status, Received: d.Received, Took: d.Took, Sent: d.Sent, Digest: d.Digest})
}

func sentToProduct(d product.Decision) receipts.Request {
	out := receipts.Request{
		ID: d.ReasonID, Site: d.Site, Install: d.Install, App: d.App, Version: d.Version, Function: d.Function, Invocation: d.Invocation,
		Epoch: d.Epoch, Actor: d.Actor, Method: d.Method, Bytes: d.Sent, Streamed: d.Streamed,
		Use: receipts.Use{Via: receipts.Product, Key: string(d.Product), Origin: d.Origin, Operation: d.Operation, As: d.As, Needs: d.Alternatives, Contacts: d.Contacts,
			Keyed: d.Agreed, Never: d.Never},
	}
	if d.On != d.Install {
		out.On = d.On
	}
	if key, scope, ok := remote.Behind(d.Function, d.As == "app"); ok {
		out.Remote, out.Needs = key, nil
		for _, way := range d.Alternatives {
			out.Needs = append(out.Needs, append(slices.Clone(way), scope))
		}
	}
	return out
}

func refusedByBroker(log *receipts.Log, d egress.Decision) {
	if d.Begun() || d.Site == id.Site("") { // what came of a begun one is in its receipt
		return
	}
	log.Refused(sentByBroker(d), d.Rule)
}

func refusedByGate(log *receipts.Log, d product.Decision) {
	if d.Begun() || d.Site == id.Site("") {
		return
	}
	log.Refused(sentToProduct(d), d.Rule)
}

// outward are the operations that a set opens by which the product itself sends elsewhere,
// and whose request names no host that the gate could hold against the set.
func (s *System) outward(ctx context.Context, key id.Product, set perm.Set) ([]string, error) {
	api, err := s.declared.API(ctx, key)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil || api.Table == nil {
		return nil, err
	}
	var out []string
	for _, op := range api.Table.Operations() {
		if op.Closed != "" || op.Class != scopemap.Egress || len(op.Egress) > 0 {
			continue
		}
		open := func(scopes []string) bool {
			return !slices.ContainsFunc(scopes, func(name string) bool { return !perm.HasScope(set, name) })
		}
		if slices.ContainsFunc(op.Scopes, open) {
			out = append(out, op.Method+" "+op.Template)
		}
	}
	return out, nil
}
