package product

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// counted is a room that says how much was ever taken at once.
type counted struct {
	mu         sync.Mutex
	taken, top int
	freed      chan struct{} // closed when nothing is taken any more
}

func (c *counted) Take(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken += n
	c.top = max(c.top, c.taken)
	return nil
}

func (c *counted) Give(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken -= n; n > 0 && c.taken == 0 && c.freed != nil {
		close(c.freed)
		c.freed = nil
	}
}

// function is a call of an app that asks the product and takes answers piece by piece.
type function struct {
	w       *world
	ask     call.Handler
	ctx     context.Context
	lasting counted
	pieces  int // how much the pieces of one host call took at most
}

func (w *world) function(ctx context.Context) *function {
	return &function{w: w, ctx: ctx, ask: w.gate.Bind(call.Binding{Call: &call.Call{ID: "c", Kind: call.Invoke}, Policy: w.policy})}
}

func (f *function) host(method string, head map[string]any) (map[string]any, []byte, error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, nil, err
	}
	room := counted{}
	reply, err := f.ask(f.ctx, f.w.policy, call.Request{Method: method, Head: text, Room: &room, Lasting: &f.lasting})
	f.pieces = max(f.pieces, room.top)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(reply.Head, &out)
	}
	return out, reply.Body, err
}

func (f *function) get() (map[string]any, []byte, error) {
	return f.host(requestMethod, map[string]any{"product": "jira", "as": "app", "path": "/issue/A-1", "pieces": true, "method": "GET", "headers": [][2]string{}})
}

// A long answer goes to a function piece by piece: the product is asked for no more than the
// function has taken, and the server holds no more than pieces.
func TestFunctionsTakePieces(t *testing.T) {
	const bound = 256 << 10
	const size = 20 << 20
	w := newWorld(t, "read")
	written := receipted(w)
	out := &source{n: size}
	w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(out), nil })
	f := w.function(t.Context())
	head, piece, err := f.get()
	if err != nil || head["body"] == nil || head["status"] != 200. {
		t.Fatalf("%v %v", head, err)
	}
	got := int64(len(piece))
	for done := false; !done; {
		if out.given-got > 2*bound {
			t.Fatalf("%d bytes of the answer were read and %d given", out.given, got)
		}
		if len(w.decided)+len(written.outcomes) > 0 {
			t.Fatal("what came of the request is told before it is over")
		}
		more, piece, err := f.host(bodyMethod, map[string]any{"body": head["body"]})
		if err != nil || len(piece) > bound {
			t.Fatalf("%d bytes, %v", len(piece), err)
		}
		got += int64(len(piece))
		done = more["done"] == true
	}
	if got != size || len(w.decided) != 1 || w.decided[0].Received != size || len(written.outcomes) != 1 {
		t.Errorf("%d bytes; %+v", got, w.decided)
	}
	if f.pieces > 3*bound || f.lasting.top != pieces.PerOpen || f.lasting.taken != 0 {
		t.Errorf("a host call took %d bytes, and the answer %d of which %d are left", f.pieces, f.lasting.top, f.lasting.taken)
	}
	if _, _, err := f.host(bodyMethod, map[string]any{"body": head["body"]}); fault.CodeOf(err) != "BODY_GONE" {
		t.Errorf("behind the end: %v", err)
	}
}

// So does an answer of a product's GraphQL.
func TestGraphAnswersComeInPieces(t *testing.T) {
	w, _ := graphWorld(t, "read")
	w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(&source{n: 3 * pieces.Size}), nil })
	f := w.function(t.Context())
	head, err := json.Marshal(map[string]any{"product": "jira", "as": "app", "pieces": true, "method": "POST", "headers": [][2]string{{"Content-Type", "application/json"}}})
	if err != nil {
		t.Fatal(err)
	}
	room := counted{}
	reply, err := f.ask(t.Context(), w.policy, call.Request{Method: graphMethod, Head: head, Body: []byte(`{"query":"{ issue { id } }"}`), Room: &room, Lasting: &f.lasting})
	var first replyHead
	if err != nil || json.Unmarshal(reply.Head, &first) != nil || first.Body == 0 || len(reply.Body) != pieces.Size {
		t.Fatalf("%s, %d bytes, %v", reply.Head, len(reply.Body), err)
	}
	w.policy = &call.Policy{Install: "i", Site: "s", Product: "tracker", App: "a"}
	if _, piece, err := f.host(bodyMethod, map[string]any{"body": first.Body}); fault.CodeOf(err) != "SCOPE_NOT_GRANTED" || len(piece) > 0 || f.lasting.taken != 0 {
		t.Errorf("without the scope: %d bytes, %v", len(piece), err)
	}
}

// What fits one piece comes with its head, and of nothing more is asked.
func TestShortAnswersAreWhole(t *testing.T) {
	w := newWorld(t, "read")
	f := w.function(t.Context())
	for name, text := range map[string]string{"short": "x", "none": "", "of a piece but one": strings.Repeat("x", pieces.Size-1), "with the credential": "<" + token + ">"} {
		w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(io.NopCloser(strings.NewReader(text))), nil })
		head, piece, err := f.get()
		if want := strings.ReplaceAll(text, token, removed); err != nil || head["body"] != nil || string(piece) != want {
			t.Errorf("%s: %v, %d bytes, %v", name, head, len(piece), err)
		}
	}
	if f.lasting.top != 0 {
		t.Errorf("%d bytes were taken for what does not last", f.lasting.top)
	}
}

// A credential is taken out wherever pieces are cut.
func TestPiecesHoldNoCredential(t *testing.T) {
	w := newWorld(t, "read")
	f := w.function(t.Context())
	for _, at := range []int{0, pieces.Size - len(token) - 1, pieces.Size - len(token), pieces.Size - 5, pieces.Size, 2*pieces.Size - 7} {
		body := bytes.Repeat([]byte("x"), 3*pieces.Size)
		copy(body[at:], token)
		w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(io.NopCloser(bytes.NewReader(body))), nil })
		head, all, err := f.get()
		for done := err != nil; !done; {
			more, piece, err := f.host(bodyMethod, map[string]any{"body": head["body"]})
			if err != nil {
				t.Fatal(err)
			}
			all, done = append(all, piece...), more["done"] == true
		}
		if bytes.Contains(all, []byte(token)) || !bytes.Equal(all, bytes.Replace(body, []byte(token), []byte(removed), 1)) {
			t.Errorf("at %d: %d bytes", at, len(all))
		}
	}
}

// What is revoked ends an answer in the middle of it.
func TestPiecesEndWithTheGrant(t *testing.T) {
	for name, revoke := range map[string]func(w *world){
		"the scope":   func(w *world) { w.policy = &call.Policy{Install: "i", Site: "s", Product: "tracker", App: "a"} },
		"the consent": func(w *world) { clear(w.agreed) },
	} {
		w := newWorld(t, "read")
		w.mayImpersonate()
		w.agreed["alice read"], w.agreed["alice read offline"] = true, true
		out := &source{n: 10 << 20}
		w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(out), nil })
		f := w.function(t.Context())
		head, _, err := f.host(requestMethod, map[string]any{"product": "jira", "as": "user", "accountId": "alice", "path": "/issue/A-1", "pieces": true, "method": "GET", "headers": [][2]string{}})
		if err != nil || head["body"] == nil {
			t.Fatalf("%v %v", head, err)
		}
		if _, piece, err := f.host(bodyMethod, map[string]any{"body": head["body"]}); err != nil || len(piece) != pieces.Size {
			t.Fatalf("%d bytes, %v", len(piece), err)
		}
		revoke(w)
		before := out.given
		if _, piece, err := f.host(bodyMethod, map[string]any{"body": head["body"]}); err == nil || len(piece) > 0 || out.given != before {
			t.Errorf("%s is revoked, and %d bytes more come: %v", name, len(piece), err)
		}
		if len(w.decided) != 1 || f.lasting.taken != 0 {
			t.Errorf("%s: the answer is not over: %+v, %d bytes", name, w.decided, f.lasting.taken)
		}
	}
}

// An answer that nobody reads ends when its function says so, and with the call at the latest;
// of more than a few at once the rest is held whole.
func TestPiecesEnd(t *testing.T) {
	w := newWorld(t, "read")
	w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(&source{n: 1 << 20}), nil })
	ctx, end := context.WithCancel(t.Context())
	f := w.function(ctx)
	for n := range pieces.MaxOpen + 1 {
		head, piece, err := f.get()
		if err != nil || (head["body"] != nil) != (n < pieces.MaxOpen) || n == pieces.MaxOpen && len(piece) != 1<<20 {
			t.Fatalf("answer %d: %v, %d bytes, %v", n, head, len(piece), err)
		}
	}
	if _, _, err := f.host(bodyMethod, map[string]any{"body": 1, "close": true}); err != nil || f.lasting.taken != (pieces.MaxOpen-1)*pieces.PerOpen {
		t.Errorf("%v, %d bytes", err, f.lasting.taken)
	}
	freed := make(chan struct{})
	f.lasting.freed = freed
	end()
	<-freed
	if _, _, err := f.host(bodyMethod, map[string]any{"body": 2}); fault.CodeOf(err) != "BODY_GONE" {
		t.Errorf("after the call's end: %v", err)
	}
}

// dying ends in the middle.
type dying struct {
	source
	err error
}

func (b *dying) Read(p []byte) (int, error) {
	n, err := b.source.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

// Errors and limits are those of an answer that is held whole.
func TestPiecesFail(t *testing.T) {
	for name, c := range map[string]struct {
		body io.ReadCloser
		code string
	}{
		"broken":   {&dying{source{n: 1 << 20}, errors.New("the line is dead: " + token)}, "PRODUCT_UNAVAILABLE"},
		"too late": {&dying{source{n: 1 << 20}, context.DeadlineExceeded}, "PRODUCT_TIMEOUT"},
		"too long": {&source{n: defaultMaxBody + 1}, "LIMIT_RESPONSE_BODY"},
	} {
		w := newWorld(t, "read")
		w.via = transport(func(*http.Request) (*http.Response, error) { return okWith(c.body), nil })
		f := w.function(t.Context())
		head, _, err := f.get()
		for err == nil {
			_, _, err = f.host(bodyMethod, map[string]any{"body": head["body"]})
		}
		if fault.CodeOf(err) != c.code || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
		if len(w.decided) != 1 || w.decided[0].Code != c.code || f.lasting.taken != 0 {
			t.Errorf("%s: %+v", name, w.decided)
		}
	}
}
