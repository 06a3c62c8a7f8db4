package egress

import (
	"context"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/exchange"
)

// Attempt is a request of which nothing is sent, because what it was to go through is not
// there for the app: a remote or a provider that is not granted, or has no address.
type Attempt struct {
	Kind     string // ToRemote or ToProvider
	Key      string // as the app says it
	Endpoint string
	Remote   string // of the provider
	Origin   string // where it would go, "" where that is not known
	Method   string
	Bytes    int64
	Rule     string // that refused it
}

// Refused takes down an attempt as every other request that was refused, and gives err with
// the reason id under which it is.
func (b *Broker) Refused(ctx context.Context, p *call.Policy, c *call.Call, a Attempt, err error) error {
	d := decision(p, c, a.Kind)
	d.Key, d.Endpoint, d.Remote, d.Type = key(a.Key), key(a.Endpoint), key(a.Remote), strings.ToUpper(a.Kind)
	d.Origin, d.Sent, d.Rule = a.Origin, a.Bytes, a.Rule
	d.Method, _ = exchange.Method(a.Method) //nolint:errcheck // "" where it is none
	d.Code = fault.CodeOf(err)
	f, ok := fault.As(err)
	if ok {
		marked := *f
		marked.ReasonID, d.Reason, d.Fix = d.ReasonID, f.Public, f.Fix
		err = &marked
	}
	b.tell(ctx, d)
	return err
}

// key is a key that a manifest could hold, or "": what else an app writes in its place is text
// of its own, which is neither counted nor shown.
func key(text string) string {
	if len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return ""
	}
	return text
}
