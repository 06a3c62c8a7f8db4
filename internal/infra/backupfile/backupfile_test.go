package backupfile

import (
	"archive/tar"
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
)

func written(t *testing.T) ([]byte, [][]any) {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	rows := [][]any{{"a\n\u2028<", int64(-1 << 63), []byte{0, 255}, nil}, {"", int64(1<<63 - 1), []byte{}, "x"}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Meta(Meta{Annex: "v1", Made: time.Unix(1_800_000_000, 5), Schema: []db.Step{{ID: "a/1", Digest: "d"}}, KeyRing: "ring", Keys: true}))
	must(w.Table("things", []string{"id", "n", "data", "text"}))
	for _, r := range rows {
		must(w.Row(r))
	}
	must(w.Table("empty", []string{"id"}))
	must(w.Table("large", []string{"id"}))
	for range 3 {
		must(w.Row([]any{strings.Repeat("x", partSize/2+1)}))
	}
	must(w.Blob(string(blob.Sum([]byte("bytes"))), []byte("bytes")))
	w.Missing("gone")
	must(w.Keys([]byte("the ring")))
	digest, err := w.Close()
	if err != nil || len(digest) != 64 {
		t.Fatal(digest, err)
	}
	return b.Bytes(), rows
}

func TestReadsWhatWasWritten(t *testing.T) {
	text, rows := written(t)
	s, err := Verify(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if s.Meta.KeyRing != "ring" || s.Meta.Schema[0].ID != "a/1" || !s.Meta.Keys || len(s.Files) != 6 || !reflect.DeepEqual(s.Missing, []string{"gone"}) {
		t.Errorf("%+v", s)
	}
	got, large := [][]any{}, 0
	blobs, keys := "", ""
	err = Read(bytes.NewReader(text), Content{
		Rows: func(table string, columns []string, r [][]any) error {
			if table == "large" {
				large += len(r)
				return nil
			}
			got = append(got, r...)
			return nil
		},
		Blob: func(hash string, data []byte) error { blobs += string(data); return nil },
		Keys: func(ring []byte) error { keys += string(ring); return nil },
	})
	if err != nil || !reflect.DeepEqual(got, rows) || large != 3 || blobs != "bytes" || keys != "the ring" {
		t.Errorf("%v %v %d %q %q", err, got, large, blobs, keys)
	}
}

// repacked is the archive with its entries changed.
func repacked(t *testing.T, text []byte, change func(n int, h *tar.Header, data []byte) (*tar.Header, []byte)) []byte {
	t.Helper()
	var out bytes.Buffer
	r, w := tar.NewReader(bytes.NewReader(text)), tar.NewWriter(&out)
	for n := 0; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h, data = change(n, h, data); h == nil {
			continue
		}
		h.Size = int64(len(data))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What was changed, left out, added, cut off or made by an enemy is refused.
func TestRefusesWhatIsNotABackup(t *testing.T) {
	text, _ := written(t)
	at := func(n int, change func(h *tar.Header, data []byte) (*tar.Header, []byte)) []byte {
		return repacked(t, text, func(i int, h *tar.Header, data []byte) (*tar.Header, []byte) {
			if i != n {
				return h, data
			}
			return change(h, data)
		})
	}
	rename := func(name string) []byte {
		return at(1, func(h *tar.Header, data []byte) (*tar.Header, []byte) { h.Name = name; return h, data })
	}
	kind := func(flag byte) []byte {
		return at(1, func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			h.Typeflag, h.Linkname = flag, "/etc/passwd"
			return h, nil
		})
	}
	for name, c := range map[string][]byte{
		"nothing":          nil,
		"no archive":       []byte(strings.Repeat("x", 2000)),
		"cut in a file":    text[:2000],
		"cut at the end":   text[:len(text)-4096],
		"a parent folder":  rename("../../etc/cron.d/x"),
		"an absolute name": rename("/etc/passwd"),
		"below a table":    rename("tables/../000001.jsonl"),
		"another name":     rename("annex.db"),
		"a table's name":   rename("tables/sqlite;drop/000001.jsonl"),
		"a symbolic link":  kind(tar.TypeSymlink),
		"a hard link":      kind(tar.TypeLink),
		"a device":         kind(tar.TypeBlock),
		"a folder":         kind(tar.TypeDir),
		"a changed row": at(1, func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			return h, bytes.Replace(data, []byte(`\n`), []byte(`\t`), 1)
		}),
		"a missing file": at(2, func(*tar.Header, []byte) (*tar.Header, []byte) { return nil, nil }),
		"a changed blob": at(4, func(h *tar.Header, _ []byte) (*tar.Header, []byte) { return h, []byte("other") }),
		"no list":        at(6, func(*tar.Header, []byte) (*tar.Header, []byte) { return nil, nil }),
		"another head": at(0, func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			return h, bytes.Replace(data, []byte(`"keys": true`), []byte(`"keys": false`), 1)
		}),
		"an unknown field in the head": at(0, func(h *tar.Header, data []byte) (*tar.Header, []byte) {
			return h, bytes.Replace(data, []byte(`{`), []byte(`{"x":1,`), 1)
		}),
		"twice the same": repacked(t, append(append([]byte{}, text[:len(text)-1024]...), text...), func(_ int, h *tar.Header, d []byte) (*tar.Header, []byte) { return h, d }),
	} {
		if _, err := Verify(bytes.NewReader(c)); fault.CodeOf(err) != "BACKUP_MALFORMED" {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := at(0, func(h *tar.Header, data []byte) (*tar.Header, []byte) {
		return h, bytes.Replace(data, []byte(`"format": 1`), []byte(`"format": 2`), 1)
	})
	if _, err := Verify(bytes.NewReader(newer)); fault.CodeOf(err) != "BACKUP_FORMAT" {
		t.Error(err)
	}
}

// A file that claims to be huge is refused before it is read.
func TestRefusesHugeFiles(t *testing.T) {
	for name, limit := range map[string]int64{metaName: maxMeta, keysName: maxKeys, "tables/a/000001.jsonl": maxPart, "blobs/" + strings.Repeat("a", 64): maxBlob} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: limit + 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(&b); fault.CodeOf(err) != "BACKUP_MALFORMED" || !strings.Contains(err.Error(), "claims") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("annex"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Verify(bytes.NewReader(text)); err == nil {
			_ = Read(bytes.NewReader(text), Content{Rows: func(string, []string, [][]any) error { return nil }})
		}
		_, _, _ = readRows(bytes.NewReader(text))
	})
}
