package install_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func egress(t *testing.T, kind perm.EgressType, hosts ...string) perm.Set {
	t.Helper()
	var s perm.Set
	for _, h := range hosts {
		p, err := hostrule.ParsePattern(h, perm.UseOf(kind))
		if err != nil {
			t.Fatal(err)
		}
		s.Egress = append(s.Egress, perm.Egress{Type: kind, Pattern: p, InScopeEUD: true})
	}
	return s
}

func (b *bundle) has(t *testing.T, i id.Install, version id.Version, want perm.Set) {
	t.Helper()
	if p := b.policy(t, i); p.Version != version || !perm.Equal(p.Set, want) {
		t.Errorf("%s may %+v, not %s and %+v", p.Version, p.Set, version, want)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// What an admin takes away is gone at once on every server, stays away while versions
// come and go, and comes back only by the admin.
func TestAdminsTrimAndRestore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		ok := must[install.Installation](t)
		all := perm.Union(scopes("read", "write"), egress(t, perm.Backend, "*"))
		b.publish(t, "production", "v1", all)
		i := b.grant(t, alice, at, nil).Installation
		other := b.another(t)

		ok(b.Change(t.Context(), alice, i.ID, install.Change{Trim: []string{"scope:write"}, Replace: map[string][]string{"egress:FETCH_BACKEND_SIDE:*": {"api.example.com", "*.b.example"}}}))
		left := perm.Union(scopes("read"), egress(t, perm.Backend, "api.example.com", "*.b.example"))
		b.has(t, i.ID, "v1", left)
		other.Refresh(t.Context())
		if p, err := other.Policy(t.Context(), i.ID); err != nil || !perm.Equal(p.Set, left) {
			t.Errorf("another server: %+v, %v", p, err)
		}
		b.publish(t, "production", "v2", all)
		b.has(t, i.ID, "v2", left)
		now := ok(b.Change(t.Context(), alice, i.ID, install.Change{Off: []string{"egress:FETCH_BACKEND_SIDE"}}))
		b.has(t, i.ID, "v2", scopes("read"))
		b.publish(t, "production", "v3", perm.Union(scopes("read"), egress(t, perm.Backend, "new.example")))
		if p := b.policy(t, i.ID); len(p.Set.Egress) != 0 {
			t.Errorf("switched off and there: %+v", p.Set)
		}
		_, err := b.Change(t.Context(), alice, i.ID, install.Change{On: []string{"egress:FETCH_BACKEND_SIDE"}, Epoch: now.Epoch})
		want(t, err, "PREVIEW_CHANGED")
		for _, p := range []id.Principal{bob, aliceB, operator, {}} {
			_, err := b.Change(t.Context(), p, i.ID, install.Change{Trim: []string{"scope:read"}})
			if err == nil {
				t.Errorf("%s changes the grant", p)
			}
		}
		_, err = b.Change(t.Context(), alice, i.ID, install.Change{Replace: map[string][]string{"egress:FETCH_BACKEND_SIDE:new.example": {"evil.example"}}})
		if err == nil {
			t.Error("a host was replaced by one outside of it")
		}
	})
}

// SPEC 5, first slice: what is configured counts within the bounds that the running
// version declares and the admin granted.
func TestConfiguredEgressStaysWithinBounds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		ok := must[install.Installation](t)
		bounds := perm.Set{Configurable: &perm.Configurable{Types: []perm.EgressType{perm.Images}, Patterns: []hostrule.Pattern{{Scheme: "https", Wild: true, Host: "example.com", Port: 443}}}}
		b.publish(t, "production", "v1", bounds)
		i := b.grant(t, alice, at, nil).Installation
		epoch := b.policy(t, i.ID).Epoch
		ok(b.AddEgress(t.Context(), alice, i.ID, perm.Images, "img.example.com"))
		b.has(t, i.ID, "v1", perm.Union(bounds, egress(t, perm.Images, "img.example.com")))
		if p := b.policy(t, i.ID); p.Epoch <= epoch {
			t.Errorf("epoch %d", p.Epoch)
		}
		for _, x := range []struct {
			t perm.EgressType
			h string
		}{{perm.Images, "img.evil.com"}, {perm.Images, "*"}, {perm.Images, "example.com"}, {perm.Images, "*.com"}, {perm.Scripts, "img.example.com"}, {"NONE", "img.example.com"},
			{perm.Images, "http://img.example.com"}, {perm.Images, "img.example.com:8443"}, {perm.Images, "wss://img.example.com"}} {
			if _, err := b.AddEgress(t.Context(), alice, i.ID, x.t, x.h); err == nil {
				t.Errorf("%s to %s is configured", x.t, x.h)
			}
		}
		for _, p := range []id.Principal{bob, aliceB, operator} {
			if _, err := b.AddEgress(t.Context(), p, i.ID, perm.Images, "b.example.com"); err == nil {
				t.Errorf("%s configures egress", p)
			}
		}
		// Without the bounds nothing is configured, and declaring them again gives nothing back.
		b.publish(t, "production", "v2", scopes())
		b.has(t, i.ID, "v2", perm.Set{})
		b.publish(t, "production", "v3", bounds)
		b.has(t, i.ID, "v2", perm.Set{})
		b.grant(t, alice, at, nil)
		b.has(t, i.ID, "v3", bounds)
	})
}

// Versions reach a site as it wants them, across restarts and by one of many servers.
func TestUpdatesComeAsTheSiteWants(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		now := time.Now()
		b.now = func() time.Time { return now }
		later := b.another(t) // has the clock that this test turns
		b.sites.updates["site-a"] = rollout.Policy{After: 24 * time.Hour}
		b.publish(t, "production", "v1", scopes("read"))
		i := b.grant(t, alice, at, nil).Installation
		b.publish(t, "production", "v2", scopes("read"))
		b.has(t, i.ID, "v1", scopes("read"))
		run := func(s *install.Service) {
			t.Helper()
			if err := s.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.Refresh(t.Context())
		}
		run(later)
		b.has(t, i.ID, "v1", scopes("read"))
		now = now.Add(24*time.Hour + time.Minute)
		restarted := b.another(t)
		run(restarted)
		b.has(t, i.ID, "v2", scopes("read"))
		epoch := b.policy(t, i.ID).Epoch
		run(later)
		if b.policy(t, i.ID).Epoch != epoch {
			t.Error("it was let in twice")
		}

		b.sites.updates["site-a"] = rollout.Policy{Manual: true}
		b.publish(t, "production", "v3", scopes("read"))
		b.has(t, i.ID, "v2", scopes("read"))
		b.grant(t, alice, at, nil)
		b.has(t, i.ID, "v3", scopes("read"))
		b.publish(t, "production", "v4", scopes("read"))
		err := b.db.Tx(t.Context(), func(ctx context.Context) error { return b.SwitchUpdates(ctx, alice, "site-a", rollout.Policy{}) })
		if err != nil {
			t.Fatal(err)
		}
		b.Refresh(t.Context())
		b.has(t, i.ID, "v4", scopes("read"))
	})
}

func TestDeclinePinAndRollback(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		ok := must[install.Installation](t)
		b.publish(t, "production", "v1", scopes("read", "write", "old"))
		i := b.grant(t, alice, at, nil).Installation
		b.publish(t, "production", "v2", scopes("read", "admin"))
		_, err := b.Decline(t.Context(), alice, i.ID, "v1")
		want(t, err, "NOTHING_WAITS")
		ok(b.Decline(t.Context(), alice, i.ID, "v2"))
		b.publish(t, "production", "v2", scopes("read", "admin"))
		if got := ok(b.Find(t.Context(), alice, at)); got.WaitingReason != install.Declined || got.Version != "v1" {
			t.Errorf("%s %s", got.WaitingReason, got.Version)
		}
		b.publish(t, "production", "v3", scopes("read"))
		b.has(t, i.ID, "v3", scopes("read"))
		// Back to v1 gives what was granted with it, less what was taken away since.
		ok(b.Change(t.Context(), alice, i.ID, install.Change{Trim: []string{"scope:read"}}))
		shown, err := b.PreviewOf(t.Context(), alice, at, "v1")
		if err != nil || !shown.Back || !perm.Equal(shown.Proposed, scopes("write", "old")) {
			t.Fatalf("%+v, %v", shown, err)
		}
		if _, err := b.Install(t.Context(), alice, at, install.Confirmation{Digest: shown.Digest}); err == nil {
			t.Error("the digest of one version confirms another")
		}
		if _, err := b.Install(t.Context(), alice, at, install.Confirmation{Digest: shown.Digest, Version: "v1"}); err != nil {
			t.Fatal(err)
		}
		b.has(t, i.ID, "v1", scopes("write", "old"))
		_, err = b.PreviewOf(t.Context(), alice, at, "v2")
		want(t, err, "VERSION_NEVER_RAN")
		ok(b.Pin(t.Context(), alice, i.ID, true))
		b.publish(t, "production", "v4", scopes("write"))
		b.has(t, i.ID, "v1", scopes("write", "old"))
		ok(b.Pin(t.Context(), alice, i.ID, false))
		b.has(t, i.ID, "v4", scopes("write"))
		if detail, err := b.Detail(t.Context(), alice, i.ID); err != nil || len(detail.Past) != 3 {
			t.Errorf("%+v, %v", detail.Past, err)
		}
	})
}

// The code of an app that manages its permissions runs under the old grant.
func TestAppManagedRunsUnderTheOldGrant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		managed := func(r *call.Release) { r.AppManaged = true }
		b.publish(t, "production", "v1", scopes("read"), managed)
		i := b.grant(t, alice, at, nil).Installation
		b.publish(t, "production", "v2", scopes("read", "write"), managed)
		b.has(t, i.ID, "v2", scopes("read"))
		got, err := b.Find(t.Context(), alice, at)
		if err != nil || !perm.Equal(got.Asks(), scopes("write")) {
			t.Errorf("asks %+v, %v", got.Asks(), err)
		}
		// What nobody decided about is asked again by the next one, and granted only then.
		b.publish(t, "production", "v3", scopes("read", "write"), managed)
		b.has(t, i.ID, "v3", scopes("read"))
		b.publish(t, "production", "v4", scopes("read", "write"))
		b.has(t, i.ID, "v3", scopes("read"))
		b.grant(t, alice, at, nil)
		b.has(t, i.ID, "v4", scopes("read", "write"))
	})
}

func TestOwnersAndOperatorsStopInstallations(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b, at := setup(t, d), production("site-a")
		b.publish(t, "production", "v1", scopes("read"))
		i := b.grant(t, alice, at, nil).Installation
		shown, err := b.Preview(t.Context(), alice, at)
		if err != nil {
			t.Fatal(err)
		}
		act := func(do func(context.Context) (int, error)) {
			t.Helper()
			err := b.db.Tx(t.Context(), func(ctx context.Context) error { _, err := do(ctx); return err })
			if err != nil {
				t.Fatal(err)
			}
			b.Refresh(t.Context())
		}
		stopped := func(code string) {
			t.Helper()
			_, err := b.Policy(t.Context(), i.ID)
			want(t, err, code)
		}
		act(func(ctx context.Context) (int, error) { return b.BlockApp(ctx, operator, "app", "it sends spam") })
		stopped("APP_SUSPENDED")
		act(func(ctx context.Context) (int, error) { return b.HandOver(ctx, stranger, "app", "bob", "carol") })
		act(func(ctx context.Context) (int, error) { return b.BlockApp(ctx, operator, "app", "") })
		stopped("OWNER_UNCONFIRMED")
		for _, r := range b.releases {
			r.Owner = "carol"
		}
		b.publish(t, "production", "v2", scopes("read"), func(r *call.Release) { r.Owner = "carol" })
		stopped("OWNER_UNCONFIRMED")
		_, err = b.Install(t.Context(), alice, at, install.Confirmation{Digest: shown.Digest})
		want(t, err, "PREVIEW_CHANGED")
		again, err := b.Preview(t.Context(), alice, at)
		if err != nil || again.Handover == nil || again.Handover.From != "bob" || again.Handover.To != "carol" {
			t.Fatalf("%+v, %v", again.Handover, err)
		}
		b.grant(t, alice, at, nil)
		b.has(t, i.ID, "v2", scopes("read"))
		for _, p := range []id.Principal{alice, bob} {
			if _, err := b.BlockApp(t.Context(), p, "app", "no"); err == nil {
				t.Errorf("%s suspends an app", p)
			}
		}
		if all, err := b.List(t.Context(), bob, install.Filter{}); err != nil || slices.ContainsFunc(all, func(x install.Installation) bool { return x.ID == i.ID }) {
			t.Errorf("the owner before still sees it: %v", err)
		}
	})
}

// A page's policy that no header takes is refused when it is decided about, never when
// the page is served.
func TestAdminsCannotAllowMoreThanAHeaderTakes(t *testing.T) {
	b, at := setup(t, dbtest.SQLite(t)), production("site-a")
	all := perm.Union(egress(t, perm.Client, "*"), perm.Set{Configurable: &perm.Configurable{}})
	b.publish(t, "production", "v1", all)
	i := b.grant(t, alice, at, nil).Installation
	var hosts []string
	for n := range 400 {
		hosts = append(hosts, fmt.Sprintf("host-number-%d.alice.example", n))
	}
	_, err := b.Change(t.Context(), alice, i.ID, install.Change{Replace: map[string][]string{"egress:FETCH_CLIENT_SIDE:*": hosts}})
	want(t, err, "LIMIT_PAGE_POLICY")
	if _, err := b.Change(t.Context(), alice, i.ID, install.Change{Replace: map[string][]string{"egress:FETCH_CLIENT_SIDE:*": hosts[:50]}}); err != nil {
		t.Error(err)
	}
	for _, host := range hosts[50:] {
		if _, err = b.AddEgress(t.Context(), alice, i.ID, perm.Client, host); err != nil {
			break
		}
	}
	want(t, err, "LIMIT_PAGE_POLICY")
	if err := csp.Fits(b.policy(t, i.ID).Set); err != nil {
		t.Error(err)
	}
}

// P7: no admin allows an app what belongs to the platform itself, by its name or by a wildcard
// over it, alone or in a group.
func TestThePlatformsHostsAreNotConfigured(t *testing.T) {
	b, at := setup(t, dbtest.SQLite(t)), production("site-a")
	b.publish(t, "production", "v1", perm.Set{Configurable: &perm.Configurable{}})
	i := b.grant(t, alice, at, nil).Installation
	for _, host := range []string{"ui.annex.example", "*.annex.example", "wss://x.ui.annex.example:8443"} {
		_, err := b.AddEgress(t.Context(), alice, i.ID, perm.Client, host)
		want(t, err, "BAD_DOMAIN")
		p, err := hostrule.ParsePattern(host, hostrule.Resource)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.SetGroups(t.Context(), alice, i.ID, []install.GroupSet{{Key: "g", Egress: []install.Destination{{Type: perm.Images, Pattern: p}}}}, b.policy(t, i.ID).Epoch)
		want(t, err, "BAD_DOMAIN")
	}
	if _, err := b.AddEgress(t.Context(), alice, i.ID, perm.Client, "other.annex.example"); err != nil {
		t.Error(err)
	}
}
