package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A client that asks and does not read what it is answered holds the answer for a while,
// and no longer.
func TestAnswersAreNotHeld(t *testing.T) {
	patience := time.AfterFunc(time.Minute, func() { panic("an answer waits for a client that does not read") })
	defer patience.Stop()
	a := newAnswers()
	a.chunkTime = 100 * time.Millisecond
	body := make([]byte, 64<<20) // more than the sockets hold
	wrote := make(chan error, 2)
	srv := httptest.NewServer(a.of(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/empty" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, err := w.Write(body)
		wrote <- err
	})))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err == nil {
		t.Error("it was written to a client that does not read")
	}
	if n := a.waiting.Load(); n != 0 {
		t.Errorf("%d bytes count as waiting", n)
	}
	// One that reads gets the whole, and its connection goes on after the deadline has passed.
	for range 2 {
		resp, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || n != int64(len(body)) || <-wrote != nil {
			t.Errorf("%d of %d bytes, %v", n, len(body), err)
		}
		_ = resp.Body.Close()
	}
	for range 2 {
		resp, err := srv.Client().Get(srv.URL + "/empty")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

// deadlines records what a writer is given.
type deadlines struct {
	http.ResponseWriter
	got []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error { d.got = append(d.got, at); return nil }

// Each chunk has its time; all have little when much is waiting, and beyond that none.
func TestAnswersArePressed(t *testing.T) {
	for _, c := range []struct {
		waiting int64
		time    time.Duration
		err     error
	}{{0, time.Hour, nil}, {600 << 10, time.Minute, nil}, {1 << 20, 0, errTooManyAnswers}} {
		a := newAnswers()
		a.max, a.chunkTime, a.pressedTime = 1<<20, time.Hour, time.Minute
		a.waiting.Store(c.waiting)
		d := &deadlines{ResponseWriter: httptest.NewRecorder()}
		began := time.Now()
		_, err := (&answer{ResponseWriter: d, all: a}).Write(make([]byte, 3*answerChunk))
		if !errors.Is(err, c.err) || a.waiting.Load() != c.waiting {
			t.Errorf("with %d waiting: %v, %d waiting afterwards", c.waiting, err, a.waiting.Load())
		}
		want := 3
		if c.err != nil {
			want = 1
		}
		if len(d.got) != want {
			t.Fatalf("with %d waiting: %d deadlines", c.waiting, len(d.got))
		}
		for _, at := range d.got {
			if left := at.Sub(began); left < c.time || left > c.time+time.Minute/2 {
				t.Errorf("with %d waiting a chunk has %v", c.waiting, left)
			}
		}
	}
}
