package unattended

import (
	"context"
	"encoding/json"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/jobs"
)

// Letter is a job that was given up.
type Letter struct {
	ID       string
	Kind     string // queue, event or schedule
	Name     string // of the queue or module
	Job      string // that it was pushed with
	Class    string // of the last failure
	Attempts int
	Created  time.Time
	Ended    time.Time
	Body     json.RawMessage // nil for who may not read it
}

// State is what an installation has queued.
type State struct {
	Counts []jobs.Count
	Dead   []Letter // the last to be given up first
}

// MayReadBodies says who reads what apps and products put into jobs: the site's admin;
// the app's developer where the developer reads logs too, which production is not.
func MayReadBodies(by id.Principal, env call.EnvType) bool {
	return by.Is(id.SiteAdmin) || by.Is(id.Developer) && env != call.Production
}

// State is what an installation has queued, without bodies.
func (s *Service) State(ctx context.Context, scope tenant.Scope, most int) (st State, err error) {
	if err := wants(scope); err != nil {
		return st, err
	}
	if st.Counts, err = s.Jobs.Counts(ctx, string(scope.Install())); err != nil {
		return st, err
	}
	dead, err := s.Jobs.Dead(ctx, string(scope.Install()), most)
	for _, j := range dead {
		st.Dead = append(st.Dead, letter(j))
	}
	return st, err
}

// Held is how much an installation has queued, dead letters included.
func (s *Service) Held(ctx context.Context, scope tenant.Scope) (Room, error) {
	if err := wants(scope); err != nil {
		return Room{}, err
	}
	n, bytes, err := s.Jobs.Held(ctx, string(scope.Install()))
	return Room{Jobs: n, Bytes: bytes}, err
}

// Letter is one dead letter, with its body for who may read it.
func (s *Service) Letter(ctx context.Context, scope tenant.Scope, by id.Principal, env call.EnvType, job string) (Letter, error) {
	if err := wants(scope); err != nil {
		return Letter{}, err
	}
	j, ok, err := s.Jobs.DeadOne(ctx, string(scope.Install()), job)
	if err != nil || !ok {
		return Letter{}, noLetter(err)
	}
	l := letter(j)
	// What a product told is more than the app may see: nobody but the admin reads it.
	if MayReadBodies(by, env) && (by.Is(id.SiteAdmin) || j.Kind == queueKind) && json.Valid(j.Body) {
		l.Body = j.Body
	}
	return l, nil
}

// Retry has dead letters handled again, all when none is named, and says how many.
func (s *Service) Retry(ctx context.Context, scope tenant.Scope, ids ...string) (int, error) {
	if err := wants(scope); err != nil {
		return 0, err
	}
	return s.Jobs.Retry(ctx, string(scope.Install()), s.Retention, ids...)
}

// Drop ends a dead letter for good.
func (s *Service) Drop(ctx context.Context, scope tenant.Scope, job string) error {
	if err := wants(scope); err != nil {
		return err
	}
	ok, err := s.Jobs.Drop(ctx, string(scope.Install()), job)
	if err != nil || !ok {
		return noLetter(err)
	}
	return nil
}

// Ended has nothing more run for an installation, in the transaction that ends it.
func (s *Service) Ended(ctx context.Context, scope tenant.Scope) error {
	if err := wants(scope); err != nil {
		return err
	}
	return s.Jobs.Halt(ctx, string(scope.Install()))
}

// Erase removes everything of an installation.
func (s *Service) Erase(ctx context.Context, scope tenant.Scope) error {
	if err := wants(scope); err != nil {
		return err
	}
	return s.Jobs.Erase(ctx, string(scope.Install()))
}

func letter(j jobs.Job) Letter {
	return Letter{ID: j.ID, Kind: j.Kind, Name: j.Name, Job: j.Batch, Class: j.Class, Attempts: j.Attempt, Created: j.Created, Ended: j.Ended}
}

func noLetter(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.NotFound, "NO_SUCH_LETTER", "there is no such dead letter").WithFix("`annex queue list` lists them")
}

func wants(scope tenant.Scope) error {
	if !scope.Valid() || scope.Install() == "" {
		return fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	return nil
}
