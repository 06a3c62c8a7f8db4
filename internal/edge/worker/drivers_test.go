package worker

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

const spinning = `__annex_register({ index: {
  spin: () => { for (;;); },
  hang: () => { const b = []; b.length = 2 ** 32 - 1; return b.join("") },
  ok: () => 1,
  long: () => { const until = Date.now() + 60; while (Date.now() < until); return 2 },
}});`

// drive lets the worker run by itself and gives what sends it messages.
func (s *server) drive() (send func(hostcall.Message), next func() (hostcall.Handle, hostcall.ResultHead, string)) {
	s.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := hungUp(s.w.run()); err != nil {
			s.t.Error(err)
		}
	}()
	s.t.Cleanup(func() {
		_ = s.conn.Close()
		<-ended
	})
	send = func(m hostcall.Message) {
		s.t.Helper()
		if err := s.conn.Send(m); err != nil {
			s.t.Fatal(err)
		}
	}
	next = func() (hostcall.Handle, hostcall.ResultHead, string) {
		s.t.Helper()
		for {
			m, err := s.conn.Receive()
			if err != nil {
				s.t.Fatal(err)
			}
			if m.Type != hostcall.Result {
				continue
			}
			var head hostcall.ResultHead
			if err := json.Unmarshal(m.Head, &head); err != nil {
				s.t.Fatal(err)
			}
			return m.Handle, head, string(m.Body)
		}
	}
	return send, next
}

func imageMessage(t *testing.T, id uint32, module string) hostcall.Message {
	f, err := os.CreateTemp(t.TempDir(), "source")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(mustJSON(hostcall.Source{Bundle: runtimetest.Bundle(module)})); err != nil {
		t.Fatal(err)
	}
	return hostcall.Message{Type: hostcall.Image, Head: mustJSON(hostcall.ImageHead{Image: id, Source: true}), File: f}
}

func invokeMessage(image uint32, fn string) hostcall.Message {
	head := hostcall.InvokeHead{Image: image, Limits: hostcall.Limits{WallMS: 600_000, CPUMS: 600_000},
		Kind: "invoke", Function: fn, Envelope: mustJSON(map[string]any{"id": "1", "module": "m"})}
	return hostcall.Message{Type: hostcall.Invoke, Handle: hostcall.NewHandle(), Head: head.AppendJSON(nil)}
}

// However many calls never end, another app's are served: those that take no longer than a
// slice at once, longer ones in turns. Each of the others can be ended.
func TestLongStepsTakeTurns(t *testing.T) {
	s := newWorker(t)
	send, next := s.drive()
	send(imageMessage(t, 1, spinning))
	send(imageMessage(t, 2, spinning))
	hogs := map[hostcall.Handle]bool{}
	for i := range 3 * maxOfOne {
		m := invokeMessage(1, []string{"index.spin", "index.hang"}[i%2])
		hogs[m.Handle] = true
		send(m)
	}
	for _, tc := range []struct{ fn, want string }{{"index.ok", "1"}, {"index.long", "2"}, {"index.ok", "1"}} {
		m := invokeMessage(2, tc.fn)
		send(m)
		if h, head, body := next(); h != m.Handle || !head.OK || body != tc.want {
			t.Fatalf("%s: %+v %s", tc.fn, head, body)
		}
	}
	why := hostcall.FromFault(fault.New(fault.Unavailable, "CANCELLED", "enough"))
	for h := range hogs {
		send(hostcall.Message{Type: hostcall.Cancel, Handle: h, Head: mustJSON(hostcall.CancelHead{Fault: why})})
	}
	for range len(hogs) {
		h, head, _ := next()
		if !hogs[h] || head.Fault == nil || head.Fault.Code != "CANCELLED" {
			t.Errorf("%+v", head)
		}
		delete(hogs, h)
	}
	m := invokeMessage(1, "index.ok")
	send(m)
	if h, head, body := next(); h != m.Handle || !head.OK || body != "1" {
		t.Errorf("the app itself afterwards: %+v %s", head.Fault, body)
	}
}
