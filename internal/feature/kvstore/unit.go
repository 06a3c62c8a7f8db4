package kvstore

import (
	"context"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// The limits of batches and transactions are Forge's too.
const (
	maxOps     = 25
	maxPayload = 4 << 20 // bytes of keys and values
)

// Do is what an Op does.
type Do string

// What an Op may do. Check is for transactions.
const (
	Set    Do = "set"
	Delete Do = "delete"
	Check  Do = "check"
)

// Op is one operation of a batch or a transaction.
type Op struct {
	Do    Do
	Kind  *Kind // nil for a key of no kind
	Key   string
	Value []byte
	SetOptions
	Conditions Filter // on the entity as it was before

	attrs  map[string]any
	filter terms
}

// name is what no two operations of a unit share.
func (o *Op) name() string {
	if o.Kind == nil {
		return "/" + o.Key
	}
	return o.Kind.Name + "/" + o.Key
}

// check prepares an operation.
func (o *Op) check() (err error) {
	if err := checkKey(o.Key); err != nil {
		return err
	}
	if o.Do == Set {
		if err := checkValue(o.Value, o.SetOptions); err != nil {
			return err
		}
	}
	if o.Kind == nil {
		if len(o.Conditions) > 0 {
			return refuse("INVALID_CONDITIONS", "only entities have attributes that conditions could be about").WithFix("name the entity with entityName")
		}
		return nil
	}
	if o.Do == Set {
		if o.attrs, err = o.Kind.check(o.Value); err != nil {
			return err
		}
	}
	o.filter, err = o.Kind.parse(o.Conditions)
	return err
}

func (o *Op) claim() claim {
	n := len(o.Key) + len(o.Value)
	if o.Kind == nil {
		return claim{sizeOfValue, []any{o.Key}, n}
	}
	return claim{sizeOfEntity, []any{o.Kind.Name, o.Key}, n}
}

// Exchange does one operation that sets, and gives what was there before and is now.
func (s *Store) Exchange(ctx context.Context, sc tenant.Scope, o Op) (before Item, found bool, after Item, err error) {
	install, err := installOf(sc)
	if err != nil {
		return Item{}, false, Item{}, err
	}
	if err := o.check(); err != nil {
		return Item{}, false, Item{}, err
	}
	written, err := s.room(ctx, sc, o.claim())
	if err != nil {
		return Item{}, false, Item{}, err
	}
	defer written()
	err = s.db.Tx(ctx, func(ctx context.Context) (err error) {
		if before, found, err = s.do(ctx, install, o); err != nil {
			return err
		}
		if o.Kind == nil {
			after, _, err = s.value(ctx, install, o.Key, 0)
		} else {
			after, _, err = s.entity(ctx, install, o.Kind, o.Key)
		}
		return err
	})
	return before, found, after, fault.Op("kvstore.Exchange", err)
}

// do does one operation within a transaction and gives what was there before.
func (s *Store) do(ctx context.Context, install id.Install, o Op) (before Item, found bool, err error) {
	now := s.clock.millis()
	var row Item // of an entity, also one that has expired
	if o.Kind == nil {
		before, found, err = s.value(ctx, install, o.Key, now)
	} else {
		row, found, err = s.entity(ctx, install, o.Kind, o.Key)
		if found = found && row.lives(now); found {
			before = row
		}
	}
	if err != nil {
		return Item{}, false, err
	}
	if len(o.filter.all) > 0 || o.Do == Check {
		attrs := map[string]any{}
		if found && o.Kind != nil {
			if err := json.Unmarshal(before.Value, &attrs); err != nil {
				return Item{}, false, err
			}
		}
		if o.Do == Check && !found || !o.filter.match(attrs) {
			return Item{}, false, fault.New(fault.Conflict, "CONDITION_FAILED", "what is stored under %q does not meet the conditions", o.Key).
				WithFix("read it and decide anew; nothing was changed")
		}
	}
	switch {
	case o.Do == Set && found && o.FailIfExists:
		return before, found, conflict()
	case o.Do == Set && o.Kind == nil:
		return before, found, s.setValue(ctx, install, o.Key, o.Value, o.SetOptions, now)
	case o.Do == Set:
		return before, found, s.putEntity(ctx, install, o, row, now)
	case o.Do == Delete && o.Kind == nil:
		_, err = s.db.Exec(ctx, deleteValue, install, o.Key)
	case o.Do == Delete:
		err = s.removeEntity(ctx, install, o.Kind, o.Key)
	}
	return before, found, err
}

// checkUnit says what is wrong with operations taken together.
func checkUnit(ops []Op) error {
	switch {
	case len(ops) == 0:
		return refuse("NO_OPERATIONS", "there is nothing to do").WithFix("give at least one key")
	case len(ops) > maxOps:
		return refuse("TOO_MANY_OPERATIONS", "there are %d operations, the limit is %d", len(ops), maxOps).
			With("limit", maxOps).With("figure", len(ops))
	}
	seen, size := map[string]bool{}, 0
	for i := range ops {
		name := ops[i].name()
		if seen[name] {
			return refuse("DUPLICATE_KEY", "a key is used twice").WithFix("use each key once")
		}
		seen[name] = true
		size += len(ops[i].Key) + len(ops[i].Value)
	}
	if size > maxPayload {
		return refuse("MAX_SIZE", "keys and values have %d bytes together, the limit is %d", size, maxPayload).
			With("limit", maxPayload).With("figure", size)
	}
	return nil
}

// Transact does all operations, or none: each is checked, and each condition held
// against what is stored, before anything is seen by others.
func (s *Store) Transact(ctx context.Context, sc tenant.Scope, ops []Op) error {
	if _, err := installOf(sc); err != nil {
		return err
	}
	if err := checkUnit(ops); err != nil {
		return err
	}
	for i := range ops {
		if err := ops[i].check(); err != nil {
			return err
		}
	}
	return s.together(ctx, sc, ops, func(_ int, err error) error { return err })
}

// Batch does each operation by itself: failed has, for each, why it was not done. An
// error is one of the batch as a whole.
func (s *Store) Batch(ctx context.Context, sc tenant.Scope, ops []Op) (failed []error, err error) {
	if _, err := installOf(sc); err != nil {
		return nil, err
	}
	if err := checkUnit(ops); err != nil {
		return nil, err
	}
	failed = make([]error, len(ops))
	var sound []Op
	var places []int
	for i := range ops {
		if failed[i] = ops[i].check(); failed[i] == nil {
			sound, places = append(sound, ops[i]), append(places, i)
		}
	}
	if len(sound) == 0 {
		return failed, nil
	}
	// One commit for all, unless together they are too much.
	one := func(at int) func(int, error) error {
		return func(i int, err error) error {
			if e, ok := fault.As(err); !ok || e.Kind != fault.Conflict {
				return err
			}
			failed[places[at+i]] = err
			return nil
		}
	}
	err = s.together(ctx, sc, sound, one(0))
	if fault.CodeOf(err) != "LIMIT_STORAGE" {
		return failed, err
	}
	for i := range sound {
		err := s.together(ctx, sc, sound[i:i+1], one(i))
		if fault.CodeOf(err) == "LIMIT_STORAGE" {
			failed[places[i]], err = err, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return failed, nil
}

// together does checked operations in one transaction, which an error that refused gives
// back ends.
func (s *Store) together(ctx context.Context, sc tenant.Scope, ops []Op, refused func(i int, err error) error) error {
	var claims []claim
	for i := range ops {
		if ops[i].Do == Set {
			claims = append(claims, ops[i].claim())
		}
	}
	if len(claims) > 0 {
		written, err := s.room(ctx, sc, claims...)
		if err != nil {
			return err
		}
		defer written()
	}
	return fault.Op("kvstore.together", s.db.Tx(ctx, func(ctx context.Context) error {
		for i := range ops {
			if _, _, err := s.do(ctx, sc.Install(), ops[i]); err != nil {
				if err := refused(i, err); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}
