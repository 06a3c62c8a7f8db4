package worker

import (
	"container/heap"
	"encoding/json"
	"time"

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
	inst    *jsvm.Instance
	files   map[string][]byte
	started time.Time

	running  bool     // a step is on the stack
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
	t.running = true
	w.running = append(w.running, t)
	fn()
	for len(t.backlog) > 0 && t.inst.Outcome() == nil {
		next := t.backlog[0]
		t.backlog = t.backlog[1:]
		next()
	}
	w.running = w.running[:len(w.running)-1]
	t.running = false
	if t.inst.Outcome() == nil {
		return
	}
	w.report(t)
	t.gone, t.backlog = true, nil
	delete(w.tasks, t.handle)
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
	w.send(m)
}

// Call implements jsvm.Host.
func (t *task) Call(id uint32, method string, head, body []byte) {
	t.w.send(hostcall.Message{
		Type: hostcall.Call, Handle: t.handle, Body: body,
		Head: mustJSON(hostcall.CallHead{ID: id, Method: method, Head: head}),
	})
}

// Timer implements jsvm.Host.
func (t *task) Timer(id uint32, d time.Duration) {
	heap.Push(&t.w.timers, timer{at: time.Now().Add(d), task: t, id: id})
}

// Untimer implements jsvm.Host. The entry stays; the instance knows it no more.
func (t *task) Untimer(uint32) {}

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
	t.w.send(hostcall.Message{
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
