package install_test

import (
	"slices"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestDevelopmentAppsNeedTheSwitchAndTheirOwnConfirmation(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	for _, environment := range []string{"development", "staging"} {
		b.publish(t, environment, "v1", scopes("read"))
		at := install.Target{App: "app", Environment: environment, Site: "site-a", Product: "tracker"}
		shown, err := b.Preview(t.Context(), alice, at)
		if err != nil || shown.DevelopmentWarning == "" {
			t.Fatalf("%+v, %v", shown, err)
		}
		_, err = b.Install(t.Context(), alice, at, install.Confirmation{Digest: shown.Digest})
		want(t, err, "CONFIRM_DEVELOPMENT")
		if _, err := b.Install(t.Context(), alice, at, install.Confirmation{Digest: shown.Digest, Development: true}); err != nil {
			t.Error(err)
		}
		at.Site = "site-b"
		_, err = b.Preview(t.Context(), aliceB, at)
		want(t, err, "DEVELOPMENT_APPS_OFF")
		_, err = b.Install(t.Context(), aliceB, at, install.Confirmation{Digest: shown.Digest, Development: true})
		want(t, err, "DEVELOPMENT_APPS_OFF")
		want(t, b.Request(t.Context(), bob, at), "DEVELOPMENT_APPS_OFF")
	}
}

func TestUninstallEndsAccessAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read"))
		first := b.grant(t, alice, production("site-a"), nil).Installation.ID
		for _, p := range []id.Principal{operator, bob, aliceB, {}} {
			if err := b.Uninstall(t.Context(), p, first); err == nil {
				t.Errorf("%s uninstalls", p)
			}
		}
		b.policy(t, first)
		if err := b.Uninstall(t.Context(), alice, first); err != nil {
			t.Fatal(err)
		}
		_, err := b.Policy(t.Context(), first)
		want(t, err, "NOT_INSTALLED")
		want(t, b.Uninstall(t.Context(), alice, first), "NOT_YOURS")
		_, err = b.Find(t.Context(), alice, production("site-a"))
		want(t, err, "NOT_INSTALLED")
		if n, err := b.InEnvironment(t.Context(), "env-production"); n != 0 || err != nil {
			t.Errorf("%d installations, %v", n, err)
		}
		second := b.grant(t, alice, production("site-a"), nil)
		if second.Installation.ID == first || !second.Created {
			t.Error("installing again gave the old id")
		}
		if moved, waiting := b.publish(t, "production", "v2", scopes("read")); moved != 1 || waiting != 0 {
			t.Errorf("an ended installation takes part: moved %d, waiting %d", moved, waiting)
		}
		_, err = b.Policy(t.Context(), first)
		want(t, err, "NOT_INSTALLED")
	})
}

// TestTwoServers: what one server process changes, another one on the same database
// sees at its next reading, without being told.
func TestTwoServers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		other := b.another(t)
		b.publish(t, "production", "v1", scopes("read", "write"))
		i := b.grant(t, alice, production("site-a"), nil).Installation.ID
		eventually(t, func() bool { p, err := other.Policy(t.Context(), i); return err == nil && p.Epoch == 1 })
		none := scopes()
		b.grant(t, alice, production("site-a"), &none)
		eventually(t, func() bool {
			p, err := other.Policy(t.Context(), i)
			return err == nil && p.Epoch == 2 && perm.Empty(p.Set)
		})
		if err := other.Uninstall(t.Context(), alice, i); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { _, err := b.Policy(t.Context(), i); return fault.CodeOf(err) == "NOT_INSTALLED" })
	})
}

// eventually waits for something that another goroutine does by its own clock. How
// soon is tested with a fake one.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("never happened")
		}
	}
}

func TestWhoSeesWhich(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	b.publish(t, "production", "v1", scopes("read"))
	one := b.grant(t, alice, production("site-a"), nil).Installation.ID
	two := b.grant(t, aliceB, production("site-b"), nil).Installation.ID
	for _, c := range []struct {
		p      id.Principal
		filter install.Filter
		sees   []id.Install
	}{
		{alice, install.Filter{}, []id.Install{one}}, {aliceB, install.Filter{}, []id.Install{two}}, {bob, install.Filter{}, []id.Install{one, two}},
		{operator, install.Filter{}, []id.Install{one, two}}, {stranger, install.Filter{}, nil}, {alice, install.Filter{Site: "site-b"}, nil},
		{bob, install.Filter{Site: "site-b"}, []id.Install{two}}, {bob, install.Filter{Environment: "staging"}, nil}, {bob, install.Filter{App: "other"}, nil},
	} {
		list, err := b.List(t.Context(), c.p, c.filter)
		var got []id.Install
		for _, i := range list {
			got = append(got, i.ID)
		}
		if err != nil || !slices.Equal(got, c.sees) {
			t.Errorf("%s with %+v sees %v, %v; want %v", c.p, c.filter, got, err, c.sees)
		}
	}
	for _, p := range []id.Principal{stranger, aliceB, operator, {}} {
		_, err := b.Find(t.Context(), p, production("site-a"))
		want(t, err, "NOT_INSTALLED")
	}
}

func TestEveryActIsInTheSitesTrail(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	b.publish(t, "production", "v1", scopes("read"))
	i := b.grant(t, alice, production("site-a"), nil).Installation.ID
	b.publish(t, "production", "v2", scopes("read", "write"))
	b.grant(t, alice, production("site-a"), nil)
	b.publish(t, "production", "v3", scopes("read"))
	none := scopes()
	b.grant(t, alice, production("site-a"), &none)
	if err := b.Uninstall(t.Context(), alice, i); err != nil {
		t.Fatal(err)
	}
	scope, err := tenant.ForSite(alice, "site-a")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := b.audit.List(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, e := range entries {
		acts = append(acts, e.Act)
		if e.Install != i {
			t.Errorf("%s is about %q", e.Act, e.Install)
		}
	}
	if want := []string{"install.install", "install.wait", "install.approve", "install.upgrade", "install.grant", "install.uninstall"}; !slices.Equal(acts, want) {
		t.Errorf("the trail is %v, want %v", acts, want)
	}
	if err := audit.Verify(entries); err != nil {
		t.Error(err)
	}
}
