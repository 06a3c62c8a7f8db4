package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// failed turns a failed exchange into what the app may know of it. A refused address
// is a refusal like any other: same code, and nothing about the address.
func (c *caller) failed(err error, d *Decision, timeout time.Duration) error {
	if r, ok := netguard.AsRefusal(err); ok {
		d.Allow = false
		d.Rule, d.Reason, d.AddressClass = "address", r.Error(), r.Verdict.Class()
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
		cause, detail := causeOf(err)
		e = fault.New(fault.Unavailable, "FETCH_FAILED", "the request to %s failed: %s", d.Origin, causeWords[cmp.Or(detail, cause)]).With("cause", cause)
		if detail != "" {
			e = e.With("detail", detail)
		}
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

// causeWords are the words of causes and, where one has them, of its details.
var causeWords = map[string]string{
	"dns":        "the name has no address",
	"tls":        "no TLS connection could be made",
	"connection": "the connection was refused or broken",
	"protocol":   "the answer is not valid HTTP",

	"certificate-expired":   "the server's certificate has expired, or is not valid yet",
	"certificate-name":      "the server's certificate is for another name",
	"certificate-authority": "the server's certificate is not signed by an authority that this server trusts",
	"certificate":           "the server's certificate is not acceptable",
	"handshake":             "the server offers no TLS version from 1.2 on, or refused the handshake",
	"no-tls":                "the server does not speak TLS",
}

// causeOf is what a developer may know of a failed request to a public destination.
func causeOf(err error) (cause, detail string) {
	var (
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		rec     tls.RecordHeaderError
		op      *net.OpError
		expired x509.CertificateInvalidError
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &dns):
		return "dns", ""
	case errors.As(err, &name):
		return "tls", "certificate-name"
	case errors.As(err, &unknown):
		return "tls", "certificate-authority"
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "tls", "certificate-expired"
	case errors.As(err, &cert), errors.As(err, &expired):
		return "tls", "certificate"
	case errors.As(err, &rec), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "tls", "no-tls"
	case strings.Contains(err.Error(), "tls: "): // most of crypto/tls's errors have no type
		return "tls", "handshake"
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), lostConnection(err):
		return "connection", ""
	default:
		return "protocol", ""
	}
}

// lostConnection knows the errors of net/http for a connection that ended early; they
// have no type.
func lostConnection(err error) bool {
	text := err.Error()
	if strings.Contains(text, "PROTOCOL_ERROR") {
		return false
	}
	for _, sign := range []string{"server closed idle connection", "client connection lost", "GOAWAY", "stream error", "connection force closed"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
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
