package hostcall

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/rawsock"
)

// Conn is the server's end of a Unix socket. Sending may be done by any number of
// goroutines: what they send while a write is under way goes out together in the next.
// No sender writes for others: what the socket does not take at once is written by a
// goroutine of its own, and a worker that does not read is hung up on. Receive is for one
// goroutine, which must never wait for a Send.
type Conn struct {
	sock *net.UnixConn
	raw  syscall.RawConn
	in   Decoder
	oob  []byte
	sent atomic.Uint64
	try  attempt // of who has set writing
	look look    // of Receive

	mu      sync.Mutex
	out     []segment
	queued  int           // bytes in out
	drained chan struct{} // closed when out has room again, or the connection is over
	spare   []byte
	writing bool
	err     error
	file    []int // descriptors received and not yet claimed
}

// segment is a run of frames; a descriptor goes with the first byte of its message.
type segment struct {
	b    []byte
	file *os.File
}

const (
	// maxQueued bounds what may wait for a worker when somebody sends; a message of any size
	// may then be added to it. maxPosted is what there may be besides without waiting: more is
	// of a worker that does not read, and never of one that has just been sent large answers.
	maxQueued = 16 << 20
	maxPosted = maxQueued + MaxBody + 4<<20
	// atLeast is what a worker has to read in each stuckFor, if there is so much.
	atLeast  = MaxFrame
	stuckFor = time.Second
	// maxSegment is the size up to which messages are put together.
	maxSegment = 16 * MaxFrame
)

var errStuck = errors.New("hostcall: the worker does not read")

// ErrUnsent says that a message was not sent because its sender did not want to wait longer.
var ErrUnsent = errors.New("hostcall: not sent in time")

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
	raw, err := sock.SyscallConn()
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("hostcall: %w", err)
	}
	conn := &Conn{sock: sock, raw: raw, oob: make([]byte, unix.CmsgSpace(4*8)), drained: make(chan struct{})}
	conn.try.write, conn.look.read = conn.try.do, conn.look.do
	return conn, nil
}

// Sent is how many messages were sent.
func (c *Conn) Sent() uint64 { return c.sent.Load() }

// Send sends a message, or queues it; it waits while too much is queued. An error other
// than ErrUnsent is final.
func (c *Conn) Send(m Message) error { return c.SendBefore(nil, m) }

// SendBefore is Send by someone who waits no longer than until done is closed.
func (c *Conn) SendBefore(done <-chan struct{}, m Message) error {
	c.mu.Lock()
	for c.queued > maxQueued && c.err == nil {
		drained := c.drained
		c.mu.Unlock()
		select {
		case <-drained:
		case <-done:
			return ErrUnsent
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	return c.queue(m)
}

// Post sends a short message, or queues it, and never waits.
func (c *Conn) Post(m Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.queued > maxPosted {
		c.fail(errStuck)
	}
	return c.queue(m)
}

// TrySend is Send, or false where that would wait.
func (c *Conn) TrySend(m Message) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && c.queued > maxQueued {
		return false, nil
	}
	return true, c.queue(m)
}

// queue appends a message and writes what the socket takes at once; c.mu is held.
func (c *Conn) queue(m Message) error {
	if c.err != nil {
		return c.err
	}
	var s segment
	// The first one is being written, if there is any.
	if last := len(c.out) - 1; m.File == nil && last > 0 && len(c.out[last].b) < maxSegment {
		s = c.out[last]
	} else {
		s.b, c.spare = c.spare[:0], nil
	}
	before := len(s.b)
	b, err := Append(s.b, m)
	if err != nil {
		return err
	}
	s.b = b
	if m.File != nil {
		// The sender may close its own when it likes.
		fd, err := unix.FcntlInt(m.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("hostcall: descriptor: %w", err)
		}
		s.file = os.NewFile(uintptr(fd), m.File.Name())
	}
	if last := len(c.out) - 1; before > 0 {
		c.out[last] = s
	} else {
		c.out = append(c.out, s)
	}
	c.queued += len(b) - before
	c.sent.Add(1)
	if c.writing {
		return nil
	}
	return c.atOnce()
}

// batches is how many writes a sender makes, of what others sent meanwhile, before it leaves
// the rest to flush.
const batches = 16

// atOnce writes what the socket takes without waiting, and leaves the rest to flush; c.mu
// is held, and released while writing.
func (c *Conn) atOnce() error {
	c.writing = true
	for range batches {
		if len(c.out) == 0 || c.err != nil {
			c.writing = false
			return c.err
		}
		s := c.out[0]
		c.try.b, c.try.oob = s.b, s.rights()
		c.mu.Unlock()
		err := c.raw.Write(c.try.write)
		n, terr := max(c.try.n, 0), c.try.err
		c.mu.Lock()
		c.wrote(s, n)
		if err == nil {
			err = terr
		}
		if errors.Is(err, unix.EAGAIN) || err == nil && n < len(s.b) {
			break
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			c.fail(fmt.Errorf("hostcall: write: %w", err))
		}
	}
	go c.flush()
	return c.err
}

// attempt is one write that does not wait; it is kept so that it costs no memory.
type attempt struct {
	b, oob []byte
	n      int
	err    error
	write  func(fd uintptr) bool
}

func (a *attempt) do(fd uintptr) bool {
	a.n, a.err = rawsock.Send(int(fd), a.b, a.oob)
	return true
}

// look is one read, made again when something has come; it is kept for the same reason.
type look struct {
	b, oob  []byte
	n, oobn int
	err     error
	read    func(fd uintptr) bool
}

func (l *look) do(fd uintptr) bool {
	l.n, l.oobn, l.err = rawsock.Recv(int(fd), l.b, l.oob)
	return !errors.Is(l.err, unix.EAGAIN)
}

// flush writes until nothing is queued.
func (c *Conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > 0 && c.err == nil {
		s := c.out[0]
		oob := s.rights()
		c.mu.Unlock()
		_ = c.sock.SetWriteDeadline(time.Now().Add(stuckFor))
		n, _, err := c.sock.WriteMsgUnix(s.b[:min(len(s.b), atLeast)], oob, nil)
		c.mu.Lock()
		n = max(n, 0)
		c.wrote(s, n)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && n == 0:
			c.fail(errStuck)
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			c.fail(fmt.Errorf("hostcall: write: %w", err))
		}
	}
	_ = c.sock.SetWriteDeadline(time.Time{})
	c.writing = false
}

// wrote takes n bytes of s from the front of the queue, if that is still there; c.mu is held.
func (c *Conn) wrote(s segment, n int) {
	if s.file != nil && (n > 0 || c.err != nil) {
		_ = s.file.Close()
	}
	if n == 0 || c.err != nil {
		return
	}
	if n == len(s.b) {
		if c.out = c.out[1:]; len(c.out) == 0 {
			c.out = nil
			if cap(s.b) <= maxSegment {
				c.spare = s.b[:0]
			}
		}
	} else {
		c.out[0] = segment{b: s.b[n:]}
	}
	was := c.queued
	if c.queued -= n; was > maxQueued && c.queued <= maxQueued {
		close(c.drained)
		c.drained = make(chan struct{})
	}
}

func (s segment) rights() []byte {
	if s.file == nil {
		return nil
	}
	return unix.UnixRights(int(s.file.Fd()))
}

// fail is the end of the connection; c.mu is held. Receive ends too.
func (c *Conn) fail(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	for i, s := range c.out {
		if s.file != nil && (i > 0 || !c.writing) { // its writer closes the first one's
			_ = s.file.Close()
		}
	}
	c.out, c.queued = nil, 0
	close(c.drained)
	c.drained = make(chan struct{})
	_ = c.sock.Close()
}

// Receive gives the next message. io.EOF means that the other side hung up. A descriptor
// belongs to the first message, if to any: a worker has no others to give.
func (c *Conn) Receive() (Message, error) {
	m, err := c.receive()
	if err != nil {
		c.dropFiles()
	}
	return m, err
}

func (c *Conn) receive() (Message, error) {
	for {
		m, file, ok, err := c.in.Next()
		if err != nil {
			return Message{}, err
		}
		if ok {
			return c.withFile(m, file)
		}
		l := &c.look
		l.b, l.oob, l.oobn, l.err = c.in.Room(), c.oob, 0, nil
		err = c.raw.Read(l.read)
		if ferr := c.received(c.oob[:l.oobn]); ferr != nil {
			return Message{}, ferr
		}
		if err = cmp.Or(err, l.err); err != nil {
			return Message{}, c.ended(err)
		}
		if l.n == 0 {
			return Message{}, io.EOF
		}
		c.in.Fed(l.n)
	}
}

// ended says why nothing more can be read.
func (c *Conn) ended(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(c.err, errStuck):
		return c.err
	case errors.Is(err, net.ErrClosed), errors.Is(err, unix.ECONNRESET):
		return io.EOF
	}
	return err
}

// received takes descriptors over. They are closed in children already.
func (c *Conn) received(oob []byte) error {
	fds, err := rights(oob)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.file = append(c.file, fds...)
	if err == nil && len(fds) > 0 && (len(c.file) > 1 || c.in.Messages() > 0) {
		err = fmt.Errorf("%w: unasked descriptors", ErrProtocol)
	}
	if err != nil || c.err != nil {
		c.closeFiles()
	}
	return err
}

func (c *Conn) withFile(m Message, file bool) (Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case file && len(c.file) == 0:
		return Message{}, fmt.Errorf("%w: a descriptor is missing", ErrProtocol)
	case file:
		m.File = os.NewFile(uintptr(c.file[0]), "image")
		c.file = c.file[1:]
	case len(c.file) > 0:
		return Message{}, fmt.Errorf("%w: unasked descriptors", ErrProtocol)
	}
	return m, nil
}

func (c *Conn) dropFiles() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeFiles()
}

// closeFiles closes what nobody has claimed; c.mu is held.
func (c *Conn) closeFiles() {
	for _, fd := range c.file {
		_ = unix.Close(fd)
	}
	c.file = nil
}

// Close hangs up; a Send or Receive under way ends with an error.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(net.ErrClosed)
	c.closeFiles()
	return nil
}
