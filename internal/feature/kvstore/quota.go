package kvstore

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Quota is how much one installation may store, values and secrets together.
type Quota struct {
	Keys  int64
	Bytes int64 // of keys and values
}

// DefaultQuota is what an installation may store unless it is said otherwise.
var DefaultQuota = Quota{Keys: 1_000_000, Bytes: 1 << 30}

const (
	// recountAfter is how long a count is relied on: what other servers stored is known
	// after this time.
	recountAfter = 10 * time.Minute
	// recountPause bounds how often an installation near its limit is counted again.
	recountPause = time.Second
	// maxCounted bounds the counts in memory; what is forgotten is counted again.
	maxCounted = 16384
)

// usage is what an installation has at most. Far from the limit a write costs no look:
// what is stored is added, as if it replaced nothing, so the sum is too high rather than
// too low. Near the limit it is counted anew, and each write is held against what it
// replaces.
type usage struct {
	// writes is held while a value is written: by many far from the limit, by one alone
	// where the count is read from what is written.
	writes sync.RWMutex

	mu          sync.Mutex
	keys, bytes int64
	counted     time.Time
	inflated    bool // something was added, or deleted, without a look
}

// Bound sets what an installation may store; it is called before anything is stored.
func (s *Store) Bound(q Quota) { s.usages = newUsages(q) }

// Stored is what an installation has stored, and may.
func (s *Store) Stored(ctx context.Context, scope tenant.Scope) (has, may Quota, err error) {
	if !scope.Valid() || scope.Install() == "" {
		return has, may, fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	var u usage
	if err := s.count(ctx, scope.Install(), &u); err != nil {
		return has, may, err
	}
	return Quota{u.keys, u.bytes}, s.usages.quota, nil
}

type usages struct {
	quota Quota
	cache *lru.Cache[id.Install, *usage]
}

func newUsages(q Quota) *usages {
	cache, _ := lru.New[id.Install, *usage](maxCounted) // the only error is a size below one
	return &usages{quota: q, cache: cache}
}

func (u *usages) of(install id.Install) *usage {
	if have, ok := u.cache.Get(install); ok {
		return have
	}
	fresh := &usage{}
	if have, ok, _ := u.cache.PeekOrAdd(install, fresh); ok {
		return have
	}
	return fresh
}

// deleted notes that a count may be too high now.
func (u *usages) deleted(install id.Install) {
	if have, ok := u.cache.Get(install); ok {
		have.mu.Lock()
		have.inflated = true
		have.mu.Unlock()
	}
}

// claim is what one value needs room for. size is the statement that tells how much its
// key, at, has already: near the limit, what replaces a value needs only what it has more.
type claim struct {
	size  string
	at    []any
	bytes int
}

// room takes room for values, or refuses all of them. Whoever is given room calls written
// when the values are stored, or were not.
func (s *Store) room(ctx context.Context, install id.Install, claims ...claim) (written func(), err error) {
	var need amount
	for _, c := range claims {
		need.keys, need.bytes = need.keys+1, need.bytes+int64(c.bytes)
	}
	u := s.usages.of(install)
	u.writes.RLock()
	if u.take(s.usages.quota, need) {
		return u.writes.RUnlock, nil
	}
	u.writes.RUnlock()
	u.writes.Lock()
	if err := s.exactRoom(ctx, install, u, need, claims); err != nil {
		u.writes.Unlock()
		return nil, err
	}
	return u.writes.Unlock, nil
}

// amount is what values need.
type amount struct{ keys, bytes int64 }

func (u *usage) over(limit Quota, need amount) bool {
	return u.keys+need.keys > limit.Keys || u.bytes+need.bytes > limit.Bytes
}

// near is a limit from which on writes are looked at.
func (q Quota) near() Quota { return Quota{q.Keys / 8 * 7, q.Bytes / 8 * 7} }

// take adds what is needed without a look; false near the limit, or when it is time to count.
func (u *usage) take(q Quota, need amount) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.counted.IsZero() || time.Since(u.counted) > recountAfter || u.over(q.near(), need) {
		return false
	}
	u.keys, u.bytes, u.inflated = u.keys+need.keys, u.bytes+need.bytes, true
	return true
}

// exactRoom decides while nobody else writes.
func (s *Store) exactRoom(ctx context.Context, install id.Install, u *usage, need amount, claims []claim) error {
	q := s.usages.quota
	u.mu.Lock()
	defer u.mu.Unlock()
	if age := time.Since(u.counted); u.counted.IsZero() || age > recountAfter || u.inflated && (u.over(q, need) || age > recountPause) {
		if err := s.count(ctx, install, u); err != nil {
			return err
		}
	}
	now := s.clock.millis()
	for _, c := range claims {
		var old int64
		switch err := s.db.QueryRow(ctx, c.size, append(append([]any{install}, c.at...), now)...).Scan(&old); {
		case err == nil:
			need = amount{need.keys - 1, need.bytes - old}
		case !errors.Is(err, db.ErrNoRows):
			return fault.Op("kvstore.room", err)
		}
	}
	if !u.over(q, need) {
		// A write that fails now leaves the count too high until it is taken anew.
		u.keys, u.bytes = u.keys+need.keys, u.bytes+need.bytes
		return nil
	}
	limit, figure, what := q.Bytes, u.bytes+need.bytes, "bytes"
	if u.keys+need.keys > q.Keys {
		limit, figure, what = q.Keys, u.keys+need.keys, "keys"
	}
	return fault.New(fault.Limit, "LIMIT_STORAGE", "the installation would have %d %s stored, the limit is %d", figure, what, limit).
		With("limit", limit).With("figure", figure).WithFix("delete what is not needed, or store values with a time to live")
}

func (s *Store) count(ctx context.Context, install id.Install, u *usage) error {
	var keys, bytes int64
	for _, statement := range []string{countValues, countSecrets, countEntities} {
		var k, b int64
		if err := s.db.QueryRow(ctx, statement, install, s.clock.millis()).Scan(&k, &b); err != nil {
			return fault.Op("kvstore.count", err)
		}
		keys, bytes = keys+k, bytes+b
	}
	u.keys, u.bytes, u.counted, u.inflated = keys, bytes, time.Now(), false
	return nil
}
