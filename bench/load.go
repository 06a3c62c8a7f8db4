package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/rawsock"
)

// loadHTTP posts the body over kept-alive connections for the span and reads every
// answer. It is one thread that polls its sockets and parses no more of HTTP than that
// takes, so that most of the machine is left to the system under test.
func loadHTTP(ctx context.Context, addr, host string, conns int, span time.Duration) (out sample, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := schedule(unix.SCHED_BATCH); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, schedule(unix.SCHED_NORMAL)) }()
	l := &load{
		request: fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body),
		conns:   map[int32]*conn{},
	}
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return out, err
	}
	defer l.close()
	for range conns {
		if err := l.dial(addr); err != nil {
			return out, err
		}
	}
	began := time.Now()
	if err := l.run(ctx, began.Add(span)); err != nil {
		return out, err
	}
	out.calls = l.seen
	out.Requests = len(l.took)
	out.Rate = float64(len(l.took)) / time.Since(began).Seconds()
	out.P50, out.P99 = percentiles(l.took)
	return out, nil
}

// schedule says how the kernel schedules this thread. The load sleeps most of the time, and an
// ordinary thread that wakes interrupts the one that woke it, here the system under test
// in the middle of its work, at each answer. A batch thread waits for its turn, as a
// client on another machine would not be felt at all.
func schedule(policy uint32) error {
	attr, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		attr.Policy = policy
		err = unix.SchedSetAttr(0, attr, 0)
	}
	if err != nil {
		return fmt.Errorf("schedule the load: %w", err)
	}
	return nil
}

// load is a set of connections with a request under way on each.
type load struct {
	request []byte
	poll    int
	conns   map[int32]*conn // by descriptor
	took    []time.Duration
	seen    callRange
}

type conn struct {
	fd    int
	began time.Time
	buf   []byte // of the answer, as far as it has come
}

func (l *load) dial(addr string) error {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l.conns[int32(fd)] = &conn{fd: fd}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return fmt.Errorf("connect to %s: %w", addr, err)
	}
	if err := errors.Join(unix.SetNonblock(fd, true), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)); err != nil {
		return err
	}
	return unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (l *load) close() {
	for _, c := range l.conns {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(l.poll)
}

// run keeps a request under way on each connection until the end, and then reads what is
// still to come.
func (l *load) run(ctx context.Context, end time.Time) error {
	for _, c := range l.conns {
		if err := l.send(c); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, len(l.conns))
	answered := time.Now()
	for waiting := len(l.conns); waiting > 0; {
		n, err := l.wait(events)
		switch {
		case err != nil:
			return err
		case n == 0 && time.Since(answered) > time.Minute:
			return errors.New("no answer for a minute")
		case n > 0:
			answered = time.Now()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, ev := range events[:n] {
			c := l.conns[ev.Fd]
			done, err := l.receive(c)
			if err != nil {
				return err
			}
			if !done {
				continue
			}
			if time.Now().After(end) {
				waiting--
				continue
			}
			if err := l.send(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// wait waits for answers, for a tenth of a second at most. It does not tell Go's scheduler,
// whose monitor would look for this thread every twenty microseconds and take a twentieth
// of the machine from the system under test.
func (l *load) wait(events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.poll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 100, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

func (l *load) send(c *conn) error {
	c.buf, c.began = c.buf[:0], time.Now()
	// A request is far smaller than a socket's buffer, so it goes out whole.
	n, err := rawsock.Write(c.fd, l.request)
	if err == nil && n < len(l.request) {
		err = io.ErrShortWrite
	}
	return err
}

// receive reads what has come and says whether the answer is whole.
func (l *load) receive(c *conn) (done bool, err error) {
	c.buf = slices.Grow(c.buf, 4<<10)
	n, err := rawsock.Read(c.fd, c.buf[len(c.buf):cap(c.buf)])
	switch {
	case err == unix.EAGAIN:
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, fmt.Errorf("the connection was closed: %w", io.ErrUnexpectedEOF)
	}
	c.buf = c.buf[:len(c.buf)+n]
	answer, whole, err := parseAnswer(c.buf)
	if err != nil || !whole {
		return false, err
	}
	l.took = append(l.took, time.Since(c.began))
	calls, err := counter(answer)
	l.seen.add(calls)
	return true, err
}

func percentiles(times []time.Duration) (p50, p99 float64) {
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return ms(times[len(times)/2]), ms(times[len(times)*99/100])
}

// parseAnswer gives the body of an HTTP answer once it is whole.
func parseAnswer(b []byte) (answer []byte, whole bool, err error) {
	head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return nil, false, nil
	}
	status, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return nil, false, fmt.Errorf("answer %q: %.600s", status, rest)
	}
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if v, ok := field(line, "content-length"); ok {
			n, err := strconv.Atoi(v)
			return rest[:min(n, len(rest))], len(rest) >= n, err
		}
		if v, ok := field(line, "transfer-encoding"); ok && strings.EqualFold(v, "chunked") {
			return unchunk(rest)
		}
	}
	return nil, false, errors.New("the answer has no length")
}

func unchunk(b []byte) (body []byte, whole bool, err error) {
	for {
		size, rest, ok := bytes.Cut(b, []byte("\r\n"))
		if !ok {
			return nil, false, nil
		}
		n, err := strconv.ParseInt(string(size), 16, 32)
		if err != nil {
			return nil, false, err
		}
		if len(rest) < int(n)+2 { // with CRLF
			return nil, false, nil
		}
		if n == 0 {
			return body, true, nil
		}
		body = append(body, rest[:n]...)
		b = rest[n+2:]
	}
}

// field gives a header line's value if its name is the given lower-case one.
func field(line []byte, name string) (string, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !strings.EqualFold(string(line[:len(name)]), name) {
		return "", false
	}
	return strings.TrimSpace(string(line[len(name)+1:])), true
}

// counter reads the number of calls that the answering instance has seen, and checks
// that the answer is whole.
func counter(answer []byte) (int, error) {
	rest, ok := bytes.CutPrefix(answer, []byte(`{"calls":`))
	comma := bytes.IndexByte(rest, ',')
	if !ok || comma < 0 || !bytes.HasSuffix(answer, []byte("}}")) || len(answer) < 1000 {
		return 0, fmt.Errorf("not the handler's answer: %.200q", answer)
	}
	return strconv.Atoi(string(rest[:comma]))
}
