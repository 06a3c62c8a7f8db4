package jsvm

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
)

const (
	// maxInflated bounds what a small input may become.
	maxInflated = 64 << 20
	// maxWindow is what a decoder or an encoder of Brotli may remember.
	maxWindow = 16 << 20
	// portion is how much of its input a decoder reads between two pauses. Input that becomes
	// nothing (empty blocks, empty members) is work too, and has the longer way to go.
	portion = 4 << 10
)

// inflate undoes gzip, deflate (zlib), deflate-raw and br.
func (in *Instance) inflate(kind string, b []byte) (*portions, error) {
	src := &asking{in: in, rest: b}
	r, err := in.decoder(kind, src)
	opened := err == nil
	out := &portions{in: in, max: maxInflated}
	for err == nil {
		var room []byte
		if room, err = out.room(); err != nil {
			return nil, err
		}
		var n int
		n, err = r.Read(room)
		out.took(n)
		if err := in.pause(); err != nil {
			return nil, err
		}
	}
	switch {
	case src.ended != nil:
		return nil, src.ended
	case errors.Is(err, io.EOF) && opened:
		return out, nil
	case errors.As(err, new(*jsError)), errors.Is(err, errEnded):
		return nil, err
	}
	return nil, typeError("the compressed data was not valid")
}

func (in *Instance) decoder(kind string, src *asking) (io.Reader, error) {
	switch kind {
	case "gzip":
		return gzip.NewReader(src)
	case "deflate":
		return zlib.NewReader(src)
	case "deflate-raw":
		return flate.NewReader(src), nil
	case "br":
		return brotli.NewReader(src), in.charge(maxWindow)
	}
	return nil, noCompression(kind)
}

func noCompression(kind string) error {
	return typeError("no compression %q here: gzip, deflate, deflate-raw, br", kind)
}

// asking is a decoder's input; it looks at the clock whenever more of it is read.
type asking struct {
	in    *Instance
	rest  []byte
	ended error // what the pause said
}

// Read implements io.Reader.
func (a *asking) Read(p []byte) (int, error) {
	if a.ended == nil {
		a.ended = a.in.pause()
	}
	if a.ended != nil {
		return 0, a.ended
	}
	if len(a.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), portion)], a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

func (in *Instance) deflate(kind string, b []byte) (*portions, error) {
	out := &portions{in: in, max: 2 * maxNative}
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(out)
	case "deflate":
		w = zlib.NewWriter(out)
	case "deflate-raw":
		fw, err := flate.NewWriter(out, flate.DefaultCompression)
		if err != nil {
			return nil, err
		}
		w = fw
	case "br":
		if err := in.charge(maxWindow); err != nil {
			return nil, err
		}
		w = brotli.NewWriter(out)
	default:
		return nil, noCompression(kind)
	}
	if err := in.inPieces(w, b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out, nil
}

// portions is a long result in parts, so that it is never moved as it grows. Its memory is
// charged to the call.
type portions struct {
	in   *Instance
	list [][]byte
	size int
	max  int
}

// room is where more can be put; took says how much was.
func (p *portions) room() ([]byte, error) {
	if p.size > p.max {
		return nil, &jsError{name: "RangeError", message: "the data inflates to more than 64 MB"}
	}
	if n := len(p.list); n > 0 && len(p.list[n-1]) < cap(p.list[n-1]) {
		last := p.list[n-1]
		return last[len(last):cap(last)], nil
	}
	size := min(max(p.size, 4<<10), piece)
	if err := p.in.charge(size); err != nil {
		return nil, err
	}
	p.list = append(p.list, make([]byte, 0, size))
	return p.list[len(p.list)-1][:size], nil
}

func (p *portions) took(n int) {
	last := &p.list[len(p.list)-1]
	*last = (*last)[:len(*last)+n]
	p.size += n
}

// Write implements io.Writer.
func (p *portions) Write(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		room, err := p.room()
		if err != nil {
			return n, err
		}
		some := copy(room, b[n:])
		p.took(some)
		n += some
	}
	return n, nil
}
