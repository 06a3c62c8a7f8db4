// Package laptop is the developer's end of a tunnel: it runs an app's code as it is now in
// workers of its own, behind the walls of a server's, and sends each host call back to the
// server, under the handle of the call that made it. It holds no credential of the app and
// decides nothing.
package laptop

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/server"
	"github.com/annexhq/annex/internal/feature/runtime/qjs"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
	"github.com/annexhq/annex/internal/infra/jail"
)

// Config is what an Engine needs.
type Config struct {
	// ChildCommand makes the command of a worker process.
	ChildCommand func() *exec.Cmd
	// Insecure starts workers without the operating system's sandbox.
	Insecure bool
	Log      *slog.Logger
}

// Code is an app's code as it is now.
type Code struct {
	call.Source
	Snapshots bool // as the manifest says it
	MemoryMB  int
	Handlers  []string
}

// Told is what the developer is shown of tunnelled calls. Its functions must not block.
type Told struct {
	Line  func(invocation id.Invocation, line call.LogLine)
	Ended func(invocation id.Invocation, function string, took time.Duration, err error)
}

// Engine runs calls on this machine.
type Engine struct {
	rt       *qjs.Runtime
	jail     *jail.Jail
	prepared *os.File

	mu  sync.Mutex
	art call.Artifact // the last good code
	n   int
}

// versions is how many states of the code are kept ready: calls of the one before may run.
const versions = 4

// Open starts a worker.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	e := &Engine{}
	var err error
	if e.jail, e.prepared, err = server.Walls(ctx, cfg.ChildCommand, cfg.Insecure, cfg.Log); err != nil {
		return nil, fault.Op("laptop.Open", err)
	}
	e.rt, err = qjs.New(qjs.Config{
		ChildCommand: cfg.ChildCommand, Prepared: e.prepared, Jail: e.jail, Workers: 1, MaxImages: versions, Log: cfg.Log,
	})
	if err != nil {
		_ = e.Close()
		return nil, fault.Op("laptop.Open", err)
	}
	return e, nil
}

// Close ends the worker.
func (e *Engine) Close() error {
	if e.rt != nil {
		_ = e.rt.Close()
	}
	if e.jail != nil {
		e.jail.Close()
	}
	if e.prepared != nil {
		return e.prepared.Close()
	}
	return nil
}

// Use has calls run this code from now on. After an error the code before stays.
func (e *Engine) Use(ctx context.Context, code Code) (call.Prepared, error) {
	e.mu.Lock()
	e.n++
	key := "tunnel:" + strconv.Itoa(e.n)
	e.mu.Unlock()
	art := call.Artifact{
		Version: id.Version(key), Environment: "tunnel", Key: key, Snapshots: code.Snapshots, MemoryMB: code.MemoryMB,
		Load: func(context.Context) (call.Source, error) { return code.Source, nil },
	}
	p, err := e.rt.Prepare(ctx, art, code.Handlers)
	if err != nil {
		return p, fault.Op("laptop.Use", err)
	}
	e.mu.Lock()
	e.art = art
	e.mu.Unlock()
	return p, nil
}

// Serve runs the calls that come through a tunnel, until it or ctx ends. An error that is
// *weblink.Ended is the server's last word.
func (e *Engine) Serve(ctx context.Context, link *weblink.Link, told Told) error {
	if _, err := link.Greet(hostcall.HelloHead{Features: []string{"tunnel"}}); err != nil {
		return fault.Op("laptop.Serve", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { _ = link.Close() })
	s := &serving{e: e, link: link, told: told, calls: map[hostcall.Handle]*far{}}
	defer s.all.Wait()
	defer stop()
	for {
		m, err := link.Receive()
		if err != nil {
			if errors.Is(err, io.EOF) && ctx.Err() == nil {
				err = fault.New(fault.Unavailable, "TUNNEL_LOST", "the connection to the server was lost")
			}
			return fault.Op("laptop.Serve", err)
		}
		s.take(ctx, m)
	}
}

// serving is one open tunnel.
type serving struct {
	e    *Engine
	link *weblink.Link
	told Told
	all  sync.WaitGroup

	mu    sync.Mutex
	calls map[hostcall.Handle]*far
}

func (s *serving) take(ctx context.Context, m hostcall.Message) {
	s.mu.Lock()
	f := s.calls[m.Handle]
	s.mu.Unlock()
	switch {
	case m.Type == hostcall.Invoke && f == nil:
		ctx, cancel := context.WithCancel(ctx)
		f = &far{link: s.link, handle: m.Handle, told: s.told, cancel: cancel, waiting: map[uint32]chan answer{}}
		s.mu.Lock()
		s.calls[m.Handle] = f
		s.mu.Unlock()
		s.all.Add(1)
		go func() {
			defer s.all.Done()
			s.run(ctx, f, m)
			cancel()
			s.mu.Lock()
			delete(s.calls, m.Handle)
			s.mu.Unlock()
		}()
	case f != nil && m.Type == hostcall.Cancel:
		f.cancel()
	case f != nil && m.Type == hostcall.Reply:
		f.reply(m)
	}
}

// run runs one call and says how it ended.
func (s *serving) run(ctx context.Context, f *far, m hostcall.Message) {
	began := time.Now()
	c, facts, err := readCall(m, began)
	var res call.Result
	if err == nil {
		f.invocation = c.ID
		s.e.mu.Lock()
		art := s.e.art
		s.e.mu.Unlock()
		res, err = s.e.rt.Run(ctx, art, c, facts, f)
		s.told.Ended(c.ID, c.Function, time.Since(began), err)
	}
	head := hostcall.ResultHead{OK: err == nil, Head: res.Head, CPUUS: res.Stats.CPU.Microseconds(), Logs: res.Stats.Logs, LogsDropped: res.Stats.LogsDropped}
	if err != nil {
		head.Head, head.Fault, res.Body = nil, hostcall.FromFault(err), nil
	}
	text := head.AppendJSON(nil)
	if len(text) > hostcall.MaxHead && head.Fault != nil {
		head.Fault.Fields = nil
		text = head.AppendJSON(nil)
	}
	_ = s.link.SendBefore(ctx.Done(), hostcall.Message{Type: hostcall.Result, Handle: f.handle, Head: text, Body: res.Body})
}

// readCall reads what the server asks for.
func readCall(m hostcall.Message, now time.Time) (*call.Call, json.RawMessage, error) {
	h, err := hostcall.ParseInvoke(m.Head)
	if err != nil {
		return nil, nil, fault.Op("laptop.readCall", err)
	}
	facts, known, payload, ok := h.Split(m.Body)
	if !ok || h.Session {
		return nil, nil, fault.New(fault.Unavailable, "TUNNEL_VERSION", "this annex cannot run what the server asks for").WithFix("use an annex of the server's version")
	}
	var env struct {
		Module      string        `json:"module"`
		ID          id.Invocation `json:"id"`
		ContentType string        `json:"contentType"`
	}
	if err := json.Unmarshal(h.Envelope, &env); err != nil {
		return nil, nil, fault.Op("laptop.readCall", err)
	}
	c := &call.Call{
		ID: env.ID, Attempt: 1, Kind: call.Kind(h.Kind), Installation: "tunnel", Module: env.Module, Function: h.Function,
		Context: known, Payload: payload, ContentType: env.ContentType, Deadline: now.Add(time.Duration(h.WallMS) * time.Millisecond),
	}
	binary.LittleEndian.PutUint64(c.Seed[:], h.Seed)
	return c, facts, nil
}
