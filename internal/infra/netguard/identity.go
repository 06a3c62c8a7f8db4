package netguard

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
)

// Identity is a certificate with which one host and port learns who connects.
type Identity struct {
	// Of names the credential and its filling: another one has connections of its own.
	Of string
	// Host and Port are all that its connections may lead to.
	Host string
	Port uint16
	// Certificate is asked at each handshake: the pool keeps no key, and what was taken away
	// makes no connection any more.
	Certificate func(ctx context.Context) (*tls.Certificate, error)
}

// identityKey is an Identity as connections are told apart by it.
type identityKey struct {
	of   string
	host string
	port uint16
}

// IdentifiedTransport is Transport of class App, or PrivateTransport where into is given, for
// one identity of one tenant: no connection that it made serves a request without it, with
// another one, or of another tenant.
func (g *Guard) IdentifiedTransport(tenant string, into *Opening, as Identity) http.RoundTripper {
	key := transportKey{class: App, tenant: tenant, identity: identityKey{as.Of, as.Host, as.Port}}
	if into != nil {
		key.opening = *into
	}
	return g.pooled(key, func(tr *http.Transport) {
		if into != nil {
			g.lead(tr, *into)
		}
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			host, portText, err := net.SplitHostPort(address)
			if err != nil {
				return nil, &Refusal{Class: App, Host: address, Verdict: Invalid}
			}
			if port, err := parsePort(portText); err != nil || port != as.Port || !strings.EqualFold(host, as.Host) {
				return nil, &Refusal{Class: App, Host: host, Verdict: NotConfigured}
			}
			return dial(ctx, network, address)
		}
		// Presented whatever authorities the server names: the admin said that this is the one.
		tr.TLSClientConfig.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return as.Certificate(asked.Context())
		}
	})
}
