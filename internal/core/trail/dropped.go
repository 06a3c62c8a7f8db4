package trail

import "fmt"

// start is where a trail begins of which the server keeps the first part no more. What it
// says is believed when a signed checkpoint of the same trail says so too.
type start struct {
	number  int64  // of the last checkpoint that is not there, 0 when all are
	hash    string // of that checkpoint
	entries int64  // that are not there
	heads   map[string]Head
}

// mayStart takes the first checkpoint of a file as the one behind those that were dropped.
func (c *checker) mayStart(p Checkpoint) bool {
	if c.begin.Trail != Receipts || c.Checkpoints != 1 || p.Number <= 1 {
		return false
	}
	c.start.number, c.start.hash, c.start.entries = p.Number-1, p.Prev, p.Entries-c.Entries
	return true
}

// mayBegin takes an entry as the first that is left of its chain.
func (c *checker) mayBegin(e Entry) bool {
	if c.begin.Trail != Receipts {
		return false
	}
	if c.start.heads == nil {
		c.start.heads = map[string]Head{}
	}
	c.start.heads[e.Segment] = Head{Segment: e.Segment, Seq: e.Seq - 1, Hash: e.Prev}
	return true
}

// beginning compares where the file begins with what the server signed that it dropped.
func (c *checker) beginning() {
	if c.start.number == 0 && len(c.start.heads) == 0 {
		return
	}
	d := c.dropped
	if d == nil {
		c.say("dropped", "the file does not begin with the first entry of its trail, and no checkpoint says why")
		return
	}
	if d.Through != c.start.number || d.Hash != c.start.hash || d.Entries != c.start.entries {
		c.say("dropped", "the file begins behind checkpoint %d, and a checkpoint says that the trail begins behind %d", c.start.number, d.Through)
	}
	said := map[string]Head{}
	for _, h := range d.Heads {
		said[h.Segment] = h
	}
	for _, name := range sorted(c.start.heads) {
		if h := c.start.heads[name]; said[name] != h {
			c.say("dropped", "segment %s begins behind its entry %d, and no checkpoint says so", name, h.Seq)
		}
	}
}

// gone reports whether something that an older export says was dropped meanwhile because its
// time was over.
func (c *checker) gone(name string, h Head) bool {
	d := c.dropped
	if d == nil || c.start.number == 0 {
		return false
	}
	if name == fmt.Sprintf("checkpoint %d", h.Seq) {
		return h.Seq < d.Through || h.Seq == d.Through && h.Hash == d.Hash
	}
	for _, kept := range d.Heads {
		if kept.Segment == h.Segment {
			return h.Seq < kept.Seq || h.Seq == kept.Seq && h.Hash == kept.Hash
		}
	}
	_, there := c.last[h.Segment]
	return !there && h.At > 0 && h.At < d.Before
}
