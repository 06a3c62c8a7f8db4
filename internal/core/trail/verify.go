package trail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/id"
)

// Finding is one thing that is wrong with an export.
type Finding struct {
	Line int `json:"line"`
	// Kind is malformed, edited, dropped, reordered, duplicated, tail, rewritten, signature or key.
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// Report is what a check found.
type Report struct {
	OK          bool     `json:"ok"`
	Site        id.Site  `json:"site"`
	At          int64    `json:"at"` // when the export was made
	Entries     int64    `json:"entries"`
	Checkpoints int64    `json:"checkpoints"`
	Keys        []string `json:"keys"` // thumbprints of those that signed
	Pinned      bool     `json:"pinned"`
	// Trail is Receipts for the trail of what was sent, "" for the audit trail.
	Trail string `json:"trail,omitempty"`
	// Kept is the time, in milliseconds since 1970, before which entries are kept no more; 0
	// when the trail is there from its beginning.
	Kept     int64     `json:"kept,omitempty"`
	Restores []string  `json:"restores,omitempty"`
	Findings []Finding `json:"findings"`
}

// maxFindings bounds what is said of one file: after that many nobody reads on.
const maxFindings = 20

// maxLine bounds a line of an export.
const maxLine = 4 << 20

// Verify checks an export. pins are the thumbprints of the keys that the reader trusts;
// without any, whoever made the file may have signed it too.
func Verify(r io.Reader, pins []string) (Report, error) {
	c := newChecker(pins)
	err := c.read(r)
	return c.done(), err
}

// VerifyExtends checks an export and that it continues an older one: everything that the
// older one says is still said.
func VerifyExtends(old, r io.Reader, pins []string) (Report, error) {
	before := newChecker(pins)
	before.record = map[string]Head{}
	if err := before.read(old); err != nil {
		return before.done(), err
	}
	if first := before.done(); !first.OK {
		for i := range first.Findings {
			first.Findings[i].Text = "the older export: " + first.Findings[i].Text
		}
		return first, nil
	}
	c := newChecker(pins)
	c.older = before.record
	err := c.read(r)
	if c.site != before.site {
		c.say("rewritten", "the older export is of the site %q, this one of %q", before.site, c.site)
	}
	if c.begin.Trail != before.begin.Trail {
		c.say("rewritten", "the two exports are of different trails")
	}
	for _, k := range sorted(c.older) {
		if c.gone(k, c.older[k]) {
			continue
		}
		c.say("rewritten", "%s of the older export is not there any more", k)
	}
	return c.done(), err
}

type checker struct {
	Report
	line    int
	begin   Begin
	site    id.Site
	keys    map[string]Key
	last    map[string]Entry // of each segment
	since   string           // segment of the line before, since the last checkpoint
	number  int64
	prev    string // hash of the last checkpoint
	ended   bool
	hashes  map[string]bool
	pins    []string
	record  map[string]Head // what is said, for a later comparison; nil when nobody asks
	older   map[string]Head // what has to be said still
	start   start           // where a trail begins whose first entries are kept no more
	dropped *Dropped        // what the trail says of that
	skipped map[string]bool // segments of which something was found since the last checkpoint
}

func newChecker(pins []string) *checker {
	return &checker{pins: pins, last: map[string]Entry{}, keys: map[string]Key{}, hashes: map[string]bool{}, skipped: map[string]bool{}}
}

func (c *checker) say(kind, format string, args ...any) {
	if len(c.Findings) < maxFindings {
		c.Findings = append(c.Findings, Finding{c.line, kind, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) done() Report {
	r := c.Report
	r.OK, r.Pinned = len(r.Findings) == 0, len(c.pins) > 0
	r.Site, r.At, r.Trail = c.site, c.begin.At, c.begin.Trail
	if c.start.number > 0 && c.dropped != nil {
		r.Kept = c.dropped.Before
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	slices.Sort(r.Keys)
	r.Keys = slices.Compact(r.Keys)
	return r
}

func (c *checker) read(r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	for s.Scan() {
		c.line++
		c.one(s.Bytes())
	}
	if err := s.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			c.line++
			c.say("malformed", "a line longer than any that a server writes")
			return nil
		}
		return err
	}
	switch {
	case c.line == 0:
		c.say("tail", "the file is empty")
	case !c.ended:
		c.say("tail", "the file does not end with the checkpoint that ends its export: what came last is missing")
	}
	c.beginning()
	return nil
}

func (c *checker) one(text []byte) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		c.say("malformed", "no line of an export: %v", err)
		return
	}
	switch {
	case c.line == 1:
		c.first(text)
	case c.ended:
		c.say("duplicated", "there is more behind the end of the export")
	case kind.Type == "entry":
		c.entry(text)
	case kind.Type == "checkpoint":
		c.checkpoint(text)
	default:
		c.say("malformed", "a line of an unknown type")
	}
}

func (c *checker) first(text []byte) {
	var b Begin
	if err := exactly(text, &b); err != nil || b.Type != "export" || b.Format != Format || b.ID == "" {
		c.say("malformed", "the first line does not begin an export of the form %s", Format)
	}
	c.begin, c.site = b, b.Site
	for _, k := range b.Keys {
		c.keys[k.KeyID] = k
	}
}

func (c *checker) entry(text []byte) {
	var l entryLine
	if err := exactly(text, &l); err != nil {
		c.say("edited", "the line is no entry as a server writes it: %v", err)
		return
	}
	e := l.Entry
	e.Hash = l.Hash
	name := fmt.Sprintf("entry %d of segment %s (%s)", e.Seq, e.Segment, e.Act)
	c.Entries++
	if sum, err := e.Digest(); err != nil || sum != e.Hash {
		c.say("edited", "%s was edited", name)
	}
	if e.Site != c.site {
		c.say("edited", "%s belongs to another site", name)
	}
	last := c.last[e.Segment]
	if last.Seq == 0 && e.Seq > 1 && c.mayBegin(e) {
		last = Entry{Seq: e.Seq - 1, Hash: e.Prev}
	}
	switch {
	case e.Seq == last.Seq && e.Hash == last.Hash, e.Seq <= last.Seq && c.hashes[e.Hash]:
		c.say("duplicated", "%s is there twice", name)
		return
	case e.Seq <= last.Seq:
		c.say("reordered", "%s comes after entry %d", name, last.Seq)
		return
	case e.Seq > last.Seq+1:
		c.say("dropped", "before %s the entries %d to %d are missing, or out of their order", name, last.Seq+1, e.Seq-1)
	case e.Prev != last.Hash:
		c.say("edited", "%s does not continue the one before it", name)
	}
	if e.Segment < c.since {
		c.say("reordered", "%s stands behind those of segment %s", name, c.since)
	}
	c.since, c.last[e.Segment], c.hashes[e.Hash] = e.Segment, e, true
	if e.Act == "server.restore" {
		c.Restores = append(c.Restores, name)
	}
	c.note(fmt.Sprintf("entry %d of segment %s", e.Seq, e.Segment), Head{Segment: e.Segment, Seq: e.Seq, Hash: e.Hash, At: e.At})
}

// note records what is said, or compares it with what an older export said.
func (c *checker) note(name string, h Head) {
	if c.record != nil {
		c.record[name] = h
	}
	if was, ok := c.older[name]; ok {
		if was.Hash != h.Hash {
			c.say("rewritten", "%s is another than in the older export", name)
		}
		delete(c.older, name)
	}
}

func (c *checker) checkpoint(text []byte) {
	var l checkpointLine
	if err := exactly(text, &l); err != nil {
		c.say("edited", "the line is no checkpoint as a server writes it: %v", err)
		return
	}
	p := l.Checkpoint
	name := fmt.Sprintf("checkpoint %d", p.Number)
	c.Checkpoints++
	c.since = ""
	if p.Site != c.site {
		c.say("edited", "%s is another site's", name)
	}
	switch {
	case c.mayStart(p):
	case p.Number <= c.number:
		c.say("duplicated", "%s comes after checkpoint %d", name, c.number)
	case p.Number != c.number+1:
		c.say("dropped", "checkpoint %d is missing before %s", c.number+1, name)
	case p.Prev != c.prev:
		c.say("rewritten", "%s does not continue the one before it", name)
	}
	c.signature(name, p, l.Signature)
	moved := map[string]bool{}
	for _, h := range p.Heads {
		moved[h.Segment] = true
		switch last := c.last[h.Segment]; {
		case last.Seq < h.Seq:
			c.say("dropped", "%s says that segment %s has %d entries, and %d are there", name, h.Segment, h.Seq, last.Seq)
		case last.Seq > h.Seq:
			c.say("reordered", "%s comes before entries of segment %s that stand in front of it", name, h.Segment)
		case last.Hash != h.Hash:
			c.say("rewritten", "%s saw another entry %d in segment %s", name, h.Seq, h.Segment)
		}
	}
	if p.Dropped != nil {
		c.dropped = p.Dropped
	}
	if p.Trail != c.begin.Trail {
		c.say("edited", "%s is of another trail", name)
	}
	if p.Entries != c.start.entries+c.Entries && len(c.Findings) == 0 {
		c.say("rewritten", "%s counts %d entries, and %d are there", name, p.Entries, c.Entries)
	}
	sum, _ := p.Digest() //nolint:errcheck // it was read from JSON
	c.number, c.prev = p.Number, sum
	c.note(name, Head{Segment: name, Seq: p.Number, Hash: sum})
	if p.Export != "" && p.Export == c.begin.ID {
		c.ended = true
		if p.At != c.begin.At {
			c.say("edited", "the export was made at another time than its first line says")
		}
	}
}

// signature checks who signed a checkpoint.
func (c *checker) signature(name string, p Checkpoint, signature string) {
	payload, err := p.Payload()
	if err != nil {
		c.say("edited", "%s cannot be read", name)
		return
	}
	kid, err := verifyDetached(signature, payload, c.keys)
	if err != nil {
		c.say("signature", "%s is not signed by a key of this file: %v", name, err)
		return
	}
	print := c.keys[kid].Thumbprint()
	if len(c.pins) > 0 && !slices.Contains(c.pins, print) {
		c.say("key", "%s is signed by the key %s, which is none of those given", name, print)
	}
	c.Keys = append(c.Keys, print)
}

// SignatureType is the typ of a checkpoint's signature: nothing else has it.
const SignatureType = "annex-checkpoint+jws"

func verifyDetached(jws string, payload []byte, keys map[string]Key) (kid string, err error) {
	head, rest, ok := strings.Cut(jws, ".")
	middle, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || middle != "" {
		return "", errors.New("it is no detached signature")
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return "", errors.New("its header cannot be read")
	}
	var h struct {
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid"`
		Type      string   `json:"typ"`
		Critical  []string `json:"crit"`
	}
	if err := json.Unmarshal(text, &h); err != nil || h.Algorithm != "ES256" || h.Type != SignatureType || h.Critical != nil {
		return "", errors.New("it is a signature of another kind")
	}
	k, ok := keys[h.KeyID]
	if !ok {
		return "", errors.New("its key is not there")
	}
	public, err := k.public()
	if err != nil {
		return "", err
	}
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil || len(raw) != 64 {
		return "", errors.New("it is no ES256 signature")
	}
	sum := sha256.Sum256([]byte(head + "." + base64.RawURLEncoding.EncodeToString(payload)))
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
		return "", errors.New("the signature does not match")
	}
	return h.KeyID, nil
}

func (k Key) public() (*ecdsa.PublicKey, error) {
	x, err := base64.RawURLEncoding.DecodeString(k.X)
	y, err2 := base64.RawURLEncoding.DecodeString(k.Y)
	if err != nil || err2 != nil || k.Type != "EC" || k.Curve != "P-256" || len(x) != 32 || len(y) != 32 {
		return nil, errors.New("its key is no P-256 key")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, errors.New("its key is no point of the curve")
	}
	return public, nil
}

func sorted(m map[string]Head) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
