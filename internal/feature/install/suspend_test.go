package install_test

import (
	"testing"

	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// A site that switches development apps off has none running from then on, in any
// process, whatever is deployed; when it switches them on they go on with what the
// admin granted, and production never notices.
func TestDevelopmentAppsStandStillWhileTheSwitchIsOff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		at := func(environment string) install.Target {
			return install.Target{App: "app", Environment: environment, Site: "site-a", Product: "tracker"}
		}
		made := map[string]install.Installation{}
		for _, env := range []string{"development", "staging", "production"} {
			b.publish(t, env, "v1", scopes("read"))
			made[env] = b.grant(t, alice, at(env), nil).Installation
		}
		other := b.another(t)
		turn := func(on bool) {
			t.Helper()
			if err := b.SwitchDevelopment(t.Context(), alice, "site-a", on); err != nil {
				t.Fatal(err)
			}
			b.Refresh(t.Context())
			other.Refresh(t.Context())
		}
		turn(false)
		turn(false) // nothing more to suspend
		for _, s := range []*install.Service{b.Service, other, b.another(t)} {
			for _, env := range []string{"development", "staging"} {
				_, err := s.Policy(t.Context(), made[env].ID)
				want(t, err, "DEVELOPMENT_APPS_OFF")
			}
			if p, err := s.Policy(t.Context(), made["production"].ID); err != nil || p.Epoch != 1 {
				t.Errorf("%+v, %v", p, err)
			}
		}
		if moved, waiting := b.publish(t, "development", "v2", scopes("read")); moved != 0 || waiting != 0 {
			t.Errorf("a deploy moved %d suspended installations, %d wait", moved, waiting)
		}
		b.publish(t, "staging", "v2", scopes("read", "write"))
		if err := b.SwitchDevelopment(t.Context(), aliceB, "site-b", true); err != nil {
			t.Fatal(err)
		}
		b.Refresh(t.Context())
		_, err := b.Policy(t.Context(), made["development"].ID)
		want(t, err, "DEVELOPMENT_APPS_OFF")

		turn(true)
		if p := b.policy(t, made["development"].ID); p.Version != "v2" || p.Epoch <= 2 || len(p.Set.Scopes) != 1 {
			t.Errorf("%+v", p)
		}
		if p := b.policy(t, made["staging"].ID); p.Version != "v1" || len(p.Set.Scopes) != 1 {
			t.Errorf("a version that asks for more came without the admin: %+v", p)
		}
		if i, err := b.Find(t.Context(), alice, at("staging")); err != nil || i.Waiting != "v2" || i.Suspended {
			t.Errorf("%+v, %v", i, err)
		}
		if p, err := other.Policy(t.Context(), made["development"].ID); err != nil || p.Version != "v2" {
			t.Errorf("%+v, %v", p, err)
		}
		turn(false)
		if err := b.Uninstall(t.Context(), alice, made["development"].ID); err != nil {
			t.Fatal(err)
		}
		_, err = b.Policy(t.Context(), made["development"].ID)
		want(t, err, "NOT_INSTALLED")
	})
}
