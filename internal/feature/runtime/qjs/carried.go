package qjs

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// carried are the host calls of one session that are under way. An event that makes room for
// another one leaves its own behind: they go on as calls of that event, under its rights and
// within its time, and the event that is under way when one is answered is told. Numbers of
// host calls are the memory's: where an event fails, the memory is what it was before it, and
// its numbers come again, so an answer counts only for whoever made the call.
type carried struct {
	mu      sync.Mutex
	open    map[uint32]*attempt // host calls that are not answered, and who made them
	way     *attempt            // the one under way, of which its worker knows; nil for none
	to      *attempt            // who is told: that one, until it makes room
	telling int                 // answers that are being sent to it
	room    func()              // what has it make room, once that is possible
	turned  chan struct{}       // closed when who is told is another
	dropped bool
}

const (
	// maxCarried is how many host calls a session may wait for and still make room; over it
	// the next event waits.
	maxCarried = 100
	// carriedFor ends a wait for an event that never comes.
	carriedFor = 2 * time.Minute
)

// carriedOf is what a call carries from the events before it; nil for a call of no session.
func carriedOf(c *call.Call) *carried {
	if c.Session == nil {
		return nil
	}
	if k, ok := c.Session.Carried.(*carried); ok {
		return k
	}
	return &carried{open: map[uint32]*attempt{}, turned: make(chan struct{})}
}

// Waits implements call.Carried.
func (c *carried) Waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) > 0
}

// Drop implements call.Carried.
func (c *carried) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped = true
	clear(c.open)
	c.turn(nil)
}

// turn says who is told from now on; c.mu is held.
func (c *carried) turn(to *attempt) {
	c.to = to
	close(c.turned)
	c.turned = make(chan struct{})
}

// calls are those that the next event is told of.
func (c *carried) calls() (out []uint32) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.open {
		out = append(out, id)
	}
	return out
}

// begins has an attempt told: its worker knows of it.
func (c *carried) begins(a *attempt) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.over {
		c.way = a
		c.turn(a)
		c.give()
	}
}

// made notes a host call.
func (c *carried) made(a *attempt, id uint32) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dropped {
		c.open[id] = a
	}
}

// now is who is to be told of an answer at this moment, nil for nobody; done is called when it
// was. A call of no session is told itself.
func (c *carried) now(a *attempt, id uint32) (to *attempt, done func()) {
	if c == nil {
		return a, func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.to == nil || c.open[id] != a {
		return nil, nil
	}
	if c.to != a {
		if !c.to.effect() {
			return nil, nil // it runs again elsewhere
		}
		c.to.effects.Store(true) // and must not, once it was told
	}
	delete(c.open, id)
	c.telling++
	return c.to, c.told
}

// next waits for who is to be told of an answer; nil where nobody ever is.
func (c *carried) next(a *attempt, id uint32) (to *attempt, done func()) {
	limit := time.NewTimer(carriedFor)
	defer limit.Stop()
	for {
		c.mu.Lock()
		turned, gone := c.turned, c.open[id] != a
		c.mu.Unlock()
		if gone {
			return nil, nil
		}
		if to, done = c.now(a, id); to != nil {
			return to, done
		}
		select {
		case <-turned:
		case <-limit.C:
			c.forget(a, id)
			return nil, nil
		}
	}
}

func (c *carried) forget(a *attempt, id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[id] == a {
		delete(c.open, id)
	}
}

// told is the end of an answer's way.
func (c *carried) told() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.telling--
	c.give()
}

// makeRoom has ask called once no answer is on its way to the attempt, and none is sent after
// it: what the worker is then parked without is what is open here.
func (c *carried) makeRoom(a *attempt, ask func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.over {
		c.room = ask
		c.give()
	}
}

// give lets the attempt make room if it can; c.mu is held.
func (c *carried) give() {
	if c.room == nil || c.way == nil || c.to != nil && len(c.open) > maxCarried {
		return
	}
	if c.to != nil {
		c.turn(nil)
	}
	if c.telling == 0 {
		ask := c.room
		c.room = nil
		ask()
	}
}

// ends is the end of an attempt: of one that failed, or did not end by making room when it was
// asked to, nothing is left to be told. It gives what the next event carries.
func (c *carried) ends(a *attempt, res call.Result, err error) call.Carried {
	if c == nil {
		return nil
	}
	var rest hostcall.SessionHead
	if err == nil && json.Unmarshal(res.Head, &rest) != nil {
		rest.Room = false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	room := rest.Room && c.to == nil && c.way == a
	c.room, c.way, a.over = nil, nil, true
	if err == nil && !room {
		clear(c.open)
	}
	for id, made := range c.open {
		if err != nil && made == a {
			delete(c.open, id)
		}
	}
	c.turn(nil)
	if err != nil || len(c.open) == 0 {
		return nil
	}
	return c
}

// tell gives a host call's answer to whoever waits for it: the call that made it or, where that
// was an event that made room, the one that is under way then.
func (w *worker) tell(a *attempt, id uint32, rep call.Reply, err error) {
	if a.session == nil {
		w.reply(a, id, rep, err)
		return
	}
	if to, done := a.session.next(a, id); to != nil {
		defer done()
		w.at(a, to).reply(to, id, rep, err)
	}
}

// at is where an attempt runs that is told of another's answer, or of its own.
func (w *worker) at(a, to *attempt) *worker {
	if to == a {
		return w
	}
	return to.at
}

// late says that a host call took longer than its event had. The event itself is over by then;
// one after it may wait.
func (w *worker) late(a *attempt, id uint32) {
	if a.session == nil || errors.Is(a.ctx.Err(), context.Canceled) {
		return
	}
	w.tell(a, id, call.Reply{}, fault.New(fault.Limit, "LIMIT_WALL", "the answer did not come before the event's time was up").With("limit", "wall"))
}
