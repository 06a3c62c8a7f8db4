package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
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
	var h head
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of fetch are malformed").Because(err)
	}
	started := c.broker.cfg.Now()
	d := Decision{
		ReasonID: uuid.NewString(), Install: p.Install, Site: p.Site, App: p.App, Version: p.Version, Epoch: p.Epoch,
		Invocation: c.call.ID, Type: string(perm.Backend), Sent: int64(len(req.Body)),
	}
	reply, err := c.fetch(ctx, p, h, req.Body, &d)
	d.Took = c.broker.cfg.Now().Sub(started)
	if err != nil {
		d.Code = fault.CodeOf(err)
	}
	c.broker.tell(ctx, d)
	return reply, err
}

func (c *caller) fetch(ctx context.Context, p *call.Policy, h head, body []byte, d *Decision) (call.Reply, error) {
	b := c.broker
	v := b.decide(p, h.URL)
	d.Origin, d.Rule, d.Reason = v.origin, v.rule, v.reason
	if !v.allow {
		return call.Reply{}, denied(*d, v.by)
	}
	d.AllowedBy = v.by
	m, err := method(h.Method)
	if err != nil {
		return call.Reply{}, refused(err, d)
	}
	d.Method = m
	header, err := requestHeaders(h.Headers)
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
	release, err := b.budgets.take(ctx, p.Install)
	if err != nil {
		return call.Reply{}, refused(err, d)
	}
	defer release()
	d.Allow = true
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
	reply, err := c.send(r.WithContext(ctx), p, v.url, h.Raw, d)
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
func (c *caller) send(r *http.Request, p *call.Policy, u hostrule.URL, raw bool, d *Decision) (call.Reply, error) {
	d.ReachedAddr = true
	res, err := c.broker.cfg.Network.Transport(netguard.App, string(p.Install)).RoundTrip(r)
	if err != nil {
		return call.Reply{}, err
	}
	defer res.Body.Close()
	d.Status = res.StatusCode
	if res.StatusCode < 200 {
		return call.Reply{}, fault.New(fault.Unavailable, "FETCH_FAILED", "the answer of %s switches protocols", d.Origin)
	}
	limit := c.broker.cfg.MaxBody
	if res.ContentLength > limit {
		return call.Reply{}, bodyTooLarge(limit)
	}
	headers := responseHeaders(res.Header, raw)
	if len(headers) > maxHeaders {
		return call.Reply{}, fault.New(fault.Limit, "LIMIT_RESPONSE_HEADERS", "an answer may have %d headers", maxHeaders).With("limit", "response headers").With("figure", maxHeaders)
	}
	wire := &counted{r: res.Body, limit: limit}
	body, err := readBody(wire, strings.Join(res.Header["Content-Encoding"], ", "), limit)
	d.Got = wire.n
	if errors.Is(err, errTooLarge) {
		return call.Reply{}, bodyTooLarge(limit)
	}
	if err != nil {
		return call.Reply{}, err
	}
	out, err := json.Marshal(replyHead{
		Status:     res.StatusCode,
		StatusText: fromLatin1(strings.TrimSpace(strings.TrimPrefix(res.Status, strconv.Itoa(res.StatusCode)))),
		Headers:    headers,
		URL:        u.String(),
	})
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: out, Body: body}, nil
}

// failed turns a failed exchange into what the app may know of it. A refused address
// is a refusal like any other: same code, and nothing about the address.
func (c *caller) failed(err error, d *Decision, timeout time.Duration) error {
	if r, ok := netguard.AsRefusal(err); ok {
		d.Allow, d.ReachedAddr = false, false
		d.Rule, d.Reason = "address", r.Error()
		return denied(*d, "a destination whose addresses are all public").Because(err)
	}
	if f, ok := fault.As(err); ok {
		d.Reason = f.Public
		e := *f
		e.ReasonID = d.ReasonID
		return &e
	}
	d.Reason = err.Error()
	var e *fault.Error
	switch {
	case errors.Is(err, context.Canceled):
		e = fault.New(fault.Unavailable, "FETCH_ABORTED", "the request to %s was given up", d.Origin)
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		e = fault.New(fault.Unavailable, "FETCH_TIMEOUT", "%s did not answer within %s", d.Origin, timeout).With("timeoutMs", timeout.Milliseconds())
	case headTooLarge(err):
		e = fault.New(fault.Limit, "LIMIT_RESPONSE_HEADERS", "an answer's head may have %d bytes", netguard.MaxResponseHead).With("limit", "response header bytes").With("figure", netguard.MaxResponseHead)
	default:
		cause := causeOf(err)
		e = fault.New(fault.Unavailable, "FETCH_FAILED", "the request to %s failed: %s", d.Origin, causeWords[cause]).With("cause", cause)
	}
	e.ReasonID = d.ReasonID
	return e.Because(err)
}

// headTooLarge knows the errors of net/http for a head over the transport's limit; they
// have no type.
func headTooLarge(err error) bool {
	text := err.Error()
	return strings.Contains(text, "response headers exceeded") || strings.Contains(text, "too many 1xx") || strings.Contains(text, "header list")
}

var causeWords = map[string]string{
	"dns":        "the name has no address",
	"tls":        "the server's certificate or TLS is not acceptable",
	"connection": "the connection was refused or broken",
	"protocol":   "the answer is not valid HTTP",
}

// causeOf is what a developer may know of a failed request to a public destination.
func causeOf(err error) string {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
		alrt tls.AlertError
		op   *net.OpError
	)
	switch {
	case errors.As(err, &dns):
		return "dns"
	case errors.As(err, &cert), errors.As(err, &rec), errors.As(err, &alrt):
		return "tls"
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection"
	default:
		return "protocol"
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// refused gives an error of the broker's own rules the decision's reason id.
func refused(err error, d *Decision) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	d.Rule, d.Reason = strings.ToLower(f.Code), f.Public
	e := *f
	e.ReasonID = d.ReasonID
	return &e
}

// tell writes the one line of the decision and hands it on.
func (b *Broker) tell(ctx context.Context, d Decision) {
	b.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "CANONICAL-EGRESS-DECISION",
		slog.String("reason_id", d.ReasonID), slog.Bool("allow", d.Allow), slog.String("rule", d.Rule), slog.String("reason", d.Reason),
		slog.String("install", string(d.Install)), slog.String("site", string(d.Site)), slog.String("app", string(d.App)),
		slog.String("version", string(d.Version)), slog.Uint64("epoch", d.Epoch), slog.String("invocation", string(d.Invocation)),
		slog.String("type", d.Type), slog.String("method", d.Method), slog.String("origin", d.Origin), slog.String("allowed_by", d.AllowedBy),
		slog.Int("status", d.Status), slog.String("code", d.Code), slog.Int64("sent", d.Sent), slog.Int64("got", d.Got),
		slog.Duration("took", d.Took))
	if b.cfg.Decisions == nil {
		return
	}
	if d.Allow {
		b.cfg.Decisions.Allowed(ctx, d)
	} else {
		b.cfg.Decisions.Denied(ctx, d)
	}
}
