package install_test

import (
	"context"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// after is what Restored makes of what is installed now, if before was before it.
func (b *bundle) after(t *testing.T, before *install.Before) (waiting, stopped int) {
	t.Helper()
	err := b.db.Tx(t.Context(), func(ctx context.Context) (err error) {
		waiting, stopped, err = b.Restored(ctx, operator, before)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Refresh(t.Context())
	return waiting, stopped
}

func (b *bundle) before(t *testing.T) *install.Before {
	t.Helper()
	before, err := b.Before(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return before
}

// What a restore brings back is the narrower of both grants, until the admin confirms;
// an upgrade, another restore or a deploy on the way gives nothing back.
func TestRestoredKeepsTheNarrower(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		b.publish(t, "production", "v1", scopes("read", "write", "admin"))
		few := scopes("read", "write")
		i := b.grant(t, alice, at, &few).Installation
		epoch := b.policy(t, i.ID).Epoch
		before := b.before(t)
		all := scopes("write", "admin")
		b.grant(t, alice, at, &all) // which plays the older backup

		if waiting, stopped := b.after(t, before); waiting != 1 || stopped != 0 {
			t.Error(waiting, stopped)
		}
		p := b.policy(t, i.ID)
		if !perm.Equal(p.Set, scopes("write")) || p.Epoch <= epoch+1 {
			t.Errorf("%+v", p)
		}
		// The restore of the same backup again compares with what is narrowed.
		if waiting, _ := b.after(t, b.before(t)); waiting != 1 {
			t.Error(waiting)
		}
		b.publish(t, "production", "v2", scopes("write", "admin"))
		if p := b.policy(t, i.ID); !perm.Equal(p.Set, scopes("write")) || p.Version != "v2" {
			t.Errorf("a deploy gave back %+v", p)
		}
		shown, err := b.Preview(t.Context(), alice, at)
		if err != nil || !shown.Restored || len(shown.Growth) != 1 || !perm.Equal(shown.Proposed, scopes("write", "admin")) {
			t.Errorf("%+v, %v", shown, err)
		}
		out := b.grant(t, alice, at, nil)
		if !out.Changed || out.Installation.Held != nil || !perm.Equal(b.policy(t, i.ID).Set, scopes("write", "admin")) {
			t.Errorf("%+v", out)
		}
		if again, err := b.Preview(t.Context(), alice, at); err != nil || again.Restored || again.Digest == shown.Digest {
			t.Errorf("%+v, %v", again, err)
		}
		if waiting, _ := b.after(t, b.before(t)); waiting != 0 {
			t.Error("a restore that widens nothing waits for somebody")
		}
	})
}

// What was not installed before, or nobody knows of, runs nothing until the admin has
// confirmed it, even if it asks for nothing.
func TestRestoredStopsWhatWasNotInstalled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		never := b.before(t)
		if never.Any() {
			t.Error("there was something")
		}
		b.publish(t, "production", "v1", scopes())
		i := b.grant(t, alice, at, nil).Installation
		other := b.another(t)
		for name, before := range map[string]*install.Before{"not installed": never, "not known": nil} {
			if waiting, stopped := b.after(t, before); waiting != 1 || stopped != 1 {
				t.Error(name, waiting, stopped)
			}
			other.Refresh(t.Context())
			for _, s := range []*install.Service{b.Service, other, b.another(t)} {
				_, err := s.Policy(t.Context(), i.ID)
				want(t, err, "RESTORE_UNCONFIRMED")
			}
			if moved, waiting := b.publish(t, "production", "v1", scopes()); moved != 1 || waiting != 0 {
				t.Error(moved, waiting)
			}
			_, err := b.Policy(t.Context(), i.ID)
			want(t, err, "RESTORE_UNCONFIRMED")
			if out := b.grant(t, alice, at, nil); !out.Changed {
				t.Errorf("%+v", out)
			}
			b.policy(t, i.ID)
		}
		// Waiting before a restore, it waits after it.
		b.after(t, nil)
		if waiting, stopped := b.after(t, b.before(t)); waiting != 1 || stopped != 1 {
			t.Error(waiting, stopped)
		}
		if err := b.Uninstall(t.Context(), alice, i.ID); err != nil {
			t.Fatal(err)
		}
		if waiting, _ := b.after(t, b.before(t)); waiting != 0 {
			t.Error("what is uninstalled in both waits")
		}
	})
}

// A site that switched development apps off has none running after a restore.
func TestRestoredKeepsSuspended(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		at := install.Target{App: "app", Environment: "development", Site: "site-a", Product: "tracker"}
		b.publish(t, "development", "v1", scopes("read"))
		i := b.grant(t, alice, at, nil).Installation
		turn := func(on bool) {
			if err := b.SwitchDevelopment(t.Context(), alice, "site-a", on); err != nil {
				t.Fatal(err)
			}
		}
		turn(false)
		before := b.before(t)
		turn(true)
		if waiting, _ := b.after(t, before); waiting != 0 {
			t.Error(waiting)
		}
		_, err := b.Policy(t.Context(), i.ID)
		want(t, err, "DEVELOPMENT_APPS_OFF")
	})
}
