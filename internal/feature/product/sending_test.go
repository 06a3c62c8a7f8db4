package product

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// piece makes one host call of a body that goes piece by piece.
func (f *function) piece(head map[string]any, body []byte) (map[string]any, []byte, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, nil, err
	}
	held := counted{}
	reply, err := f.ask(f.ctx, f.w.policy, call.Request{Method: sendMethod, Head: text, Body: body, Room: &held, Lasting: &f.lasting})
	f.pieces = max(f.pieces, held.top)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(reply.Head, &out)
	}
	return out, reply.Body, err
}

func opening(path, media string, size int) map[string]any {
	return map[string]any{"product": "jira", "as": "app", "path": path, "pieces": true, "method": "POST", "headers": [][2]string{{"Content-Type", media}}, "size": size}
}

// send gives a body piece by piece until it is answered.
func (f *function) send(head map[string]any, body []byte) (out map[string]any, answer []byte, given int, err error) {
	for {
		n := min(pieces.Size, len(body)-given)
		done := given+n == len(body) && out != nil
		next := head
		if out != nil {
			next = map[string]any{"sending": out["sending"], "done": done}
		}
		out, answer, err = f.piece(next, body[given:given+n])
		given += n
		if err != nil || out["sending"] == nil {
			return out, answer, given, err
		}
	}
}

// What a function sends reaches the product while the function makes the rest, and the server
// holds a piece of it.
func TestFunctionsGivePieces(t *testing.T) {
	const size = 20 << 20
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	for name, known := range map[string]bool{"of known size": true, "of unknown size": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "write")
			written := receipted(w)
			var left atomic.Int64
			sum := sha256.New()
			w.via = transport(func(r *http.Request) (*http.Response, error) {
				if (r.ContentLength == size) != known || len(written.intents) != 1 {
					t.Errorf("%d bytes are announced, %d receipts", r.ContentLength, len(written.intents))
				}
				for piece := make([]byte, 1000); ; {
					n, err := r.Body.Read(piece)
					left.Add(int64(n))
					sum.Write(piece[:n])
					if err == io.EOF {
						return okWith(io.NopCloser(strings.NewReader("kept"))), nil
					}
					if err != nil {
						return nil, err
					}
				}
			})
			f := w.function(t.Context())
			announced := size
			if !known {
				announced = -1
			}
			head := opening("/issue", "application/json", announced)
			given := 0
			var out map[string]any
			var answer []byte
			for given < size {
				var err error
				out, answer, err = f.piece(head, body[given:given+pieces.Size])
				if given += pieces.Size; err != nil {
					t.Fatal(err)
				}
				if behind := int64(given) - left.Load(); given < size && behind != 0 {
					t.Fatalf("%d bytes were given, of which %d have not left", given, behind)
				}
				if given < size && len(w.decided)+len(written.outcomes) > 0 {
					t.Fatal("what came of the request is told before it is over")
				}
				if given < size {
					head = map[string]any{"sending": out["sending"], "done": given+pieces.Size == size}
				}
			}
			if out["status"] != 200. || string(answer) != "kept" || left.Load() != size {
				t.Errorf("%v %q, %d bytes left", out, answer, left.Load())
			}
			if f.lasting.top > 3*pieces.PerOpen || f.lasting.taken != 0 || f.pieces > 1<<20 {
				t.Errorf("%d bytes were held at most, %d are left, %d of a host call", f.lasting.top, f.lasting.taken, f.pieces)
			}
			if len(w.decided) != 1 || len(written.outcomes) != 1 || w.decided[0].Sent != size || !w.decided[0].Streamed || !bytes.Equal(w.decided[0].Digest, sum.Sum(nil)) {
				t.Errorf("%+v", w.decided)
			}
			if _, _, err := f.piece(head, nil); fault.CodeOf(err) != "BODY_GONE" {
				t.Errorf("behind the end: %v", err)
			}
		})
	}
}

// What decides about a request is read before anything of it leaves, also where it comes in
// pieces; forms are looked at part by part; what is refused is refused at once.
func TestGivenPiecesAreScreened(t *testing.T) {
	w := newWorld(t, "write")
	w.maySendTo(t, "https://ok.example.com")
	f := w.function(t.Context())
	fill := strings.Repeat("x", 2*pieces.Size)
	for _, c := range []struct {
		name, path, media, body string
		code                    string
		status                  float64
	}{
		{name: "an address of another host behind two pieces", path: "/hook", media: "application/json", body: `{"a":"` + fill + `","config":{"url":"https://evil.example.com/"}}`, code: "REQUEST_EGRESS_ALLOWLIST_ERR", status: 403},
		{name: "an allowed one", path: "/hook", media: "application/json", body: `{"a":"` + fill + `","config":{"url":"https://ok.example.com/"}}`, status: 200},
		{name: "who asks, in the last part of a form", path: "/upload", media: "multipart/form-data; boundary=b", status: 403, code: "PARAMETER_REFUSED",
			body: "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + fill + "\r\n--b\r\nContent-Disposition: form-data; name=\"sudo\"\r\n\r\nroot\r\n--b--\r\n"},
		{name: "a closed operation", path: "/nothing", media: "application/json", body: fill, status: 403, code: "OPERATION_UNKNOWN"},
	} {
		out, answer, given, err := f.send(opening(c.path, c.media, len(c.body)), []byte(c.body))
		var said struct{ Code string }
		_ = json.Unmarshal(answer, &said)
		if err != nil || out["status"] != c.status || c.status != 200 && said.Code == "" {
			t.Errorf("%s: %v %s %v", c.name, out, answer, err)
			continue
		}
		if c.code != "" && said.Code != c.code {
			t.Errorf("%s: %s", c.name, said.Code)
		}
		w.mu.Lock()
		arrived := slices.ContainsFunc(w.bodies, func(b []byte) bool { return string(b) == c.body })
		w.mu.Unlock()
		if arrived != (c.status == 200) {
			t.Errorf("%s: that it arrived whole is %v", c.name, arrived)
		}
		if strings.HasPrefix(c.name, "a closed") && given != pieces.Size {
			t.Errorf("%s: %d bytes were taken", c.name, given)
		}
		if f.lasting.taken != 0 {
			t.Errorf("%s: %d bytes are still held", c.name, f.lasting.taken)
		}
	}
}

// What is revoked ends a body in the middle of it: not a byte more reaches the product.
func TestGivenPiecesEndWithTheGrant(t *testing.T) {
	for name, revoke := range map[string]func(w *world){
		"the scope":   func(w *world) { w.policy = &call.Policy{Install: "i", Site: "s", Product: "tracker", App: "a"} },
		"the consent": func(w *world) { clear(w.agreed) },
	} {
		w := newWorld(t, "write")
		w.mayImpersonate()
		w.agreed["alice write"], w.agreed["alice write offline"] = true, true
		var left atomic.Int64
		w.via = transport(func(r *http.Request) (*http.Response, error) {
			n, err := io.Copy(io.Discard, io.TeeReader(r.Body, counter{&left}))
			if err == nil {
				t.Errorf("%s: the body ended as if it were whole, after %d bytes", name, n)
			}
			return nil, err
		})
		f := w.function(t.Context())
		head := opening("/issue", "application/json", -1)
		head["as"], head["accountId"] = "user", "alice"
		out, _, err := f.piece(head, make([]byte, pieces.Size))
		if err != nil || out["sending"] == nil {
			t.Fatalf("%v %v", out, err)
		}
		revoke(w)
		out, answer, err := f.piece(map[string]any{"sending": out["sending"], "done": true}, make([]byte, 1000))
		if (err == nil && out["status"] != 403.) || left.Load() != pieces.Size {
			t.Errorf("%s is revoked: %v %s %v, and %d bytes left", name, out, answer, err, left.Load())
		}
		if len(w.decided) != 1 || w.decided[0].Code == "" || f.lasting.taken != 0 {
			t.Errorf("%s: %+v, %d bytes", name, w.decided, f.lasting.taken)
		}
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// A body that nobody goes on with ends when its function says so, and with the call at the
// latest; an answer that does not wait for the body ends it too.
func TestGivenPiecesEnd(t *testing.T) {
	w := newWorld(t, "write")
	over := make(chan error, 2)
	w.via = transport(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		over <- err
		return nil, err
	})
	ctx, end := context.WithCancel(t.Context())
	f := w.function(ctx)
	begin := func() any {
		t.Helper()
		out, _, err := f.piece(opening("/issue", "application/json", -1), []byte("{"))
		if err != nil || out["sending"] == nil {
			t.Fatalf("%v %v", out, err)
		}
		return out["sending"]
	}
	n := begin()
	if out, _, err := f.piece(map[string]any{"sending": n, "close": true}, nil); err != nil || out["closed"] != true {
		t.Errorf("%v %v", out, err)
	}
	if err := <-over; fault.CodeOf(err) != "BODY_BROKEN" || f.lasting.taken != 0 {
		t.Errorf("given up: %v, %d bytes", err, f.lasting.taken)
	}
	begin()
	end()
	if err := <-over; fault.CodeOf(err) != "BODY_BROKEN" {
		t.Errorf("at the call's end: %v", err)
	}

	w.via = transport(func(r *http.Request) (*http.Response, error) {
		res := okWith(io.NopCloser(strings.NewReader("enough")))
		res.StatusCode, res.Status = 413, "413 Content Too Large"
		return res, nil
	})
	f = w.function(t.Context())
	out, answer, given, err := f.send(opening("/issue", "application/json", 1<<20), make([]byte, 1<<20))
	if err != nil || out["status"] != 413. || string(answer) != "enough" || given > 2*pieces.Size || f.lasting.taken != 0 {
		t.Errorf("%v %q %v after %d bytes, %d are held", out, answer, err, given, f.lasting.taken)
	}
}

func TestGivenPiecesAreBounded(t *testing.T) {
	w := newWorld(t, "write")
	w.via = transport(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return nil, err
		}
		return okWith(io.NopCloser(strings.NewReader("{}"))), nil
	})
	f := w.function(t.Context())
	if _, _, err := f.piece(opening("/issue", "application/json", -1), make([]byte, pieces.Size+1)); fault.CodeOf(err) != "LIMIT_REQUEST_BODY" {
		t.Errorf("a long piece: %v", err)
	}
	if _, _, _, err := f.send(opening("/issue", "application/json", defaultMaxBody+1), make([]byte, pieces.Size)); fault.CodeOf(err) != "LIMIT_REQUEST_BODY" {
		t.Errorf("announced: %v", err)
	}
	if _, _, given, err := f.send(opening("/issue", "application/json", -1), make([]byte, defaultMaxBody+pieces.Size)); fault.CodeOf(err) != "LIMIT_REQUEST_BODY" || given > defaultMaxBody+pieces.Size {
		t.Errorf("not announced: %d bytes, %v", given, err)
	}
	// What is said of a body whose number is guessed waits until that has begun, or finds none.
	guessed := make(chan error, 1)
	go func() {
		_, _, err := w.function(t.Context()).piece(map[string]any{"sending": 1}, []byte("{"))
		guessed <- err
	}()
	if err := <-guessed; fault.CodeOf(err) != "BODY_GONE" {
		t.Errorf("another call's number: %v", err)
	}
	f = w.function(t.Context())
	go func() {
		_, err := f.ask(f.ctx, w.policy, call.Request{Method: sendMethod, Head: []byte(`{"sending":1}`), Body: []byte("}"), Lasting: &f.lasting})
		guessed <- err
	}()
	if out, _, err := f.piece(opening("/issue", "application/json", -1), []byte("{")); err != nil || out["sending"] != 1. {
		t.Errorf("%v %v", out, err)
	}
	if err := <-guessed; err != nil && fault.CodeOf(err) != "BODY_GONE" {
		t.Errorf("a number that was guessed: %v", err)
	}
	f = w.function(t.Context())
	for n := range maxSending + 1 {
		_, _, err := f.piece(opening("/issue", "application/json", -1), []byte("{"))
		if (fault.CodeOf(err) == "LIMIT_HOSTCALLS") != (n == maxSending) {
			t.Errorf("body %d: %v", n, err)
		}
	}
}
