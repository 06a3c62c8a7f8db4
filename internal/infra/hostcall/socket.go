package hostcall

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/rawsock"
)

// Socket is the worker's end of a Unix socket, for one goroutine that does everything
// itself: it reads what is there, and waits only when it has nothing else to do.
type Socket struct {
	fd   int
	in   Decoder
	out  []byte
	file []int // descriptors received and not yet claimed
	oob  []byte

	eager  bool          // it may look before it sleeps
	looked time.Duration // of the present wait
	brisk  bool          // the last wait was a short one, so the next is likely to be
}

// NewSocket takes over a connected stream socket.
func NewSocket(fd int) (*Socket, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("hostcall: socket: %w", err)
	}
	return &Socket{fd: fd, oob: make([]byte, unix.CmsgSpace(4*8))}, nil
}

// Pair makes two connected sockets: ours and the child's.
func Pair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("hostcall: socketpair: %w", err)
	}
	for _, fd := range fds {
		// Room for a batch of calls; failing to get it only costs speed.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	}
	return os.NewFile(uintptr(fds[0]), "hostcall"), os.NewFile(uintptr(fds[1]), "hostcall-child"), nil
}

// Send queues a message; Flush writes what is queued.
func (s *Socket) Send(m Message) error {
	if m.File != nil {
		if err := s.Flush(); err != nil {
			return err
		}
		b, err := Append(nil, m)
		if err != nil {
			return err
		}
		return s.write(b, unix.UnixRights(int(m.File.Fd())))
	}
	var err error
	s.out, err = Append(s.out, m)
	if err == nil && len(s.out) > 4*MaxFrame {
		return s.Flush()
	}
	return err
}

// Queued reports whether Flush has something to write.
func (s *Socket) Queued() bool { return len(s.out) > 0 }

// Flush writes what was queued. The server always reads, so this waits only for the
// socket's buffer.
func (s *Socket) Flush() error {
	if len(s.out) == 0 {
		return nil
	}
	err := s.write(s.out, nil)
	if cap(s.out) > 16*MaxFrame {
		s.out = nil
	}
	s.out = s.out[:0]
	return err
}

func (s *Socket) write(b, oob []byte) error {
	for len(b) > 0 {
		n, err := rawsock.Send(s.fd, b, oob)
		switch {
		case err == nil:
			b, oob = b[n:], nil
		case errors.Is(err, unix.EAGAIN):
			if err := s.poll(unix.POLLOUT, -1); err != nil {
				return err
			}
		default:
			return fmt.Errorf("hostcall: write: %w", err)
		}
	}
	return nil
}

// Next gives the next message, if one is there or comes within wait (0: do not wait;
// negative: wait for ever). io.EOF means that the server hung up.
func (s *Socket) Next(wait time.Duration) (Message, bool, error) {
	for {
		m, file, ok, err := s.in.Next()
		if err != nil {
			return Message{}, false, err
		}
		if ok {
			if file {
				if m.File, err = s.claim(); err != nil {
					return Message{}, false, err
				}
			}
			return m, true, nil
		}
		if wait != 0 {
			// Whoever waits has just seen that nothing is there.
			began := time.Now()
			if err := s.poll(unix.POLLIN, wait); err != nil {
				return Message{}, false, err
			}
			s.brisk = s.eager && s.looked+time.Since(began) < linger
			s.looked = 0
			wait = min(wait, 0)
		}
		got, err := s.read()
		if err != nil {
			return Message{}, false, err
		}
		if !got && wait == 0 {
			return Message{}, false, nil
		}
	}
}

// linger is how long Soon looks for a message: a few times what it costs to sleep, to be
// woken, and to go on with caches that others have filled meanwhile.
const linger = 500 * time.Microsecond

// BeEager allows Soon to look.
func (s *Socket) BeEager() { s.eager = true }

// Brisk says whether Soon would look: it may, and the last message came within moments.
func (s *Socket) Brisk() bool { return s.brisk }

// Soon gives the next message if it comes within moments and within wait, without sleeping,
// where the last one did: it looks again and again, and each time gives the processor to
// whoever else wants it. Where answers take longer, all but the first of them are slept on.
func (s *Socket) Soon(wait time.Duration) (Message, bool, error) {
	if !s.brisk {
		return Message{}, false, nil
	}
	most := linger
	if wait >= 0 {
		most = min(most, wait)
	}
	began := time.Now()
	for ; s.looked < most; s.looked = time.Since(began) {
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if m, ok, err := s.Next(0); ok || err != nil {
			s.looked = 0
			return m, ok, err
		}
	}
	s.brisk = false
	return Message{}, false, nil
}

// Seen is how many messages were taken.
func (s *Socket) Seen() uint64 { return s.in.Messages() }

func (s *Socket) read() (bool, error) {
	n, oobn, err := rawsock.Recv(s.fd, s.in.Room(), s.oob)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case errors.Is(err, unix.ECONNRESET):
		return false, io.EOF
	case err != nil:
		return false, fmt.Errorf("hostcall: read: %w", err)
	}
	fds, err := rights(s.oob[:oobn])
	if err != nil {
		return false, err
	}
	s.file = append(s.file, fds...)
	if n == 0 {
		return false, io.EOF
	}
	s.in.Fed(n)
	return true, nil
}

func (s *Socket) claim() (*os.File, error) {
	if len(s.file) == 0 {
		return nil, fmt.Errorf("%w: a descriptor is missing", ErrProtocol)
	}
	f := os.NewFile(uintptr(s.file[0]), "image")
	s.file = s.file[1:]
	return f, nil
}

// atOnce is how long poll waits without telling the Go scheduler. Under load the next
// message comes within it; telling would cost a hand-over of the processor to and from
// the scheduler's monitor for each message. Nothing else of the process wants to run.
const atOnce = time.Millisecond

func (s *Socket) poll(events int16, wait time.Duration) error {
	fd := [1]unix.PollFd{{Fd: int32(s.fd), Events: events}}
	ts := unix.NsecToTimespec(int64(atOnce))
	if wait >= 0 && wait < atOnce {
		ts = unix.NsecToTimespec(int64(wait))
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fd[0])), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return fmt.Errorf("hostcall: poll: %w", errno)
	}
	if n != 0 || errno != 0 || wait >= 0 && wait <= atOnce {
		return nil
	}
	ms := -1
	if wait >= 0 {
		ms = int((wait - atOnce + time.Millisecond - 1) / time.Millisecond)
	}
	_, err := unix.Poll(fd[:], ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("hostcall: poll: %w", err)
	}
	return nil
}

// rights are the descriptors that came with a message. Those that were found are given with
// an error too, to be closed.
func rights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	var all []int
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return all, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		all = append(all, fds...)
	}
	return all, nil
}
