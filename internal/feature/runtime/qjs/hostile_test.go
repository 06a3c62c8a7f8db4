package qjs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// answerer is a host whose answers are one function's.
type answerer func(ctx context.Context, req call.Request) (call.Reply, error)

func (f answerer) Admit(req call.Request) func(context.Context) (call.Reply, error) {
	return func(ctx context.Context) (call.Reply, error) { return f(ctx, req) }
}

func (f answerer) Log(call.LogLine) {}

// halfWorker is the server's side of a worker; the test is the other side.
func halfWorker(t *testing.T) (*worker, *hostcall.Conn) {
	t.Helper()
	ours, theirs, err := hostcall.Pair()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(slog.New(slog.DiscardHandler))
	if w.conn, err = hostcall.NewConn(ours); err != nil {
		t.Fatal(err)
	}
	other, err := hostcall.NewConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.conn.Close(), other.Close() })
	return w, other
}

func (w *worker) begin(t *testing.T, owner string, host call.Host) *attempt {
	t.Helper()
	v := &version{tally: &tally{owner: owner}}
	v.served.Store(probation)
	f := newFlight(&call.Call{ID: id.Invocation(owner), Installation: id.Install(owner)}, v, host, nil)
	f.bodies = newBudget()
	a := &attempt{flight: f, ctx: t.Context(), handle: hostcall.NewHandle(), began: time.Now(), done: make(chan ended, 1)}
	w.attempts[a.handle] = a
	return a
}

// What cannot be read under one call's handle ends this call; the worker's others go on.
func TestMalformedMessagesEndTheirCallOnly(t *testing.T) {
	for name, m := range map[string]hostcall.Message{
		"result":            {Type: hostcall.Result, Head: []byte(`{"ok":true,"head":}not json}`)},
		"result twice over": {Type: hostcall.Result, Head: []byte(`{"ok":true,"head":{},"fault":{"kind":"limit","code":"CANARY"},"cpu":1}`)},
		"call":              {Type: hostcall.Call, Head: []byte(`{`)},
		"log":               {Type: hostcall.Log, Head: []byte(`]`), Body: []byte("[]")},
		"log line":          {Type: hostcall.Log, Head: []byte(`{}`), Body: []byte("[")},
	} {
		w, _ := halfWorker(t)
		bad, good := w.begin(t, "bad", answerer(nil)), w.begin(t, "good", answerer(nil))
		m.Handle = bad.handle
		if err := w.handle(m); err != nil {
			t.Errorf("%s: the worker is hung up on: %v", name, err)
			continue
		}
		if e := <-bad.done; fault.CodeOf(e.err) != "FUNCTION_ERR" {
			t.Errorf("%s: ended with %v", name, e.err)
		}
		if now := time.Now(); !bad.version.tally.struck(now) || good.version.tally.struck(now) {
			t.Errorf("%s: the strike is not held against it alone", name)
		}
		if err := w.handle(hostcall.Message{Type: hostcall.Result, Handle: good.handle, Head: []byte(`{"ok":true,"cpu":1}`)}); err != nil {
			t.Error(err)
		}
		if e := <-good.done; e.err != nil {
			t.Errorf("%s: the neighbour ended with %v", name, e.err)
		}
	}
	w, _ := halfWorker(t)
	if err := w.handle(hostcall.Message{Type: hostcall.Beat, Head: []byte("{")}); !errors.Is(err, hostcall.ErrProtocol) {
		t.Errorf("a beat that cannot be read: %v", err)
	}
}

// served makes one host call and gives the head of what the app is told.
func served(t *testing.T, a *attempt, w *worker, other *hostcall.Conn, body []byte) (ok bool, head struct {
	Code   string
	Limit  string
	Figure int
}) {
	t.Helper()
	if err := w.serve(a, hostcall.Message{Type: hostcall.Call, Handle: a.handle, Head: []byte(`{"id":1,"method":"fetch"}`), Body: body}); err != nil {
		t.Fatal(err)
	}
	m, err := other.Receive()
	if err != nil {
		t.Fatal(err)
	}
	var r hostcall.ReplyHead
	if err := json.Unmarshal(m.Head, &r); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(r.Head, &head); err != nil {
		t.Fatal(err)
	}
	return r.OK, head
}

func TestPanicsOfFacilitiesAreAnswered(t *testing.T) {
	w, other := halfWorker(t)
	a := w.begin(t, "a", answerer(func(context.Context, call.Request) (call.Reply, error) { panic("no") }))
	if ok, head := served(t, a, w, other, nil); ok || head.Code != "INTERNAL" {
		t.Errorf("%v %+v", ok, head)
	}
	a.serving.Wait()
	if a.bodies.all != 0 {
		t.Errorf("%d bytes are still held", a.bodies.all)
	}
}

// Headers that one message cannot carry are a limit that the app is told.
func TestLargeHeadsAreALimit(t *testing.T) {
	w, other := halfWorker(t)
	size := 20 << 10
	a := w.begin(t, "a", answerer(func(context.Context, call.Request) (call.Reply, error) {
		return call.Reply{Head: []byte(`{"code":"` + strings.Repeat("<", size) + `"}`)}, nil
	}))
	if ok, head := served(t, a, w, other, nil); !ok || len(head.Code) != size {
		t.Errorf("%v %.60v", ok, head)
	}
	size = hostcall.MaxHead
	if ok, head := served(t, a, w, other, nil); ok || head.Code != "LIMIT_HEADERS" || head.Figure != hostcall.MaxHead {
		t.Errorf("%v %.60v", ok, head)
	}
}

func TestHostCallsUnderWayHaveABudget(t *testing.T) {
	w, other := halfWorker(t)
	release := make(chan struct{})
	a := w.begin(t, "a", answerer(func(context.Context, call.Request) (call.Reply, error) {
		<-release
		return call.Reply{Head: []byte("{}")}, nil
	}))
	const held = 3
	for range held { // of 10 MB each
		if err := w.serve(a, hostcall.Message{Type: hostcall.Call, Handle: a.handle, Head: []byte(`{"id":1,"method":"fetch"}`), Body: make([]byte, maxHostBody)}); err != nil {
			t.Fatal(err)
		}
	}
	if ok, head := served(t, a, w, other, make([]byte, maxHostBody)); ok || head.Code != "LIMIT_HOSTCALLS" || head.Figure != maxCallBytes {
		t.Errorf("%v %+v", ok, head)
	}
	close(release)
	for range held {
		if _, err := other.Receive(); err != nil {
			t.Fatal(err)
		}
	}
	a.serving.Wait()
	if a.bodies.all != 0 || a.held != 0 || len(a.bodies.installs) != 0 {
		t.Errorf("%d bytes are still held", a.bodies.all)
	}
	if ok, head := served(t, a, w, other, make([]byte, maxHostBody)); !ok {
		t.Errorf("%+v", head)
	}
}

func TestBudgetsOfAllCalls(t *testing.T) {
	b := newBudget()
	flightOf := func(install string) *flight {
		return &flight{call: &call.Call{Installation: id.Install(install)}, bodies: b}
	}
	var holds []*hold
	figure := func(install string, n int) any {
		h, err := b.request(flightOf(install), n)
		if err != nil {
			return err.Fields["figure"]
		}
		holds = append(holds, h)
		return nil
	}
	for range 2 {
		if got := figure("a", maxCallBytes); got != nil {
			t.Fatal(got)
		}
	}
	if got := figure("a", 1); got != maxInstallBytes {
		t.Errorf("an installation holds too much: %v", got)
	}
	if err := holds[0].reply(1); err == nil {
		t.Error("an installation's answers hold too much")
	}
	if err := holds[0].Take(1); err == nil {
		t.Error("an installation's answers hold too much while they are read")
	}
	for _, install := range []string{"b", "b", "c", "c", "d", "d"} {
		if got := figure(install, maxCallBytes); got != nil {
			t.Fatal(got)
		}
	}
	if got := figure("e", 1); got != maxServerBytes {
		t.Errorf("the server holds too much: %v", got)
	}
	for _, h := range holds {
		h.release()
		h.release() // twice counts once
	}
	if b.all != 0 || len(b.installs) != 0 {
		t.Errorf("%d bytes are left", b.all)
	}
}

// The room of an answer is taken while it is read, and is the same room that requests take.
func TestAnswersTakeRoomWhileTheyAreRead(t *testing.T) {
	b := newBudget()
	f := &flight{call: &call.Call{Installation: "a"}, bodies: b}
	h, err := b.request(f, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Take(maxCallBytes - 1<<20); err != nil {
		t.Fatal(err)
	}
	if got, _ := fault.As(h.Take(1)); got == nil || got.Code != "LIMIT_HOSTCALLS" || got.Fields["figure"] != maxCallBytes {
		t.Errorf("one call's answers hold too much: %v", got)
	}
	if _, err := b.request(f, 1); err == nil {
		t.Error("an answer that is read leaves room for another request")
	}
	h.Give(1 << 20)
	if err := h.Take(1 << 20); err != nil {
		t.Errorf("what was given back is not there: %v", err)
	}
	if err := h.reply(5 << 20); err != nil || b.all != 6<<20 || f.held != 6<<20 {
		t.Errorf("%v, %d and %d bytes", err, b.all, f.held)
	}
	h.Give(maxServerBytes) // more than it has
	h.release()
	if b.all != 0 || f.held != 0 || len(b.installs) != 0 {
		t.Errorf("%d and %d bytes are left", b.all, f.held)
	}
}

func TestStrikesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTallies()
		all.get("e").strike(time.Now())
		if !all.get("e").struck(time.Now()) {
			t.Error("a new version begins anew")
		}
		all.get("f").suspect(time.Now())
		if all.get("f").struck(time.Now()) {
			t.Error("one suspicion is a strike")
		}
		all.get("f").suspect(time.Now())
		if !all.get("f").struck(time.Now()) {
			t.Error("suspicions do not add up")
		}
		time.Sleep(strikesFor + time.Second)
		if all.get("e").struck(time.Now()) || all.get("f").struck(time.Now()) {
			t.Error("strikes are held for ever")
		}
	})
}

// Who was in a hung worker before it fell silent is suspect, whether or not the caller
// stayed; who was sent later is not.
func TestSuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{attempts: map[hostcall.Handle]*attempt{}, left: map[hostcall.Handle]*attempt{}}
		hangs := w.begin(t, "hangs", answerer(nil))
		w.unseen.Store(time.Now().UnixNano())
		time.Sleep(time.Second)
		late := w.begin(t, "late", answerer(nil))
		w.end(hangs, ended{err: lost()}) // its caller left
		w.suspect(time.Now())
		if now := time.Now(); !hangs.version.tally.struck(now) || late.version.tally.struck(now) || late.version.served.Load() != probation {
			t.Error("the strike is not held against what hangs")
		}
		other := w.begin(t, "other", answerer(nil))
		time.Sleep(time.Second)
		w.lastHeard.Store(time.Now().UnixNano())
		w.suspect(time.Now())
		if other.version.tally.struck(time.Now()) || other.version.served.Load() != 0 {
			t.Error("one of several gets a strike at once, or none has to prove itself")
		}
	})
}

// What is deployed anew is of the same environment.
func TestStrikesOutliveARedeploy(t *testing.T) {
	r := &Runtime{tallies: newTallies()}
	first := r.tallyOf(call.Artifact{Key: "one:e:1", Environment: "e"})
	if r.tallyOf(call.Artifact{Key: "two:e:1", Environment: "e"}) != first || r.tallyOf(call.Artifact{Key: "one:f:1", Environment: "f"}) == first {
		t.Error("strikes are not those of the environment")
	}
}

// A silent worker's calls run elsewhere, each once, unless they had effects; what was in it
// when it fell silent runs apart.
func TestSilentWorkersCallsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{log: slog.New(slog.DiscardHandler), attempts: map[hostcall.Handle]*attempt{}, left: map[hostcall.Handle]*attempt{}}
		ours, theirs, err := hostcall.Pair()
		if err != nil {
			t.Fatal(err)
		}
		_ = theirs.Close()
		if w.conn, err = hostcall.NewConn(ours); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.conn.Close() }()
		before, wrote := w.begin(t, "before", answerer(nil)), w.begin(t, "wrote", answerer(nil))
		if !wrote.effect() {
			t.Fatal("a call may have no effects")
		}
		wrote.effects.Store(true)
		time.Sleep(time.Millisecond)
		w.unseen.Store(time.Now().UnixNano())
		time.Sleep(time.Millisecond)
		after := w.begin(t, "after", answerer(nil))
		for range 2 {
			w.handOver()
		}
		for a, apart := range map[*attempt]bool{before: true, after: false} {
			if e := <-a.done; !errors.Is(e.err, errMoved) || a.apart != apart || !isLost(e.err) {
				t.Errorf("%s: %v, apart %v", a.call.ID, e.err, a.apart)
			}
			if a.effect() {
				t.Errorf("%s has effects here while it runs elsewhere", a.call.ID)
			}
			if a.flight.tries() != 1 {
				t.Errorf("%s may run %d times more", a.call.ID, a.flight.tries())
			}
		}
		if len(wrote.done) != 0 || len(w.attempts) != 1 {
			t.Error("a call with effects is moved")
		}
		// A host call that comes late finds nobody.
		if err := w.serve(before, hostcall.Message{Type: hostcall.Call, Handle: before.handle, Head: []byte(`{"id":1,"method":"fetch"}`)}); err != nil || before.hostCalls.Load() != 0 {
			t.Errorf("a moved call's effect is served: %v", err)
		}
		before.wasMoved = true
		again := &attempt{flight: before.flight, handle: hostcall.NewHandle(), done: make(chan ended, 1)}
		w.attempts[again.handle] = again
		w.handOver()
		if len(again.done) != 0 {
			t.Error("a call moves twice")
		}
		synctest.Wait()
	})
}

func TestCallsUnderWayAreCounted(t *testing.T) {
	c := newCrowd()
	var leave []func()
	for i := range maxOfInstall {
		l, err := c.enter("env", "a")
		if err != nil {
			t.Fatal(i, err)
		}
		leave = append(leave, l)
	}
	_, err := c.enter("env", "a")
	if f, ok := fault.As(err); !ok || f.Code != "LIMIT_CONCURRENCY" || f.Kind.Status() != 429 || f.Fields["figure"] != maxOfInstall {
		t.Errorf("%v", err)
	}
	for i := range maxOfEnvironment - maxOfInstall {
		l, err := c.enter("env", id.Install("b"+string(rune('0'+i%2))))
		if err != nil {
			t.Fatal(i, err)
		}
		leave = append(leave, l)
	}
	if _, err := c.enter("env", "c"); fault.CodeOf(err) != "LIMIT_CONCURRENCY" {
		t.Errorf("an environment has no limit: %v", err)
	}
	if l, err := c.enter("other", "d"); err != nil {
		t.Errorf("another app is refused: %v", err)
	} else {
		l()
	}
	for _, l := range leave {
		l()
	}
	if len(c.envs)+len(c.installs) != 0 {
		t.Errorf("%d are left", len(c.installs))
	}
}

// Builds that hang give their places to others, and their owner has one at a time.
func TestBuildsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuilders()
		q := &b.turns
		enter := func(owner string) (leave func(bool), ok bool) {
			ctx, cancel := context.WithTimeout(t.Context(), slowFrom+time.Second)
			defer cancel()
			leave, err := q.enter(ctx, owner)
			return leave, err == nil
		}
		var hanging []func(bool)
		began := time.Now()
		for i := range 2 * maxOfOwner {
			leave, ok := enter([]string{"eve", "mallory"}[i%2])
			if !ok {
				t.Fatal("a place is not given")
			}
			hanging = append(hanging, leave)
		}
		leave, ok := enter("alice")
		if waited := time.Since(began); !ok || waited > slowFrom {
			t.Fatalf("others wait for %s", waited)
		}
		leave(false)
		if _, ok := enter("eve"); ok {
			t.Error("an owner has as many places as it likes")
		}
		for _, leave := range hanging {
			leave(true)
		}
		first, ok := enter("eve")
		if !ok {
			t.Fatal("nothing is given back")
		}
		if _, ok := enter("eve"); ok {
			t.Error("an owner whose builds hung has several at once")
		}
		first(false)
		if q.places != 0 || q.slow != 0 || len(q.owners) != 0 || len(q.queue) != 0 {
			t.Errorf("%d places, %d slow, %d owners, %d waiting are left", q.places, q.slow, len(q.owners), len(q.queue))
		}
	})
}

func TestGrades(t *testing.T) {
	for s, want := range map[string]Isolation{"": Shared, "shared": Shared, "site": BySite, "app": ByApp} {
		if got, err := Grade(s); err != nil || got != want {
			t.Errorf("%q: %v %v", s, got, err)
		}
	}
	if _, err := Grade("none"); fault.CodeOf(err) != "WORKER_ISOLATION" {
		t.Errorf("%v", err)
	}
}

// Who shares a worker is a matter of the grade.
func TestGroups(t *testing.T) {
	flightOf := func(site, env string) *flight {
		return &flight{call: &call.Call{Site: id.Site(site)}, version: &version{tally: &tally{owner: env}}}
	}
	a, b, other := flightOf("a", "e"), flightOf("b", "e"), flightOf("a", "f")
	if BySite.group(a, false) == BySite.group(b, false) || BySite.group(a, false) != BySite.group(other, false) {
		t.Error("by site: sites share a worker, or a site has several")
	}
	if ByApp.group(a, false) == ByApp.group(other, false) || ByApp.group(a, false) != ByApp.group(b, false) {
		t.Error("by app: apps share a worker, or an app has several")
	}
	for _, i := range []Isolation{BySite, ByApp} {
		if i.group(a, true) == i.group(a, false) || i.group(a, true) == i.group(b, true) && i == BySite {
			t.Errorf("%s: what has to prove itself does so beside others", i)
		}
	}
}

// A worker that falls silent as a call's time ends makes no other end of the call.
func TestLostAtTheDeadlineIsLate(t *testing.T) {
	deadline := time.Now()
	f := &flight{started: deadline.Add(-time.Second), deadline: deadline}
	before, after := deadline.Add(-time.Millisecond), deadline
	if !f.again(0, before) || f.again(0, after) || f.again(1, before) {
		t.Error("a call runs again after its deadline, or not before it, or too often")
	}
	moved := lostBy(errMoved)
	if err := f.lost(moved, before); !errors.Is(err, errMoved) {
		t.Errorf("before the deadline: %v", err)
	}
	if code := fault.CodeOf(f.lost(moved, after)); code != "LIMIT_WALL" {
		t.Errorf("at the deadline: %s", code)
	}
}
