package product

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
)

const (
	// maxPartHead bounds what a form says of one part, and maxBoundary what parts it.
	maxPartHead = 16 << 10
	maxBoundary = 70 // RFC 2046
	formPiece   = 32 << 10
)

// formStream reads the names of a form's parts while the form goes on. A part's head is
// passed on when it has been taken in, so that a refused one never leaves; the contents of
// parts are neither read nor held. It is stricter than who reads forms: what looks like the
// end of a part has to be one, so that no other reader finds a part that was not looked at.
type formStream struct {
	r       io.Reader
	delim   []byte // two dashes and the boundary
	admit   func(field string) error
	in, out []byte
	first   bool // nothing was read yet
	closed  bool // the last part has ended
	parts   int
	end     error // of r
	err     error
}

func newFormStream(r io.Reader, boundary string, admit func(field string) error) (*formStream, error) {
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, malformedForm()
	}
	return &formStream{r: r, delim: []byte("--" + boundary), admit: admit, first: true}, nil
}

// Read implements io.Reader.
func (f *formStream) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.err = f.step()
	}
	n := copy(p, f.out)
	f.out = f.out[n:]
	return n, nil
}

// step moves some of in to out. It gives what Read ends with, behind what is in out.
func (f *formStream) step() error {
	at := bytes.Index(f.in, f.delim)
	switch {
	case f.closed:
		// What stands behind the last part belongs to no part, and somebody might find one.
		if len(bytes.TrimLeft(f.in, "\r\n")) > 0 {
			return malformedForm()
		}
		f.pass(len(f.in))
		if f.end != nil {
			return f.ended(true)
		}
		return f.more()
	case at < 0:
		if keep := len(f.delim) + 1; len(f.in) > keep && !f.first {
			f.pass(len(f.in) - keep)
			return nil
		}
		if f.first && len(f.in) > len(f.delim) {
			return malformedForm()
		}
		if f.end != nil {
			return f.ended(false)
		}
		return f.more()
	case f.first && at > 0, !f.first && (at < 2 || string(f.in[at-2:at]) != "\r\n"):
		return malformedForm()
	default:
		return f.part(at)
	}
}

// part takes in the head of the part that begins at a delimiter.
func (f *formStream) part(at int) error {
	head := f.in[at+len(f.delim):]
	if bytes.HasPrefix(head, []byte("--")) {
		f.first, f.closed = false, true
		f.pass(at + len(f.delim) + 2)
		return nil
	}
	if len(head) >= 2 && !bytes.HasPrefix(head, []byte("\r\n")) {
		return malformedForm()
	}
	size := bytes.Index(head, []byte("\r\n\r\n"))
	if size < 0 {
		if len(head) > maxPartHead {
			return malformedForm()
		}
		if f.end != nil {
			return f.ended(false)
		}
		return f.more()
	}
	if f.parts++; f.parts > maxParts {
		return malformedForm()
	}
	field, err := fieldOf(head[2 : size+4])
	if err != nil {
		return err
	}
	if err := f.admit(field); err != nil {
		return err
	}
	f.first = false
	// The line break behind a head may be the one before the next delimiter: it stays in.
	f.pass(at + len(f.delim) + size + 2)
	return nil
}

// fieldOf is the name of the part with that head.
func fieldOf(head []byte) (string, error) {
	if bytes.Count(head, []byte("\n")) != bytes.Count(head, []byte("\r\n")) || bytes.Count(head, []byte("\r")) != bytes.Count(head, []byte("\n")) {
		return "", malformedForm()
	}
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(head))).ReadMIMEHeader()
	if err != nil || len(h["Content-Disposition"]) != 1 {
		return "", malformedForm()
	}
	field := (&multipart.Part{Header: h}).FormName()
	if field == "" || ambiguous(h) {
		return "", malformedForm()
	}
	return field, nil
}

// ambiguous reports whether readers of a part may differ about its name: some know the
// extended form of a parameter, and some take the plain one.
func ambiguous(h textproto.MIMEHeader) bool {
	for param := range strings.SplitSeq(strings.Join(h["Content-Disposition"], ";"), ";") {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(param)), "name*") {
			return true
		}
	}
	return false
}

func malformedForm() error {
	return closed("BODY_REFUSED", "the form in the body is malformed").WithFix("send a FormData or URLSearchParams")
}

// pass lets n bytes go.
func (f *formStream) pass(n int) {
	f.out = append(f.out[:0], f.in[:n]...)
	f.in = append(f.in[:0], f.in[n:]...)
}

// more reads on.
func (f *formStream) more() error {
	was := len(f.in)
	f.in = append(f.in, make([]byte, formPiece)...)
	n, err := f.r.Read(f.in[was:])
	f.in = f.in[:was+n]
	f.end = err
	return nil
}

// ended is what the end of the stream means.
func (f *formStream) ended(whole bool) error {
	if errors.Is(f.end, io.EOF) && !whole {
		return malformedForm()
	}
	return f.end
}
