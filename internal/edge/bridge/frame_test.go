package bridge

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

func TestFramedRequests(t *testing.T) {
	for name, c := range map[string]struct {
		text, body string
		size       int64
		wrong      bool
	}{
		"a body":             {text: "{\"module\":\"a/b\"}\nx\ny", body: "x\ny", size: 3},
		"none":               {text: "{\"module\":\"a/b\"}\n"},
		"no line":            {text: `{"module":"a/b"}`, wrong: true},
		"no JSON":            {text: "module\nx", wrong: true},
		"an unknown member":  {text: "{\"modul\":\"a/b\"}\nx", wrong: true},
		"two values":         {text: "{\"module\":\"a/b\"}{}\nx", wrong: true},
		"a line without end": {text: strings.Repeat(" ", maxFramedHead+1) + "\n", wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/bridge/request", strings.NewReader(c.text))
			r.Header.Set("Content-Type", framedType)
			var in asked
			body, size, err := decodeFramed(r, &in)
			if c.wrong != (fault.CodeOf(err) == "BAD_JSON") {
				t.Fatal(err)
			}
			if c.wrong {
				return
			}
			got := ""
			if body != nil {
				all, _ := io.ReadAll(body)
				got = string(all)
			}
			if got != c.body || size != c.size || in.Module != "a/b" || !framed(r) {
				t.Errorf("%q of %d bytes for %+v", got, size, in)
			}
		})
	}
	r := httptest.NewRequest("POST", "/bridge/invoke", nil)
	r.Header.Set("Content-Type", framedType)
	if framed(r) {
		t.Error("another route takes what is framed")
	}
}

// stream ends with an error, and knows whether it was closed.
type stream struct {
	io.Reader
	closed bool
}

func (s *stream) Close() error {
	s.closed = true
	return nil
}

func TestFramedAnswers(t *testing.T) {
	broken := io.MultiReader(strings.NewReader(strings.Repeat("x", 5<<10)), failing{})
	for name, c := range map[string]struct {
		body         io.Reader
		early, abort bool
	}{
		"whole": {body: strings.NewReader("x\ny")}, "nothing": {body: strings.NewReader("")},
		"that fails at once": {body: failing{}, early: true}, "that breaks off": {body: broken, abort: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stream{Reader: c.body}
			a, err := newFramed(map[string]int{"status": 200}, call.Reply{Stream: s})
			if c.early != (err != nil) {
				t.Fatal(err)
			}
			rec := httptest.NewRecorder()
			aborted := false
			if a != nil {
				func() {
					defer func() { aborted = recover() != nil }()
					a.write(rec)
				}()
			}
			if aborted != c.abort || !s.closed {
				t.Errorf("aborted %v, closed %v", aborted, s.closed)
			}
			if !c.early && !strings.HasPrefix(rec.Body.String(), "{\"status\":200}\n") {
				t.Errorf("%.40q", rec.Body)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("gone") }
