package consent_test

import (
	"context"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var (
	alice = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "alice"}
	bob   = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "bob"}
	admin = id.Principal{Kind: id.SiteAdmin, Site: "s", Account: "a"}
)

// world is a service on one installation whose policy and rules a test may change.
type world struct {
	*consent.Service
	policy *call.Policy
	rules  consent.Rules
	trail  *audit.Log
}

func (w *world) Policy(_ context.Context, install id.Install) (*call.Policy, error) {
	if install != w.policy.Install {
		return nil, fault.New(fault.Denied, "NOT_INSTALLED", "no")
	}
	return w.policy, nil
}

func (w *world) ConsentRules(context.Context, id.Product) (consent.Rules, error) { return w.rules, nil }

func (w *world) Words(context.Context, id.Product) (perm.Words, error) {
	return func(scope string) (string, string, string, bool) { return "Words of " + scope, "", "", true }, nil
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), append(append([]db.Migration{}, audit.Migrations...), consent.Migrations...)); err != nil {
		t.Fatal(err)
	}
	w := &world{trail: audit.New(d, nil)}
	w.policy = &call.Policy{Install: "i", Site: "s", Product: "tracker", App: "app", Set: set("read", "write")}
	w.rules = consent.Rules{Scopes: map[string]bool{"read": true, "write": true, "more": true, "admins": true}, Admin: map[string]bool{"admins": true}, Offline: map[string]bool{"read": true, "admins": true}}
	w.Service = consent.New(consent.Config{DB: d, Audit: w.trail, Policies: w, Products: w})
	return w
}

func set(scopes ...string) perm.Set {
	s := perm.Set{Scopes: []perm.Scope{{Name: "storage:app"}}}
	for _, name := range scopes {
		name, offline := strings.CutSuffix(name, "!")
		s.Scopes = append(s.Scopes, perm.Scope{Name: name, Impersonation: offline})
	}
	return s
}

func sends(s perm.Set, hosts ...string) perm.Set {
	for _, h := range hosts {
		p, err := hostrule.ParsePattern(h, hostrule.Backend)
		if err != nil {
			panic(err)
		}
		s.Egress = append(s.Egress, perm.Egress{Type: perm.Backend, Pattern: p, InScopeEUD: true})
	}
	return s
}

func (w *world) agree(t *testing.T, user id.Principal) {
	t.Helper()
	q, err := w.Ask(t.Context(), user, "i")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Give(t.Context(), user, "i", q.Digest); err != nil {
		t.Fatal(err)
	}
}

func (w *world) want(t *testing.T, user id.Principal, code string, offline bool, scopes ...string) {
	t.Helper()
	got := ""
	if err := w.Check(t.Context(), w.policy, user, scopes, offline); err != nil {
		got = fault.CodeOf(err)
	}
	if got != code {
		t.Errorf("%s with %v (offline %v): %q, want %q", user.User, scopes, offline, got, code)
	}
}

const needs = "NEEDS_AUTHENTICATION_ERR"

func TestConsent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.want(t, alice, needs, false, "read")
		w.agree(t, alice)
		w.want(t, alice, "", false, "read")
		w.want(t, alice, "", false, "read", "write")
		w.want(t, bob, needs, false, "read")
		t.Run("of another site", func(t *testing.T) {
			stranger := alice
			stranger.Site = "s2"
			w.want(t, stranger, "NOT_YOURS", false, "read")
			if _, err := w.Ask(t.Context(), stranger, "i"); fault.CodeOf(err) != "NOT_INSTALLED" {
				t.Error(err)
			}
		})
		t.Run("the same name on another product is another person", func(t *testing.T) {
			other := alice
			other.Product = "wiki"
			w.want(t, other, needs, false, "read")
		})
		t.Run("growth asks again", func(t *testing.T) {
			w.policy.Set = set("read", "write", "more")
			w.want(t, alice, "", false, "read")
			w.want(t, alice, needs, false, "more")
			q, err := w.Ask(t.Context(), alice, "i")
			if err != nil || q.Agreed || len(q.New) != 1 || q.New[0].Title != "Words of more" || len(q.Acts) != 3 {
				t.Fatalf("%+v, %v", q, err)
			}
			w.agree(t, alice)
			w.want(t, alice, "", false, "more")
		})
		t.Run("an admin agrees for everybody", func(t *testing.T) {
			w.policy.Set = set("read", "admins")
			w.want(t, bob, "", false, "admins")
			w.want(t, bob, needs, false, "admins", "read")
		})
		t.Run("nobody agrees for the absent", func(t *testing.T) {
			w.policy.Set = set("read!", "admins!")
			w.want(t, alice, "", false, "read")
			w.want(t, alice, needs, true, "read")
			w.want(t, alice, needs, true, "admins")
			w.agree(t, alice)
			w.want(t, alice, "", true, "read")
			w.want(t, alice, "", true, "admins")
			w.policy.Set = set("read!", "write!")
			w.agree(t, alice)
			w.want(t, alice, "OFFLINE_NOT_OFFERED", true, "write")
		})
		t.Run("taken back", func(t *testing.T) {
			if err := w.Revoke(t.Context(), bob, "s", "i", "tracker", "alice"); fault.CodeOf(err) != "NOT_YOURS" {
				t.Error(err)
			}
			if err := w.Revoke(t.Context(), id.Principal{Kind: id.SiteAdmin, Site: "s2"}, "s", "i", "tracker", "alice"); fault.CodeOf(err) != "NOT_YOURS" {
				t.Error(err)
			}
			w.want(t, alice, "", false, "read")
			if err := w.Revoke(t.Context(), alice, "s", "i", "tracker", "alice"); err != nil {
				t.Fatal(err)
			}
			w.want(t, alice, needs, false, "read")
			w.agree(t, alice)
			if err := w.Revoke(t.Context(), admin, "s", "i", "tracker", "alice"); err != nil {
				t.Fatal(err)
			}
			w.want(t, alice, needs, false, "read")
		})
	})
}

func TestDestinations(t *testing.T) {
	d := dbtest.SQLite(t)
	w := newWorld(t, d)
	w.agree(t, alice)
	w.policy.Set = sends(w.policy.Set, "api.example.com")
	w.want(t, alice, needs, false, "read")
	q, err := w.Ask(t.Context(), alice, "i")
	if err != nil || len(q.Sends) == 0 || len(q.New) == 0 || q.Informed {
		t.Fatalf("%+v, %v", q, err)
	}
	w.agree(t, alice)
	w.want(t, alice, "", false, "read")
	w.policy.Set = sends(w.policy.Set, "*.example.net")
	w.want(t, alice, needs, false, "read")
	w.rules.External = consent.Inform
	w.want(t, alice, "", false, "read")
	if q, err = w.Ask(t.Context(), alice, "i"); err != nil || !q.Informed || len(q.Sends) == 0 {
		t.Fatalf("%+v, %v", q, err)
	}
	w.rules.External = consent.None
	w.want(t, alice, "", false, "read")
	if q, err = w.Ask(t.Context(), alice, "i"); err != nil || len(q.Sends) != 0 {
		t.Fatalf("%+v, %v", q, err)
	}
	// An app that sends data out needs the user's word even where an admin gave the scopes.
	w.rules.External, w.rules.Admin = consent.User, map[string]bool{"read": true}
	w.want(t, bob, needs, false, "read")
}

// What is agreed to is what was shown.
func TestAgreementIsBoundToTheQuestion(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	q, err := w.Ask(t.Context(), alice, "i")
	if err != nil {
		t.Fatal(err)
	}
	w.policy.Set = sends(w.policy.Set, "*.example.com")
	if err := w.Give(t.Context(), alice, "i", q.Digest); fault.CodeOf(err) != "CONSENT_CHANGED" {
		t.Error(err)
	}
	w.want(t, alice, needs, false, "read")
	if err := w.Give(t.Context(), admin, "i", q.Digest); fault.CodeOf(err) != "NOT_YOURS" {
		t.Error(err)
	}
}

func TestListsAndEnd(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.agree(t, alice)
	w.agree(t, bob)
	own, err := w.OfUser(t.Context(), alice)
	if err != nil || len(own) != 1 || own[0].User != "alice" || own[0].Install != "i" || !perm.HasScope(own[0].Agreed, "read") || own[0].Given.IsZero() {
		t.Fatalf("%+v, %v", own, err)
	}
	if _, err := w.OfUser(t.Context(), admin); err == nil {
		t.Error("an admin has consents of their own")
	}
	scope, err := tenant.ForInstall(admin, "s", "i")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := w.OfInstallation(t.Context(), scope); err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if err := w.Revoke(t.Context(), admin, "s", "i", "tracker", "alice"); err != nil {
		t.Fatal(err)
	}
	if err := w.Revoke(t.Context(), bob, "s", "i", "tracker", "bob"); err != nil {
		t.Fatal(err)
	}
	w.agree(t, bob)
	if err := w.DeleteAll(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	w.want(t, alice, needs, false, "read")
	site, err := tenant.ForSite(admin, "s")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := w.trail.List(t.Context(), site)
	if err != nil || len(entries) != 5 || entries[0].Act != "consent.give" || !strings.HasPrefix(entries[0].Actor, "user:tracker:h:") {
		t.Fatalf("%+v, %v", entries, err)
	}
	// Whose agreement an admin took back can be told by who gave one, and is no text.
	gave := strings.TrimPrefix(entries[0].Actor, "user:tracker:")
	if d := string(entries[2].Detail); entries[2].Act != "consent.revoke" || !strings.Contains(d, `"user":"`+gave+`"`) || strings.Contains(d, "alice") {
		t.Errorf("%s %s, given by %s", entries[2].Act, d, gave)
	}
	if d := string(entries[3].Detail); d != `{"own":true}` {
		t.Errorf("a user's own: %s", d)
	}
}
