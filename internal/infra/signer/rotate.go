package signer

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// clock is who the audit trail says rotated keys that were due.
var clock = id.Principal{Kind: id.Operator, Account: "schedule"}

// tend makes keys where a family has none or its newest is due, and forgets those that
// left the key set a while ago. It reports whether rows changed.
func (s *Signer) tend(ctx context.Context) (changed bool, err error) {
	now, st := s.Now(), s.state.Load()
	for _, f := range families {
		switch newest := st.newest(f); {
		case newest == nil && f.late:
			continue
		case newest == nil: // nobody verifies with this family yet: it may sign at once
			err = s.add(ctx, f, now, clock, false)
		case f.apart: // who pins such a key learns of the next one from an operator
			continue
		case now.After(time.UnixMilli(newest.signsFrom).Add(rotateEvery - lead)):
			err = s.add(ctx, f, now.Add(lead), clock, false)
		default:
			continue
		}
		changed = true
		if err != nil {
			return changed, err
		}
	}
	for _, k := range st.keys {
		if !k.until.IsZero() && now.After(k.until.Add(linger)) {
			if _, err := s.DB.Exec(ctx, dropKey, k.kid); err != nil {
				return changed, err
			}
			changed = true
		}
	}
	return changed, nil
}

func (s *state) newest(f family) (found *key) {
	for _, k := range s.keys {
		if k.family == f.name && k.withdrawn == 0 {
			found = k
		}
	}
	return found
}

// Rotate makes the next keys of all families. They are published at once and sign a
// quarter of an hour later. With withdraw, for when a key may be known to others, they
// sign at once and all earlier ones leave the key set at once: verifiers that keep an
// older set refuse tokens until they ask again.
func (s *Signer) Rotate(ctx context.Context, by id.Principal, withdraw bool) error {
	if !by.Is(id.Operator) {
		return fault.New(fault.Denied, "ROLE_REQUIRED", "only an operator rotates signing keys")
	}
	from := s.Now().Add(lead)
	if withdraw {
		from = s.Now()
	}
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		for _, f := range families {
			if f.late && s.state.Load().newest(f) == nil { // nothing to take the place of
				continue
			}
			if err := s.add(ctx, f, from, by, withdraw); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.refresh(ctx)
	}
	return fault.Op("signer.Rotate", err)
}

// add makes the next key of a family.
func (s *Signer) add(ctx context.Context, f family, from time.Time, by id.Principal, withdraw bool) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		var newest int64
		if err := s.DB.QueryRow(ctx, newestKey, f.name).Scan(&newest); err != nil {
			return err
		}
		r, err := s.newRow(f, newest+1, from)
		if err != nil {
			return err
		}
		n, err := s.DB.Exec(ctx, putKey, r.kid, r.family, r.generation, r.alg, r.sealed, r.created, r.signsFrom)
		if err != nil || n == 0 { // another server was first
			return err
		}
		if withdraw {
			if _, err := s.DB.Exec(ctx, withdrawKeys, r.created, f.name, r.generation); err != nil {
				return err
			}
		}
		if s.Audit == nil {
			return nil
		}
		return s.Audit.Append(ctx, "", "", by, "keys.rotate", map[string]any{"family": f.name, "key": r.kid, "signsFrom": r.signsFrom, "withdrawn": withdraw})
	})
}

// Restored forgets every key: of those in a backup one may have been withdrawn since.
// The next server to start makes new ones. It belongs into the restore's transaction.
func Restored(ctx context.Context, d *db.DB) error {
	_, err := d.Exec(ctx, dropKeys)
	return fault.Op("signer.Restored", err)
}
