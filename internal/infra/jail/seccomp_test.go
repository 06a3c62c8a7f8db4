package jail

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict runs the filter of process 7 over a call.
func verdict(t *testing.T, arch uint32, nr uintptr, args ...uint64) uint32 {
	t.Helper()
	vm, err := bpf.NewVM(filter(7))
	if err != nil {
		t.Fatal(err)
	}
	// The machine reads numbers of the network's order, the kernel's those of its own.
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[0:], uint32(nr))
	binary.BigEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(a>>32))
	}
	got, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(got)
}

const (
	allowed = uint32(unix.SECCOMP_RET_ALLOW)
	killed  = uint32(unix.SECCOMP_RET_KILL_PROCESS)
)

func refused(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }

func TestFilterDecidesByArguments(t *testing.T) {
	goThread := uint64(unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD)
	cThread := goThread | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
	for _, tc := range []struct {
		what string
		nr   uintptr
		args []uint64
		want uint32
	}{
		{"memory to write", unix.SYS_MMAP, []uint64{0, 1, unix.PROT_READ | unix.PROT_WRITE}, allowed},
		{"memory to execute", unix.SYS_MMAP, []uint64{0, 1, unix.PROT_EXEC}, refused(unix.EPERM)},
		{"to execute, with other bits", unix.SYS_MMAP, []uint64{0, 1, 1<<40 | unix.PROT_EXEC | unix.PROT_READ}, refused(unix.EPERM)},
		{"memory made writable", unix.SYS_MPROTECT, []uint64{0, 1, unix.PROT_READ | unix.PROT_WRITE}, allowed},
		{"memory made executable", unix.SYS_MPROTECT, []uint64{0, 1, unix.PROT_READ | unix.PROT_EXEC}, refused(unix.EPERM)},
		{"a Go thread", unix.SYS_CLONE, []uint64{goThread}, allowed},
		{"a C thread", unix.SYS_CLONE, []uint64{cThread}, allowed},
		{"a fork", unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, refused(unix.EPERM)},
		{"a vfork", unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_VFORK}, refused(unix.EPERM)},
		{"a thread in another namespace", unix.SYS_CLONE, []uint64{goThread | unix.CLONE_NEWUSER}, refused(unix.EPERM)},
		{"a thread with a parent of its choice", unix.SYS_CLONE, []uint64{goThread | unix.CLONE_PARENT}, refused(unix.EPERM)},
		{"half a thread", unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_SIGHAND | unix.CLONE_THREAD}, refused(unix.EPERM)},
		{"clone3", unix.SYS_CLONE3, nil, refused(unix.ENOSYS)},
		{"a signal to oneself", unix.SYS_TGKILL, []uint64{7, 9, 23}, allowed},
		{"a signal to another", unix.SYS_TGKILL, []uint64{8, 9, 23}, refused(unix.EPERM)},
		{"a signal to all", unix.SYS_KILL, []uint64{^uint64(0), 9}, refused(unix.EPERM)},
		{"the page map", unix.SYS_IOCTL, []uint64{3, pagemapScan}, allowed},
		{"a terminal", unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, refused(unix.EPERM)},
		{"flags of a file", unix.SYS_FCNTL, []uint64{3, unix.F_GETFL}, allowed},
		{"an owner of a socket", unix.SYS_FCNTL, []uint64{3, unix.F_SETOWN, 1}, refused(unix.EPERM)},
		{"a signal of a socket", unix.SYS_FCNTL, []uint64{3, unix.F_SETSIG, 9}, refused(unix.EPERM)},
		{"names of memory", unix.SYS_PRCTL, []uint64{unix.PR_SET_VMA}, allowed},
		{"core dumps", unix.SYS_PRCTL, []uint64{unix.PR_SET_DUMPABLE, 1}, refused(unix.EPERM)},
	} {
		if got := verdict(t, auditArch, tc.nr, tc.args...); got != tc.want {
			t.Errorf("%s: %#x, want %#x", tc.what, got, tc.want)
		}
	}
}

// Whatever is not listed is refused, also what later kernels add.
func TestFilterRefusesTheRest(t *testing.T) {
	listed := slices.Clone(always)
	for _, r := range rules(7) {
		listed = append(listed, r.call)
	}
	for nr := range uintptr(2000) {
		got, want := verdict(t, auditArch, nr), refused(unix.EPERM)
		if slices.Contains(always, nr) {
			want = allowed
		} else if slices.Contains(listed, nr) {
			continue
		}
		if got != want {
			t.Errorf("call %d: %#x, want %#x", nr, got, want)
		}
	}
}

func TestFilterEndsForeignCalls(t *testing.T) {
	for _, arch := range []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, 0} {
		if got := verdict(t, arch, unix.SYS_READ); got != killed {
			t.Errorf("architecture %#x: %#x", arch, got)
		}
	}
	if got := verdict(t, auditArch, unix.SYS_READ|1<<30); got != killed {
		t.Errorf("a call of x32: %#x", got)
	}
	if got := verdict(t, auditArch, 1<<32-1); got != killed {
		t.Errorf("call -1: %#x", got)
	}
}
