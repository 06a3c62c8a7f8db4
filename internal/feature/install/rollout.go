package install

import (
	"context"
	"errors"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/infra/db"
)

// OnDeploy gives a release to the installations of its environment, in the deploy's
// transaction. One that asks for nothing that their admins have not decided about
// reaches them as their site's policy for updates says; in others their version goes on
// and they wait for their admin; suspended ones are left alone. The deployer calls
// Refresh after its commit.
func (s *Service) OnDeploy(ctx context.Context, by id.Principal, release *call.Release) (out call.Rollout, err error) {
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		out = call.Rollout{}
		rows, err := s.query(ctx, ofEnvironment, release.Environment)
		if err != nil {
			return err
		}
		updates := map[id.Site]rollout.Policy{}
		for n := range rows {
			i := &rows[n].Installation
			ran, err := s.give(ctx, i, release, updates)
			if err != nil {
				return err
			}
			act := "install.wait"
			switch {
			case ran:
				act = "install.upgrade"
				out.Ran++
			case i.WaitingReason == Growth:
				out.Growing++
			default:
				out.Later++
			}
			if err := s.save(ctx, i); err != nil {
				return err
			}
			if err := s.record(ctx, by, i, act); err != nil {
				return err
			}
		}
		return nil
	})
	return out, fault.Op("install.OnDeploy", err)
}

// give gives an installation a release under its site's policy for updates.
func (s *Service) give(ctx context.Context, i *Installation, release *call.Release, known map[id.Site]rollout.Policy) (bool, error) {
	updates, ok := known[i.Site]
	if !ok {
		var err error
		if updates, err = s.Sites.SiteUpdates(ctx, i.Site); err != nil {
			return false, err
		}
		known[i.Site] = updates
	}
	return i.take(release, updates, s.Now()), nil
}

// WouldWait counts the installations of an environment that would wait for their admin
// if the release were deployed now.
func (s *Service) WouldWait(ctx context.Context, env id.Env, release *call.Release) (n int, err error) {
	rows, err := s.query(ctx, ofEnvironment, env)
	if err != nil {
		return 0, fault.Op("install.WouldWait", err)
	}
	for k := range rows {
		if rows[k].grows(release) && rows[k].Version != release.Version {
			n++
		}
	}
	return n, nil
}

// SwitchUpdates follows a change of a site's policy for updates, in its transaction:
// what waits for time or a hand waits, or runs, as the new policy says. Call Refresh
// after the commit.
func (s *Service) SwitchUpdates(ctx context.Context, by id.Principal, site id.Site, updates rollout.Policy) error {
	return fault.Op("install.SwitchUpdates", s.DB.Tx(ctx, func(ctx context.Context) error {
		rows, err := s.query(ctx, ofSite, site)
		if err != nil {
			return err
		}
		for n := range rows {
			i := &rows[n].Installation
			if i.WaitingReason != Scheduled && i.WaitingReason != ByHand || i.Suspended {
				continue
			}
			release, err := s.Releases.Release(ctx, i.App, i.EnvName)
			if err != nil {
				return err
			}
			act := "install.wait"
			if i.take(release, updates, s.Now()) {
				act = "install.upgrade"
			}
			if err := s.save(ctx, i); err != nil {
				return err
			}
			if err := s.record(ctx, by, i, act); err != nil {
				return err
			}
		}
		return nil
	}))
}

// SwitchDevelopment suspends the development and staging installations of a site, or
// lets them go on, in the transaction that turns the site's switch. Those that go on take
// what was deployed meanwhile, as at a deploy. Call Refresh after the commit.
func (s *Service) SwitchDevelopment(ctx context.Context, by id.Principal, site id.Site, on bool) error {
	return fault.Op("install.SwitchDevelopment", s.DB.Tx(ctx, func(ctx context.Context) error {
		rows, err := s.query(ctx, switchedOnSite, site, call.Production, on)
		if err != nil {
			return err
		}
		for n := range rows {
			i := &rows[n].Installation
			act := "install.suspend"
			i.Suspended = !on
			if on {
				act = "install.resume"
				release, err := s.Releases.Release(ctx, i.App, i.EnvName)
				if err != nil {
					return err
				}
				if _, err := s.give(ctx, i, release, map[id.Site]rollout.Policy{}); err != nil {
					return err
				}
			}
			if err := s.save(ctx, i); err != nil {
				return err
			}
			if err := s.record(ctx, by, i, act); err != nil {
				return err
			}
		}
		return nil
	}))
}

// InEnvironment counts the installations of an environment.
func (s *Service) InEnvironment(ctx context.Context, env id.Env) (n int, err error) {
	err = s.DB.QueryRow(ctx, countInEnv, env).Scan(&n)
	return n, fault.Op("install.InEnvironment", err)
}

// Each calls do with every installation of an environment until it says no.
func (s *Service) Each(ctx context.Context, env id.Env, do func(install id.Install) (more bool, err error)) error {
	const page = 500
	for last, n := id.Install(""), page; n == page; {
		some, err := s.idsIn(ctx, env, last, page)
		if err != nil {
			return fault.Op("install.Each", err)
		}
		for _, i := range some {
			if more, err := do(i); err != nil || !more {
				return err
			}
			last = i
		}
		n = len(some)
	}
	return nil
}

func (s *Service) idsIn(ctx context.Context, env id.Env, after id.Install, most int) (out []id.Install, err error) {
	rows, err := s.DB.Query(ctx, idsInEnv, env, after, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var i id.Install
		if err := rows.Scan((*string)(&i)); err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, rows.Err()
}

// Policy is the authority of an installation now, from memory. It refuses with
// POLICY_STALE when nothing confirmed it for a second.
func (s *Service) Policy(ctx context.Context, install id.Install) (*call.Policy, error) {
	return s.policies.get(ctx, install)
}

// Running are the policies of all installations that run, as this process knows them now.
// The map is never changed.
func (s *Service) Running() map[id.Install]*call.Policy {
	if now := s.policies.state.Load(); now != nil {
		return now.policies
	}
	return nil
}

// OnSite are those of one site.
func (s *Service) OnSite(site id.Site) []*call.Policy {
	if now := s.policies.state.Load(); now != nil {
		return now.sites()[site]
	}
	return nil
}

// On is the policy of an app environment's installation on a product of a site. It refuses
// with NOT_INSTALLED.
func (s *Service) On(ctx context.Context, env id.Env, site id.Site, product id.Product) (*call.Policy, error) {
	var install id.Install
	switch err := s.DB.QueryRow(ctx, onProduct, site, env, product).Scan(&install); {
	case errors.Is(err, db.ErrNoRows):
		return nil, fault.New(fault.Denied, "NOT_INSTALLED", "there is no such installation, or it has ended")
	case err != nil:
		return nil, fault.Op("install.On", err)
	}
	return s.Policy(ctx, install)
}

// Refresh makes this process see every change that was committed before. Others see
// it within a quarter of a second.
func (s *Service) Refresh(ctx context.Context) {
	if ctx.Value(trying{}) != nil {
		return
	}
	if err := s.policies.read(context.WithoutCancel(ctx), askPatience); err != nil {
		s.Log.WarnContext(ctx, "policies cannot be read after a change; they are read again shortly", "err", err)
	}
}

// Confirmed reports whether policies can be relied on now: the database confirmed them
// within the last second.
func (s *Service) Confirmed() bool {
	return s.policies.state.Load().fresh(s.policies.now())
}

// Start reads all policies and keeps them confirmed until Close, and lets versions in
// when their time has come.
func (s *Service) Start(ctx context.Context) error {
	if err := s.policies.start(ctx); err != nil {
		return fault.Op("install.Start", err)
	}
	s.due.start(ctx)
	return nil
}

// Close ends the reading; a second later every policy is refused as stale.
func (s *Service) Close() {
	s.due.stop()
	s.policies.stop()
}
