package jobs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
)

// Job is one piece of work.
type Job struct {
	// ID is the job's own; a second job with it is the same one. It stays through all runs.
	ID    string
	Owner string // whose it is: the installation
	Kind  string // which Handler runs it
	Name  string // what it is about, for people: a queue's name
	Batch string // jobs that were put together, "" for none
	Due   time.Time
	// Key and Most: at most so many of the owner's jobs with this key run at once.
	Key  string
	Most int
	// Expires is the end of the time in which it is tried again; zero for none.
	Expires time.Time
	Head    json.RawMessage // what the handler notes from one run for the next
	Body    []byte

	Attempt int // 1 at the first run
	Created time.Time
	Ended   time.Time // of a dead one
	Class   string    // of its last failure
}

// Next is what becomes of a job after a run.
type Next int

// What becomes of a job.
const (
	Done  Next = iota // it is gone
	Again             // it runs again at At; after Expires it is dead instead
	Recur             // it runs again at At as if it were new
	Dead              // it stays for somebody to look at
)

// Verdict is a handler's.
type Verdict struct {
	Next  Next
	At    time.Time
	Class string          // of the failure, "" for none
	Head  json.RawMessage // replaces the job's; nil keeps it
}

// Handler runs a job. When the context ends it returns soon; the job then runs elsewhere.
type Handler func(ctx context.Context, j Job) Verdict

// Config is what the queue stands on. DB is required.
type Config struct {
	DB *db.DB
	// Lease is how long after its end a process' jobs are taken over on Postgres; 20 s when zero.
	Lease time.Duration
	// Slots is how many jobs this process runs at once, PerOwner how many of one owner's.
	Slots, PerOwner int
	// MaxDead is how many dead jobs of one owner a sweep leaves; 10,000 when zero.
	MaxDead int
	// Poll is how often other processes' jobs are looked for; 200 ms when zero.
	Poll time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Queue is all jobs of the database.
type Queue struct {
	cfg      Config
	token    string // of this process
	handlers map[string]Handler

	wake     chan struct{}
	finished chan outcome

	mu       sync.Mutex
	held     map[string]int // owner → jobs that this process runs
	holds    int
	cancel   context.CancelFunc
	loops    sync.WaitGroup // what starts handlers, and extends their leases
	running  sync.WaitGroup // handlers
	settling sync.WaitGroup // what writes down how they ended
}

// New makes the queue; Migrations must have been applied to cfg.DB. Handle says who runs
// what, Start begins.
func New(cfg Config) *Queue {
	if cfg.Lease == 0 {
		cfg.Lease = 20 * time.Second
	}
	if cfg.Slots == 0 {
		cfg.Slots = 256
	}
	if cfg.PerOwner == 0 {
		cfg.PerOwner = 16
	}
	if cfg.MaxDead == 0 {
		cfg.MaxDead = 10_000
	}
	if cfg.Poll == 0 {
		cfg.Poll = 200 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Queue{
		cfg: cfg, token: rand.Text(), handlers: map[string]Handler{},
		wake: make(chan struct{}, 1), finished: make(chan outcome, cfg.Slots), held: map[string]int{},
	}
}

// Handle says who runs the jobs of a kind. Call it before Start.
func (q *Queue) Handle(kind string, h Handler) { q.handlers[kind] = h }

// Enqueue puts jobs there, in the caller's transaction if there is one. A job whose id is
// there already is left as it is. Wake has this process look at once, after the commit.
func (q *Queue) Enqueue(ctx context.Context, list ...Job) error {
	return fault.Op("jobs.Enqueue", q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		first := map[string]int64{}
		var owners []string // in their order: two transactions must not wait for each other
		for _, j := range list {
			if j.ID == "" || j.Owner == "" || j.Kind == "" {
				return errors.New("a job has an id, an owner and a kind")
			}
			due := j.Due.UnixMilli()
			if at, ok := first[j.Owner]; !ok {
				owners, first[j.Owner] = append(owners, j.Owner), due
			} else {
				first[j.Owner] = min(at, due)
			}
		}
		if err := q.put(ctx, list); err != nil {
			return err
		}
		for _, o := range owners {
			if err := q.servedBy(ctx, o, first[o]); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (q *Queue) put(ctx context.Context, list []Job) error {
	now := q.cfg.Now().UnixMilli()
	var rows, batches [][]any
	known := map[[2]string]bool{}
	for _, j := range list {
		head, body := string(j.Head), j.Body
		if head == "" {
			head = "{}"
		}
		if body == nil {
			body = []byte{}
		}
		rows = append(rows, []any{j.ID, j.Owner, j.Kind, j.Name, j.Batch, j.Due.UnixMilli(), j.Key, j.Most, now, milli(j.Expires), head, body})
		if of := [2]string{j.Owner, j.Batch}; j.Batch != "" && !known[of] {
			known[of], batches = true, append(batches, []any{j.Owner, j.Batch, now})
		}
	}
	if err := q.cfg.DB.InsertAll(ctx, put, rows); err != nil {
		return err
	}
	return q.cfg.DB.InsertAll(ctx, putBatch, batches)
}

// servedBy sees to it that the owner's turn comes no later than at. The database's
// serializable transactions order it against a claim that sets the turn at the same time.
func (q *Queue) servedBy(ctx context.Context, owner string, at int64) error {
	var turn int64
	err := q.cfg.DB.QueryRow(ctx, turnOf, owner).Scan(&turn)
	if err == nil && turn <= at {
		return nil
	}
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	_, err = q.cfg.DB.Exec(ctx, putOwner, owner, at)
	return err
}

// Wake has this process look for jobs now, not at the next poll.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// UseChain counts what one origin of an owner caused, and gives the count.
func (q *Queue) UseChain(ctx context.Context, owner, origin string) (used int, err error) {
	err = q.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		return q.cfg.DB.QueryRow(ctx, useChain, owner, origin, q.cfg.Now().UnixMilli()).Scan(&used)
	})
	return used, fault.Op("jobs.UseChain", err)
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func scan(row interface{ Scan(...any) error }) (j Job, err error) {
	var due, created, expires, ended int64
	err = row.Scan(&j.ID, &j.Owner, &j.Kind, &j.Name, &j.Batch, &due, &j.Attempt, &j.Key, &j.Most, &created, &expires, &ended, &j.Class, &j.Head, &j.Body)
	j.Due, j.Created, j.Expires, j.Ended = timeOf(due), timeOf(created), timeOf(expires), timeOf(ended)
	return j, err
}

func (q *Queue) list(ctx context.Context, text string, args ...any) ([]Job, error) {
	rows, err := q.cfg.DB.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Job
	for rows.Next() {
		j, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, rows.Err()
}
