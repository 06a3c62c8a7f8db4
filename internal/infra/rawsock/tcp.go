package rawsock

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listener gives connections that read and write by this package, as Conn does.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) { return Conn(l.Listener.Accept()) }

// Conn gives a connection that reads and writes by this package, in the place of what was
// accepted or dialled. One that is not TCP's is given as it is.
func Conn(c net.Conn, err error) (net.Conn, error) {
	tcp, ok := c.(*net.TCPConn)
	if err != nil || !ok {
		return c, err
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c, nil //nolint:nilerr // it serves as it is
	}
	n := &conn{TCPConn: tcp, raw: raw}
	n.in.step, n.out.step = n.in.recv, n.out.send
	return n, nil
}

// conn is a TCP connection. Whatever else one can do is that of net.
type conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out step
}

// step is one look at the socket, for whoever holds mu; it is kept so that it costs no memory.
type step struct {
	mu   sync.Mutex
	b    []byte
	n    int
	err  error
	step func(fd uintptr) bool
}

func (s *step) recv(fd uintptr) bool {
	s.n, s.err = Read(int(fd), s.b)
	return !errors.Is(s.err, unix.EAGAIN)
}

func (s *step) send(fd uintptr) bool {
	s.n, s.err = Write(int(fd), s.b)
	return !errors.Is(s.err, unix.EAGAIN)
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 || len(b) > Most {
		return c.TCPConn.Read(b)
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.b = b
	err := c.raw.Read(c.in.step)
	c.in.b = nil
	if err != nil || c.in.err != nil {
		return 0, c.failure("read", err, c.in.err)
	}
	if c.in.n == 0 {
		return 0, io.EOF
	}
	return c.in.n, nil
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) == 0 || len(b) > Most {
		return c.TCPConn.Write(b)
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	done := 0
	for done < len(b) {
		c.out.b = b[done:]
		err := c.raw.Write(c.out.step)
		c.out.b = nil
		if err != nil || c.out.err != nil {
			return done, c.failure("write", err, c.out.err)
		}
		done += c.out.n
	}
	return done, nil
}

// failure names the operation as net does: net/http looks at it. The poller's own errors are
// new ones, and so ours to change: each connection meets one for each request, when
// net/http stops listening for its client's end.
func (c *conn) failure(op string, err, errno error) error {
	out, ok := err.(*net.OpError) //nolint:errorlint // it is wrapped in nothing
	if !ok {
		out = &net.OpError{Net: "tcp", Err: err}
	}
	if err == nil {
		out.Err = os.NewSyscallError(map[string]string{"read": "recvfrom", "write": "sendto"}[op], errno)
	}
	out.Op, out.Source, out.Addr = op, c.LocalAddr(), c.RemoteAddr()
	return out
}
