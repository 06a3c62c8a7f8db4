package account_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// clock is a clock that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

type apps map[id.App]id.Account

func (a apps) Owner(_ context.Context, app id.App) (id.Account, error) { return a[app], nil }

type sites []id.Site

func (s sites) ProductsOf(_ context.Context, _ id.Site) ([]id.Product, error) {
	return []id.Product{"tracker"}, nil
}

func (s sites) SiteExists(_ context.Context, site id.Site) (bool, error) {
	return slices.Contains(s, site), nil
}

type bundle struct {
	*account.Service
	clock *clock
	apps  apps
	db    *db.DB
}

func setup(t *testing.T, d *db.DB) *bundle {
	t.Helper()
	steps := append(slices.Clone(audit.Migrations), account.Migrations...)
	if err := d.Migrate(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	b := &bundle{clock: &clock{time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}, apps: apps{}, db: d}
	b.Service = b.another()
	return b
}

// another is the service of another server process on the same database.
func (b *bundle) another() *account.Service {
	return account.New(account.Config{DB: b.db, Audit: audit.New(b.db, b.clock.now), Apps: b.apps, Sites: sites{"site-a", "site-b"}, Now: b.clock.now})
}

func (b *bundle) operator(t *testing.T) id.Principal {
	t.Helper()
	token, err := b.Bootstrap(t.Context(), kept)
	if err != nil || token == "" {
		t.Fatalf("Bootstrap: %q, %v", token, err)
	}
	p, err := b.Authenticate(t.Context(), token)
	if err != nil || p.Kind != id.Operator {
		t.Fatalf("Authenticate: %v, %v", p, err)
	}
	return p
}

func kept(string) error { return nil }

// member adds an account and signs it in with a token of a kind.
func (b *bundle) member(t *testing.T, operator id.Principal, add account.NewAccount, req account.TokenRequest) id.Principal {
	t.Helper()
	a, err := b.AddAccount(t.Context(), operator, add)
	if err != nil {
		t.Fatal(err)
	}
	req.Account = a.ID
	_, secret, err := b.CreateToken(t.Context(), operator, req)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Authenticate(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func want(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		t.Errorf("got %v (%s, %s), want %s, %s", err, fault.KindOf(err), fault.CodeOf(err), kind, code)
	}
}

func TestBootstrapGivesOneTokenWhileOneIsUsable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		p := b.operator(t)
		if again, err := b.Bootstrap(t.Context(), kept); again != "" || err != nil {
			t.Errorf("a second Bootstrap gave %q, %v", again, err)
		}
		if err := b.RevokeToken(t.Context(), p, p.Token); err != nil {
			t.Fatal(err)
		}
		next, err := b.Bootstrap(t.Context(), kept)
		if err != nil || next == "" {
			t.Errorf("without a usable operator token Bootstrap gave %q, %v", next, err)
		}
		b.clock.advance(account.DefaultTTL + time.Second)
		if next, err := b.Bootstrap(t.Context(), kept); err != nil || next == "" {
			t.Errorf("after the last one expired Bootstrap gave %q, %v", next, err)
		}
		if all, err := b.Accounts(t.Context(), p); err != nil || len(all) != 1 {
			t.Errorf("there are %d accounts, %v; want the one operator", len(all), err)
		}
	})
}

// A crash after the secret was kept leaves no token that nobody has.
func TestBootstrapKeepsTheSecretFirst(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	var secret string
	token, err := b.Bootstrap(t.Context(), func(s string) error {
		if secret = s; secret == "" {
			t.Error("no secret is to be kept")
		}
		if _, err := b.Authenticate(t.Context(), s); err == nil {
			t.Error("the token is valid before it is kept")
		}
		return nil
	})
	if err != nil || token == "" || token != secret {
		t.Fatalf("Bootstrap gave %v, kept is another token: %v", err, token != secret)
	}
	b = setup(t, dbtest.SQLite(t))
	lost := errors.New("the disk is full")
	if token, err := b.Bootstrap(t.Context(), func(string) error { return lost }); token != "" || !errors.Is(err, lost) {
		t.Errorf("Bootstrap gave %v", err)
	}
	b.operator(t)
}

func TestSecretsAreNotStored(t *testing.T) {
	d := dbtest.SQLite(t)
	b := setup(t, d)
	token, err := b.Bootstrap(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := d.Query(t.Context(), `SELECT id || secret_hash || kind || note FROM tokens UNION ALL SELECT detail FROM audit`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	secret := token[strings.LastIndexByte(token, '_')+1:]
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, secret) {
			t.Errorf("the secret is stored: %q", text)
		}
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	token, err := b.Bootstrap(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	last := token[len(token)-1]
	other := byte('0')
	if last == other {
		other = '1'
	}
	for name, bad := range map[string]string{
		"nothing": "", "rubbish": "rubbish", "another prefix": "ghp_" + token[4:], "another kind": strings.Replace(token, "operator", "admin", 1),
		"one digit changed": token[:len(token)-1] + string(other), "longer": token + "0", "no kind": "anx_" + token[len("anx_operator_"):],
		"a NUL": token[:len(token)-1] + "\x00", "not UTF-8": token[:len(token)-1] + "\xff",
	} {
		if p, err := b.Authenticate(t.Context(), bad); fault.KindOf(err) != fault.Unauthenticated || p.Kind != id.Nobody {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	b.clock.advance(account.FirstTTL - time.Second)
	if _, err := b.Authenticate(t.Context(), token); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	b.clock.advance(time.Second)
	_, err = b.Authenticate(t.Context(), token)
	want(t, err, fault.Unauthenticated, "UNAUTHENTICATED")
	if e, _ := fault.As(err); e == nil || !strings.Contains(e.Public, "expired on 2 January 2030") {
		t.Errorf("the refusal does not say when it expired: %v", err)
	}
}

func TestRevocationReachesEveryProcessWithinASecond(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		operator := b.operator(t)
		a, err := b.AddAccount(t.Context(), operator, account.NewAccount{Name: "Alice", Developer: true})
		if err != nil {
			t.Fatal(err)
		}
		made, secret, err := b.CreateToken(t.Context(), operator, account.TokenRequest{Kind: id.Developer, Account: a.ID})
		if err != nil {
			t.Fatal(err)
		}
		other := b.another()
		for _, s := range []*account.Service{b.Service, other} {
			if _, err := s.Authenticate(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.RevokeToken(t.Context(), operator, made.ID); err != nil {
			t.Fatal(err)
		}
		_, err = b.Authenticate(t.Context(), secret)
		want(t, err, fault.Unauthenticated, "UNAUTHENTICATED")
		b.clock.advance(time.Second)
		_, err = other.Authenticate(t.Context(), secret)
		want(t, err, fault.Unauthenticated, "UNAUTHENTICATED")
		if err := b.RevokeToken(t.Context(), operator, made.ID); err != nil {
			t.Errorf("revoking again: %v", err)
		}
	})
}

func TestWhoMayMakeWhichToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		operator := b.operator(t)
		alice := b.member(t, operator, account.NewAccount{Name: "Alice", Developer: true, AdminOf: []id.Site{"site-a"}}, account.TokenRequest{Kind: id.Developer})
		admin := b.member(t, operator, account.NewAccount{Name: "Alice"}, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-a"})
		bob := b.member(t, operator, account.NewAccount{Name: "Bob", Developer: true}, account.TokenRequest{Kind: id.Developer})
		if alice.Account != admin.Account || alice.Account == bob.Account {
			t.Fatal("accounts are not told apart by their names")
		}
		b.apps["app-a"], b.apps["app-b"] = alice.Account, bob.Account
		ci := id.Principal{Kind: id.CI, Account: alice.Account, App: "app-a", Environments: []string{"staging"}}
		user := id.Principal{Kind: id.EndUser}
		ciFor := func(app id.App) account.TokenRequest {
			return account.TokenRequest{Kind: id.CI, App: app, Environments: []string{"staging"}}
		}
		withAccount := func(r account.TokenRequest, a id.Account) account.TokenRequest { r.Account = a; return r }
		for _, c := range []struct {
			name string
			by   id.Principal
			req  account.TokenRequest
			code string // "" when it is made
		}{
			{"operator: operator", operator, account.TokenRequest{Kind: id.Operator}, ""},
			{"operator: developer of another", operator, account.TokenRequest{Kind: id.Developer, Account: bob.Account}, ""},
			{"operator: operator of a developer", operator, account.TokenRequest{Kind: id.Operator, Account: bob.Account}, "ROLE_MISSING"},
			{"operator: admin of another site", operator, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-b", Account: alice.Account}, "ROLE_MISSING"},
			{"operator: unknown account", operator, account.TokenRequest{Kind: id.Developer, Account: "nobody"}, "ACCOUNT_UNKNOWN"},
			{"developer: developer", alice, account.TokenRequest{Kind: id.Developer}, ""},
			{"developer: ci of own app", alice, ciFor("app-a"), ""},
			{"developer: ci of another's app", alice, ciFor("app-b"), "NOT_YOURS"},
			{"developer: ci of no app", alice, ciFor("app-c"), "NOT_YOURS"},
			{"developer: for another", alice, withAccount(ciFor("app-b"), bob.Account), "ROLE_REQUIRED"},
			{"developer: admin", alice, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-a"}, "ROLE_REQUIRED"},
			{"developer: operator", alice, account.TokenRequest{Kind: id.Operator}, "ROLE_REQUIRED"},
			{"admin: admin", admin, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-a"}, ""},
			{"admin: other site", admin, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-b"}, "ROLE_REQUIRED"},
			{"admin: developer", admin, account.TokenRequest{Kind: id.Developer}, "ROLE_REQUIRED"},
			{"ci: ci", ci, ciFor("app-a"), "ROLE_REQUIRED"},
			{"user: developer", user, account.TokenRequest{Kind: id.Developer}, "ROLE_REQUIRED"},
			{"nobody: operator", id.Principal{}, account.TokenRequest{Kind: id.Operator}, "ROLE_REQUIRED"},
			{"ci without environments", alice, account.TokenRequest{Kind: id.CI, App: "app-a"}, "TOKEN_REQUEST"},
			{"developer with a site", alice, account.TokenRequest{Kind: id.Developer, Site: "site-a"}, "TOKEN_REQUEST"},
			{"of a user", operator, account.TokenRequest{Kind: id.EndUser}, "TOKEN_REQUEST"},
			{"for ever", alice, account.TokenRequest{Kind: id.Developer, TTL: 2 * account.MaxTTL}, "TOKEN_REQUEST"},
			{"of the past", alice, account.TokenRequest{Kind: id.Developer, TTL: -time.Hour}, "TOKEN_REQUEST"},
		} {
			made, secret, err := b.CreateToken(t.Context(), c.by, c.req)
			if c.code != "" {
				if err == nil || fault.CodeOf(err) != c.code || secret != "" {
					t.Errorf("%s: %v, want %s", c.name, err, c.code)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			p, err := b.Authenticate(t.Context(), secret)
			if err != nil || p.Kind != c.req.Kind || p.Token != made.ID || p.Site != c.req.Site || p.App != c.req.App || !slices.Equal(p.Environments, c.req.Environments) {
				t.Errorf("%s: the token stands for %+v, %v", c.name, p, err)
			}
		}
	})
}

func TestWhoSeesAndRevokesWhichToken(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	operator := b.operator(t)
	alice := b.member(t, operator, account.NewAccount{Name: "Alice", Developer: true, AdminOf: []id.Site{"site-a"}}, account.TokenRequest{Kind: id.Developer})
	admin := b.member(t, operator, account.NewAccount{Name: "Alice"}, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-a"})
	bob := b.member(t, operator, account.NewAccount{Name: "Bob", Developer: true}, account.TokenRequest{Kind: id.Developer})
	ci := id.Principal{Kind: id.CI, Account: alice.Account, App: "app"}
	tokens := []id.Token{operator.Token, alice.Token, admin.Token, bob.Token}
	for _, c := range []struct {
		name string
		p    id.Principal
		sees []id.Token
	}{
		{"operator", operator, tokens}, {"developer", alice, []id.Token{alice.Token}},
		{"admin", admin, []id.Token{admin.Token}}, {"another developer", bob, []id.Token{bob.Token}},
	} {
		list, err := b.ListTokens(t.Context(), c.p)
		var got []id.Token
		for _, x := range list {
			got = append(got, x.ID)
		}
		if err != nil || !slices.Equal(got, c.sees) {
			t.Errorf("%s sees %v, %v; want %v", c.name, got, err, c.sees)
		}
		for _, x := range tokens {
			if slices.Contains(c.sees, x) {
				continue
			}
			want(t, b.RevokeToken(t.Context(), c.p, x), fault.NotFound, "TOKEN_UNKNOWN")
		}
	}
	_, err := b.ListTokens(t.Context(), ci)
	want(t, err, fault.Denied, "ROLE_REQUIRED")
	want(t, b.RevokeToken(t.Context(), ci, alice.Token), fault.NotFound, "TOKEN_UNKNOWN")
	if err := b.RevokeToken(t.Context(), alice, alice.Token); err != nil {
		t.Errorf("one's own: %v", err)
	}
}

func TestAddAccountAddsRoles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		operator := b.operator(t)
		first, err := b.AddAccount(t.Context(), operator, account.NewAccount{Name: "Alice", AdminOf: []id.Site{"site-a"}})
		if err != nil {
			t.Fatal(err)
		}
		second, err := b.AddAccount(t.Context(), operator, account.NewAccount{Name: "Alice", Developer: true, AdminOf: []id.Site{"site-b", "site-a"}})
		if err != nil {
			t.Fatal(err)
		}
		if first.ID != second.ID || !second.Developer || second.Operator || !slices.Equal(second.AdminOf, []id.Site{"site-a", "site-b"}) {
			t.Errorf("after two additions Alice is %+v", second)
		}
		_, err = b.AddAccount(t.Context(), operator, account.NewAccount{Name: "Bob", AdminOf: []id.Site{"site-z"}})
		want(t, err, fault.NotFound, "SITE_UNKNOWN")
		_, err = b.AccountByName(t.Context(), "Bob")
		want(t, err, fault.NotFound, "ACCOUNT_UNKNOWN")
		for _, name := range []string{"", " Alice", "A\nlice", strings.Repeat("x", 101), "\xff"} {
			_, err := b.AddAccount(t.Context(), operator, account.NewAccount{Name: name, Developer: true})
			want(t, err, fault.Invalid, "ACCOUNT_NAME")
		}
		_, err = b.AddAccount(t.Context(), id.Principal{Kind: id.Developer, Account: first.ID}, account.NewAccount{Name: "Bob"})
		want(t, err, fault.Denied, "ROLE_REQUIRED")
	})
}

// The first token lies in a file; it must not stay a second key to the house.
func TestFirstTokenEndsWhenReplaced(t *testing.T) {
	b := setup(t, dbtest.SQLite(t))
	token, err := b.Bootstrap(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if first, err := b.IsFirst(t.Context(), p.Token); err != nil || !first {
		t.Fatalf("IsFirst: %v, %v", first, err)
	}
	ended := 0
	b.FirstEnded = func() { ended++ }
	own, secret, err := b.CreateToken(t.Context(), p, account.TokenRequest{Kind: id.Operator})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(t.Context(), token); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("the first token still works: %v", err)
	}
	if p, err = b.Authenticate(t.Context(), secret); err != nil || p.Token != own.ID || ended != 1 {
		t.Errorf("%v, %v, told %d times", p, err, ended)
	}
	if first, _ := b.IsFirst(t.Context(), own.ID); first {
		t.Error("another token counts as the first")
	}
}
