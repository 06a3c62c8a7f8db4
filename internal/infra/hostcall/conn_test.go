package hostcall_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/hostcall"
)

// ends are the server's end, and the worker's as a bare descriptor.
func ends(t *testing.T) (*hostcall.Conn, *os.File) {
	t.Helper()
	ours, theirs, err := hostcall.Pair()
	if err != nil {
		t.Fatal(err)
	}
	c, err := hostcall.NewConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), theirs.Close() })
	return c, theirs
}

// patience ends what would keep the test for ever.
func patience(t *testing.T, what string) {
	timer := time.AfterFunc(time.Minute, func() { panic(what) })
	t.Cleanup(func() { timer.Stop() })
}

// A worker that does not read keeps nobody: what is sent is queued, who may wait waits as
// long as it likes, and the connection ends.
func TestAWorkerThatDoesNotReadIsHungUpOn(t *testing.T) {
	patience(t, "a sender waits for a worker that does not read")
	c, _ := ends(t)
	body := make([]byte, 5<<20)
	sent := 0
	for {
		ok, err := c.TrySend(hostcall.Message{Type: hostcall.Invoke, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		sent++
	}
	if sent < 3 || sent > 6 {
		t.Errorf("%d messages of 5 MB are queued", sent)
	}
	if err := c.Post(hostcall.Message{Type: hostcall.Cancel}); err != nil {
		t.Error(err)
	}
	gone := make(chan struct{})
	close(gone)
	if err := c.SendBefore(gone, hostcall.Message{Type: hostcall.Invoke}); !errors.Is(err, hostcall.ErrUnsent) {
		t.Error(err)
	}
	waits := make(chan error)
	go func() { waits <- c.Send(hostcall.Message{Type: hostcall.Invoke}) }()
	if _, err := c.Receive(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the reader is told %v", err)
	}
	if err := <-waits; err == nil || errors.Is(err, hostcall.ErrUnsent) {
		t.Errorf("the sender is told %v", err)
	}
	if _, err := c.TrySend(hostcall.Message{Type: hostcall.Invoke}); err == nil {
		t.Error("something is sent afterwards")
	}
}

// What many send arrives whole and in each one's order, with its descriptors, also when it
// is more than the socket holds.
func TestManySenders(t *testing.T) {
	patience(t, "what was sent does not arrive")
	c, theirs := ends(t)
	sock, err := hostcall.NewSocket(int(theirs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	const senders, each = 8, 40
	before := descriptors(t)
	for s := range byte(senders) {
		go func() {
			for i := range byte(each) {
				m := hostcall.Message{Type: hostcall.Invoke, Handle: hostcall.Handle{s, i}, Body: bytes.Repeat([]byte{i}, 1<<(i%21))}
				if i%5 == 0 {
					m.Type, m.File = hostcall.Image, null
				}
				if err := c.Send(m); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	next := [senders]byte{}
	for range senders * each {
		m, ok, err := sock.Next(-1)
		if err != nil || !ok {
			t.Fatal(err)
		}
		s, i := m.Handle[0], m.Handle[1]
		if next[s] != i || len(m.Body) != 1<<(i%21) || m.Body[len(m.Body)-1] != i || (m.File != nil) != (i%5 == 0) {
			t.Fatalf("sender %d: message %d of %d bytes, descriptor %v; %d is next", s, i, len(m.Body), m.File != nil, next[s])
		}
		next[s]++
		if m.File != nil {
			_ = m.File.Close()
		}
	}
	if c.Sent() != senders*each {
		t.Errorf("%d sent", c.Sent())
	}
	_ = null.Close()
	_ = c.Close()
	if now := descriptors(t); now > before-2 {
		t.Errorf("%d descriptors, %d before", now, before)
	}
}

// Soon looks where the last wait was short, and then only: a socket whose messages take
// their time is slept on at once.
func TestSoonAfterAShortWait(t *testing.T) {
	patience(t, "a message does not come soon")
	c, theirs := ends(t)
	sock, err := hostcall.NewSocket(int(theirs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	send := func(n byte) {
		t.Helper()
		if err := c.Send(hostcall.Message{Type: hostcall.Invoke, Handle: hostcall.Handle{n}}); err != nil {
			t.Fatal(err)
		}
	}
	take := func(n byte) {
		t.Helper()
		if m, ok, err := sock.Next(-1); err != nil || !ok || m.Handle[0] != n {
			t.Fatal(m, ok, err)
		}
	}
	soon := func(wait time.Duration) (byte, bool) {
		t.Helper()
		m, ok, err := sock.Soon(wait)
		if err != nil {
			t.Fatal(err)
		}
		return m.Handle[0], ok
	}
	send(1)
	take(1)
	if sock.Brisk() {
		t.Error("a socket is eager that was not told so")
	}
	sock.BeEager()
	send(1)
	if _, ok := soon(-1); ok {
		t.Error("a socket that never waited is looked at")
	}
	take(1)
	for {
		// What is there already makes the wait short, unless the machine was busy.
		send(2)
		take(2)
		send(3)
		if n, ok := soon(-1); ok && n == 3 {
			break
		}
		take(3)
	}
	if _, ok := soon(-1); ok {
		t.Error("a message that nobody sent")
	}
	send(4)
	if _, ok := soon(-1); ok {
		t.Error("a socket on which nothing came soon is looked at again")
	}
	take(4)
	if sock.Brisk() {
		t.Error("a wait was short that began with looking in vain")
	}
	for !sock.Brisk() {
		send(5)
		take(5)
	}
	_ = c.Close()
	if _, ok, err := sock.Soon(-1); ok || !errors.Is(err, io.EOF) {
		t.Error("the end:", ok, err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Descriptors that nobody asked for are closed, and end the connection. One may come with
// the first message.
func TestUnaskedDescriptors(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	give := func(theirs *os.File, b []byte, n int) {
		t.Helper()
		fds := make([]int, n)
		for i := range fds {
			fds[i] = int(null.Fd())
		}
		if err := unix.Sendmsg(int(theirs.Fd()), b, unix.UnixRights(fds...), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := hostcall.Append(nil, hostcall.Message{Type: hostcall.Log})
	if err != nil {
		t.Fatal(err)
	}
	image, err := hostcall.Append(nil, hostcall.Message{Type: hostcall.Hello, File: null})
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(c *hostcall.Conn, theirs *os.File) error{
		"eight with half a message": func(c *hostcall.Conn, theirs *os.File) error {
			give(theirs, []byte{0}, 8)
			_, err := c.Receive()
			return err
		},
		"two": func(c *hostcall.Conn, theirs *os.File) error {
			give(theirs, image, 2)
			_, err := c.Receive()
			return err
		},
		"one that no message has": func(c *hostcall.Conn, theirs *os.File) error {
			give(theirs, plain, 1)
			_, err := c.Receive()
			return err
		},
		"one with a later message": func(c *hostcall.Conn, theirs *os.File) error {
			give(theirs, image, 1)
			m, err := c.Receive()
			if err != nil || m.File == nil {
				t.Fatalf("the first message: %v", err)
			}
			_ = m.File.Close()
			give(theirs, image, 1)
			_, err = c.Receive()
			return err
		},
		"one that is never claimed": func(c *hostcall.Conn, theirs *os.File) error {
			give(theirs, image[:5], 1)
			_ = theirs.Close()
			_, err := c.Receive()
			if errors.Is(err, io.EOF) {
				return hostcall.ErrProtocol
			}
			return err
		},
	} {
		before := descriptors(t)
		ours, theirs, err := hostcall.Pair()
		if err != nil {
			t.Fatal(err)
		}
		c, err := hostcall.NewConn(ours)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(c, theirs); !errors.Is(err, hostcall.ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
		_, _ = c.Close(), theirs.Close()
		if now := descriptors(t); now > before {
			t.Errorf("%s: %d descriptors stay open", name, now-before)
		}
	}
}
