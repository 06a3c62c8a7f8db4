package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm"
	"golang.org/x/sys/unix"
)

// codeFolder keeps the engine's machine code for all tests of a run.
var codeFolder string

func TestMain(m *testing.M) {
	var err error
	if codeFolder, err = os.MkdirTemp("", "annex-code-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(codeFolder)
	os.Exit(code)
}

func compiled(t testing.TB) *jsvm.Code {
	t.Helper()
	code, err := jsvm.Compile(context.Background(), runtimetest.QuickJS(t), codeFolder)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// server is the other end of a worker that runs in this process.
type server struct {
	t    *testing.T
	w    *worker
	conn *hostcall.Conn
}

// newWorker gives a worker without its loop: the test hands it messages.
func newWorker(t *testing.T) *server {
	t.Helper()
	e, err := jsvm.New(t.Context(), jsvm.Config{SDK: runtimetest.KernelOnly(t), WASM: runtimetest.QuickJS(t), Code: compiled(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	ours, theirs, err := hostcall.Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(theirs.Fd()))
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	sock, err := hostcall.NewSocket(fd)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := hostcall.NewConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &server{t, newWorkerOn(sock, e), conn}
}

// load gives the worker an app without a snapshot, as image 1.
func (s *server) load(module string) {
	src := mustJSON(hostcall.Source{Bundle: runtimetest.Bundle(module)})
	f, err := os.CreateTemp(s.t.TempDir(), "source")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := f.Write(src); err != nil {
		s.t.Fatal(err)
	}
	s.w.handle(hostcall.Message{Type: hostcall.Image, Head: mustJSON(hostcall.ImageHead{Image: 1, Source: true}), File: f})
}

func (s *server) invoke(fn string) hostcall.Handle {
	h := hostcall.NewHandle()
	head := hostcall.InvokeHead{Image: 1, Limits: hostcall.Limits{WallMS: 60_000}, Kind: "invoke", Function: fn, Envelope: mustJSON(map[string]any{"id": "1", "module": "m"})}
	s.w.handle(hostcall.Message{Type: hostcall.Invoke, Handle: h, Head: head.AppendJSON(nil)})
	return h
}

// next is the next message that the worker has sent, heartbeats aside.
func (s *server) next() hostcall.Message {
	s.t.Helper()
	s.w.flush()
	if s.w.err != nil {
		s.t.Fatal("the worker ends:", s.w.err)
	}
	for {
		m, err := s.conn.Receive()
		if err != nil {
			s.t.Fatal(err)
		}
		if m.Type != hostcall.Beat {
			return m
		}
	}
}

func (s *server) result(h hostcall.Handle) (hostcall.ResultHead, string) {
	s.t.Helper()
	m := s.next()
	var head hostcall.ResultHead
	if err := json.Unmarshal(m.Head, &head); err != nil || m.Type != hostcall.Result || m.Handle != h {
		s.t.Fatalf("message of type %d: %.200s %v", m.Type, m.Head, err)
	}
	return head, string(m.Body)
}

const app = `
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: {
  ok: () => 1,
  ask: (p) => kernel.call("echo", { text: "<".repeat(61000) }).then((r) => r.head),
  large: () => kernel.call("echo", { text: "<".repeat(61440) }).catch((err) => err.code),
  cleared: () => { for (let i = 0; i < 50_000; i++) clearTimeout(setTimeout(() => {}, 2 ** 31 - 1)); return 1 },
  left: () => { for (let i = 0; i < 5000; i++) setTimeout(() => {}, 2 ** 31 - 1); return 1 },
  moved: async () => { const t = setTimeout(() => {}, 1000); for (let i = 0; i < 100; i++) t.refresh(); await new Promise(() => {}) },
  later: () => new Promise((done) => setTimeout(() => done("woken"), 2 ** 31 - 1)),
}});`

// An app's characters are not escaped sixfold on the way, and what is too large is
// refused to the app.
func TestHeadsFitWhatAppsMaySend(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	s.invoke("index.ask")
	m := s.next()
	var head hostcall.CallHead
	if err := json.Unmarshal(m.Head, &head); err != nil || m.Type != hostcall.Call || bytes.Count(head.Head, []byte("<")) != 61000 {
		t.Fatalf("%.100s %v", m.Head, err)
	}
	if got, body := s.result(s.invoke("index.large")); !got.OK || body != `"LIMIT_REQUEST"` {
		t.Errorf("%+v %s", got, body)
	}
}

// What a task cannot put on the wire ends it, and it alone.
func TestLargeMessagesEndTheirCall(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	h := s.invoke("index.later")
	task := s.w.tasks[h]
	s.w.step(task, func() { task.Call(1, "echo", bytes.Repeat([]byte(" "), hostcall.MaxHead), nil) })
	if got, _ := s.result(h); got.Fault == nil || got.Fault.Code != "LIMIT_REQUEST" {
		t.Errorf("%+v", got)
	}
	h = s.invoke("index.later")
	task = s.w.tasks[h]
	s.w.step(task, func() {
		task.inst.End(fault.New(fault.App, "X", "%s", strings.Repeat("x", hostcall.MaxHead)))
	})
	if got, _ := s.result(h); got.Fault == nil || got.Fault.Code != "LIMIT_RESPONSE" {
		t.Errorf("%+v", got)
	}
}

// A message that cannot be understood ends the call that it is about.
func TestBadMessagesEndTheirCall(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	for name, send := range map[string]func(hostcall.Handle){
		"invoke": func(h hostcall.Handle) {
			s.w.handle(hostcall.Message{Type: hostcall.Invoke, Handle: h, Head: []byte(`{"image":1,"envelope":}`)})
		},
		"unknown image": func(h hostcall.Handle) {
			s.w.handle(hostcall.Message{Type: hostcall.Invoke, Handle: h, Head: []byte(`{"image":7,"envelope":{}}`)})
		},
		"reply": func(h hostcall.Handle) {
			h2 := s.invoke("index.later")
			s.w.handle(hostcall.Message{Type: hostcall.Reply, Handle: h2, Head: []byte(`}`)})
			if got, _ := s.result(h2); got.Fault == nil || got.Fault.Code != "ENGINE_ERROR" {
				t.Errorf("%+v", got)
			}
			s.w.handle(hostcall.Message{Type: hostcall.Invoke, Handle: h, Head: []byte(`}`)})
		},
	} {
		h := hostcall.NewHandle()
		send(h)
		if got, _ := s.result(h); got.Fault == nil || got.Fault.Code != "ENGINE_ERROR" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got, body := s.result(s.invoke("index.ok")); !got.OK || body != "1" {
		t.Errorf("%+v %s", got, body)
	}
}

// Timers are remembered as long as they can fire, and no longer than their call.
func TestTimersAreForgotten(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	for fn, left := range map[string]int{"index.cleared": 0, "index.left": 0, "index.moved": 1, "index.later": 1} {
		before := len(s.w.timers)
		h := s.invoke(fn)
		if got := len(s.w.timers) - before; got != left {
			t.Errorf("%s: %d timers are left, want %d", fn, got, left)
		}
		if left == 0 {
			s.result(h)
			continue
		}
		s.w.handle(hostcall.Message{Type: hostcall.Cancel, Handle: h, Head: []byte("{}")})
		s.result(h)
		if got := len(s.w.timers) - before; got != 0 {
			t.Errorf("%s: %d timers are left of a call that has ended", fn, got)
		}
	}
}

// The first host call of a step leaves while the step goes on, where no other call is under
// way and answers come soon; what else there is goes together.
func TestTheFirstHostCallLeavesAtOnce(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	first := s.invoke("index.later")
	step := func(h hostcall.Handle) (queued []bool) {
		task := s.w.tasks[h]
		s.w.step(task, func() {
			for id := range uint32(3) {
				task.Call(id, "echo", []byte("{}"), nil)
				queued = append(queued, s.w.sock.Queued())
			}
		})
		s.w.flush()
		return queued
	}
	if got := step(first); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("no answer came soon: after each host call queued %v", got)
	}
	s.brisk()
	for range 2 {
		if got := step(first); !slices.Equal(got, []bool{false, true, true}) {
			t.Errorf("one call alone: after each host call queued %v", got)
		}
	}
	second := s.invoke("index.later")
	if got := step(second); !slices.Equal(got, []bool{true, true, true}) {
		t.Errorf("two calls under way: after each host call queued %v", got)
	}
	for _, h := range []hostcall.Handle{first, first, first, second} {
		for id := range uint32(3) {
			if m := s.next(); m.Type != hostcall.Call || m.Handle != h || !bytes.Contains(m.Head, fmt.Appendf(nil, `"id":%d`, id)) {
				t.Errorf("message of type %d: %s", m.Type, m.Head)
			}
		}
	}
}

// brisk has the worker find that messages come soon.
func (s *server) brisk() {
	s.t.Helper()
	s.w.sock.BeEager()
	for !s.w.sock.Brisk() { // a busy machine may make a wait long
		if err := s.conn.Send(hostcall.Message{Type: hostcall.Beat, Head: []byte("{}")}); err != nil {
			s.t.Fatal(err)
		}
		if _, ok, err := s.w.sock.Next(-1); !ok || err != nil {
			s.t.Fatal(ok, err)
		}
	}
}

// A worker looks before it sleeps where its server says so, and not otherwise.
func TestGreetingMakesEager(t *testing.T) {
	for _, eager := range []bool{false, true} {
		s := newWorker(t)
		if err := s.conn.Send(hostcall.Message{Type: hostcall.Hello, Head: mustJSON(hostcall.HelloHead{Protocol: hostcall.Protocol, Eager: eager})}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := greeting(s.w.sock); err != nil {
			t.Fatal(err)
		}
		brisk := false
		for range 20 { // a busy machine may make a wait long
			if err := s.conn.Send(hostcall.Message{Type: hostcall.Beat, Head: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
			if _, ok, err := s.w.sock.Next(-1); !ok || err != nil {
				t.Fatal(ok, err)
			}
			brisk = brisk || s.w.sock.Brisk()
		}
		if brisk != eager {
			t.Errorf("eager %v, brisk %v", eager, brisk)
		}
	}
}

// What is queued takes the beat along; where nothing is, the beat waits until nothing comes.
func TestBeatsGoAlongWithWhatIsQueued(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	h := s.invoke("index.later")
	beats := func(queue bool) uint64 {
		t.Helper()
		s.brisk()
		if queue {
			s.w.send(hostcall.Message{Type: hostcall.Log, Handle: h, Head: []byte("{}")})
		}
		s.w.lastBeat = time.Now()
		if _, ok, err := s.w.soon(); ok || err != nil {
			t.Fatal(ok, err)
		}
		return s.w.sock.Seen() - s.w.acked
	}
	if n := beats(true); n != 0 {
		t.Errorf("%d messages are not acknowledged by what was queued", n)
	}
	if n := beats(false); n == 0 {
		t.Error("a beat was sent by itself while messages come soon")
	}
	if _, ok, err := s.w.soon(); ok || err != nil || s.w.sock.Brisk() {
		t.Error(ok, err, "the worker still looks")
	}
}

// A timer beyond the deadline ends its call there, and the app never sees it.
func TestTimersEndAtTheDeadline(t *testing.T) {
	s := newWorker(t)
	s.load(app)
	h := hostcall.NewHandle()
	head := hostcall.InvokeHead{Image: 1, Limits: hostcall.Limits{WallMS: 2000}, Kind: "invoke", Function: "index.later", Envelope: mustJSON(map[string]any{"id": "1", "module": "m"})}
	s.w.handle(hostcall.Message{Type: hostcall.Invoke, Handle: h, Head: head.AppendJSON(nil)})
	if len(s.w.timers) != 1 || time.Until(s.w.timers[0].at) > time.Minute {
		t.Fatalf("%d timers, or the first after the deadline", len(s.w.timers))
	}
	if _, ok, err := s.w.sock.Next(s.w.untilTimer()); ok || err != nil {
		t.Fatal(ok, err)
	}
	for !s.w.fireTimers() {
	}
	if got, body := s.result(h); got.Fault == nil || got.Fault.Code != "LIMIT_WALL" {
		t.Errorf("%+v %s", got, body)
	}
}

// A module scope that leaves more than a message holds is told so.
func TestLargeSnapshotsAreRefused(t *testing.T) {
	s := newWorker(t)
	build := func(module string) hostcall.BuiltHead {
		src := mustJSON(hostcall.Source{Bundle: runtimetest.Bundle(module)})
		s.w.handle(hostcall.Message{Type: hostcall.Build, Head: mustJSON(hostcall.BuildHead{Limits: hostcall.Limits{WallMS: 60_000}}), Body: src})
		var head hostcall.BuiltHead
		if m := s.next(); json.Unmarshal(m.Head, &head) != nil || m.Type != hostcall.Built {
			t.Fatalf("%d %s", m.Type, m.Head)
		}
		return head
	}
	if got := build(`
const kept = []; let x = 1;
for (let n = 0; n < 70; n++) { const b = new Uint32Array(1 << 18); for (let i = 0; i < b.length; i += 64) b[i] = x = (x * 1103515245 + 12345) | 0; kept.push(b); }
__annex_register({ index: { run: () => kept.length } });`); got.Fault == nil || got.Fault.Code != "LIMIT_SNAPSHOT" || got.Fault.Fields["figure"] == nil {
		t.Errorf("%+v", got)
	}
	if got := build(app); got.Fault != nil {
		t.Errorf("%+v", got)
	}
}
