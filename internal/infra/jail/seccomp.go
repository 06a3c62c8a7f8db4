package jail

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A refused call answers EPERM. Killing would tell us of an intruder, who by then has a
// worker's memory already; but it would also hand apps a way to end their neighbours'
// calls, should one ever find how to make honest code (a library that looks for its time
// zones, a runtime that probes the kernel) ask for something new. Only calls of another
// architecture kill: no honest code makes them, and their numbers mean other things.

// always are the calls that need no look at their arguments. The kernel remembers those
// and does not run the filter for them at all: what is frequent must stand here.
var always = append([]uintptr{
	// Messages and waiting for them.
	unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_PPOLL,
	// Memory: resetting instances is madvise and getrusage.
	unix.SYS_MADVISE, unix.SYS_MUNMAP, unix.SYS_BRK, unix.SYS_GETRUSAGE,
	// Files that it was given, and those in memory that it makes of them.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_FSTAT, unix.SYS_LSEEK,
	unix.SYS_FTRUNCATE, unix.SYS_MEMFD_CREATE, unix.SYS_CLOSE,
	// Go's scheduler, its signals to itself and its timers.
	unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP,
	unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN,
	unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL, unix.SYS_GETPID, unix.SYS_GETTID,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_GETRANDOM,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}, alwaysHere...)

const (
	pagemapScan = 0xc0606610 // PAGEMAP_SCAN, on the worker's own page map
	// threadOnly are the flags of a clone that makes a thread; without them all it makes a
	// process, with any other one something stranger.
	threadOnly = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	threadMay  = threadOnly | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_CHILD_SETTID | unix.CLONE_DETACHED
)

// rule decides one call by its arguments: the instructions end in a verdict on each path.
type rule struct {
	call uintptr
	do   []bpf.Instruction
}

var (
	yes = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	no  = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
)

// rules are for a process that is pid.
func rules(pid int) []rule {
	return []rule{
		// No memory becomes executable: the engine was compiled before.
		{unix.SYS_MMAP, without(2, unix.PROT_EXEC)},
		{unix.SYS_MPROTECT, without(2, unix.PROT_EXEC)},
		{unix.SYS_IOCTL, oneOf(1, pagemapScan)},
		// Not F_SETOWN and F_SETSIG, which send signals.
		{unix.SYS_FCNTL, oneOf(1, unix.F_GETFL, unix.F_SETFL, unix.F_GETFD, unix.F_ADD_SEALS, unix.F_GET_SEALS)},
		{unix.SYS_TGKILL, oneOf(0, uint32(pid))},
		{unix.SYS_PRCTL, oneOf(0, unix.PR_SET_VMA)},
		{unix.SYS_CLONE, []bpf.Instruction{
			argument(0),
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: ^uint32(threadMay), SkipTrue: 3},
			bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: threadOnly},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: threadOnly, SkipFalse: 1},
			yes,
			no,
		}},
		// Its flags lie in memory, which a filter cannot read. The C library then takes clone.
		{unix.SYS_CLONE3, []bpf.Instruction{bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}}},
	}
}

// argument loads the lower half of argument n; the kernel looks at no more of those that
// the rules are about.
func argument(n uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: 16 + 8*n, Size: 4} }

func without(arg uint32, bits uint32) []bpf.Instruction {
	return []bpf.Instruction{argument(arg), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bits, SkipTrue: 1}, yes, no}
}

func oneOf(arg uint32, values ...uint32) []bpf.Instruction {
	out := []bpf.Instruction{argument(arg)}
	for i, v := range values {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(len(values) - i)})
	}
	return append(out, no, yes)
}

// filter is the whole program for a process that is pid.
func filter(pid int) []bpf.Instruction {
	kill := bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
	out := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		kill,
		bpf.LoadAbsolute{Off: 0, Size: 4},
		// On x86 such numbers are those of the x32 architecture, elsewhere nobody's.
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 1 << 30, SkipTrue: 1},
		kill,
	}
	for i, call := range always {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(call), SkipTrue: uint8(len(always) - i)})
	}
	out = append(out, bpf.Jump{Skip: 1}, yes)
	for _, r := range rules(pid) {
		out = append(out, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(r.call), SkipTrue: uint8(len(r.do))})
		out = append(out, r.do...)
	}
	return append(out, no)
}

// seccomp puts the filter before all threads.
func seccomp() error {
	if auditArch == 0 {
		return fmt.Errorf("jail: there is no list of system calls for this architecture")
	}
	raw, err := bpf.Assemble(filter(os.Getpid()))
	if err != nil {
		return fmt.Errorf("jail: seccomp: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// The thread that asks must have given up new privileges itself; the others follow.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("jail: no_new_privs: %w", err)
	}
	tid, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("jail: seccomp: %w", errno)
	}
	if tid != 0 {
		return fmt.Errorf("jail: seccomp: thread %d has another filter", tid)
	}
	return nil
}
