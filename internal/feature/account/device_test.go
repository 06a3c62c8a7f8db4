package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var (
	alicesAdmin = id.Principal{Kind: id.SiteAdmin, Site: "site-a", Product: "tracker", User: "alice", Account: "tracker/alice"}
	alice       = account.Person{Site: "site-a", Product: "tracker", User: "alice"}
)

func (b *bundle) start(t *testing.T) account.Started {
	t.Helper()
	s, err := b.StartDevice(t.Context(), "desk\x1b[2J\u202eevil", "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// poll asks once the interval is over.
func (b *bundle) poll(t *testing.T, secret string) (string, error) {
	t.Helper()
	b.clock.advance(account.DeviceInterval)
	_, token, err := b.Poll(t.Context(), secret)
	return token, err
}

func (b *bundle) letIn(t *testing.T) (token string, p id.Principal) {
	t.Helper()
	s := b.start(t)
	d, err := b.DeviceByCode(t.Context(), alice, s.Code)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.LetIn(t.Context(), alicesAdmin, d.ID); err != nil {
		t.Fatal(err)
	}
	if token, err = b.poll(t, s.Secret); err != nil {
		t.Fatal(err)
	}
	if p, err = b.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	return token, p
}

func TestDeviceLogin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		s := b.start(t)
		if len(s.Code) != 9 || s.Code[4] != '-' || strings.ContainsAny(s.Code, "AEIOU01") || strings.ContainsAny(s.Name, "\x1b\u202e") {
			t.Errorf("%+v", s.Code)
		}
		_, err := b.poll(t, s.Secret)
		want(t, err, fault.Conflict, "AUTHORIZATION_PENDING")
		_, _, err = b.Poll(t.Context(), s.Secret) // at once
		want(t, err, fault.Limit, "SLOW_DOWN")
		_, err = b.poll(t, s.Secret) // after five seconds, and it was told ten
		want(t, err, fault.Limit, "SLOW_DOWN")
		b.clock.advance(15 * time.Second)
		if _, err := b.Authenticate(t.Context(), s.Secret); err == nil {
			t.Error("the secret of a login is a token")
		}
		for _, typed := range []string{strings.ToLower(s.Code), " " + strings.ReplaceAll(s.Code, "-", "") + " ", s.Code} {
			if got, err := b.DeviceByCode(t.Context(), alice, typed); err != nil || got.ID != s.ID || got.Address != "192.0.2.7" {
				t.Errorf("%q: %+v, %v", typed, got, err)
			}
		}
		for name, p := range map[string]id.Principal{"an operator": {Kind: id.Operator, Account: "o"}, "a token's admin": {Kind: id.SiteAdmin, Site: "site-a", Account: "a"},
			"a user": {Kind: id.EndUser, Site: "site-a", Product: "tracker", User: "alice"}} {
			if err := b.LetIn(t.Context(), p, s.ID); fault.CodeOf(err) != "ROLE_REQUIRED" {
				t.Errorf("%s lets it in: %v", name, err)
			}
		}
		other := alicesAdmin
		other.Product = "wiki" // the site has tracker alone
		want(t, b.LetIn(t.Context(), other, s.ID), fault.Denied, "SITE_OF_SEVERAL")
		if err := b.LetIn(t.Context(), alicesAdmin, s.ID); err != nil {
			t.Fatal(err)
		}
		want(t, b.LetIn(t.Context(), alicesAdmin, s.ID), fault.Conflict, "NO_CODE")
		_, err = b.DeviceByCode(t.Context(), alice, s.Code)
		want(t, err, fault.NotFound, "NO_CODE") // a code is typed once
		token, err := b.poll(t, s.Secret)
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.Authenticate(t.Context(), token)
		if err != nil || p.Kind != id.SiteAdmin || p.Site != "site-a" || p.Product != "tracker" || p.User != "alice" || p.Account != "tracker/alice" {
			t.Errorf("%+v, %v", p, err)
		}
		_, err = b.poll(t, s.Secret)
		want(t, err, fault.Invalid, "EXPIRED_TOKEN") // a token is given once
		_, _, err = b.CreateToken(t.Context(), p, account.TokenRequest{Kind: id.SiteAdmin, Site: "site-a"})
		want(t, err, fault.Denied, "ROLE_REQUIRED")
		b.clock.advance(account.PersonLife)
		_, err = b.Authenticate(t.Context(), token)
		want(t, err, fault.Unauthenticated, "UNAUTHENTICATED")
	})
}

func TestDeviceLoginEnds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		ended := func(what, token string) {
			t.Helper()
			if _, err := b.Authenticate(t.Context(), token); fault.CodeOf(err) != "UNAUTHENTICATED" {
				t.Errorf("%s: %v", what, err)
			}
		}
		token, p := b.letIn(t)
		bobs := alicesAdmin
		bobs.Site = "site-b"
		if err := b.RevokeToken(t.Context(), bobs, p.Token); err != nil {
			t.Error(err)
		}
		if _, err := b.Authenticate(t.Context(), token); err != nil {
			t.Error("another site's admin ended it:", err)
		}
		if all, err := b.ListTokens(t.Context(), p); err != nil || len(all) != 1 || all[0].ID != p.Token {
			t.Errorf("%+v, %v", all, err)
		}
		if err := b.RevokeToken(t.Context(), p, p.Token); err != nil {
			t.Error(err)
		}
		ended("revoked", token)

		token, _ = b.letIn(t)
		waiting := b.start(t)
		if err := b.LetIn(t.Context(), alicesAdmin, waiting.ID); err != nil {
			t.Fatal(err)
		}
		if err := b.Demoted(t.Context(), "site-a", "tracker", "bob"); err != nil {
			t.Error(err)
		}
		if _, err := b.Authenticate(t.Context(), token); err != nil {
			t.Error("Bob's demotion ended Alice's:", err)
		}
		if err := b.Demoted(t.Context(), "site-a", "tracker", "alice"); err != nil {
			t.Error(err)
		}
		ended("demoted", token)
		if got, err := b.poll(t, waiting.Secret); err == nil {
			t.Error("who was demoted before it asked got", got)
		}

		token, _ = b.letIn(t)
		if _, err := b.VoidTokens(t.Context()); err != nil {
			t.Error(err)
		}
		b.Forget()
		ended("restored", token)
		token, _ = b.letIn(t)
		if _, err := b.EndSite(t.Context(), "site-a"); err != nil {
			t.Error(err)
		}
		b.Forget()
		ended("the site is gone", token)

		s := b.start(t)
		if err := b.TurnAway(t.Context(), alice, s.Code); err != nil {
			t.Error(err)
		}
		_, err := b.poll(t, s.Secret)
		want(t, err, fault.Denied, "ACCESS_DENIED")
		s = b.start(t)
		b.clock.advance(account.DeviceLife)
		_, err = b.DeviceByCode(t.Context(), alice, s.Code)
		want(t, err, fault.NotFound, "NO_CODE")
		_, err = b.poll(t, s.Secret)
		want(t, err, fault.Invalid, "EXPIRED_TOKEN")
	})
}

func TestCodesAreNotGuessed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		s := b.start(t)
		for range 10 {
			_, err := b.DeviceByCode(t.Context(), alice, "BBBB-BBBB")
			want(t, err, fault.NotFound, "NO_CODE")
		}
		_, err := b.another().DeviceByCode(t.Context(), alice, s.Code)
		want(t, err, fault.Limit, "LIMIT_CODES")
		bob := alice
		bob.User = "bob"
		if _, err := b.DeviceByCode(t.Context(), bob, s.Code); err != nil {
			t.Error("Alice's wrong codes stop Bob:", err)
		}
		b.clock.advance(account.DeviceLife)
		again := b.start(t)
		if _, err := b.DeviceByCode(t.Context(), alice, again.Code); err != nil {
			t.Error(err)
		}
	})
}

// A person's agreement to a tunnel is fetched by the developer who asked, once; it ends by
// its person, by signing out, by time and with the site, and is neither a program nor a token.
func TestAgreements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		dev := id.Principal{Kind: id.Developer, Account: "dev"}
		user := id.Principal{Kind: id.EndUser, Site: "site-a", Product: "tracker", User: "bob"}
		asks := func() account.Started {
			t.Helper()
			s, err := b.StartTunnel(t.Context(), dev, "desk", "192.0.2.1", "site-a", "i")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		agrees := func() string {
			t.Helper()
			s := asks()
			if err := b.AgreeToTunnel(t.Context(), user, s.Code); err != nil {
				t.Fatal(err)
			}
			other := dev
			other.Account = "other"
			_, _, err := b.PollTunnel(t.Context(), other, s.Secret)
			want(t, err, fault.Invalid, "EXPIRED_TOKEN")
			_, _, err = b.Poll(t.Context(), s.Secret)
			want(t, err, fault.Invalid, "EXPIRED_TOKEN")
			_, _, err = b.PollProgram(t.Context(), s.Secret)
			want(t, err, fault.Invalid, "EXPIRED_TOKEN")
			a, proof, err := b.PollTunnel(t.Context(), dev, s.Secret)
			if err != nil || a.Install != "i" || a.Account != "dev" || a.User != "bob" {
				t.Fatalf("%+v %v", a, err)
			}
			_, _, err = b.PollTunnel(t.Context(), dev, s.Secret)
			want(t, err, fault.Invalid, "EXPIRED_TOKEN")
			if now, err := b.AgreedTo(t.Context(), proof); err != nil || now.User != "bob" || now.Site != "site-a" || now.Product != "tracker" || now.Account != "dev" {
				t.Fatalf("%+v %v", now, err)
			}
			_, err = b.Authenticate(t.Context(), proof)
			want(t, err, fault.Unauthenticated, "UNAUTHENTICATED")
			_, err = b.AuthenticateProgram(t.Context(), proof, "site-a")
			want(t, err, fault.Unauthenticated, "UNAUTHENTICATED")
			return proof
		}
		over := func(proof string) {
			t.Helper()
			_, err := b.AgreedTo(t.Context(), proof)
			want(t, err, fault.Denied, "TUNNEL_AGREEMENT_ENDED")
		}
		proof := agrees()
		all, err := b.Agreements(t.Context(), user)
		if err != nil || len(all) != 1 || all[0].Install != "i" || all[0].Note != "desk" {
			t.Fatalf("%+v %v", all, err)
		}
		carol := user
		carol.User = "carol"
		if err := b.EndAgreement(t.Context(), carol, all[0].Token); err != nil {
			t.Error(err)
		}
		if _, err := b.AgreedTo(t.Context(), proof); err != nil {
			t.Error("ended by another person:", err)
		}
		if err := b.EndAgreement(t.Context(), user, all[0].Token); err != nil {
			t.Error(err)
		}
		over(proof)

		proof = agrees()
		waits := asks()
		if err := b.AgreeToTunnel(t.Context(), user, waits.Code); err != nil {
			t.Error(err)
		}
		if err := b.SignedOut(t.Context(), "site-a", "tracker", "bob"); err != nil {
			t.Error(err)
		}
		over(proof)
		_, _, err = b.PollTunnel(t.Context(), dev, waits.Secret)
		want(t, err, fault.Invalid, "EXPIRED_TOKEN")

		proof = agrees()
		b.clock.advance(account.TunnelLife)
		over(proof)
		proof = agrees()
		if _, err := b.EndSite(t.Context(), "site-a"); err != nil {
			t.Error(err)
		}
		over(proof)

		elsewhere := user
		elsewhere.Site = "site-b"
		_, _, err = b.TunnelByCode(t.Context(), elsewhere, asks().Code)
		want(t, err, fault.NotFound, "NO_CODE")
		s := asks()
		if err := b.TurnTunnelAway(t.Context(), user, s.Code); err != nil {
			t.Error(err)
		}
		_, _, err = b.PollTunnel(t.Context(), dev, s.Secret)
		want(t, err, fault.Denied, "ACCESS_DENIED")
		_, err = b.StartProgram(t.Context(), "x", "192.0.2.1", "tunnel:site-a")
		want(t, err, fault.Usage, "MISSING")
	})
}

// An admin of the site ends what one person agreed to on one installation, with what waits to
// be told of it; nobody else's agreement ends, and no other admin ends one.
func TestAdminsEndAgreements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d)
		dev := id.Principal{Kind: id.Developer, Account: "dev"}
		admin := id.Principal{Kind: id.SiteAdmin, Site: "site-a", Account: "ada"}
		asks := func(install id.Install, user id.User) account.Started {
			t.Helper()
			s, err := b.StartTunnel(t.Context(), dev, "desk", "192.0.2.1", "site-a", install)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.AgreeToTunnel(t.Context(), id.Principal{Kind: id.EndUser, Site: "site-a", Product: "tracker", User: user}, s.Code); err != nil {
				t.Fatal(err)
			}
			return s
		}
		agrees := func(install id.Install, user id.User) (proof string) {
			t.Helper()
			_, proof, err := b.PollTunnel(t.Context(), dev, asks(install, user).Secret)
			if err != nil {
				t.Fatal(err)
			}
			return proof
		}
		stands := func(proof string) bool {
			_, err := b.AgreedTo(t.Context(), proof)
			return err == nil
		}
		bobs, carols, elsewhere := agrees("i", "bob"), agrees("i", "carol"), agrees("i2", "bob")
		waits, other := asks("i", "bob"), asks("i2", "bob")
		for _, by := range []id.Principal{
			{Kind: id.SiteAdmin, Site: "site-b", Account: "mallory"}, {Kind: id.Developer, Account: "dev"},
			{Kind: id.EndUser, Site: "site-a", Product: "tracker", User: "carol"}, {},
		} {
			if n, err := b.EndAgreementsOn(t.Context(), by, "site-a", "i", "tracker", "bob"); err == nil || n != 0 {
				t.Errorf("%s ended %d: %v", by.Kind, n, err)
			}
		}
		if _, err := b.AgreementsOn(t.Context(), tenant.Scope{}); err == nil {
			t.Error("listed for nobody")
		}
		scope, err := tenant.ForInstall(admin, "site-a", "i")
		if err != nil {
			t.Fatal(err)
		}
		if all, err := b.AgreementsOn(t.Context(), scope); err != nil || len(all) != 2 || all[0].User != "bob" || all[1].User != "carol" || all[0].Account != "dev" || all[0].Product != "tracker" {
			t.Errorf("%+v %v", all, err)
		}
		for _, no := range []struct {
			product id.Product
			user    id.User
		}{{"desk", "bob"}, {"tracker", "dave"}} {
			if n, err := b.EndAgreementsOn(t.Context(), admin, "site-a", "i", no.product, no.user); err != nil || n != 0 {
				t.Errorf("%+v: %d %v", no, n, err)
			}
		}
		if n, err := b.EndAgreementsOn(t.Context(), admin, "site-a", "i", "tracker", "bob"); err != nil || n != 1 {
			t.Errorf("%d %v", n, err)
		}
		if stands(bobs) || !stands(carols) || !stands(elsewhere) {
			t.Error(stands(bobs), stands(carols), stands(elsewhere))
		}
		_, _, err = b.PollTunnel(t.Context(), dev, waits.Secret)
		want(t, err, fault.Invalid, "EXPIRED_TOKEN")
		if _, _, err := b.PollTunnel(t.Context(), dev, other.Secret); err != nil {
			t.Error("on another installation:", err)
		}
	})
}
