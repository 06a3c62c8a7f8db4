package kvstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// built is how many entities one transaction puts into a new index.
	buildBatch = 100
	// maxMaintained is how many indexes of a kind are kept up, those of older versions
	// included, which may still run; what is over it is removed with time.
	maxMaintained = 14
)

// maintained are the indexes that a write keeps up, within its transaction: those that
// the installation has, by whichever version, and those of this version. So a version
// that runs beside another one hides nothing from its queries.
func (s *Store) maintained(ctx context.Context, install id.Install, k *Kind) ([]*index, error) {
	known, err := s.recorded(ctx, install, k)
	if err != nil {
		return nil, err
	}
	wanted := k.definitions()
	for _, d := range wanted {
		if !slices.Contains(known, d) {
			if _, err := s.db.Exec(ctx, recordIndex, install, k.Name, d); err != nil {
				return nil, err
			}
			known = append(known, d)
		}
	}
	out := make([]*index, len(known))
	for i, d := range known {
		if out[i], err = parseIndex(k.Name, d); err != nil {
			return nil, err
		}
	}
	if len(known) > maxMaintained {
		for i, d := range known {
			if !slices.Contains(wanted, d) {
				return out, s.dismantle(ctx, install, k, out[i])
			}
		}
	}
	return out, nil
}

func (s *Store) recorded(ctx context.Context, install id.Install, k *Kind) (out []string, err error) {
	rows, err := s.db.Query(ctx, listIndexes, install, k.Name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var d string
		if err := rows.Scan(&d); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// dismantle removes a part of an index, and the index with the last of it. A version
// that asks for it again meanwhile has it built from the beginning.
func (s *Store) dismantle(ctx context.Context, install id.Install, k *Kind, x *index) error {
	n, err := s.db.Exec(ctx, dropEntries, install, install, x.id, beyond(x.id), batch)
	if err != nil {
		return err
	}
	if n == batch {
		_, err = s.db.Exec(ctx, buildOn, "", 0, install, k.Name, x.definition())
		return err
	}
	_, err = s.db.Exec(ctx, forgetIndex, install, k.Name, x.definition())
	return err
}

// built makes an index complete before a query goes by it: what was stored before a
// version declared it is put into it, a part in each transaction. A call that ends
// before has still brought it forward.
func (s *Store) built(ctx context.Context, install id.Install, k *Kind, x *index) error {
	definition := x.definition()
	state := func(ctx context.Context) (upto string, done int64, err error) {
		err = s.db.QueryRow(ctx, indexState, install, k.Name, definition).Scan(&upto, &done)
		if errors.Is(err, db.ErrNoRows) {
			return "", 0, nil
		}
		return upto, done, err
	}
	_, done, err := state(ctx)
	for err == nil && done == 0 {
		err = s.db.Tx(ctx, func(ctx context.Context) (err error) {
			if _, err := s.maintained(ctx, install, k); err != nil {
				return err
			}
			var upto string
			if upto, done, err = state(ctx); err != nil || done == 1 {
				return err
			}
			rows, err := s.part(ctx, install, k, upto)
			if err != nil {
				return err
			}
			for _, r := range rows {
				var attrs map[string]any
				if err := json.Unmarshal(r.Value, &attrs); err != nil {
					return err
				}
				if path, ok := x.path(attrs, r.Key); ok {
					if _, err := s.db.Exec(ctx, addEntry, install, path, k.Name, r.Key, r.Expires); err != nil {
						return err
					}
				}
				upto = r.Key
			}
			if len(rows) < buildBatch {
				done = 1
			}
			_, err = s.db.Exec(ctx, buildOn, upto, done, install, k.Name, definition)
			return err
		})
	}
	return fault.Op("kvstore.built", err)
}

func (s *Store) part(ctx context.Context, install id.Install, k *Kind, after string) (out []Entry, err error) {
	rows, err := s.db.Query(ctx, listEntities, install, k.Name, after, buildBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e Entry
		if err := rows.Scan(&e.Key, &e.Value, &e.Expires); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
