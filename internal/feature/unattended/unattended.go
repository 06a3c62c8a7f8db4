// Package unattended makes the calls of app code that nobody waits for: consumers of
// queues, schedules, and triggers of events (SPEC 7).
//
// Promises:
//
//   - What was acknowledged is handled at least once: a push, an event, a schedule's next
//     run are jobs, committed before the answer, and each keeps its id through all runs.
//   - Every run has the authority of that moment. What was queued before a grant was
//     narrowed, or an app removed, brings nothing of the old authority with it.
//   - What fails is tried again, less and less often, until its time is over; then it
//     stays as a dead letter, whose body the site's admin reads, and in production nobody else.
//   - What causes itself ends: one call gives rise to a thousand pushes and published events at
//     most, in each installation.
package unattended

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/condition"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// The kinds of jobs.
const (
	queueKind    = "queue"
	eventKind    = "event"
	scheduleKind = "schedule"
)

// maxConditions bounds how many expressions are kept as they were read.
const maxConditions = 1024

// Installed answers what installations there are and what they may do now, from memory.
type Installed interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
	// Running are all that run, OnSite those of one site. Neither is ever changed.
	Running() map[id.Install]*call.Policy
	OnSite(site id.Site) []*call.Policy
}

// Manifests gives what a version declares; it may be asked often.
type Manifests interface {
	Manifest(ctx context.Context, version id.Version) (*manifest.Manifest, error)
}

// EventType is what an operator declared of a product's event.
type EventType struct {
	// Names are the type and its other spellings: apps subscribe to any of them.
	Names []string
	// Scope is what an app must have to be told of it, "" for nothing.
	Scope string
	// Fields are members of the data that need a scope of their own.
	Fields map[string]string
	// Optional are members that only triggers are given that ask for them.
	Optional []string
}

// Products tells which events a product declares; an error of kind NotFound for none.
type Products interface {
	EventType(ctx context.Context, product id.Product, name string) (EventType, error)
}

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Log writes a line into the app's own log. It must not block.
type Log interface {
	Note(p *call.Policy, c *call.Call, level, what string, facts map[string]any)
}

// Config is what the service stands on; all but Quota, Looked, Room, NoRoom, Permissions, ContextToken, Withheld,
// Retention, Now and Log is required.
type Config struct {
	DB        *db.DB
	Jobs      *jobs.Queue
	Installed Installed
	Manifests Manifests
	Products  Products
	Invoker   Invoker
	AppLog    Log
	// Quota counts events that an app queues, or refuses them; it may be nil.
	Quota func(p *call.Policy, events int) error
	// Looked counts a condition that is looked at when it is the installation's turn, as the call
	// that it may lead to, or refuses it; it may be nil.
	Looked func(p *call.Policy) error
	// Room says what an installation may have queued; it may be nil.
	Room func(p *call.Policy) Room
	// NoRoom is told of events that were refused for it; it may be nil.
	NoRoom func(p *call.Policy, events int)
	// Permissions words what a set grants for conditions, which find it as event.permissions; it
	// may be nil.
	Permissions func(perm.Set) map[string]any
	// ContextToken signs where a schedule's function runs; it may be nil.
	ContextToken func(ctx context.Context, p *call.Policy, module string) (string, error)
	// Withheld is told of an event that an access rule keeps from an installation; it may be
	// nil and must not block.
	Withheld func(p *call.Policy)
	// Retention is how long a pushed event is tried; 24 hours when zero.
	Retention time.Duration
	Now       func() time.Time
	Log       *slog.Logger
}

// Service runs what nobody waits for.
type Service struct {
	Config

	// origins are the calls of consumers and of triggers of apps' events that run, and what first
	// caused what they handle.
	origins sync.Map // id.Invocation → string
	// conditions are what triggers' expressions were read as.
	conditions *lru.Cache[string, condition.Expression]
	// held is what installations have queued.
	rooms sync.Mutex
	held  *lru.Cache[id.Install, held]

	mu     sync.Mutex
	known  map[id.Install]id.Version // whose schedules are jobs
	cancel context.CancelFunc
	done   chan struct{}
}

// New makes the service, and makes it the handler of its jobs; Migrations must have been
// applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Retention == 0 {
		cfg.Retention = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	conditions, _ := lru.New[string, condition.Expression](maxConditions) // the only error is a size below one
	known, _ := lru.New[id.Install, held](maxHeld)
	s := &Service{Config: cfg, known: map[id.Install]id.Version{}, conditions: conditions, held: known}
	cfg.Jobs.Handle(queueKind, s.consume)
	cfg.Jobs.Handle(eventKind, s.deliver)
	cfg.Jobs.Handle(scheduleKind, s.tick)
	return s
}

// namespace makes ids of things that are told apart by what they are.
var namespace = uuid.MustParse("5cf1d2c4-5a2b-5e0f-9d0b-6f1f3f8a7c11")

// derived is the id that belongs to these words, wherever it is made.
func derived(words ...string) string {
	text, _ := json.Marshal(words) // strings only
	return uuid.NewSHA1(namespace, text).String()
}

// phase spreads installations over an interval, each always in the same place.
func phase(install id.Install) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(install)) // never fails
	return h.Sum64()
}

// begun is a call of a job's function.
func begun(j jobs.Job, p *call.Policy, kind call.Kind, module string, f manifest.Function, now time.Time) *call.Call {
	wall := 55 * time.Second
	if f.TimeoutSeconds > 0 && kind != call.Event {
		wall = time.Duration(f.TimeoutSeconds) * time.Second
	}
	return &call.Call{
		ID: id.Invocation(j.ID), Attempt: j.Attempt, Kind: kind, Installation: p.Install, Module: module, Function: f.Handler,
		Principal:   id.Principal{Kind: id.Application, Site: p.Site, App: p.App, Install: p.Install},
		Context:     json.RawMessage(`{}`),
		ContentType: "application/json", Deadline: now.Add(wall),
	}
}

// overQuota is the code of a call that did not begin since there were too many.
const overQuota = "LIMIT_INVOCATIONS"

// refused is what becomes of a job whose installation may not run now.
func (s *Service) refused(err error) jobs.Verdict {
	code := fault.CodeOf(err)
	if code == "NOT_INSTALLED" { // it has ended, and an installation never comes back
		return jobs.Verdict{Next: jobs.Dead, Class: code}
	}
	return jobs.Verdict{Next: jobs.Again, At: s.Now().Add(30 * time.Second), Class: code}
}
