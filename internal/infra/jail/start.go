package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// plan is a room that can be tried.
type plan struct {
	layers Layers
	probe  bool
}

func (p plan) String() string {
	text := planPrefix + p.layers.String()
	if p.probe {
		text += ";" + probeWord
	}
	return text
}

// inside is who a worker is in its own user namespace: not root, and nobody by name.
const inside = 1

// Start starts a child in the room, with sock as its descriptor 3 and nothing else but a
// pipe to the server's log. What cmd.ExtraFiles names it has from 4 on until it enters the
// room, and no longer. The child ends when the jail is closed, or its server dies.
func (j *Jail) Start(cmd *exec.Cmd, sock *os.File) error {
	return j.start(cmd, sock, plan{layers: j.plan.layers})
}

func (j *Jail) start(cmd *exec.Cmd, sock *os.File, p plan) error {
	if len(cmd.Args) == 0 {
		cmd.Args = []string{cmd.Path}
	}
	cmd.Args = append([]string{cmd.Args[0], p.String()}, cmd.Args[1:]...)
	cmd.ExtraFiles = append([]*os.File{sock}, cmd.ExtraFiles...)
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &relay{log: j.log}
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: cloneFlags(p.layers)}
	if p.layers.Has(UID) {
		id := int(j.nextUser())
		attr.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
		if p.layers.Has(User) {
			attr.Credential.Uid, attr.Credential.Gid = inside, inside
			attr.GidMappingsEnableSetgroups = true
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: id, Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: id, Size: 1}}
		}
	} else if p.layers.Has(User) {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Getegid(), Size: 1}}
	}
	if p.layers&(Mount|UTS) != 0 {
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	cmd.SysProcAttr = attr
	program, err := reachable(cmd, p.layers)
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }()
	return j.spawn(cmd)
}

func cloneFlags(l Layers) (flags uintptr) {
	for _, f := range []struct {
		layer Layers
		flag  uintptr
	}{
		{User, unix.CLONE_NEWUSER}, {Mount, unix.CLONE_NEWNS}, {PID, unix.CLONE_NEWPID}, {Net, unix.CLONE_NEWNET},
		{IPC, unix.CLONE_NEWIPC}, {UTS, unix.CLONE_NEWUTS}, {Cgroup, unix.CLONE_NEWCGROUP},
	} {
		if l.Has(f.layer) {
			flags |= f.flag
		}
	}
	return flags
}

// reachable makes the command's program one that another user can execute although it may
// not enter the folder that it lies in, by naming the open file.
func reachable(cmd *exec.Cmd, l Layers) (*os.File, error) {
	// Numbers up to the child's own would be overwritten on the way.
	fd, err := unix.Open(cmd.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("jail: program: %w", err)
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, Socket+10)
	_ = unix.Close(fd)
	if err != nil {
		return nil, fmt.Errorf("jail: program: %w", err)
	}
	f := os.NewFile(uintptr(high), cmd.Path)
	st, err := f.Stat()
	if err == nil && l.Has(UID) && st.Mode().Perm()&0o5 != 0o5 {
		err = errNotForAll(cmd.Path)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("jail: program: %w", err)
	}
	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", high)
	return f, nil
}

type errNotForAll string

func (e errNotForAll) Error() string {
	return "workers run as a user of their own, who may not execute " + string(e) + " (chmod a+rx)"
}

// spawner starts children from one thread that lives as long as the jail: the kernel ends
// a child with the thread that made it.
type spawner struct {
	work chan spawning
	done chan struct{}
}

type spawning struct {
	cmd *exec.Cmd
	err chan error
}

func newSpawner() *spawner {
	s := &spawner{work: make(chan spawning), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with this function
		for {
			select {
			case w := <-s.work:
				w.err <- w.cmd.Start()
			case <-s.done:
				return
			}
		}
	}()
	return s
}

var errClosed = errors.New("jail: closed")

func (j *Jail) spawn(cmd *exec.Cmd) error {
	w := spawning{cmd, make(chan error, 1)}
	select {
	case j.spawner.work <- w:
		return <-w.err
	case <-j.spawner.done:
		return errClosed
	}
}

// nextUser is a number that no other worker of this jail has had for long.
func (j *Jail) nextUser() uint32 {
	if j.users.size == 1 {
		return j.users.first
	}
	return j.users.first + j.users.next.Add(1)%j.users.size
}

// users are the numbers that workers get as users of the host.
type users struct {
	first, size uint32
	next        atomic.Uint32
}
