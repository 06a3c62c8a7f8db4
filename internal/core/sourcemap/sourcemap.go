// Package sourcemap reads source maps of version 3 that strangers made. Promise:
// whatever the text, Parse returns, with a map or an error, in time and memory that the
// text's size and the limits below bound; and every place that Lookup gives is one that
// the map has. Maps of sections are refused: no bundler's plain output has any.
package sourcemap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	// MaxText is how large a map's JSON may be.
	MaxText = 16 << 20
	// MaxMappings is how many mappings a map may have, and how many lines.
	MaxMappings = 2_000_000
	// MaxSources and MaxName bound the list of sources and the name of each: a name is
	// written once for each frame of a stack.
	MaxSources = 1 << 16
	MaxName    = 1 << 10
)

// Map leads from places of a generated text to places of its sources. The nil Map knows
// no place.
type Map struct {
	sources  []string
	mappings []mapping
	lines    []uint32 // index of each generated line's first mapping
}

// mapping is one segment; source is none where the generated text has no source.
type mapping struct {
	column                           uint32
	source, sourceLine, sourceColumn uint32
}

const none = math.MaxUint32

// Place is a place in a source; Line counts from 1, Column from 0.
type Place struct {
	Source       string
	Line, Column int
}

// Lookup gives the source's place of the generated line (from 1) and column (from 0):
// that of the nearest mapping on this line which does not begin behind the column.
func (m *Map) Lookup(line, column int) (Place, bool) {
	if m == nil || line < 1 || line > len(m.lines) || column < 0 {
		return Place{}, false
	}
	row := m.line(line - 1)
	i, found := slices.BinarySearchFunc(row, column, func(e mapping, c int) int { return int(e.column) - c })
	if !found {
		i--
	}
	if i < 0 || row[i].source == none {
		return Place{}, false
	}
	at := row[i]
	return Place{m.sources[at.source], int(at.sourceLine) + 1, int(at.sourceColumn)}, true
}

func (m *Map) line(i int) []mapping {
	if i+1 < len(m.lines) {
		return m.mappings[m.lines[i]:m.lines[i+1]]
	}
	return m.mappings[m.lines[i]:]
}

// Size is about how many bytes the map holds.
func (m *Map) Size() int {
	if m == nil {
		return 0
	}
	n := 16*cap(m.mappings) + 4*cap(m.lines) + 16*len(m.sources)
	for _, s := range m.sources {
		n += len(s)
	}
	return n
}

// Parse reads a map. Its errors hold no text of the map.
func Parse(text []byte) (*Map, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", len(text), MaxText)
	}
	var raw struct {
		Version    json.RawMessage `json:"version"`
		SourceRoot string          `json:"sourceRoot"`
		Sources    json.RawMessage `json:"sources"`
		Mappings   *string         `json:"mappings"`
		Sections   json.RawMessage `json:"sections"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errors.New("it is not the JSON of a source map")
	}
	switch {
	case string(raw.Version) != "3":
		return nil, errors.New("its version is not 3")
	case raw.Sections != nil:
		return nil, errors.New("it has sections; only plain maps are read")
	case raw.Mappings == nil:
		return nil, errors.New("it has no mappings")
	}
	m := &Map{}
	var err error
	if m.sources, err = sources(raw.Sources, raw.SourceRoot); err != nil {
		return nil, err
	}
	if err := m.decode(*raw.Mappings); err != nil {
		return nil, err
	}
	return m, nil
}

// sources reads the list name by name, so that a long one costs no more than the limit.
func sources(list json.RawMessage, root string) ([]string, error) {
	bad := errors.New("its sources are not a list of names")
	if len(list) == 0 || list[0] != '[' {
		return nil, bad
	}
	if root != "" && !strings.HasSuffix(root, "/") {
		root += "/"
	}
	in := json.NewDecoder(bytes.NewReader(list))
	if _, err := in.Token(); err != nil {
		return nil, bad
	}
	var out []string
	for in.More() {
		if len(out) == MaxSources {
			return nil, fmt.Errorf("it has more than %d sources", MaxSources)
		}
		var name *string
		if err := in.Decode(&name); err != nil {
			return nil, bad
		}
		if name == nil {
			name = new(string) // a source without a name
		}
		full := *name
		if !strings.HasPrefix(full, "/") && !strings.Contains(full, "://") {
			full = root + full
		}
		if len(full) > MaxName {
			return nil, fmt.Errorf("a source's name has %d bytes; at most %d are read", len(full), MaxName)
		}
		out = append(out, full)
	}
	return out, nil
}

// decode reads the mappings: lines behind semicolons, segments behind commas, in each one,
// four or five numbers relative to those before. The fifth, a name's, is not kept.
func (m *Map) decode(text string) error {
	lines := 1 + strings.Count(text, ";")
	if lines > MaxMappings {
		return fmt.Errorf("it has %d lines; at most %d are read", lines, MaxMappings)
	}
	// No less than this many: each stands behind a comma or a semicolon, or at the start.
	most := lines + strings.Count(text, ",")
	m.lines = append(make([]uint32, 0, lines), 0)
	m.mappings = make([]mapping, 0, min(most, MaxMappings))
	var column, source, line, col, name int64
	sorted := true
	for i := 0; i < len(text); {
		switch text[i] {
		case ';':
			m.endLine(sorted)
			m.lines = append(m.lines, uint32(len(m.mappings)))
			column, sorted = 0, true
			i++
			continue
		case ',':
			i++
			continue
		}
		var fields [5]int64
		n := 0
		for i < len(text) && text[i] != ';' && text[i] != ',' {
			v, next, ok := vlq(text, i)
			if !ok || n == len(fields) {
				return fmt.Errorf("its mappings are malformed at character %d", i)
			}
			fields[n], i = v, next
			n++
		}
		if n != 1 && n < 4 {
			return fmt.Errorf("its mappings are malformed at character %d", i)
		}
		if len(m.mappings) == MaxMappings {
			return fmt.Errorf("it has more than %d mappings", MaxMappings)
		}
		before := column
		column += fields[0]
		at := mapping{column: uint32(column), source: none}
		if n > 1 {
			source, line, col, name = source+fields[1], line+fields[2], col+fields[3], name+fields[4]
			if source < 0 || source >= int64(len(m.sources)) {
				return fmt.Errorf("a mapping names source %d of %d", source, len(m.sources))
			}
			at.source, at.sourceLine, at.sourceColumn = uint32(source), uint32(line), uint32(col)
		}
		for _, v := range [...]int64{column, line, col, name} {
			if v < 0 || v > math.MaxInt32 {
				return fmt.Errorf("a mapping leads to %d", v)
			}
		}
		sorted = sorted && column >= before
		m.mappings = append(m.mappings, at)
	}
	m.endLine(sorted)
	return nil
}

// endLine puts the line that was read last in order.
func (m *Map) endLine(sorted bool) {
	if sorted {
		return
	}
	slices.SortStableFunc(m.mappings[m.lines[len(m.lines)-1]:], func(a, b mapping) int { return int(a.column) - int(b.column) })
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// digit is each character's value, 64 of those that are none.
var digit = func() (table [256]uint8) {
	for i := range table {
		table[i] = 64
	}
	for i := range len(digits) {
		table[digits[i]] = uint8(i)
	}
	return table
}()

// vlq reads one number: six bits a digit, the highest says that more follow, the first
// digit's lowest is the sign. More than 32 bits are no number of a map.
func vlq(text string, at int) (value int64, next int, ok bool) {
	for shift := 0; at < len(text) && shift <= 30; shift += 5 {
		d := digit[text[at]]
		if d == 64 {
			return 0, at, false
		}
		at++
		value |= int64(d&31) << shift
		if d < 32 {
			if value&1 != 0 {
				return -(value >> 1), at, true
			}
			return value >> 1, at, true
		}
	}
	return 0, at, false
}
