// Package rawfile writes lines to files without telling the Go scheduler, as long as they
// take them at once.
//
// It is to files what rawsock is to sockets, which says why. A file is different in that not
// every kind can be asked not to wait. So a pipe or a socket is asked; the disk is believed
// for as long as it answers quickly; and a write that would wait, or that follows those
// that did, goes the usual way.
package rawfile

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// most is how much is written at once: a pipe that takes anything takes so much.
	most = 4 << 10
	// A write to a page in memory takes microseconds, and one that took as long as slow was
	// put aside in its middle or waited for the disk. After slowInARow of these, which chance
	// does not make, the disk is not believed for cautious.
	slow       = 2 * time.Millisecond
	slowInARow = 2
	cautious   = time.Second
)

// way is how a kind of file is written to.
type way int

const (
	usual way = iota // as os.File does
	asked            // told not to wait
	timed            // believed not to
)

// Writer writes to a file that is open, and that its owner closes. It is safe for concurrent
// use; what one Write was given stands in two parts only where the file took the first of
// them alone.
type Writer struct {
	file *os.File
	raw  syscall.RawConn
	way  way
	now  func() time.Time

	mu    sync.Mutex
	slow  int       // writes in a row
	until time.Time // the disk is not believed
	b     []byte    // of the write under way
	n     int
	once  func(fd uintptr) // write, kept so that it costs no memory
}

// New makes a Writer of an open file. What is neither a pipe, a socket nor a regular file is
// written to as os.File does.
func New(f *os.File) *Writer {
	w := &Writer{file: f, now: time.Now}
	w.once = w.write
	raw, err := f.SyscallConn()
	if err != nil {
		return w
	}
	w.raw = raw
	_ = raw.Control(func(fd uintptr) {
		var st unix.Stat_t
		if unix.Fstat(int(fd), &st) != nil {
			return
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			w.way = timed
		case unix.S_IFIFO, unix.S_IFSOCK:
			w.way = asked
		}
	})
	return w
}

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (int, error) {
	n := 0
	if w.way != usual && len(b) > 0 && len(b) <= most {
		if n = w.attempt(b); n == len(b) {
			return n, nil
		}
	}
	more, err := w.file.Write(b[n:]) // which says what is wrong, if something is
	return n + more, err
}

// attempt is one write without the scheduler, if that may be, and how much of b it wrote.
func (w *Writer) attempt(b []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	began := w.now()
	if began.Before(w.until) {
		return 0
	}
	w.b, w.n = b, 0
	err := w.raw.Control(w.once)
	w.b = nil
	if err != nil {
		return 0 // it is closed
	}
	if w.way == timed {
		w.judge(w.now().Sub(began))
	}
	return w.n
}

// judge decides whether the disk is believed after a write that took so long.
func (w *Writer) judge(took time.Duration) {
	if took < slow {
		w.slow = 0
		return
	}
	if w.slow++; w.slow >= slowInARow {
		w.slow, w.until = 0, w.now().Add(cautious)
	}
}

// write is the system call.
func (w *Writer) write(fd uintptr) {
	var n uintptr
	var errno unix.Errno
	if w.way == asked {
		iov := unix.Iovec{Base: &w.b[0]}
		iov.SetLen(len(w.b))
		const here = ^uintptr(0) // where the file stands
		n, _, errno = unix.RawSyscall6(unix.SYS_PWRITEV2, fd, uintptr(unsafe.Pointer(&iov)), 1, here, here, unix.RWF_NOWAIT)
	} else {
		n, _, errno = unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&w.b[0])), uintptr(len(w.b)))
	}
	if errno == 0 {
		w.n = int(n)
	}
}
