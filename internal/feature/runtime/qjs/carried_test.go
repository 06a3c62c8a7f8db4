package qjs

import (
	"errors"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
)

// asked counts how often an attempt was asked to make room.
type asked struct{ n int }

func (a *asked) ask() { a.n++ }

var madeRoom = call.Result{Head: []byte(`{"wake":-1,"room":true}`)}

// begin is the next event of a session, under way.
func begin(c *carried) *attempt {
	a := &attempt{flight: &flight{}, session: c}
	c.begins(a)
	return a
}

func newCarried() *carried { return carriedOf(&call.Call{Session: &call.Activation{}}) }

// What an event leaves under way is told to the one that is under way when it is answered, once.
func TestCarriedAnswers(t *testing.T) {
	c, room := newCarried(), &asked{}
	a := begin(c)
	c.made(a, 5)
	c.made(a, 6)
	c.made(a, 7)
	to, done := c.now(a, 5)
	if to != a {
		t.Fatal("its own answer")
	}
	c.makeRoom(a, room.ask)
	if room.n != 0 {
		t.Error("it is asked to make room while an answer is on its way to it, which would be lost")
	}
	if to, _ := c.now(a, 6); to != nil {
		t.Error("an answer goes to an event that makes room")
	}
	done()
	if room.n != 1 {
		t.Fatalf("asked %d times", room.n)
	}
	if c.ends(a, madeRoom, nil) == nil || len(c.calls()) != 2 {
		t.Fatalf("the next event carries %v", c.calls())
	}
	told := make(chan *attempt, 1)
	go func() {
		to, _ := c.next(a, 6)
		told <- to
	}()
	b := begin(c)
	if to := <-told; to != b {
		t.Error("the answer went elsewhere")
	}
	if !b.effects.Load() || b.move() {
		t.Error("an event that was told something may run again")
	}
	if to, _ := c.now(a, 6); to != nil {
		t.Error("an answer counts twice")
	}
	if got := c.ends(b, call.Result{Head: []byte(`{"wake":-1}`)}, nil); got != nil {
		t.Error("an event that did not make room leaves something behind")
	}
	if to, _ := c.next(a, 7); to != nil {
		t.Error("a session that rested is told something")
	}
}

// An event that fails leaves the memory of before: the numbers of its host calls come again, and
// its answers are nobody's.
func TestAnswersOfWhatFailedAreNobodys(t *testing.T) {
	c, room := newCarried(), &asked{}
	a := begin(c)
	c.made(a, 5)
	c.makeRoom(a, room.ask)
	c.ends(a, madeRoom, nil)
	b := begin(c)
	c.made(b, 6)
	if c.ends(b, call.Result{}, errors.New("lost")) != nil {
		t.Error("what failed is carried on")
	}
	if got := c.calls(); len(got) != 1 || got[0] != 5 {
		t.Errorf("the next event carries %v", got)
	}
	d := begin(c)
	c.made(d, 6)
	if to, _ := c.next(b, 6); to != nil {
		t.Error("an answer of a failed event goes to another one's host call of the same number")
	}
	if to, _ := c.now(d, 6); to != d {
		t.Error("its own answer")
	}
	// One that runs again elsewhere is told nothing under its first attempt.
	d.fate.Store(moved)
	if to, _ := c.now(a, 5); to != nil {
		t.Error("an attempt that was moved is told something")
	}
	c.Drop()
	if to, _ := c.next(a, 5); to != nil || c.Waits() {
		t.Error("a session that is over is told something")
	}
}

// A worker's word that it made room counts where it was asked to; what waits for very much is not
// asked, and is told of its answers.
func TestRoomIsAskedFor(t *testing.T) {
	c, room := newCarried(), &asked{}
	a := begin(c)
	for id := range uint32(maxCarried + 1) {
		c.made(a, id)
	}
	c.makeRoom(a, room.ask)
	if to, done := c.now(a, 0); room.n != 0 || to != a {
		t.Errorf("asked %d times", room.n)
	} else {
		done()
	}
	if room.n != 1 {
		t.Error("it is not asked when it waits for less")
	}
	if c.ends(a, madeRoom, nil) == nil {
		t.Error("nothing is carried")
	}
	b := begin(c)
	if c.ends(b, madeRoom, nil) != nil {
		t.Error("it was not asked")
	}
	early := &attempt{flight: &flight{}, session: c}
	c.makeRoom(early, room.ask)
	if room.n != 1 {
		t.Error("it is asked before its worker knows of it")
	}
	c.begins(early)
	if room.n != 2 {
		t.Error("it is not asked")
	}
	c.ends(early, call.Result{}, errors.New("lost"))
	c.begins(early)
	if to, _ := c.now(early, 1); to != nil {
		t.Error("an attempt that is over is told something")
	}
}
