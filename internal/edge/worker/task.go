package worker

import (
	"container/heap"
	"encoding/json"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

const (
	logLinesPerMinute = 100
	logBytesPerMinute = 200 << 10
)

// task is one call in flight.
type task struct {
	w       *worker
	handle  hostcall.Handle
	app     *loaded
	inst    *jsvm.Instance
	files   map[string][]byte
	started time.Time
	wall    time.Time         // its deadline; none when zero
	timers  map[uint32]*timer // that are pending

	session  bool // it is one event of a session, which is parked at its end
	portable bool

	running  bool     // a step is on the stack
	called   bool     // it has called the host
	backlog  []func() // what came for it meanwhile
	reported bool
	gone     bool

	logs, logged int // lines and bytes that were sent
	dropped      int // lines over the limit
}

// step runs fn, which runs one step of the task, and what came for it meanwhile.
func (w *worker) step(t *task, fn func()) {
	if t.gone {
		return
	}
	if t.running {
		t.backlog = append(t.backlog, fn)
		return
	}
	if t.inst.Outcome() == nil && w.full(t.app) {
		w.waiting = append(w.waiting, waiting{t, fn})
		return
	}
	outer := w.current
	t.running, t.called, w.current = true, false, t
	fn()
	for len(t.backlog) > 0 && t.inst.Outcome() == nil {
		next := t.backlog[0]
		t.backlog = t.backlog[1:]
		next()
	}
	t.running, w.current = false, outer
	if t.inst.Outcome() == nil {
		t.settled()
		return
	}
	w.report(t)
	t.gone, t.backlog = true, nil
	delete(w.tasks, t.handle)
	delete(w.byInstance, t.inst)
	for id := range t.timers {
		t.Untimer(id)
	}
	t.inst.Release()
}

// report sends how the call ended, once.
func (w *worker) report(t *task) {
	if t.reported {
		return
	}
	t.reported = true
	o := t.inst.Outcome()
	head := hostcall.ResultHead{OK: o.OK, CPUUS: t.inst.CPU().Microseconds(), Logs: t.logs, LogsDropped: t.dropped}
	m := hostcall.Message{Type: hostcall.Result, Handle: t.handle}
	switch {
	case o.Fault != nil:
		head.Fault = hostcall.FromFault(o.Fault)
	case o.Parked:
		t.park(&head, &m)
	case o.OK:
		head.Head = o.Head
		if o.HasBody {
			m.Body = o.Body
			if m.Body == nil {
				m.Body = []byte{}
			}
		}
	default:
		m.Body = o.Head // an app's error with its stack may exceed a head
	}
	m.Head = head.AppendJSON(make([]byte, 0, 64+len(o.Head)))
	if !fits(m) {
		head.OK, head.Head, m.Body = false, nil, nil
		head.Fault = hostcall.FromFault(fault.New(fault.Limit, "LIMIT_RESPONSE", "the function's result is larger than a message may be").
			With("limit", "response").With("figure", hostcall.MaxBody).WithFix("answer with less: in pages, or with the name of what the caller then asks for"))
		m.Head = head.AppendJSON(nil)
	}
	w.send(m)
}

// Call implements jsvm.Host.
func (t *task) Call(id uint32, method string, head, body []byte) {
	// The app's part goes in as it is: escaped as for HTML it could be six times as large.
	h := hostcall.CallHead{ID: id, Method: method, Head: head}
	m := hostcall.Message{Type: hostcall.Call, Handle: t.handle, Body: body, Head: h.AppendJSON(make([]byte, 0, 64+len(method)+len(head)))}
	if !fits(m) {
		t.inst.End(fault.New(fault.Limit, "LIMIT_REQUEST", "a call of %.64s is larger than a message may be", method).
			With("limit", "request").With("figure", hostcall.MaxHead))
		return
	}
	t.w.send(m)
	// Where nothing else runs and answers come soon, the server begins on the first call while
	// the step goes on.
	if len(t.w.tasks) == 1 && !t.called && t.w.sock.Brisk() {
		t.called = true
		t.w.flush()
	}
}

// Timer implements jsvm.Host. A timer of the same id is moved. None lies beyond the
// call's deadline, however long the app wants to wait.
func (t *task) Timer(id uint32, d time.Duration) {
	if t.gone {
		return
	}
	at := time.Now().Add(d)
	if last := t.wall.Add(time.Millisecond); !t.wall.IsZero() && at.After(last) {
		at = last
	}
	if old := t.timers[id]; old != nil {
		old.at = at
		heap.Fix(&t.w.timers, old.index)
		return
	}
	if t.timers == nil {
		t.timers = map[uint32]*timer{}
	}
	t.timers[id] = &timer{at: at, task: t, id: id}
	heap.Push(&t.w.timers, t.timers[id])
}

// Untimer implements jsvm.Host.
func (t *task) Untimer(id uint32) {
	if old := t.timers[id]; old != nil {
		delete(t.timers, id)
		heap.Remove(&t.w.timers, old.index)
	}
}

// File implements jsvm.Host.
func (t *task) File(path string) ([]byte, bool) {
	b, ok := t.files[path]
	return b, ok
}

// Log implements jsvm.Host. What is over the limit is counted and goes nowhere: the
// result says how much it was.
func (t *task) Log(level string, args []byte) {
	now := time.Now()
	minutes := 1 + int(now.Sub(t.started)/time.Minute)
	if t.logs >= minutes*logLinesPerMinute || t.logged+len(args) > minutes*logBytesPerMinute {
		t.dropped++
		return
	}
	t.logs++
	t.logged += len(args)
	t.w.send(hostcall.Message{ // 1 MiB of arguments at most
		Type: hostcall.Log, Handle: t.handle, Body: args,
		Head: mustJSON(hostcall.LogHead{Level: level, TimeM: now.UnixMilli()}),
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Heads are plain structs; raw parts were made by the engine's own JSON.
		return []byte("{}")
	}
	return b
}
