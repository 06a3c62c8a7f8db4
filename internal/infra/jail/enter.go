package jail

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// Socket is the descriptor that a child finds its socket at.
	Socket = 3
	// planPrefix begins the argument that tells a child which room it was put into.
	planPrefix = "room="
	probeWord  = "probe"
)

// Cell is the room from inside.
type Cell struct {
	// Pagemap is the process's own page map, opened while there still was a /proc; nil
	// where the kernel gives none.
	Pagemap *os.File

	want   Layers
	report Report
}

// Enter leaves the world behind: call it first thing in a child's main. Only the list of
// system calls is still open, until Shut: an engine has to be compiled first. A child that
// is only asked what can be had answers and ends here.
func Enter() (_ *Cell, err error) {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], planPrefix) {
		return nil, errors.New("jail: this process was not started by a jail")
	}
	text, probe := strings.CutSuffix(strings.TrimPrefix(os.Args[1], planPrefix), ";"+probeWord)
	c := &Cell{}
	if c.want, err = ParseLayers(text); err != nil {
		return nil, err
	}
	err = c.enter()
	if probe {
		if err == nil {
			c.report, err = c.Shut()
		}
		answerProbe(c.report, err)
	}
	return c, err
}

func (c *Cell) enter() error {
	// Its name in lists of processes; a missing /proc only costs the name.
	_ = os.WriteFile("/proc/self/comm", []byte("annex-worker"), 0)
	c.Pagemap, _ = os.OpenFile("/proc/self/pagemap", os.O_RDONLY, 0)
	if err := c.closeRest(); err != nil {
		return err
	}
	if err := limits(c.want); err != nil {
		return err
	}
	c.report.Layers = c.want & (User | UID | PID | Net | IPC | Cgroup) // made by whoever started us
	if c.want.Has(UTS) {
		if err := unix.Sethostname([]byte("annex")); err != nil {
			return fmt.Errorf("jail: host name: %w", err)
		}
		c.report.Layers |= UTS
	}
	if c.want.Has(Mount) {
		if err := emptyRoot(); err != nil {
			return err
		}
		c.report.Layers |= Mount
	}
	if err := c.noNewPrivileges(); err != nil {
		return err
	}
	if c.want.Has(Landlock) && !linkedWithC() {
		abi, err := landlock()
		if err != nil {
			return err
		}
		c.report.Landlock = abi
		c.report.Layers |= Landlock
	}
	return c.dropCaps()
}

// linkedWithC reports whether Go cannot reach all threads: some may be the C library's.
func linkedWithC() bool {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETUID, 0, 0, 0)
	return errno == syscall.ENOTSUP
}

func (c *Cell) noNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno == syscall.ENOTSUP { // seccomp takes the other threads along
		return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if errno != 0 {
		return fmt.Errorf("jail: no_new_privs: %w", errno)
	}
	return nil
}

// dropCaps takes the capabilities of all threads. In a program linked with C those of the
// other threads stay if there were any; Shut then leaves them no call to use them with.
func (c *Cell) dropCaps() error {
	if !c.want.Has(Caps) {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have, none [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return fmt.Errorf("jail: capabilities: %w", err)
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	switch {
	case errno == 0, errno == syscall.ENOTSUP && have == none:
		c.report.Layers |= Caps
		return nil
	case errno != syscall.ENOTSUP:
		return fmt.Errorf("jail: capabilities: %w", errno)
	}
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("jail: capabilities: %w", err)
	}
	return nil
}

// closeRest leaves the socket, the pipe to the server's log, the page map, and what the
// runtime waits with. A server may have been started with descriptors that it does not
// know of itself.
func (c *Cell) closeRest() error {
	if err := unix.Dup3(2, 0, 0); err != nil {
		return fmt.Errorf("jail: standard input: %w", err)
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return fmt.Errorf("jail: standard output: %w", err)
	}
	const dir = "/proc/self/fd"
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("jail: descriptors: %w", err)
	}
	for _, e := range list {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= Socket || c.Pagemap != nil && fd == int(c.Pagemap.Fd()) {
			continue
		}
		to, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || to == "anon_inode:[eventpoll]" || to == "anon_inode:[eventfd]" {
			continue
		}
		_ = unix.Close(fd)
	}
	return nil
}

const (
	maxFiles   = 32 << 10 // an image is a descriptor
	maxThreads = 256      // Go makes a dozen
)

// limits are those that no worker comes near to. A worker has no core dump: it is the
// memory of calls in flight. How much memory it may take is its server's to bound.
func limits(l Layers) error {
	set := map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_MEMLOCK: 0, unix.RLIMIT_MSGQUEUE: 0, unix.RLIMIT_NICE: 0, unix.RLIMIT_RTPRIO: 0,
		unix.RLIMIT_NOFILE: maxFiles,
	}
	if l.Has(UID) { // otherwise it would count the threads of the server and of others
		set[unix.RLIMIT_NPROC] = maxThreads
	}
	for what, most := range set {
		var have unix.Rlimit
		if err := unix.Prlimit(0, what, nil, &have); err != nil {
			return fmt.Errorf("jail: limit %d: %w", what, err)
		}
		most = min(most, have.Max)
		if err := unix.Prlimit(0, what, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			return fmt.Errorf("jail: limit %d: %w", what, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("jail: core dumps: %w", err)
	}
	return nil
}

// emptyRoot makes an empty file system, that cannot be written to, the root of all threads.
func emptyRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("jail: private mounts: %w", err)
	}
	const place, flags = "/proc", unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("empty", place, "tmpfs", flags, "size=4k,nr_inodes=1,mode=555"); err != nil {
		return fmt.Errorf("jail: empty root: %w", err)
	}
	if err := unix.Chdir(place); err != nil {
		return fmt.Errorf("jail: empty root: %w", err)
	}
	// The old root lands on top of the new one, and is taken off.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("jail: pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("jail: old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("jail: empty root: %w", err)
	}
	return nil
}

// Shut closes the list of system calls and says what room this is. From here on apps may
// come.
func (c *Cell) Shut() (Report, error) {
	if c.want.Has(Seccomp) {
		if err := seccomp(); err != nil {
			return c.report, err
		}
		c.report.Layers |= Seccomp
	}
	return c.report, nil
}

// probed is what a probe answers.
type probed struct {
	Report Report `json:"report"`
	Err    string `json:"err,omitempty"`
}

func answerProbe(r Report, err error) {
	p := probed{Report: r}
	if err != nil {
		p.Err = err.Error()
	}
	if text, err := json.Marshal(p); err == nil {
		_, _ = unix.Write(Socket, append(text, '\n'))
	}
	os.Exit(0)
}
