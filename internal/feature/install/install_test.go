package install_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// releases is what runs in which environment, by name.
type releases map[string]*call.Release

func (r releases) ReleaseOf(_ context.Context, app id.App, environment string, version id.Version) (*call.Release, error) {
	p, ok := r[environment+" "+string(version)]
	if !ok || p.App != app {
		return nil, fault.New(fault.NotFound, "VERSION_UNKNOWN", "there is no such version")
	}
	c := *p
	return &c, nil
}

func (r releases) Release(_ context.Context, app id.App, environment string) (*call.Release, error) {
	p, ok := r[environment]
	if !ok || p.App != app {
		return nil, fault.New(fault.NotFound, "NOT_DEPLOYED", "nothing is deployed there")
	}
	c := *p
	return &c, nil
}

// sites are two sites with the product tracker; development apps are off on site-b.
type sites struct{ updates map[id.Site]rollout.Policy }

func (s sites) SiteUpdates(_ context.Context, site id.Site) (rollout.Policy, error) {
	return s.updates[site], nil
}

func (sites) SiteOffers(_ context.Context, site id.Site, product id.Product) (has, development bool, err error) {
	return product == "tracker", site == "site-a", nil
}

type words struct{}

func (words) Words(context.Context, id.Product) (perm.Words, error) {
	return func(scope string) (title, detail, risk string, ok bool) { return "Words for " + scope, "", "", true }, nil
}

var (
	alice    = id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: "site-a"}
	aliceB   = id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: "site-b"}
	bob      = id.Principal{Kind: id.Developer, Account: "bob"}
	stranger = id.Principal{Kind: id.Developer, Account: "carol"}
	operator = id.Principal{Kind: id.Operator, Account: "operator"}
)

type bundle struct {
	*install.Service
	db       *db.DB
	releases releases
	sites    sites
	now      func() time.Time
	audit    *audit.Log
}

func setup(t *testing.T, d *db.DB) *bundle {
	t.Helper()
	if err := d.Migrate(t.Context(), append(slices.Clone(audit.Migrations), install.Migrations...)); err != nil {
		t.Fatal(err)
	}
	b := &bundle{db: d, releases: releases{}, sites: sites{map[id.Site]rollout.Policy{}}, audit: audit.New(d, nil)}
	b.Service = b.another(t)
	return b
}

// another is the service of another server process on the same database.
func (b *bundle) another(t *testing.T) *install.Service {
	t.Helper()
	s := install.New(install.Config{DB: b.db, Audit: b.audit, Releases: b.releases, Sites: b.sites, Words: words{}, Reserved: []string{"ui.annex.example"}, Now: b.now})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func scopes(names ...string) perm.Set {
	var s perm.Set
	for _, n := range names {
		s.Scopes = append(s.Scopes, perm.Scope{Name: n})
	}
	return s
}

// publish makes a version what an environment runs and gives it to the installations.
func (b *bundle) publish(t *testing.T, environment string, version id.Version, declared perm.Set, change ...func(*call.Release)) (moved, waiting int) {
	t.Helper()
	kind := map[string]call.EnvType{"production": call.Production, "staging": call.Staging}[environment]
	if kind == "" {
		kind = call.Development
	}
	p := &call.Release{Policy: call.Policy{App: "app", Owner: "bob", Environment: id.Env("env-" + environment), EnvName: environment, EnvType: kind,
		Version: version, Number: string(version), Set: declared}, Hash: "hash of " + string(version)}
	for _, c := range change {
		c(p)
	}
	b.releases[environment], b.releases[environment+" "+string(version)] = p, p
	out, err := b.OnDeploy(t.Context(), bob, p)
	if err != nil {
		t.Fatal(err)
	}
	b.Refresh(t.Context())
	return out.Ran, out.Growing
}

func production(site id.Site) install.Target {
	return install.Target{App: "app", Environment: "production", Site: site, Product: "tracker"}
}

// grant confirms what is shown now.
func (b *bundle) grant(t *testing.T, p id.Principal, at install.Target, grant *perm.Set) install.Outcome {
	t.Helper()
	shown, err := b.Preview(t.Context(), p, at)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.Install(t.Context(), p, at, install.Confirmation{Digest: shown.Digest, Grant: grant, Development: shown.DevelopmentWarning != ""})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bundle) policy(t *testing.T, i id.Install) *call.Policy {
	t.Helper()
	p, err := b.Policy(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func want(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestInstallGrantsWhatWasShown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read", "write"))
		shown, err := b.Preview(t.Context(), bob, production("site-a"))
		if err != nil || len(shown.Words) != 2 || shown.Words[0].Title != "Words for read" || shown.Installation != "" || shown.DevelopmentWarning != "" {
			t.Fatalf("%+v, %v", shown, err)
		}
		out := b.grant(t, alice, production("site-a"), nil)
		p := b.policy(t, out.Installation.ID)
		if !out.Created || !out.Changed || !perm.Equal(p.Set, scopes("read", "write")) || p.Epoch != 1 || p.Version != "v1" || p.Number != "v1" ||
			p.Site != "site-a" || p.Product != "tracker" || p.App != "app" || p.Owner != "bob" || p.EnvName != "production" || p.EnvType != call.Production ||
			p.Environment != "env-production" || p.Scope.Install() != out.Installation.ID || p.Scope.Site() != "site-a" {
			t.Errorf("%+v\n%+v", out, p)
		}
		again := b.grant(t, alice, production("site-a"), nil)
		if again.Created || again.Changed || again.Installation.ID != out.Installation.ID || again.Installation.Epoch != 1 {
			t.Errorf("confirming again changed something: %+v", again)
		}
	})
}

func TestWhoMayInstall(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read"))
		shown, err := b.Preview(t.Context(), alice, production("site-a"))
		if err != nil {
			t.Fatal(err)
		}
		yes := install.Confirmation{Digest: shown.Digest}
		for name, p := range map[string]id.Principal{"operator": operator, "admin of another site": aliceB, "nobody": {},
			"ci": {Kind: id.CI, Account: "bob", App: "app", Environments: []string{"production"}}, "user": {Kind: id.EndUser, Site: "site-a"}} {
			_, err := b.Install(t.Context(), p, production("site-a"), yes)
			if want(t, err, "ROLE_REQUIRED"); fault.KindOf(err) != fault.Denied {
				t.Errorf("%s: %v", name, err)
			}
			_, err = b.Preview(t.Context(), p, production("site-a"))
			want(t, err, "ROLE_REQUIRED")
		}
		_, err = b.Install(t.Context(), stranger, production("site-a"), yes)
		want(t, err, "NOT_YOURS")
		_, err = b.Preview(t.Context(), stranger, production("site-a"))
		want(t, err, "NOT_YOURS")
		if all, err := b.List(t.Context(), operator, install.Filter{}); err != nil || len(all) != 0 {
			t.Errorf("installed by nobody: %v, %v", all, err)
		}
		elsewhere := production("site-a")
		elsewhere.Product = "wiki"
		_, err = b.Preview(t.Context(), alice, elsewhere)
		want(t, err, "PRODUCT_NOT_ON_SITE")
		elsewhere = production("site-a")
		elsewhere.Environment = "staging"
		_, err = b.Preview(t.Context(), alice, elsewhere)
		want(t, err, "NOT_DEPLOYED")
	})
}

func TestDeveloperFilesARequest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read"))
		for range 2 { // asking twice is asking once
			_, err := b.Install(t.Context(), bob, production("site-a"), install.Confirmation{})
			if want(t, err, "WAITING_FOR_ADMIN"); fault.KindOf(err) != fault.Waiting {
				t.Errorf("kind %s", fault.KindOf(err))
			}
		}
		for _, p := range []id.Principal{alice, bob} {
			asked, err := b.Requests(t.Context(), p)
			if err != nil || len(asked) != 1 || asked[0].Target != production("site-a") || asked[0].RequestedBy != "bob" {
				t.Errorf("%s sees %+v, %v", p, asked, err)
			}
		}
		if asked, err := b.Requests(t.Context(), aliceB); err != nil || len(asked) != 0 {
			t.Errorf("another site's admin sees %+v, %v", asked, err)
		}
		b.grant(t, alice, production("site-a"), nil)
		if asked, err := b.Requests(t.Context(), bob); err != nil || len(asked) != 0 {
			t.Errorf("after the installation %+v is still asked, %v", asked, err)
		}
	})
}

func TestConfirmationIsBoundToWhatWasShown(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	b.publish(t, "production", "v1", scopes("read"))
	shown, err := b.Preview(t.Context(), alice, production("site-a"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Install(t.Context(), alice, production("site-a"), install.Confirmation{})
	want(t, err, "DIGEST_REQUIRED")
	b.publish(t, "production", "v2", scopes("read", "write"))
	_, err = b.Install(t.Context(), alice, production("site-a"), install.Confirmation{Digest: shown.Digest})
	if want(t, err, "PREVIEW_CHANGED"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("kind %s", fault.KindOf(err))
	}
	b.publish(t, "production", "v3", scopes("read")) // the same set, other code: not what was shown
	_, err = b.Install(t.Context(), alice, production("site-a"), install.Confirmation{Digest: shown.Digest})
	want(t, err, "PREVIEW_CHANGED")
	b.publish(t, "production", "v1", scopes("read"))
	if _, err := b.Install(t.Context(), alice, production("site-a"), install.Confirmation{Digest: shown.Digest}); err != nil {
		t.Error(err)
	}
	other, err := b.Preview(t.Context(), aliceB, production("site-b"))
	if err != nil || other.Digest == shown.Digest {
		t.Errorf("one digest serves two sites: %v", err)
	}
}

func TestGrantMayBeLessAndNeverMore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read", "write"))
		shown, err := b.Preview(t.Context(), alice, production("site-a"))
		if err != nil {
			t.Fatal(err)
		}
		more := scopes("read", "admin")
		_, err = b.Install(t.Context(), alice, production("site-a"), install.Confirmation{Digest: shown.Digest, Grant: &more})
		want(t, err, "GRANT_EXCEEDS_REQUEST")
		less := scopes("read")
		i := b.grant(t, alice, production("site-a"), &less).Installation.ID
		if p := b.policy(t, i); !perm.Equal(p.Set, less) {
			t.Errorf("the policy holds %+v", p.Set)
		}
		// What was refused stays refused, through versions that ask for the same.
		if moved, waiting := b.publish(t, "production", "v2", scopes("read", "write")); moved != 1 || waiting != 0 {
			t.Errorf("moved %d, waiting %d", moved, waiting)
		}
		if p := b.policy(t, i); p.Version != "v2" || !perm.Equal(p.Set, less) {
			t.Errorf("the policy is %+v", p)
		}
		// The admin takes everything away, and gives it all.
		none, all := scopes(), scopes("read", "write")
		before := b.policy(t, i).Epoch
		b.grant(t, alice, production("site-a"), &none)
		if p := b.policy(t, i); !perm.Empty(p.Set) || p.Epoch != before+1 {
			t.Errorf("the policy is %+v", p)
		}
		b.grant(t, alice, production("site-a"), &all)
		if p := b.policy(t, i); !perm.Equal(p.Set, all) || p.Epoch != before+2 {
			t.Errorf("the policy is %+v", p)
		}
	})
}

func TestGrowthWaitsAndShrinkingShrinksTheGrant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read", "write"))
		less := scopes("read")
		one := b.grant(t, alice, production("site-a"), &less).Installation.ID
		two := b.grant(t, aliceB, production("site-b"), nil).Installation.ID

		if moved, waiting := b.publish(t, "production", "v2", scopes("read", "write", "admin")); moved != 0 || waiting != 2 {
			t.Fatalf("growth: moved %d, waiting %d", moved, waiting)
		}
		if p := b.policy(t, one); p.Version != "v1" || !perm.Equal(p.Set, less) {
			t.Errorf("an installation that waits runs %+v", p)
		}
		shown, err := b.Preview(t.Context(), alice, production("site-a"))
		if err != nil || !shown.Waiting || shown.Installation != one || len(shown.Growth) != 1 || shown.Growth[0].Title != "Words for admin" {
			t.Errorf("the preview of what waits is %+v, %v", shown, err)
		}
		list, err := b.List(t.Context(), alice, install.Filter{})
		if err != nil || len(list) != 1 || list[0].Waiting != "v2" || list[0].WaitingNumber != "v2" {
			t.Errorf("the list shows %+v, %v", list, err)
		}
		// Approving grants what is new and gives nothing back that was taken away.
		b.grant(t, alice, production("site-a"), nil)
		if p := b.policy(t, one); p.Version != "v2" || !perm.Equal(p.Set, scopes("read", "admin")) {
			t.Errorf("after the approval: %+v", p)
		}
		if p := b.policy(t, two); p.Version != "v1" {
			t.Errorf("another site's installation moved with it: %+v", p)
		}

		// A version that declares less moves by itself, and the grant shrinks with it.
		if moved, waiting := b.publish(t, "production", "v3", scopes("read")); moved != 2 || waiting != 0 {
			t.Errorf("shrinking: moved %d, waiting %d", moved, waiting)
		}
		for _, i := range []id.Install{one, two} {
			if p := b.policy(t, i); p.Version != "v3" || !perm.Equal(p.Set, scopes("read")) {
				t.Errorf("after shrinking: %+v", p)
			}
		}
		if moved, waiting := b.publish(t, "production", "v4", scopes("read", "write")); moved != 0 || waiting != 2 {
			t.Errorf("what was given up is asked again: moved %d, waiting %d", moved, waiting)
		}
		if found, err := b.Find(t.Context(), bob, production("site-b")); err != nil || found.Waiting != "v4" || !perm.Equal(found.WaitingDeclared, scopes("read", "write")) {
			t.Errorf("%+v, %v", found, err)
		}
		// Going back to what runs ends the waiting.
		b.publish(t, "production", "v3", scopes("read"))
		if found, err := b.Find(t.Context(), bob, production("site-b")); err != nil || found.Waiting != "" || found.Version != "v3" {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// A site's end ends what is installed there, in every process, and nothing elsewhere.
func TestEndSite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.publish(t, "production", "v1", scopes("read"))
		here, there := b.grant(t, alice, production("site-a"), nil).Installation, b.grant(t, aliceB, production("site-b"), nil).Installation
		ended, err := b.EndSite(t.Context(), operator, "site-a")
		if err != nil || ended != 1 {
			t.Fatal(ended, err)
		}
		other := b.another(t)
		b.Refresh(t.Context())
		for _, s := range []*install.Service{b.Service, other} {
			_, err := s.Policy(t.Context(), here.ID)
			want(t, err, "NOT_INSTALLED")
			if _, err := s.Policy(t.Context(), there.ID); err != nil {
				t.Error(err)
			}
		}
		if _, err := b.EndSite(t.Context(), aliceB, "site-a"); err == nil {
			t.Error("another site's admin ended a site")
		}
	})
}
