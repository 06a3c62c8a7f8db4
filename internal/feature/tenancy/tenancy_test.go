package tenancy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

const tracker = `key: tracker
name: Tracker
aliases: [jira]
apiBaseUrl: http://tracker.localhost:8081
openapi: openapi.yaml
signInUrl: http://tracker.localhost:8081/sign-in
pageOrigins: [http://tracker.localhost:8081]
modules:
  - type: tracker:issuePanel
    aliases: ["jira:issuePanel"]
    slots: [side]
    context: {issue: {key: string}}
events:
  - tracker:issue:created
  - {type: tracker:issue:updated, object: issue}
scopes:
  read:jira-work: {title: Read issues, data: issues and comments, access: read, risk: low}
  write:jira-work:
    title: Change issues
    access: change
users: assertion
admins: assertion
keys: https://tracker.example/jwks.json
consent: {external: inform}
`

var (
	operator = id.Principal{Kind: id.Operator, Account: "operator"}
	admin    = func(site id.Site) id.Principal {
		return id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: site}
	}
	developer = id.Principal{Kind: id.Developer, Account: "bob"}
)

func setup(t *testing.T, d *db.DB) *tenancy.Service {
	t.Helper()
	if err := d.Migrate(t.Context(), append(slices.Clone(audit.Migrations), tenancy.Migrations...)); err != nil {
		t.Fatal(err)
	}
	return tenancy.New(tenancy.Config{DB: d, Audit: audit.New(d, nil)})
}

func want(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Errorf("got %v (%s), want %s", err, fault.CodeOf(err), code)
	}
}

func TestProductIsWhatItsFileSays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		if _, err := s.AddProduct(t.Context(), operator, "product.yaml", []byte(tracker)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"tracker", "jira"} {
			p, err := s.ProductByKeyOrAlias(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			m := p.ForManifest()
			if p.Key != "tracker" || p.Name != "Tracker" || p.SignInURL == "" || p.Users != tenancy.FromAssertion || p.Admins.From != tenancy.FromAssertion || p.Keys.URL == "" || p.Consent.External != tenancy.ExternalInform ||
				len(p.Events) != 2 || p.Events[1].Detail["object"] != "issue" || p.Modules[0].Context["issue"] == nil ||
				!slices.Equal(m.Scopes, []string{"read:jira-work", "write:jira-work"}) || m.Modules[0].Aliases[0] != "jira:issuePanel" ||
				!slices.Equal(m.Events, []string{"tracker:issue:created", "tracker:issue:updated"}) {
				t.Errorf("%s is %+v", name, p)
			}
		}
		_, err := s.ProductByKeyOrAlias(t.Context(), "other")
		want(t, err, "PRODUCT_UNKNOWN")
		_, err = s.AddProduct(t.Context(), admin("x"), "product.yaml", []byte(tracker))
		want(t, err, "ROLE_REQUIRED")

		// Again with another alias: the old one is free.
		if _, err := s.AddProduct(t.Context(), operator, "p", []byte(strings.Replace(tracker, "[jira]", "[other]", 1))); err != nil {
			t.Fatal(err)
		}
		_, err = s.ProductByKeyOrAlias(t.Context(), "jira")
		want(t, err, "PRODUCT_UNKNOWN")
		if all, err := s.Products(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%d products, %v", len(all), err)
		}
	})
}

func TestTwoProductsShareNoName(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		if _, err := s.AddProduct(t.Context(), operator, "p", []byte(tracker)); err != nil {
			t.Fatal(err)
		}
		for text, code := range map[string]string{
			"key: jira\napiBaseUrl: https://x.example\n":                                                        "PRODUCT_NAME_TAKEN",
			"key: wiki\naliases: [tracker]\napiBaseUrl: https://x.example\n":                                    "PRODUCT_NAME_TAKEN",
			"key: wiki\nmodules: [{type: wiki:p, aliases: ['jira:issuePanel']}]\napiBaseUrl: https://x.example": "MODULE_TYPE_TAKEN",
		} {
			_, err := s.AddProduct(t.Context(), operator, "p", []byte(text))
			want(t, err, code)
		}
		if all, err := s.Products(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("a refused product left something behind: %d products, %v", len(all), err)
		}
	})
}

func TestAllProblemsInOneRun(t *testing.T) {
	const text = `key: Tracker
apiBaseUrl: ftp://x
alias: [jira]
aliases: [a, a, 7]
modules:
  - {type: issuePanel}
  - {aliases: 3}
  - text
scopes:
  "read work": {title: T, access: write}
  "x": {access: read, title: T}
  "x": {access: read, title: T}
pageOrigins: [https://x.example/page]
signInUrl: https://u:p@x.example/
users: .inf
name: 1.5
key: again
`
	p, got := tenancy.ValidateProduct("product.yaml", []byte(text))
	if p != nil {
		t.Error("an invalid product loads")
	}
	wanted := []string{
		"1:6: bad-value", "2:13: bad-value", "3:1: unknown-field", "4:14: duplicate-key", "4:17: wrong-type",
		"6:12: bad-value", "7:5: missing-field", "7:15: wrong-type", "8:5: wrong-type",
		"10:3: bad-value", "10:35: bad-value", "12:3: duplicate-key",
		"13:15: bad-value", "14:12: bad-value", "15:8: wrong-type", "16:7: wrong-type", "17:1: duplicate-key",
	}
	var lines []string
	for _, d := range got {
		lines = append(lines, d.String())
		if d.Message == "" || d.Fix == "" || d.File != "product.yaml" {
			t.Errorf("a problem without message, cure or file: %+v", d)
		}
	}
	all := strings.Join(lines, "\n")
	for _, w := range wanted {
		if !strings.Contains(all, "product.yaml:"+w+":") {
			t.Errorf("missing %s", w)
		}
	}
	if len(got) != len(wanted) {
		t.Errorf("%d problems, want %d", len(got), len(wanted))
	}
	if t.Failed() {
		t.Log("\n" + all)
	}
}

func TestDocumentsThatAreNone(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comment": "# nothing\n", "list": "- a\n", "text": "tracker", "two": "key: a\n---\nkey: b\n", "broken": "key: [a\n",
		"alias": "key: &k tracker\nname: *k\n", "merge": "a: &a {key: x}\n<<: *a\n", "tag": "key: !!binary dHJhY2tlcg==\n", "not UTF-8": "key: \xff\n",
		"deep": "users: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\nkey: k\napiBaseUrl: https://x.example\n",
		"huge": "key: " + strings.Repeat("x", tenancy.MaxProductSize),
	} {
		if p, problems := tenancy.ValidateProduct("p", []byte(text)); p != nil || len(problems) == 0 {
			t.Errorf("%s: %+v, %v", name, p, problems)
		}
	}
	var findings *tenancy.Findings
	_, err := setup(t, dbtest.SQLite(t)).AddProduct(t.Context(), operator, "p", nil)
	if want(t, err, "PRODUCT_INVALID"); !errors.As(err, &findings) || len(findings.Diagnostics()) == 0 {
		t.Errorf("the refusal carries no problems: %v", err)
	}
}

func FuzzValidateProduct(f *testing.F) {
	f.Add([]byte(tracker))
	f.Add([]byte("key: a\napiBaseUrl: https://x.example\nusers: {a: [1, 2.5, ~, true, 2001-01-01]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := tenancy.ValidateProduct("p", data)
		if (p == nil) != (len(problems) > 0) {
			t.Fatalf("product %v with problems %v", p, problems)
		}
		for _, d := range problems {
			if d.Line < 1 || d.Column < 1 || d.Rule == "" || d.Message == "" || d.Fix == "" {
				t.Fatalf("%+v", d)
			}
		}
		if p != nil && p.Key == "" {
			t.Fatal("a product without a key")
		}
	})
}

func TestSites(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		if _, err := s.AddProduct(t.Context(), operator, "p", []byte(tracker)); err != nil {
			t.Fatal(err)
		}
		site, err := s.AddSite(t.Context(), operator, tenancy.NewSite{Name: "acme", Products: []id.Product{"tracker"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"acme", string(site.ID)} {
			got, err := s.SiteByName(t.Context(), name)
			if err != nil || got.ID != site.ID || got.AllowDevelopment || !slices.Equal(got.Products, []id.Product{"tracker"}) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		for code, add := range map[string]tenancy.NewSite{
			"SITE_NAME_TAKEN": {Name: "acme", Products: []id.Product{"tracker"}}, "SITE_NAME": {Name: "Acme Inc", Products: []id.Product{"tracker"}},
			"SITE_PRODUCTS": {Name: "x"}, "PRODUCT_UNKNOWN": {Name: "x", Products: []id.Product{"wiki"}},
		} {
			_, err := s.AddSite(t.Context(), operator, add)
			want(t, err, code)
		}
		_, err = s.SiteByName(t.Context(), "x")
		want(t, err, "SITE_UNKNOWN")
		for _, p := range []id.Principal{admin(site.ID), developer, {}} {
			_, err := s.AddSite(t.Context(), p, tenancy.NewSite{Name: "y", Products: []id.Product{"tracker"}})
			want(t, err, "ROLE_REQUIRED")
		}
		if has, development, err := s.SiteOffers(t.Context(), site.ID, "tracker"); !has || development || err != nil {
			t.Errorf("%v, %v, %v", has, development, err)
		}
		if has, _, err := s.SiteOffers(t.Context(), site.ID, "wiki"); has || err != nil {
			t.Errorf("the site has a product that nobody gave it: %v", err)
		}
	})
}

func TestWhoChangesASite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		for _, text := range []string{tracker, "key: wiki\napiBaseUrl: https://wiki.example\n"} {
			if _, err := s.AddProduct(t.Context(), operator, "p", []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		site, err := s.AddSite(t.Context(), operator, tenancy.NewSite{Name: "acme", Products: []id.Product{"tracker"}})
		if err != nil {
			t.Fatal(err)
		}
		follow := &follower{}
		s.Installations = follow
		on := func(x *tenancy.Site) error { x.AllowDevelopment = true; return nil }
		more := func(x *tenancy.Site) error { x.Products = append(x.Products, "wiki"); return nil }
		for _, p := range []id.Principal{admin("another"), developer, {}} {
			_, err := s.UpdateSite(t.Context(), p, site.ID, on)
			want(t, err, "ROLE_REQUIRED")
		}
		_, err = s.UpdateSite(t.Context(), admin(site.ID), site.ID, more)
		want(t, err, "ROLE_REQUIRED")
		if got, err := s.UpdateSite(t.Context(), admin(site.ID), site.ID, on); err != nil || !got.AllowDevelopment {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.UpdateSite(t.Context(), operator, site.ID, more); err != nil {
			t.Fatal(err)
		}
		got, err := s.SiteByID(t.Context(), site.ID)
		if err != nil || !got.AllowDevelopment || !slices.Equal(got.Products, []id.Product{"tracker", "wiki"}) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.UpdateSite(t.Context(), admin(site.ID), site.ID, func(x *tenancy.Site) error { x.AllowDevelopment = false; return nil }); err != nil {
			t.Fatal(err)
		}
		// Installations are told of each turn of the switch, and of nothing else.
		if want := []string{"on " + string(site.ID), "refresh", "off " + string(site.ID), "refresh"}; !slices.Equal(follow.told, want) {
			t.Errorf("installations were told %v, want %v", follow.told, want)
		}
		list, err := s.Sites(t.Context(), admin(site.ID))
		if err != nil || len(list) != 1 {
			t.Errorf("an admin sees %v, %v", list, err)
		}
		_, err = s.Sites(t.Context(), developer)
		want(t, err, "ROLE_REQUIRED")
	})
}

// follower notes what installations are told.
// SwitchUpdates has a test of its own where installations are.
func (f *follower) SwitchUpdates(context.Context, id.Principal, id.Site, rollout.Policy) error {
	return nil
}

type follower struct {
	told  []string
	ended []id.Site
	err   error
}

func (f *follower) EndSite(_ context.Context, _ id.Principal, site id.Site) (int, error) {
	f.ended = append(f.ended, site)
	return 2, f.err
}

func (f *follower) SwitchDevelopment(_ context.Context, _ id.Principal, site id.Site, on bool) error {
	word := map[bool]string{true: "on ", false: "off "}[on]
	f.told = append(f.told, word+string(site))
	return nil
}

func (f *follower) Refresh(context.Context) { f.told = append(f.told, "refresh") }

// A site that is removed takes its installations with it, in one transaction; its name is
// free again.
func TestRemoveSite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		if _, err := s.AddProduct(t.Context(), operator, "p", []byte(tracker)); err != nil {
			t.Fatal(err)
		}
		add := tenancy.NewSite{Name: "acme", Products: []id.Product{"tracker"}}
		site, err := s.AddSite(t.Context(), operator, add)
		if err != nil {
			t.Fatal(err)
		}
		follow := &follower{err: errors.New("cannot")}
		s.Installations = follow
		for _, p := range []id.Principal{admin(site.ID), developer, {}} {
			_, err := s.RemoveSite(t.Context(), p, site.ID)
			want(t, err, "ROLE_REQUIRED")
		}
		if _, err := s.RemoveSite(t.Context(), operator, site.ID); err == nil {
			t.Error("removed without its installations")
		}
		if _, err := s.SiteByName(t.Context(), "acme"); err != nil {
			t.Error("half removed:", err)
		}
		follow.err = nil
		if ended, err := s.RemoveSite(t.Context(), operator, site.ID); err != nil || ended.Installations != 2 {
			t.Error(ended, err)
		}
		_, err = s.SiteByID(t.Context(), site.ID)
		want(t, err, "SITE_UNKNOWN")
		_, err = s.RemoveSite(t.Context(), operator, site.ID)
		want(t, err, "SITE_UNKNOWN")
		if again, err := s.AddSite(t.Context(), operator, add); err != nil || again.ID == site.ID {
			t.Error(again, err)
		}
	})
}
