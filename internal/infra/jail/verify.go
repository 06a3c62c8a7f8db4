package jail

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Verify looks at a child from outside: what it says of its room must be what the jail
// promised, and what /proc shows of each of its threads must be what it says. What cannot
// be seen from outside (Landlock) was tried by the child itself, before any app came.
func (j *Jail) Verify(pid int, said Report) error {
	if j.plan.layers == 0 {
		return nil
	}
	if missing := j.report.Layers &^ said.Layers; missing != 0 {
		return fmt.Errorf("jail: the child %d is not behind %s", pid, missing)
	}
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	tasks, err := filepath.Glob(filepath.Join(dir, "task", "*", "status"))
	if err != nil || len(tasks) == 0 {
		if _, statErr := os.Stat("/proc/self/status"); statErr != nil {
			j.log.Warn("workers cannot be looked at from outside: there is no /proc")
			return nil
		}
		return fmt.Errorf("jail: the child %d cannot be seen: %w", pid, errors.Join(err, fs.ErrNotExist))
	}
	self, err := status("/proc/self/status")
	if err != nil {
		return err
	}
	for _, file := range tasks {
		s, err := status(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a thread that has just ended
		}
		if err != nil {
			return err
		}
		if err := checkThread(s, self, j.report.Layers); err != nil {
			return fmt.Errorf("jail: %s: %w", filepath.Dir(file), err)
		}
	}
	return errors.Join(checkNamespaces(dir, j.report.Layers), checkMounts(dir, j.report.Layers))
}

// status reads a process's or thread's status.
func status(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("jail: %w", err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			out[name] = strings.TrimSpace(value)
		}
	}
	return out, nil
}

func checkThread(s, self map[string]string, l Layers) error {
	want := map[string]string{}
	if l&(Landlock|Seccomp) != 0 {
		want["NoNewPrivs"] = "1"
	}
	if l.Has(Seccomp) {
		want["Seccomp"] = "2"
	}
	if l.Has(Caps) {
		const none = "0000000000000000"
		want["CapInh"], want["CapPrm"], want["CapEff"], want["CapAmb"] = none, none, none, none
	}
	for name, value := range want {
		if s[name] != value {
			return fmt.Errorf("%s is %q, not %q", name, s[name], value)
		}
	}
	if l.Has(PID) && len(strings.Fields(s["NSpid"])) <= len(strings.Fields(self["NSpid"])) {
		return errors.New("it is among the host's processes")
	}
	if l.Has(UID) && s["Uid"] == self["Uid"] {
		return errors.New("it is the server's user")
	}
	return nil
}

// checkNamespaces compares the child's with ours. Who may not look (a root without the
// capability to) has the thread's status only.
func checkNamespaces(dir string, l Layers) error {
	for _, ns := range []struct {
		layer Layers
		name  string
	}{{User, "user"}, {Mount, "mnt"}, {PID, "pid"}, {Net, "net"}, {IPC, "ipc"}, {UTS, "uts"}, {Cgroup, "cgroup"}} {
		if !l.Has(ns.layer) {
			continue
		}
		ours, err := os.Readlink("/proc/self/ns/" + ns.name)
		if err != nil {
			return fmt.Errorf("jail: %w", err)
		}
		theirs, err := os.Readlink(filepath.Join(dir, "ns", ns.name))
		if errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return fmt.Errorf("jail: %w", err)
		}
		if ours == theirs {
			return fmt.Errorf("jail: %s: it is in our %s namespace", dir, ns.name)
		}
	}
	return nil
}

func checkMounts(dir string, l Layers) error {
	if !l.Has(Mount) {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "mountinfo"))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("jail: %w", err)
	}
	if n := bytes.Count(text, []byte("\n")); n != 1 {
		return fmt.Errorf("jail: %s: its file system has %d mounts, not the empty one alone", dir, n)
	}
	return nil
}
