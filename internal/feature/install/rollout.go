package install

import (
	"context"
	"errors"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// OnDeploy gives a release to the installations of its environment, in the deploy's
// transaction: those that were granted what it declares run it now, the others keep
// their version and wait for their admin; suspended ones are left alone. The deployer calls Refresh after its commit.
func (s *Service) OnDeploy(ctx context.Context, by id.Principal, release *call.Policy) (moved, waiting int, err error) {
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		moved, waiting = 0, 0
		rows, err := s.query(ctx, ofEnvironment, release.Environment)
		if err != nil {
			return err
		}
		for n := range rows {
			i := &rows[n].Installation
			act := "install.wait"
			if i.take(release) {
				act = "install.upgrade"
				moved++
			} else {
				waiting++
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
	return moved, waiting, fault.Op("install.OnDeploy", err)
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
				i.take(release)
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

// Policy is the authority of an installation now, from memory. It refuses with
// POLICY_STALE when nothing confirmed it for a second.
func (s *Service) Policy(ctx context.Context, install id.Install) (*call.Policy, error) {
	return s.policies.get(ctx, install)
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
	if err := s.policies.read(context.WithoutCancel(ctx), askPatience); err != nil {
		s.Log.WarnContext(ctx, "policies cannot be read after a change; they are read again shortly", "err", err)
	}
}

// Confirmed reports whether policies can be relied on now: the database confirmed them
// within the last second.
func (s *Service) Confirmed() bool {
	return s.policies.state.Load().fresh(s.policies.now())
}

// Start reads all policies and keeps them confirmed until Close.
func (s *Service) Start(ctx context.Context) error {
	return fault.Op("install.Start", s.policies.start(ctx))
}

// Close ends the reading; a second later every policy is refused as stale.
func (s *Service) Close() { s.policies.stop() }
