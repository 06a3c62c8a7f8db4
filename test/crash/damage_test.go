package crash

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damage changes every file of a folder.
func damage(t *testing.T, dir string, change func(data []byte) []byte) (files int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			files += damage(t, file, change)
			continue
		}
		data, err := os.ReadFile(file)
		if err == nil {
			if data = change(data); data == nil {
				err = os.Remove(file)
			} else {
				err = os.WriteFile(file, data, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		files++
	}
	return files
}

func flip(data []byte) []byte {
	if len(data) == 0 {
		return []byte{1}
	}
	out := bytes.Clone(data)
	out[len(out)/2] ^= 1
	return out
}

func half(data []byte) []byte { return data[:len(data)/2] }

func remove([]byte) []byte { return nil }

// Snapshots are a cache: whatever happens to them on disk, a version runs as deployed.
func TestDamagedSnapshotsAreMadeAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.start(t)
	st := store(t, p, s)
	for name, change := range map[string]func([]byte) []byte{"flipped": flip, "removed": remove} {
		s.stop()
		if damage(t, filepath.Join(p.data, "snapshots"), change) == 0 {
			t.Fatal("there are no snapshots")
		}
		s = p.start(t)
		st.meet(s)
		st.there()
		if said := strings.Contains(s.log.String(), "made again"); said != (name != "removed") {
			t.Errorf("%s: the server's log says so: %v\n%s", name, said, s.log)
		}
	}
	s.stop()
}

// A version whose stored bytes are missing or were changed is not run: the refusal names
// it and what to do, the others go on, and deploying the same bytes mends it. With its
// snapshot whole it runs on.
func TestDamagedBundlesAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.start(t)
	st := store(t, p, s)
	for name, change := range map[string]func([]byte) []byte{"flipped": flip, "removed": remove} {
		s.stop()
		blobs, snapshots := filepath.Join(p.data, "blobs"), filepath.Join(p.data, "snapshots")
		if damage(t, blobs, change) == 0 {
			t.Fatal("there are no blobs")
		}
		s = p.start(t)
		st.meet(s)
		st.there() // from its snapshot
		s.stop()
		damage(t, snapshots, remove)
		s = p.start(t)
		st.meet(s)
		if a := st.call(st.hook, url.Values{"get": {"first"}}); a.status != 503 || !strings.Contains(a.body, "VERSION_DAMAGED") {
			t.Errorf("%s: the trigger answers %v", name, a)
		}
		call := target(st.app)
		call["function"], call["payload"] = "keep", object{}
		a := st.ask("POST", "/api/v1/invocations", st.developer, call)
		for _, word := range []string{"the version 1.0.0", "deploy the same version again", map[string]string{"removed": "is missing"}[name]} {
			if a.status != 503 || a.code() != "VERSION_DAMAGED" || !strings.Contains(a.body, word) {
				t.Errorf("%s: the developer is told %v, want %q", name, a, word)
			}
		}
		if _, _, hook := st.fresh(); !st.call(hook, url.Values{"set": {"a"}, "value": {"b"}}).acknowledged() {
			t.Errorf("%s: another app does not run", name)
		}
		if a := st.deploy(st.app, 0, ""); !a.acknowledged() {
			t.Errorf("%s: the same bytes cannot be deployed: %v", name, a)
		}
		st.there()
	}
	s.stop()
}

// A database file that is damaged is not taken for an empty one: the server does not
// start, and says why and what to do.
func TestDamagedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.start(t)
	st := store(t, p, s)
	s.stop()
	file := filepath.Join(p.data, "annex.db")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"no database": bytes.Repeat([]byte("not a database "), 1000),
		"head":        append(bytes.Repeat([]byte{0xff}, 100), whole[100:]...),
		"cut":         half(whole),
		"schema":      append(append(bytes.Clone(whole[:100]), bytes.Repeat([]byte{0x55}, 3996)...), whole[4096:]...),
		"later pages": append(bytes.Clone(whole[:4096]), bytes.Repeat([]byte{0x55}, len(whole)-4096)...),
	} {
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		code, said := ends(t, p.serve(t))
		if code != 1 || !strings.Contains(said, "damaged") || !strings.Contains(said, "to mend it: ") || strings.Contains(said, "goroutine") {
			t.Errorf("%s: annex serve ended with %d:\n%s", name, code, said)
		}
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Remove(file + suffix); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	// A single page may be one that no start reads: --check reads all.
	for n := 1; n < len(whole)/4096; n += 20 {
		damaged := bytes.Clone(whole)
		copy(damaged[n*4096:], bytes.Repeat([]byte{0x55}, 4096))
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		p.refuses(t, 1, "damaged", "--check")
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s = p.start(t)
	st.meet(s)
	st.there()
	s.stop()
}
