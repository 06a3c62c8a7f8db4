package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// deadFor is how long a dead job stays, batchesFor how long a batch is known.
	deadFor    = 14 * 24 * time.Hour
	batchesFor = 7 * 24 * time.Hour
	page       = 500
)

// Stats is what became of a batch.
type Stats struct{ Succeeded, InProgress, Failed int }

// Load is how much waits, over all owners.
type Load struct {
	Due, Dead int           // counted to maxCounted
	Waits     time.Duration // of the owner that has waited longest for its turn
}

// maxCounted bounds what counting costs.
const maxCounted = 100_000

// Load looks at what waits.
func (q *Queue) Load(ctx context.Context) (l Load, err error) {
	now := q.cfg.Now().UnixMilli()
	var turn int64
	if err := q.cfg.DB.QueryRow(ctx, firstTurn).Scan(&turn); err != nil {
		return Load{}, fault.Op("jobs.Load", err)
	}
	l.Waits = time.Duration(max(0, now-turn)) * time.Millisecond
	if err := q.cfg.DB.QueryRow(ctx, countDue, now, maxCounted).Scan(&l.Due); err != nil {
		return Load{}, fault.Op("jobs.Load", err)
	}
	err = q.cfg.DB.QueryRow(ctx, countDead, maxCounted).Scan(&l.Dead)
	return l, fault.Op("jobs.Load", err)
}

// Held counts an owner's jobs, dead ones included, and their bytes.
func (q *Queue) Held(ctx context.Context, owner string) (n, bytes int64, err error) {
	err = q.cfg.DB.QueryRow(ctx, held, owner).Scan(&n, &bytes)
	return n, bytes, fault.Op("jobs.Held", err)
}

// Batch says what became of a batch so far; false when it is unknown.
func (q *Queue) Batch(ctx context.Context, owner, batch string) (s Stats, known bool, err error) {
	err = q.cfg.DB.QueryRow(ctx, stateOf, owner, batch, owner, batch).Scan(&s.Succeeded, &s.Failed, &s.InProgress)
	if errors.Is(err, db.ErrNoRows) {
		return Stats{}, false, nil
	}
	return s, err == nil, fault.Op("jobs.Batch", err)
}

// Cancel drops what of a batch has not begun, and says how many jobs that were; false
// when the batch is unknown.
func (q *Queue) Cancel(ctx context.Context, owner, batch string) (n int64, known bool, err error) {
	err = q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		var s, f, c int
		err := q.cfg.DB.QueryRow(ctx, batchOf, owner, batch).Scan(&s, &f, &c)
		if known = !errors.Is(err, db.ErrNoRows); !known {
			return nil
		}
		if err != nil {
			return err
		}
		if n, err = q.cfg.DB.Exec(ctx, cancelBatch, owner, batch); err != nil {
			return err
		}
		_, err = q.cfg.DB.Exec(ctx, countCancels, n, owner, batch)
		return err
	})
	return n, known, fault.Op("jobs.Cancel", err)
}

// Count is how many jobs of one name an owner has.
type Count struct {
	Kind, Name             string
	Waiting, Running, Dead int
}

// Counts are an owner's jobs, by kind and name.
func (q *Queue) Counts(ctx context.Context, owner string) ([]Count, error) {
	rows, err := q.cfg.DB.Query(ctx, counts, owner)
	if err != nil {
		return nil, fault.Op("jobs.Counts", err)
	}
	defer rows.Close()
	var out []Count
	for rows.Next() {
		var c Count
		var state, held, n int
		if err := rows.Scan(&c.Kind, &c.Name, &state, &held, &n); err != nil {
			return nil, fault.Op("jobs.Counts", err)
		}
		if last := len(out) - 1; last < 0 || out[last].Kind != c.Kind || out[last].Name != c.Name {
			out = append(out, c)
		}
		at := &out[len(out)-1]
		switch {
		case state == dead:
			at.Dead += n
		case held == 1:
			at.Running += n
		default:
			at.Waiting += n
		}
	}
	return out, fault.Op("jobs.Counts", rows.Err())
}

// Dead are an owner's dead jobs, the last to die first.
func (q *Queue) Dead(ctx context.Context, owner string, most int) ([]Job, error) {
	out, err := q.list(ctx, deadOf, owner, most)
	return out, fault.Op("jobs.Dead", err)
}

// DeadOne is one of an owner's dead jobs; false when there is none.
func (q *Queue) DeadOne(ctx context.Context, owner, id string) (Job, bool, error) {
	out, err := q.list(ctx, deadOne, owner, id)
	if err != nil || len(out) == 0 {
		return Job{}, false, fault.Op("jobs.DeadOne", err)
	}
	return out[0], true, nil
}

// Retry lets dead jobs run again, all of the owner's when none is named, under their old
// ids; each may be tried again for as long as window. It says how many.
func (q *Queue) Retry(ctx context.Context, owner string, window time.Duration, ids ...string) (n int, err error) {
	all := len(ids) == 0
	for {
		some := ids
		if all {
			if some, err = q.deadIDs(ctx, owner); err != nil || len(some) == 0 {
				return n, fault.Op("jobs.Retry", err)
			}
		}
		got := 0
		err = q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
			got = 0
			now := q.cfg.Now()
			for _, id := range some {
				j, err := q.list(ctx, deadOne, owner, id)
				if err != nil {
					return err
				}
				if len(j) == 0 {
					continue
				}
				if _, err := q.cfg.DB.Exec(ctx, revive, now.UnixMilli(), now.Add(window).UnixMilli(), now.UnixMilli(), owner, id); err != nil {
					return err
				}
				if j[0].Batch != "" {
					if _, err := q.cfg.DB.Exec(ctx, unfail, owner, j[0].Batch); err != nil {
						return err
					}
				}
				got++
			}
			return q.servedBy(ctx, owner, now.UnixMilli())
		})
		if n += got; err != nil || !all || got == 0 {
			q.Wake()
			return n, fault.Op("jobs.Retry", err)
		}
	}
}

func (q *Queue) deadIDs(ctx context.Context, owner string) ([]string, error) {
	rows, err := q.cfg.DB.Query(ctx, deadNames, owner, page)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id, batch string
		if err := rows.Scan(&id, &batch); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// Drop ends a dead job for good; false when there is none.
func (q *Queue) Drop(ctx context.Context, owner, id string) (bool, error) {
	n, err := q.cfg.DB.Exec(ctx, dropDead, owner, id)
	return n > 0, fault.Op("jobs.Drop", err)
}

// Halt has nothing of the owner run any more, in the caller's transaction: it has ended.
func (q *Queue) Halt(ctx context.Context, owner string) error {
	_, err := q.cfg.DB.Exec(ctx, dropOwner, owner)
	return fault.Op("jobs.Halt", err)
}

// Erase removes everything of an owner, page by page.
func (q *Queue) Erase(ctx context.Context, owner string) error {
	for _, one := range []string{dropOwner, eraseBatches, eraseChains} {
		if _, err := q.cfg.DB.Exec(ctx, one, owner); err != nil {
			return fault.Op("jobs.Erase", err)
		}
	}
	for {
		n, err := q.cfg.DB.Exec(ctx, eraseJobs, owner, page)
		if err != nil || n < page {
			return fault.Op("jobs.Erase", err)
		}
	}
}

// Sweep removes what is past its time.
func (q *Queue) Sweep(ctx context.Context) error {
	now := q.cfg.Now()
	for _, one := range []string{sweepBatches, sweepChains} {
		if _, err := q.cfg.DB.Exec(ctx, one, now.Add(-batchesFor).UnixMilli()); err != nil {
			return fault.Op("jobs.Sweep", err)
		}
	}
	for {
		n, err := q.cfg.DB.Exec(ctx, sweepDead, now.Add(-deadFor).UnixMilli(), page)
		if err != nil {
			return fault.Op("jobs.Sweep", err)
		}
		if n < page {
			return fault.Op("jobs.Sweep", q.sweepMany(ctx))
		}
	}
}

// sweepMany removes the oldest dead jobs of owners that have too many.
func (q *Queue) sweepMany(ctx context.Context) error {
	owners, err := q.owners(ctx, manyDead, q.cfg.MaxDead)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		for {
			n, err := q.cfg.DB.Exec(ctx, sweepMany, owner, page, q.cfg.MaxDead)
			if err != nil {
				return err
			}
			if n < page {
				break
			}
		}
	}
	return nil
}
