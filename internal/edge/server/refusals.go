package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// What is no request at all (an address that ends in "%", a head that is too long) is refused
// by net/http before any handler sees it, in a page without headers of ours. A page of an app
// can lead its frame to such an address of its own origin: so that refusal, too, carries a
// policy, under which nothing in it does anything.
const inert = "\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer"

// headOfRefusal follows the status line of such a refusal.
var headOfRefusal = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// bounded has the server refuse under that policy.
func bounded(srv *http.Server, l net.Listener) net.Listener {
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.taken.Store(true)
		}
		next.ServeHTTP(w, r)
	})
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if c, ok := c.(*conn); ok && state == http.StateIdle {
			c.taken.Store(false)
		}
	}
	return listener{l}
}

type connKey struct{}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn adds the policy to what the server says of itself. While a handler answers nothing is
// looked at: an app's bytes may look like anything.
type conn struct {
	net.Conn
	taken atomic.Bool
}

func (c *conn) Write(p []byte) (int, error) {
	if c.taken.Load() {
		return c.Conn.Write(p)
	}
	status, said, ok := bytes.Cut(p, headOfRefusal)
	if !ok || !bytes.HasPrefix(p, []byte("HTTP/1.1 ")) || bytes.Contains(status, []byte("\r\n")) {
		return c.Conn.Write(p)
	}
	out := bytes.Join([][]byte{status, []byte(inert), headOfRefusal, said}, nil)
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// ReadFrom lets files go to the network as they would without this.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
