// Package rawsock reads and writes non-blocking sockets without telling the Go scheduler.
//
// The usual way into a system call hands the processor to the scheduler's monitor for as
// long as the call lasts. A server with one processor then gives it away whenever the
// kernel puts the thread aside in the middle of a short call, which is often on a busy
// machine: another thread is woken, and the monitor looks every twenty microseconds. What
// is here returns within microseconds and never waits, so it needs no such help: the
// waiting is the network poller's, by syscall.RawConn.
package rawsock

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Most is how much a caller should give or ask for at once: what is more keeps the
// processor for longer than the scheduler's help costs.
const Most = 64 << 10

// Read takes what a socket has. n is 0 at the end of the stream. The error is a unix.Errno,
// EAGAIN where nothing is there. It costs less than Recv, and workers may not do it.
func Read(fd int, b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, unix.EINVAL // it would look like the end
	}
	return plain(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT)
}

// Write gives the socket as much of b as it takes now. The error is a unix.Errno, EAGAIN
// where it takes nothing. It costs less than Send, and workers may not do it.
func Write(fd int, b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	return plain(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// plain makes one of the calls that take no more than b, which is not empty, and no address.
func plain(call uintptr, fd int, b []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// Recv takes what a socket has, with the descriptors that come with it in oob, which may be
// nil. n is 0 at the end of the stream. The error is a unix.Errno, EAGAIN where nothing is
// there; descriptors are closed in children.
func Recv(fd int, b, oob []byte) (n, oobn int, err error) {
	if len(b) == 0 {
		return 0, 0, unix.EINVAL // it would look like the end
	}
	for {
		if n, oobn, err = recv(fd, b, oob); !errors.Is(err, unix.EINTR) {
			return n, oobn, err
		}
	}
}

func recv(fd int, b, oob []byte) (int, int, error) {
	var iov unix.Iovec
	msg := message(&iov, b, oob)
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, 0, errno
	}
	return int(r), int(msg.Controllen), nil
}

// Send gives the socket as much of b as it takes now, and with its first byte the
// descriptors that oob names, which may be nil. The error is a unix.Errno, EAGAIN where
// it takes nothing.
func Send(fd int, b, oob []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if n, err = send(fd, b, oob); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func send(fd int, b, oob []byte) (int, error) {
	var iov unix.Iovec
	msg := message(&iov, b, oob)
	r, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// message describes b, which is not empty, and oob to the kernel.
func message(iov *unix.Iovec, b, oob []byte) unix.Msghdr {
	iov.Base = &b[0]
	iov.SetLen(len(b))
	msg := unix.Msghdr{Iov: iov}
	msg.SetIovlen(1)
	if len(oob) > 0 {
		msg.Control = &oob[0]
		msg.SetControllen(len(oob))
	}
	return msg
}
