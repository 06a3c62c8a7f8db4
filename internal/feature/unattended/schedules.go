package unattended

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/schedule"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// A schedule is one job that is never done: after each run it is due at the next time. So
// there is one row whichever server looks, and a run that every server missed is made up
// for once, whatever the number of times that went by.

const (
	lookEvery = time.Second
	putAtOnce = 200
)

// planned is what a schedule's job notes.
type planned struct {
	Module string `json:"module"`
	Rule   string `json:"rule"`
	Slot   int64  `json:"slot"` // when it was to run, in Unix milliseconds
}

func ruleOf(t manifest.ScheduledTrigger) string {
	if t.Cron != "" {
		return t.Cron
	}
	return t.Interval
}

// Start has schedules follow what is installed, until Close.
func (s *Service) Start(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel, s.done = cancel, make(chan struct{})
	go s.follow(ctx, s.done)
}

// Close ends it.
func (s *Service) Close() {
	s.mu.Lock()
	cancel, done := s.cancel, s.done
	s.cancel = nil
	s.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

func (s *Service) follow(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		err := s.Plan(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "schedules cannot be planned; it is tried again", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Plan makes the jobs of schedules of installations and versions that are new. What is
// planned already stays as it is; what a version no longer declares ends at its next time.
func (s *Service) Plan(ctx context.Context) error {
	now := s.Now()
	running := s.Installed.Running()
	var list []jobs.Job
	var seen []*call.Policy
	flush := func() error {
		if len(list) > 0 {
			if err := s.Jobs.Enqueue(ctx, list...); err != nil {
				return err
			}
		}
		for _, p := range seen {
			s.known[p.Install] = p.Version
		}
		list, seen = nil, nil
		return nil
	}
	for install, p := range running {
		if s.known[install] == p.Version {
			continue
		}
		m, err := s.Manifests.Manifest(ctx, p.Version)
		if err != nil {
			return fault.Op("unattended.Plan", err)
		}
		for _, t := range m.Modules.ScheduledTrigger {
			j, err := plan(p, t, now)
			if err != nil {
				s.Log.WarnContext(ctx, "a schedule cannot be read", "installation", install, "module", t.Key, "err", err)
				continue
			}
			list = append(list, j)
		}
		if seen = append(seen, p); len(seen) >= putAtOnce {
			if err := flush(); err != nil {
				return fault.Op("unattended.Plan", err)
			}
		}
	}
	for install := range s.known {
		if running[install] == nil {
			delete(s.known, install)
		}
	}
	return fault.Op("unattended.Plan", flush())
}

func plan(p *call.Policy, t manifest.ScheduledTrigger, now time.Time) (jobs.Job, error) {
	rule, err := schedule.Parse(ruleOf(t))
	if err != nil {
		return jobs.Job{}, err
	}
	at := rule.Next(now, phase(p.Install))
	if at.IsZero() {
		return jobs.Job{}, errors.New("it names no day")
	}
	head, err := json.Marshal(planned{Module: t.Key, Rule: ruleOf(t), Slot: at.UnixMilli()})
	return jobs.Job{
		ID: derived("schedule", string(p.Install), t.Key, ruleOf(t)), Owner: string(p.Install), Kind: scheduleKind, Name: t.Key, Due: at, Head: head,
	}, err
}

// tick runs a schedule's function once. Its result is nobody's; a run that failed is not
// made up for, unless it was the platform that failed.
func (s *Service) tick(ctx context.Context, j jobs.Job) jobs.Verdict {
	var noted planned
	if err := json.Unmarshal(j.Head, &noted); err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	install := id.Install(j.Owner)
	p, err := s.Installed.Policy(ctx, install)
	switch {
	case fault.CodeOf(err) == "NOT_INSTALLED":
		return jobs.Verdict{}
	case err != nil && fault.KindOf(err) == fault.Denied: // it stands still: this time is missed
		return s.next(noted, install, fault.CodeOf(err))
	case err != nil:
		return s.refused(err)
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return s.refused(err)
	}
	f, ok := scheduled(m, noted)
	if !ok {
		return jobs.Verdict{} // the version that runs now has another one, which is a job of its own
	}
	c := begun(j, p, call.Schedule, noted.Module, f, s.Now())
	// A run's id says when it was to be, so that one that is repeated has the same.
	c.ID = id.Invocation(derived(j.ID, time.UnixMilli(noted.Slot).UTC().Format(time.RFC3339)))
	payload := map[string]any{
		"context": map[string]any{"cloudId": p.Site, "moduleKey": noted.Module}, "scheduledFor": time.UnixMilli(noted.Slot).UTC(),
	}
	if s.ContextToken != nil {
		if payload["contextToken"], err = s.ContextToken(ctx, p, noted.Module); err != nil {
			return s.refused(err)
		}
	}
	if c.Payload, err = json.Marshal(payload); err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	if _, err = s.Invoker.Invoke(ctx, c); err != nil {
		if fault.CodeOf(err) == overQuota {
			return s.refused(err) // it did not begin, whatever else used the figure up
		}
		if fault.KindOf(err) == fault.Unavailable && j.Attempt < eventTries {
			return jobs.Verdict{Next: jobs.Again, At: s.Now().Add(backoff(j.Attempt)), Class: fault.CodeOf(err)}
		}
		return s.next(noted, install, fault.CodeOf(err))
	}
	return s.next(noted, install, "")
}

// scheduled finds the function of a schedule that is declared as it was.
func scheduled(m *manifest.Manifest, noted planned) (manifest.Function, bool) {
	for _, t := range m.Modules.ScheduledTrigger {
		if t.Key == noted.Module && ruleOf(t) == noted.Rule {
			return m.Target(t.Function, t.Endpoint)
		}
	}
	return manifest.Function{}, false
}

// next puts a schedule to its next time: after now, and after the one that was its turn.
// The latter counts when this server's clock is behind.
func (s *Service) next(noted planned, install id.Install, class string) jobs.Verdict {
	rule, err := schedule.Parse(noted.Rule)
	if err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	after := s.Now()
	if slot := time.UnixMilli(noted.Slot); slot.After(after) {
		after = slot
	}
	at := rule.Next(after, phase(install))
	if at.IsZero() {
		return jobs.Verdict{}
	}
	noted.Slot = at.UnixMilli()
	head, err := json.Marshal(noted)
	if err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	return jobs.Verdict{Next: jobs.Recur, At: at, Class: class, Head: head}
}
