package qjs

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// bench is a pool of workers without processes, of which the first stands in front.
func bench(n int) *pool {
	p := &pool{front: 1}
	for range n {
		p.slots = append(p.slots, &worker{})
	}
	return p
}

func (p *pool) place(f *flight) int {
	w := p.choose(f)
	w.enter(f.short)
	for i := range p.slots {
		if p.slots[i] == w {
			return i
		}
	}
	return -1
}

func shortCall() *flight { return &flight{call: &call.Call{}, short: true} }
func longCall() *flight  { return &flight{call: &call.Call{}} }

func TestShortCallsStayTogether(t *testing.T) {
	p := bench(3)
	for n := range keepsCalls {
		if at := p.place(shortCall()); at != 0 {
			t.Fatalf("short call %d went to worker %d", n, at)
		}
	}
	if at := p.place(shortCall()); at == 0 {
		t.Error("one more than a worker keeps up with went there too")
	}
	p.slots[0].leave(true)
	if at := p.place(shortCall()); at != 0 {
		t.Error("there was room again, and it was not used")
	}
}

func TestLongCallsSpread(t *testing.T) {
	p := bench(3)
	seen := map[int]int{}
	for range 9 {
		seen[p.place(longCall())]++
	}
	if len(seen) != 3 || seen[0] != 3 || seen[1] != 3 {
		t.Errorf("nine long calls went to %v", seen)
	}
}

func TestLongCallsAvoidShortOnes(t *testing.T) {
	p := bench(2)
	p.place(shortCall())
	if at := p.place(longCall()); at != 1 {
		t.Error("a long call was put before short ones while a worker was idle")
	}
}

func TestShortCallsAvoidLongOnes(t *testing.T) {
	p := bench(2)
	if at := p.place(longCall()); at != 0 {
		t.Fatal(at)
	}
	if at := p.place(shortCall()); at != 1 {
		t.Error("a short call was put behind a long one while a worker was idle")
	}
	p.slots[0].leave(false)
	if at := p.place(shortCall()); at != 0 {
		t.Error("the worker in front is idle, and was not used")
	}
}

// What was short so far need not be now.
func TestShortCallsAvoidWhatIsLate(t *testing.T) {
	p := bench(2)
	f := shortCall()
	w := p.slots[0]
	for range 5 {
		p.place(f)
	}
	w.rhythm.back(&attempt{flight: f, began: time.Now().Add(-2 * lateAfter)})
	if at := p.place(shortCall()); at != 1 {
		t.Error("a call came back late, and the next one was put there too")
	}
	w.rhythm.late.Store(0)
	w.rhythm.busy.Store(time.Now().Add(-2 * saysWithin).UnixNano())
	if at := p.place(shortCall()); at != 1 {
		t.Error("a worker said nothing for long, and got the next call")
	}
	w.rhythm.said.Store(time.Now().UnixNano())
	if at := p.place(shortCall()); at != 0 {
		t.Error("it answers again, and was not used")
	}
	f.hostCalls.Add(1)
	w.rhythm.back(&attempt{flight: f, began: time.Now().Add(-time.Minute)})
	if at := p.place(shortCall()); at != 0 {
		t.Error("a call that waited for something outside was held against the worker")
	}
}

func TestPaces(t *testing.T) {
	var p paces
	if p.short("f") {
		t.Error("what never ran is said to be short")
	}
	p.took("f", 80*time.Microsecond)
	if !p.short("f") || p.short("g") {
		t.Error("one short call makes its function short, and no other")
	}
	p.took("f", time.Second)
	if !p.short("f") {
		t.Error("a single long call outweighs what was short before")
	}
	for range 8 {
		p.took("f", time.Second)
	}
	if p.short("f") {
		t.Error("nine long calls, and the function is still short")
	}
	for range 40 {
		p.took("f", 80*time.Microsecond)
	}
	if !p.short("f") {
		t.Error("forty short calls, and the function is still long")
	}
}

// A call whose caller stays for its end, however long that takes, does not wait for a worker
// longer than it may last itself.
func TestNoWorkerIsWaitedForBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{slots: make([]*worker, 2), front: 1, changed: make(chan struct{})}
		f := longCall()
		f.deadline = time.Now().Add(25 * time.Second)
		if w, err := p.shared(context.WithoutCancel(t.Context()), f); w != nil || fault.CodeOf(err) != "WORKER_LOST" {
			t.Errorf("got %v, %v", w, err)
		}
	})
}
