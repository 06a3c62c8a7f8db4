package api

import (
	"regexp"
	"strings"
	"time"

	"github.com/annexhq/annex/examples/product"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/productkit"
)

// signIns: a product says who came with a state, once.
func (l *life) signIns() {
	key, err := productkit.GenerateKey()
	if err != nil {
		l.t.Fatal(err)
	}
	declaration := regexp.MustCompile(`(?m)^keys: .*$`).ReplaceAllLiteralString(string(tracker.ProductYAML), "keys: "+string(productkit.PublicKeys(key)))
	if _, err := l.env.System.Tenancy.Declare(l.t.Context(), testenv.Operator, tenancy.Declaration{Name: "product.yaml", Data: []byte(declaration), Document: tracker.OpenAPI}); err != nil {
		l.t.Fatal(err)
	}
	site, err := l.env.System.Tenancy.SiteByName(l.t.Context(), l.env.Access.Site)
	if err != nil {
		l.t.Fatal(err)
	}
	alice := func() string {
		token, err := productkit.SignUser(key, productkit.User{Product: "tracker", Audience: l.env.Access.UIURL, Site: string(site.ID), ID: "alice",
			Name: "Alice", Locale: "en-GB", Timezone: "Europe/London", AuthTime: time.Now()})
		if err != nil {
			l.t.Fatal(err)
		}
		return token
	}
	h, err := l.env.System.Sessions.Begin(l.t.Context(), session.Start{Product: "tracker"})
	if err != nil {
		l.t.Fatal(err)
	}
	_, state, _ := strings.Cut(h.URL, "state=")
	l.ask("POST", "/api/v1/sign-ins", "", object{"state": "another", "assertion": alice()}).fails(401, "SIGN_IN_REFUSED")
	l.ask("POST", "/api/v1/sign-ins", "", object{"state": state, "assertion": "nonsense"}).fails(401, "ASSERTION_REFUSED")
	l.ask("POST", "/api/v1/sign-ins", "", object{"state": state}).fails(400, "MISSING")
	a := l.ask("POST", "/api/v1/sign-ins", "", object{"state": state, "assertion": alice()}).is(201)
	if to, _ := a.get("location").(string); !strings.HasPrefix(to, l.env.Access.UIURL+"/sign-in/callback?code=") {
		l.t.Errorf("the browser is sent to %q", to)
	}
	l.ask("POST", "/api/v1/sign-ins", "", object{"state": state, "assertion": alice()}).fails(401, "SIGN_IN_REFUSED")
}

// deviceLogin: an admin lets a command line in at the console.
func (l *life) deviceLogin() {
	started := l.ask("POST", "/api/v1/device-logins", "", object{"name": "desk"}).is(201)
	secret, _ := started.get("device_code").(string)
	typed, _ := started.get("user_code").(string)
	accounts := l.env.System.Accounts
	site, err := l.env.System.Tenancy.SiteByName(l.t.Context(), l.env.Access.Site)
	if err != nil {
		l.t.Fatal(err)
	}
	alice := id.Principal{Kind: id.SiteAdmin, Site: site.ID, Product: "tracker", User: "alice", Account: "tracker/alice"}
	d, err := accounts.DeviceByCode(l.t.Context(), account.Person{Site: site.ID, Product: "tracker", User: "alice"}, typed)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := accounts.LetIn(l.t.Context(), alice, d.ID); err != nil {
		l.t.Fatal(err)
	}
	token, _ := l.ask("POST", "/api/v1/device-logins/token", "", object{"device_code": secret}).is(201).get("secret").(string)
	if who := l.ask("GET", "/api/v1/whoami", token, nil).is(200); who.get("product") != "tracker" || who.get("site") != site.Name {
		l.t.Errorf("whoami: %s", who.body)
	}
	l.ask("POST", "/api/v1/device-logins/token", "", object{"device_code": secret}).fails(422, "EXPIRED_TOKEN")
}
