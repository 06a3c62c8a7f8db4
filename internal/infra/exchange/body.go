package exchange

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"sync/atomic"

	"github.com/andybalholm/brotli"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// counted counts what was on the wire and fails beyond a limit, so that nothing is
// silently cut off.
type counted struct {
	r     io.Reader
	n     atomic.Int64 // read beside the reader
	waits atomic.Bool  // somebody reads and has not got anything yet
	limit int64
}

var errTooLarge = errors.New("body over the limit")

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	c.waits.Store(true)
	n, err := c.r.Read(p)
	c.waits.Store(false)
	if c.n.Add(int64(n)) > c.limit {
		return 0, errTooLarge
	}
	return n, err
}

// readBody reads an answer's body, decoding one known encoding as fetch does. Both
// the bytes on the wire and the decoded ones are bounded, so a small answer cannot
// become a large one. An encoding that is not known is passed on as it is. Room is taken
// before the bytes are there; what an answer announces is believed no further than limit.
// What was decoded passes through, unless that is nil.
func readBody(wire *counted, encoding string, announced, limit int64, room call.Room, through func(io.Reader) io.Reader) ([]byte, error) {
	b := grown{room: room}
	in := &fruitful{r: wire}
	r, err := decoder(in, encoding, &b)
	if err != nil {
		return nil, err
	}
	if r == in {
		r = wire
	}
	if r != wire || announced < 0 {
		announced = firstRoom // how much comes of it, nobody knows
	}
	if err := b.grow(min(announced, limit)); err != nil {
		return nil, err
	}
	if through != nil {
		r = through(r)
	}
	decoded := &counted{r: r, limit: limit}
	in.out = &decoded.n
	for {
		// A body that has just what it announced needs no more room for its end to be found.
		var probe [1]byte
		free, full := b.bytes[len(b.bytes):cap(b.bytes)], len(b.bytes) == cap(b.bytes)
		if full {
			free = probe[:]
		}
		n, err := decoded.Read(free)
		switch {
		case full && n > 0:
			if err := b.grow(min(max(2*int64(cap(b.bytes)), firstRoom), limit)); err != nil {
				return nil, err
			}
			b.bytes = append(b.bytes, probe[0])
		default:
			b.bytes = b.bytes[:len(b.bytes)+n]
		}
		if errors.Is(err, io.EOF) {
			return b.bytes, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// fruitful is a coded body of which something has to come: blocks of nothing are work
// without an end in sight.
type fruitful struct {
	r   io.Reader
	in  int64
	out *atomic.Int64 // what was decoded; nil at the beginning
}

// fruitless is how much of a coded body may be read before anything comes of it. Beyond
// that no coding makes its data longer than by half.
const fruitless = 128 << 10

var errFruitless = errors.New("an encoded body of which nothing comes")

// Read implements io.Reader.
func (f *fruitful) Read(p []byte) (int, error) {
	allowed := int64(fruitless)
	if f.out != nil {
		allowed += 2 * f.out.Load()
	}
	if f.in > allowed {
		return 0, errFruitless
	}
	n, err := f.r.Read(p[:min(len(p), 16<<10)])
	f.in += int64(n)
	return n, err
}

// firstRoom is taken for a body of unknown length.
const firstRoom = 16 << 10

// grown is a body that takes room as it grows.
type grown struct {
	bytes []byte
	room  call.Room
}

// take takes room for something beside the body.
func (g *grown) take(size int64) error {
	if g.room == nil {
		return nil
	}
	return g.room.Take(int(size))
}

// grow moves the body to a place of size bytes; while it moves, both places are taken.
func (g *grown) grow(size int64) error {
	if err := g.take(size); err != nil {
		return err
	}
	was := cap(g.bytes)
	next := make([]byte, len(g.bytes), size)
	copy(next, g.bytes)
	g.bytes = next
	if g.room != nil {
		g.room.Give(was)
	}
	return nil
}

func decoder(wire io.Reader, encoding string, b *grown) (io.Reader, error) {
	coding := strings.ToLower(strings.TrimSpace(encoding))
	switch coding {
	case "gzip", "x-gzip", "deflate", "br":
	default:
		return wire, nil
	}
	buffered := bufio.NewReader(wire)
	head, err := buffered.Peek(2)
	if errors.Is(err, io.EOF) && len(head) == 0 {
		return buffered, nil // an empty body is empty in every encoding (HEAD, 304)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := b.take(window(coding, head[0])); err != nil {
		return nil, err
	}
	switch coding {
	case "br":
		return brotli.NewReader(buffered), nil
	case "deflate":
		// Named for zlib's format, but some servers send the bare one.
		if len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(buffered)
		}
		return flate.NewReader(buffered), nil
	default:
		return gzip.NewReader(buffered)
	}
}

// window is what a decoder remembers of what it has decoded. A Brotli stream says in its
// first bits how much it wants, up to 16 MB (RFC 7932, 9.1).
func window(coding string, first byte) int64 {
	if coding != "br" {
		return 64 << 10
	}
	n, m := first>>1&7, first>>4&7
	switch {
	case first&1 == 0:
		return 1 << 16
	case n != 0:
		return 1 << (17 + n)
	case m == 0:
		return 1 << 17
	default:
		return 1 << (8 + m)
	}
}

func bodyTooLarge(limit int64) *fault.Error {
	return fault.New(fault.Limit, "LIMIT_RESPONSE_BODY", "an answer may have %d bytes, sent and decoded", limit).With("limit", "response body").With("figure", limit)
}
