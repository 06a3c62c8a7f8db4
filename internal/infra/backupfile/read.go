package backupfile

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Summary is what a backup holds.
type Summary struct {
	Meta    Meta
	Files   []File
	Missing []string // blobs that it lacks
	Digest  string   // hash of contents.json: stands for the whole backup
}

// Verify reads a whole backup and refuses it unless every file is what contents.json says.
func Verify(from io.Reader) (Summary, error) {
	var (
		s      Summary
		listed contents
		last   File
	)
	seen := map[string]bool{}
	err := walk(from, func(name string, size int64, r io.Reader) error {
		switch {
		case last.Name == contentsName:
			return malformed("%s follows the list of contents", name)
		case seen[name]:
			return malformed("%s is there twice", name)
		case len(seen) == 0 && name != metaName:
			return malformed("it does not begin with %s", metaName)
		}
		seen[name] = true
		sum := sha256.New()
		var kept bytes.Buffer
		to := io.Writer(sum)
		if name == metaName || name == contentsName {
			to = io.MultiWriter(sum, &kept)
		}
		n, err := io.Copy(to, r)
		if err != nil || n != size {
			return malformed("%s is cut off", name).Because(err)
		}
		last = File{name, n, hex.EncodeToString(sum.Sum(nil))}
		switch name {
		case metaName:
			if err := strictJSON(kept.Bytes(), &s.Meta); err != nil {
				return malformed("%s is malformed", name).Because(err)
			}
			if s.Meta.Format != Format {
				return fault.New(fault.Conflict, "BACKUP_FORMAT", "the backup has format %d; this Annex reads format %d", s.Meta.Format, Format).
					WithFix("use an Annex of the version %s", s.Meta.Annex)
			}
		case contentsName:
			s.Digest = last.SHA256
			if err := strictJSON(kept.Bytes(), &listed); err != nil {
				return malformed("%s is malformed", name).Because(err)
			}
			return nil
		}
		if blob := blobName.FindStringSubmatch(name); blob != nil && blob[1] != last.SHA256 {
			return malformed("%s does not have the hash of its name", name)
		}
		s.Files = append(s.Files, last)
		return nil
	})
	if err != nil {
		return Summary{}, fault.Op("backupfile.Verify", err)
	}
	switch {
	case last.Name != contentsName:
		return Summary{}, fault.Op("backupfile.Verify", malformed("its end is missing"))
	case !slices.Equal(s.Files, listed.Files):
		return Summary{}, fault.Op("backupfile.Verify", malformed("its files are not those that it lists"))
	case s.Meta.Keys != seen[keysName]:
		return Summary{}, fault.Op("backupfile.Verify", malformed("it does not say whether it holds keys"))
	}
	s.Missing = listed.Missing
	return s, nil
}

// Content is told what a verified backup holds; what is nil is passed over.
type Content struct {
	Rows func(table string, columns []string, rows [][]any) error
	Blob func(hash string, data []byte) error
	Keys func(ring []byte) error
}

// Read reads a backup that Verify took.
func Read(from io.Reader, to Content) error {
	return fault.Op("backupfile.Read", walk(from, func(name string, size int64, r io.Reader) error {
		table, blob := tableName.FindStringSubmatch(name), blobName.FindStringSubmatch(name)
		switch {
		case table != nil && to.Rows != nil:
			columns, rows, err := readRows(r)
			if err != nil {
				return malformed("%s is malformed", name).Because(err)
			}
			return to.Rows(table[1], columns, rows)
		case blob != nil && to.Blob != nil, name == keysName && to.Keys != nil:
			data, err := io.ReadAll(r)
			if err != nil || int64(len(data)) != size {
				return malformed("%s is cut off", name).Because(err)
			}
			if blob != nil {
				return to.Blob(blob[1], data)
			}
			return to.Keys(data)
		}
		return nil
	}))
}

// walk visits the archive's files. Everything but plain files of known names and sizes is
// refused before a byte of it is read.
func walk(from io.Reader, visit func(name string, size int64, r io.Reader) error) error {
	t := tar.NewReader(from)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return malformed("it is no tar archive, or cut off").Because(err)
		}
		limit := limitOf(h.Name)
		switch {
		case h.Typeflag != tar.TypeReg:
			return malformed("%q is no plain file", printable(h.Name))
		case limit == 0:
			return malformed("%q is no name of a backup's file", printable(h.Name))
		case h.Size < 0 || h.Size > limit:
			return malformed("%s claims %d bytes; at most %d are possible", h.Name, h.Size, limit)
		}
		if err := visit(h.Name, h.Size, t); err != nil {
			return err
		}
	}
}

func printable(name string) string {
	if len(name) > 100 {
		name = name[:100]
	}
	return strings.ToValidUTF8(name, "?")
}

func readRows(r io.Reader) (columns []string, rows [][]any, err error) {
	d := json.NewDecoder(r)
	if err := d.Decode(&columns); err != nil {
		return nil, nil, err
	}
	for d.More() {
		var line []json.RawMessage
		if err := d.Decode(&line); err != nil {
			return nil, nil, err
		}
		row, err := decodeRow(line)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", len(rows)+1, err)
		}
		rows = append(rows, row)
	}
	return columns, rows, nil
}

func strictJSON(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows")
	}
	return nil
}
