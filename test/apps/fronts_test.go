package apps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// build fills the folders of the app's front ends, from a cache if this commit of it was
// built before, and says which packages it was not built with as locked.
func (f face) build(t *testing.T, s source, dir string) (other string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	for _, p := range f.fronts {
		at := filepath.Join(dir, filepath.FromSlash(p.dir))
		out := filepath.Join(at, p.out)
		kept := filepath.Join(cache, "annex-apps-ui", s.name()+"-"+s.Commit[:min(12, len(s.Commit))], filepath.FromSlash(p.dir))
		if _, err := os.Stat(filepath.Join(kept, "index.html")); err != nil {
			if err := os.RemoveAll(out); err != nil { // the empty page
				return "", err
			}
			taken, err := dependencies(t.Context(), at)
			if err != nil {
				return "", fmt.Errorf("%s: %w", p.dir, err)
			}
			if err := npm(t.Context(), at, "run", "build"); err != nil {
				return "", fmt.Errorf("%s: %w", p.dir, err)
			}
			if err := errors.Join(os.RemoveAll(kept), os.MkdirAll(filepath.Dir(kept), 0o700), os.WriteFile(kept+".other", []byte(taken), 0o600), os.CopyFS(kept, os.DirFS(out))); err != nil {
				return "", err
			}
			other += taken
			continue
		}
		if err := errors.Join(os.RemoveAll(out), os.CopyFS(out, os.DirFS(kept))); err != nil {
			return "", err
		}
		taken, err := os.ReadFile(kept + ".other")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		other += string(taken)
	}
	return other, nil
}

func npm(ctx context.Context, dir string, args ...string) error {
	c := exec.CommandContext(ctx, "npm", args...)
	c.Dir, c.Env = dir, append(os.Environ(), "CI=false")
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("npm %s: %w: %s", args[0], err, said)
	}
	return nil
}

// dependencies has npm bring a front end's packages, as its lock file says. What the registry
// has no more in that version is taken in one that the front end's own package.json allows, and
// named.
func dependencies(ctx context.Context, dir string) (other string, err error) {
	lock := filepath.Join(dir, "package-lock.json")
	if err := public(lock); err != nil {
		return "", err
	}
	quiet := []string{"--ignore-scripts", "--no-audit", "--no-fund"}
	err = npm(ctx, dir, append([]string{"ci"}, quiet...)...)
	if err != nil && absent.FindString(err.Error()) == "" {
		err = npm(ctx, dir, append([]string{"ci", "--legacy-peer-deps"}, quiet...)...)
	}
	for range maxWithdrawn {
		m := withdrawn.FindStringSubmatch(fmt.Sprint(err))
		if err == nil || m == nil {
			return other, err
		}
		name, lerr := without(lock, m[1])
		if lerr != nil || name == "" {
			return "", errors.Join(err, lerr)
		}
		other += name + " "
		err = npm(ctx, dir, append([]string{"install"}, quiet...)...)
	}
	return other, err
}

// maxWithdrawn is how many packages of a lock file the registry may have no more.
const maxWithdrawn = 10

// A package that the registry answers "not found" for, and one of its versions.
var (
	absent    = regexp.MustCompile(`(?:404 Not Found - GET|request to) (\S+)`)
	withdrawn = regexp.MustCompile(`404 Not Found - GET (https?://\S+\.tgz)`)
)

// without takes the package that is downloaded from an address out of a lock file, and gives its
// name, "" where it was not there.
func without(lock, address string) (name string, err error) {
	text, err := os.ReadFile(lock)
	if err != nil {
		return "", err
	}
	var file map[string]json.RawMessage
	var packages map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &file), json.Unmarshal(file["packages"], &packages)); err != nil {
		return "", err
	}
	_, tarball, _ := strings.Cut(address, "://")
	_, tarball, _ = strings.Cut(tarball, "/") // whichever registry this machine asks
	for at, entry := range packages {
		var p struct{ Resolved string }
		if json.Unmarshal(entry, &p) == nil && p.Resolved != "" && sameTarball(p.Resolved, tarball) {
			delete(packages, at)
			name = at[strings.LastIndex(at, "node_modules/")+len("node_modules/"):]
		}
	}
	if name == "" {
		return "", nil
	}
	if file["packages"], err = json.Marshal(packages); err != nil {
		return "", err
	}
	delete(file, "dependencies") // the same once more, for older clients
	if text, err = json.Marshal(file); err != nil {
		return "", err
	}
	return name, os.WriteFile(lock, text, 0o600)
}

// sameTarball compares what addresses end with: the package's name and its version's file.
func sameTarball(locked, path string) bool {
	name := func(s string) string {
		parts := strings.Split(s, "/-/")
		if len(parts) != 2 {
			return s
		}
		before := strings.Split(parts[0], "/")
		own := before[len(before)-1] + "/" + parts[1]
		if len(before) > 1 && strings.HasPrefix(before[len(before)-2], "@") {
			own = before[len(before)-2] + "/" + own
		}
		return own
	}
	return name(locked) == name(path)
}

// missing says what kept a front end from being built, where that is a package which nobody
// has; any other failure is one of the run.
func missing(err error) (string, bool) {
	if m := absent.FindStringSubmatch(err.Error()); m != nil {
		return "a package that its lock file names is not to be had, `" + strings.TrimPrefix(m[1], "https://registry.npmjs.org/") + "`", true
	}
	return "its build step failed", false
}

// mirror is its maker's own copy of the public registry, which lock files of its apps name.
const mirror = "https://packages.atlassian.com/api/npm/npm-remote/"

// public has the packages of a lock file come from the registry that they were copied from.
// What they have to be is said by the lock file's hashes, which npm checks.
func public(lock string) error {
	text, err := os.ReadFile(lock)
	if err != nil || !bytes.Contains(text, []byte(mirror)) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.WriteFile(lock, bytes.ReplaceAll(text, []byte(mirror), []byte("https://registry.npmjs.org/")), 0o600)
}

// A lock file whose package was withdrawn is read without it, and nothing else of it changes.
func TestALockFileWithoutWhatWasWithdrawn(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "package-lock.json")
	write := func(text string) {
		if err := os.WriteFile(lock, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"name":"x","lockfileVersion":3,"packages":{"":{"dependencies":{"@a/image":"^1.3.1"}},
		"node_modules/@a/image":{"version":"1.3.1","resolved":"https://registry.npmjs.org/@a/image/-/image-1.3.1.tgz"},
		"node_modules/@a/icon":{"version":"1.3.1","resolved":"https://registry.npmjs.org/@a/icon/-/icon-1.3.1.tgz"},
		"node_modules/@b/image":{"version":"1.3.1","resolved":"https://registry.npmjs.org/@b/image/-/image-1.3.1.tgz"},
		"node_modules/image":{"version":"1.3.0","resolved":"https://registry.npmjs.org/image/-/image-1.3.0.tgz"}}}`)
	name, err := without(lock, "https://packages.example/npm/@a/image/-/image-1.3.1.tgz")
	if err != nil || name != "@a/image" {
		t.Fatalf("%q, %v", name, err)
	}
	text, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]bool{"@a/image/-/image-1.3.1": false, "@b/image/-/image-1.3.1": true, "icon-1.3.1": true, "image-1.3.0": true, `"lockfileVersion":3`: true, `"^1.3.1"`: true} {
		if strings.Contains(string(text), part) != want {
			t.Errorf("%s: %v, in %s", part, !want, text)
		}
	}
	if name, err := without(lock, "https://packages.example/npm/@a/image/-/image-1.3.1.tgz"); name != "" || err != nil {
		t.Errorf("a second time: %q, %v", name, err)
	}
	// What the registry answers is told from a build that fails.
	for said, want := range map[string]bool{
		"npm error 404 Not Found - GET https://registry.npmjs.org/@a/image/-/image-1.3.1.tgz - Not found":         true,
		"npm error request to https://registry.npmjs.org/@a/image failed, reason: getaddrinfo ENOTFOUND registry": true,
		"Module not found: Can't resolve './missing'":                                                             false,
	} {
		if _, is := missing(errors.New(said)); is != want {
			t.Errorf("%s: %v", said, is)
		}
	}
}
