package qjs

import (
	"encoding/json"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// running gives half a worker a process that can be killed.
func (w *worker) running(t *testing.T) {
	t.Helper()
	w.cmd = exec.Command("sleep", "600")
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait()
	})
}

// fill queues messages until no more are taken.
func (w *worker) fill(t *testing.T) {
	t.Helper()
	for {
		ok, err := w.conn.TrySend(hostcall.Message{Type: hostcall.Invoke, Body: make([]byte, 5<<20)})
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
	}
}

func flightFor(d time.Duration) *flight {
	v := &version{tally: &tally{owner: "a"}}
	f := newFlight(&call.Call{ID: "i", Installation: "a", Context: []byte("{}")}, v, answerer(nil), []byte("{}"))
	f.bodies, f.deadline = newBudget(), time.Now().Add(d)
	return f
}

// A worker that takes nothing any more keeps no call beyond its deadline, and is ended.
func TestADeafWorkerKeepsNobody(t *testing.T) {
	patience := time.AfterFunc(time.Minute, func() { panic("a call waits for a worker that does not read") })
	defer patience.Stop()
	for name, known := range map[string]bool{"a call": true, "the first call of a version": false} {
		w, _ := halfWorker(t)
		w.running(t)
		w.fill(t)
		f := flightFor(50 * time.Millisecond)
		if known {
			g := &given{id: 1, sent: make(chan struct{})}
			close(g.sent)
			w.images[f.version] = g
		}
		if _, err := w.run(t.Context(), f, 50*time.Millisecond); fault.CodeOf(err) != "LIMIT_WALL" {
			t.Errorf("%s ends with %v", name, err)
		}
		// Neither the watch nor anybody who lets a version go waits for it.
		w.handOver()
		w.forget(f.version)
		if _, err := w.conn.Receive(); err == nil {
			t.Errorf("%s: the worker is not hung up on", name)
		}
	}
}

// A worker that says it has seen what it was not sent is hung up on: it would never count
// as silent.
func TestAWorkerCannotHaveSeenMore(t *testing.T) {
	w, _ := halfWorker(t)
	if err := w.post(hostcall.Message{Type: hostcall.Cancel}); err != nil {
		t.Fatal(err)
	}
	beat := func(n uint64) error {
		head, err := json.Marshal(hostcall.BeatHead{Seen: n})
		if err != nil {
			t.Fatal(err)
		}
		return w.handle(hostcall.Message{Type: hostcall.Beat, Head: head})
	}
	if err := beat(2); !errors.Is(err, hostcall.ErrProtocol) {
		t.Errorf("two of one: %v", err)
	}
	if w.unseen.Load() == 0 {
		t.Error("it counts as awake")
	}
	if err := beat(1); err != nil || w.unseen.Load() != 0 {
		t.Errorf("one of one: %v", err)
	}
}

// A worker that has calls under way and nothing to answer is asked for a word.
func TestAQuietWorkerIsAsked(t *testing.T) {
	w, other := halfWorker(t)
	w.heard()
	now := time.Unix(0, w.lastHeard.Load())
	for name, do := range map[string]func(){
		"without calls": func() { w.ping(now.Add(time.Hour)) },
		"just heard of": func() { w.inflight.Store(1); w.ping(now.Add(silentFor)) },
	} {
		w.inflight.Store(0)
		if do(); w.unseen.Load() != 0 || w.conn.Sent() != 0 {
			t.Errorf("%s: it is asked", name)
		}
	}
	w.inflight.Store(1)
	for range 3 {
		w.ping(now.Add(2 * silentFor))
	}
	if w.conn.Sent() == 0 {
		t.Fatal("it is not asked")
	}
	if m, err := other.Receive(); err != nil || m.Type != hostcall.Beat {
		t.Fatalf("type %d, %v", m.Type, err)
	}
	if since := w.unseen.Load(); since == 0 || w.silent(time.Unix(0, since).Add(silentFor)) < silentFor || w.conn.Sent() != 1 {
		t.Errorf("its silence is not counted; it was asked %d times", w.conn.Sent())
	}
}
