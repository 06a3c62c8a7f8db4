package qjs

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/sourcemap"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// script is a carrier whose other end says what it was made with, and then is gone.
type script struct {
	says   []hostcall.Message
	closed atomic.Bool
}

func (s *script) Send(hostcall.Message) error                        { return nil }
func (s *script) SendBefore(<-chan struct{}, hostcall.Message) error { return nil }
func (s *script) TrySend(hostcall.Message) (bool, error)             { return true, nil }
func (s *script) Post(hostcall.Message) error                        { return nil }
func (s *script) Sent() uint64                                       { return 0 }
func (s *script) Close() error                                       { s.closed.Store(true); return nil }
func (s *script) Receive() (m hostcall.Message, err error) {
	if len(s.says) == 0 {
		return m, io.EOF
	}
	m, s.says = s.says[0], s.says[1:]
	return m, nil
}

// Whatever a developer's machine sends, in whichever frames, the server ends the one call,
// or hangs up; what it says went wrong is never the platform's own word.
func FuzzGuest(f *testing.F) {
	for _, m := range []hostcall.Message{
		{Type: hostcall.Result, Head: []byte(`{"ok":true,"cpu":1,"logs":0}`), Body: []byte(`"x"`)},
		{Type: hostcall.Result, Head: []byte(`{"ok":false,"fault":{"kind":"denied","code":"ROLE_REQUIRED"},"cpu":1,"logs":0}`)},
		{Type: hostcall.Call, Head: []byte(`{"id":1,"method":"kvs.get","head":{}}`), Body: []byte("body")},
		{Type: hostcall.Log, Head: []byte(`{"level":"fatal","time":1}`), Body: []byte(`["x"]`)},
		{Type: hostcall.Beat, Head: []byte(`{"seen":1}`)},
		{Type: hostcall.Image, Head: []byte(`{}`)},
	} {
		frames, err := hostcall.Append(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frames, true)
	}
	f.Fuzz(func(t *testing.T, frames []byte, ours bool) {
		h := hostcall.NewHandle()
		s := &script{}
		d := hostcall.Decoder{Most: 1 << 20}
		for len(frames) > 0 {
			n := copy(d.Room(), frames)
			d.Fed(n)
			frames = frames[n:]
			for {
				m, _, ok, err := d.Next()
				if err != nil {
					return // hung up on
				}
				if !ok {
					break
				}
				if ours {
					m.Handle = h
				}
				s.says = append(s.says, m)
			}
		}
		w := newWorker(slog.New(slog.DiscardHandler))
		w.conn, w.guest = s, true
		fl := newFlight(&call.Call{ID: id.Invocation("i")}, &version{tally: &tally{}}, answerer(func(context.Context, call.Request) (call.Reply, error) {
			return call.Reply{Head: []byte("{}")}, nil
		}), nil)
		fl.bodies = newBudget()
		fl.lines.places = func() (*sourcemap.Map, bool) { return nil, true }
		at := &attempt{flight: fl, ctx: t.Context(), handle: h, began: time.Now(), done: make(chan ended, 1)}
		w.attempts[h] = at
		w.read()
		at.serving.Wait()
		if !s.closed.Load() {
			t.Error("the end is not hung up on")
		}
		select {
		case e := <-at.done:
			switch fault.KindOf(e.err) {
			case fault.Denied, fault.Unauthenticated, fault.Usage, fault.Conflict, fault.Waiting:
				t.Errorf("a guest spoke for the platform: %v", e.err)
			}
		default:
			t.Error("the call does not end")
		}
	})
}
