package bridge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// framedType is a message whose head is one line of JSON and whose body is all that follows:
// a file goes through without being held, and without becoming a third longer as base64.
const framedType = "application/vnd.annex.framed"

// maxFramedHead bounds the line.
const maxFramedHead = 128 << 10

func framed(r *http.Request) bool {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && got == framedType && r.URL.Path == "/bridge/request"
}

// decodeFramed reads the head strictly, and gives the body with its length, -1 for one that
// is not known.
func decodeFramed(r *http.Request, into any) (io.Reader, int64, error) {
	lines := bufio.NewReaderSize(r.Body, maxFramedHead)
	head, err := lines.ReadSlice('\n')
	if err != nil {
		return nil, 0, fault.New(fault.Usage, "BAD_JSON", "the body does not begin with one line of JSON of at most %d bytes", maxFramedHead)
	}
	dec := json.NewDecoder(bytes.NewReader(head))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || dec.More() {
		return nil, 0, fault.New(fault.Usage, "BAD_JSON", "the first line is not the JSON that this route takes")
	}
	switch {
	case r.ContentLength < 0:
		return lines, -1, nil
	case r.ContentLength == int64(len(head)):
		return nil, 0, nil
	default:
		return lines, r.ContentLength - int64(len(head)), nil
	}
}

// framedAnswer is an answer that goes on while it arrives.
type framedAnswer struct {
	head  []byte
	first []byte
	rest  io.ReadCloser // nil when nothing follows
}

// newFramed takes in the first of an answer: an error of that can still be told in a head.
func newFramed(head any, reply call.Reply) (*framedAnswer, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	a := &framedAnswer{head: append(text, '\n'), first: reply.Body, rest: reply.Stream}
	if a.rest == nil {
		return a, nil
	}
	a.first = make([]byte, 4<<10)
	n := 0
	for n == 0 && err == nil {
		n, err = a.rest.Read(a.first)
	}
	a.first = a.first[:n]
	if err != nil && !errors.Is(err, io.EOF) {
		_ = a.rest.Close()
		return nil, err
	}
	return a, nil
}

// write passes the answer on. One that breaks off breaks off for the page too: an end that
// looks whole would be a lie.
func (a *framedAnswer) write(w http.ResponseWriter) {
	if a.rest != nil {
		defer func() { _ = a.rest.Close() }()
	}
	w.Header().Set("Content-Type", framedType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append(a.head, a.first...))
	if a.rest == nil {
		return
	}
	if _, err := io.Copy(w, a.rest); err != nil {
		panic(http.ErrAbortHandler)
	}
}
