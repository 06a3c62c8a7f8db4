package crash

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is who may do nothing: root's power over files would ignore their modes.
func (p place) as(t *testing.T) place {
	t.Helper()
	if os.Getuid() != 0 {
		return p
	}
	p.user = &syscall.Credential{Uid: 65534, Gid: 65534}
	own(t, filepath.Dir(p.data), p.user)
	return p
}

func own(t *testing.T, dir string, to *syscall.Credential) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(to.Uid), int(to.Gid))
	})
	if err != nil {
		t.Fatal(err)
	}
	// The way to it is the tests' own folder, which others may pass.
	for dir := filepath.Dir(dir); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// permit changes the modes of everything in a folder.
func permit(t *testing.T, dir string, write bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		i, err := e.Info()
		if err != nil {
			return err
		}
		mode := i.Mode().Perm() &^ 0o222
		if write {
			mode |= 0o200
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stored is a deployment with something in it, and what it answers.
type stored struct {
	*client
	app, hook string
	want      kept
}

func store(t *testing.T, p place, s *process) *stored {
	t.Helper()
	c := newClient(t, p, s)
	st := &stored{client: c, want: kept{Value: "kept", Secret: "kept", Variable: "v"}}
	st.app, _, st.hook = c.fresh()
	for _, a := range []answer{
		c.ask("PUT", "/api/v1/apps/"+st.app+"/environments/development/variables/SEQ", c.developer, object{"value": "v"}),
		c.call(st.hook, url.Values{"set": {"first"}, "secret": {"1"}, "value": {"kept"}}),
	} {
		if !a.acknowledged() {
			t.Fatal(a)
		}
	}
	return st
}

// there demands what was acknowledged.
func (st *stored) there() {
	st.t.Helper()
	var have kept
	st.call(st.hook, url.Values{"get": {"first"}}).into(st.t, &have)
	if have != st.want {
		st.t.Errorf("there is %+v, want %+v", have, st.want)
	}
	var versions struct{ Versions []any }
	st.ask("GET", "/api/v1/apps/"+st.app+"/environments/development/versions", st.developer, nil).into(st.t, &versions)
	if len(versions.Versions) != st.want.Version+1 {
		st.t.Errorf("there are %d versions", len(versions.Versions))
	}
}

// refuses demands that nothing can be written, and that the caller is told why.
func (st *stored) refuses(words string) {
	st.t.Helper()
	for what, a := range map[string]answer{
		"deploy":   st.deploy(st.app, 99, strings.Repeat("x", 1<<20)),
		"variable": st.ask("PUT", "/api/v1/apps/"+st.app+"/environments/development/variables/SEQ", st.developer, object{"value": strings.Repeat("y", 60_000)}),
		"app":      st.ask("POST", "/api/v1/apps", st.developer, object{"name": "Another"}),
	} {
		if a.status != 503 || a.code() != "STORAGE_UNAVAILABLE" || !strings.Contains(a.body, words) {
			st.t.Errorf("%s: %v, want %q", what, a, words)
		}
	}
	// What lies in the file already may be written over, so the first values may find room.
	var a answer
	for n := 0; n < 200 && !strings.Contains(a.body, "STORAGE_UNAVAILABLE"); n++ {
		a = st.call(st.hook, url.Values{"set": {fmt.Sprint("fill", n)}, "size": {"200000"}, "get": {"none"}})
	}
	if a.status != 503 || !strings.Contains(a.body, words) {
		st.t.Errorf("an app that stores is told %v, want %q", a, words)
	}
	if a := st.ask("GET", "/healthz", "", nil); !a.acknowledged() {
		st.t.Errorf("the server is not well: %v", a)
	}
}

// recovers demands that writing goes on, without a start.
func (st *stored) recovers() {
	st.t.Helper()
	st.want.Version++
	if a := st.deploy(st.app, st.want.Version, ""); !a.acknowledged() {
		st.t.Fatal(a)
	}
	if a := st.call(st.hook, url.Values{"set": {"more"}, "value": {"more"}}); !a.acknowledged() {
		st.t.Errorf("a value is not stored: %v", a)
	}
	st.there()
}

// A data directory that may not be written any more, while the server runs and when it
// is started.
func TestCrashReadOnlyDirectory(t *testing.T) {
	p := newPlace(t).as(t)
	p.refusesReadOnlyParent(t)
	s := p.start(t)
	st := store(t, p, s)
	st.there()

	// A running server keeps its database open, the files beside it are made anew.
	permit(t, p.data, false)
	if a := st.deploy(st.app, 99, "something new"); a.status != 503 || a.code() != "STORAGE_UNAVAILABLE" || !strings.Contains(a.body, "cannot be written") {
		t.Errorf("deploy: %v", a)
	}
	st.there()
	permit(t, p.data, true)
	st.recovers()
	s.stop()

	permit(t, p.data, false)
	p.refuses(t, 6, "the data directory cannot be written by the server")
	p.refuses(t, 6, "the data directory cannot be written by the server", "--check")
	permit(t, p.data, true)
	s = p.start(t)
	st.meet(s)
	st.there()
	s.stop()
}

func (p place) refusesReadOnlyParent(t *testing.T) {
	t.Helper()
	parent := filepath.Dir(p.data)
	if err := os.Chmod(parent, 0o555); err != nil {
		t.Fatal(err)
	}
	p.refuses(t, 6, "cannot be made")
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(parent, "locked"), 0o555); err != nil {
		t.Fatal(err)
	}
	other := p
	other.data = filepath.Join(parent, "other")
	other.ring = filepath.Join(parent, "locked", "ring")
	other.refuses(t, 6, "the key ring "+other.ring)
}

// A disk that is full: what needs room is refused, what is there is read, nothing is
// lost, and with room again all goes on.
func TestCrashFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=24m,mode=0755"); err != nil {
		t.Skipf("a disk that can be filled needs the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := newPlace(t)
	p.data = filepath.Join(disk, "data")
	s := p.start(t)
	st := store(t, p, s)
	st.there()

	fill(t, disk)
	st.refuses("full")
	st.there()
	empty(t, disk)
	st.recovers()

	// Killed while the disk is full, and started on it.
	fill(t, disk)
	st.refuses("full")
	s.kill()
	fill(t, disk) // what the killed server held is room now
	if code, said := ends(t, p.serve(t, "--check")); code != 0 && code != 6 || strings.Contains(said, "goroutine") ||
		code == 6 && (!strings.Contains(said, "full") || !strings.Contains(said, "to mend it")) {
		t.Errorf("a start on a full disk ended with %d:\n%s", code, said)
	}
	empty(t, disk)
	s = p.start(t)
	st.meet(s)
	st.there()
	st.recovers()
	s.stop()

	// A first start on a full disk leaves nothing that a second one stumbles over.
	fill(t, disk)
	fresh := newPlace(t)
	fresh.data = filepath.Join(disk, "fresh")
	fresh.refuses(t, 6, "full")
	empty(t, disk)
	s = fresh.start(t)
	newClient(t, fresh, s)
	s.stop()
}

// fill writes until nothing more fits.
func fill(t *testing.T, disk string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(disk, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil || st.Bavail > 0 {
		t.Fatal(fmt.Sprint(st.Bavail, " blocks are left: "), err)
	}
}

func empty(t *testing.T, disk string) {
	t.Helper()
	if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
		t.Fatal(err)
	}
}
