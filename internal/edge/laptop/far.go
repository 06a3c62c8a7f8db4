package laptop

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// far is the server, as a running call sees it: it answers host calls and takes log lines.
type far struct {
	link       *weblink.Link
	handle     hostcall.Handle
	invocation id.Invocation
	told       Told
	cancel     context.CancelFunc

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan answer
}

type answer struct {
	reply call.Reply
	err   error
}

// Admit implements call.Host: host calls leave in the order in which they were made.
func (f *far) Admit(req call.Request) func(ctx context.Context) (call.Reply, error) {
	got := make(chan answer, 1)
	f.mu.Lock()
	f.last++
	n := f.last
	f.waiting[n] = got
	m := hostcall.Message{
		Type: hostcall.Call, Handle: f.handle, Body: req.Body,
		Head: (&hostcall.CallHead{ID: n, Method: req.Method, Head: req.Head}).AppendJSON(nil),
	}
	sent, err := f.link.TrySend(m)
	f.mu.Unlock()
	return func(ctx context.Context) (call.Reply, error) {
		defer func() {
			f.mu.Lock()
			delete(f.waiting, n)
			f.mu.Unlock()
		}()
		if !sent && err == nil {
			err = f.link.SendBefore(ctx.Done(), m)
		}
		if err != nil {
			return call.Reply{}, unreachable(err)
		}
		select {
		case a := <-got:
			return a.reply, a.err
		case <-f.link.Done():
			return call.Reply{}, unreachable(nil)
		case <-ctx.Done():
			return call.Reply{}, ctx.Err()
		}
	}
}

func unreachable(err error) error {
	return fault.New(fault.Unavailable, "TUNNEL_LOST", "the connection to the server was lost").Because(err)
}

// Log implements call.Host.
func (f *far) Log(line call.LogLine) {
	f.told.Line(f.invocation, line)
	head, err := json.Marshal(hostcall.LogHead{Level: line.Level, TimeM: line.Time.UnixMilli()})
	if err != nil {
		return
	}
	_, _ = f.link.TrySend(hostcall.Message{Type: hostcall.Log, Handle: f.handle, Head: head, Body: line.Args})
}

// reply hands an answer to whoever waits for it.
func (f *far) reply(m hostcall.Message) {
	h, err := hostcall.ParseReply(m.Head)
	if err != nil {
		return
	}
	f.mu.Lock()
	got := f.waiting[h.ID]
	delete(f.waiting, h.ID)
	f.mu.Unlock()
	if got == nil {
		return
	}
	if h.OK {
		got <- answer{reply: call.Reply{Head: h.Head, Body: m.Body}}
		return
	}
	got <- answer{err: refusal(h.Head)}
}

// refusal is the server's refusal, with each of its members, as app code sees it there.
func refusal(head json.RawMessage) error {
	var said map[string]any
	if err := json.Unmarshal(head, &said); err != nil {
		return fault.Op("laptop.refusal", err)
	}
	f := fault.New(fault.Denied, fmt.Sprint(said["code"]), "%v", said["message"])
	for k, v := range said {
		f = f.With(k, v)
	}
	return f
}
