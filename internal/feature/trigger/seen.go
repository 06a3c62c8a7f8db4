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

// sighting is a place as of the moment its look-up began.
type sighting struct {
	place
	asOf       time.Time
	generation uint64
}

// seen keeps addresses in memory, so that the path of a request has no database on
// it. Unknown addresses are not kept: a flood of guesses must not displace real ones.
type seen struct {
	db     *db.DB
	now    func() time.Time
	cache  *lru.Cache[id.Trigger, *sighting]
	flight singleflight.Group
	// generation counts deletions in this process: a look-up that began before one must
	// not be believed after it, even if it finishes later.
	generation atomic.Uint64
}

func newSeen(d *db.DB, now func() time.Time) *seen {
	cache, _ := lru.New[id.Trigger, *sighting](maxSeen) // the only error is a size below one
	return &seen{db: d, now: now, cache: cache}
}

func (s *seen) forget(t id.Trigger) {
	s.generation.Add(1)
	s.cache.Remove(t)
}

func (s *seen) forgetAll() {
	s.generation.Add(1)
	s.cache.Purge()
}

// find tells whose an address is; db.ErrNoRows when it is nobody's.
func (s *seen) find(ctx context.Context, t id.Trigger) (place, error) {
	now, generation := s.now(), s.generation.Load()
	if got, ok := s.cache.Get(t); ok && got.generation == generation && now.Sub(got.asOf) < trust {
		return got.place, nil
	}
	// The generation is part of the key: who asks after a deletion must not join a
	// look-up that began before it.
	key := string(t) + strconv.FormatUint(generation, 16)
	found, err, _ := s.flight.Do(key, func() (any, error) {
		at := &sighting{asOf: now, generation: generation}
		var install, site string
		// The first caller's going away must not fail those who wait with it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		row := s.db.QueryRow(ctx, triggerByID, string(t))
		if err := row.Scan(&install, &site, &at.module); err != nil {
			if ctx.Err() != nil {
				err = fault.New(fault.Unavailable, "STORAGE_UNAVAILABLE", "the database does not answer").WithFix("try again").Because(err)
			}
			return nil, err
		}
		at.install, at.site = id.Install(install), id.Site(site)
		s.cache.Add(t, at)
		return at, nil
	})
	if err != nil {
		s.cache.Remove(t)
		return place{}, err
	}
	return found.(*sighting).place, nil
}
