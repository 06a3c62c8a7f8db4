package blob

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// abandoned is the age after which a temporary file belongs to nobody.
const abandoned = time.Hour

// Dir is a Store in a directory: ab/abcd….
type Dir struct {
	root string
	tmp  string
}

var _ Store = (*Dir)(nil)

// OpenDir opens the store in dir, which it makes if missing.
func OpenDir(dir string) (*Dir, error) {
	d := &Dir{root: dir, tmp: filepath.Join(dir, "tmp")}
	if err := os.MkdirAll(d.tmp, 0o700); err != nil {
		return nil, fault.Op("blob.OpenDir", storage(err))
	}
	d.sweep(time.Now())
	return d, nil
}

// sweep removes what a crash left half-written.
func (d *Dir) sweep(now time.Time) {
	entries, err := os.ReadDir(d.tmp)
	if err != nil {
		return
	}
	for _, e := range entries {
		if i, err := e.Info(); err == nil && now.Sub(i.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(d.tmp, e.Name()))
		}
	}
}

// Put writes beside the name and renames, so that a name never stands for a part.
func (d *Dir) Put(ctx context.Context, data []byte) (Hash, error) {
	h := Sum(data)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// A blob that is there is checked: putting it again mends a damaged one.
	if old, err := os.ReadFile(d.path(h)); err == nil && Sum(old) == h {
		return h, nil
	}
	return h, fault.Op("blob.Put", storage(d.write(h, data)))
}

func (d *Dir) write(h Hash, data []byte) (err error) {
	f, err := os.CreateTemp(d.tmp, "put-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	shelf := filepath.Dir(d.path(h))
	switch err := os.Mkdir(shelf, 0o700); {
	case err == nil:
		if err := syncDir(d.root); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := os.Rename(f.Name(), d.path(h)); err != nil {
		return err
	}
	return syncDir(shelf) // the name must survive too
}

// Get reads a blob and checks it.
func (d *Dir) Get(ctx context.Context, h Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !h.Valid() {
		return nil, fault.Op("blob.Get", notFound(h))
	}
	data, err := os.ReadFile(d.path(h))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Op("blob.Get", notFound(h))
	case err != nil:
		return nil, fault.Op("blob.Get", storage(err))
	case Sum(data) != h:
		return nil, fault.Op("blob.Get", damaged(h))
	}
	return data, nil
}

// Has looks for the name; only Get checks the bytes.
func (d *Dir) Has(ctx context.Context, h Hash) (bool, error) {
	if err := ctx.Err(); err != nil || !h.Valid() {
		return false, err
	}
	_, err := os.Stat(d.path(h))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, fault.Op("blob.Has", storage(err))
}

// Each visits the name of every blob that there is, in no order that means anything.
func (d *Dir) Each(ctx context.Context, visit func(Hash) error) error {
	shelves, err := os.ReadDir(d.root)
	if err != nil {
		return fault.Op("blob.Each", storage(err))
	}
	for _, shelf := range shelves {
		if !shelf.IsDir() || len(shelf.Name()) != 2 {
			continue
		}
		names, err := os.ReadDir(filepath.Join(d.root, shelf.Name()))
		if err != nil {
			return fault.Op("blob.Each", storage(err))
		}
		for _, n := range names {
			h := Hash(n.Name())
			if err := ctx.Err(); err != nil {
				return err
			}
			if !h.Valid() || d.path(h) != filepath.Join(d.root, shelf.Name(), n.Name()) {
				continue
			}
			if err := visit(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dir) path(h Hash) string { return filepath.Join(d.root, string(h[:2]), string(h)) }

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// storage words the failures that an operator can mend.
func storage(err error) error {
	if err == nil {
		return nil
	}
	e := fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the directory for stored files cannot be read or written").
		WithFix("see the server's log for the cause")
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the disk that holds the stored files is full; nothing was changed").
			WithFix("free some space and try again")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the data directory cannot be written by the server").
			WithFix("make the data directory and its files writable for the server's user")
	}
	return e.Because(err)
}
