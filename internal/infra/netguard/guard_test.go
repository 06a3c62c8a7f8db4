package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

func newGuard(t *testing.T, cfg Config, opts ...Option) *Guard {
	t.Helper()
	g, err := New(cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

type answers map[string][]string

func (a answers) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	if network != "ip" {
		return nil, errors.New("asked for " + network)
	}
	var out []netip.Addr
	for _, s := range a[host] {
		addr, _ := netip.ParseAddr(s)
		out = append(out, addr)
	}
	return out, nil
}

// TestAppCannotDialLoopback uses a guard without any test network, as in production.
func TestAppCannotDialLoopback(t *testing.T) {
	l := listen(t)
	g := newGuard(t, Config{})
	_, err := g.Dial(t.Context(), App, "tcp", l.Addr().String())
	if r, ok := AsRefusal(err); !ok || r.Verdict != Loopback {
		t.Fatalf("Dial = %v", err)
	}
}

// TestConnectCheck removes the first check by calling connect itself: the kernel
// hook alone has to refuse.
func TestConnectCheck(t *testing.T) {
	l := listen(t)
	g := newGuard(t, Config{})
	_, err := g.connect(t.Context(), "rebound.example", netip.MustParseAddrPort(l.Addr().String()), g.verdict)
	if r, ok := AsRefusal(err); !ok || r.Verdict != Loopback {
		t.Fatalf("connect = %v", err)
	}
}

func TestAdmit(t *testing.T) {
	g := newGuard(t, Config{Own: []netip.Addr{netip.MustParseAddr("::ffff:203.0.112.10")}})
	pinned := netip.MustParseAddrPort("93.184.216.34:443")
	tests := []struct {
		name, network, address string
		want                   Verdict
	}{
		{"the pinned address", "tcp4", "93.184.216.34:443", Public},
		{"mapped form of it", "tcp6", "[::ffff:93.184.216.34]:443", Public},
		{"another public address", "tcp4", "93.184.216.35:443", NotPinned},
		{"another port", "tcp4", "93.184.216.34:80", NotPinned},
		{"empty host", "tcp4", ":1", Invalid},
		{"a name", "tcp4", "example.com:443", Invalid},
		{"nothing", "tcp4", "", Invalid},
		{"loopback", "tcp4", "127.0.0.1:443", Loopback},
		{"zone", "tcp6", "[fe80::1%eth0]:443", Zoned},
		{"own address", "tcp4", "203.0.112.10:443", Own},
		{"udp", "udp4", "93.184.216.34:443", WrongNetwork},
		{"unix", "unix", "/run/x.sock", WrongNetwork},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := g.admit("x.example", pinned, tt.network, tt.address, g.verdict)
			if tt.want == Public {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if r, ok := AsRefusal(err); !ok || r.Verdict != tt.want {
				t.Fatalf("admit = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDialApp(t *testing.T) {
	l := listen(t)
	listener := l.Addr().String()
	tests := []struct {
		name, address string
		answers       []string
		want          Verdict
	}{
		{"public name", "ok.example:443", []string{"93.184.216.34"}, Public},
		{"case is folded", "OK.example:443", []string{"93.184.216.34"}, Public},
		{"public literal", "93.184.216.34:443", nil, Public},
		{"mapped literal", "[::ffff:93.184.216.34]:443", nil, Public},
		{"private among public", "ok.example:443", []string{"93.184.216.34", "10.0.0.1"}, Private},
		{"mapped loopback", "ok.example:443", []string{"::ffff:127.0.0.1"}, Loopback},
		{"invalid answer", "ok.example:443", []string{"not an address"}, Invalid},
		{"no answer", "ok.example:443", nil, NoAddress},
		{"name that is special", "vault.internal:443", []string{"93.184.216.34"}, SpecialName},
		{"single label", "vault:443", []string{"93.184.216.34"}, SingleLabel},
		{"no port", "ok.example", []string{"93.184.216.34"}, Invalid},
		{"port zero", "ok.example:0", []string{"93.184.216.34"}, Invalid},
		{"port by name", "ok.example:https", []string{"93.184.216.34"}, Invalid},
		{"own address", "ok.example:443", []string{"198.41.0.4"}, Own},
		{"own interface", "ok.example:443", []string{"198.41.0.5"}, Own},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dialled := 0
			g := newGuard(t, Config{Own: []netip.Addr{netip.MustParseAddr("198.41.0.4")}}, WithTestNetwork(TestNetwork{
				Resolver: answers{"ok.example.": tt.answers, "vault.internal.": tt.answers, "vault.": tt.answers},
				Route:    func(netip.AddrPort) (string, bool) { dialled++; return listener, true },
				Interfaces: func() ([]net.Addr, error) {
					return []net.Addr{&net.IPNet{IP: net.ParseIP("198.41.0.5"), Mask: net.CIDRMask(24, 32)}}, nil
				},
			}))
			c, err := g.Dial(t.Context(), App, "tcp", tt.address)
			if tt.want == Public {
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
				return
			}
			if r, ok := AsRefusal(err); !ok || r.Verdict != tt.want {
				t.Fatalf("Dial = %v, want %q", err, tt.want)
			}
			if dialled != 0 {
				t.Fatal("a refused destination was dialled")
			}
		})
	}
}

func TestTooManyAnswersRefuse(t *testing.T) {
	many := make([]string, maxAnswers+1)
	for i := range many {
		many[i] = "93.184.216.34"
	}
	g := newGuard(t, Config{}, WithTestNetwork(TestNetwork{Resolver: answers{"many.example.": many}}))
	if _, err := g.Dial(t.Context(), App, "tcp", "many.example:443"); err == nil {
		t.Fatal("dialled")
	}
}

// TestTriesNextAddress: the first of two public addresses is down.
func TestTriesNextAddress(t *testing.T) {
	l := listen(t)
	g := newGuard(t, Config{}, WithTestNetwork(TestNetwork{
		Resolver: answers{"two.example.": {"93.184.216.34", "93.184.216.35"}},
		Route: func(a netip.AddrPort) (string, bool) {
			return l.Addr().String(), a.Addr() == netip.MustParseAddr("93.184.216.35")
		},
	}))
	c, err := g.Dial(t.Context(), App, "tcp", "two.example:443")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestUnroutedIsRefused(t *testing.T) {
	g := newGuard(t, Config{}, WithTestNetwork(TestNetwork{Resolver: answers{"x.example.": {"93.184.216.34"}}}))
	_, err := g.Dial(t.Context(), App, "tcp", "x.example:443")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("Dial = %v", err)
	}
}

func TestRouteOnlyToLoopback(t *testing.T) {
	g := newGuard(t, Config{}, WithTestNetwork(TestNetwork{
		Resolver: answers{"x.example.": {"93.184.216.34"}},
		Route:    func(netip.AddrPort) (string, bool) { return "93.184.216.34:443", true },
	}))
	if _, err := g.Dial(t.Context(), App, "tcp", "x.example:443"); err == nil {
		t.Fatal("a test route left the machine")
	}
}

func TestListedClasses(t *testing.T) {
	l := listen(t)
	other := listen(t)
	g := newGuard(t, Config{Operator: []string{l.Addr().String()}, Database: []string{other.Addr().String()}})
	tests := []struct {
		class   Class
		address string
		ok      bool
	}{
		{Operator, l.Addr().String(), true},
		{Operator, other.Addr().String(), false},
		{Database, other.Addr().String(), true},
		{Database, l.Addr().String(), false},
		{None, l.Addr().String(), false},
		{App, l.Addr().String(), false},
		{Operator, "nonsense", false},
	}
	for _, tt := range tests {
		c, err := g.Dial(t.Context(), tt.class, "tcp", tt.address)
		if (err == nil) != tt.ok {
			t.Errorf("Dial(%s, %s) = %v", tt.class, tt.address, err)
		}
		if c != nil {
			c.Close()
		}
	}
	if err := g.SetOperator(other.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Dial(t.Context(), Operator, "tcp", l.Addr().String()); err == nil {
		t.Error("a destination that the operator took away is still dialled")
	}
	if _, err := New(Config{Operator: []string{"no-port"}}); err == nil {
		t.Error("a destination without a port was accepted")
	}
}

func TestOwnAddressesFailClosedAndRefresh(t *testing.T) {
	now := time.Unix(0, 0)
	fail := true
	var list []net.Addr
	o := ownAddresses{
		interfaces: func() ([]net.Addr, error) {
			if fail {
				return nil, errors.New("no netlink")
			}
			return list, nil
		},
		now: func() time.Time { return now },
	}
	a := netip.MustParseAddr("198.41.0.4")
	if !o.contains(a) {
		t.Fatal("unknown interfaces admitted an address")
	}
	fail = false
	if o.contains(a) {
		t.Fatal("not ours")
	}
	list = []net.Addr{&net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}}
	now = now.Add(ownRefresh)
	if !o.contains(a) {
		t.Fatal("a new interface was not noticed")
	}
}

func TestUpstreams(t *testing.T) {
	l := listen(t)
	g := newGuard(t, Config{}, WithTestNetwork(Upstreams(map[string]string{"api.example.com": l.Addr().String()}, nil)))
	c, err := g.Dial(t.Context(), App, "tcp", "api.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := g.Dial(t.Context(), App, "tcp", l.Addr().String()); err == nil {
		t.Fatal("an upstream opened loopback")
	}
	g = newGuard(t, Config{}, WithTestNetwork(Upstreams(map[string]string{"10.20.0.5": l.Addr().String()}, nil)))
	if _, err := g.Dial(t.Context(), App, "tcp", "10.20.0.5:443"); err == nil {
		t.Fatal("an upstream opened a private address")
	}
	if !g.Tested() {
		t.Fatal("a guard on a test network says that it is not")
	}
}

func TestTransportPerTenant(t *testing.T) {
	g := newGuard(t, Config{})
	a := g.Transport(App, "a")
	if a != g.Transport(App, "a") {
		t.Error("one tenant has two transports")
	}
	if a == g.Transport(App, "b") || a == g.Transport(Operator, "a") {
		t.Error("two tenants or classes share connections")
	}
	g.Forget("a")
	if a == g.Transport(App, "a") {
		t.Error("a forgotten tenant's transport lives on")
	}
}

// TestTransportSettings holds what no request can show: settings whose default would
// let another program, or a weaker peer, stand in between.
func TestTransportSettings(t *testing.T) {
	tr := newGuard(t, Config{}).newTransport(App)
	switch {
	case tr.Proxy != nil:
		t.Error("a proxy of the environment would dial in our place")
	case tr.DialTLSContext != nil || tr.DialContext == nil:
		t.Error("TLS goes around the guard's dialer")
	case tr.TLSClientConfig.InsecureSkipVerify || tr.TLSClientConfig.RootCAs != nil || tr.TLSClientConfig.ServerName != "":
		t.Error("certificates are not verified against the system's roots and the URL's host")
	case tr.TLSClientConfig.MinVersion != tls.VersionTLS12 || tr.TLSClientConfig.Renegotiation != tls.RenegotiateNever:
		t.Error("TLS is weaker than documented")
	case !tr.DisableCompression || tr.MaxResponseHeaderBytes != MaxResponseHead || tr.MaxConnsPerHost == 0 || tr.IdleConnTimeout == 0:
		t.Error("a bound is missing")
	}
}
