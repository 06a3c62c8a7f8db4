package netguard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/rawsock"
)

const (
	resolveTimeout = 5 * time.Second
	attemptTimeout = 5 * time.Second
	dialTimeout    = 10 * time.Second
	// maxAnswers bounds what a hostile name server can make us look at; more refuses
	// the name, since an unchecked answer could be the private one.
	maxAnswers = 64
	// maxAttempts bounds how many addresses of one name are tried.
	maxAttempts = 4
	// ownRefresh is how long the list of the machine's own addresses is kept.
	ownRefresh = 30 * time.Second
)

// Config is what the operator configures.
type Config struct {
	// Own are public addresses that reach this server although no interface has them
	// (behind a NAT or load balancer). Interface addresses are known without it.
	Own []netip.Addr
	// Operator and Database are the exact destinations of their classes, "host:port".
	Operator []string
	Database []string
	Log      *slog.Logger
}

// Resolver is the part of net.Resolver that the guard needs.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Guard makes the server's outgoing connections. It is safe for concurrent use.
type Guard struct {
	log      *slog.Logger
	resolver Resolver
	own      ownAddresses
	operator atomic.Pointer[[]string]
	database []string
	test     *TestNetwork
	pool     transports
}

// Option changes how a Guard is made. The only one is WithTestNetwork.
type Option func(*Guard)

// New makes a guard.
func New(cfg Config, opts ...Option) (*Guard, error) {
	g := &Guard{
		log: cfg.Log,
		// PreferGo: the C library resolves "0x7f.1" to an address, and with search domains
		// a name could reach a cluster's own.
		resolver: &net.Resolver{PreferGo: true},
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.own.configured = unmapAll(cfg.Own)
	g.own.interfaces = net.InterfaceAddrs
	g.own.now = time.Now
	for _, o := range opts {
		o(g)
	}
	if err := g.SetOperator(cfg.Operator...); err != nil {
		return nil, err
	}
	database, err := destinations(cfg.Database)
	if err != nil {
		return nil, err
	}
	g.database = database
	g.pool.init(g)
	return g, nil
}

// SetOperator replaces the destinations of class Operator. Only the operator's own
// acts (configuration, registering a product) may lead here.
func (g *Guard) SetOperator(hostports ...string) error {
	list, err := destinations(hostports)
	if err != nil {
		return err
	}
	g.operator.Store(&list)
	return nil
}

// Tested reports whether the guard stands on a test network. `annex serve` refuses
// to start on one.
func (g *Guard) Tested() bool { return g.test != nil }

func destinations(hostports []string) ([]string, error) {
	out := make([]string, 0, len(hostports))
	for _, hp := range hostports {
		if strings.HasPrefix(hp, "/") { // a Unix socket, by its path
			out = append(out, hp)
			continue
		}
		host, port, err := net.SplitHostPort(hp)
		if err != nil || host == "" || port == "" {
			return nil, fault.New(fault.Usage, "INVALID_DESTINATION", "%q is not host:port", hp).
				WithFix("write the destination as host:port, for instance tracker.example:443")
		}
		out = append(out, canonical(host, port))
	}
	return out, nil
}

func canonical(host, port string) string {
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
}

// Dial opens a connection of a class. address is host:port.
func (g *Guard) Dial(ctx context.Context, class Class, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	switch class {
	case App:
		return g.dialApp(ctx, network, address)
	case Operator:
		return g.dialListed(ctx, class, *g.operator.Load(), network, address)
	case Database:
		return g.dialListed(ctx, class, g.database, network, address)
	default:
		return nil, &Refusal{Class: class, Host: address, Verdict: NotConfigured}
	}
}

// Dialer is Dial bound to a class, in the form that database drivers take.
func (g *Guard) Dialer(class Class) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return g.Dial(ctx, class, network, address)
	}
}

func (g *Guard) dialListed(ctx context.Context, class Class, list []string, network, address string) (net.Conn, error) {
	listed := network == "unix" && slices.Contains(list, address)
	if host, port, err := net.SplitHostPort(address); err == nil && network != "unix" {
		listed = slices.Contains(list, canonical(host, port))
	}
	if !listed {
		return nil, &Refusal{Class: class, Host: address, Verdict: NotConfigured}
	}
	d := net.Dialer{Resolver: &net.Resolver{PreferGo: true}}
	return rawsock.Conn(d.DialContext(ctx, network, address))
}

func (g *Guard) dialApp(ctx context.Context, network, address string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Refusal{Class: App, Host: address, Verdict: Invalid}
	}
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, &Refusal{Class: App, Host: host, Verdict: WrongNetwork}
	}
	port, err := parsePort(portText)
	if err != nil {
		return nil, &Refusal{Class: App, Host: host, Verdict: Invalid}
	}
	addrs, err := g.checkedAddresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, addr := range addrs[:min(len(addrs), maxAttempts)] {
		conn, err := g.connect(ctx, host, netip.AddrPortFrom(addr, port), g.verdict)
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

// checkedAddresses resolves a name and gives its addresses, all of them public, or
// an error that names the one that was not.
func (g *Guard) checkedAddresses(ctx context.Context, host string) ([]netip.Addr, error) {
	host = strings.ToLower(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		if v := g.verdict(addr); v != Public {
			return nil, &Refusal{Class: App, Host: host, Addr: addr, Verdict: v}
		}
		return []netip.Addr{addr.Unmap()}, nil
	}
	if v := ClassifyName(host); v != Public {
		return nil, &Refusal{Class: App, Host: host, Verdict: v}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	// The root dot makes the name absolute: no search domain is ever appended.
	answers, err := g.resolver.LookupNetIP(ctx, "ip", host+".")
	if err != nil {
		return nil, fmt.Errorf("netguard: resolve %q: %w", host, err)
	}
	if len(answers) == 0 || len(answers) > maxAnswers {
		return nil, &Refusal{Class: App, Host: host, Verdict: NoAddress}
	}
	addrs := make([]netip.Addr, 0, len(answers))
	for _, a := range answers {
		if v := g.verdict(a); v != Public {
			// One private answer condemns the name: it is how rebinding looks.
			return nil, &Refusal{Class: App, Host: host, Addr: a, Verdict: v}
		}
		addrs = append(addrs, a.Unmap())
	}
	return addrs, nil
}

// verdict is Classify with the server's own addresses added.
func (g *Guard) verdict(addr netip.Addr) Verdict {
	if v := Classify(addr); v != Public {
		return v
	}
	if g.own.contains(addr.Unmap()) {
		return Own
	}
	return Public
}

// connect dials one checked address and nothing else.
func (g *Guard) connect(ctx context.Context, host string, pinned netip.AddrPort, verdict func(netip.Addr) Verdict) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	d := net.Dialer{
		Resolver: &net.Resolver{PreferGo: true},
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return g.admit(host, pinned, network, address, verdict)
		},
	}
	if g.test == nil {
		return rawsock.Conn(d.DialContext(ctx, "tcp", pinned.String()))
	}
	// The same check as the kernel hook's, of the address that stands for itself; only
	// then does the table say which listener plays its part.
	if err := g.admit(host, pinned, networkOf(pinned), pinned.String(), verdict); err != nil {
		return nil, err
	}
	return g.test.dial(ctx, d, pinned)
}

// admit is the last word: it sees the address that connect(2) is about to get. Any
// doubt refuses.
func (g *Guard) admit(host string, pinned netip.AddrPort, network, address string, verdict func(netip.Addr) Verdict) error {
	if network != "tcp4" && network != "tcp6" {
		return &Refusal{Class: App, Host: host, Verdict: WrongNetwork}
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refusal{Class: App, Host: host, Verdict: Invalid}
	}
	if v := verdict(ap.Addr()); v != Public {
		return &Refusal{Class: App, Host: host, Addr: ap.Addr(), Verdict: v}
	}
	if ap.Addr().Unmap() != pinned.Addr().Unmap() || ap.Port() != pinned.Port() || ap.Port() == 0 {
		return &Refusal{Class: App, Host: host, Addr: ap.Addr(), Verdict: NotPinned}
	}
	return nil
}

func networkOf(ap netip.AddrPort) string {
	if ap.Addr().Is4() {
		return "tcp4"
	}
	return "tcp6"
}

func parsePort(s string) (uint16, error) {
	ap, err := netip.ParseAddrPort("0.0.0.0:" + s)
	if err != nil || ap.Port() == 0 {
		return 0, errors.New("not a port")
	}
	return ap.Port(), nil
}

// ownAddresses answers whether an address is this machine's. Interfaces come and go
// (containers, VPNs), so their list is read again after a while.
type ownAddresses struct {
	configured []netip.Addr
	interfaces func() ([]net.Addr, error)
	now        func() time.Time

	mu      sync.Mutex
	read    time.Time
	current []netip.Addr
	known   bool
}

func (o *ownAddresses) contains(addr netip.Addr) bool {
	if slices.Contains(o.configured, addr) {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.known || o.now().Sub(o.read) >= ownRefresh {
		list, err := o.interfaces()
		if err != nil && !o.known {
			return true // fail closed: an unknown self is everywhere
		}
		if err == nil {
			o.current, o.known = interfaceAddrs(list), true
		}
		o.read = o.now()
	}
	return slices.Contains(o.current, addr)
}

func interfaceAddrs(list []net.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return out
}

func unmapAll(list []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		out = append(out, a.Unmap())
	}
	return out
}
