package hostcall

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Conn is the server's end of a Unix socket. Send may be called by any number of
// goroutines: what they send while a write is under way goes out together in the next.
// Receive is for one goroutine, which must never wait for a Send.
type Conn struct {
	sock *net.UnixConn
	in   Decoder
	oob  []byte
	file []int
	sent atomic.Uint64

	mu      sync.Mutex
	cond    *sync.Cond
	out     []byte
	spare   []byte
	writing bool
	err     error
}

// maxQueued bounds what may wait for a worker that does not read.
const maxQueued = 16 << 20

// NewConn takes over our end of Pair.
func NewConn(f *os.File) (*Conn, error) {
	c, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("hostcall: %w", err)
	}
	sock, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, errors.New("hostcall: no Unix socket")
	}
	conn := &Conn{sock: sock, oob: make([]byte, unix.CmsgSpace(4*8))}
	conn.cond = sync.NewCond(&conn.mu)
	return conn, nil
}

// Sent is how many messages were sent.
func (c *Conn) Sent() uint64 { return c.sent.Load() }

// Send sends a message; it returns when the message is written or queued behind a write
// that is under way. An error is final.
func (c *Conn) Send(m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing && len(c.out) > maxQueued && c.err == nil {
		c.cond.Wait()
	}
	if m.File != nil {
		for c.writing && c.err == nil {
			c.cond.Wait()
		}
	}
	if c.err != nil {
		return c.err
	}
	if m.File != nil {
		return c.sendFile(m)
	}
	var err error
	if c.out, err = Append(c.out, m); err != nil {
		return err
	}
	c.sent.Add(1)
	if c.writing {
		return nil
	}
	return c.flush()
}

// flush writes until nothing is queued; c.mu is held, and released while writing.
func (c *Conn) flush() error {
	c.writing = true
	for len(c.out) > 0 && c.err == nil {
		b := c.out
		c.out = c.spare[:0]
		c.mu.Unlock()
		_, err := c.sock.Write(b)
		c.mu.Lock()
		if cap(b) <= 16*MaxFrame {
			c.spare = b
		} else {
			c.spare = nil
		}
		if err != nil {
			c.err = fmt.Errorf("hostcall: write: %w", err)
		}
		c.cond.Broadcast()
	}
	c.writing = false
	c.cond.Broadcast()
	return c.err
}

// sendFile writes a message with its descriptor; nothing is queued and c.mu is held.
func (c *Conn) sendFile(m Message) error {
	b, err := Append(nil, m)
	if err != nil {
		return err
	}
	c.sent.Add(1)
	n, _, err := c.sock.WriteMsgUnix(b, unix.UnixRights(int(m.File.Fd())), nil)
	if err == nil && n < len(b) {
		_, err = c.sock.Write(b[n:])
	}
	if err != nil {
		c.err = fmt.Errorf("hostcall: write: %w", err)
	}
	return c.err
}

// Receive gives the next message. io.EOF means that the other side hung up.
func (c *Conn) Receive() (Message, error) {
	for {
		m, file, ok, err := c.in.Next()
		if err != nil {
			return Message{}, err
		}
		if ok {
			if file {
				if len(c.file) == 0 {
					return Message{}, fmt.Errorf("%w: a descriptor is missing", ErrProtocol)
				}
				m.File = os.NewFile(uintptr(c.file[0]), "image")
				c.file = c.file[1:]
			}
			return m, nil
		}
		n, oobn, _, _, err := c.sock.ReadMsgUnix(c.in.Room(), c.oob)
		fds, ferr := rights(c.oob[:max(oobn, 0)])
		if ferr != nil {
			return Message{}, ferr
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
		if c.file = append(c.file, fds...); len(c.file) > 4 {
			return Message{}, fmt.Errorf("%w: unasked descriptors", ErrProtocol)
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.ECONNRESET) {
				err = io.EOF
			}
			return Message{}, err
		}
		if n == 0 {
			return Message{}, io.EOF
		}
		c.in.Fed(n)
	}
}

// Close hangs up; a Send or Receive under way ends with an error.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.err == nil {
		c.err = net.ErrClosed
	}
	c.cond.Broadcast()
	c.mu.Unlock()
	err := c.sock.Close()
	return err
}
