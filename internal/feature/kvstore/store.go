// Package kvstore is an app's storage: keys and JSON values, sealed secrets, and entities
// of typed attributes with indexes, per installation. An installation cannot reach another one's data: each statement takes
// a tenant.Scope, and secrets are sealed under the installation's own key.
//
// A value that Set acknowledged is durable. Cost does not grow with the data of other
// installations: every access is one range of one index.
package kvstore

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Sealer encrypts secrets; *seal.Ring is one.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Store is the storage of all installations.
type Store struct {
	db     *db.DB
	sealer Sealer
	clock  *clock
	usages *usages
	owners *lru.Cache[id.Install, Owner]

	// Count bounds what apps read and write, in pieces of 10 KB; it may be nil. It is set before
	// anything is stored.
	Count Count
	// Quotas are what may be stored, DefaultQuotas when it is nil, and Owners says whose
	// installations are; without it they belong to no app. Both are set before anything is stored.
	Quotas func(app id.App, install id.Install) Quotas
	Owners Owners

	manifests Manifests
	kinds     *lru.Cache[id.Version, map[string]*Kind]
}

// Count counts pieces of 10 KB that an app reads or writes, or refuses them.
type Count interface {
	Read(p *call.Policy, pieces int) error
	HasRead(p *call.Policy, pieces int)
	Write(p *call.Policy, pieces int) error
	// Full is told of what was refused because as much is stored as may be.
	Full(sc tenant.Scope)
}

// maxVersions bounds how many versions' declarations are kept in memory.
const maxVersions = 4096

// New makes a Store. Its Migrations must have run. Without manifests no entity is declared.
func New(d *db.DB, sealer Sealer, manifests Manifests) *Store {
	kinds, err := lru.New[id.Version, map[string]*Kind](maxVersions)
	if err != nil {
		panic(err) // of a size below 1
	}
	owners, err := lru.New[id.Install, Owner](maxCounted)
	if err != nil {
		panic(err) // the same
	}
	return &Store{db: d, sealer: sealer, clock: newClock(time.Now), usages: newUsages(), owners: owners, manifests: manifests, kinds: kinds}
}

// SetOptions are the options of a write.
type SetOptions struct {
	// TTL is how long the value lives; 0 for ever.
	TTL time.Duration
	// FailIfExists refuses with KEY_CONFLICT when there is such a key already.
	FailIfExists bool
}

// Item is a stored value with its times in Unix milliseconds.
type Item struct {
	Value            []byte
	Created, Updated int64
	Expires          int64 // 0 for never
}

// Get gives the JSON value of a key, and whether there is one.
func (s *Store) Get(ctx context.Context, sc tenant.Scope, key string) (value []byte, found bool, err error) {
	i, found, err := s.Read(ctx, sc, key)
	return i.Value, found, err
}

// Read is Get with the value's times.
func (s *Store) Read(ctx context.Context, sc tenant.Scope, key string) (i Item, found bool, err error) {
	install, err := check(sc, key)
	if err != nil {
		return Item{}, false, err
	}
	i, found, err = s.value(ctx, install, key, s.clock.millis())
	return i, found, fault.Op("kvstore.Read", err)
}

func (s *Store) value(ctx context.Context, install id.Install, key string, now int64) (i Item, found bool, err error) {
	err = s.db.QueryRow(ctx, getValue, install, key, now).Scan(&i.Value, &i.Created, &i.Updated, &i.Expires)
	if errors.Is(err, db.ErrNoRows) {
		return Item{}, false, nil
	}
	return i, err == nil, err
}

// Set stores a JSON value.
func (s *Store) Set(ctx context.Context, sc tenant.Scope, key string, value []byte, o SetOptions) error {
	install, err := check(sc, key)
	if err != nil {
		return err
	}
	if err := checkValue(value, o); err != nil {
		return err
	}
	written, err := s.room(ctx, sc, claim{sizeOfValue, []any{key}, len(key) + len(value)})
	if err != nil {
		return err
	}
	defer written()
	return fault.Op("kvstore.Set", s.setValue(ctx, install, key, value, o, s.clock.millis()))
}

func (s *Store) setValue(ctx context.Context, install id.Install, key string, value []byte, o SetOptions, now int64) error {
	statement := setValue
	if o.FailIfExists {
		statement = addValue
	}
	n, err := s.db.Exec(ctx, statement, install, key, value, now, now, expiry(now, o.TTL))
	if err == nil && n == 0 {
		return conflict()
	}
	return err
}

// Delete removes a key; that there is none is no error.
func (s *Store) Delete(ctx context.Context, sc tenant.Scope, key string) error {
	install, err := check(sc, key)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, deleteValue, install, key)
	return fault.Op("kvstore.Delete", err)
}

// GetSecret is Get in the namespace of secrets, which no query shows.
func (s *Store) GetSecret(ctx context.Context, sc tenant.Scope, key string) (value []byte, found bool, err error) {
	i, found, err := s.ReadSecret(ctx, sc, key)
	return i.Value, found, err
}

// ReadSecret is GetSecret with the value's times.
func (s *Store) ReadSecret(ctx context.Context, sc tenant.Scope, key string) (i Item, found bool, err error) {
	install, err := check(sc, key)
	if err != nil {
		return Item{}, false, err
	}
	var (
		sealed     []byte
		generation int64
	)
	err = s.db.QueryRow(ctx, getSecret, install, key, s.clock.millis()).Scan(&sealed, &generation, &i.Created, &i.Updated, &i.Expires)
	if errors.Is(err, db.ErrNoRows) {
		return Item{}, false, nil
	}
	if err != nil {
		return Item{}, false, fault.Op("kvstore.ReadSecret", err)
	}
	i.Value, err = s.sealer.Open(seal.ForInstall(install), seal.KVSecret, place(install, key, generation), sealed)
	if err != nil {
		return Item{}, false, fault.Op("kvstore.ReadSecret", err)
	}
	return i, true, nil
}

// SetSecret is Set in the namespace of secrets.
func (s *Store) SetSecret(ctx context.Context, sc tenant.Scope, key string, value []byte, o SetOptions) error {
	install, err := check(sc, key)
	if err != nil {
		return err
	}
	if err := checkValue(value, o); err != nil {
		return err
	}
	written, err := s.room(ctx, sc, claim{sizeOfSecret, []any{key}, len(key) + len(value) + sealing})
	if err != nil {
		return err
	}
	defer written()
	now := s.clock.millis()
	return fault.Op("kvstore.SetSecret", s.db.Tx(ctx, func(ctx context.Context) error {
		var last, created, expires int64
		err := s.db.QueryRow(ctx, secretState, install, key).Scan(&last, &created, &expires)
		exists := err == nil && (expires == 0 || expires > now)
		switch {
		case err != nil && !errors.Is(err, db.ErrNoRows):
			return err
		case exists && o.FailIfExists:
			return conflict()
		case !exists:
			created = now
		}
		// The time, so that a value sealed before a deletion does not open after it.
		generation := max(now, last+1)
		sealed, err := s.sealer.Seal(seal.ForInstall(install), seal.KVSecret, place(install, key, generation), value)
		if err != nil {
			return err
		}
		_, err = s.db.Exec(ctx, setSecret, install, key, sealed, generation, created, now, expiry(now, o.TTL))
		return err
	}))
}

// DeleteSecret is Delete in the namespace of secrets.
func (s *Store) DeleteSecret(ctx context.Context, sc tenant.Scope, key string) error {
	install, err := check(sc, key)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, deleteSecret, install, key)
	return fault.Op("kvstore.DeleteSecret", err)
}

// sealing is at most what sealing adds to a value.
const sealing = 64

// batch is how many rows one statement of Erase or Sweep removes: few enough that
// others are not kept waiting.
const batch = 500

// Erase removes everything of an installation, after its grace.
func (s *Store) Erase(ctx context.Context, sc tenant.Scope) error {
	install, err := installOf(sc)
	if err != nil {
		return err
	}
	for _, statement := range []string{eraseValues, eraseSecrets, eraseEntities, eraseEntries, eraseIndexes} {
		for n := int64(batch); n == batch; {
			if n, err = s.db.Exec(ctx, statement, install, install, batch); err != nil {
				return fault.Op("kvstore.Erase", err)
			}
		}
	}
	s.owners.Remove(install)
	return fault.Op("kvstore.Erase", s.db.Tx(ctx, func(ctx context.Context) error {
		has, err := s.has(ctx, count{who: string(install), read: storedByInstall})
		if err != nil || has != (Quota{}) { // somebody stored something meanwhile, and it counts
			return err
		}
		if _, err = s.db.Exec(ctx, eraseStored, install); err == nil {
			_, err = s.db.Exec(ctx, eraseOwner, install)
		}
		return err
	}))
}

// Sweep removes what has expired, of all installations, and says how much it was.
// Reads do not see expired values anyway; it frees their space.
func (s *Store) Sweep(ctx context.Context) (removed int64, err error) {
	now := s.clock.millis()
	for _, statement := range []string{sweepValuesAllTenants, sweepSecretsAllTenants, sweepEntitiesAllTenants, sweepEntriesAllTenants} {
		for n := int64(batch); n == batch; removed += n {
			if n, err = s.db.Exec(ctx, statement, now, batch); err != nil {
				return removed, fault.Op("kvstore.Sweep", err)
			}
		}
	}
	return removed, nil
}

func expiry(now int64, ttl time.Duration) int64 {
	if ttl == 0 {
		return 0
	}
	return now + ttl.Milliseconds()
}

func place(install id.Install, key string, generation int64) seal.Place {
	return seal.Place{Table: "kv_secrets", Column: "value", Row: string(install) + "/" + key, Generation: generation}
}

func installOf(sc tenant.Scope) (id.Install, error) {
	if sc.Install() == "" {
		return "", fault.New(fault.Denied, "NO_TENANT", "storage belongs to an installation, and none was named")
	}
	return sc.Install(), nil
}

func check(sc tenant.Scope, key string) (id.Install, error) {
	install, err := installOf(sc)
	if err != nil {
		return "", err
	}
	return install, checkKey(key)
}
