package product

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// caller makes the requests of one call.
type caller struct {
	gate  *Gate
	call  *call.Call
	began time.Time

	mu      sync.Mutex
	used    int
	answers pieces.Answers      // that are taken piece by piece
	sending map[uint32]*sending // bodies that are given piece by piece
	sent    uint32              // how many there were
}

// serve answers one request: decide, send, and tell the app and the log under one reason id.
func (c *caller) serve(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	switch req.Method {
	case bodyMethod:
		return c.answers.Next(ctx, p, req)
	case sendMethod:
		return c.give(ctx, p, req)
	}
	if out, ok, err := c.own(ctx, p, req); ok || err != nil {
		return out, err
	}
	started := c.gate.cfg.Now()
	d := c.decision(p, &req)
	var r sent
	r.out, r.body, r.err = c.request(ctx, p, &req, d)
	return c.finish(ctx, req, d, started, r)
}

// decision is what is known of a request before it is decided about.
func (c *caller) decision(p *call.Policy, req *call.Request) *Decision {
	return &Decision{
		ReasonID: uuid.NewString(), Install: p.Install, Site: p.Site, App: p.App, Version: p.Version, Epoch: p.Epoch,
		Invocation: c.call.ID, Function: c.call.Function, Actor: c.call.Principal, As: asApp, Sent: max(int64(len(req.Body)), req.Size),
	}
}

// finish gives what came of a request to the host call that waits for it, and tells of it.
func (c *caller) finish(ctx context.Context, req call.Request, d *Decision, started time.Time, r sent) (call.Reply, error) {
	tell := func(err error) {
		if err != nil {
			d.Code = fault.CodeOf(err)
			if f, ok := fault.As(err); ok {
				d.Fix = f.Fix
			}
		}
		if r.body != nil {
			r.body.count(d)
		}
		c.gate.tell(context.WithoutCancel(ctx), *d)
	}
	if b, ok := r.out.Stream.(*answerBody); ok {
		// What came of it is known when the answer has been passed on.
		after := req.Afterwards
		b.failed = func(err error) error { return failed(err, d, b.timeout) }
		b.end = func(received int64) {
			d.Received, d.Took = received, c.gate.cfg.Now().Sub(started)
			after(func() { tell(b.err) })
		}
		if b.underway == nil {
			return r.out, nil
		}
		b.underway.as, b.underway.alone = d.As, func() { after = func(do func()) { do() } }
		return c.begin(ctx, req, r.out, b.underway)
	}
	d.Took = c.gate.cfg.Now().Sub(started)
	req.Afterwards(func() { tell(r.err) })
	if refused, ok := reply(r.err, ""); ok {
		return refused, nil
	}
	return r.out, r.err
}

func (c *caller) request(ctx context.Context, p *call.Policy, req *call.Request, d *Decision) (out call.Reply, sent *sentBody, err error) {
	cfg := &c.gate.cfg
	h, err := readHead(req.Head)
	if err != nil {
		return out, nil, deny(d, "invalid-argument", fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of the request are malformed").Because(err))
	}
	if d.Method, err = exchange.Method(h.Method); err != nil {
		return out, nil, deny(d, "method", err)
	}
	if max(int64(len(req.Body)), req.Size) > cfg.MaxBody {
		return out, nil, deny(d, "limit", requestTooLarge(cfg.MaxBody))
	}
	if err := c.take(p); err != nil {
		return out, nil, deny(d, "limit", err)
	}
	var let *pass
	if req.Method == graphMethod {
		err := whole(req, cfg.MaxBody)
		if err == nil {
			err = room(req.Room, 2*len(req.Body)) // what is read of it, and what is written anew
		}
		if err != nil {
			return out, nil, deny(d, "limit", err)
		}
		if let, req.Body, err = c.admitGraph(ctx, p, &h, req.Body, d); err != nil {
			return out, nil, err
		}
	} else if let, err = c.admit(ctx, p, &h, d); err != nil {
		return out, nil, err
	}
	if s, ok := req.Stream.(*sending); ok {
		s.let = let
	}
	r, sent, err := c.build(let, &h, req, d)
	if err != nil {
		return out, nil, err
	}
	credential, err := cfg.Credentials.Credential(ctx, let.api, Ask{Policy: let.policy, User: let.user.User, Scopes: let.scopes})
	if err != nil {
		return out, nil, deny(d, "credential", err)
	}
	r.Header.Set(credential.Header, credential.Value)
	d.Allow, d.Sent, d.Streamed = true, max(int64(len(req.Body)), r.ContentLength), sent != nil
	if err := c.gate.intend(ctx, d, req.Body); err != nil {
		return out, nil, err
	}
	if sent != nil && d.receipt != nil {
		sent.hash = d.receipt.Hash()
	}
	out, err = c.send(ctx, let, r, req, &h, credential.Secret, d)
	if sent != nil && sent.failed() != nil {
		// Whatever it answered, the product was not asked what the app wanted to ask.
		if b, ok := out.Stream.(*answerBody); ok {
			b.end = func(received int64) { d.Received = received }
			_ = b.Close()
			if b.underway != nil {
				c.notOpened(b.underway.room)
			}
		}
		out, err = call.Reply{}, deny(d, "request", sent.failed())
		if fault.KindOf(err) == fault.Denied {
			err = answer(d, err)
		}
	}
	return out, sent, err
}

// send makes the request. An answer that streams goes on after it has returned.
func (c *caller) send(ctx context.Context, let *pass, r *http.Request, req *call.Request, h *head, secret string, d *Decision) (out call.Reply, err error) {
	cfg := &c.gate.cfg
	timeout := cfg.timeout(c.call.Kind, h.TimeoutMs)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	transport := cfg.Network.Transport(netguard.Operator, string(let.policy.Install))
	o := exchange.Options{Name: string(let.api.Product), MaxBody: cfg.MaxBody, Slow: cfg.Slow, Room: req.Room}
	room := c.inPieces(req, h)
	if room == nil && !req.Streams {
		defer cancel()
		a, err := exchange.Do(ctx, transport, r, o)
		d.Status, d.Received = a.Status, a.Received
		if err != nil {
			return call.Reply{}, failed(withoutSecret(err, secret), d, timeout)
		}
		return let.reply(a, secret, req.Room)
	}
	if room != nil {
		o.Room = room
		defer func() {
			if err != nil {
				c.notOpened(room)
			}
		}()
	}
	a, body, err := exchange.Open(ctx, transport, r, o)
	d.Status = a.Status
	if err != nil {
		cancel()
		return call.Reply{}, failed(withoutSecret(err, secret), d, timeout)
	}
	out, err = let.reply(a, secret, req.Room)
	if err != nil {
		_ = body.Close()
		cancel()
		return call.Reply{}, err
	}
	b := &answerBody{body: body, clean: &cleaner{r: body, secret: []byte(secret)}, cancel: cancel, timeout: timeout, secret: secret}
	if room != nil {
		b.underway = &underway{body: b, let: let, room: room}
	}
	out.Stream = b
	return out, nil
}

// room takes n bytes of the call's room for what is made of a body; they are given back
// when the answer has been delivered.
func room(r call.Room, n int) error {
	if r == nil || n == 0 {
		return nil
	}
	return r.Take(n)
}

func (c *Config) timeout(k call.Kind, askedMs int64) time.Duration {
	timeout := c.Timeout
	if k == call.Queue || k == call.Schedule {
		timeout = c.LongTimeout
	}
	if asked := time.Duration(askedMs) * time.Millisecond; asked > 0 && asked < timeout {
		return asked
	}
	return timeout
}

// take counts one request of the call.
func (c *caller) take(p *call.Policy) error {
	if err := c.takeOfCall(); err != nil || c.gate.cfg.Quota == nil {
		return err
	}
	return c.gate.cfg.Quota(p, c.call.Principal)
}

func (c *caller) takeOfCall() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.gate.cfg.PerMinute
	if minutes := int(c.gate.cfg.Now().Sub(c.began)/time.Minute) + 1; c.used >= limit*minutes {
		return fault.New(fault.Limit, "LIMIT_PRODUCT_REQUESTS", "a call may make %d product requests per started minute", limit).
			With("limit", "product requests per started minute").With("figure", limit)
	}
	c.used++
	return nil
}

// build writes the request that leaves from what was decided about, not from what the
// app wrote: declared parameters and headers, the path that was found, nothing else.
func (c *caller) build(let *pass, h *head, req *call.Request, d *Decision) (*http.Request, *sentBody, error) {
	header, err := exchange.RequestHeaders(h.Headers)
	if err != nil {
		return nil, nil, deny(d, "header", err)
	}
	screened, err := screen(let, header, req, c.gate.cfg.MaxBody)
	if err != nil {
		return nil, nil, answer(d, err)
	}
	if err := c.contacts(let, screened.contacts, d); err != nil {
		return nil, nil, err
	}
	target := *let.api.BaseURL
	escaped := strings.TrimSuffix(target.EscapedPath(), "/") + let.path
	if target.Path, err = url.PathUnescape(escaped); err != nil {
		return nil, nil, answer(d, closed("PATH_REFUSED", "the path of the request is malformed"))
	}
	target.RawPath, target.RawQuery = escaped, screened.query
	r := &http.Request{Method: d.Method, URL: &target, Host: target.Host, Header: screened.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if screened.stream != nil {
		sent := &sentBody{r: screened.stream, limit: c.gate.cfg.MaxBody}
		r.Body, r.ContentLength = sent, req.Size
		return r, sent, nil
	}
	if len(req.Body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(req.Body)), int64(len(req.Body))
	}
	return r, nil, nil
}

// reply gives the product's answer to the app. A place on the product becomes a path, so
// that the app can ask again; the credential is taken out wherever it was echoed.
func (l *pass) reply(a exchange.Answer, secret string, held call.Room) (call.Reply, error) {
	if secret == "" {
		return call.Reply{}, fault.New(fault.Internal, "CREDENTIAL_WITHOUT_SECRET", "a credential does not say what must not be seen of it")
	}
	for i, kv := range a.Headers {
		if kv[0] == "location" || kv[0] == "content-location" {
			a.Headers[i][1] = l.below(kv[1])
		}
		a.Headers[i][1] = strings.ReplaceAll(a.Headers[i][1], secret, removed)
	}
	body, err := cleaned(a.Body, secret, held)
	if err != nil {
		return call.Reply{}, err
	}
	head := replyHead{Status: a.Status, StatusText: a.StatusText, Headers: a.Headers, URL: l.path}
	return call.Reply{Head: head.appendJSON(make([]byte, 0, 512)), Body: body}, nil
}

const removed = "[removed by Annex]"

// below is a place as a path below the API's base if it is there, else as an absolute URL.
func (l *pass) below(place string) string {
	base := l.api.BaseURL
	asked := *base
	asked.Path, asked.RawPath = base.Path+l.path, ""
	u, err := asked.Parse(place)
	if err != nil {
		return place
	}
	rest, ok := strings.CutPrefix(u.RequestURI(), strings.TrimSuffix(base.EscapedPath(), "/"))
	if u.Scheme == base.Scheme && u.Host == base.Host && ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return u.String()
}

// unsaid is an error whose text quoted the credential: what net/http says of a malformed
// answer quotes the answer, and an answer can echo what was sent.
type unsaid struct {
	error
	text string
}

func (u unsaid) Error() string { return u.text }
func (u unsaid) Unwrap() error { return u.error }

func withoutSecret(err error, secret string) error {
	if text := err.Error(); secret != "" && strings.Contains(text, secret) {
		return unsaid{err, strings.ReplaceAll(text, secret, removed)}
	}
	return err
}

// failed turns a failed exchange into what the app may know of it.
func failed(err error, d *Decision, timeout time.Duration) error {
	if f, ok := fault.As(err); ok {
		return deny(d, "answer", f)
	}
	d.Reason = err.Error()
	e := fault.New(fault.Unavailable, "PRODUCT_UNAVAILABLE", "the product does not answer").WithFix("try again later")
	var t interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout() {
		e = fault.New(fault.Unavailable, "PRODUCT_TIMEOUT", "the product did not answer within %s", timeout).With("timeoutMs", timeout.Milliseconds())
	}
	e.ReasonID, d.Code = d.ReasonID, e.Code
	return e.Because(err)
}
