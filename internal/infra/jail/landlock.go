package jail

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// allFS are all rights to files that each version of Landlock handles.
var allFS = [...]uint64{0, 1<<13 - 1, 1<<14 - 1, 1<<15 - 1, 1<<15 - 1, 1<<16 - 1, 1<<16 - 1, 1<<16 - 1, 1<<16 - 1, 1<<17 - 1, 1<<17 - 1}

const (
	allTCP    = 1<<2 - 1
	allNet    = 1<<4 - 1 // UDP too
	udpABI    = 10
	scopedABI = 6
	// sameProcess is the erratum without whose mending a scope of signals parts the threads
	// of one process, which Go's scheduler signals.
	sameProcess = 1 << 1
)

type rulesetAttr struct{ fs, net, scoped uint64 }

// landlockABI is the kernel's version of Landlock, 0 when it has none.
func landlockABI() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

func landlockErrata() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_ERRATA)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// everything is what a kernel of that version can refuse.
func everything(abi, errata int) rulesetAttr {
	a := rulesetAttr{fs: allFS[min(abi, len(allFS)-1)]}
	switch {
	case abi >= udpABI:
		a.net = allNet
	case abi >= wallABI:
		a.net = allTCP
	}
	if abi >= scopedABI {
		a.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		if errata&sameProcess != 0 {
			a.scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	return a
}

// landlock refuses everything that the kernel's Landlock can refuse, to all threads and
// without an exception, and gives the version.
func landlock() (int, error) {
	abi := landlockABI()
	if abi == 0 {
		return 0, fmt.Errorf("jail: the kernel has no Landlock")
	}
	attr := everything(abi, landlockErrata())
	size := unsafe.Sizeof(attr)
	switch {
	case abi < wallABI:
		size = 8
	case abi < scopedABI:
		size = 16
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return 0, fmt.Errorf("jail: landlock_create_ruleset: %w", errno)
	}
	defer func() { _ = unix.Close(int(fd)) }()
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return 0, fmt.Errorf("jail: landlock_restrict_self: %w", errno)
	}
	// Nothing outside the process shows this layer, so it is tried once.
	if fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("jail: Landlock lets the root be read")
	}
	return abi, nil
}
