package qjs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// serve answers one host call. It is called by the worker's reader and must not wait.
func (w *worker) serve(a *attempt, m hostcall.Message) error {
	h, err := hostcall.ParseCall(m.Head)
	if err != nil {
		return err
	}
	reads := readsOnly(h)
	if !reads && !a.effect() {
		return nil // the call runs elsewhere by now
	}
	if limit := a.admit(h.Method, reads); limit != nil {
		w.end(a, ended{err: limit})
		w.cancel(a, limit)
		return nil
	}
	if len(m.Body) > maxHostBody {
		a.session.made(a, h.ID)
		go w.tell(a, h.ID, call.Reply{}, fault.New(fault.Limit, "LIMIT_HOSTCALLS",
			"%s was given %d bytes; %d are allowed", h.Method, len(m.Body), maxHostBody).
			With("limit", "host call body").With("figure", maxHostBody))
		return nil
	}
	held, full := a.bodies.request(a.flight, len(m.Head)+len(m.Body))
	if full != nil {
		a.session.made(a, h.ID)
		go w.tell(a, h.ID, call.Reply{}, full)
		return nil
	}
	a.session.made(a, h.ID)
	if a.slots == nil {
		a.slots = make(chan struct{}, maxConcurrent)
	}
	slots := a.slots
	var later []func()
	answer := a.host.Admit(call.Request{
		Method: h.Method, Head: h.Head, Body: m.Body, Room: held, Lasting: &hold{b: a.bodies, f: a.flight},
		Later: func(do func()) { later = append(later, do) },
	})
	a.serving.Add(1)
	w.hands.do(func() {
		defer a.serving.Done()
		defer held.release()
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-a.ctx.Done():
			w.late(a, h.ID)
			return
		}
		var rep call.Reply
		err := logPanic(w.log, safely(func() (err error) {
			rep, err = answer(a.ctx)
			return err
		}))
		if w.settled(a, h.ID, rep, err, held, later) {
			return
		}
		if a.ctx.Err() != nil {
			w.late(a, h.ID)
			return
		}
		w.tell(a, h.ID, rep, err)
	})
	return nil
}

// settled passes an answer on and does what no answer waits for, before the call is said to
// have ended. It answers false where whoever waits for the answer is an event of the session
// that is still to come: by then the call that asked has ended.
func (w *worker) settled(a *attempt, id uint32, rep call.Reply, err error, held *hold, later []func()) bool {
	a.telling.RLock()
	defer a.telling.RUnlock()
	defer w.afterwards(later)
	if a.ctx.Err() != nil {
		return a.session == nil // the call has ended; nobody waits for the answer
	}
	if err == nil {
		if full := held.reply(len(rep.Head) + len(rep.Body)); full != nil {
			err = full
		}
	}
	to, done := a.session.now(a, id)
	if to == nil {
		return false
	}
	defer done()
	w.at(a, to).reply(to, id, rep, err)
	return true
}

// afterwards does what no answer waited for.
func (w *worker) afterwards(later []func()) {
	for _, do := range later {
		_ = logPanic(w.log, safely(func() error {
			do()
			return nil
		}))
	}
}

func (w *worker) reply(a *attempt, id uint32, rep call.Reply, err error) {
	if err != nil {
		rep = call.Reply{Head: w.refusal(a, err)}
	}
	b, jerr := (&hostcall.ReplyHead{ID: id, OK: err == nil, Head: rep.Head}).AppendJSON(make([]byte, 0, 32+len(rep.Head)))
	if jerr == nil && len(b) > hostcall.MaxHead && err == nil {
		rep = call.Reply{Head: w.refusal(a, fault.New(fault.Limit, "LIMIT_HEADERS",
			"the answer's headers have %d bytes; %d are delivered", len(b), hostcall.MaxHead).
			With("limit", "headers of an answer").With("figure", hostcall.MaxHead))}
		b, jerr = (&hostcall.ReplyHead{ID: id, Head: rep.Head}).AppendJSON(nil)
	}
	if jerr != nil || len(b) > hostcall.MaxHead {
		w.log.Error("host call's answer cannot be sent", "invocation", a.call.ID, "trace", a.call.Trace, "bytes", len(b), "err", jerr)
		b = fmt.Appendf(nil, `{"id":%d,"ok":false,"head":{"name":"INTERNAL","code":"INTERNAL","status":500,"message":"the platform's answer could not be delivered"}}`, id)
		rep.Body = nil
	}
	// A worker that is gone is the reader's to report.
	_ = w.conn.SendBefore(a.ctx.Done(), hostcall.Message{Type: hostcall.Reply, Handle: a.handle, Head: b, Body: rep.Body})
}

// refusal is the error that the app sees.
func (w *worker) refusal(a *attempt, err error) json.RawMessage {
	f, ok := fault.As(err)
	if !ok {
		w.log.Error("host call failed", "invocation", a.call.ID, "trace", a.call.Trace, "err", err)
		f = fault.New(fault.Internal, "INTERNAL", "the platform could not answer")
	}
	out := make(map[string]any, len(f.Fields)+6)
	out["name"], out["code"], out["status"] = f.Code, f.Code, f.Kind.Status()
	out["message"] = f.Public
	if f.Public == "" {
		out["message"] = f.Kind.String()
	}
	if f.ReasonID != "" {
		out["reasonId"] = f.ReasonID
	}
	if f.Fix != "" {
		out["fix"] = f.Fix
	}
	for k, v := range f.Fields {
		out[k] = v
	}
	b, jerr := hostcall.JSON(out)
	if jerr != nil {
		return json.RawMessage(`{"name":"INTERNAL","code":"INTERNAL","status":500,"message":"the platform could not answer"}`)
	}
	return b
}

// logLine passes a console line on.
func (w *worker) logLine(a *attempt, m hostcall.Message) error {
	var h hostcall.LogHead
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return fmt.Errorf("%w: log: %w", hostcall.ErrProtocol, err)
	}
	minutes := 1 + int64(time.Since(a.started)/time.Minute)
	if a.logs.Add(1) > maxLogLines*minutes || a.logged.Add(int64(len(m.Body))) > maxLogBytes*minutes {
		return nil
	}
	args := json.RawMessage(m.Body)
	if !json.Valid(args) {
		return fmt.Errorf("%w: a log line that is no JSON", hostcall.ErrProtocol)
	}
	line := call.LogLine{Time: time.UnixMilli(h.TimeM), Level: h.Level, Args: args}
	if w.guest {
		line = guestLine(line)
	}
	a.lines.add(line)
	return nil
}
