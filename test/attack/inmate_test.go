package attack

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/jail"
)

// inmateName marks the process that plays somebody who has taken over a worker: native
// code, free to make any system call, in the room that a worker is in.
const inmateName = "annex-inmate"

// world is what the inmate tries to reach; its test tells it where that is.
type world struct {
	Secret  string // a file that everybody may read and write, with Canary in it
	Folder  string // a folder that everybody may write to
	Canary  string
	Host    string // the machine's name
	Process int    // one of the same user
	TCP     int    // ports on 127.0.0.1 that are listened to
	UDP     int
	Unix    string // a listening socket's path
	Shm     int    // key of a shared memory segment that everybody may use
	Try     []string
}

// file is one that an attempt may spoil.
func (o world) file(name string) string { return filepath.Join(o.Folder, name) }

// tried is what came of one attempt. The last line has the name "end".
type tried struct {
	Name    string `json:"name"`
	Reached bool   `json:"reached"`
	Detail  string `json:"detail"`
}

// inmate runs if this process was started as one.
func inmate() {
	if os.Args[0] != inmateName {
		return
	}
	cell, err := jail.Enter()
	if err == nil {
		_, err = cell.Shut()
	}
	say := func(t tried) {
		line, _ := json.Marshal(t)
		_, _ = unix.Write(jail.Socket, append(line, '\n'))
	}
	if err != nil {
		say(tried{Name: "enter", Reached: true, Detail: err.Error()})
		os.Exit(1)
	}
	var o world
	if err := json.Unmarshal([]byte(os.Args[2]), &o); err != nil {
		say(tried{Name: "arguments", Reached: true, Detail: err.Error()})
		os.Exit(1)
	}
	for _, name := range o.Try {
		for _, a := range attempts {
			if a.name != name {
				continue
			}
			detail, err := a.do(o)
			t := tried{Name: name, Reached: err == nil, Detail: detail}
			if err != nil {
				t.Detail = err.Error()
			}
			say(t)
		}
	}
	say(tried{Name: "end"})
	// It stays for whoever looks at it from outside.
	_, _ = bufio.NewReader(os.NewFile(jail.Socket, "socket")).ReadByte()
	os.Exit(0)
}

// layersThat refuse an attempt, each alone.
type layersThat uint8

const (
	// byNamespaces is the first wall: namespaces without capabilities.
	byNamespaces layersThat = 1 << iota
	// byLandlock is one half of the second wall, bySeccomp the other.
	byLandlock
	bySeccomp

	byAll = byNamespaces | byLandlock | bySeccomp
)

// attempt returns no error when the inmate got what it wanted.
type attempt struct {
	name string
	by   layersThat
	do   func(o world) (string, error)
}

func result(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// ask makes a system call whose success is the inmate's.
func ask(trap uintptr, args ...uintptr) func(world) (string, error) {
	var a [6]uintptr
	copy(a[:], args)
	return func(world) (string, error) {
		_, _, errno := unix.RawSyscall6(trap, a[0], a[1], a[2], a[3], a[4], a[5])
		return "", result(errno)
	}
}

func path(p string) uintptr {
	b, _ := unix.BytePtrFromString(p)
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(b))
}

// kept keeps what the kernel was told of by address.
var kept []any

func keep[T any](v *T) uintptr {
	kept = append(kept, v)
	return uintptr(unsafe.Pointer(v))
}

// read opens and reads a file of the machine.
func read(name string) (string, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	b := make([]byte, 200)
	n, err := unix.Read(fd, b)
	return string(b[:max(n, 0)]), err
}

// readOf makes an attempt of reading what lies at a name.
func readOf(name func(o world) string) func(o world) (string, error) {
	return func(o world) (string, error) { return read(name(o)) }
}

// names lists a folder; an empty one is no success.
func names(dir string) (string, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	b := make([]byte, 4096)
	n, err := unix.Getdents(fd, b)
	if err != nil {
		return "", err
	}
	_, _, found := unix.ParseDirent(b[:n], 10, nil)
	if len(found) == 0 {
		return "", unix.ENOENT
	}
	return strings.Join(found, " "), nil
}

// dial connects a socket, or says where it failed.
func dial(family, kind, proto int, to unix.Sockaddr) (string, error) {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }()
	if to == nil {
		return "a socket", nil
	}
	if err := unix.Connect(fd, to); err != nil {
		return "", err
	}
	if _, err := unix.Write(fd, []byte("stolen")); err != nil {
		return "", err
	}
	return "connected", nil
}

func socket(family, kind, proto int) func(world) (string, error) {
	return func(world) (string, error) { return dial(family, kind, proto, nil) }
}

func loopback(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}

// descriptors looks through everything that is open already for a way out, or for what was
// left open.
func descriptors(o world) (string, error) {
	for fd := range 1024 {
		if fd == jail.Socket {
			continue
		}
		b := make([]byte, 4096)
		if n, err := unix.Pread(fd, b, 0); err == nil && strings.Contains(string(b[:n]), o.Canary) {
			return fmt.Sprintf("descriptor %d holds the secret", fd), nil
		}
		for _, name := range []string{"..", ".", "etc/passwd"} {
			if got, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
				_ = unix.Close(got)
				return fmt.Sprintf("descriptor %d leads to %s", fd, name), nil
			}
		}
		if unix.Fchdir(fd) == nil {
			return fmt.Sprintf("descriptor %d is a folder", fd), nil
		}
	}
	return "", unix.EBADF
}
