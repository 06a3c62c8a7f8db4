package blob_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/blob"
)

func open(t *testing.T) (*blob.Dir, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	d, err := blob.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d, dir
}

func TestPutGetHas(t *testing.T) {
	d, dir := open(t)
	for _, data := range [][]byte{nil, []byte("a"), bytes.Repeat([]byte{0, 255}, 1<<16)} {
		if ok, err := d.Has(t.Context(), blob.Sum(data)); ok || err != nil {
			t.Fatal(ok, err)
		}
		h, err := d.Put(t.Context(), data)
		if err != nil || h != blob.Sum(data) {
			t.Fatal(h, err)
		}
		got, err := d.Get(t.Context(), h)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatal(len(got), err)
		}
		if ok, err := d.Has(t.Context(), h); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "tmp"))
	if err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
}

func TestNamesAreNotPaths(t *testing.T) {
	d, dir := open(t)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, h := range []blob.Hash{"", "..", "../../etc/passwd", "secret", blob.Sum(nil)[:63] + "/", blob.Sum(nil)[:63] + "A", blob.Sum(nil)} {
		if _, err := d.Get(t.Context(), h); fault.CodeOf(err) != "BLOB_NOT_FOUND" {
			t.Errorf("%q: %v", h, err)
		}
		if ok, err := d.Has(t.Context(), h); ok || err != nil {
			t.Errorf("%q: %v, %v", h, ok, err)
		}
	}
}

func TestDamageIsSeenAndMended(t *testing.T) {
	d, dir := open(t)
	h, err := d.Put(t.Context(), []byte("original"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, string(h[:2]), string(h))
	if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(t.Context(), h); fault.CodeOf(err) != "BLOB_DAMAGED" {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), []byte("original")); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Get(t.Context(), h); err != nil || string(got) != "original" {
		t.Fatal(got, err)
	}
}

func TestConcurrentPutsOfOneBlob(t *testing.T) {
	d, _ := open(t)
	data := bytes.Repeat([]byte("annex"), 10000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			h, err := d.Put(t.Context(), data)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := d.Get(t.Context(), h); err != nil || !bytes.Equal(got, data) {
				t.Error(len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestOpenRemovesOnlyAbandonedFiles(t *testing.T) {
	_, dir := open(t)
	old, fresh := filepath.Join(dir, "tmp", "put-old"), filepath.Join(dir, "tmp", "put-new")
	for _, p := range []string{old, fresh} {
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.OpenDir(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Error("the abandoned file is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("a file in use was removed")
	}
}

func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.OpenDir(file); fault.CodeOf(err) != "STORAGE_UNAVAILABLE" {
		t.Fatal(err)
	}
}
