package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// caller makes the requests of one call.
type caller struct {
	broker    *Broker
	call      *call.Call
	began     time.Time
	allowance allowance
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
}

type replyHead struct {
	Status     int         `json:"status"`
	StatusText string      `json:"statusText"`
	Headers    [][2]string `json:"headers"`
	URL        string      `json:"url"`
}

// serve answers one fetch: decide, send, and tell both the app and the log under one
// reason id.
func (c *caller) serve(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
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
	if err != nil {
		d.Code = fault.CodeOf(err)
	}
	c.broker.tell(ctx, d)
	return reply, err
}

func (c *caller) fetch(ctx context.Context, p *call.Policy, h head, req call.Request, d *Decision) (call.Reply, error) {
	b, body := c.broker, req.Body
	v := b.decide(p, typeOf(c.call.Kind), h.URL)
	d.Origin, d.Rule, d.Reason = v.origin, v.rule, v.reason
	d.Scheme, d.Host, d.Port = v.url.Scheme, v.url.Host, v.url.Port
	if !v.allow {
		return call.Reply{}, denied(*d, v.by)
	}
	d.AllowedBy, d.Matched = v.by, v.matched
	m, err := exchange.Method(h.Method)
	if err != nil {
		return call.Reply{}, refused(err, d)
	}
	d.Method = m
	header, err := exchange.RequestHeaders(h.Headers)
	if err != nil {
		return call.Reply{}, refused(err, d)
	}
	if int64(len(body)) > b.cfg.MaxBody {
		return call.Reply{}, refused(fault.New(fault.Limit, "LIMIT_REQUEST_BODY", "a request may have a body of %d bytes", b.cfg.MaxBody).
			With("limit", "request body").With("figure", b.cfg.MaxBody), d)
	}
	if err := c.allowance.take(b.cfg.PerMinute, b.cfg.Now().Sub(c.began)); err != nil {
		return call.Reply{}, refused(err, d)
	}
	timeout := b.timeout(c.call.Kind)
	if asked := time.Duration(h.TimeoutMs) * time.Millisecond; asked > 0 && asked < timeout {
		timeout = asked
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	release, err := b.budgets.take(ctx, p.Install, d)
	if err != nil {
		return call.Reply{}, refused(err, d)
	}
	defer release()
	d.Allow = true
	if err := b.intend(ctx, d, body); err != nil {
		return call.Reply{}, err
	}
	r := &http.Request{
		Method: m,
		URL:    requestURL(v.url),
		Host:   hostHeader(v.url),
		Header: header,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	reply, err := c.send(ctx, r, p, v.url, h.Raw, req.Room, d)
	if err != nil {
		return call.Reply{}, c.failed(err, d, timeout)
	}
	return reply, nil
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

// send makes the one exchange and reads the answer within its limits.
func (c *caller) send(ctx context.Context, r *http.Request, p *call.Policy, u hostrule.URL, raw bool, room call.Room, d *Decision) (call.Reply, error) {
	rt := c.broker.cfg.Network.Transport(netguard.App, string(p.Install))
	a, err := exchange.Do(ctx, rt, r, exchange.Options{Name: d.Origin, MaxBody: c.broker.cfg.MaxBody, Slow: c.broker.cfg.Slow, Cookies: raw, Room: room})
	d.Status, d.Received = a.Status, a.Received
	if a.Status != 0 {
		d.AddressClass = netguard.Public.Class()
	}
	if err != nil {
		return call.Reply{}, err
	}
	out, err := json.Marshal(replyHead{Status: a.Status, StatusText: a.StatusText, Headers: a.Headers, URL: u.String()})
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: out, Body: a.Body}, nil
}
