package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/session"
)

// People connect accounts of theirs at other services, which apps use and never hold. The
// page says which app, which service and as whom; the product has said who is in front of
// the browser, and a click of that person begins it.

// connectCookie is what a browser keeps while its person is at a provider.
const connectCookie = "__Host-annex-connect"

// comeToConnect takes in who comes from a panel. The panel's ticket says whose it is, and
// counts once: somebody else who is signed in here does not connect an account in their place.
func (c *Console) comeToConnect(v *visit) error {
	who, _, about, err := c.Sessions.TakeTicket(v.ctx(), session.ForConnect, v.PathValue("ticket"))
	if err != nil {
		return err
	}
	var to struct {
		Install  string   `json:"install"`
		Provider string   `json:"provider"`
		Scopes   []string `json:"scopes"`
	}
	if err := json.Unmarshal([]byte(about), &to); err != nil {
		return err
	}
	setCookie(v.w, forCookie, personOf(&who), 10*time.Minute)
	next := "/connect/" + url.PathEscape(to.Install) + "/" + url.PathEscape(to.Provider) + "?" + url.Values{"scope": to.Scopes}.Encode()
	if v.session == nil || !equal(personOf(v.session), personOf(&who)) {
		// The person's own product says who is there: without it nobody is taken for them.
		next = "/sign-in?" + url.Values{"product": {string(who.Product)}, "next": {next}}.Encode()
	}
	http.Redirect(v.w, v.Request, next, http.StatusSeeOther)
	return nil
}

// rightPerson refuses anybody but the one whose panel opened the page.
func rightPerson(v *visit) error {
	if who := cookie(v.Request, forCookie); who != "" && !equal(who, personOf(v.session)) {
		setCookie(v.w, forCookie, "", 0)
		return fault.New(fault.Denied, "ANOTHER_PERSON", "the panel that you came from is another person's than the one who is signed in here").
			WithFix("if somebody sent you this address, close it; else sign out here, go back to the panel and open this page again")
	}
	return nil
}

// askConnect says what is about to be connected, and waits for a click.
func (c *Console) askConnect(v *visit) error {
	if err := rightPerson(v); err != nil {
		return err
	}
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	q, err := c.Providers.Ask(v.ctx(), v.session.Principal(), i.ID, v.PathValue("provider"), v.URL.Query()["scope"])
	if err != nil {
		return err
	}
	q.Name = quote.Line(q.Name, 80)
	for n := range q.Scopes {
		q.Scopes[n] = quote.Line(q.Scopes[n], 200)
	}
	return c.render(v, http.StatusOK, "connect.html", page{Title: "Connect " + q.Name, Section: "my", Data: map[string]any{
		"App": c.view(v, i), "Ask": q, "Installation": i.ID,
	}})
}

// beginConnect leads the person on to the provider.
func (c *Console) beginConnect(v *visit) error {
	if err := rightPerson(v); err != nil {
		return err
	}
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	if key, typed := v.PostForm["key"]; typed {
		return c.giveKey(v, i.ID, strings.TrimSpace(key[0]))
	}
	sent, err := c.Providers.Begin(v.ctx(), v.session.Principal(), i.ID, v.PathValue("provider"), v.PostForm["scope"])
	if err != nil {
		return err
	}
	setCookie(v.w, connectCookie, sent.Browser, 10*time.Minute)
	// Browsers hold a form's redirects to the origins that its page names: a page leads on.
	return c.render(v, http.StatusOK, "leave.html", page{Title: "One moment", Section: "my", Data: map[string]any{"URL": sent.URL, "Provider": true}})
}

// giveKey keeps a key that the person typed here, for the places that the page named.
func (c *Console) giveKey(v *visit, install id.Install, key string) error {
	a, err := c.Providers.GiveKey(v.ctx(), v.session.Principal(), install, v.PathValue("provider"), v.PostForm["sends"], key)
	if err != nil {
		return err
	}
	setCookie(v.w, forCookie, "", 0)
	setCookie(v.w, noticeCookie, "connected", noticeLife)
	http.Redirect(v.w, v.Request, "/my/accounts?"+url.Values{"account": {a.ID}, "provider": {a.Provider}}.Encode(), http.StatusSeeOther)
	return nil
}

// connected is where a provider sends browsers back. Its cookies are those of a page that
// another site led to: Lax ones come along.
func (c *Console) connected(v *visit) error {
	browser := cookie(v.Request, connectCookie)
	setCookie(v.w, connectCookie, "", 0)
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	if v.session == nil {
		return fault.New(fault.Unauthenticated, "CONNECT_REFUSED", "nobody is signed in here who asked for this").
			WithFix("begin again from the app; if somebody sent you a link, do not use it")
	}
	q := v.URL.Query()
	done, err := c.Providers.Finish(v.ctx(), provider.Back{
		Callback: v.PathValue("client"), State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"), Issuer: q.Get("iss"), Browser: browser, User: v.session.Principal(),
	})
	if err != nil {
		return err
	}
	setCookie(v.w, forCookie, "", 0)
	// On to an address without code and state.
	setCookie(v.w, noticeCookie, "connected", noticeLife)
	http.Redirect(v.w, v.Request, "/my/accounts?"+url.Values{"account": {done.Account.ID}, "provider": {done.Account.Provider}}.Encode(), http.StatusSeeOther)
	return nil
}

// external is an account as pages show it.
type external struct {
	provider.Account
	AppName, Service string
	Reached          []string // installations' products
	New              bool
}

// external words accounts for a page; the installations say what apps and services are called.
func (c *Console) external(v *visit, all []provider.Account, installed []install.Installation) []external {
	out := []external{}
	for _, a := range all {
		x := external{Account: a, AppName: string(a.App), Service: quote.Line(a.Provider, 40)}
		for _, i := range installed {
			if i.Environment != a.Env {
				continue
			}
			x.AppName = c.view(v, i).Name
			if m, err := c.Registry.Manifest(v.ctx(), i.Version); err == nil {
				if d, ok := m.Provider(a.Provider); ok {
					x.Service = quote.Line(d.Name, 80)
				}
			}
			if name := c.productName(v.ctx(), i.Product); !slices.Contains(x.Reached, name) {
				x.Reached = append(x.Reached, name)
			}
		}
		x.Name = quote.Line(a.Name, 80)
		for n := range x.Scopes {
			x.Scopes[n] = quote.Line(x.Scopes[n], 200)
		}
		q := v.URL.Query()
		x.New = q.Get("account") == a.ID && q.Get("provider") == a.Provider
		out = append(out, x)
	}
	return out
}

// myAccounts are the person's own.
func (c *Console) myAccounts(v *visit) error {
	all, err := c.Providers.OfUser(v.ctx(), v.session.Principal())
	if err != nil {
		return err
	}
	installed, err := c.Installs.List(v.ctx(), id.Principal{Kind: id.SiteAdmin, Site: v.session.Site}, install.Filter{Site: v.session.Site})
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "my_accounts.html", page{Title: "My accounts", Section: "my-accounts", Data: map[string]any{"Accounts": c.external(v, all, installed)}})
}

func (c *Console) disconnectMine(v *visit) error {
	if err := c.Providers.Disconnect(v.ctx(), v.session.Principal(), v.session.Site, named(v)); err != nil {
		return err
	}
	setCookie(v.w, noticeCookie, "disconnected", noticeLife)
	http.Redirect(v.w, v.Request, "/my/accounts", http.StatusSeeOther)
	return nil
}

// named is the account that a form names.
func named(v *visit) provider.Account {
	f := v.PostFormValue
	return provider.Account{Env: id.Env(f("environment")), Directory: f("directory"), User: id.User(f("user")), Provider: f("provider"), ID: f("account")}
}

// siteAccounts are the site's, for its admin.
func (c *Console) siteAccounts(v *visit) error {
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	scope, err := tenant.ForSite(by, v.session.Site)
	if err != nil {
		return err
	}
	all, err := c.Providers.OfSite(v.ctx(), scope)
	if err != nil {
		return err
	}
	installed, err := c.Installs.List(v.ctx(), by, install.Filter{Site: v.session.Site})
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "site_accounts.html", page{Title: "Accounts at other services", Section: "accounts", Data: map[string]any{"Accounts": c.external(v, all, installed)}})
}

func (c *Console) disconnectAny(v *visit) error {
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	if err := c.Providers.Disconnect(v.ctx(), by, v.session.Site, named(v)); err != nil {
		return err
	}
	setCookie(v.w, noticeCookie, "disconnected", noticeLife)
	http.Redirect(v.w, v.Request, "/accounts/external", http.StatusSeeOther)
	return nil
}
