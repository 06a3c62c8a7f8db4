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
	"github.com/annexhq/annex/internal/infra/intl"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// SkipResetEnv, set to "measure-what-isolation-costs", makes a worker hand instances on
// without resetting them. It is read from the worker's environment only, which no app can
// set, and a worker that obeys it says so on its standard error and in its hello.
const SkipResetEnv = "ANNEX_BENCH_SKIP_RESET"

// Options are what the binary gives its worker.
type Options struct {
	WASM, SDK []byte
	// Locales gives the file of what is known of locales, when an app first asks.
	Locales   func() ([]byte, error)
	SkipReset bool
	// Cell is the room that the process has entered. It is shut when the engine is ready,
	// before the first message that an app had a part in.
	Cell *jail.Cell
	// Ready is what Load gave, if anything.
	Ready Ready
}

// SkipReset reads SkipResetEnv.
func SkipReset() bool { return os.Getenv(SkipResetEnv) == "measure-what-isolation-costs" }

const (
	beatEvery = 15 * time.Millisecond
	// minHeap is what the process's own heap may always be before it is collected in earnest.
	minHeap = 256 << 20
	// maxBatch is how long finished results wait at most before the next input is handled: a
	// few short calls, so that the server has their answers to write meanwhile.
	maxBatch = 100 * time.Microsecond
	// SkipResetFeature is in the hello of a worker that does not isolate.
	SkipResetFeature = "skip-reset"
)

// worker is the state of the process. One goroutine at a time works on it: see drivers.go.
type worker struct {
	sock   *hostcall.Socket
	engine *jsvm.Engine
	images map[uint32]*loaded
	tasks  map[hostcall.Handle]*task
	// byInstance are the same.
	byInstance map[*jsvm.Instance]*task
	timers     timers
	drivers

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

	suspended int    // long steps of it
	slice     uint64 // when one of them last ran, in the worker's count
}

// Main serves calls over sock until the server hangs up.
func Main(ctx context.Context, sock *hostcall.Socket, o Options) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400) // the Go heap is small; the memory is the engine's

	await := func() (*os.File, int, error) {
		base, budget, err := greeting(sock)
		// What natives leave behind is collected before it is much; what they use is in the
		// budget.
		debug.SetMemoryLimit(max(int64(budget)/2, minHeap))
		return base, budget, err
	}
	engine, err := jsvm.New(ctx, jsvm.Config{WASM: o.WASM, SDK: o.SDK, Code: o.Ready.code, Kept: o.Ready.base, Await: await, Intl: intl.New(o.Locales), SkipReset: o.SkipReset, Pagemap: o.Cell.Pagemap})
	if err != nil {
		return hungUp(err)
	}
	room, err := o.Cell.Shut()
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	w := newWorkerOn(sock, engine)
	var features []string
	if o.SkipReset {
		fmt.Fprintln(os.Stderr, "annex worker: WARNING: instances are not reset between calls; calls can see each other. For measurements only.")
		features = append(features, SkipResetFeature)
	}
	if err := w.hello(features, room); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	err = w.run()
	if len(w.suspended) == 0 { // otherwise the process's end frees it
		engine.Close()
	}
	return hungUp(err)
}

func newWorkerOn(sock *hostcall.Socket, engine *jsvm.Engine) *worker {
	w := &worker{
		sock: sock, engine: engine,
		images: map[uint32]*loaded{}, tasks: map[hostcall.Handle]*task{}, byInstance: map[*jsvm.Instance]*task{},
	}
	engine.OnTick(w.tick)
	engine.OnEvict(w.evicted)
	return w
}

// greeting takes the server's hello, which carries the base image if another worker has
// built it already, and what calls may hold of memory together.
func greeting(sock *hostcall.Socket) (base *os.File, budget int, err error) {
	m, _, err := sock.Next(-1)
	if err != nil {
		return nil, 0, err
	}
	var h hostcall.HelloHead
	if m.Type != hostcall.Hello {
		return nil, 0, fmt.Errorf("%w: no hello", hostcall.ErrProtocol)
	}
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return nil, 0, fmt.Errorf("%w: hello: %w", hostcall.ErrProtocol, err)
	}
	if _, err := hostcall.Negotiate(h.Protocol); err != nil {
		return nil, 0, err
	}
	if h.Eager {
		sock.BeEager()
	}
	return m.File, h.Budget, nil
}

func (w *worker) hello(features []string, room jail.Report) error {
	base := w.engine.Base()
	head := mustJSON(hostcall.HelloHead{Protocol: hostcall.Protocol, Features: features, Base: base.Hash, Room: mustJSON(room)})
	return w.sock.Send(hostcall.Message{Type: hostcall.Hello, Head: head, File: base.File})
}

// work handles messages and timers, and writes what they gave rise to in batches.
func (w *worker) work() {
	for w.err == nil {
		m, ok, err := w.next()
		if err == nil && !ok {
			if w.fireTimers() || w.admit() {
				continue
			}
			if m, ok, err = w.soon(); err == nil && !ok {
				w.beat(false)
				w.flush()
				if w.resume() {
					continue
				}
				m, ok, err = w.sock.Next(w.untilTimer())
			}
		}
		if err != nil && w.err == nil {
			w.err = err
		}
		if ok {
			w.handle(m)
			w.flushLate()
		}
	}
}

// soon writes what is queued and gives the next message if it comes within moments, as the
// last one did, where calls wait and nothing runs. Where nothing is queued, the server is told
// how far we are only when nothing comes, or when we have not said so for a while.
func (w *worker) soon() (hostcall.Message, bool, error) {
	if len(w.tasks) == 0 || len(w.suspended) > 0 || !w.sock.Brisk() {
		return hostcall.Message{}, false, nil
	}
	if w.sock.Queued() || time.Since(w.lastBeat) > beatEvery {
		w.beat(false)
	}
	w.flush()
	return w.sock.Soon(w.untilTimer())
}

func hungUp(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("worker: %w", err)
}

// beat tells the server how far we are, when it does not know or when alive is asked for.
func (w *worker) beat(alive bool) {
	if seen := w.sock.Seen(); seen != w.acked || alive {
		w.acked = seen
		w.lastBeat = time.Now()
		w.send(hostcall.Message{Type: hostcall.Beat, Head: (&hostcall.BeatHead{Seen: seen}).AppendJSON(nil)})
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

// beatStale is a heartbeat from inside a step: it acknowledges only what was handled.
func (w *worker) beatStale() {
	w.lastBeat = time.Now()
	w.send(hostcall.Message{Type: hostcall.Beat, Head: (&hostcall.BeatHead{Seen: w.acked}).AppendJSON(nil)})
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
