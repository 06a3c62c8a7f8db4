package uikit

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/uitree"
)

// live is a session in this server's memory.
type live struct {
	s       *Service
	id      string
	who     Person
	spec    Spec
	epoch   uint64
	set     perm.Set      // what the app might do under that epoch
	added   []perm.Egress // what of that an admin added while it ran
	version string
	opened  time.Time

	mu        sync.Mutex
	used      time.Time
	over      bool
	closing   bool // only what comes with its end is taken
	leaving   bool // over when what waits is handled
	resting   bool // the rest is in the database
	parked    []byte
	tree      *uitree.Tree
	rested    *uitree.Tree    // the tree that parked shows
	fx        map[string]bool // handles of effects
	asked     map[string]ask  // what the app waits for an admin's answer to
	seq       uint64
	backlog   []line
	size      int // bytes of backlog
	out       *stream
	queue     []task
	event     int64 // number of the newest that was taken
	running   bool
	yield     func()       // has the event under way end as soon as it waits for its timers alone
	room      func()       // has it end as soon as it waits, also for answers of host calls
	carried   call.Carried // host calls that events left under way
	unsettled []int64      // numbers of the events that wait for them
	begins    bool         // what the first event draws may still be followed by more
	handled   int64        // number of the newest that was
	unsaid    bool         // and nobody was told
	saidOpen  []int64      // of unsettled, what was said
	wake      time.Time    // when a timer of it is due; zero when none is
	alarm     *time.Timer
	gen       int64
	dropped   bool // the developer was told of what was left out

	bringing sync.Mutex // held by whoever brings the session back
	settled  *sync.Cond // on mu: nothing runs any more
}

// line is one message of the stream.
type line struct {
	seq  uint64
	text []byte
}

// task is one event that waits.
type task struct {
	payload []byte
	number  int64
	wake    bool // a timer of the app's own is due
	waits   bool // for answers that events before it left under way
}

// first is the number of a session's first event, which no page counts.
const first = -1

const (
	maxBacklog      = 128
	maxBacklogBytes = 1 << 20
	maxEffects      = 500 // handles that effects may leave
)

func newLive(s *Service, name string, p *call.Policy, who Person, spec Spec, now time.Time) *live {
	l := &live{s: s, id: name, who: who, spec: spec, epoch: p.Epoch, set: p.Set, added: p.Configured, version: string(p.Version), opened: now, used: now, fx: map[string]bool{}}
	l.settled = sync.NewCond(&l.mu)
	return l
}

// of says whether the session is the person's: the same user, by the same sign-in.
func (l *live) of(who Person) bool { return l.who.same(who) }

// allows says whether a handle is of a function that is shown now.
func (l *live) allows(handle string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.Has(handle) || l.fx[handle]
}

// alive ends the session if its time is over or the policy under which it began.
func (l *live) alive(ctx context.Context) error {
	p, err := l.s.Policies.Policy(ctx, l.spec.Install)
	if fault.CodeOf(err) == "POLICY_STALE" {
		return err
	}
	now := l.s.Now()
	l.mu.Lock()
	over := l.over || now.Sub(l.used) > maxIdle || now.Sub(l.opened) > maxAge
	leaving := l.leaving
	l.mu.Unlock()
	if leaving && !over {
		return Gone()
	}
	if err != nil {
		p = nil
	}
	if over || p == nil || !l.goesOn(ctx, p) {
		return l.stops(p)
	}
	return nil
}

// stops ends a session that does not go on under a policy, nil for none, and says why.
func (l *live) stops(p *call.Policy) error {
	if p != nil {
		if rule, barred := p.Barred(l.spec.Containers...); barred {
			why := rule.Here().With("gone", true)
			l.end(why)
			return why
		}
	}
	l.end(nil)
	return Gone()
}

// goesOn says whether a session lives under a policy: the one under which it began, or one
// that takes nothing away from it: what its app asked for is carried out while it waits.
func (l *live) goesOn(ctx context.Context, p *call.Policy) bool {
	l.mu.Lock()
	if l.over || string(p.Version) != l.version {
		l.mu.Unlock()
		return false // one that ended stays so, also when what ended it is given back
	}
	if p.Epoch == l.epoch {
		l.mu.Unlock()
		return true
	}
	_, barred := p.Barred(l.spec.Containers...)
	if p.Epoch < l.epoch || l.resting || !l.keeps(p.Set) || barred {
		l.mu.Unlock()
		return false // what rests is sealed under its policy
	}
	l.epoch, l.set, l.added = p.Epoch, p.Set, p.Configured
	l.mu.Unlock()
	_, err := l.s.DB.Exec(ctx, growSession, int64(p.Epoch), l.id, p.Scope.Install())
	return err == nil
}

// taken says whether an event came before: a page that did not hear the answer sends it again.
// It sends one after the other, so it can only be the newest.
func (l *live) taken(number int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return number != 0 && number == l.event
}

// enqueue has an event handled after those that wait; last is one that comes with the end.
func (l *live) enqueue(event map[string]any, number int64, last bool) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return fault.New(fault.Usage, "BAD_EVENT", "the event's arguments are no JSON").Because(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.leaving || l.resting || l.closing && !last {
		return Gone()
	}
	if len(l.queue) >= maxQueued {
		return fault.New(fault.Limit, "LIMIT_EVENTS", "%d events of this view wait already", maxQueued).With("limit", "events").With("figure", maxQueued)
	}
	if number > 0 {
		if number == l.event {
			return nil
		}
		l.event = number
	}
	l.used = l.s.Now()
	l.queue = append(l.queue, task{payload: payload, number: number})
	l.hurry()
	l.makeRoom()
	l.begin()
	return nil
}

// now is the policy under which what the event tells is read: it may have grown since it began.
func (l *live) now(began *call.Policy) *call.Policy {
	if p, err := l.s.Policies.Policy(context.Background(), l.spec.Install); err == nil {
		return p
	}
	return began
}

// failed tells of an event that did not come to its end: the session is what it was before
// it, or over where there was nothing before.
func (l *live) failed(err error, t task, parked []byte) {
	e, ok := fault.As(err)
	if !ok {
		l.s.Logger.Error("a session's event failed", "err", err)
		e = fault.New(fault.Internal, "INTERNAL", "the server failed")
	}
	switch e.Code {
	case "SESSION_ENDED", "VERSION_CHANGED", "NOT_INSTALLED", "SESSION_LOST", "HANDLER_NOT_FOUND", "APP_SUSPENDED":
		l.end(e)
		return
	}
	if e.Kind == fault.Denied || e.Kind == fault.NotFound || parked == nil {
		l.end(e)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tree = l.rested
	if l.tree != nil {
		l.say(map[string]any{"tree": l.tree.JSON()}) // what comes after an error takes it away
	}
	l.say(map[string]any{"error": publicly(e)})
}

// publicly is what a page may read of an error.
func publicly(e *fault.Error) map[string]any {
	out := map[string]any{"code": e.Code, "message": e.Public}
	if e.Kind == fault.Internal {
		out["message"] = "the server failed"
	}
	if e.Kind == fault.App {
		out["message"] = "the app failed in what it was just doing"
		return out
	}
	if e.Fix != "" {
		out["fix"] = e.Fix
	}
	return out
}

// told takes one message of the sandbox. It is the app's word: checked before it goes on.
func (l *live) told(p *call.Policy, message []byte) {
	var m struct {
		Open   []int64         `json:"open"`
		Tree   json.RawMessage `json:"tree"`
		Effect *struct {
			Command string          `json:"command"`
			Payload json.RawMessage `json:"payload"`
		} `json:"effect"`
		Error *struct{} `json:"error"`
	}
	if err := json.Unmarshal(message, &m); err != nil {
		return
	}
	switch {
	case len(m.Tree) > 0:
		l.draw(p, m.Tree)
	case m.Effect != nil:
		l.effect(m.Effect.Command, m.Effect.Payload)
	case m.Open != nil:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.unsettled = m.Open[:min(len(m.Open), maxQueued)]
		l.sayHandled()
	case m.Error != nil:
		// What exactly went wrong is in the developer's log: an error's words are of the code.
		l.mu.Lock()
		defer l.mu.Unlock()
		l.say(map[string]any{"error": map[string]any{"code": "FUNCTION_ERR", "message": "the app failed in what it was just doing"}})
	}
}

// draw takes in a tree and says what is new in it.
func (l *live) draw(p *call.Policy, text []byte) {
	tree, err := uitree.Parse(text, uitree.Rules{Image: func(raw string) bool {
		u, err := hostrule.ParseURL(raw)
		return err == nil && u.Scheme == "https" && p.Rules.AllowsURL(p.Set, perm.Images, u).Allow
	}})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	if err != nil {
		e, _ := fault.As(err)
		l.say(map[string]any{"error": publicly(e)})
		l.note(p, "what the interface shows was refused", map[string]any{"code": e.Code, "message": e.Public})
		return
	}
	if d := tree.Dropped(); len(d) > 0 && !l.dropped {
		l.dropped = true
		l.note(p, "parts of the interface were left out", map[string]any{"props": d})
	}
	patches, ok := uitree.Diff(l.tree, tree)
	l.tree = tree
	switch {
	case !ok:
		l.say(map[string]any{"tree": tree.JSON()})
	case len(patches) > 0:
		l.say(map[string]any{"patches": patches})
	}
}

func (l *live) note(p *call.Policy, what string, facts map[string]any) {
	if l.s.Lines != nil {
		l.s.Lines(p, &call.Call{Installation: l.spec.Install, Version: p.Version, Module: l.spec.Module, Function: l.spec.Function}, "warn", what, facts)
	}
}

func (l *live) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// close has nothing taken any more but what comes with the end. That brings again what was
// sent before and is perhaps still on its way, also where it is not the newest.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
}

// finish ends the session when what its person did in it is handled. Nothing more is taken. What
// is under way has the time that it would have had, as a request that left its page has, and its
// timers run no more; what has not begun when that much went by is not begun.
func (l *live) finish() {
	l.mu.Lock()
	l.leaving = true
	l.hurry()
	busy, out := l.running && !l.over, l.out
	l.mu.Unlock()
	if !busy {
		l.end(nil)
		return
	}
	if out != nil {
		out.finish()
	}
	time.AfterFunc(l.s.leave, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.queue = nil
	})
}

// end ends the session, here and in the database.
func (l *live) end(why *fault.Error) {
	l.mu.Lock()
	over := l.over
	l.mu.Unlock()
	if over {
		return
	}
	if why != nil {
		l.s.remember(l, why) // before the page hears of its end: it may ask for the reason at once
	}
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return
	}
	l.over = true
	said := map[string]any{"code": "SESSION_GONE", "message": "the view is over", "gone": true}
	if why != nil {
		for k, v := range publicly(why) {
			said[k] = v
		}
	}
	l.say(map[string]any{"error": said})
	l.parked, l.tree, l.rested, l.queue = nil, nil, nil, nil
	l.drop()
	if l.alarm != nil {
		l.alarm.Stop()
	}
	out := l.out
	l.mu.Unlock()
	if out != nil {
		out.finish()
	}
	l.s.mu.Lock()
	delete(l.s.live, l.id)
	l.s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := l.s.DB.Exec(ctx, endSession, l.id, l.spec.Install); err != nil {
		l.s.Logger.Warn("a session that is over stays until it is swept", "err", err)
	}
}

// setAlarm has the session woken when a timer of it is due, while somebody looks at it; l.mu
// is held.
func (l *live) setAlarm() {
	if l.alarm != nil {
		l.alarm.Stop()
		l.alarm = nil
	}
	if l.wake.IsZero() || l.out == nil || l.over || l.leaving || l.running {
		return
	}
	if l.s.stopped() {
		return // whoever resumes it has its timers
	}
	l.alarm = time.AfterFunc(max(0, l.wake.Sub(l.s.Now())), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.s.bring(ctx, l); err != nil {
			return // the next event tells
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.out == nil || l.over || l.leaving || l.running || l.wake.IsZero() {
			return
		}
		l.wake = time.Time{}
		l.queue = append(l.queue, task{payload: []byte(`{"type":"wake"}`), wake: true})
		l.begin()
	})
}
