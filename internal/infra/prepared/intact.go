package prepared

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// program identifies this program's bytes, by what its linker made of them, and the kind of
// processor: machine code is of both.
func program() (string, error) {
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	note := f.Section(".note.go.buildid")
	if note == nil {
		return "", errors.New("this program was linked without a build id")
	}
	id, err := note.Data()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	sum.Write(id)
	sum.Write([]byte(runtime.GOARCH))
	sum.Write(features())
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// features are what the first processor can do, as the kernel writes it.
func features() []byte {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("flags")) || bytes.HasPrefix(line, []byte("Features")) {
			return line
		}
	}
	return nil
}

// own opens a folder that this user made and nobody else may write to.
func own(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("prepared: %s: %w", dir, err)
	}
	f := os.NewFile(uintptr(fd), dir)
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && (int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0) {
		err = errors.New("others may write to it")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("prepared: %s: %w", dir, err)
	}
	return f, nil
}

// sumsName is the file in a folder that says what else is in it.
const sumsName = "sums.json"

// seal writes down what is in dir, and lets workers, who are other users, read it.
func seal(dir string) error {
	found, err := sums(dir)
	if err != nil {
		return err
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, sumsName), text, 0o600); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}

// intact opens dir if it is what seal saw.
func intact(dir string) (*os.File, error) {
	f, err := own(dir)
	if err != nil {
		return nil, err
	}
	var want map[string]string
	text, err := os.ReadFile(filepath.Join(dir, sumsName))
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	var found map[string]string
	if err == nil {
		found, err = sums(dir)
	}
	if err == nil && (len(want) == 0 || !maps.Equal(want, found)) {
		err = errors.New("it is not what was prepared")
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("prepared: %s: %w", dir, err)
	}
	return f, nil
}

// sums are the SHA-256 of the files in dir, by their paths.
func sums(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path == sumsName {
			return err
		}
		f, err := os.Open(filepath.Join(dir, path))
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		out[path] = hex.EncodeToString(h.Sum(nil))
		return nil
	})
	return out, err
}
