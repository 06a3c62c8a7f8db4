package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// caller makes the requests of one call.
type caller struct {
	broker    *Broker
	call      *call.Call
	allowance *allowance
}

// head is the request as the SDK writes it. There is no option that loosens TLS,
// picks an address or names a proxy: unknown members are ignored.
type head struct {
	URL       string      `json:"url"`
	Method    string      `json:"method"`
	Headers   [][2]string `json:"headers"`
	TimeoutMs int64       `json:"timeoutMs"`
	// Raw asks for the answer's cookies too.
	Raw bool `json:"raw"`
	// Pieces says that the answer is taken piece by piece where it is long.
	Pieces bool `json:"pieces"`
}

type replyHead struct {
	Status     int         `json:"status"`
	Body       uint32      `json:"body,omitempty"` // by what the rest is asked for; stands second
	StatusText string      `json:"statusText"`
	Headers    [][2]string `json:"headers"`
	URL        string      `json:"url"`
}

// serve answers one fetch: decide, send, and tell both the app and the log under one
// reason id.
func (c *caller) serve(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	if req.Method == bodyMethod {
		return c.allowance.answers.Next(ctx, p, req)
	}
	started := c.broker.cfg.Now()
	d := decision(p, c.call, "fetch")
	d.Type, d.Sent = string(typeOf(c.call.Kind)), int64(len(req.Body))
	var reply call.Reply
	var h head
	err := json.Unmarshal(req.Head, &h)
	if err != nil {
		err = refused(fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of fetch are malformed").Because(err), &d)
	} else {
		reply, err = c.fetch(ctx, p, h, req, &d)
	}
	d.Took = c.broker.cfg.Now().Sub(started)
	req.Afterwards(func() { c.told(ctx, &d, err) })
	return reply, err
}

func (c *caller) told(ctx context.Context, d *Decision, err error) {
	if err != nil {
		d.Code = fault.CodeOf(err)
		if f, ok := fault.As(err); ok {
			d.Fix = f.Fix
		}
	}
	c.broker.tell(ctx, *d)
}

func (c *caller) fetch(ctx context.Context, p *call.Policy, h head, req call.Request, d *Decision) (call.Reply, error) {
	typ := typeOf(c.call.Kind)
	v := c.broker.decide(p, typ, h.URL)
	d.Origin, d.Rule, d.Reason = v.origin, v.rule, v.reason
	d.Matched, d.Missed = v.matched, v.missed
	d.Scheme, d.Host, d.Port = v.url.Scheme, v.url.Host, v.url.Port
	d.Mints, d.Clear = perm.Minting(p.Declares(), v.url)
	minted := v.allow && perm.MintsTokens(p.Set, v.url)
	if !v.allow || minted {
		d.Never = c.broker.malformed(h.Method, h.Headers, len(req.Body))
	}
	if !v.allow {
		return call.Reply{}, denied(*d, v.by)
	}
	d.AllowedBy = v.by
	if minted {
		d.Rule, d.Reason = "provider-token-endpoint", "credentials of a provider are given out there"
		return call.Reply{}, denied(*d, "nothing: an app uses a provider's credentials and never holds them")
	}
	header, err := exchange.RequestHeaders(h.Headers)
	if err != nil {
		return call.Reply{}, refused(err, d)
	}
	a, err := c.leave(ctx, p, outgoing{
		url: v.url, method: h.Method, header: header, body: req.Body, raw: h.Raw, room: req.Room,
		timeout: time.Duration(h.TimeoutMs) * time.Millisecond,
		may:     func(now *call.Policy) bool { return now.Rules.AllowsURL(now.Set, typ, v.url).Allow },
	}, d)
	if err != nil {
		return call.Reply{}, err
	}
	return replyOf(a.Answer, v.url)
}

// malformed reports whether a request is refused for what it is, whatever a policy says.
func (b *Broker) malformed(method string, headers [][2]string, body int) bool {
	_, err := exchange.Method(method)
	if err == nil {
		_, err = exchange.RequestHeaders(headers)
	}
	return err != nil || int64(body) > b.cfg.MaxBody
}

// outgoing is a request to a destination that was decided about.
type outgoing struct {
	url     hostrule.URL
	method  string
	header  http.Header
	body    []byte
	raw     bool // with the answer's cookies
	timeout time.Duration
	room    call.Room
	lasting call.Room // for an answer that is taken piece by piece; nil where it is held whole
	// inject puts in what the app may not set, secrets what must not come back; see Destination.
	inject  func(*http.Request) error
	secrets [][]byte
	opened  *call.Network // the private network that the request goes into, nil for none
	as      *netguard.Identity
	// may reports whether a later policy admits the request; nil for what no policy ends.
	may   func(p *call.Policy) bool
	still func(ctx context.Context) error // see Destination
}

// leave checks what is left to check, takes the request out of its budgets and makes it.
func (c *caller) leave(ctx context.Context, p *call.Policy, o outgoing, d *Decision) (a answer, err error) {
	b := c.broker
	if d.Method, err = exchange.Method(o.method); err != nil {
		return a, refused(err, d)
	}
	if int64(len(o.body)) > b.cfg.MaxBody {
		return a, refused(fault.New(fault.Limit, "LIMIT_REQUEST_BODY", "a request may have a body of %d bytes", b.cfg.MaxBody).
			With("limit", "request body").With("figure", b.cfg.MaxBody), d)
	}
	if err := c.allowance.take(b.cfg.PerMinute, b.cfg.Now()); err != nil {
		return a, refused(err, d)
	}
	if b.cfg.Quota != nil {
		if err := b.cfg.Quota(p); err != nil {
			return a, refused(err, d)
		}
	}
	timeout := b.timeout(c.call.Kind)
	if o.timeout > 0 && o.timeout < timeout {
		timeout = o.timeout
	}
	j := &journey{}
	defer func() {
		if a.rest == nil {
			j.end()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	j.until(cancel)
	broken := func(err error) error { return err }
	if o.may != nil {
		under, end := context.WithCancelCause(ctx)
		j.until(func() { end(nil) })
		j.until(b.lifted(p, &flight{o.may, end}))
		broken = func(err error) error { return c.cutOff(under, err, d) }
		defer func() {
			if err != nil {
				err = broken(err)
			}
		}()
		ctx = under
		if cause := context.Cause(ctx); errors.Is(cause, errOver) || errors.Is(cause, errTakenAway) {
			return a, cause
		}
	}
	release, err := b.budgets.take(ctx, p.Install, d)
	if err != nil {
		return a, refused(err, d)
	}
	j.until(release)
	r := &http.Request{
		Method: d.Method, URL: requestURL(o.url), Host: hostHeader(o.url), Header: o.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(o.body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(o.body)), int64(len(o.body))
	}
	if err := o.put(r); err != nil {
		return a, refused(err, d)
	}
	d.Allow = true
	if err := b.intend(ctx, d, o.body); err != nil {
		return a, err
	}
	if a, err = c.send(ctx, r, p, o, d); err != nil {
		return a, c.failed(err, d, timeout)
	}
	if a.rest != nil {
		a.rest.failed = func(err error) error { return broken(c.failed(err, d, timeout)) }
		a.rest.d, a.rest.may, a.rest.besides, a.rest.journey, a.rest.giveUp = d, o.may, o.still, j, cancel
	}
	return a, nil
}

// journey is what a request takes as long as it is under way.
type journey struct{ taken []func() }

func (j *journey) until(give func()) { j.taken = append(j.taken, give) }

// end gives all of it back, the last first.
func (j *journey) end() {
	for _, give := range slices.Backward(j.taken) {
		give()
	}
}

// put lets inject work on the request; where it goes to stays what was decided.
func (o outgoing) put(r *http.Request) error {
	if o.inject == nil {
		return nil
	}
	if err := o.inject(r); err != nil {
		return err
	}
	if r.URL.Scheme != o.url.Scheme || r.URL.Host != hostHeader(o.url) || r.Host != hostHeader(o.url) || r.URL.User != nil {
		return fault.New(fault.Internal, "DESTINATION_CHANGED", "a credential would have changed where the request goes")
	}
	return nil
}

// requestURL builds the request from the tuple that was decided about; the app's
// string is not read again. Opaque keeps the path's escapes exactly as they were.
func requestURL(u hostrule.URL) *url.URL {
	out := &url.URL{Scheme: u.Scheme, Host: hostHeader(u), Path: u.Path, RawQuery: strings.TrimPrefix(u.Query, "?"), ForceQuery: u.Query == "?"}
	if parsed, err := url.ParseRequestURI(u.Path); err == nil && parsed.Host == "" {
		out.Path, out.RawPath = parsed.Path, parsed.RawPath
	}
	return out
}

func hostHeader(u hostrule.URL) string { return strings.TrimPrefix(u.Origin(), u.Scheme+"://") }

// send makes the one exchange and reads the answer within its limits; of one that is taken
// piece by piece, the first piece.
func (c *caller) send(ctx context.Context, r *http.Request, p *call.Policy, o outgoing, d *Decision) (a answer, err error) {
	rt := c.way(string(p.Install), o)
	with := exchange.Options{
		Name: d.Origin, MaxBody: c.broker.cfg.MaxBody, Slow: c.broker.cfg.Slow, Cookies: o.raw, Room: o.room, Secrets: o.secrets,
	}
	if k := c.inPieces(p, o); k != nil {
		a, err = c.begin(ctx, rt, r, with, k)
	} else {
		a.Answer, err = exchange.Do(ctx, rt, r, with)
	}
	d.Status, d.Received, d.Echoes = a.Status, a.Received, a.Echoes
	if a.Status != 0 {
		if d.AddressClass = netguard.Public.Class(); o.opened != nil {
			d.AddressClass = "granted-network"
		}
	}
	return a, err
}

// way is by which connections a request goes.
func (c *caller) way(tenant string, o outgoing) http.RoundTripper {
	var into *netguard.Opening
	if n := o.opened; n != nil {
		into = &netguard.Opening{Host: n.Host, Port: n.Port, CIDR: n.CIDR, CA: n.CA}
	}
	switch network := c.broker.cfg.Network; {
	case o.as != nil:
		return network.IdentifiedTransport(tenant, into, *o.as)
	case into != nil:
		return network.PrivateTransport(tenant, *into)
	default:
		return network.Transport(netguard.App, tenant)
	}
}

func replyOf(a exchange.Answer, u hostrule.URL) (call.Reply, error) {
	out, err := json.Marshal(replyHead{Status: a.Status, StatusText: a.StatusText, Headers: a.Headers, URL: u.String()})
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: out, Body: a.Body}, nil
}
