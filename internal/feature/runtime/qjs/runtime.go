package qjs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/sourcemap"
	"github.com/annexhq/annex/internal/infra/jail"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// SnapshotStore keeps snapshots between starts. It is a cache: what it loses is made
// again, and what it returns is checked. A missing key is (nil, nil) or any error.
// Snapshots can hold sealed variables: the store must seal what it writes.
type SnapshotStore interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, b []byte) error
}

// maxProven is how many versions that were let go are remembered.
const maxProven = 50_000

// Config is what a Runtime is made from.
type Config struct {
	// ChildCommand makes the command of one worker process. Its descriptor 3 is the
	// socket to serve.
	ChildCommand func() *exec.Cmd
	// Prepared is what workers find made for them, if anything; New does not take it over,
	// and it stays open until Close.
	Prepared *os.File
	// Jail is the room that workers are started into.
	Jail *jail.Jail
	// Workers is the number of worker processes; the number of CPUs when 0.
	Workers   int
	Snapshots SnapshotStore
	Log       *slog.Logger
	// MaxImages bounds how many versions are kept ready; 512 when 0.
	MaxImages int
	// Isolation says who shares a worker process; Shared when empty.
	Isolation Isolation
	// Memory is what the calls of one worker may hold together, in bytes; a share of the
	// machine's when 0.
	Memory int
	// Eager lets workers look for answers for a moment before they sleep.
	Eager bool
	// Grace is how long a worker may outlive a call's deadline; 250 ms when 0.
	Grace time.Duration
	// CPU is the CPU time of a call; 10 s (60 s for queues and schedules) when 0.
	CPU time.Duration
}

// Runtime runs calls in worker processes.
type Runtime struct {
	cfg    Config
	log    *slog.Logger
	pool   *pool
	flight singleflight.Group
	maps   *mapCache
	bodies *budget
	crowd  *crowd
	// tallies outlive the versions that they hold something against.
	tallies *tallies

	mu       sync.Mutex
	versions map[string]*version
	// proven are how many calls versions that were let go had served: they need not prove
	// themselves again.
	proven *lru.Cache[string, int64]
	closed chan struct{}
	once   sync.Once
	// stopping is closed when the server's time for running calls is over.
	stopping chan struct{}
	stopOnce sync.Once
}

// New starts the workers and returns when the first one is ready, and with it the one in
// which versions begin: from then on no call of a version waits for a start.
func New(cfg Config) (*Runtime, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.NumCPU()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxImages <= 0 {
		cfg.MaxImages = 512
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 250 * time.Millisecond
	}
	if cfg.Memory <= 0 {
		cfg.Memory = memoryShare(cfg.Workers)
	}
	r := &Runtime{cfg: cfg, log: cfg.Log, maps: newMapCache(cfg.Log), bodies: newBudget(), crowd: newCrowd(), tallies: newTallies(), versions: map[string]*version{}, closed: make(chan struct{}), stopping: make(chan struct{})}
	var err error
	if r.proven, err = lru.New[string, int64](maxProven); err != nil {
		return nil, fmt.Errorf("qjs: %w", err)
	}
	if r.pool, err = newPool(cfg); err != nil {
		return nil, err
	}
	go r.sweep()
	return r, nil
}

// Ready is the number of shared workers that take calls now.
func (r *Runtime) Ready() int {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	n := 0
	for _, w := range r.pool.slots {
		if w != nil && !w.ending.Load() {
			n++
		}
	}
	return n
}

// EndCalls ends the calls in flight, each with the error SHUTTING_DOWN, and those that
// come after it.
func (r *Runtime) EndCalls() { r.stopOnce.Do(func() { close(r.stopping) }) }

// Close ends the workers; calls in flight end with WORKER_LOST.
func (r *Runtime) Close() error {
	r.once.Do(func() {
		close(r.closed)
		r.pool.close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for key, v := range r.versions {
			delete(r.versions, key)
			v.close()
		}
	})
	return nil
}

// Prepare makes a version's snapshot, unless it exists, and reports what was found.
func (r *Runtime) Prepare(ctx context.Context, art call.Artifact, handlers []string) (call.Prepared, error) {
	v, err := r.version(ctx, art)
	if err != nil {
		return call.Prepared{}, err
	}
	defer r.release(v)
	p := call.Prepared{
		Snapshotted: v.image != nil, Reason: v.reason,
		Bytes: v.bytes, ModuleScope: v.took,
	}
	has := map[string]bool{}
	for _, e := range v.exports {
		has[e] = true
	}
	for _, h := range handlers {
		if !has[h] {
			p.Missing = append(p.Missing, h)
		}
	}
	return p, nil
}

// Run runs one call to its end. app is a JSON object of the app's own facts; its members
// win over the call's context. Errors are *fault.Error with one of the codes of errors.go.
func (r *Runtime) Run(ctx context.Context, art call.Artifact, c *call.Call, app json.RawMessage, host call.Host) (call.Result, error) {
	if err := fits(c, app); err != nil {
		return call.Result{}, err
	}
	leave, err := r.crowd.enter(art.Environment, c.Installation)
	if err != nil {
		return call.Result{}, err
	}
	defer leave()
	v, err := r.version(ctx, art)
	if err != nil {
		return call.Result{}, err
	}
	defer r.release(v)
	f := newFlight(c, v, host, app)
	f.bodies, f.stopping = r.bodies, r.stopping
	f.lines.places = func() (*sourcemap.Map, bool) { return r.maps.have(art.Key) }
	defer f.lines.flush(ctx, func(ctx context.Context) *sourcemap.Map { return r.mapOf(ctx, art) })
	if f.deadline.IsZero() {
		f.deadline = f.started.Add(defaultWall(c.Kind))
	}
	f.cpu = r.cfg.CPU
	if f.cpu == 0 {
		f.cpu = defaultCPU(c.Kind)
	}
	for attempt := 0; ; attempt++ {
		w, err := r.pool.pick(ctx, f)
		if err != nil {
			return call.Result{}, err
		}
		res, err := w.run(ctx, f, r.cfg.Grace)
		if err == nil {
			v.served.Add(1)
			return res, nil
		}
		if !isLost(err) {
			if burnt(err, res.Stats.CPU) {
				v.tally.suspect(time.Now())
			}
			return res, r.explain(ctx, art, err)
		}
		if !f.again(attempt, time.Now()) || ctx.Err() != nil {
			return res, f.lost(err, time.Now())
		}
		r.log.Info("call runs again elsewhere", "invocation", c.ID, "trace", c.Trace, "version", art.Version)
	}
}

// fits refuses a call that is too large, or whose context is no object.
func fits(c *call.Call, app json.RawMessage) error {
	if len(c.Payload) > maxRequest {
		return fault.New(fault.Limit, "LIMIT_REQUEST", "the request has %d bytes; %d are allowed", len(c.Payload), maxRequest).
			With("limit", "request").With("figure", maxRequest)
	}
	if !isObject(c.Context) || !isObject(app) {
		return fault.New(fault.Internal, "INTERNAL", "a call's context must be a JSON object")
	}
	return nil
}

// burnFrom is the CPU time from which on a call that ran into a limit of time counts as
// one that burns it.
const burnFrom = time.Second

// burnt says whether a call used its time for computing and not for waiting. Who does that
// again and again computes in a worker of its own.
func burnt(err error, cpu time.Duration) bool {
	switch fault.CodeOf(err) {
	case "LIMIT_CPU":
		return true
	case "LIMIT_WALL":
		return cpu >= burnFrom
	}
	return false
}
