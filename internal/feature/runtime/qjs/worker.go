package qjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
	"github.com/annexhq/annex/internal/infra/prepared"
)

// carrier moves messages between the server and a worker; *hostcall.Conn is one.
type carrier interface {
	Send(m hostcall.Message) error
	SendBefore(done <-chan struct{}, m hostcall.Message) error
	TrySend(m hostcall.Message) (bool, error)
	Post(m hostcall.Message) error
	Receive() (hostcall.Message, error)
	Sent() uint64
	Close() error
}

// worker is one child process, or a guest: somebody's machine at the other end of a carrier,
// which has no process here.
type worker struct {
	log  *slog.Logger
	cmd  *exec.Cmd // nil of a guest
	conn carrier
	// guest says that somebody else runs it.
	guest bool
	base  *image.Image // of its hello
	gone  chan struct{}

	ending    atomic.Bool  // it was killed, or hung up: it gets no more calls
	lastHeard atomic.Int64 // Unix nanoseconds
	unseen    atomic.Int64 // since when it has not told of a message, 0 when it has told of all
	inflight  atomic.Int64
	rhythm    rhythm
	hands     *hands // serve its host calls

	mu       sync.Mutex
	attempts map[hostcall.Handle]*attempt
	// left are attempts that ended here before the worker said so: it may still be at them.
	left   map[hostcall.Handle]*attempt
	builds map[hostcall.Handle]chan built
	images map[*version]*given
	nextID uint32
	dead   bool
}

type built struct {
	snapshot []byte
	exports  []string
	reason   string
	took     time.Duration
	err      error
}

func newWorker(log *slog.Logger) *worker {
	gone := make(chan struct{})
	return &worker{
		log: log, gone: gone, hands: newHands(gone),
		attempts: map[hostcall.Handle]*attempt{}, left: map[hostcall.Handle]*attempt{}, builds: map[hostcall.Handle]chan built{}, images: map[*version]*given{},
	}
}

// startWorker starts a process and waits for its hello.
// It is given the base image that another worker has built; the first one builds it, of
// whom base is nil. base may wait: the child compiles its engine meanwhile.
func startWorker(cfg Config, base func() (*image.Image, error)) (_ *worker, err error) {
	ours, theirs, err := hostcall.Pair()
	if err != nil {
		return nil, err
	}
	cmd := cfg.command()
	if err = cfg.Jail.Start(cmd, theirs); err != nil { // somebody ended it half-way, or the machine is short of something
		cmd = cfg.command()
		err = cfg.Jail.Start(cmd, theirs)
	}
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("qjs: start worker: %w", err)
	}
	w := newWorker(cfg.Log)
	w.cmd = cmd
	defer func() {
		if err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if w.conn != nil {
				_ = w.conn.Close()
			}
		}
	}()
	if w.conn, err = hostcall.NewConn(ours); err != nil {
		return nil, err
	}
	var built *image.Image
	if base != nil {
		if built, err = base(); err != nil {
			return nil, err
		}
	}
	if err = w.greet(built, cfg); err != nil {
		return nil, err
	}
	// A child that never says hello is ended by this timer: Receive then fails.
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	m, err := w.conn.Receive()
	if err != nil {
		return nil, fmt.Errorf("qjs: worker said no hello: %w", err)
	}
	room, err := w.hello(m)
	if err == nil {
		err = cfg.Jail.Verify(cmd.Process.Pid, room)
	}
	if err != nil {
		return nil, err
	}
	w.heard()
	go w.read()
	return w, nil
}

func (c *Config) command() *exec.Cmd {
	cmd := c.ChildCommand()
	if c.Prepared != nil {
		prepared.Give(cmd, c.Prepared)
	}
	return cmd
}

// hello takes the worker's hello; it gives what the worker says of the room it is in.
func (w *worker) hello(m hostcall.Message) (room jail.Report, err error) {
	var h hostcall.HelloHead
	defer func() {
		if err != nil && w.base == nil && m.File != nil {
			_ = m.File.Close()
		}
	}()
	if m.Type != hostcall.Hello || m.File == nil {
		return room, fmt.Errorf("%w: no hello", hostcall.ErrProtocol)
	}
	if err := json.Unmarshal(m.Head, &h); err != nil {
		return room, fmt.Errorf("%w: hello: %w", hostcall.ErrProtocol, err)
	}
	if _, err := hostcall.Negotiate(h.Protocol); err != nil {
		return room, err
	}
	if len(h.Room) > 0 {
		if err := json.Unmarshal(h.Room, &room); err != nil {
			return room, fmt.Errorf("%w: hello: %w", hostcall.ErrProtocol, err)
		}
	}
	for _, f := range h.Features {
		if f == "skip-reset" {
			w.log.Warn("a worker does not reset its instances: calls can see each other. For measurements only.")
		}
	}
	if w.base, err = image.Open(m.File, nil); err != nil {
		return room, fmt.Errorf("qjs: base image: %w", err)
	}
	if w.base.Hash != h.Base {
		return room, fmt.Errorf("qjs: base image: %w", image.ErrDamaged)
	}
	return room, nil
}

// greet is our hello.
func (w *worker) greet(base *image.Image, cfg Config) error {
	head := hostcall.HelloHead{Protocol: hostcall.Protocol, Budget: cfg.Memory, Eager: cfg.Eager}
	m := hostcall.Message{Type: hostcall.Hello}
	if base != nil {
		head.Base, m.File = base.Hash, base.File
	}
	var err error
	if m.Head, err = json.Marshal(head); err != nil {
		return fmt.Errorf("qjs: hello: %w", err)
	}
	return w.conn.Send(m)
}

// send sends, unless its sender does not want to wait longer, and starts the clock of the
// worker's silence.
func (w *worker) send(done <-chan struct{}, m hostcall.Message) error {
	w.unseen.CompareAndSwap(0, time.Now().UnixNano())
	return w.conn.SendBefore(done, m)
}

// post sends a short message and never waits.
func (w *worker) post(m hostcall.Message) error {
	w.unseen.CompareAndSwap(0, time.Now().UnixNano())
	return w.conn.Post(m)
}

// ping asks a worker that has calls under way for a word, when it was not heard of for a
// while and has nothing to answer: one that hangs looks like one whose calls wait.
func (w *worker) ping(now time.Time) {
	if w.inflight.Load() > 0 && w.unseen.Load() == 0 && now.UnixNano()-w.lastHeard.Load() > int64(silentFor) {
		_ = w.post(hostcall.Message{Type: hostcall.Beat, Head: []byte("{}")})
	}
}

func (w *worker) heard() { w.lastHeard.Store(time.Now().UnixNano()) }

// silent is for how long the worker has said nothing although it was told something.
func (w *worker) silent(now time.Time) time.Duration {
	since := w.unseen.Load()
	if since == 0 {
		return 0
	}
	return now.Sub(time.Unix(0, max(since, w.lastHeard.Load())))
}

// read takes the worker's messages until it is gone.
func (w *worker) read() {
	err := logPanic(w.log, safely(w.readAll))
	if err != nil && !errors.Is(err, io.EOF) {
		w.log.Warn("worker is hung up on", "pid", w.pid(), "err", err)
	}
	w.kill()
	if w.cmd != nil {
		_ = w.cmd.Wait()
	}
	w.forsake()
	_ = w.conn.Close()
	close(w.gone)
}

// forsake ends what runs here: under no handle is anything heard any more.
func (w *worker) forsake() {
	w.mu.Lock()
	w.dead = true
	attempts, builds := w.attempts, w.builds
	w.attempts, w.builds = nil, nil
	w.mu.Unlock()
	for _, a := range attempts {
		a.finish(ended{err: lost()})
	}
	for _, b := range builds {
		b <- built{err: lost()}
	}
}

func (w *worker) readAll() error {
	for {
		m, err := w.conn.Receive()
		if err != nil {
			return err
		}
		w.heard()
		if w.guest && !guestSays(m.Type) {
			return fmt.Errorf("%w: a message of type %d from a guest", hostcall.ErrProtocol, m.Type)
		}
		if err := w.handle(m); err != nil {
			return err
		}
	}
}

func (w *worker) handle(m hostcall.Message) error {
	switch m.Type {
	case hostcall.Beat:
		h, err := hostcall.ParseBeat(m.Head)
		if err != nil {
			return err
		}
		sent := w.conn.Sent()
		if h.Seen > sent {
			return fmt.Errorf("%w: %d messages seen of %d", hostcall.ErrProtocol, h.Seen, sent)
		}
		if h.Seen == sent {
			w.unseen.Store(0)
		}
		return nil
	case hostcall.Built:
		return w.built(m)
	}
	w.mu.Lock()
	a := w.attempts[m.Handle]
	if m.Type == hostcall.Result {
		delete(w.left, m.Handle)
	}
	w.mu.Unlock()
	if a == nil {
		return nil // the call has ended here; its handle is dead
	}
	w.rhythm.said.Store(time.Now().UnixNano())
	var err error
	switch m.Type {
	case hostcall.Result:
		err = w.result(a, m)
	case hostcall.Call:
		err = w.serve(a, m)
	case hostcall.Log:
		err = w.logLine(a, m)
	case hostcall.Emit:
		err = w.emitted(a, m)
	}
	if err != nil {
		w.malformed(a, err)
	}
	return nil
}

// malformed ends the one call under whose handle came what cannot be read. The stream is
// whole, so the worker's other calls go on; the version runs by itself from now on.
func (w *worker) malformed(a *attempt, err error) {
	w.log.Warn("a call's message cannot be read", "invocation", a.call.ID, "trace", a.call.Trace, "version", a.call.Version, "err", err)
	a.version.tally.strike(time.Now())
	why := fault.New(fault.App, "FUNCTION_ERR", "the function's instance sent a message that cannot be read")
	w.end(a, ended{err: why})
	w.cancel(a, why)
}

func (w *worker) result(a *attempt, m hostcall.Message) error {
	h, err := hostcall.ParseResult(m.Head)
	if err != nil {
		return fmt.Errorf("%w: result: %w", hostcall.ErrProtocol, err)
	}
	e := ended{result: call.Result{Head: h.Head, Body: m.Body}}
	e.result.Stats.CPU = time.Duration(h.CPUUS) * time.Microsecond
	e.result.Stats.Logs, e.result.Stats.LogsDropped = h.Logs, max(h.LogsDropped, 0)
	if w.guest {
		e.result.Stats = call.Stats{Logs: int(a.logs.Load())} // a guest uses none of ours, and may say anything
	}
	w.rhythm.back(a)
	if !w.guest && (h.OK || h.Fault != nil) {
		a.version.paces.took(a.call.Function, e.result.Stats.CPU)
	}
	switch {
	case h.Fault != nil:
		e.err = h.Fault.Err()
		if w.guest {
			e.err = asApp(h.Fault.Err())
		}
	case !h.OK:
		e.err = parseAppError(m.Body)
	case a.call.Session == nil && len(m.Body) > maxResponse:
		e.err = fault.New(fault.Limit, "LIMIT_RESPONSE", "the function returned %d bytes; %d are allowed", len(m.Body), maxResponse).
			With("limit", "response").With("figure", maxResponse).WithFix("answer with less: in pages, or with the name of what the caller then asks for")
	}
	if a.call.Session != nil && e.err == nil && len(m.Body) > maxParked {
		e.err = fault.New(fault.Limit, "LIMIT_SESSION", "the session holds %d bytes of memory between two events; %d are allowed", len(m.Body), maxParked).
			With("limit", "session").With("figure", maxParked).WithFix("keep less in the state of components; page through large lists")
	}
	if e.err != nil {
		e.result.Head, e.result.Body = nil, nil
	}
	w.endBy(a, e, true)
	return nil
}

// end takes the attempt's handle away and finishes it, before the worker said so.
func (w *worker) end(a *attempt, e ended) { w.endBy(a, e, false) }

// endBy does the same; told says that it is the worker's own word.
func (w *worker) endBy(a *attempt, e ended, told bool) {
	w.mu.Lock()
	_, here := w.attempts[a.handle]
	delete(w.attempts, a.handle)
	if here && !told {
		w.left[a.handle] = a
	}
	w.mu.Unlock()
	if here {
		a.finish(e)
	}
}

func (w *worker) cancel(a *attempt, why *fault.Error) {
	head, err := json.Marshal(hostcall.CancelHead{Fault: hostcall.FromFault(why)})
	if err != nil {
		head = []byte("{}")
	}
	_ = w.post(hostcall.Message{Type: hostcall.Cancel, Handle: a.handle, Head: head})
}

// suspect holds it against those in a worker that hung. What was sent after it fell silent
// cannot be what hangs it. A single environment gets a strike; of several each becomes
// suspect and its versions have to prove themselves again in quarantine.
func (w *worker) suspect(now time.Time) {
	since := time.Unix(0, max(w.unseen.Load(), w.lastHeard.Load())).Add(silentFor)
	w.mu.Lock()
	defer w.mu.Unlock()
	suspects := map[*tally]bool{}
	for _, attempts := range []map[hostcall.Handle]*attempt{w.attempts, w.left} {
		for _, a := range attempts {
			if !a.began.After(since) {
				suspects[a.version.tally] = true
				a.version.served.Store(0)
			}
		}
	}
	for t := range suspects {
		if len(suspects) == 1 {
			t.strike(now)
		} else {
			t.suspect(now)
		}
	}
}

// handOver lets the calls of a silent worker that had no effects run elsewhere. Those that
// were in it when it fell silent run apart from others: one of them may be why.
func (w *worker) handOver() {
	since := time.Unix(0, max(w.unseen.Load(), w.lastHeard.Load()))
	w.mu.Lock()
	var leave []*attempt
	for h, a := range w.attempts {
		if !a.wasMoved && a.move() {
			a.wasMoved, a.apart = true, !a.began.After(since)
			delete(w.attempts, h)
			w.left[h] = a
			leave = append(leave, a)
		}
	}
	w.mu.Unlock()
	for _, a := range leave {
		a.finish(ended{err: lostBy(errMoved)})
		w.cancel(a, lostBy(errMoved))
	}
}

// kill ends the process; its reader cleans up.
func (w *worker) kill() {
	w.ending.Store(true)
	if w.cmd == nil {
		_ = w.conn.Close()
		return
	}
	_ = w.cmd.Process.Kill()
}

// pid is the process's, 0 of a guest.
func (w *worker) pid() int {
	if w.cmd == nil {
		return 0
	}
	return w.cmd.Process.Pid
}

// run runs one attempt of a call that has entered to its end.
func (w *worker) run(ctx context.Context, f *flight, grace time.Duration) (call.Result, error) {
	defer w.leave(f.short)
	hostCalls, stop := context.WithDeadline(context.WithoutCancel(ctx), f.deadline)
	var id uint32
	var err error
	if !w.guest { // which has the code already
		id, err = w.give(hostCalls.Done(), f.version)
	}
	if err != nil {
		stop()
		if errors.Is(err, hostcall.ErrUnsent) {
			err = tooLate(f)
		}
		return call.Result{}, err
	}
	a := &attempt{flight: f, ctx: hostCalls, handle: hostcall.NewHandle(), began: time.Now(), before: w.inflight.Load() - 1, done: make(chan ended, 1), at: w, session: carriedOf(f.call)}
	remaining := time.Until(f.deadline)
	head := hostcall.InvokeHead{
		Image: id, Seed: seed(f.call), Kind: string(f.call.Kind), Function: f.call.Function, Envelope: envelope(f.call), Facts: len(f.facts), Context: len(f.call.Context),
		Text:   utf8.Valid(f.call.Payload),
		Limits: hostcall.Limits{WallMS: max(remaining.Milliseconds(), 1), CPUMS: f.cpu.Milliseconds(), Response: maxResponse},
	}
	body := [][]byte{f.facts, f.call.Context, f.call.Payload}
	if s := f.call.Session; s != nil {
		head.Session, head.Portable, head.Parked = true, s.Portable, len(s.Parked)
		head.Event, head.Carried = s.Number, a.session.calls()
		// The worker parks it at its limit, before our own clock ends it.
		head.WallMS = max(head.WallMS-parkingTime.Milliseconds(), 1)
		body = append(body, s.Parked)
	}
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		stop()
		return call.Result{}, lost()
	}
	w.attempts[a.handle] = a
	w.mu.Unlock()
	msg := hostcall.Message{
		Type: hostcall.Invoke, Handle: a.handle, Body: slices.Concat(body...),
		Head: head.AppendJSON(make([]byte, 0, len(head.Envelope)+200)),
	}
	if len(msg.Head) > hostcall.MaxHead {
		w.end(a, ended{err: fault.New(fault.Limit, "LIMIT_REQUEST", "the call's context is too large").With("limit", "context").With("figure", hostcall.MaxHead)})
	} else if sent, err := w.trySend(msg); err != nil {
		w.end(a, ended{err: lost()})
	} else if sent {
		a.session.begins(a)
	} else {
		// Who waits for the end must not wait for this.
		go func() {
			switch err := w.send(hostCalls.Done(), msg); {
			case errors.Is(err, hostcall.ErrUnsent):
				w.end(a, ended{err: tooLate(f)})
			case err != nil:
				w.end(a, ended{err: lost()})
			default:
				a.session.begins(a)
			}
		}()
	}
	res, err := w.await(ctx, a, remaining, grace)
	res.Carried = a.session.ends(a, res, err)
	if err != nil || res.Stats.HostCalls == 0 {
		stop()
		a.told()
		return res, err
	}
	a.told()
	go func() {
		a.serving.Wait()
		stop()
	}()
	return res, nil
}

// trySend is send, or false where that would wait.
func (w *worker) trySend(m hostcall.Message) (bool, error) {
	w.unseen.CompareAndSwap(0, time.Now().UnixNano())
	return w.conn.TrySend(m)
}

// tooLate is the end of a call whose deadline has passed.
func tooLate(f *flight) *fault.Error {
	d := f.deadline.Sub(f.started).Round(time.Millisecond)
	return fault.New(fault.Limit, "LIMIT_WALL", "the function did not finish within %s", d).
		With("limit", "wall").With("figure", d.String()).WithFix("await less, or do the work in parts; queue consumers and schedules may take longer")
}

// await waits for the end: the worker's word, the caller's going away, the deadline, and
// the end of a worker that does not heed it.
func (w *worker) await(ctx context.Context, a *attempt, remaining, grace time.Duration) (call.Result, error) {
	timer := time.NewTimer(remaining)
	defer timer.Stop()
	var late *fault.Error
	cancelled, stopping := ctx.Done(), a.stopping
	var yield, room <-chan struct{}
	if s := a.call.Session; s != nil {
		yield, room = s.Yield, s.Room
	}
	for {
		select {
		case e := <-a.done:
			if late != nil && isLost(e.err) {
				e.err = late
			}
			return e.result, e.err
		case <-cancelled:
			gone := fault.New(fault.Unavailable, "CANCELLED", "the caller went away").Because(ctx.Err())
			w.cancel(a, gone)
			w.end(a, ended{err: gone})
			cancelled = nil
		case <-yield:
			_ = w.post(hostcall.Message{Type: hostcall.Yield, Handle: a.handle, Head: []byte("{}")})
			yield = nil
		case <-room:
			a.session.makeRoom(a, func() {
				_ = w.post(hostcall.Message{Type: hostcall.Yield, Handle: a.handle, Head: []byte(`{"room":true}`)})
			})
			room = nil
		case <-stopping:
			w.cancel(a, shuttingDown())
			w.end(a, ended{err: shuttingDown()})
			stopping = nil
		case <-timer.C:
			if late == nil {
				late = tooLate(a.flight)
				w.cancel(a, late)
				timer.Reset(grace)
				continue
			}
			if w.guest { // it stops nobody else
				w.end(a, ended{err: late})
				continue
			}
			w.suspect(time.Now())
			w.log.Warn("worker outlived a call's deadline and is killed", "pid", w.cmd.Process.Pid, "invocation", a.call.ID, "trace", a.call.Trace, "version", a.call.Version)
			w.kill()
			w.end(a, ended{err: late})
		}
	}
}
