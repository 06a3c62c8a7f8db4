package egress

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// The kinds of a Destination.
const (
	ToRemote   = "remote"
	ToProvider = "provider"
)

// Destination is the one scheme, host and port to which a request may go because a remote
// or a provider names it. The policy is asked afresh at each request: a base that it does
// not name for the remote is refused.
type Destination struct {
	Kind string // ToRemote or ToProvider
	// Key is the remote's, or the provider's; then Remote is the key of its remote.
	Key, Remote string
	// Endpoint is the key of the module that names the remote, "" where the app did.
	Endpoint string
	// Base is the remote's URL. Paths are joined below a remote's; a provider's, whose
	// documentation says so, are resolved against it as links are, within its host.
	Base hostrule.URL
	// Inject puts into the request what the app does not set, after everything else was
	// decided. It cannot change where the request goes. The headers Authorization and
	// Cookie are its alone.
	Inject func(*http.Request) error
	// Secrets are what Inject puts in; they are taken out of the answer where they are found.
	Secrets [][]byte
	// As is the certificate that its connections are made with, nil for none. They lead to the
	// host and port of Base alone.
	As *netguard.Identity
	// Still says why no further piece of a long answer may be given, beside the policy; it may be nil.
	Still func(ctx context.Context) error
	// Mints lets the platform itself ask where a provider gives out credentials.
	Mints bool
}

// Ask is a request without its destination.
type Ask struct {
	Path    string // with its query
	Method  string // GET when ""
	Headers [][2]string
	Body    []byte
	Raw     bool          // with the answer's cookies
	Timeout time.Duration // shortens the call's own; 0 does not
	Room    call.Room     // nil does not bound the answer's memory
	// Lasting is for an answer that is taken piece by piece; nil where it is held whole.
	Lasting call.Room
}

// ReadAsk takes in a request as the SDK writes those of fetch; its url is the path.
func ReadAsk(req call.Request) (Ask, error) {
	var h head
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return Ask{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of fetch are malformed").Because(err)
	}
	ask := Ask{
		Path: h.URL, Method: h.Method, Headers: h.Headers, Body: req.Body, Raw: h.Raw,
		Timeout: time.Duration(h.TimeoutMs) * time.Millisecond, Room: req.Room,
	}
	if h.Pieces {
		ask.Lasting = req.Lasting
	}
	return ask, nil
}

// Pinned makes one request to a destination that a remote or a provider names, and to no
// other: no pattern admits one, and a redirect goes back to whoever asked. It is in every
// other way a fetch, with the budgets, limits and decision line of one, within the same
// allowance of the call c. Errors are those of fetch.
func (b *Broker) Pinned(ctx context.Context, p *call.Policy, c *call.Call, to Destination, ask Ask) (call.Reply, error) {
	from, d, told := b.pin(ctx, p, c, to, ask)
	a, u, err := from.pinned(ctx, p, to, ask, d)
	if err != nil {
		told(err)
		return call.Reply{}, err
	}
	return from.given(ctx, a, u, told)
}

// PinnedAnswer is Pinned for the platform's own use of the answer.
func (b *Broker) PinnedAnswer(ctx context.Context, p *call.Policy, c *call.Call, to Destination, ask Ask) (exchange.Answer, error) {
	a, _, err := b.pinned(ctx, p, c, to, ask)
	return a, err
}

func (b *Broker) pinned(ctx context.Context, p *call.Policy, c *call.Call, to Destination, ask Ask) (exchange.Answer, hostrule.URL, error) {
	from, d, told := b.pin(ctx, p, c, to, ask)
	ask.Lasting = nil
	a, u, err := from.pinned(ctx, p, to, ask, d)
	told(err)
	return a.Answer, u, err
}

// pin begins the record of a request; told ends it.
func (b *Broker) pin(ctx context.Context, p *call.Policy, c *call.Call, to Destination, ask Ask) (from *caller, d *Decision, told func(error)) {
	started := b.cfg.Now()
	begun := decision(p, c, to.Kind)
	d = &begun
	d.Key, d.Endpoint, d.Type, d.Sent = to.Key, to.Endpoint, strings.ToUpper(to.Kind), int64(len(ask.Body))
	from = &caller{broker: b, call: c, allowance: b.budgets.ofCall(c, started)}
	return from, d, func(err error) {
		d.Took = b.cfg.Now().Sub(started)
		from.told(context.WithoutCancel(ctx), d, err)
	}
}

func (c *caller) pinned(ctx context.Context, p *call.Policy, to Destination, ask Ask, d *Decision) (a answer, u hostrule.URL, err error) {
	v := c.broker.decidePinned(p, to, ask.Path)
	u = v.url
	d.Origin, d.Rule, d.Reason = v.origin, v.rule, v.reason
	d.Scheme, d.Host, d.Port = u.Scheme, u.Host, u.Port
	if d.Mints, d.Clear = perm.Minting(p.Declares(), u); to.Mints { // the platform may
		d.Mints, d.Clear = nil, perm.MintsAt(p.Declares(), u)
	}
	d.Opened = v.opened != nil && netguard.Classify(v.opened.CIDR.Addr()) != netguard.Public
	if !v.allow {
		d.Never = c.broker.malformed(ask.Method, ask.Headers, len(ask.Body))
		return a, u, denied(*d, v.by)
	}
	d.AllowedBy = v.by
	header, err := exchange.RequestHeaders(ask.Headers)
	if err != nil {
		return a, u, refused(err, d)
	}
	if to.Inject != nil {
		header.Del("Authorization")
		header.Del("Cookie")
	}
	a, err = c.leave(ctx, p, outgoing{
		url: u, method: ask.Method, header: header, body: ask.Body, raw: ask.Raw, timeout: ask.Timeout, room: ask.Room, lasting: ask.Lasting, still: to.Still,
		inject: to.Inject, secrets: to.Secrets, opened: v.opened, as: to.As, may: c.broker.mayPinned(to, ask.Path, v.opened),
	}, d)
	return a, u, err
}

// mayPinned is what ends a request to a destination that has a name. What the platform asks for
// itself goes on: it is how credentials are withdrawn when an installation ends.
func (b *Broker) mayPinned(to Destination, path string, opened *call.Network) func(*call.Policy) bool {
	if to.Mints {
		return nil
	}
	return func(now *call.Policy) bool {
		v := b.decidePinned(now, to, path)
		return v.allow && (v.opened == nil) == (opened == nil)
	}
}

// decidePinned is decide for a destination that has a name.
func (b *Broker) decidePinned(p *call.Policy, to Destination, path string) verdict {
	by, named := "remotes: "+to.Key, perm.PinnedRemote(p.Set, to.Key, to.Base)
	join := hostrule.JoinRoute
	if to.Kind == ToProvider {
		by, named = "providers.auth: "+to.Key+", remotes: "+to.Remote, perm.PinnedProvider(p.Set, to.Key, to.Remote, to.Base)
		join = hostrule.JoinPath
	}
	u, err := join(to.Base, path)
	if err != nil {
		v := refusedURL(err)
		v.origin = to.Base.Origin()
		return v
	}
	v := verdict{url: u, origin: u.Origin(), by: by}
	if to.Kind == ToRemote {
		v.opened = p.NetworkFor(to.Key, u.Host, u.Port, b.cfg.Now())
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || v.opened == nil):
		v.rule, v.reason, v.by = "fetch-scheme", "fetch speaks https only, not "+u.Scheme, "an https address"
	case reserved(b.cfg.Reserved, u.Host):
		v.rule, v.reason, v.by = "reserved-host", "the host belongs to the platform", "nothing: the platform's own hosts are never a destination"
	case !named:
		v.rule, v.reason = "pinned-destination", "the policy does not name this host for the "+to.Kind
	case !to.Mints && perm.MintsTokens(p.Set, u):
		v.rule, v.reason, v.by = "provider-token-endpoint", "credentials of a provider are given out there", "nothing: an app uses a provider's credentials and never holds them"
	default:
		v.allow, v.rule = true, "pinned-destination"
	}
	return v
}
