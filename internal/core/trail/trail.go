// Package trail is the form of an audit trail outside of the server: its entries, signed
// checkpoints and exports, and the check that finds what was done to an export. The check
// needs nothing but the file (and, to know who signed, the keys that the reader trusts).
package trail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/annexhq/annex/internal/core/id"
)

// Entry is one act. Its hash covers everything before it in its chain, for it covers Prev.
type Entry struct {
	Segment string          `json:"segment"`
	Seq     int64           `json:"seq"` // from 1 in its chain
	Site    id.Site         `json:"site"`
	Install id.Install      `json:"install"`
	At      int64           `json:"at"` // milliseconds since 1970
	Actor   string          `json:"actor"`
	Act     string          `json:"act"` // "install.approve"
	Detail  json.RawMessage `json:"detail"`
	Prev    string          `json:"prev"` // hash of the entry before, "" for the first
	Hash    string          `json:"-"`
}

// Digest is the entry's hash: SHA-256 over its JSON, whose fields have a fixed order.
func (e Entry) Digest() (string, error) {
	if len(e.Detail) == 0 {
		return "", errors.New("an audit entry without detail")
	}
	return digest(e)
}

// Head is how far a chain has come.
type Head struct {
	Segment string `json:"segment"`
	Seq     int64  `json:"seq"`
	Hash    string `json:"hash"`
	At      int64  `json:"-"` // of the entry, where somebody compares two exports
}

// Checkpoint says how far a site's chains have come. It is signed, and holds the hash of
// the checkpoint before it.
type Checkpoint struct {
	Site    id.Site `json:"site"`
	Number  int64   `json:"number"` // from 1
	At      int64   `json:"at"`
	Entries int64   `json:"entries"` // of all chains, up to here
	Heads   []Head  `json:"heads"`   // those that moved since the one before, by segment
	Prev    string  `json:"prev"`
	// Export is the id of the export that this checkpoint ends, "" for others.
	Export string `json:"export,omitempty"`
	// Trail is Receipts for the trail of what was sent, "" for the audit trail.
	Trail string `json:"trail,omitempty"`
	// Dropped says what the server keeps no more, nil for most checkpoints.
	Dropped *Dropped `json:"dropped,omitempty"`
}

// Receipts names the trail of what the server sent.
const Receipts = "receipts"

// Dropped is a beginning of a trail whose time was over. It stands in a signed checkpoint, so
// that a trail that begins later than its first entry is told from one that was cut.
type Dropped struct {
	Before  int64  `json:"before"`  // everything that was dropped is older
	Through int64  `json:"through"` // the last checkpoint that was dropped
	Hash    string `json:"hash"`    // of that checkpoint
	Entries int64  `json:"entries"` // up to there, of all chains
	Heads   []Head `json:"heads"`   // the last entry dropped of each chain that goes on
}

// Digest is the checkpoint's hash.
func (c Checkpoint) Digest() (string, error) { return digest(c) }

// Payload is what is signed.
func (c Checkpoint) Payload() ([]byte, error) { return json.Marshal(c) }

// Format names the form of an export.
const Format = "annex-audit/1"

// Begin is the first line of an export.
type Begin struct {
	Type   string  `json:"type"` // "export"
	Format string  `json:"format"`
	ID     string  `json:"id"`
	Issuer string  `json:"issuer"`
	Site   id.Site `json:"site"`
	At     int64   `json:"at"`
	Keys   []Key   `json:"keys"`
	Trail  string  `json:"trail,omitempty"`
}

// Key is a public key that signed checkpoints, as a JSON Web Key.
type Key struct {
	KeyID string `json:"kid"`
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// Thumbprint names the key by what it is (RFC 7638).
func (k Key) Thumbprint() string {
	text := fmt.Sprintf(`{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k.Curve, k.Type, k.X, k.Y)
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

type entryLine struct {
	Type string `json:"type"` // "entry"
	Entry
	Hash string `json:"hash"`
}

type checkpointLine struct {
	Type       string     `json:"type"` // "checkpoint"
	Checkpoint Checkpoint `json:"checkpoint"`
	// Signature is a JWS over the checkpoint, its payload left out (RFC 7515, appendix F).
	Signature string `json:"signature"`
}

// Line is the entry's line of an export.
func (e Entry) Line() ([]byte, error) { return line(entryLine{"entry", e, e.Hash}) }

// Seal gives the entry its detail, its hash, and its line, at the cost of writing it once.
func (e *Entry) Seal(detail any) (line []byte, err error) {
	if e.Detail, err = json.Marshal(detail); err != nil {
		return nil, err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	e.Hash = hex.EncodeToString(sum[:])
	line = append(make([]byte, 0, len(text)+100), `{"type":"entry",`...)
	line = append(line, text[1:len(text)-1]...)
	line = append(line, `,"hash":"`...)
	line = append(line, e.Hash...)
	return append(line, '"', '}', '\n'), nil
}

// ReadEntry reads the line of an entry that is whole and was not edited.
func ReadEntry(text []byte) (Entry, bool) {
	var l entryLine
	if err := exactly(bytes.TrimSuffix(text, []byte("\n")), &l); err != nil {
		return Entry{}, false
	}
	l.Entry.Hash = l.Hash
	sum, err := l.Digest()
	return l.Entry, err == nil && sum == l.Hash && l.Type == "entry"
}

// Line is the checkpoint's line of an export.
func (c Checkpoint) Line(signature string) ([]byte, error) {
	return line(checkpointLine{"checkpoint", c, signature})
}

// Line is the first line of an export.
func (b Begin) Line() ([]byte, error) {
	b.Type, b.Format = "export", Format
	return line(b)
}

func line(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(text, '\n'), err
}

// exactly reads a line into v, and demands that it is the one text that says so: a second
// reader, who takes another of two equal names or ignores an unknown one, must read the same.
func exactly(text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err == nil && !bytes.Equal(text, again) {
		err = errors.New("it is not written as the server writes it")
	}
	return err
}

func digest(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
