package netguard

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// TestNetwork replaces the world around a guard, never the guard: every address is
// still classified as what it claims to be, and only then routed to a listener that
// plays its part. So a test can see that api.example.com is checked as a public
// address, and still reach a fake.
type TestNetwork struct {
	// Resolver answers instead of the system's; nil keeps the system's.
	Resolver Resolver
	// RootCAs are trusted instead of the system's roots; nil keeps those.
	RootCAs *x509.CertPool
	// Interfaces are the machine's own addresses; nil asks the machine.
	Interfaces func() ([]net.Addr, error)
	// Route gives the listener (a loopback "host:port") that plays a checked address.
	Route func(checked netip.AddrPort) (listener string, ok bool)
	// Open lets addresses without a route be dialled for real, as `annex demo
	// --upstream` does; otherwise their connection is refused.
	Open bool
}

// WithTestNetwork puts the guard onto a test network. It is for testenv, and through
// it for `annex demo`; a house test holds that nothing else names it.
func WithTestNetwork(n TestNetwork) Option {
	return func(g *Guard) {
		g.test = &n
		if n.Resolver != nil {
			g.resolver = n.Resolver
		}
		if n.Interfaces != nil {
			g.own.interfaces = n.Interfaces
		}
	}
}

// dial connects to what plays the checked address.
func (n *TestNetwork) dial(ctx context.Context, real net.Dialer, checked netip.AddrPort) (net.Conn, error) {
	if n.Route != nil {
		if listener, ok := n.Route(checked); ok {
			ap, err := netip.ParseAddrPort(listener)
			if err != nil || !ap.Addr().IsLoopback() {
				return nil, fmt.Errorf("netguard: test route %q is not a loopback address", listener)
			}
			var d net.Dialer
			return d.DialContext(ctx, "tcp", listener)
		}
	}
	if n.Open {
		return real.DialContext(ctx, "tcp", checked.String())
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(checked), Err: syscall.ECONNREFUSED}
}

// Upstreams is the test network of `annex demo --upstream HOST=ADDR`: each host gets
// a public address that only exists here and leads to its listener, on every port; a host
// that is an address is checked as that one, so that a private one takes its grant. Other names and addresses stay what they are.
func Upstreams(hosts map[string]string, roots *x509.CertPool) TestNetwork {
	r := upstreams{byHost: map[string]netip.Addr{}, next: &net.Resolver{PreferGo: true}}
	routes := map[netip.Addr]string{}
	// A network that is global unicast for the classifier but routed nowhere by the
	// table below: its addresses are never dialled.
	addr := netip.MustParseAddr("192.0.1.0")
	for host, listener := range hosts {
		if a, err := netip.ParseAddr(host); err == nil { // one that is an address stays what it is
			routes[a] = listener
			continue
		}
		addr = addr.Next()
		r.byHost[host+"."] = addr
		routes[addr] = listener
	}
	return TestNetwork{
		Resolver: r,
		RootCAs:  roots,
		Route: func(checked netip.AddrPort) (string, bool) {
			l, ok := routes[checked.Addr()]
			return l, ok
		},
		Open: true,
	}
}

type upstreams struct {
	byHost map[string]netip.Addr
	next   Resolver
}

// LookupNetIP implements Resolver.
func (u upstreams) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if a, ok := u.byHost[host]; ok {
		return []netip.Addr{a}, nil
	}
	return u.next.LookupNetIP(ctx, network, host)
}
