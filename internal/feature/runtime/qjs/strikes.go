package qjs

import (
	"sync"
	"time"
)

const (
	// strikesFor is how long a strike is held against an app's environment.
	strikesFor = 10 * time.Minute
	// maxSuspicions is how often a version may be among several in a worker that hung,
	// before it counts as one that hangs workers.
	maxSuspicions = 2
	// maxTallies is from when on tallies that say nothing are dropped.
	maxTallies = 4096
)

// tallies are kept for environments and not for versions: what is deployed anew does not
// begin anew.
type tallies struct {
	mu sync.Mutex
	of map[string]*tally
}

func newTallies() *tallies { return &tallies{of: map[string]*tally{}} }

// get gives an environment's tally.
func (t *tallies) get(owner string) *tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok := t.of[owner]; ok {
		return k
	}
	if len(t.of) >= maxTallies {
		now := time.Now()
		for name, k := range t.of {
			if k.clean(now) {
				delete(t.of, name)
			}
		}
	}
	k := &tally{owner: owner}
	t.of[owner] = k
	return k
}

// tally counts the workers that one environment of an app has cost.
type tally struct {
	owner string

	mu         sync.Mutex
	strikes    int
	suspicions int
	last       time.Time
}

// struck reports whether the environment's calls must run where they stop only themselves.
func (t *tally) struck(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	return t.strikes > 0
}

func (t *tally) clean(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	return t.strikes == 0 && t.suspicions == 0
}

// strike is for a worker that nobody else can have cost.
func (t *tally) strike(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	t.strikes++
	t.last = now
}

// suspect is for a worker that this or another environment cost.
func (t *tally) suspect(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	t.suspicions++
	if t.suspicions >= maxSuspicions {
		t.strikes++
	}
	t.last = now
}

func (t *tally) expire(now time.Time) {
	if now.Sub(t.last) > strikesFor {
		t.strikes, t.suspicions = 0, 0
	}
}
