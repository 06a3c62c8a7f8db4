// Package netguardtest is a small fake internet for tests: names with scripted
// answers, a certificate authority, and TLS servers that play public addresses. The
// netguard.Guard that stands in it checks everything as in production.
package netguardtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/netguard"
)

// World is the fake internet of one test. Everything that is looked up or dialled is
// recorded; what has no listener refuses connections. A test makes the guard itself, with
// Network as its test network.
type World struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool

	mu       sync.Mutex
	answers  map[string][][]netip.Addr
	routes   map[netip.Addr]string
	resolved []string
	dialled  []netip.AddrPort
	public   netip.Addr
}

// New makes a world in which nothing exists yet.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{
		answers: map[string][][]netip.Addr{},
		routes:  map[netip.Addr]string{},
		public:  netip.MustParseAddr("93.184.216.1"),
	}
	w.makeCA(t)
	return w
}

// Network is the world as a guard's test network.
func (w *World) Network() netguard.TestNetwork {
	return netguard.TestNetwork{Resolver: w, RootCAs: w.pool, Route: w.route}
}

// Host gives name a public address of its own and serves it there over TLS, on every
// port, with a certificate for the name.
func (w *World) Host(t testing.TB, name string, h http.Handler) {
	t.Helper()
	addr := w.next()
	w.Resolve(name, []string{addr})
	w.Play(t, addr, h, Certificate{Names: []string{name}})
}

// Guarded is Host for one that lets nobody in without a client's certificate of the world's CA.
func (w *World) Guarded(t testing.TB, name string, h http.Handler) {
	t.Helper()
	addr := w.next()
	w.Resolve(name, []string{addr})
	w.Play(t, addr, h, Certificate{Names: []string{name}, Demands: true})
}

func (w *World) next() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.public = w.public.Next()
	return w.public.String()
}

// ClientPEM makes a client's certificate of the world's CA and its key, as PEM.
func (w *World) ClientPEM(t testing.TB, name string, expired bool) (certificate, key string) {
	t.Helper()
	pair := w.Issue(t, Certificate{Client: name, Expired: expired})
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return text("CERTIFICATE", pair.Certificate[0]), text("PRIVATE KEY", der)
}

// Certificate says what a played server presents.
type Certificate struct {
	Names   []string
	Expired bool
	// Client makes it one for a client of that name, in the place of a server's.
	Client string
	// Demands makes the server ask for a client's certificate, and end connections without one.
	Demands bool
}

// Play serves h over TLS at a public address, with a certificate of the world's CA.
func (w *World) Play(t testing.TB, addr string, h http.Handler, c Certificate) *httptest.Server {
	t.Helper()
	return w.play(t, addr, h, c, true)
}

// PlayHTTP1 is Play without HTTP/2, for handlers that take over the connection.
func (w *World) PlayHTTP1(t testing.TB, addr string, h http.Handler, c Certificate) *httptest.Server {
	t.Helper()
	return w.play(t, addr, h, c, false)
}

func (w *World) play(t testing.TB, addr string, h http.Handler, c Certificate, http2 bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	s.TLS = &tls.Config{Certificates: []tls.Certificate{w.Issue(t, c)}}
	if c.Demands {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, w.pool
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	w.Route(addr, s.Listener.Addr().String())
	return s
}

// Route leads a checked address to a listener that the test owns.
func (w *World) Route(addr, listener string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes[netip.MustParseAddr(addr)] = listener
}

// Resolve scripts a name: each look-up takes the next set of answers, the last one
// repeats. Answers that are no addresses stand for themselves as invalid ones.
func (w *World) Resolve(name string, sets ...[]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var parsed [][]netip.Addr
	for _, set := range sets {
		var addrs []netip.Addr
		for _, a := range set {
			addr, _ := netip.ParseAddr(a) // invalid on purpose when it does not parse
			addrs = append(addrs, addr)
		}
		parsed = append(parsed, addrs)
	}
	w.answers[strings.ToLower(name)] = parsed
}

// Resolved are the names that were looked up so far, without the root dot.
func (w *World) Resolved() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.resolved)
}

// Dialled are the addresses that were connected to so far.
func (w *World) Dialled() []netip.AddrPort {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dialled)
}

// LookupNetIP implements netguard.Resolver.
func (w *World) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	w.resolved = append(w.resolved, name)
	sets := w.answers[name]
	if len(sets) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(sets) > 1 {
		w.answers[name] = sets[1:]
	}
	return slices.Clone(sets[0]), nil
}

func (w *World) route(checked netip.AddrPort) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dialled = append(w.dialled, checked)
	l, ok := w.routes[checked.Addr()]
	return l, ok
}

func (w *World) makeCA(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "netguardtest CA"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	w.key = key
	if w.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	w.pool = x509.NewCertPool()
	w.pool.AddCert(w.cert)
}

// Issue makes a certificate of the world's CA.
func (w *World) Issue(t testing.TB, c Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(24 * time.Hour)
	if c.Expired {
		until = time.Now().Add(-time.Minute)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		DNSNames:     c.Names,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if c.Client != "" {
		template.Subject = pkix.Name{CommonName: c.Client}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, w.cert, key.Public(), w.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
