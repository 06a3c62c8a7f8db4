package kvstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// GetEntity gives an entity.
func (s *Store) GetEntity(ctx context.Context, sc tenant.Scope, k *Kind, key string) (i Item, found bool, err error) {
	install, err := check(sc, key)
	if err != nil {
		return Item{}, false, err
	}
	i, there, err := s.entity(ctx, install, k, key)
	if err != nil || !there || !i.lives(s.clock.millis()) {
		return Item{}, false, fault.Op("kvstore.GetEntity", err)
	}
	return i, true, nil
}

// SetEntity stores an entity and puts it into the indexes of its kind.
func (s *Store) SetEntity(ctx context.Context, sc tenant.Scope, k *Kind, key string, value []byte, o SetOptions) error {
	_, _, _, err := s.Exchange(ctx, sc, Op{Do: Set, Kind: k, Key: key, Value: value, SetOptions: o})
	return err
}

// DeleteEntity removes an entity; that there is none is no error.
func (s *Store) DeleteEntity(ctx context.Context, sc tenant.Scope, k *Kind, key string) error {
	install, err := check(sc, key)
	if err != nil {
		return err
	}
	return fault.Op("kvstore.DeleteEntity", s.db.Tx(ctx, func(ctx context.Context) error {
		return s.removeEntity(ctx, install, k, key)
	}))
}

func (i Item) lives(now int64) bool { return i.Expires == 0 || i.Expires > now }

// entity reads a row, also one that has expired: the indexes hold it until it is swept.
func (s *Store) entity(ctx context.Context, install id.Install, k *Kind, key string) (i Item, there bool, err error) {
	err = s.db.QueryRow(ctx, getEntityRow, install, k.Name, key).Scan(&i.Value, &i.Created, &i.Updated, &i.Expires)
	if errors.Is(err, db.ErrNoRows) {
		return Item{}, false, nil
	}
	return i, err == nil, err
}

// putEntity stores an entity within a transaction. old is its row, if there is one.
func (s *Store) putEntity(ctx context.Context, install id.Install, op Op, old Item, now int64) error {
	indexes, err := s.maintained(ctx, install, op.Kind)
	if err != nil {
		return err
	}
	created, expires := now, expiry(now, op.TTL)
	if old.Value != nil && old.lives(now) {
		created = old.Created
	}
	var before map[string]any
	if old.Value != nil {
		if err := json.Unmarshal(old.Value, &before); err != nil {
			return err
		}
	}
	for _, x := range indexes {
		was, had := x.path(before, op.Key)
		is, has := x.path(op.attrs, op.Key)
		if had && !(has && slices.Equal(was, is)) {
			if _, err := s.db.Exec(ctx, dropEntry, install, was); err != nil {
				return err
			}
		}
		if has && !(had && slices.Equal(was, is) && old.Expires == expires) {
			if _, err := s.db.Exec(ctx, addEntry, install, is, op.Kind.Name, op.Key, expires); err != nil {
				return err
			}
		}
	}
	_, err = s.db.Exec(ctx, putEntityRow, install, op.Kind.Name, op.Key, op.Value, created, now, expires)
	return err
}

func (s *Store) removeEntity(ctx context.Context, install id.Install, k *Kind, key string) error {
	old, there, err := s.entity(ctx, install, k, key)
	if err != nil || !there {
		return err
	}
	indexes, err := s.maintained(ctx, install, k)
	if err != nil {
		return err
	}
	var before map[string]any
	if err := json.Unmarshal(old.Value, &before); err != nil {
		return err
	}
	for _, x := range indexes {
		if was, had := x.path(before, key); had {
			if _, err := s.db.Exec(ctx, dropEntry, install, was); err != nil {
				return err
			}
		}
	}
	_, err = s.db.Exec(ctx, dropEntityRow, install, k.Name, key)
	return err
}
