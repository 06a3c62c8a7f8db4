package jobs

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// finishAtOnce is how many runs one transaction settles.
const finishAtOnce = 128

// settle writes down what became of jobs, many in one transaction: until it is on the disk
// the jobs are held, and run again if this process ends.
func (q *Queue) settle() {
	ctx := context.Background()
	for first := range q.finished {
		batch := []outcome{first}
		for more := true; more && len(batch) < finishAtOnce; {
			select {
			case o, ok := <-q.finished:
				if more = ok; ok {
					batch = append(batch, o)
				}
			default:
				more = false
			}
		}
		limited, cancel := context.WithTimeout(ctx, q.cfg.Lease)
		if err := q.finish(limited, batch...); err != nil {
			q.cfg.Log.ErrorContext(ctx, "what became of jobs could not be written; they run again", "jobs", len(batch), "err", err)
		}
		cancel()
		for _, o := range batch {
			q.left(o.job)
		}
		q.Wake()
	}
}

// finish writes down what became of runs. A job that another process holds by now is its.
func (q *Queue) finish(ctx context.Context, batch ...outcome) error {
	return fault.Op("jobs.finish", q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		plain := map[int][]string{} // attempt → what is done and concerns nothing else
		for _, o := range batch {
			if o.verdict.Next == Done && o.job.Batch == "" && o.job.Key == "" {
				plain[o.job.Attempt] = append(plain[o.job.Attempt], o.job.ID)
			} else if err := q.one(ctx, o.job, o.verdict); err != nil {
				return err
			}
		}
		for attempt, ids := range plain {
			if _, err := q.cfg.DB.ExecIn(ctx, done, ids, q.token, attempt); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (q *Queue) one(ctx context.Context, j Job, v Verdict) error {
	now := q.cfg.Now()
	head := string(v.Head)
	if head == "" {
		head = string(j.Head)
	}
	if v.Next == Again && !j.Expires.IsZero() && v.At.After(j.Expires) {
		v.Next = Dead
	}
	var n, good, bad int64
	var err error
	switch v.Next {
	case Done:
		good = 1
		n, err = q.cfg.DB.ExecIn(ctx, done, []string{j.ID}, q.token, j.Attempt)
	case Again:
		n, err = q.cfg.DB.Exec(ctx, again, v.At.UnixMilli(), head, v.Class, j.ID, q.token, j.Attempt)
	case Recur:
		n, err = q.cfg.DB.Exec(ctx, recur, v.At.UnixMilli(), head, v.Class, j.ID, q.token, j.Attempt)
	default:
		bad = 1
		n, err = q.cfg.DB.Exec(ctx, bury, now.UnixMilli(), head, v.Class, j.ID, q.token, j.Attempt)
	}
	if err != nil || n == 0 {
		return err
	}
	if j.Batch != "" && good+bad > 0 {
		if _, err := q.cfg.DB.Exec(ctx, count, good, bad, j.Owner, j.Batch); err != nil {
			return err
		}
	}
	if v.Next == Again || v.Next == Recur {
		if err := q.servedBy(ctx, j.Owner, v.At.UnixMilli()); err != nil {
			return err
		}
	}
	return q.freed(ctx, j.Owner, j.Key, now)
}

// freed lets the next job with a key go on.
func (q *Queue) freed(ctx context.Context, owner, key string, now time.Time) error {
	if key == "" {
		return nil
	}
	n, err := q.cfg.DB.Exec(ctx, unpark, owner, key)
	if err != nil || n == 0 {
		return err
	}
	return q.servedBy(ctx, owner, now.UnixMilli())
}

// release gives held jobs back.
func (q *Queue) release(ctx context.Context, text string, of ...any) error {
	return q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		now := q.cfg.Now()
		rows, err := q.cfg.DB.Query(ctx, text, append([]any{now.UnixMilli()}, of...)...)
		if err != nil {
			return err
		}
		type place struct{ owner, key string }
		seen := map[place]int{}
		for rows.Next() {
			var p place
			if err := rows.Scan(&p.owner, &p.key); err != nil {
				return err
			}
			seen[p]++
		}
		if err := rows.Close(); err != nil {
			return err
		}
		for p, n := range seen {
			if err := q.servedBy(ctx, p.owner, now.UnixMilli()); err != nil {
				return err
			}
			for range n {
				if err := q.freed(ctx, p.owner, p.key, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
