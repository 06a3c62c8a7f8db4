package egress

import (
	"context"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
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
	Ask      Ask
	Rule     string // that refused it
	// Never says that it would be refused with the provider too, Keyed that there is a
	// credential for it.
	Never, Keyed bool
}

// Refused takes down an attempt as every other request that was refused, and gives err with
// the reason id under which it is.
func (b *Broker) Refused(ctx context.Context, p *call.Policy, c *call.Call, a Attempt, err error) error {
	d := decision(p, c, a.Kind)
	d.Key, d.Endpoint, d.Remote, d.Type = key(a.Key), key(a.Endpoint), key(a.Remote), strings.ToUpper(a.Kind)
	d.Origin, d.Sent, d.Rule, d.Keyed = a.Origin, int64(len(a.Ask.Body)), a.Rule, a.Keyed
	d.Method, _ = exchange.Method(a.Ask.Method) //nolint:errcheck // "" where it is none
	u, fits := a.would(p)
	if d.Never = a.Never || !fits || b.malformed(a.Ask.Method, a.Ask.Headers, len(a.Ask.Body)); fits {
		d.Mints, d.Clear = perm.Minting(p.Declares(), u)
	}
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

// would is where the request would go with all that is declared, the zero URL where that has
// no address yet; fits is false for a path that no address has.
func (a Attempt) would(p *call.Policy) (u hostrule.URL, fits bool) {
	join, remote := hostrule.JoinRoute, a.Key
	if a.Kind == ToProvider {
		join, remote = hostrule.JoinPath, a.Remote
	} else if a.Endpoint != "" {
		e, _ := perm.EndpointOf(p.Declares(), a.Endpoint)
		remote = e.Remote
	}
	base, err := hostrule.ParsePrivateURL(perm.URLOf(p.Declares(), remote))
	if err != nil {
		base, _ = hostrule.ParseBaseURL("https://somewhere.example.com") //nolint:errcheck // it is one
		_, err = join(base, a.Ask.Path)
		return hostrule.URL{}, err == nil
	}
	u, err = join(base, a.Ask.Path)
	return u, err == nil
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
