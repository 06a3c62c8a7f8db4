package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// device is a command line that waits.
type device struct {
	Code string `json:"user_code"`
	Key  string `json:"device_code"`
	Page string `json:"verification_uri"`
}

func (p *people) commandLine() device {
	p.t.Helper()
	a := p.api("POST", "/api/v1/device-logins", "", map[string]string{"name": "<b>desk</b>"})
	a.must(p.t)
	var d device
	a.into(p.t, &d)
	return d
}

// gets is what the command line is told, and its token.
func (p *people) gets(d device) (code, token string) {
	p.t.Helper()
	a := p.api("POST", "/api/v1/device-logins/token", "", map[string]string{"device_code": d.Key})
	if a.status != http.StatusCreated {
		return a.code(), ""
	}
	var out struct{ Secret string }
	a.into(p.t, &out)
	return "", out.Secret
}

// typed is the page that a typed code leads to.
func (b *browser) typed(code string) page {
	b.t.Helper()
	return b.post(b.get("/device"), "/device", url.Values{"code": {code}})
}

// CONTRACTS 2: a command line is let in by an admin who typed its code and decided so, with
// the product's word at that moment, and by nothing that a link or another page can do.
func TestAttackLetACommandLineIn(t *testing.T) {
	p := newPeople(t)
	alice, bob := p.signedIn("alice"), p.signedIn("bob")
	d := p.commandLine()

	for _, secret := range []string{d.Code, strings.ReplaceAll(d.Code, "-", ""), d.Key} {
		if strings.Contains(d.Page, secret) {
			t.Errorf("a link carries the code: %s", d.Page)
		}
	}
	for _, bearer := range []string{d.Key, d.Code} {
		if a := p.api("GET", "/api/v1/whoami", bearer, nil); a.status != http.StatusUnauthorized {
			t.Errorf("what a command line begins with opens something: %d", a.status)
		}
	}
	ask := alice.typed(d.Code)
	waiting := hidden(ask.body, "device")
	if ask.status != http.StatusOK || waiting == "" || strings.Contains(ask.body, "<b>desk") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}
	// No link decides, also one with everything in it.
	for _, path := range []string{"/device?code=" + d.Code, "/device/propose?device=" + waiting, "/device?device=" + waiting + "&act=login", "/decide/" + waiting} {
		alice.get(path)
		alice.get(path + "&form=" + url.QueryEscape(hidden(ask.body, "form")))
	}
	// Nor another page's form, nor a user who is no admin.
	form := url.Values{"device": {waiting}, "code": {d.Code}, "form": {hidden(ask.body, "form")}}
	for _, path := range []string{"/device", "/device/propose", "/device/deny"} {
		for _, origin := range []string{"http://evil.example", "null", "http://" + p.product, ""} {
			if a := alice.open("POST", path, origin, form); a.status != http.StatusForbidden {
				t.Errorf("%s from %q: %d", path, origin, a.status)
			}
		}
		if a := alice.open("POST", path, "http://"+p.ui, url.Values{"device": {waiting}, "code": {d.Code}}); a.status != http.StatusForbidden {
			t.Errorf("%s without the session's word: %d", path, a.status)
		}
		if a := bob.post(bob.get("/my/apps"), path, url.Values{"device": {waiting}, "code": {d.Code}}); a.status != http.StatusForbidden {
			t.Errorf("a user at %s: %d", path, a.status)
		}
	}
	// A proposal is none about an app.
	if a := alice.post(ask, "/apps/none/propose", url.Values{"act": {"login"}, "device": {waiting}}); a.status < 400 {
		t.Errorf("%d", a.status)
	}
	vouch := alice.post(ask, "/device/propose", url.Values{"device": {waiting}})
	decision := found(vouch.body, `/sign-in\?decision=([0-9a-f-]+)`)
	if decision == "" {
		t.Fatalf("%d %s", vouch.status, vouch.body)
	}
	if a := alice.post(ask, "/decide/"+decision, url.Values{}); a.status != http.StatusConflict {
		t.Errorf("decided before the product was asked: %d", a.status)
	}
	if code, token := p.gets(d); code != "AUTHORIZATION_PENDING" || token != "" {
		t.Fatalf("let in by %q: %q", code, token)
	}
	// Somebody who was an admin a while ago.
	p.Tracker.SetAdmin("alice", false)
	if a := alice.get("/sign-in?decision=" + decision); a.status != http.StatusForbidden {
		t.Errorf("a demoted admin: %d", a.status)
	}
	p.Tracker.SetAdmin("alice", true)
	alice = p.signedIn("alice")
	if d = p.commandLine(); p.letIn(alice, d).status != http.StatusSeeOther {
		t.Fatal("an admin cannot let it in")
	}
	_, token := p.gets(d)
	if a := p.api("GET", "/api/v1/installations", token, nil); token == "" || a.status != http.StatusOK {
		t.Fatalf("%q: %d %s", token, a.status, a.body)
	}
	if code, again := p.gets(d); code != "EXPIRED_TOKEN" || again != "" {
		t.Errorf("a token is given twice: %q", code)
	}
	// It is an admin's of one site, and makes nothing that outlives it.
	for _, x := range [][2]string{{"POST", "/api/v1/tokens"}, {"POST", "/api/v1/accounts"}, {"GET", "/api/v1/accounts"}, {"POST", "/api/v1/sites"}} {
		if a := p.api(x[0], x[1], token, map[string]any{"kind": "admin"}); a.status != http.StatusForbidden {
			t.Errorf("%s %s: %d %s", x[0], x[1], a.status, a.body)
		}
	}
	p.site("elsewhere")
	if a := p.api("PATCH", "/api/v1/sites/elsewhere", token, map[string]any{"developmentApps": false}); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
		t.Errorf("another site: %d", a.status)
	}
	// It ends when the product says so.
	p.Tracker.SetAdmin("alice", false)
	p.signedIn("alice")
	p.Tracker.SetAdmin("alice", true)
	if a := p.api("GET", "/api/v1/installations", token, nil); a.status != http.StatusUnauthorized {
		t.Errorf("a demoted admin's command line: %d", a.status)
	}
	// And with a second product, whose admins are others.
	alice, d = p.signedIn("alice"), p.commandLine()
	p.letIn(alice, d)
	if _, token = p.gets(d); token == "" {
		t.Fatal("no token")
	}
	site, err := p.System.Tenancy.SiteByName(t.Context(), p.Access.Site)
	if err != nil {
		t.Fatal(err)
	}
	p.declare("key: wiki\nname: Wiki\napiBaseUrl: http://127.0.0.1:9\nscopes: [{name: read, title: Read, data: pages, access: read, risk: low}]\n")
	if _, err := p.System.Tenancy.UpdateSite(t.Context(), operatorOf(p), site.ID, func(s *tenancy.Site) error { s.Products = append(s.Products, "wiki"); return nil }); err != nil {
		t.Fatal(err)
	}
	p.System.Accounts.Forget()
	if a := p.api("GET", "/api/v1/installations", token, nil); a.status != http.StatusUnauthorized {
		t.Errorf("a token for all products of the site by one product's admin: %d", a.status)
	}
}

func operatorOf(*people) id.Principal { return id.Principal{Kind: id.Operator, Account: "test"} }

// letIn goes the whole way of an admin.
func (p *people) letIn(b *browser, d device) page {
	p.t.Helper()
	ask := b.typed(d.Code)
	vouch := b.post(ask, "/device/propose", url.Values{"device": {hidden(ask.body, "device")}})
	confirm := b.get("/sign-in?decision=" + found(vouch.body, `/sign-in\?decision=([0-9a-f-]+)`))
	return b.post(confirm, confirm.url.Path, url.Values{})
}

func (p *people) declare(text string) {
	p.t.Helper()
	if _, err := p.System.Tenancy.Declare(p.t.Context(), operatorOf(p), tenancy.Declaration{Name: "product.yaml", Data: []byte(text)}); err != nil {
		p.t.Fatal(err)
	}
}
