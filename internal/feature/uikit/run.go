package uikit

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// A session's events run one after the other, each as a call of its own. One that waits for
// answers of host calls makes room for the next one.

// hurry has what is under way make room when it waits for nothing but timers; l.mu is held.
func (l *live) hurry() {
	if l.yield != nil {
		l.yield()
		l.yield = nil
	}
}

// makeRoom has what is under way end although it waits for answers of host calls: something
// else is to be handled, which would wait for them too; l.mu is held.
func (l *live) makeRoom() {
	if l.room != nil {
		l.room()
		l.room = nil
	}
}

// begin handles what waits, if nobody does; l.mu is held.
func (l *live) begin() {
	if l.running || l.over || l.resting || len(l.queue) == 0 {
		return
	}
	l.running = true
	go l.run()
}

// settle waits until no event is under way.
func (l *live) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.running {
		l.settled.Wait()
	}
}

func (l *live) run() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 && !l.over && l.carried != nil && l.carried.Waits() {
			l.queue = append(l.queue, task{payload: []byte(`{"type":"wake"}`), wake: true, waits: true})
		}
		more := len(l.queue) > 0 && !l.over
		if !more && l.leaving && !l.over {
			l.mu.Unlock()
			l.end(nil)
			l.mu.Lock()
		}
		if !more {
			l.running = false
			l.setAlarm()
			l.settled.Broadcast()
		}
		// Who was told that an event is handled finds nothing under way.
		l.sayHandled()
		if !more {
			l.mu.Unlock()
			return
		}
		t := l.queue[0]
		l.queue = l.queue[1:]
		parked := l.parked
		l.mu.Unlock()
		if !l.activate(t, parked) && t.waits {
			l.mu.Lock()
			l.drop() // it would fail again
			l.mu.Unlock()
		}
		if t.number > 0 {
			l.mu.Lock()
			l.handled, l.unsaid = t.number, true
			l.mu.Unlock()
		}
	}
}

// sayHandled says up to which event all are handled, and which of them are not; l.mu is held.
func (l *live) sayHandled() {
	if l.over {
		return
	}
	open := slices.DeleteFunc(slices.Clone(l.unsettled), func(n int64) bool { return n <= 0 || n > l.handled })
	if l.handled > 0 && (l.unsaid || !slices.Equal(open, l.saidOpen)) {
		l.unsaid, l.saidOpen = false, open
		said := map[string]any{"idle": true, "event": l.handled}
		if len(open) > 0 {
			said["open"] = open
		}
		l.say(said)
	}
	// What is drawn from now on follows from what somebody does.
	if l.begins && !slices.Contains(l.unsettled, first) && l.parked != nil {
		l.begins = false
		l.say(map[string]any{"begun": true})
	}
}

// drop has nobody told of what events left under way; l.mu is held.
func (l *live) drop() {
	if l.carried != nil {
		l.carried.Drop()
	}
	l.carried, l.unsettled = nil, nil
}

// activate runs one event in the sandbox. It answers whether it came to its end, or made room.
func (l *live) activate(t task, parked []byte) bool {
	ctx, cancel := context.WithTimeout(context.Background(), l.s.within)
	defer cancel()
	var p *call.Policy
	err := l.s.patiently(ctx, func() (err error) {
		p, err = l.s.Policies.Policy(ctx, l.spec.Install)
		return err
	})
	if err != nil {
		l.failed(err, t, parked)
		return false
	}
	if !l.goesOn(ctx, p) {
		_ = l.stops(p)
		return false
	}
	yields, room := make(chan struct{}), make(chan struct{})
	l.mu.Lock()
	l.room = sync.OnceFunc(func() { close(room) })
	carried := l.carried
	// What waits for answers that others wait for as well ends before them, so that its person
	// is told that it is handled. Who waits for them then is an event of its own.
	if len(l.queue) > 0 || carried != nil && carried.Waits() && !t.waits {
		l.makeRoom()
	}
	l.yield = sync.OnceFunc(func() { close(yields) })
	// What a person did is handled when nothing but timers is left of it. Those follow in a
	// run of their own, which makes room for whatever the person does next.
	if !t.wake || t.waits || l.leaving || len(l.queue) > 0 || l.s.stopped() {
		l.hurry()
	}
	l.mu.Unlock()
	told := newMailbox(func(message []byte) { l.told(l.now(p), message) })
	c := &call.Call{
		Kind: call.Session, Installation: l.spec.Install, Module: l.spec.Module, Function: l.spec.Function, Principal: l.who.Principal,
		Context: l.spec.Context, Payload: t.payload, ContentType: "application/json",
		Session: &call.Activation{
			Session: l.id, Epoch: p.Epoch, GoesOn: l.goesOn, Parked: parked, Portable: l.s.DB.Postgres(), Resolver: l.spec.Resolver, Emit: told.put, Yield: yields, Room: room, Number: t.number, Carried: carried,
		},
	}
	var res call.Result
	err = l.s.patiently(ctx, func() (err error) {
		res, err = l.s.Invoker.Invoke(ctx, c)
		return err
	})
	told.close()
	c.Session.Parked = nil // its host calls may go on, and need it no more
	l.mu.Lock()
	l.yield, l.room = nil, nil
	l.mu.Unlock()
	if err != nil && ctx.Err() != nil && l.ended() {
		return false // nobody is there to be told
	}
	if err != nil {
		if carried == nil || !carried.Waits() {
			l.mu.Lock()
			l.drop()
			l.mu.Unlock()
		}
		l.failed(err, t, parked)
		return false
	}
	var rest call.Rest
	if jerr := json.Unmarshal(res.Head, &rest); jerr != nil {
		rest.WakeMS = -1
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		if res.Carried != nil {
			res.Carried.Drop()
		}
		return false
	}
	l.parked, l.rested = res.Body, l.tree
	l.carried, l.unsettled = res.Carried, nil
	if l.carried != nil {
		l.unsettled = rest.Open
	}
	l.wake = time.Time{}
	if rest.WakeMS >= 0 {
		l.wake = l.s.Now().Add(max(time.Duration(rest.WakeMS)*time.Millisecond, leastWake))
	}
	return true
}

// patiently does something again while nobody knows what the installation may do, as on a server
// that is very busy: the event was taken, and its person would wait for nothing. Whoever refuses
// for that reason has done nothing.
func (s *Service) patiently(ctx context.Context, act func() error) error {
	for waited := time.Duration(0); ; waited += staleEvery {
		err := act()
		if fault.CodeOf(err) != "POLICY_STALE" || waited >= staleFor || s.stopped() {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(staleEvery):
		}
	}
}
