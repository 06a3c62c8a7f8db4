package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/infra/db"
)

// ownersAtOnce is how many owners one claim serves.
const ownersAtOnce = 128

// claim takes up to most due jobs, a few of each owner whose turn it is. room says how many
// more of an owner's jobs may run here.
func (q *Queue) claim(ctx context.Context, most int, room func(owner string) int) (taken []Job, err error) {
	now := q.cfg.Now()
	var next int64
	err = q.cfg.DB.QueryRow(ctx, nextTurn).Scan(&next) // costs no write when nothing is due
	if errors.Is(err, db.ErrNoRows) || err == nil && next > now.UnixMilli() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		taken = nil
		owners, err := q.ownersDue(ctx, now.UnixMilli(), min(most, ownersAtOnce))
		if err != nil || len(owners) == 0 {
			return err
		}
		each := max(1, most/len(owners))
		for _, o := range owners {
			some, err := q.serve(ctx, o, min(each, room(o)), now)
			if err != nil {
				return err
			}
			taken = append(taken, some...)
		}
		return nil
	})
	return taken, err
}

func (q *Queue) ownersDue(ctx context.Context, now int64, most int) ([]string, error) {
	text := ownersDue
	if q.cfg.DB.Postgres() {
		text += skipLocked
	}
	return q.owners(ctx, text, now, most)
}

func (q *Queue) owners(ctx context.Context, text string, args ...any) ([]string, error) {
	rows, err := q.cfg.DB.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var o string
		if err := rows.Scan(&o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// serve takes up to most of an owner's due jobs, and puts the owner behind all others that
// are due now.
func (q *Queue) serve(ctx context.Context, owner string, most int, now time.Time) (taken []Job, err error) {
	var some []Job
	if most > 0 {
		if some, err = q.list(ctx, dueOf, owner, now.UnixMilli(), most); err != nil {
			return nil, err
		}
	}
	var held []string
	for _, j := range some {
		if j.Key != "" {
			var others int
			if err := q.cfg.DB.QueryRow(ctx, holding, owner, j.Key, j.ID).Scan(&others); err != nil {
				return nil, err
			}
			if others >= j.Most {
				if _, err := q.cfg.DB.Exec(ctx, park, j.ID); err != nil {
					return nil, err
				}
				continue
			}
		}
		if j.Key == "" { // the others have to be held before the next one counts them
			held = append(held, j.ID)
		} else if _, err := q.cfg.DB.ExecIn(ctx, hold, []string{j.ID}, q.token, now.Add(q.cfg.Lease).UnixMilli()); err != nil {
			return nil, err
		}
		j.Attempt++
		taken = append(taken, j)
	}
	if _, err := q.cfg.DB.ExecIn(ctx, hold, held, q.token, now.Add(q.cfg.Lease).UnixMilli()); err != nil {
		return nil, err
	}
	turn := never
	if err := q.cfg.DB.QueryRow(ctx, nextOf, owner).Scan(&turn); err != nil && !errors.Is(err, db.ErrNoRows) {
		return nil, err
	}
	_, err = q.cfg.DB.Exec(ctx, setTurn, max(turn, now.UnixMilli()), owner)
	return taken, err
}
