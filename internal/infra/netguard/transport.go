package netguard

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxTransports bounds how many tenants' idle connections are kept at once.
	maxTransports = 1024
	// MaxResponseHead bounds an answer's head, in bytes.
	MaxResponseHead = 64 << 10
	maxConnsPerHost = 32
	maxIdleConns    = 16
	maxUnread       = 128 << 10 // of one answer over HTTP/2
	idleTimeout     = 30 * time.Second
	tlsTimeout      = 10 * time.Second
)

// transports holds one http.Transport per class and tenant: a pooled connection may
// carry a tenant's credentials in its state and must never serve another one.
type transports struct {
	guard *Guard
	mu    sync.Mutex
	byKey *simplelru.LRU[transportKey, *http.Transport]
}

type transportKey struct {
	class  Class
	tenant string
	// opening is the grant that the connections are for, if they are for one.
	opening Opening
	// identity is what the connections were made with, if with anything.
	identity identityKey
}

func (t *transports) init(g *Guard) {
	t.guard = g
	t.byKey, _ = simplelru.NewLRU(maxTransports, func(_ transportKey, tr *http.Transport) {
		// Requests in flight finish on it; nothing new finds it.
		tr.CloseIdleConnections()
	}) // the only error is a size below one
}

// Transport gives the round tripper of one tenant (an installation's id) in a class.
// It follows no redirect, knows no proxy and no cookie, and does not decompress.
func (g *Guard) Transport(class Class, tenant string) http.RoundTripper {
	return g.pooled(transportKey{class: class, tenant: tenant}, func(*http.Transport) {})
}

// pooled is the transport of a key; shape makes a new one what its key says.
func (g *Guard) pooled(key transportKey, shape func(*http.Transport)) http.RoundTripper {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	if tr, ok := g.pool.byKey.Get(key); ok {
		return tr
	}
	tr := g.newTransport(key.class)
	shape(tr)
	g.pool.byKey.Add(key, tr)
	return tr
}

// Client is a client on Transport that returns redirects instead of following them.
func (g *Guard) Client(class Class, tenant string) *http.Client {
	return &http.Client{
		Transport:     g.Transport(class, tenant),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Forget closes a tenant's idle connections, for instance at its uninstallation.
func (g *Guard) Forget(tenant string) {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	for _, key := range g.pool.byKey.Keys() {
		if key.tenant == tenant {
			g.pool.byKey.Remove(key)
		}
	}
}

// Close closes all idle connections.
func (g *Guard) Close() {
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.byKey.Purge()
}

func (g *Guard) newTransport(class Class) *http.Transport {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if g.test != nil {
		tlsConfig.RootCAs = g.test.RootCAs
	}
	return &http.Transport{
		Proxy: nil, // a proxy from the environment would dial in our place, unchecked
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return g.Dial(ctx, class, network, address)
		},
		// ServerName stays empty: net/http then uses the URL's host, the one the policy saw.
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    tlsTimeout,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        maxConnsPerHost,
		MaxIdleConnsPerHost:    maxIdleConns,
		MaxIdleConns:           4 * maxIdleConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: MaxResponseHead,
		// What a host may send before anybody reads it; by itself HTTP/2 takes 4 MB a stream.
		HTTP2:                 &http.HTTP2Config{MaxReceiveBufferPerStream: maxUnread, MaxReceiveBufferPerConnection: 4 * maxUnread},
		ExpectContinueTimeout: time.Second,
	}
}
