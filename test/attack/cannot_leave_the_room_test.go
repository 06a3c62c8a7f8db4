package attack

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jail"
)

// Whoever has taken over a worker gets nothing of the machine: each of these rooms is
// tried with native code in the worker's place. The first one is what a server uses; the
// others are one wall, or half of one, with everything else left out, so that no guard
// hides behind another.

func TestAttackLeaveTheRoom(t *testing.T) {
	w := newWorld(t)
	room, err := jail.Open(t.Context(), jail.Config{}, inmateCommand(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(room.Close)
	t.Log(room.Grade().Explain())
	by := layersThat(bySeccomp)
	if slices.Contains(room.Grade().Files, jail.WallNamespaces) {
		by |= byNamespaces
	}
	w.refused(t, room, by)
}

func TestAttackLeaveByNamespacesAlone(t *testing.T) {
	w := newWorld(t)
	w.refused(t, partial(t, jail.Namespaces|jail.Caps), byNamespaces)
}

func TestAttackLeaveByLandlockAlone(t *testing.T) {
	w := newWorld(t)
	w.refused(t, partial(t, jail.Landlock), byLandlock)
}

func TestAttackLeaveBySeccompAlone(t *testing.T) {
	w := newWorld(t)
	w.refused(t, partial(t, jail.Seccomp), bySeccomp)
}

// The attempts must be able to succeed: without any layer each gets what it wants.
func TestInmatesAttemptsCanSucceed(t *testing.T) {
	w := newWorld(t)
	got, _ := w.try(t, partial(t, 0), byAll)
	// Whether these succeed depends on the machine's settings and on who runs the tests; or
	// they never do, or end the inmate.
	depends := []string{
		"send past the own socket's end", "type into a terminal", "go through what is open", "execute a program", "execute itself",
		"execute a program from memory", "create a file in the root", "open a file by its number", "mount a file system", "take a mount off",
		"swap the root", "open a file system", "change the root", "enter other namespaces", "leave the namespaces", "connect by multipath TCP",
		"a raw socket", "a packet socket", "a vsock", "a socket of the kernel's cryptography", "trace a process", "read a process's memory",
		"take a process's descriptor", "rename the machine", "become another user", "become another group", "have a capability",
		"load a program into the kernel", "queue work in the kernel", "handle page faults", "measure the kernel", "use the kernel's keys",
	}
	for _, a := range attempts {
		r, ok := got[a.name]
		if !ok || !r.Reached {
			t.Logf("%s: %s", a.name, r.Detail)
		}
		if (!ok || !r.Reached) && !slices.Contains(depends, a.name) {
			t.Errorf("%s: not reached without any layer (%s): the attempt shows nothing", a.name, r.Detail)
		}
	}
}

func partial(t *testing.T, l jail.Layers) *jail.Jail {
	t.Helper()
	room, err := jail.Partial(t.Context(), nil, l, inmateCommand(nil))
	if err != nil {
		t.Skipf("this host refuses workers %s: %v", l, err)
	}
	t.Cleanup(room.Close)
	if have := room.Grade().Layers; l.Has(jail.Landlock) && !slices.Contains(have, "landlock") {
		t.Skip("this test binary is linked with C, whose threads Landlock does not reach: run it with CGO_ENABLED=0, as make does")
	}
	return room
}

// inmateCommand starts this test binary as an inmate of that world.
func inmateCommand(w *world) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe")
		text, _ := json.Marshal(w)
		cmd.Args = []string{inmateName, string(text)}
		cmd.Env = []string{}
		return cmd
	}
}

// newWorld lays out everything that an inmate may want: all of it open to everybody on the
// machine, so that only the room stands in the way.
func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "room")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{Folder: filepath.Join(dir, "open"), Canary: "annex-attack-" + filepath.Base(dir), Secret: filepath.Join(dir, "open", "secret"), Unix: filepath.Join(dir, "open", "socket")}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // when a guard is missing, an inmate may make what it cannot remove
		for _, folder := range []string{"/", "/tmp", "/dev/shm"} {
			_ = os.Remove(filepath.Join(folder, w.Canary))
		}
	})
	must(os.Chmod(dir, 0o755))
	must(os.Mkdir(w.Folder, 0o755))
	for _, file := range []string{w.Secret, w.file("moved"), w.file("cut"), w.file("removed")} {
		must(os.WriteFile(file, []byte(w.Canary), 0o600))
		must(os.Chmod(file, 0o666))
	}
	must(os.Chmod(w.Folder, 0o777))
	w.Host, err = os.Hostname()
	must(err)
	listen := func(network, address string) net.Addr {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
		must(err)
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr()
	}
	w.TCP = listen("tcp4", "127.0.0.1:0").(*net.TCPAddr).Port
	listen("unix", w.Unix)
	must(os.Chmod(w.Unix, 0o777))
	listen("unix", "@"+w.Canary)
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	must(err)
	t.Cleanup(func() { _ = udp.Close() })
	w.UDP = udp.LocalAddr().(*net.UDPAddr).Port

	segment, err := unix.SysvShmGet(os.Getpid(), 4096, unix.IPC_CREAT|0o666)
	must(err)
	t.Cleanup(func() { _, _ = unix.SysvShmCtl(segment, unix.IPC_RMID, nil) })
	w.Shm = os.Getpid()

	// A process of the same user as an inmate that keeps it.
	decoy := exec.Command("sleep", "600")
	must(decoy.Start())
	t.Cleanup(func() {
		_ = decoy.Process.Kill()
		_ = decoy.Wait()
	})
	w.Process = decoy.Process.Pid

	// A descriptor that a server might have inherited without knowing it.
	left, err := unix.Open(w.Secret, unix.O_RDONLY, 0)
	must(err)
	t.Cleanup(func() { _ = unix.Close(left) })
	return w
}

// try lets an inmate of the room try everything that one of the layers is said to refuse.
func (w *world) try(t *testing.T, room *jail.Jail, by layersThat) (map[string]tried, *exec.Cmd) {
	t.Helper()
	q := *w
	for _, a := range attempts {
		if a.by&by != 0 {
			q.Try = append(q.Try, a.name)
		}
	}
	ours, theirs, err := hostcall.Pair()
	if err != nil {
		t.Fatal(err)
	}
	cmd := inmateCommand(&q)()
	err = room.Start(cmd, theirs)
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ours.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	got := map[string]tried{}
	for lines := bufio.NewScanner(ours); lines.Scan(); {
		var r tried
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if got[r.Name] = r; r.Name == "end" {
			break
		}
	}
	return got, cmd
}

func (w *world) refused(t *testing.T, room *jail.Jail, by layersThat) {
	t.Helper()
	got, _ := w.try(t, room, by)
	for _, a := range attempts {
		if a.by&by == 0 {
			continue
		}
		r, ok := got[a.name]
		switch {
		case !ok:
			t.Errorf("%s: the inmate fell silent", a.name)
		case r.Reached:
			t.Errorf("%s: reached: %s", a.name, r.Detail)
		}
		delete(got, a.name)
	}
	if _, ok := got["end"]; !ok {
		t.Error("the inmate did not come to its end")
	}
	delete(got, "end")
	for _, r := range got {
		t.Errorf("%s: %s", r.Name, r.Detail)
	}
	entries, err := os.ReadDir(w.Folder)
	if err != nil || len(entries) != 5 {
		t.Errorf("the folder is not what it was: %v, %v", entries, err)
	}
}
