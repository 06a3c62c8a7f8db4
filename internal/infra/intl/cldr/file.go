package cldr

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// magic begins each file; its number changes with the format.
const magic = "annex-cldr-2\n"

// index says where each section lies.
type index struct {
	Blobs    []blob
	Sections map[string]map[string]int // locale → section → blob
}

// blob is a compressed text; Dict is the blob whose text the compressor knew beforehand, or -1.
type blob struct{ At, Packed, Size, Dict int }

// Writer collects sections and writes the file.
type Writer struct {
	ix    index
	data  bytes.Buffer
	texts []string
	seen  map[string]int
}

// NewWriter makes an empty file.
func NewWriter() *Writer {
	return &Writer{ix: index{Sections: map[string]map[string]int{}}, seen: map[string]int{}}
}

// Add adds a locale's section. What a parent has in common with it costs nothing; the
// parent must have been added before.
func (w *Writer) Add(locale, section, parent string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("cldr: %s of %s: %w", section, locale, err)
	}
	if w.ix.Sections[locale] == nil {
		w.ix.Sections[locale] = map[string]int{}
	}
	if at, ok := w.seen[string(text)]; ok {
		w.ix.Sections[locale][section] = at
		return nil
	}
	dict, known := -1, []byte(nil)
	if at, ok := w.ix.Sections[parent][section]; ok {
		dict, known = at, []byte(w.texts[at])
	}
	var packed bytes.Buffer
	c, err := flate.NewWriterDict(&packed, flate.BestCompression, known)
	if err != nil {
		return err
	}
	if _, err := c.Write(text); err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	n := len(w.ix.Blobs)
	w.ix.Blobs = append(w.ix.Blobs, blob{w.data.Len(), packed.Len(), len(text), dict})
	w.texts = append(w.texts, string(text))
	w.seen[string(text)] = n
	w.ix.Sections[locale][section] = n
	_, err = w.data.Write(packed.Bytes())
	return err
}

// Bytes is the file.
func (w *Writer) Bytes() ([]byte, error) {
	text, err := json.Marshal(w.ix)
	if err != nil {
		return nil, err
	}
	var head bytes.Buffer
	c, err := flate.NewWriter(&head, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(text); err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	out := append([]byte(magic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(out[len(magic):], uint32(head.Len()))
	return slices.Concat(out, head.Bytes(), w.data.Bytes()), nil
}

// File is an opened file. It may be used by several goroutines.
type File struct {
	ix   index
	data []byte
}

// Open reads a file's index. The file's bytes must not change afterwards.
func Open(b []byte) (*File, error) {
	if !bytes.HasPrefix(b, []byte(magic)) || len(b) < len(magic)+4 {
		return nil, errors.New("cldr: this is no file of locales that this program knows")
	}
	n := int(binary.LittleEndian.Uint32(b[len(magic):]))
	b = b[len(magic)+4:]
	if n > len(b) {
		return nil, errors.New("cldr: the file is cut off")
	}
	f := &File{data: b[n:]}
	if err := json.NewDecoder(flate.NewReader(bytes.NewReader(b[:n]))).Decode(&f.ix); err != nil {
		return nil, fmt.Errorf("cldr: index: %w", err)
	}
	for i, x := range f.ix.Blobs {
		if x.At < 0 || x.Packed < 0 || x.At > len(f.data)-x.Packed || x.Dict >= i {
			return nil, errors.New("cldr: the file is cut off")
		}
	}
	return f, nil
}

// Read decodes a locale's section into value. It says whether there is one.
func (f *File) Read(locale, section string, value any) (bool, error) {
	at, ok := f.ix.Sections[locale][section]
	if !ok {
		return false, nil
	}
	text, err := f.text(at)
	if err != nil {
		return false, fmt.Errorf("cldr: %s of %s: %w", section, locale, err)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return false, fmt.Errorf("cldr: %s of %s: %w", section, locale, err)
	}
	return true, nil
}

func (f *File) text(at int) ([]byte, error) {
	x := f.ix.Blobs[at]
	var known []byte
	if x.Dict >= 0 {
		var err error
		if known, err = f.text(x.Dict); err != nil {
			return nil, err
		}
	}
	text := make([]byte, x.Size)
	_, err := io.ReadFull(flate.NewReaderDict(bytes.NewReader(f.data[x.At:x.At+x.Packed]), known), text)
	return text, err
}
