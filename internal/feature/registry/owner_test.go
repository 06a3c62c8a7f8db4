package registry_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestWhoseAppIsIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		p.deploy(t, alice, upload("one"))
		_, err := p.Deploy(t.Context(), bob, upload("one"))
		want(t, err, "NOT_YOURS")
		unknown := "0190f0c0-0000-7000-8000-00000000ffff"
		for _, app := range []id.App{appID, id.App(unknown)} {
			_, err := p.Versions(t.Context(), bob, app, "development")
			want(t, err, "NOT_YOURS")
			_, err = p.Environments(t.Context(), bob, app)
			want(t, err, "NOT_YOURS")
			_, err = p.Variables(t.Context(), bob, app, "development")
			want(t, err, "NOT_YOURS")
			want(t, p.SetVariable(t.Context(), bob, app, "development", "K", "v", false), "NOT_YOURS")
			want(t, p.UnsetVariable(t.Context(), bob, app, "development", "K"), "NOT_YOURS")
			_, err = p.CreateEnvironment(t.Context(), bob, app, "mine")
			want(t, err, "NOT_YOURS")
			want(t, p.DeleteEnvironment(t.Context(), bob, app, "mine"), "NOT_YOURS")
			_, err = p.Promote(t.Context(), bob, app, "development", "staging", true)
			want(t, err, "NOT_YOURS")
		}
		for name, who := range map[string]id.Principal{"operator": operator, "admin": {Kind: id.SiteAdmin, Account: "alice", Site: p.site}, "nobody": {}} {
			_, err := p.Deploy(t.Context(), who, upload("two"))
			if want(t, err, "ROLE_REQUIRED"); t.Failed() {
				t.Fatal(name)
			}
			_, err = p.Variables(t.Context(), who, appID, "development")
			want(t, err, "NOT_YOURS")
		}
		if apps, err := p.Apps(t.Context(), bob); err != nil || len(apps) != 0 {
			t.Errorf("Bob has %v, %v", apps, err)
		}
	})
}

func TestBlankIDsGetOne(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	blank := upload("one")
	blank.Manifest = source("", []string{"read:jira-work"}, "index.run")
	first := p.deploy(t, alice, blank)
	if !first.AppCreated || first.App == "" {
		t.Fatalf("%+v", first)
	}
	if second := p.deploy(t, alice, blank); second.App == first.App {
		t.Error("two blank ids are one app")
	}
	again := blank
	again.App = first.App
	if got := p.deploy(t, alice, again); got.App != first.App || got.AppCreated || got.Created {
		t.Errorf("with the id that was kept: %+v", got)
	}
	made, err := p.RegisterApp(t.Context(), alice, "By hand", "")
	if err != nil {
		t.Fatal(err)
	}
	again.App = made.ID
	if got := p.deploy(t, alice, again); got.App != made.ID || got.AppCreated {
		t.Errorf("to a registered app: %+v", got)
	}
}

func TestAppIsRegisteredUnderItsManifestsID(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	made, err := p.RegisterApp(t.Context(), alice, "From elsewhere", appID)
	if err != nil || made.ID != appID {
		t.Fatal(made, err)
	}
	_, err = p.RegisterApp(t.Context(), alice, "Again", appID)
	want(t, err, "APP_EXISTS")
	_, err = p.RegisterApp(t.Context(), bob, "Taken", appID)
	want(t, err, "NOT_YOURS")
	_, err = p.RegisterApp(t.Context(), alice, "Bad", "no-id")
	want(t, err, "APP_ID")
	if got := p.deploy(t, alice, upload("one")); got.App != appID || got.AppCreated {
		t.Errorf("%+v", got)
	}
}

func TestCITokensDeployOneAppToChosenEnvironments(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	ci := id.Principal{Kind: id.CI, Account: "alice", App: appID, Environments: []string{"staging"}}
	_, err := p.Deploy(t.Context(), ci, in("staging", upload("one")))
	want(t, err, "NOT_YOURS") // nobody registered it
	p.deploy(t, alice, upload("one"))
	p.deploy(t, ci, in("staging", upload("two")))
	blank := in("staging", upload("three"))
	blank.Manifest = source("", []string{"read:jira-work"}, "index.run")
	if got := p.deploy(t, ci, blank); got.App != appID {
		t.Errorf("a blank id means %s", got.App)
	}
	_, err = p.Deploy(t.Context(), ci, in("production", upload("two")))
	want(t, err, "CI_SCOPE")
	other := in("staging", upload("two"))
	other.App = "0190f0c0-0000-7000-8000-00000000ffff"
	_, err = p.Deploy(t.Context(), ci, other)
	want(t, err, "CI_SCOPE")
	if _, err := p.Versions(t.Context(), ci, appID, "staging"); err != nil {
		t.Error(err)
	}
	_, err = p.Versions(t.Context(), ci, appID, "development")
	want(t, err, "NOT_YOURS")
	_, err = p.Variables(t.Context(), ci, appID, "staging")
	want(t, err, "NOT_YOURS")
	_, err = p.Promote(t.Context(), ci, appID, "development", "staging", true)
	want(t, err, "NOT_YOURS")
	_, err = p.Apps(t.Context(), ci)
	want(t, err, "ROLE_REQUIRED")
}

func TestDeploysAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		p.deploy(t, alice, upload("zero"))
		var all sync.WaitGroup
		var mu sync.Mutex
		numbers, same := map[string]bool{}, map[id.Version]bool{}
		for n := range 6 {
			all.Go(func() {
				a, err := p.Deploy(t.Context(), alice, upload(fmt.Sprint("code ", n)))
				b, err2 := p.Deploy(t.Context(), alice, in("staging", upload("the same")))
				if err != nil || err2 != nil {
					t.Error(err, err2)
				}
				mu.Lock()
				defer mu.Unlock()
				numbers[a.Number], same[b.Version] = true, true
			})
		}
		all.Wait()
		if len(numbers) != 6 || len(same) != 1 {
			t.Errorf("numbers %v, versions of the same bytes %v", numbers, same)
		}
	})
}
