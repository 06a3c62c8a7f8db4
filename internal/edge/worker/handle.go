package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// handle takes one message of the server.
func (w *worker) handle(m hostcall.Message) {
	var err error
	switch m.Type {
	case hostcall.Invoke:
		err = w.invoke(m)
	case hostcall.Reply:
		err = w.reply(m)
	case hostcall.Cancel:
		err = w.cancel(m)
	case hostcall.Yield:
		err = w.yield(m)
	case hostcall.Image:
		err = w.image(m)
	case hostcall.Build:
		err = w.build(m)
	}
	// Other types are of a newer protocol, or credit, which a socket does not need.
	if err != nil {
		w.refuse(m, err)
	}
}

// refuse ends what a message is about that cannot be handled. The worker serves others'
// calls too, and goes on: only the socket ends it.
func (w *worker) refuse(m hostcall.Message, err error) {
	fmt.Fprintf(os.Stderr, "annex worker: message of type %d: %v\n", m.Type, err)
	why := fault.New(fault.Internal, "ENGINE_ERROR", "the worker could not take a message of the call").Because(err)
	t := w.tasks[m.Handle]
	switch {
	case t != nil:
		t.inst.End(why)
		if t.running {
			w.report(t)
			return
		}
		w.step(t, func() {})
	case m.Type == hostcall.Invoke:
		w.send(hostcall.Message{Type: hostcall.Result, Handle: m.Handle, Head: (&hostcall.ResultHead{Fault: hostcall.FromFault(why)}).AppendJSON(nil)})
	case m.Type == hostcall.Build:
		w.send(hostcall.Message{Type: hostcall.Built, Handle: m.Handle, Head: mustJSON(hostcall.BuiltHead{Fault: hostcall.FromFault(why)})})
	}
}

func limits(l hostcall.Limits) jsvm.Limits {
	now := time.Now()
	return jsvm.Limits{
		CPU: time.Duration(l.CPUMS) * time.Millisecond, Response: l.Response,
		Started: now, Wall: now.Add(time.Duration(l.WallMS) * time.Millisecond),
	}
}

func (w *worker) invoke(m hostcall.Message) error {
	h, err := hostcall.ParseInvoke(m.Head)
	if err != nil {
		return err
	}
	img, ok := w.images[h.Image]
	facts, context, payload, whole := h.Split(m.Body)
	payload, parked, cut := h.SplitParked(payload)
	if !ok || !whole || !cut || w.tasks[m.Handle] != nil {
		return fmt.Errorf("%w: invoke of image %d", hostcall.ErrProtocol, h.Image)
	}
	lim := limits(h.Limits)
	t := &task{w: w, handle: m.Handle, app: img, files: img.files, started: time.Now(), wall: lim.Wall}
	image := img.image
	if img.source != nil {
		image = w.engine.Base()
	}
	if of, is := parkedOf(parked); is && of == w.engine.Base().Hash {
		image = w.engine.Base() // parked by another server, whose image of the version is another
	}
	t.session, t.portable = h.Session, h.Portable
	inst, err := w.engine.Acquire(image, t, lim)
	if err != nil {
		w.send(hostcall.Message{Type: hostcall.Result, Handle: m.Handle, Head: (&hostcall.ResultHead{
			Fault: hostcall.FromFault(fault.New(fault.Unavailable, "NO_INSTANCE", "no instance can be had now").Because(err)),
		}).AppendJSON(nil)})
		return nil
	}
	t.inst = inst
	w.tasks[m.Handle], w.byInstance[inst] = t, t
	w.step(t, func() {
		start := jsvm.Start{
			Kind: h.Kind, Function: h.Function, Envelope: h.Envelope, Facts: facts, Context: context, Body: payload, Text: h.Text,
			Seed: h.Seed, Remaining: time.Duration(h.WallMS) * time.Millisecond, Event: h.Event,
		}
		if len(parked) > 0 {
			if err := inst.Resume(parked); err != nil {
				inst.End(lostSession(err))
				return
			}
			inst.Carry(h.Carried)
			t.wake()
			inst.Session(start)
			inst.Overdue()
			return
		}
		if img.source != nil {
			src := *img.source
			src.Repeats = true
			if err := inst.Load(src); err != nil {
				inst.Fail(err)
				return
			}
		}
		if h.Session {
			t.wake()
			inst.Session(start)
			return
		}
		inst.Start(start)
	})
	return nil
}

func (w *worker) reply(m hostcall.Message) error {
	t, ok := w.tasks[m.Handle]
	if !ok {
		return nil // the call has ended meanwhile
	}
	h, err := hostcall.ParseReply(m.Head)
	if err != nil {
		return err
	}
	w.step(t, func() { t.inst.Reply(h.ID, h.OK, h.Head, m.Body) })
	return nil
}

func (w *worker) cancel(m hostcall.Message) error {
	t, ok := w.tasks[m.Handle]
	if !ok {
		return nil
	}
	var h hostcall.CancelHead
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return err
	}
	why := fault.New(fault.Unavailable, "CANCELLED", "the caller went away")
	if h.Fault != nil {
		why = h.Fault.Err()
	}
	t.inst.End(why)
	if t.running {
		w.report(t) // its frames are unwound when the stack comes back to them
		return nil
	}
	w.step(t, func() {})
	return nil
}

func (w *worker) image(m hostcall.Message) error {
	var h hostcall.ImageHead
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return err
	}
	if h.Drop {
		if l, ok := w.images[h.Image]; ok {
			delete(w.images, h.Image)
			if l.image != nil {
				w.engine.CloseImage(l.image)
			}
		}
		return nil
	}
	if m.File == nil || w.images[h.Image] != nil {
		return fmt.Errorf("%w: image %d", hostcall.ErrProtocol, h.Image)
	}
	if !h.Source {
		img, err := w.engine.Open(m.File)
		if err != nil {
			return err
		}
		l := &loaded{image: img}
		if len(m.Body) > 0 {
			if err := json.Unmarshal(m.Body, &l.files); err != nil {
				return err
			}
		}
		w.images[h.Image] = l
		return nil
	}
	b, err := io.ReadAll(io.NewSectionReader(m.File, 0, hostcall.MaxBody))
	_ = m.File.Close()
	if err != nil {
		return err
	}
	src, files, err := parseSource(b)
	if err != nil {
		return err
	}
	w.images[h.Image] = &loaded{source: src, files: files}
	return nil
}

func parseSource(b []byte) (*jsvm.Source, map[string][]byte, error) {
	var s hostcall.Source
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, nil, err
	}
	return &jsvm.Source{Bundle: s.Bundle, Variables: s.Variables, Memory: s.Memory, Repeats: s.Repeats}, s.Files, nil
}

// build makes a snapshot. It runs to its end before anything else is handled.
func (w *worker) build(m hostcall.Message) error {
	var h hostcall.BuildHead
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return err
	}
	src, files, err := parseSource(m.Body)
	if err != nil {
		return err
	}
	// A task that is gone takes no timers: those that are pending make the version unsnapshotted.
	t := &task{w: w, handle: m.Handle, files: files, started: time.Now(), gone: true}
	out := hostcall.BuiltHead{}
	b, err := w.engine.Build(*src, t, limits(h.Limits))
	msg := hostcall.Message{Type: hostcall.Built, Handle: m.Handle}
	var app *jsvm.AppFailure
	switch {
	case errors.As(err, &app):
		out.App, msg.Body = true, app.Head
	case err != nil:
		out.Fault = hostcall.FromFault(err)
	default:
		out.Reason, out.TookUS = b.Reason, b.Took.Microseconds()
		list := mustJSON(b.Exports)
		msg.Body = append(list, '\n')
		msg.Body = append(msg.Body, b.Snapshot...)
	}
	msg.Head = mustJSON(out)
	if len(msg.Head) > hostcall.MaxHead {
		msg.Head = mustJSON(hostcall.BuiltHead{Fault: hostcall.FromFault(fault.New(fault.Internal, "ENGINE_ERROR", "module scope could not be run"))})
	}
	w.send(msg)
	w.flush()
	return nil
}
