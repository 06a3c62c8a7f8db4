package kvstore

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxCounted bounds what is remembered of counts; what is forgotten is read again.
const maxCounted = 49152

// usage is what a count is at most, as far as this server knows: what the database had when
// it was asked, and what was let through since or was under way then.
type usage struct {
	asking sync.Mutex // around a look

	mu       sync.Mutex
	base     Quota
	since    Quota
	underWay Quota // of since or base: writes that are not done
	next     Quota // what since becomes when the look under way is over
	asked    time.Time
}

type usages struct{ cache *lru.Cache[string, *usage] }

func newUsages() *usages {
	cache, _ := lru.New[string, *usage](maxCounted) // the only error is a size below one
	return &usages{cache}
}

func (u *usages) of(who string) *usage {
	if have, ok := u.cache.Get(who); ok {
		return have
	}
	fresh := &usage{}
	if have, ok, _ := u.cache.PeekOrAdd(who, fresh); ok {
		return have
	}
	return fresh
}

func (q Quota) plus(o Quota) Quota  { return Quota{q.Keys + o.Keys, q.Bytes + o.Bytes} }
func (q Quota) minus(o Quota) Quota { return Quota{q.Keys - o.Keys, q.Bytes - o.Bytes} }

// fits says whether a limit has room for what would be there with need: of what nothing is
// needed there may be too much already.
func (q Quota) fits(would, need Quota) bool {
	return (need.Keys <= 0 || q.Keys <= 0 || would.Keys <= q.Keys) && (need.Bytes <= 0 || q.Bytes <= 0 || would.Bytes <= q.Bytes)
}

// near is a limit from which on writes are looked at; never 0, which bounds nothing.
func (q Quota) near() Quota {
	near := func(n int64) int64 {
		if n <= 0 {
			return n
		}
		return max(1, n/8*7)
	}
	return Quota{near(q.Keys), near(q.Bytes)}
}

// room says whether so much more is within a limit. The caller need not take it.
func (u *usage) room(limit, need Quota) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return limit.fits(u.base.plus(u.since).plus(need), need)
}

// take counts what is needed for all counts, or for none: then it gives the one that has no
// room, and what it would have had.
func take(counts []count, need Quota, limit func(Quota) Quota) (full *count, figure Quota) {
	for i, c := range counts {
		c.usage.mu.Lock()
		would := c.usage.base.plus(c.usage.since).plus(need)
		fits := limit(c.may).fits(would, need)
		if fits {
			c.usage.add(need)
		}
		c.usage.mu.Unlock()
		if !fits {
			for _, before := range counts[:i] {
				before.usage.mu.Lock()
				before.usage.add(Quota{}.minus(need))
				before.usage.mu.Unlock()
			}
			return &counts[i], would
		}
	}
	return nil, Quota{}
}

// add counts what is under way from now. The caller holds mu.
func (u *usage) add(need Quota) {
	u.since, u.underWay, u.next = u.since.plus(need), u.underWay.plus(need), u.next.plus(need)
}

// given is what a writer calls who is done.
func given(counts []count, need Quota) func() {
	return func() {
		for _, c := range counts {
			c.usage.mu.Lock()
			c.usage.underWay = c.usage.underWay.minus(need)
			c.usage.mu.Unlock()
		}
	}
}

// known sees to it that a count is not older than learnAfter, and that no more than an eighth
// of the limit was let through since: other servers may have done the same.
func (s *Store) known(ctx context.Context, c *count) error {
	now := time.Now()
	oldest := now.Add(-learnAfter)
	c.usage.mu.Lock()
	if c.may.Keys > 0 && c.usage.since.Keys > c.may.Keys/8 || c.may.Bytes > 0 && c.usage.since.Bytes > c.may.Bytes/8 {
		oldest = now
	}
	fresh := c.usage.asked.After(oldest)
	c.usage.mu.Unlock()
	if fresh {
		return nil
	}
	return s.learn(ctx, c, oldest)
}

// learn reads a count, unless somebody began to do so after a time.
func (s *Store) learn(ctx context.Context, c *count, after time.Time) error {
	u := c.usage
	u.asking.Lock()
	defer u.asking.Unlock()
	u.mu.Lock()
	if u.asked.After(after) {
		u.mu.Unlock()
		return nil
	}
	began := time.Now()
	u.next = u.underWay // what is written meanwhile may be in the answer or not
	u.mu.Unlock()
	has, err := s.has(ctx, *c)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.base, u.since, u.asked = has, u.next, began
	return nil
}
