package product

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// ahead is how far what was read may be before what went on: buffers, and nothing more.
const ahead = 256 << 10

// source gives n bytes and counts them.
type source struct{ n, given int64 }

func (s *source) Read(p []byte) (int, error) {
	if s.n == s.given {
		return 0, io.EOF
	}
	n := min(int64(len(p)), s.n-s.given)
	clear(p[:n])
	s.given += n
	return int(n), nil
}

func (s *source) Close() error { return nil }

// transport is a product without a network between: what it has not read has not left.
type transport func(r *http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func okWith(body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"application/octet-stream"}}, Body: body, ContentLength: -1}
}

// streamed makes one request whose body and answer stream.
func (w *world) streamed(t *testing.T, path, media string, body io.Reader, size int64) (call.Reply, error) {
	t.Helper()
	head, err := json.Marshal(map[string]any{"product": "jira", "as": "app", "path": path, "method": "POST", "headers": [][2]string{{"Content-Type", media}}})
	if err != nil {
		t.Fatal(err)
	}
	h := w.gate.Bind(call.Binding{Call: &call.Call{ID: "c", Kind: call.Invoke}, Policy: w.policy})
	return h(context.Background(), w.policy, call.Request{Method: requestMethod, Head: head, Stream: body, Size: size, Streams: true})
}

// kept is what is written down of requests.
type kept struct {
	intents, outcomes []Decision
	bodies            [][]byte
}

func (k *kept) Intent(_ context.Context, d Decision, body []byte) (Receipt, error) {
	k.intents, k.bodies = append(k.intents, d), append(k.bodies, body)
	return k, nil
}
func (k *kept) Hash() hash.Hash { return sha256.New() }
func (k *kept) Done(d Decision) { k.outcomes = append(k.outcomes, d) }

func receipted(w *world) *kept {
	k := &kept{}
	w.gate.cfg.Receipts = k
	return k
}

// The first byte leaves while the rest has not been read, and no more than a buffer lies
// between, in both directions and for forms too.
func TestBodiesStream(t *testing.T) {
	const size = 25<<20 - 1000
	for name, form := range map[string]bool{"JSON": false, "a form with a file": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "write")
			written := receipted(w)
			in := &source{n: size}
			var body io.Reader = in
			path, media, length := "/issue", "application/json", int64(size)
			if form {
				front := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
				body, media, path = io.MultiReader(strings.NewReader(front), in, strings.NewReader("\r\n--b--\r\n")), "multipart/form-data; boundary=b", "/upload"
				length += int64(len(front)) + 9
			}
			out := &source{n: size}
			sum := sha256.New()
			w.via = transport(func(r *http.Request) (*http.Response, error) {
				if r.ContentLength != length || len(written.intents) != 1 || in.given > ahead {
					t.Errorf("before the first byte: %d bytes announced, %d receipts, %d bytes read", r.ContentLength, len(written.intents), in.given)
				}
				left := int64(0)
				for piece := make([]byte, 1000); ; {
					n, err := r.Body.Read(piece)
					left += int64(n)
					sum.Write(piece[:n])
					if in.given-left > ahead {
						t.Fatalf("%d bytes were read and %d have left", in.given, left)
					}
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if left != length {
					t.Errorf("%d bytes left of %d", left, length)
				}
				return okWith(out), nil
			})
			reply, err := w.streamed(t, path, media, body, length)
			if err != nil || reply.Stream == nil || len(reply.Body) > 0 {
				t.Fatalf("%+v %v", reply, err)
			}
			if len(w.decided) > 0 || len(written.outcomes) > 0 {
				t.Error("what came of the request is told before it is over")
			}
			got := int64(0)
			for piece := make([]byte, 1000); ; {
				n, err := reply.Stream.Read(piece)
				if got += int64(n); out.given-got > ahead {
					t.Fatalf("%d bytes of the answer were read and %d passed on", out.given, got)
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			_, _ = reply.Stream.Close(), reply.Stream.Close()
			if got != size || len(w.decided) != 1 || len(written.outcomes) != 1 {
				t.Fatalf("%d bytes, told %d times, written %d times", got, len(w.decided), len(written.outcomes))
			}
			first, last := written.intents[0], written.outcomes[0]
			if !first.Streamed || first.Sent != length || written.bodies[0] != nil || first.Digest != nil {
				t.Errorf("the intent is %+v", first)
			}
			if !last.Allow || last.Code != "" || last.Sent != length || last.Received != size || !bytes.Equal(last.Digest, sum.Sum(nil)) {
				t.Errorf("the outcome is %+v", last)
			}
		})
	}
}

// What decides about a request is read before anything of it leaves.
func TestWhatDecidesIsReadBefore(t *testing.T) {
	w := newWorld(t, "write")
	w.maySendTo(t, "https://ok.example.com")
	reply, err := w.streamed(t, "/hook", "application/json", strings.NewReader(`{"config":{"url":"https://evil.example.com/x"}}`), -1)
	if err != nil || !strings.Contains(string(reply.Head), "REQUEST_EGRESS_ALLOWLIST_ERR") || len(w.got) > 0 {
		t.Errorf("%s %v, %d requests", reply.Head, err, len(w.got))
	}
	reply, err = w.streamed(t, "/hook", "application/json", strings.NewReader(`{"config":{"url":"https://ok.example.com/x"}}`), -1)
	if err != nil || len(w.got) != 1 || w.got[0].ContentLength <= 0 {
		t.Errorf("%s %v", reply.Head, err)
	}
	_ = reply.Stream.Close()
}

func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t, "write")
	written := receipted(w)
	if _, err := w.streamed(t, "/issue", "application/json", &source{n: 26 << 20}, 26<<20); fault.CodeOf(err) != "LIMIT_REQUEST_BODY" || len(written.intents) > 0 {
		t.Errorf("announced: %v, %d intents", err, len(written.intents))
	}
	in := &source{n: 26 << 20}
	if _, err := w.streamed(t, "/issue", "application/json", in, -1); fault.CodeOf(err) != "LIMIT_REQUEST_BODY" {
		t.Errorf("not announced: %v", err)
	}
	if len(written.outcomes) != 1 || written.outcomes[0].Code != "LIMIT_REQUEST_BODY" || written.outcomes[0].Sent > 25<<20 || !written.outcomes[0].Allow {
		t.Errorf("the outcome is %+v", written.outcomes)
	}
	if _, err := w.streamed(t, "/issue", "application/json", io.MultiReader(strings.NewReader("{"), broken{}), -1); fault.CodeOf(err) != "BODY_BROKEN" {
		t.Errorf("a body that breaks off: %v", err)
	}
	w.via = transport(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return okWith(&source{n: 26 << 20}), nil
	})
	reply, err := w.streamed(t, "/issue", "application/json", strings.NewReader("{}"), -1)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, reply.Stream)
	if fault.CodeOf(err) != "LIMIT_RESPONSE_BODY" || n > 25<<20 {
		t.Errorf("%d bytes of the answer: %v", n, err)
	}
	_ = reply.Stream.Close()
	if last := written.outcomes[len(written.outcomes)-1]; last.Code != "LIMIT_RESPONSE_BODY" {
		t.Errorf("the outcome is %+v", last)
	}
	w.via = nil
	reply, err = w.streamed(t, "/issue", "application/json", strings.NewReader(""), -1)
	if err != nil || written.intents[len(written.intents)-1].Streamed {
		t.Errorf("no body: %s %v", reply.Head, err)
	}
	_ = reply.Stream.Close()
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("gone") }

// part is one of a form.
func part(disposition, text string) string {
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + text + "\r\n"
}

// A field that changes who asks never leaves, wherever in a form it stands.
func TestNoFieldOfAFormLeavesUnseen(t *testing.T) {
	file := part(`name="file"; filename="f"`, strings.Repeat("x", 2*formPiece+99))
	for name, c := range map[string]struct{ body, code string }{
		"a file":                       {file + "--b--\r\n", ""},
		"nothing in it":                {part(`name="file"; filename="f"`, "") + "--b--", ""},
		"it last":                      {file + part(`name="sudo"`, "bob") + "--b--\r\n", "PARAMETER_REFUSED"},
		"behind the end":               {file + "--b--\r\n" + part(`name="sudo"`, "bob") + "--b--\r\n", "BODY_REFUSED"},
		"before the beginning":         {"x\r\n" + file + "--b--\r\n", "BODY_REFUSED"},
		"two names":                    {file + part(`name="sudo"; name*=UTF-8''x`, "bob") + "--b--\r\n", "BODY_REFUSED"},
		"two heads":                    {file + "--b\r\nContent-Disposition: form-data; name=x\r\nContent-Disposition: form-data; name=sudo\r\n\r\n1\r\n--b--\r\n", "BODY_REFUSED"},
		"without a name":               {file + part("x=y", "bob") + "--b--\r\n", "BODY_REFUSED"},
		"behind a bare line feed":      {file[:len(file)-2] + "\n" + part(`name="sudo"`, "bob") + "--b--\r\n", "BODY_REFUSED"},
		"in lines with bare feeds":     {file + "--b\nContent-Disposition: form-data; name=sudo\n\nbob\r\n--b--\r\n", "BODY_REFUSED"},
		"behind spaces":                {file + "--b  \r\nContent-Disposition: form-data; name=sudo\r\n\r\nbob\r\n--b--\r\n", "BODY_REFUSED"},
		"in the middle of a line":      {file[:len(file)-2] + " " + part(`name="sudo"`, "bob") + "--b--\r\n", "BODY_REFUSED"},
		"no end":                       {file, "BODY_REFUSED"},
		"a head without an end":        {file + "--b\r\nX: " + strings.Repeat("y", 100<<10), "BODY_REFUSED"},
		"more parts than a form has":   {strings.Repeat(part("name=a", ""), maxParts+1) + "--b--\r\n", "BODY_REFUSED"},
		"as many parts as it may have": {strings.Repeat(part("name=a", ""), maxParts) + "--b--\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{7, 4096, 1 << 20} {
				w := newWorld(t, "write")
				var left bytes.Buffer
				w.via = transport(func(r *http.Request) (*http.Response, error) {
					if _, err := io.Copy(&left, r.Body); err != nil {
						return nil, err
					}
					return okWith(http.NoBody), nil
				})
				reply, err := w.streamed(t, "/upload", "multipart/form-data; boundary=b", cut{strings.NewReader(c.body), piece}, int64(len(c.body)))
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(left.String(), "sudo") {
					t.Fatal("the field has left")
				}
				switch {
				case c.code == "" && (left.String() != c.body || reply.Stream == nil):
					t.Fatalf("%s; %d of %d bytes left", reply.Head, left.Len(), len(c.body))
				case c.code != "" && !strings.Contains(string(reply.Head), c.code):
					t.Fatalf("pieces of %d: %s, want %s", piece, reply.Head, c.code)
				}
			}
		})
	}
}

// cut cuts a stream.
type cut struct {
	r io.Reader
	n int
}

func (p cut) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// Whatever passes as a form has no other parts, for the reader of the standard library,
// than those that were looked at.
func FuzzFormStream(f *testing.F) {
	f.Add([]byte(part("name=a", "1")+"--b--\r\n"), 3)
	f.Add([]byte("--b\r\n\r\n--b--"), 1)
	f.Add([]byte(part(`name="a"; filename=x`, "--b\n")+part("name=c", "")+"--b--"), 50)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		var seen []string
		s, err := newFormStream(cut{bytes.NewReader(text), max(piece, 1)}, "b", func(field string) error {
			seen = append(seen, field)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(s)
		if !bytes.HasPrefix(text, out) {
			t.Fatal("the form was changed")
		}
		if err != nil {
			return
		}
		if len(out) != len(text) {
			t.Fatalf("%d of %d bytes passed", len(out), len(text))
		}
		var names []string
		for parts := multipart.NewReader(bytes.NewReader(out), "b"); ; {
			p, err := parts.NextRawPart()
			if err != nil {
				break
			}
			names = append(names, p.FormName())
			_, _ = io.Copy(io.Discard, p)
		}
		if !slices.Equal(names, seen) {
			t.Fatalf("%q were looked at, %q are there", seen, names)
		}
	})
}

// The credential is taken out wherever the answer is cut.
func TestACredentialDoesNotStream(t *testing.T) {
	text := "a" + token + "b" + token[:5] + token + token[:7]
	want := strings.ReplaceAll(text, token, removed)
	for piece := 1; piece < len(text)+1; piece++ {
		got, err := io.ReadAll(&cleaner{r: cut{strings.NewReader(text), piece}, secret: []byte(token)})
		if err != nil || string(got) != want {
			t.Fatalf("pieces of %d: %q, %v", piece, got, err)
		}
	}
	w := newWorld(t, "write")
	w.answer = func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, r.Header.Get("Authorization")) }
	reply, err := w.streamed(t, "/issue", "application/json", strings.NewReader("{}"), 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(reply.Stream)
	_ = reply.Stream.Close()
	if err != nil || string(got) != "Bearer "+removed {
		t.Errorf("%q %v", got, err)
	}
}
