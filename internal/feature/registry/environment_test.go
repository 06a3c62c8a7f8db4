package registry_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/manifest"
)

// state is everything that an environment is made of, as others see it.
type state struct {
	Number, Hash, Manifest, Functions, Bundle, Key string
	Variables                                      map[string]string
	Installations, Policies                        string
}

func (p *platform) state(t *testing.T, environment string) state {
	t.Helper()
	var s state
	release, err := p.Release(t.Context(), appID, environment)
	if err != nil {
		t.Fatal(err)
	}
	versions, err := p.Versions(t.Context(), alice, appID, environment)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		s.Hash += v.Hash
	}
	m, err := p.Manifest(t.Context(), release.Version)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Artifact(t.Context(), release.Version)
	if err != nil {
		t.Fatal(err)
	}
	src, err := a.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Number, s.Manifest, s.Bundle, s.Key, s.Variables = release.Number, string(m.Canonical()), string(src.Bundle), a.Key, src.Variables
	s.Functions = functions(m)
	list, err := p.installs.List(t.Context(), alice, install.Filter{Environment: environment})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		s.Installations += string(i.ID) + " " + i.Number + " " + i.WaitingNumber + "\n"
		policy, err := p.installs.Policy(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.Policies += policy.Number + strings.Repeat("+", int(policy.Epoch)) + "\n"
	}
	return s
}

func functions(m *manifest.Manifest) string {
	var out strings.Builder
	for _, f := range m.Functions() {
		out.WriteString(f.Key + "=" + f.Handler + " ")
	}
	return out.String()
}

func (s state) equal(o state) bool {
	return maps.Equal(s.Variables, o.Variables) && s.Number == o.Number && s.Hash == o.Hash && s.Manifest == o.Manifest && s.Functions == o.Functions &&
		s.Bundle == o.Bundle && s.Key == o.Key && s.Installations == o.Installations && s.Policies == o.Policies
}

func (p *platform) install(t *testing.T, environment string) id.Install {
	t.Helper()
	admin := id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: p.site}
	at := install.Target{App: appID, Environment: environment, Site: p.site, Product: "tracker"}
	shown, err := p.installs.Preview(t.Context(), admin, at)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.installs.Install(t.Context(), admin, at, install.Confirmation{Digest: shown.Digest, Development: true})
	if err != nil {
		t.Fatal(err)
	}
	return out.Installation.ID
}

// TestEnvironmentsAreIsolated changes each thing that an environment is made of, in
// each environment, and shows the other two as before.
func TestEnvironmentsAreIsolated(t *testing.T) {
	environments := []string{"development", "staging", "production"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		installed := map[string]id.Install{}
		for _, e := range environments {
			p.deploy(t, alice, in(e, upload("code")))
			if err := p.SetVariable(t.Context(), alice, appID, e, "PLAIN", e, false); err != nil {
				t.Fatal(err)
			}
			if err := p.SetVariable(t.Context(), alice, appID, e, "SEALED", "secret of "+e, true); err != nil {
				t.Fatal(err)
			}
			installed[e] = p.install(t, e)
		}
		changes := []struct {
			name string
			do   func(environment string) error
		}{
			{"code", func(e string) error {
				_, err := p.Deploy(t.Context(), alice, in(e, upload("other code of "+e)))
				return err
			}},
			{"manifest", func(e string) error {
				u := in(e, upload("code"))
				u.Manifest = []byte(strings.Replace(string(u.Manifest), "name: Sample", "name: Sample\n  description: In "+e, 1))
				_, err := p.Deploy(t.Context(), alice, u)
				return err
			}},
			{"growing permissions", func(e string) error {
				_, err := p.Deploy(t.Context(), alice, in(e, upload("code", "read:jira-work", "write:jira-work")))
				return err
			}},
			{"modules", func(e string) error {
				u := in(e, upload("index.more"))
				u.Manifest = source(ari(appID), []string{"read:jira-work"}, "index.run", "index.more")
				_, err := p.Deploy(t.Context(), alice, u)
				return err
			}},
			{"plain variable", func(e string) error { return p.SetVariable(t.Context(), alice, appID, e, "PLAIN", "changed", false) }},
			{"sealed variable", func(e string) error { return p.SetVariable(t.Context(), alice, appID, e, "SEALED", "changed", true) }},
			{"variable removed", func(e string) error { return p.UnsetVariable(t.Context(), alice, appID, e, "PLAIN") }},
			{"uninstallation", func(e string) error {
				return p.installs.Uninstall(t.Context(), id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: p.site}, installed[e])
			}},
			{"installation", func(e string) error { installed[e] = p.install(t, e); return nil }},
		}
		for _, c := range changes {
			for _, e := range environments {
				before := map[string]state{}
				for _, x := range environments {
					before[x] = p.state(t, x)
				}
				if err := c.do(e); err != nil {
					t.Fatalf("%s in %s: %v", c.name, e, err)
				}
				for _, x := range environments {
					after := p.state(t, x)
					if changed := !after.equal(before[x]); changed != (x == e) {
						t.Errorf("%s in %s: %s changed: %v\nbefore %+v\nafter  %+v", c.name, e, x, changed, before[x], after)
					}
				}
			}
		}
	})
}

func TestVariables(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		v := p.deploy(t, alice, upload("one")).Version
		key := func() string {
			a, err := p.Artifact(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			return a.Key
		}
		before := key()
		const secret = "s3cret of Alice"
		if err := p.SetVariable(t.Context(), alice, appID, "development", "TOKEN", secret, true); err != nil {
			t.Fatal(err)
		}
		if key() == before {
			t.Error("a variable changed and the snapshot's key did not")
		}
		if err := p.SetVariable(t.Context(), alice, appID, "development", "NAME", "shown", false); err != nil {
			t.Fatal(err)
		}
		list, err := p.Variables(t.Context(), alice, appID, "development")
		if err != nil || len(list) != 2 || list[0].Key != "NAME" || list[0].Value != "shown" || list[1].Key != "TOKEN" || !list[1].Sealed || list[1].Value != "" {
			t.Errorf("%+v, %v", list, err)
		}
		if got := p.state(t, "development").Variables; got["TOKEN"] != secret || got["NAME"] != "shown" {
			t.Errorf("the app sees %v", got)
		}
		var plain string
		var sealed []byte
		if err := d.QueryRow(t.Context(), `SELECT value, secret FROM variables WHERE name = 'TOKEN'`).Scan(&plain, &sealed); err != nil ||
			plain != "" || len(sealed) == 0 || strings.Contains(string(sealed), secret) {
			t.Errorf("stored: %q, %q, %v", plain, sealed, err)
		}

		// A plain value over a sealed one has to be meant.
		want(t, p.SetVariable(t.Context(), alice, appID, "development", "TOKEN", "shown", false), "VARIABLE_SEALED")
		if got := p.state(t, "development").Variables; got["TOKEN"] != secret {
			t.Errorf("a refused value was kept: %v", got)
		}
		if err := p.UnsealVariable(t.Context(), alice, appID, "development", "TOKEN", "shown"); err != nil {
			t.Fatal(err)
		}
		if list, err := p.Variables(t.Context(), alice, appID, "development"); err != nil || list[1].Sealed || list[1].Value != "shown" {
			t.Errorf("%+v, %v", list, err)
		}

		// A sealed value that is put back after a newer one was set does not open.
		if err := p.SetVariable(t.Context(), alice, appID, "development", "TOKEN", "newer", true); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(t.Context(), `UPDATE variables SET secret = ? WHERE name = 'TOKEN'`, sealed); err != nil {
			t.Fatal(err)
		}
		a, err := p.Artifact(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Load(t.Context())
		want(t, err, "SEAL_BROKEN")

		for _, bad := range []string{"", "1A", "A-B", "A B", "Ä", strings.Repeat("A", 101)} {
			want(t, p.SetVariable(t.Context(), alice, appID, "development", bad, "v", false), "VARIABLE_NAME")
		}
		want(t, p.SetVariable(t.Context(), alice, appID, "development", "A", strings.Repeat("x", 64<<10+1), false), "LIMIT_VARIABLE")
		want(t, p.SetVariable(t.Context(), alice, appID, "development", "A", "\xff", true), "VARIABLE_VALUE")
		want(t, p.SetVariable(t.Context(), alice, appID, "qa", "A", "v", false), "ENVIRONMENT_UNKNOWN")
		want(t, p.UnsetVariable(t.Context(), alice, appID, "development", "NONE"), "VARIABLE_UNKNOWN")
	})
}

func TestEnvironmentsAreAddedAndDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		p.deploy(t, alice, upload("one"))
		if e, err := p.CreateEnvironment(t.Context(), alice, appID, "alices"); err != nil || e.Type != "DEVELOPMENT" || e.Version != "" {
			t.Errorf("%+v, %v", e, err)
		}
		_, err := p.CreateEnvironment(t.Context(), alice, appID, "alices")
		want(t, err, "ENVIRONMENT_EXISTS")
		for _, bad := range []string{"", "A", "a b", "-a", "a-", strings.Repeat("a", 64)} {
			_, err := p.CreateEnvironment(t.Context(), alice, appID, bad)
			want(t, err, "ENVIRONMENT_NAME")
		}
		p.deploy(t, alice, in("alices", upload("two")))
		if err := p.SetVariable(t.Context(), alice, appID, "alices", "K", "v", true); err != nil {
			t.Fatal(err)
		}
		i := p.install(t, "alices")
		want(t, p.DeleteEnvironment(t.Context(), alice, appID, "alices"), "ENVIRONMENT_INSTALLED")
		if err := p.installs.Uninstall(t.Context(), id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: p.site}, i); err != nil {
			t.Fatal(err)
		}
		for _, fixed := range []string{"development", "staging", "production"} {
			want(t, p.DeleteEnvironment(t.Context(), alice, appID, fixed), "ENVIRONMENT_FIXED")
		}
		if err := p.DeleteEnvironment(t.Context(), alice, appID, "alices"); err != nil {
			t.Fatal(err)
		}
		_, err = p.Deploy(t.Context(), alice, in("alices", upload("two")))
		want(t, err, "ENVIRONMENT_UNKNOWN")
		list, err := p.Environments(t.Context(), operator, appID)
		if err != nil || len(list) != 3 || list[0].Name != "development" || list[2].Type != "PRODUCTION" {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestPromotionKeepsNumberAndBytes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := setup(t, d)
		_, err := p.Promote(t.Context(), alice, appID, "development", "staging", true)
		want(t, err, "NOT_YOURS")
		p.deploy(t, alice, upload("one"))
		v := p.deploy(t, alice, upload("two"))
		_, err = p.Promote(t.Context(), alice, appID, "staging", "production", true)
		want(t, err, "NOT_DEPLOYED")
		_, err = p.Promote(t.Context(), alice, appID, "staging", "staging", true)
		want(t, err, "PROMOTE_SELF")
		if err := p.SetVariable(t.Context(), alice, appID, "staging", "WHERE", "staging", false); err != nil {
			t.Fatal(err)
		}
		got, err := p.Promote(t.Context(), alice, appID, "development", "staging", true)
		if err != nil || got.Number != v.Number || got.Hash != v.Hash || got.Version == v.Version || !got.Created || !got.Prepared.Snapshotted {
			t.Errorf("%+v, %v", got, err)
		}
		from, to := p.state(t, "development"), p.state(t, "staging")
		if from.Bundle != to.Bundle || from.Manifest != to.Manifest || to.Variables["WHERE"] != "staging" || len(from.Variables) != 0 || from.Key == to.Key {
			t.Errorf("%+v\n%+v", from, to)
		}
		last := p.engine.prepared[len(p.engine.prepared)-1]
		if now, err := p.Artifact(t.Context(), got.Version); err != nil || last.Key != now.Key || last.Version != got.Version {
			t.Errorf("prepared %+v, runs %+v, %v", last, now, err)
		}
		if again, err := p.Promote(t.Context(), alice, appID, "development", "staging", true); err != nil || again.Created || again.Version != got.Version {
			t.Errorf("again: %+v, %v", again, err)
		}
		// A number that means other bytes there already is not given twice.
		p.deploy(t, alice, in("staging", upload("three"))) // 1.2.0
		p.deploy(t, alice, upload("four"))                 // 1.2.0
		_, err = p.Promote(t.Context(), alice, appID, "development", "staging", true)
		want(t, err, "NUMBER_TAKEN")
	})
}

func TestDeployReachesInstallations(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	p.deploy(t, alice, upload("one"))
	i := p.install(t, "development")
	if got := p.deploy(t, alice, upload("two")); got.Upgraded != 1 || got.Waiting != 0 {
		t.Errorf("%+v", got)
	}
	grown := p.deploy(t, alice, upload("three", "read:jira-work", "write:jira-work"))
	if grown.Upgraded != 0 || grown.Waiting != 1 || len(grown.Growth.Scopes) != 1 || grown.Growth.Scopes[0].Name != "write:jira-work" {
		t.Errorf("%+v", grown)
	}
	policy, err := p.installs.Policy(t.Context(), i)
	if err != nil || policy.Number != "1.1.0" {
		t.Errorf("%+v, %v", policy, err)
	}
	if again := p.install(t, "development"); again != i {
		t.Error("approving gave another installation")
	}
	if policy, err := p.installs.Policy(t.Context(), i); err != nil || policy.Version != grown.Version {
		t.Errorf("%+v, %v", policy, err)
	}
}

func TestFilesForTheCodeAreThoseThatTheManifestNames(t *testing.T) {
	p := setup(t, dbtest.SQLite(t))
	u := upload("one")
	u.Manifest = []byte(strings.Replace(string(u.Manifest), "name: Sample", "name: Sample\n  package: {extraFiles: ['templates/**/*.txt', data.json]}", 1))
	u.Files = map[string][]byte{"templates/a.txt": []byte("a"), "templates/x/y/b.txt": []byte("b"), "data.json": []byte("{}"),
		"templates/a.html": []byte("no"), "static/index.html": []byte("no")}
	v := p.deploy(t, alice, u).Version
	for _, load := range []func() (map[string][]byte, error){
		func() (map[string][]byte, error) {
			s, err := p.engine.prepared[0].Load(t.Context())
			return s.Files, err
		},
		func() (map[string][]byte, error) {
			a, err := p.Artifact(t.Context(), v)
			if err != nil {
				return nil, err
			}
			s, err := a.Load(t.Context())
			return s.Files, err
		},
	} {
		files, err := load()
		if err != nil || len(files) != 3 || string(files["templates/x/y/b.txt"]) != "b" || string(files["templates/a.txt"]) != "a" {
			t.Errorf("%v, %v", files, err)
		}
	}
	if h, err := p.Handler(t.Context(), v, "fn0"); err != nil || h != "index.run" {
		t.Errorf("%q, %v", h, err)
	}
	_, err := p.Handler(t.Context(), v, "none")
	want(t, err, "FUNCTION_UNKNOWN")
	_, err = p.Artifact(t.Context(), "none")
	want(t, err, "VERSION_UNKNOWN")
	_, err = p.Manifest(t.Context(), "none")
	want(t, err, "VERSION_UNKNOWN")
	var _ registry.Preparer = p.engine
}
