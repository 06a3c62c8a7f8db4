// Package backupfile writes and reads the file of a backup. Its promise: what is read is
// what was written, byte for byte and whole, or it is refused; and a file made by an enemy
// can neither name a place outside of the backup nor claim more memory than the limits of
// this page.
//
// The file is a tar archive that common tools list and unpack, in this order:
//
//	annex-backup.json      what it is: format, schema of the database, key ring's fingerprint
//	tables/NAME/000001.jsonl   rows of a table: a line with the columns, then a line each
//	blobs/SHA256           deployed bytes
//	keyring                the key ring, only if that was asked for
//	contents.json          name, size and SHA-256 of every file before it
package backupfile

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
)

// Format is the number of this form; a reader takes its own only.
const Format = 1

// Meta says what a backup is.
type Meta struct {
	Format  int       `json:"format"`
	Annex   string    `json:"annex"` // version that made it
	Made    time.Time `json:"made"`
	Schema  []db.Step `json:"schema"`
	KeyRing string    `json:"keyRing"` // fingerprint of the key ring that the values are sealed with
	Keys    bool      `json:"keys"`    // the key ring is in the file
}

// File is an entry of contents.json.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type contents struct {
	Files []File `json:"files"`
	// Missing are blobs that were damaged or gone when the backup was made.
	Missing []string `json:"missing"`
}

const (
	metaName     = "annex-backup.json"
	contentsName = "contents.json"
	keysName     = "keyring"

	maxMeta     = 1 << 20
	maxKeys     = 1 << 20
	maxBlob     = 256 << 20
	maxPart     = 128 << 20
	maxContents = 256 << 20
	// partSize is about how many bytes of rows one file holds.
	partSize = 4 << 20
)

var (
	tableName = regexp.MustCompile(`^tables/([a-z][a-z0-9_]{0,62})/([0-9]{6})\.jsonl$`)
	blobName  = regexp.MustCompile(`^blobs/([0-9a-f]{64})$`)
)

// limitOf is how large a file of this name may be, 0 for a name that no backup has.
func limitOf(name string) int64 {
	switch {
	case name == metaName:
		return maxMeta
	case name == keysName:
		return maxKeys
	case name == contentsName:
		return maxContents
	case blobName.MatchString(name):
		return maxBlob
	case tableName.MatchString(name):
		return maxPart
	}
	return 0
}

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "BACKUP_MALFORMED", "the backup cannot be used: "+format, args...).
		WithFix("use another backup; this one was changed or cut off, or is none")
}

// row writes a row as one line of JSON: bytes as {"b64": …}.
func encodeRow(values []any) ([]byte, error) {
	out := make([]any, len(values))
	for i, v := range values {
		if b, ok := v.([]byte); ok {
			v = map[string]string{"b64": base64.StdEncoding.EncodeToString(b)}
		}
		out[i] = v
	}
	return json.Marshal(out)
}

func decodeRow(line []json.RawMessage) ([]any, error) {
	out := make([]any, len(line))
	for i, raw := range line {
		v, err := decodeValue(raw)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i+1, err)
		}
		out[i] = v
	}
	return out, nil
}

func decodeValue(raw json.RawMessage) (any, error) {
	switch raw[0] {
	case 'n':
		return nil, nil
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{':
		var b struct {
			B64 *string `json:"b64"`
		}
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, err
		}
		if b.B64 == nil {
			return nil, fmt.Errorf("an object without bytes")
		}
		bytes, err := base64.StdEncoding.Strict().DecodeString(*b.B64)
		if bytes == nil {
			bytes = []byte{}
		}
		return bytes, err
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return nil, err
	}
	i, err := n.Int64()
	if err != nil {
		return nil, fmt.Errorf("%s is no whole number", n)
	}
	return i, nil
}
