package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// measured says how much was ever taken at once.
type measured struct {
	mu         sync.Mutex
	taken, top int
}

func (r *measured) Take(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken += n
	r.top = max(r.top, r.taken)
	return nil
}

func (r *measured) Give(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= n
}

func (r *measured) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// taker is a function that asks the remote "api" and takes its answers piece by piece.
type taker struct {
	*bench
	ctx     context.Context
	to      Destination
	call    *call.Call
	handle  call.Handler
	lasting *measured
	held    int // what the piece of one host call took at most
}

func newTaker(t *testing.T, handler http.HandlerFunc) *taker {
	return newTakerOf(t, Config{}, handler)
}

func newTakerOf(t *testing.T, cfg Config, handler http.HandlerFunc) *taker {
	b, to := pinnedBenchOf(t, cfg)
	b.world.Host(t, "api.example.com", handler)
	k := &taker{bench: b, ctx: t.Context(), to: to(ToRemote, "api", "", "https://api.example.com/v1"), lasting: &measured{}}
	return k.inCall("c-1")
}

// inCall is a taker of another call.
func (k *taker) inCall(n string) *taker {
	other := *k
	other.call = &call.Call{ID: id.Invocation(n), Kind: call.WebTrigger}
	other.handle = k.broker.Bind(call.Binding{Call: other.call, Policy: k.policy})
	return &other
}

func (k *taker) get() (head replyHead, piece []byte, err error) {
	held := measured{}
	reply, err := k.broker.Pinned(k.ctx, k.policy, k.call, k.to, Ask{Path: "/x", Room: &held, Lasting: k.lasting})
	k.held = max(k.held, held.top)
	if err == nil {
		err = json.Unmarshal(reply.Head, &head)
	}
	return head, reply.Body, err
}

func (k *taker) more(n uint32) (piece []byte, done bool, err error) {
	return k.next(map[string]any{"body": n})
}

func (k *taker) next(head map[string]any) (piece []byte, done bool, err error) {
	text, err := json.Marshal(head)
	if err != nil {
		return nil, false, err
	}
	held := measured{}
	reply, err := k.handle(k.ctx, k.policy, call.Request{Method: bodyMethod, Head: text, Room: &held})
	k.held = max(k.held, held.top)
	if err != nil {
		return nil, false, err
	}
	var out struct{ Done bool }
	return reply.Body, out.Done, json.Unmarshal(reply.Head, &out)
}

// all takes a whole answer.
func (k *taker) all() (body []byte, err error) {
	head, body, err := k.get()
	for done := head.Body == 0; err == nil && !done; {
		var piece []byte
		piece, done, err = k.more(head.Body)
		body = append(body, piece...)
	}
	return body, err
}

// outcomes are what was told of requests so far.
func (k *taker) outcomes() []Decision {
	k.told.mu.Lock()
	defer k.told.mu.Unlock()
	return append([]Decision(nil), k.told.allowed...)
}

func long(n int) []byte {
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(i * 7 >> 3)
	}
	return body
}

// forever answers without an end, and says when nobody takes it any more.
func forever(left chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for piece := long(64 << 10); ; {
			if _, err := w.Write(piece); err != nil {
				left <- struct{}{}
				return
			}
		}
	}
}

// A long answer of a remote goes to a function piece by piece, and the server holds no more
// than pieces. What came of the request is told when it is over.
func TestRemotesAnswerInPieces(t *testing.T) {
	body := long(6 << 20)
	k := newTaker(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	})
	head, got, err := k.get()
	if err != nil || head.Status != http.StatusTeapot || head.Body == 0 || len(got) != pieces.Size || len(k.outcomes()) != 0 {
		t.Fatalf("%+v, %d bytes, %v, told %d", head, len(got), err, len(k.outcomes()))
	}
	for done := false; !done; {
		var piece []byte
		if piece, done, err = k.more(head.Body); err != nil || len(piece) > pieces.Size {
			t.Fatalf("%d bytes, %v", len(piece), err)
		}
		got = append(got, piece...)
	}
	if !bytes.Equal(got, body) {
		t.Errorf("%d bytes arrived, of another text", len(got))
	}
	if told := k.outcomes(); len(told) != 1 || told[0].Received != int64(len(body)) || told[0].Code != "" || told[0].Status != http.StatusTeapot {
		t.Errorf("told %+v", told)
	}
	if k.held > 3*pieces.Size || k.lasting.top != pieces.PerOpen || k.lasting.left() != 0 {
		t.Errorf("a host call took %d bytes, the answer %d, of which %d are left", k.held, k.lasting.top, k.lasting.left())
	}
	if _, _, err := k.more(head.Body); fault.CodeOf(err) != "BODY_GONE" {
		t.Errorf("behind the end: %v", err)
	}
	if b := k.broker.budgets.of(k.policy.Install); len(b.slots)+len(b.places) != 0 {
		t.Errorf("%d slots and %d places are still taken", len(b.slots), len(b.places))
	}
}

// What fits one piece comes at once, and is over then.
func TestShortAnswersComeWhole(t *testing.T) {
	text := ""
	k := newTaker(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	for i, size := range []int{0, 1, pieces.Size - 1} {
		text = strings.Repeat("x", size)
		head, got, err := k.get()
		if err != nil || head.Body != 0 || string(got) != text || len(k.outcomes()) != i+1 {
			t.Errorf("%d: %+v, %d bytes, %v", size, head, len(got), err)
		}
	}
	if k.lasting.top != 0 {
		t.Errorf("%d bytes were taken for what does not last", k.lasting.top)
	}
}

// A credential that a remote sends back is taken out wherever the pieces are cut.
func TestPiecesHoldNoCredential(t *testing.T) {
	var body []byte
	k := newTaker(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	n := len(token)
	for _, at := range []int{0, pieces.Size - n - 1, pieces.Size - n, pieces.Size - 5, pieces.Size, 2*pieces.Size - 7} {
		body = bytes.Repeat([]byte("x"), 3*pieces.Size)
		copy(body[at:], token)
		want := bytes.ReplaceAll(body, []byte(token), []byte("[redacted]"))
		got, err := k.all()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("at %d: %d bytes, %v, with the credential: %v", at, len(got), err, bytes.Contains(got, []byte(token)))
		}
		if told := k.outcomes(); told[len(told)-1].Echoes != 1 {
			t.Errorf("at %d: %d echoes were told", at, told[len(told)-1].Echoes)
		}
	}
}

// A download that is under way ends with what admitted it; nothing more of it is given, also
// where this server has not heard of the change yet.
func TestPiecesEndWithThePolicy(t *testing.T) {
	for _, told := range []bool{false, true} {
		left := make(chan struct{}, 1)
		k := newTaker(t, forever(left))
		head, _, err := k.get()
		if err != nil || head.Body == 0 {
			t.Fatalf("%+v %v", head, err)
		}
		k.policy = policyFor(t, k.policy.Install)
		if told {
			k.broker.Changed(k.policy.Install, k.policy)
		}
		piece, _, err := k.more(head.Body)
		wantFault(t, err, fault.Denied, CodeDenied)
		if len(piece) != 0 || k.lasting.left() != 0 {
			t.Errorf("%d bytes, %d are held", len(piece), k.lasting.left())
		}
		<-left // nothing more is read
		if told := k.outcomes(); len(told) != 1 || told[0].Code != CodeDenied || told[0].Reason == "" {
			t.Errorf("told %+v", told)
		}
	}
}

// So does a download for which an account is needed that is not there any more.
func TestPiecesEndWithTheAccount(t *testing.T) {
	k := newTaker(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(long(4 * pieces.Size)) })
	gone := false
	k.to.Still = func(context.Context) error {
		if gone {
			return fault.New(fault.Denied, "NEEDS_AUTHENTICATION_ERR", "the account was disconnected")
		}
		return nil
	}
	head, _, err := k.get()
	if err != nil || head.Body == 0 {
		t.Fatalf("%+v %v", head, err)
	}
	if piece, _, err := k.more(head.Body); err != nil || len(piece) != pieces.Size {
		t.Fatalf("%d bytes, %v", len(piece), err)
	}
	gone = true
	piece, _, err := k.more(head.Body)
	wantFault(t, err, fault.Denied, "NEEDS_AUTHENTICATION_ERR")
	if told := k.outcomes(); len(piece) != 0 || len(told) != 1 || told[0].Code != "NEEDS_AUTHENTICATION_ERR" {
		t.Errorf("%d bytes, told %+v", len(piece), told)
	}
}

// So does one whose function gives it up, and one whose call ends.
func TestPiecesEndWithTheCall(t *testing.T) {
	left := make(chan struct{}, 2)
	k := newTaker(t, forever(left))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	k.ctx = ctx
	for _, give := range []func(n uint32){
		func(n uint32) {
			if _, done, err := k.next(map[string]any{"body": n, "close": true}); err != nil || !done {
				t.Errorf("given up: %v", err)
			}
		},
		func(uint32) { end() },
	} {
		head, _, err := k.get()
		if err != nil || head.Body == 0 {
			t.Fatalf("%+v %v", head, err)
		}
		give(head.Body)
		<-left
		if _, _, err := k.more(head.Body); err == nil {
			t.Error("it goes on")
		}
	}
}

// Answers that wait for their functions leave room for others: beyond some they are held whole.
func TestPiecesLeaveRoom(t *testing.T) {
	body := long(pieces.Size + 1)
	k := newTaker(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	for n := range pieces.MaxOpen + 1 {
		head, got, err := k.get()
		if err != nil || (head.Body != 0) != (n < pieces.MaxOpen) || (head.Body == 0) != (len(got) == len(body)) {
			t.Fatalf("%d: %+v, %d bytes, %v", n, head, len(got), err)
		}
	}
	if head, got, err := k.inCall("c-2").get(); err != nil || head.Body != 0 || len(got) != len(body) {
		t.Errorf("another call: %+v, %d bytes, %v", head, len(got), err)
	}
}

// Nobody takes the answer of another call by its number.
func TestPiecesAreTheCalls(t *testing.T) {
	k := newTaker(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(long(2 * pieces.Size)) })
	head, _, err := k.get()
	if err != nil || head.Body == 0 {
		t.Fatalf("%+v %v", head, err)
	}
	if piece, _, err := k.inCall("c-2").more(head.Body); fault.CodeOf(err) != "BODY_GONE" || len(piece) != 0 {
		t.Errorf("%d bytes, %v", len(piece), err)
	}
}

// A limit that an answer passes later is an error of its piece, and of the request.
func TestPiecesKeepTheLimit(t *testing.T) {
	const limit = 2 << 20
	k := newTakerOf(t, Config{MaxBody: limit}, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(long(limit + 1)) })
	got, err := k.all()
	wantFault(t, err, fault.Limit, "LIMIT_RESPONSE_BODY")
	if told := k.outcomes(); len(got) > limit || len(told) != 1 || told[0].Code != "LIMIT_RESPONSE_BODY" || k.lasting.left() != 0 {
		t.Errorf("%d bytes, told %+v", len(got), told)
	}
}
