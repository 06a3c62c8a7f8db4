package receipts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/rawfile"
)

// spool is the files in which lines stand until the database has them. A line is in the
// kernel before write returns, so it outlives this process; only the machine's end can lose
// it, for nothing waits for the disk.
type spool struct {
	dir, segment string
	n            int // of the file that is written, or is next
	first        int // of the oldest whose lines the database lacks
	file         *os.File
	lines        *rawfile.Writer // of file
	size         int64           // of what is whole
}

const suffix = ".receipts"

func newSpool(dir, segment string) *spool { return &spool{dir: dir, segment: segment} }

func (s *spool) name(n int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%08d%s", s.segment, n, suffix))
}

// write appends a line as one write. Half a line that a full disk took is cut off again.
func (s *spool) write(line []byte) error {
	if s.file == nil {
		f, err := os.OpenFile(s.name(s.n), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.MkdirAll(s.dir, 0o700); err == nil {
				f, err = os.OpenFile(s.name(s.n), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			}
		}
		if err != nil {
			return err
		}
		s.file, s.lines, s.size = f, rawfile.New(f), 0
	}
	n, err := s.lines.Write(line)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, s.file.Truncate(s.size))
		}
		return err
	}
	s.size += int64(n)
	return nil
}

// turn begins a new file at the next line, and gives its number.
func (s *spool) turn() int {
	if s.file != nil {
		_ = s.file.Close() // its lines are written; nothing waits for the disk
		s.file, s.lines = nil, nil
		s.n++
	}
	return s.n
}

// drop removes the files below a number: the database has their lines.
func (s *spool) drop(upTo int) error {
	for ; s.first < upTo; s.first++ {
		if err := os.Remove(s.name(s.first)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// left are the files of processes that ended before their lines were in the database, in
// the order in which they were written.
func (s *spool) left() ([]string, error) {
	all, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range all {
		if strings.HasSuffix(f.Name(), suffix) && !strings.HasPrefix(f.Name(), s.segment+"-") {
			out = append(out, filepath.Join(s.dir, f.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}

// linesOf reads a file's entries. What the machine's end cut off stands at its end and is
// left out.
func linesOf(file string) ([]trail.Entry, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []trail.Entry
	for line := range bytes.Lines(text) {
		e, ok := trail.ReadEntry(line)
		if !ok {
			break
		}
		out = append(out, e)
	}
	return out, nil
}
