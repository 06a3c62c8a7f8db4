package netguard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Opening is a private network that an operator and a site's admin opened together, for
// one host and port: the deny list is lifted for addresses inside CIDR, as far as they can
// be lifted at all, and only for that host and port.
type Opening struct {
	Host string // a name or an address
	Port uint16
	CIDR netip.Prefix
	CA   string // PEM of authorities beside the system's, "" for none
}

// neverLifted are metadata services inside of what is liftable.
var neverLifted = []netip.Prefix{
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba's metadata
	netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("fd20:ce::/32"),
}

var uniqueLocal = netip.MustParsePrefix("fc00::/7")

// Liftable reports whether a grant may open an address at all: what private networks are
// made of, and what is public anyway. Loopback, link-local with its metadata services,
// multicast and every transition form are not; nor is this server (Guard adds that).
func Liftable(addr netip.Addr) bool {
	v := Classify(addr)
	addr = addr.Unmap()
	for _, never := range neverLifted {
		if never.Contains(addr) {
			return false
		}
	}
	return v == Public || v == Private || v == SharedSpace || v == NotGlobalUnicast && uniqueLocal.Contains(addr)
}

// PrivateTransport is Transport of class App for one grant of one tenant; no connection of
// it serves another grant, and no other one serves it.
func (g *Guard) PrivateTransport(tenant string, p Opening) http.RoundTripper {
	return g.pooled(transportKey{class: App, tenant: tenant, opening: p}, func(tr *http.Transport) { g.lead(tr, p) })
}

// lead makes a transport one into a private network.
func (g *Guard) lead(tr *http.Transport, p Opening) {
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		return g.dialPrivate(ctx, p, network, address)
	}
	if p.CA != "" {
		tr.TLSClientConfig.RootCAs = g.roots(tr.TLSClientConfig, p.CA)
	}
}

// roots are the authorities of a host with one of its own.
func (g *Guard) roots(cfg *tls.Config, pem string) *x509.CertPool {
	pool := cfg.RootCAs
	if pool != nil {
		pool = pool.Clone()
	} else if system, err := x509.SystemCertPool(); err == nil {
		pool = system
	} else {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM([]byte(pem)) // what cannot be read trusts nobody more
	return pool
}

// dialPrivate connects to the granted host and port, at an address inside the grant.
func (g *Guard) dialPrivate(ctx context.Context, p Opening, network, address string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Refusal{Class: App, Host: address, Verdict: Invalid}
	}
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, &Refusal{Class: App, Host: host, Verdict: WrongNetwork}
	}
	port, err := parsePort(portText)
	if err != nil || port != p.Port || !strings.EqualFold(host, p.Host) {
		return nil, &Refusal{Class: App, Host: host, Verdict: NotConfigured}
	}
	addrs, err := g.insideOf(ctx, p, strings.ToLower(host))
	if err != nil {
		return nil, err
	}
	verdict := func(addr netip.Addr) Verdict { return g.lifted(p, addr) }
	var failures []error
	for _, addr := range addrs[:min(len(addrs), maxAttempts)] {
		conn, err := g.connect(ctx, host, netip.AddrPortFrom(addr, port), verdict)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("netguard: connect %q: %w", host, errors.Join(failures...))
}

// insideOf resolves the granted host; one address outside of the grant condemns it.
func (g *Guard) insideOf(ctx context.Context, p Opening, host string) ([]netip.Addr, error) {
	answers := []netip.Addr{}
	if addr, err := netip.ParseAddr(host); err == nil {
		answers = append(answers, addr)
	} else {
		if v := ClassifyName(host); v == Invalid {
			return nil, &Refusal{Class: App, Host: host, Verdict: v}
		}
		ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
		defer cancel()
		if answers, err = g.resolver.LookupNetIP(ctx, "ip", host+"."); err != nil {
			return nil, fmt.Errorf("netguard: resolve %q: %w", host, err)
		}
	}
	if len(answers) == 0 || len(answers) > maxAnswers {
		return nil, &Refusal{Class: App, Host: host, Verdict: NoAddress}
	}
	addrs := make([]netip.Addr, 0, len(answers))
	for _, a := range answers {
		if v := g.lifted(p, a); v != Public {
			return nil, &Refusal{Class: App, Host: host, Addr: a, Verdict: v}
		}
		addrs = append(addrs, a.Unmap())
	}
	return addrs, nil
}

// lifted is the verdict about an address under a grant: Public where it may be dialled.
func (g *Guard) lifted(p Opening, addr netip.Addr) Verdict {
	switch plain := addr.Unmap(); {
	case !Liftable(addr):
		if v := Classify(addr); v != Public {
			return v
		}
		return Refused
	case g.own.contains(plain):
		return Own
	case !p.CIDR.IsValid() || !p.CIDR.Contains(plain):
		return NotConfigured
	default:
		return Public
	}
}
