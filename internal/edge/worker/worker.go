package worker

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// SkipResetEnv, set to "measure-what-isolation-costs", makes a worker hand instances on
// without resetting them. It is read from the worker's environment only, which no app can
// set, and a worker that obeys it says so on its standard error and in its hello.
const SkipResetEnv = "ANNEX_BENCH_SKIP_RESET"

// Options are what the binary gives its worker.
type Options struct {
	WASM, SDK []byte
	SkipReset bool
}

// SkipReset reads SkipResetEnv.
func SkipReset() bool { return os.Getenv(SkipResetEnv) == "measure-what-isolation-costs" }

const (
	beatEvery = 15 * time.Millisecond
	// maxBatch bounds how long finished results wait for more input to be handled.
	maxBatch = 500 * time.Microsecond
	// maxDepth bounds how many long steps may be interrupted to let others run.
	maxDepth = 6
	// SkipResetFeature is in the hello of a worker that does not isolate.
	SkipResetFeature = "skip-reset"
)

// worker is the state of the process. Everything happens on one goroutine.
type worker struct {
	sock   *hostcall.Socket
	engine *jsvm.Engine
	images map[uint32]*loaded
	tasks  map[hostcall.Handle]*task
	timers timers
	depth  int
	// running are the tasks whose steps are on the stack, innermost last.
	running []*task

	acked    uint64 // messages that a beat has told of
	lastBeat time.Time
	queuedAt time.Time
	err      error // ends the loop
}

// loaded is an image under its number; source is set when module scope runs at each call.
type loaded struct {
	image  *jsvm.Image
	source *jsvm.Source
	files  map[string][]byte
}

// Main serves calls over sock until the server hangs up.
func Main(ctx context.Context, sock *hostcall.Socket, o Options) error {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	debug.SetGCPercent(400) // the Go heap is small; the memory is the engine's

	base, err := greeting(sock)
	if err != nil {
		return hungUp(err)
	}
	engine, err := jsvm.New(ctx, jsvm.Config{WASM: o.WASM, SDK: o.SDK, Base: base, SkipReset: o.SkipReset})
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	defer engine.Close()
	w := &worker{
		sock: sock, engine: engine,
		images: map[uint32]*loaded{}, tasks: map[hostcall.Handle]*task{},
	}
	engine.OnTick(w.tick)
	var features []string
	if o.SkipReset {
		fmt.Fprintln(os.Stderr, "annex worker: WARNING: instances are not reset between calls; calls can see each other. For measurements only.")
		features = append(features, SkipResetFeature)
	}
	if err := w.hello(features); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return w.loop()
}

// greeting takes the server's hello, which carries the base image if another worker has
// built it already.
func greeting(sock *hostcall.Socket) (*os.File, error) {
	m, _, err := sock.Next(-1)
	if err != nil {
		return nil, err
	}
	var h hostcall.HelloHead
	if m.Type != hostcall.Hello {
		return nil, fmt.Errorf("%w: no hello", hostcall.ErrProtocol)
	}
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return nil, fmt.Errorf("%w: hello: %w", hostcall.ErrProtocol, err)
	}
	if _, err := hostcall.Negotiate(h.Protocol); err != nil {
		return nil, err
	}
	return m.File, nil
}

func (w *worker) hello(features []string) error {
	base := w.engine.Base()
	head := mustJSON(hostcall.HelloHead{Protocol: hostcall.Protocol, Features: features, Base: base.Hash})
	return w.sock.Send(hostcall.Message{Type: hostcall.Hello, Head: head, File: base.File})
}

// loop handles messages and timers, and writes what they gave rise to in batches.
func (w *worker) loop() error {
	for w.err == nil {
		m, ok, err := w.sock.Next(0)
		if err == nil && !ok {
			if w.fireTimers() {
				continue
			}
			w.beat(false)
			if err := w.sock.Flush(); err != nil {
				return hungUp(err)
			}
			m, ok, err = w.sock.Next(w.untilTimer())
		}
		if err != nil {
			return hungUp(err)
		}
		if ok {
			w.handle(m)
			w.flushLate()
		}
	}
	return hungUp(w.err)
}

func hungUp(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("worker: %w", err)
}

// beat tells the server how far we are, when it does not know or when alive is asked for.
func (w *worker) beat(alive bool) {
	if seen := w.sock.Seen(); seen != w.acked || alive {
		w.acked = seen
		w.lastBeat = time.Now()
		w.send(hostcall.Message{Type: hostcall.Beat, Head: fmt.Appendf(nil, `{"seen":%d}`, seen)})
	}
}

// fits says whether a message can go on the wire. What does not is the matter of the call
// that it is of, and never ends the worker.
func fits(m hostcall.Message) bool {
	return len(m.Head) <= hostcall.MaxHead && len(m.Body) <= hostcall.MaxBody
}

// send queues a message that fits. An error is the socket's, and final.
func (w *worker) send(m hostcall.Message) {
	if !w.sock.Queued() {
		w.queuedAt = time.Now()
	}
	if err := w.sock.Send(m); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *worker) flush() {
	if err := w.sock.Flush(); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *worker) flushLate() {
	if w.sock.Queued() && time.Since(w.queuedAt) > maxBatch {
		w.flush()
	}
}

// tick is called from inside a long step: it shows that we live, ends interrupted calls
// whose time is up, and lets what is waiting run in between.
func (w *worker) tick() {
	if time.Since(w.lastBeat) > beatEvery {
		w.beatStale()
	}
	w.flush()
	for _, t := range w.running {
		if t.inst.Expire() {
			w.report(t)
		}
	}
	if w.depth >= maxDepth || w.err != nil {
		return
	}
	m, ok, err := w.sock.Next(0)
	if err != nil {
		w.err = err
		for _, t := range w.running {
			t.inst.End(nil)
		}
		return
	}
	if !ok && !w.timerDue() {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	err = w.engine.Yield(func() {
		for ok && w.err == nil {
			w.handle(m)
			w.flushLate()
			if m, ok, err = w.sock.Next(0); err != nil {
				w.err = err
			}
		}
		w.fireTimers()
		w.flush()
	})
	if err != nil && w.err == nil {
		w.err = err
	}
}

// beatStale is a heartbeat from inside a step: it acknowledges only what was handled.
func (w *worker) beatStale() {
	w.lastBeat = time.Now()
	w.send(hostcall.Message{Type: hostcall.Beat, Head: fmt.Appendf(nil, `{"seen":%d}`, w.acked)})
}

// timer is one pending timer of a task.
type timer struct {
	at    time.Time
	task  *task
	id    uint32
	index int // in the heap
}

type timers []*timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}
func (t *timers) Push(x any) {
	x.(*timer).index = len(*t)
	*t = append(*t, x.(*timer))
}
func (t *timers) Pop() any {
	old := *t
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	return x
}

func (w *worker) timerDue() bool { return len(w.timers) > 0 && !w.timers[0].at.After(time.Now()) }

func (w *worker) untilTimer() time.Duration {
	if len(w.timers) == 0 {
		return -1
	}
	return max(time.Until(w.timers[0].at), time.Millisecond)
}

// fireTimers fires what is due and reports whether something was. A timer that lies beyond
// its call's deadline fires there, and finds the call overdue.
func (w *worker) fireTimers() bool {
	fired := false
	for w.timerDue() && w.err == nil {
		t := heap.Pop(&w.timers).(*timer)
		delete(t.task.timers, t.id)
		fired = true
		w.step(t.task, func() {
			if !t.task.inst.Expire() {
				t.task.inst.Timer(t.id)
			}
		})
	}
	return fired
}
