package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempts are everything that the inmate tries, with the layers that refuse it alone. What
// namespaces do not refuse is harmless behind them: a process may fork where nobody else
// is, and bind where nobody can call.
var attempts = []attempt{
	// Files.
	{"read a file", byAll, readOf(func(o world) string { return o.Secret })},
	{"read a file by a relative name", byAll, readOf(func(o world) string { return "../../../../../.." + o.Secret })},
	{"read a file through /proc/self/root", byAll, readOf(func(o world) string { return "/proc/self/root" + o.Secret })},
	{"read a file through /proc/self/cwd", byAll, readOf(func(o world) string { return "/proc/self/cwd/../../../../../.." + o.Secret })},
	{"read the list of users", byAll, readOf(func(world) string { return "/etc/passwd" })},
	{"read the program", byAll, readOf(func(world) string { return "/proc/self/exe" })},
	{"read own memory by name", byAll, readOf(func(world) string { return "/proc/self/maps" })},
	{"list the root", byAll, func(world) (string, error) { return names("/") }},
	{"list the working folder", byAll, func(world) (string, error) { return names(".") }},
	{"list /dev", byAll, func(world) (string, error) { return names("/dev") }},
	{"learn whether a file exists", byNamespaces | bySeccomp, func(o world) (string, error) {
		var st unix.Stat_t
		return "", unix.Stat(o.Secret, &st)
	}},
	{"create a file", byAll, func(o world) (string, error) { return o.create(o.Folder) }},
	{"create a file in the root", byAll, func(o world) (string, error) { return o.create("/") }},
	{"create a file in /tmp", byAll, func(o world) (string, error) { return o.create("/tmp") }},
	{"create a file in /dev/shm", byAll, func(o world) (string, error) { return o.create("/dev/shm") }},
	{"create a file without a name", byAll, func(o world) (string, error) {
		_, err := unix.Open(o.Folder, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		return "", err
	}},
	{"make a folder", byAll, func(o world) (string, error) { return "", unix.Mkdir(filepath.Join(o.Folder, "made"), 0o700) }},
	{"make a link", byAll, func(o world) (string, error) {
		return "", unix.Symlink(o.Secret, filepath.Join(o.Folder, "link"))
	}},
	{"make a device", byAll, func(o world) (string, error) {
		return "", unix.Mknod(filepath.Join(o.Folder, "pipe"), unix.S_IFIFO|0o600, 0)
	}},
	{"rename a file", byAll, func(o world) (string, error) { return "", unix.Rename(o.file("moved"), o.file("moved to")) }},
	{"cut a file", byAll, func(o world) (string, error) { return "", unix.Truncate(o.file("cut"), 1) }},
	{"change a file's mode", byNamespaces | bySeccomp, func(o world) (string, error) { return "", unix.Chmod(o.Secret, 0o666) }},
	{"remove a file", byAll, func(o world) (string, error) { return "", unix.Unlink(o.file("removed")) }},
	{"go through what is open", byAll, descriptors},
	{"open a file by its number", byNamespaces | bySeccomp, func(o world) (string, error) {
		_, err := unix.OpenByHandleAt(unix.AT_FDCWD, unix.NewFileHandle(1, make([]byte, 8)), unix.O_RDONLY)
		return "", beyond(err, unix.ESTALE, unix.EINVAL)
	}},
	{"watch a folder", byNamespaces | bySeccomp, func(o world) (string, error) {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err == nil {
			_, err = unix.InotifyAddWatch(fd, o.Folder, unix.IN_ALL_EVENTS)
		}
		return "", err
	}},
	// Nothing on the machine changes when these succeed: there is no such file system, and
	// the folder is no mount.
	{"mount a file system", byAll, func(world) (string, error) {
		return "", beyond(unix.Mount("x", "/", "annex-none", 0, ""), unix.ENODEV)
	}},
	{"take a mount off", byNamespaces | bySeccomp, func(world) (string, error) {
		return "", beyond(unix.Unmount(".", 0), unix.EINVAL, unix.EBUSY)
	}},
	{"swap the root", byAll, func(world) (string, error) {
		return "", beyond(unix.PivotRoot(".", "."), unix.EINVAL, unix.EBUSY)
	}},
	{"open a file system", byNamespaces | bySeccomp, func(world) (string, error) {
		_, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
		return "", err
	}},
	{"leave the namespaces", bySeccomp, func(world) (string, error) {
		return "", beyond(unix.Unshare(unix.CLONE_NEWUSER|unix.CLONE_NEWNS), unix.EINVAL) // with threads
	}},
	{"enter other namespaces", bySeccomp | byNamespaces, func(o world) (string, error) {
		fd, err := unix.PidfdOpen(o.Process, 0)
		if err != nil {
			return "", err
		}
		return "", unix.Setns(fd, unix.CLONE_NEWNET)
	}},

	// Network.
	{"connect by TCP", byAll, func(o world) (string, error) { return dial(unix.AF_INET, unix.SOCK_STREAM, 0, loopback(o.TCP)) }},
	{"connect by multipath TCP", byNamespaces | bySeccomp, func(o world) (string, error) {
		return dial(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, loopback(o.TCP))
	}},
	{"listen by TCP", byLandlock | bySeccomp, func(world) (string, error) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Bind(fd, loopback(0))
		}
		return "", err
	}},
	{"send by UDP", byNamespaces | bySeccomp, func(o world) (string, error) { return dial(unix.AF_INET, unix.SOCK_DGRAM, 0, loopback(o.UDP)) }},
	{"connect to a socket in a folder", byNamespaces | bySeccomp, func(o world) (string, error) {
		return dial(unix.AF_UNIX, unix.SOCK_STREAM, 0, &unix.SockaddrUnix{Name: o.Unix})
	}},
	{"connect to an abstract socket", byAll, func(o world) (string, error) {
		return dial(unix.AF_UNIX, unix.SOCK_STREAM, 0, &unix.SockaddrUnix{Name: "@" + o.Canary})
	}},
	{"send past the own socket's end", byAll, func(o world) (string, error) {
		return "", unix.Sendto(3, []byte("x"), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: "@" + o.Canary + "-datagram"})
	}},
	{"a raw socket", byNamespaces | bySeccomp, socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
	{"a packet socket", byNamespaces | bySeccomp, socket(unix.AF_PACKET, unix.SOCK_RAW, 0)},
	{"a vsock", bySeccomp, socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
	{"a netlink socket", bySeccomp, socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)},
	{"a socket of the kernel's cryptography", bySeccomp, socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)},
	{"a pair of sockets", bySeccomp, func(world) (string, error) {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return "", err
	}},

	// Processes.
	{"signal a process", byAll, func(o world) (string, error) { return "", unix.Kill(o.Process, 0) }},
	{"signal all processes", byNamespaces | bySeccomp, func(world) (string, error) { return "", unix.Kill(-1, 0) }},
	{"signal a thread", byAll, func(o world) (string, error) { return "", unix.Tgkill(o.Process, o.Process, 0) }},
	{"signal by a descriptor", byAll, func(o world) (string, error) {
		fd, err := unix.PidfdOpen(o.Process, 0)
		if err == nil {
			err = unix.PidfdSendSignal(fd, 0, nil, 0)
		}
		return "", err
	}},
	{"let the kernel signal", byNamespaces | bySeccomp, func(o world) (string, error) {
		if _, err := unix.FcntlInt(3, unix.F_SETOWN, o.Process); err != nil {
			return "", err
		}
		if owner, err := unix.FcntlInt(3, unix.F_GETOWN, 0); err != nil || owner != o.Process {
			return "", unix.ESRCH
		}
		return "", nil
	}},
	{"trace a process", byAll, func(o world) (string, error) {
		_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(o.Process), 0, 0, 0, 0)
		return "", result(errno)
	}},
	{"read a process's memory", byAll, func(o world) (string, error) {
		b := make([]byte, 8)
		local := []unix.Iovec{{Base: &b[0], Len: 8}}
		_, err := unix.ProcessVMReadv(o.Process, local, []unix.RemoteIovec{{Base: 0x1000, Len: 8}}, 0)
		return "", beyond(err, unix.EFAULT)
	}},
	{"read a process's environment", byAll, readOf(func(o world) string { return fmt.Sprintf("/proc/%d/environ", o.Process) })},
	{"read a process's command", byAll, readOf(func(o world) string { return fmt.Sprintf("/proc/%d/cmdline", o.Process) })},
	{"list processes", byAll, func(world) (string, error) { return names("/proc") }},
	{"take a process's descriptor", byAll, func(o world) (string, error) {
		fd, err := unix.PidfdOpen(o.Process, 0)
		if err == nil {
			_, err = unix.PidfdGetfd(fd, 0, 0)
		}
		return "", err
	}},
	{"change a process's limits", byNamespaces | bySeccomp, func(o world) (string, error) {
		var have unix.Rlimit
		return "", unix.Prlimit(o.Process, unix.RLIMIT_NOFILE, nil, &have)
	}},
	{"change a process's priority", byNamespaces | bySeccomp, func(o world) (string, error) { return "", unix.Setpriority(unix.PRIO_PROCESS, o.Process, 1) }},
	{"use shared memory", byNamespaces | bySeccomp, func(o world) (string, error) {
		_, err := unix.SysvShmGet(o.Shm, 0, 0)
		return "", err
	}},
	{"learn the machine's name", byNamespaces | bySeccomp, func(o world) (string, error) {
		var u unix.Utsname
		if err := unix.Uname(&u); err != nil {
			return "", err
		}
		if got := unix.ByteSliceToString(u.Nodename[:]); got != o.Host {
			return "", fmt.Errorf("it is %q", got)
		}
		return "", nil
	}},
	{"have a capability", byNamespaces, func(world) (string, error) {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var have [2]unix.CapUserData
		if err := unix.Capget(&header, &have[0]); err != nil {
			return "", err
		}
		if have[0].Permitted|have[1].Permitted == 0 {
			return "", unix.EPERM
		}
		return fmt.Sprintf("%#x", have[0].Permitted), nil
	}},
	{"rename the machine", byNamespaces | bySeccomp, func(o world) (string, error) { return "", unix.Sethostname([]byte(o.Host)) }},
	{"fork", bySeccomp, func(world) (string, error) { return fork() }},
	{"clone in the new way", bySeccomp, func(world) (string, error) {
		// An empty request: the kernel would say what is wrong with it.
		_, _, errno := unix.RawSyscall(unix.SYS_CLONE3, keep(&[64]byte{}), 0, 0)
		return "", beyond(result(errno), unix.EINVAL)
	}},

	// The kernel's wide doors.
	{"load a program into the kernel", bySeccomp, ask(unix.SYS_BPF, 0, keep(&[64]byte{0: 1, 4: 4, 8: 4, 12: 1}), 64)},
	{"queue work in the kernel", bySeccomp, ask(unix.SYS_IO_URING_SETUP, 1, keep(&[128]byte{}))},
	{"handle page faults", bySeccomp, ask(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1)},
	{"measure the kernel", bySeccomp, ask(unix.SYS_PERF_EVENT_OPEN, keep(&unix.PerfEventAttr{Type: 1, Size: 112, Config: 0}), 0, ^uintptr(0), ^uintptr(0), 0)},
	{"use the kernel's keys", bySeccomp, func(world) (string, error) {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
		return "", err
	}},
	{"type into a terminal", byAll, func(world) (string, error) {
		for fd := range 16 {
			b := byte('\n')
			if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSTI, uintptr(unsafe.Pointer(&b))); errno == 0 {
				return fmt.Sprintf("descriptor %d", fd), nil
			}
		}
		return "", unix.ENOTTY
	}},
	{"outlive the server", bySeccomp, func(world) (string, error) { return "", unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0) }},
	{"be dumped", bySeccomp, func(world) (string, error) { return "", unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	{"let others trace", bySeccomp, func(world) (string, error) {
		return "", beyond(unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0), unix.EINVAL) // without Yama
	}},
	{"map memory that can be executed", bySeccomp, func(world) (string, error) {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		return "", err
	}},
	{"make memory executable", bySeccomp, func(world) (string, error) {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return "", err
		}
		return "", unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	}},

	// These change the inmate itself.
	{"let all memory be executed", bySeccomp, ask(unix.SYS_PERSONALITY, 0x0400000)},
	{"become another group", byNamespaces | bySeccomp, ask(unix.SYS_SETRESGID, 4321, 4321, 4321)},
	{"become another user", byNamespaces | bySeccomp, ask(unix.SYS_SETRESUID, 4321, 4321, 4321)},
	{"change the root", byNamespaces | bySeccomp, func(world) (string, error) { return "", unix.Chroot(".") }},

	// These end it when they succeed; its silence says so.
	{"execute a program from memory", bySeccomp, func(world) (string, error) {
		fd, err := unix.MemfdCreate("x", 0)
		if err != nil {
			return "", err
		}
		if _, err := unix.Write(fd, []byte("#!/bin/true\n")); err != nil {
			return "", err
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), path(""), nothing, nothing, unix.AT_EMPTY_PATH, 0)
		return "", result(errno)
	}},
	{"execute a program", byAll, func(world) (string, error) { return "", unix.Exec("/bin/true", []string{"true"}, nil) }},
	{"execute itself", byAll, func(world) (string, error) { return "", unix.Exec("/proc/self/exe", []string{inmateName}, nil) }},
}

// nothing is an empty list of strings.
var nothing = keep(new(uintptr))

// beyond takes errors that the kernel gives only after it has allowed the call for success.
func beyond(err error, allowed ...unix.Errno) error {
	for _, e := range allowed {
		if err == e {
			return nil
		}
	}
	return err
}

func (o world) create(dir string) (string, error) {
	name := filepath.Join(dir, o.Canary)
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		_ = unix.Close(fd)
		_ = os.Remove(name)
	}
	return name, err
}

// fork makes a process in the one way that harms no Go program: the child ends at once.
func fork() (string, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return "", errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	return fmt.Sprint("process ", pid), nil
}
