package backupfile

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// Writer writes a backup: Meta first, then tables, then the rest.
type Writer struct {
	tar  *tar.Writer
	made time.Time
	list contents

	table string
	head  []byte // the line with the columns
	part  int
	rows  bytes.Buffer
}

// NewWriter begins a backup.
func NewWriter(to io.Writer) *Writer { return &Writer{tar: tar.NewWriter(to)} }

// Meta writes what the backup is.
func (w *Writer) Meta(m Meta) error {
	m.Format = Format
	w.made = m.Made.Truncate(time.Second)
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fault.Op("backupfile.Meta", err)
	}
	return w.file(metaName, append(text, '\n'))
}

// Table begins a table; Row adds a row to it.
func (w *Writer) Table(name string, columns []string) error {
	if err := w.flush(); err != nil {
		return err
	}
	head, err := json.Marshal(columns)
	if err != nil {
		return fault.Op("backupfile.Table", err)
	}
	w.table, w.head, w.part = name, append(head, '\n'), 0
	return nil
}

// Row adds a row to the table that was begun last.
func (w *Writer) Row(values []any) error {
	line, err := encodeRow(values)
	if err != nil {
		return fault.Op("backupfile.Row", err)
	}
	if w.rows.Len() == 0 {
		w.rows.Write(w.head)
	}
	w.rows.Write(append(line, '\n'))
	if w.rows.Len() < partSize {
		return nil
	}
	return w.flush()
}

// flush writes the rows so far as a file.
func (w *Writer) flush() error {
	if w.rows.Len() == 0 {
		return nil
	}
	w.part++
	err := w.file(fmt.Sprintf("tables/%s/%06d.jsonl", w.table, w.part), w.rows.Bytes())
	w.rows.Reset()
	return err
}

// Blob writes deployed bytes.
func (w *Writer) Blob(hash string, data []byte) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.file("blobs/"+hash, data)
}

// Missing notes a blob that could not be read.
func (w *Writer) Missing(hash string) { w.list.Missing = append(w.list.Missing, hash) }

// Keys writes the key ring.
func (w *Writer) Keys(ring []byte) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.file(keysName, ring)
}

// Close writes the list of contents, without which the backup is not whole, and gives its
// hash, which stands for the whole backup.
func (w *Writer) Close() (digest string, err error) {
	if err := w.flush(); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(w.list, "", "  ")
	if err != nil {
		return "", fault.Op("backupfile.Close", err)
	}
	if err := w.file(contentsName, append(text, '\n')); err != nil {
		return "", err
	}
	return w.list.Files[len(w.list.Files)-1].SHA256, fault.Op("backupfile.Close", w.tar.Close())
}

func (w *Writer) file(name string, data []byte) error {
	limit := limitOf(name)
	if int64(len(data)) > limit {
		return fmt.Errorf("backupfile: %s has %d bytes; its limit is %d", name, len(data), limit)
	}
	err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: w.made, Format: tar.FormatUSTAR})
	if err == nil {
		_, err = w.tar.Write(data)
	}
	sum := sha256.Sum256(data)
	w.list.Files = append(w.list.Files, File{name, int64(len(data)), hex.EncodeToString(sum[:])})
	return fault.Op("backupfile.file", err)
}
