package trigger

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// trust is how long a look-up is believed. An address deleted by another server
	// process is refused here after at most this time; within one process at once.
	trust   = 500 * time.Millisecond
	maxSeen = 16384
	// patience is how long a look-up may take: as long as a policy counts unconfirmed, so
	// that a database that hangs does not make requests pile up.
	patience = time.Second
)

// place is whose an address is.
type place struct {
	install id.Install
	site    id.Site
	module  string
}

// sighting is what was found as of the moment its look-up began.
type sighting[V any] struct {
	what       V
	asOf       time.Time
	generation uint64
}

// seen keeps look-ups in memory, so that the path of a request has no database on it.
// What is not there is not kept: a flood of guesses must not displace real addresses.
type seen[K ~string, V any] struct {
	load   func(ctx context.Context, key K) (V, error)
	now    func() time.Time
	cache  *lru.Cache[K, *sighting[V]]
	flight singleflight.Group
	// generation counts deletions in this process: a look-up that began before one must
	// not be believed after it, even if it finishes later.
	generation atomic.Uint64
}

func newSeen[K ~string, V any](now func() time.Time, load func(ctx context.Context, key K) (V, error)) *seen[K, V] {
	cache, _ := lru.New[K, *sighting[V]](maxSeen) // the only error is a size below one
	return &seen[K, V]{load: load, now: now, cache: cache}
}

func (s *seen[K, V]) forget(key K) {
	s.generation.Add(1)
	s.cache.Remove(key)
}

func (s *seen[K, V]) forgetAll() {
	s.generation.Add(1)
	s.cache.Purge()
}

// find gives what is remembered of a key, or looks it up.
func (s *seen[K, V]) find(ctx context.Context, key K) (V, error) {
	now, generation := s.now(), s.generation.Load()
	if got, ok := s.cache.Get(key); ok && got.generation == generation && now.Sub(got.asOf) < trust {
		return got.what, nil
	}
	// The generation is part of the flight's name: who asks after a deletion must not
	// join a look-up that began before it.
	found, err, _ := s.flight.Do(string(key)+strconv.FormatUint(generation, 16), func() (any, error) {
		// The first caller's going away must not fail those who wait with it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		what, err := s.load(ctx, key)
		if err != nil {
			if ctx.Err() != nil {
				err = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the database does not answer").WithFix("try again").Because(err)
			}
			return nil, err
		}
		at := &sighting[V]{what: what, asOf: now, generation: generation}
		s.cache.Add(key, at)
		return at, nil
	})
	if err != nil {
		s.cache.Remove(key)
		var nothing V
		return nothing, err
	}
	return found.(*sighting[V]).what, nil
}

// placeOf tells whose an address is; db.ErrNoRows when it is nobody's.
func placeOf(d *db.DB) func(context.Context, id.Trigger) (place, error) {
	return func(ctx context.Context, t id.Trigger) (at place, err error) {
		var install, site string
		err = d.QueryRow(ctx, triggerByID, string(t)).Scan(&install, &site, &at.module)
		at.install, at.site = id.Install(install), id.Site(site)
		return at, err
	}
}
