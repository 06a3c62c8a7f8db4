package rawsock_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/rawsock"
)

func pair(t *testing.T) (int, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// Neither end waits, though the sockets would: an empty one says so, a full one too, and a
// closed one is at its end. The calls that carry descriptors and those that do not are alike.
func TestNothingWaits(t *testing.T) {
	for name, call := range map[string]struct {
		read, write func(fd int, b []byte) (int, error)
	}{
		"plain": {rawsock.Read, rawsock.Write},
		"with descriptors": {
			func(fd int, b []byte) (int, error) { n, _, err := rawsock.Recv(fd, b, nil); return n, err },
			func(fd int, b []byte) (int, error) { return rawsock.Send(fd, b, nil) },
		},
	} {
		t.Run(name, func(t *testing.T) { nothingWaits(t, call.read, call.write) })
	}
}

func nothingWaits(t *testing.T, read, write func(fd int, b []byte) (int, error)) {
	a, b := pair(t)
	buf := make([]byte, 1<<16)
	if _, err := read(a, buf); !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("an empty socket: %v", err)
	}
	if n, err := write(a, nil); n != 0 || err != nil {
		t.Fatalf("nothing to send: %d, %v", n, err)
	}
	if _, err := read(a, nil); !errors.Is(err, unix.EINVAL) {
		t.Fatalf("no room: %v", err)
	}
	sent := 0
	for {
		n, err := write(a, buf)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		sent += n
	}
	for sent > 0 {
		n, err := read(b, buf)
		if err != nil || n == 0 {
			t.Fatalf("%d bytes are missing: %v", sent, err)
		}
		sent -= n
	}
	if err := unix.Shutdown(a, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if n, err := read(b, buf); n != 0 || err != nil {
		t.Fatalf("at the end: %d, %v", n, err)
	}
	if err := unix.Shutdown(b, unix.SHUT_RD); err != nil {
		t.Fatal(err)
	}
	if _, err := write(a, buf); !errors.Is(err, unix.EPIPE) { // and no signal
		t.Fatalf("nobody reads: %v", err)
	}
}

func TestDescriptorsTravel(t *testing.T) {
	a, b := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if _, err := rawsock.Send(a, []byte("x"), unix.UnixRights(int(r.Fd()))); err != nil {
		t.Fatal(err)
	}
	buf, oob := make([]byte, 8), make([]byte, unix.CmsgSpace(4))
	n, oobn, err := rawsock.Recv(b, buf, oob)
	if err != nil || string(buf[:n]) != "x" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		t.Fatalf("%d messages, %v", len(msgs), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%v, %v", fds, err)
	}
	got := os.NewFile(uintptr(fds[0]), "got")
	defer func() { _ = got.Close() }()
	flags, err := unix.FcntlInt(got.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("a child would inherit it: %v", err)
	}
	if _, err := w.WriteString("through"); err != nil {
		t.Fatal(err)
	}
	if n, err := got.Read(buf); err != nil || string(buf[:n]) != "through" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// listen gives a listener of this package.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return rawsock.Listener(l)
}

// Bodies of all sizes come back as they were, many over one connection.
func TestServesHTTP(t *testing.T) {
	l := listen(t)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})}
	go func() { _ = srv.Serve(l) }()
	defer func() { _ = srv.Close() }()
	for _, size := range []int{0, 1, 4095, rawsock.Most, rawsock.Most + 1, 8 << 20} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String(), bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("of %d bytes %d came back, %v", size, len(got), err)
		}
	}
}

// Who waits for a connection ends at its deadline, at the other side's end, and at its own;
// errors are named as net names them.
func TestWaitsEnd(t *testing.T) {
	l := listen(t)
	accept := func() (ours, theirs net.Conn) {
		t.Helper()
		theirs, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if ours, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
		return ours, theirs
	}
	buf := make([]byte, 1024)
	op := func(err error) string {
		var o *net.OpError
		if !errors.As(err, &o) || o.Source == nil || o.Addr == nil {
			return err.Error()
		}
		return o.Op
	}

	ours, theirs := accept()
	if err := ours.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) || op(err) != "read" {
		t.Errorf("a read past its deadline: %v", err)
	}
	if err := ours.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.Read(buf); err != nil || string(buf[:n]) != "late" {
		t.Errorf("after a deadline: %q, %v", buf[:n], err)
	}
	if err := ours.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		_, err = ours.Write(buf) // nobody reads
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || op(err) != "write" {
		t.Errorf("a write past its deadline: %v", err)
	}

	ours, theirs = accept()
	_ = theirs.Close()
	if _, err := ours.Read(buf); !errors.Is(err, io.EOF) {
		t.Errorf("the other side's end: %v", err)
	}

	ours, theirs = accept()
	if err := theirs.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	if _, err := ours.Read(buf); !errors.Is(err, unix.ECONNRESET) || op(err) != "read" || !strings.Contains(err.Error(), "recvfrom") {
		t.Errorf("a reset: %v", err)
	}

	ours, _ = accept()
	closing := make(chan struct{})
	go func() {
		<-closing
		_ = ours.Close()
	}()
	close(closing)
	if _, err := ours.Read(buf); !errors.Is(err, net.ErrClosed) || op(err) != "read" {
		t.Errorf("its own end: %v", err)
	}
}
