package install_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

type projects struct{}

func (projects) ContainerTypes(context.Context, id.Product) ([]string, error) {
	return []string{"project"}, nil
}

// A site's admin keeps apps from containers, on every server, and nobody else does.
func TestAccessRules(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		var told []string
		b.Containers = projects{}
		b.Barred = func(_ context.Context, _ id.Principal, i *install.Installation, c call.Container) error {
			told = append(told, string(i.Site)+" "+c.ID)
			return nil
		}
		var ended []string
		b.Unbarred = func(_ context.Context, _ id.Principal, i *install.Installation, c call.Container) error {
			ended = append(ended, string(i.Site)+" "+c.ID)
			return nil
		}
		b.publish(t, "production", "v1", scopes("read"))
		at, other := b.grant(t, alice, production("site-a"), nil).Installation, b.grant(t, aliceB, production("site-b"), nil).Installation
		rule := func(container string, app id.App) install.AccessRule {
			return install.AccessRule{Site: "site-a", Product: "tracker", App: app, Container: call.Container{Type: "project", ID: container}}
		}
		demo := call.Container{Type: "project", ID: "demo"}
		for name, p := range map[string]id.Principal{"another site's": aliceB, "developer": bob, "operator": operator, "nobody": {}} {
			_, err := b.Block(t.Context(), p, rule("DEMO", ""))
			if want(t, err, "ROLE_REQUIRED"); t.Failed() {
				t.Fatal(name)
			}
			_, err = b.AccessRules(t.Context(), p, "site-a")
			want(t, err, "ROLE_REQUIRED")
		}
		_, err := b.Block(t.Context(), alice, rule("DEMO", "unheard-of"))
		want(t, err, "NOT_INSTALLED")
		strange := rule("DEMO", "")
		strange.Container.Type = "space"
		_, err = b.Block(t.Context(), alice, strange)
		want(t, err, "BAD_CONTAINER")
		_, err = b.Block(t.Context(), alice, rule("a\nb", ""))
		want(t, err, "BAD_CONTAINER")

		made, err := b.Block(t.Context(), alice, rule("DEMO", "app"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Block(t.Context(), alice, rule("DEMO", "app"))
		want(t, err, "RULE_EXISTS")
		p := b.policy(t, at.ID)
		if r, barred := p.Barred(demo); !barred || r.Rule != made.ID || p.Epoch <= at.Epoch {
			t.Errorf("%+v", p)
		}
		if p := b.policy(t, other.ID); len(p.AccessRules) > 0 || p.Epoch != other.Epoch {
			t.Errorf("another site: %+v", p)
		}
		second := b.another(t)
		if p, err := second.Policy(t.Context(), at.ID); err != nil || len(p.AccessRules) != 1 {
			t.Errorf("another server: %+v, %v", p, err)
		}
		if len(told) != 1 || told[0] != "site-a DEMO" {
			t.Errorf("told: %q", told)
		}
		err = b.Unblock(t.Context(), aliceB, "site-b", made.ID)
		want(t, err, "NO_SUCH_RULE")
		if err := b.Unblock(t.Context(), alice, "site-a", made.ID); err != nil {
			t.Fatal(err)
		}
		second.Refresh(t.Context())
		if p, err := second.Policy(t.Context(), at.ID); err != nil || len(p.AccessRules) != 0 {
			t.Errorf("after its end: %+v, %v", p, err)
		}
		if len(told) != 1 || len(ended) != 1 || ended[0] != "site-a DEMO" {
			t.Errorf("told of the rule: %q, of its end: %q", told, ended)
		}
		// Where another rule is about the same part, nothing ends for the app.
		var two []string
		for _, r := range []install.AccessRule{rule("DEMO", "app"), rule("demo", "")} {
			made, err := b.Block(t.Context(), alice, r)
			if err != nil {
				t.Fatal(err)
			}
			two = append(two, made.ID)
		}
		for n, id := range two {
			if err := b.Unblock(t.Context(), alice, "site-a", id); err != nil {
				t.Fatal(err)
			}
			if len(ended) != 1+n {
				t.Errorf("after rule %d ended: %q", n, ended)
			}
		}
	})
}

// A rule without an app is for those that come later, too; rules have bounds.
func TestAccessRulesOfAllApps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.Containers = projects{}
		rule := install.AccessRule{Site: "site-a", Product: "tracker"}
		for n := range 100 {
			rule.Container = call.Container{Type: "project", ID: fmt.Sprint("P", n)}
			if _, err := b.Block(t.Context(), alice, rule); err != nil {
				t.Fatal(n, err)
			}
		}
		rule.Container.ID = "P100"
		_, err := b.Block(t.Context(), alice, rule)
		want(t, err, "LIMIT_ACCESS_RULES")
		b.publish(t, "production", "v1", scopes("read"))
		at := b.grant(t, alice, production("site-a"), nil).Installation
		if p := b.policy(t, at.ID); len(p.AccessRules) != 100 {
			t.Errorf("%d rules", len(p.AccessRules))
		}
		all, err := b.AccessRules(t.Context(), alice, "site-a")
		if err != nil || len(all) != 100 {
			t.Fatal(len(all), err)
		}
		if err := b.Unblock(t.Context(), alice, "site-a", all[0].ID); err != nil {
			t.Fatal(err)
		}
		for n := range 20 { // each as long as may be: tokens have to carry them
			rule.Container.ID = fmt.Sprint(n) + strings.Repeat("x", 190)
			if _, err = b.Block(t.Context(), alice, rule); err != nil {
				break
			}
		}
		want(t, err, "LIMIT_ACCESS_RULES")
	})
}

// A backup from before a rule was made does not end it, and one from after brings none twice.
func TestAccessRulesOutliveARestore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		b.Containers = projects{}
		b.publish(t, "production", "v1", scopes("read"))
		at := b.grant(t, alice, production("site-a"), nil).Installation
		demo := call.Container{Type: "project", ID: "DEMO"}
		made, err := b.Block(t.Context(), alice, install.AccessRule{Site: "site-a", Product: "tracker", Container: demo})
		if err != nil {
			t.Fatal(err)
		}
		before := b.before(t)
		b.after(t, before)                                                       // the rule was in the backup
		if err := b.Unblock(t.Context(), alice, "site-a", made.ID); err != nil { // which plays the older one
			t.Fatal(err)
		}
		b.after(t, before)
		all, err := b.AccessRules(t.Context(), alice, "site-a")
		if err != nil || len(all) != 1 || all[0].ID != made.ID || all[0].Container != demo {
			t.Errorf("%+v, %v", all, err)
		}
		if _, barred := b.policy(t, at.ID).Barred(demo); !barred {
			t.Error("the app is let in again")
		}
	})
}
