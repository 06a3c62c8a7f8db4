package kvstore

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// What the site's admin does with all that an installation stored: take it along, and give
// it to the installation that came after it.

// Kept is one thing that an installation stored, as an export has it.
type Kept struct {
	Kind    string          `json:"kind"` // value, entity or secret
	Entity  string          `json:"entity,omitempty"`
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value,omitempty"` // never of a secret
	Created time.Time       `json:"createdAt"`
	Updated time.Time       `json:"updatedAt"`
	Expires *time.Time      `json:"expiresAt,omitempty"`
}

// Export gives everything that an installation has stored, page by page: what is written
// meanwhile may be in it or not. Of secrets it gives the keys; their values were given to
// the app, and no file gets them.
func (s *Store) Export(ctx context.Context, sc tenant.Scope, emit func(Kept) error) error {
	install, err := installOf(sc)
	if err != nil {
		return err
	}
	err = s.exportAll(ctx, "value", "", emit, exportValues, install)
	for entity := ""; err == nil; {
		err = s.db.QueryRow(ctx, nextEntity, install, entity).Scan(&entity)
		if err == nil {
			err = s.exportAll(ctx, "entity", entity, emit, exportEntities, install, entity)
		}
	}
	if errors.Is(err, db.ErrNoRows) {
		err = s.exportAll(ctx, "secret", "", emit, exportSecrets, install)
	}
	return fault.Op("kvstore.Export", err)
}

func (s *Store) exportAll(ctx context.Context, kind, entity string, emit func(Kept) error, statement string, args ...any) error {
	for last, n := "", batch; n == batch; {
		some, err := s.exportPage(ctx, kind, entity, statement, append(args[:len(args):len(args)], last, s.clock.millis(), batch)...)
		if err != nil {
			return err
		}
		for _, k := range some {
			if err := emit(k); err != nil {
				return err
			}
			last = k.Key
		}
		n = len(some)
	}
	return nil
}

func (s *Store) exportPage(ctx context.Context, kind, entity, statement string, args ...any) (out []Kept, err error) {
	rows, err := s.db.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		k := Kept{Kind: kind, Entity: entity}
		var value []byte
		var created, updated, expires int64
		if err := rows.Scan(&k.Key, &value, &created, &updated, &expires); err != nil {
			return nil, err
		}
		k.Created, k.Updated = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
		if expires > 0 {
			k.Expires = new(time.UnixMilli(expires).UTC())
		}
		if kind != "secret" {
			k.Value = value
		}
		out = append(out, k)
	}
	return out, rows.Err()
}

// Move gives what an installation that has ended stored to another one, and says how many
// things that one has more. What it has stored under a key itself stays; the old one's is
// dropped then and not counted, as is what has expired. It goes in parts, and may be called again for the rest.
func (s *Store) Move(ctx context.Context, from, to tenant.Scope) (moved int, err error) {
	old, err := installOf(from)
	if err != nil {
		return 0, err
	}
	install, err := installOf(to)
	if err != nil {
		return 0, err
	}
	for _, sc := range []tenant.Scope{from, to} { // what is moved counts for both of their owners
		if _, err := s.owner(ctx, sc); err != nil {
			return 0, err
		}
	}
	now := s.clock.millis()
	for _, expired := range []string{dropExpiredEntities, dropExpiredEntries} {
		if _, err := s.db.Exec(ctx, expired, install, now); err != nil {
			return 0, fault.Op("kvstore.Move", err)
		}
	}
	for _, part := range []func(context.Context, id.Install, id.Install) (left, moved int, err error){s.moveValues, s.moveSecrets, s.moveEntities} {
		for left := 1; left > 0; {
			var n int
			if err := s.db.Tx(ctx, func(ctx context.Context) (err error) { left, n, err = part(ctx, old, install); return err }); err != nil {
				return moved, fault.Op("kvstore.Move", err)
			}
			moved += n
		}
	}
	for _, statement := range []string{eraseEntries, eraseIndexes} {
		for n := int64(batch); n == batch; {
			if n, err = s.db.Exec(ctx, statement, old, old, batch); err != nil {
				return moved, fault.Op("kvstore.Move", err)
			}
		}
	}
	return moved, nil
}

// moveValues moves a page of values: how many left the old installation, and how many of
// them the new one has now.
func (s *Store) moveValues(ctx context.Context, old, install id.Install) (left, moved int, err error) {
	var last string
	if err := s.db.QueryRow(ctx, pageOfValues, old, batch).Scan(&last, &left); err != nil || left == 0 {
		return 0, 0, err
	}
	now := s.clock.millis()
	n, err := s.db.Exec(ctx, takeValues, install, old, last, now, now)
	if err != nil {
		return 0, 0, err
	}
	_, err = s.db.Exec(ctx, leaveValues, old, last)
	return left, int(n), err
}

// moveEntities moves some entities of one kind. The new owner's indexes of it are built
// again by the next query that goes by them; until then writes keep up what is in them.
func (s *Store) moveEntities(ctx context.Context, old, install id.Install) (left, moved int, err error) {
	var entity, last string
	err = s.db.QueryRow(ctx, nextEntity, old, "").Scan(&entity)
	if errors.Is(err, db.ErrNoRows) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if err := s.db.QueryRow(ctx, pageOfEntities, old, entity, batch).Scan(&last, &left); err != nil {
		return 0, 0, err
	}
	n, err := s.db.Exec(ctx, takeEntities, install, old, entity, last, s.clock.millis())
	if err != nil {
		return 0, 0, err
	}
	if _, err := s.db.Exec(ctx, leaveEntities, old, entity, last); err != nil {
		return 0, 0, err
	}
	return left, int(n), s.unbuild(ctx, install, entity)
}

// unbuild has the indexes of a kind built from the beginning. Their records are written anew:
// whoever is building one meanwhile finds that it is gone, and no write misses one of them.
func (s *Store) unbuild(ctx context.Context, install id.Install, entity string) error {
	known, err := s.recorded(ctx, install, &Kind{Name: entity})
	if err != nil {
		return err
	}
	if _, err := s.db.Exec(ctx, forgetIndexes, install, entity); err != nil {
		return err
	}
	for _, d := range known {
		if _, err := s.db.Exec(ctx, recordIndex, install, entity, d); err != nil {
			return err
		}
	}
	return nil
}

// moveSecrets seals what it moves for its new owner: a secret opens in its own place only.
func (s *Store) moveSecrets(ctx context.Context, old, install id.Install) (left, moved int, err error) {
	type secret struct {
		key                                   string
		sealed                                []byte
		generation, created, updated, expires int64
	}
	rows, err := s.db.Query(ctx, someSecrets, old, batch)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	var some []secret
	for rows.Next() {
		var x secret
		if err := rows.Scan(&x.key, &x.sealed, &x.generation, &x.created, &x.updated, &x.expires); err != nil {
			return 0, 0, err
		}
		some = append(some, x)
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	_ = rows.Close()
	now := s.clock.millis()
	for _, x := range some {
		if x.expires > 0 && x.expires <= now {
			if _, err := s.db.Exec(ctx, deleteSecret, old, x.key); err != nil {
				return 0, 0, err
			}
			continue
		}
		plain, err := s.sealer.Open(seal.ForInstall(old), seal.KVSecret, place(old, x.key, x.generation), x.sealed)
		if err != nil {
			return 0, 0, err
		}
		sealed, err := s.sealer.Seal(seal.ForInstall(install), seal.KVSecret, place(install, x.key, x.generation), plain)
		if err != nil {
			return 0, 0, err
		}
		n, err := s.db.Exec(ctx, takeSecret, install, x.key, sealed, x.generation, x.created, x.updated, x.expires, now)
		if err != nil {
			return 0, 0, err
		}
		moved += int(n)
		if _, err := s.db.Exec(ctx, deleteSecret, old, x.key); err != nil {
			return 0, 0, err
		}
	}
	return len(some), moved, nil
}

// HasEntities says whether an installation has stored entities of a kind.
func (s *Store) HasEntities(ctx context.Context, install id.Install, entity string) (bool, error) {
	var one int
	err := s.db.QueryRow(ctx, anyEntity, install, entity, s.clock.millis()).Scan(&one)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return err == nil, fault.Op("kvstore.HasEntities", err)
}
