package console

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// Products with an authorization server of their own have no back end that signs for
// Annex. There the browser goes to that server and comes back here, and this server finds
// out whose the token is.

const (
	oauthCookie  = "__Host-annex-oauth"
	openIDCookie = "__Host-annex-openid"
)

// oauthSignIn is the signInUrl of such products: it answers a sign-in that was begun here,
// in this browser.
func (c *Console) oauthSignIn(v *visit) error {
	q := v.URL.Query()
	if err := c.begunHere(v, q.Get("state")); err != nil {
		return err
	}
	product := id.Product(q.Get("product"))
	site, err := c.Tenancy.SiteOf(v.ctx(), product, q.Get("site"))
	if err != nil {
		return err
	}
	return c.toProduct(v, productauth.Flow{Kind: productauth.SignIn, Site: site, Product: product, Answers: q.Get("state")})
}

// connectService sends an admin to the product to connect the account as which the site's
// apps act there.
func (c *Console) connectService(v *visit) error {
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	return c.toProduct(v, productauth.Flow{Kind: productauth.ServiceAccount, Site: v.session.Site, Product: v.session.Product, By: by, Next: "/accounts"})
}

func (c *Console) toProduct(v *visit, f productauth.Flow) error {
	sent, err := c.Linked.Begin(v.ctx(), f)
	if err != nil {
		return err
	}
	setCookie(v.w, oauthCookie, sent.Browser, 10*time.Minute)
	if v.Method == http.MethodGet {
		http.Redirect(v.w, v.Request, sent.URL, http.StatusSeeOther)
		return nil
	}
	// Browsers hold a form's redirects to the origins that its page names: a page leads on.
	return c.render(v, http.StatusOK, "leave.html", page{Title: "One moment", Section: "accounts", Data: map[string]any{"URL": sent.URL}})
}

// oauthBack is where such a product sends browsers back.
func (c *Console) oauthBack(v *visit) error {
	q := v.URL.Query()
	browser := cookie(v.Request, oauthCookie)
	setCookie(v.w, oauthCookie, "", 0)
	done, err := c.Linked.Finish(v.ctx(), productauth.Back{Product: id.Product(v.PathValue("product")), State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"), Browser: browser})
	if err != nil {
		return err
	}
	if done.Kind == productauth.ServiceAccount {
		http.Redirect(v.w, v.Request, done.Next, http.StatusSeeOther)
		return nil
	}
	return c.answer(v, session.Assertion{Product: done.Product, Site: done.Site, User: done.User, Name: done.Name, Admin: done.Admin,
		State: done.Answers, AuthTime: c.Now()})
}

// begunHere refuses a sign-in that another browser began. Whoever learns a person's state
// would else answer it as himself, and have that person sign in with the answer.
func (c *Console) begunHere(v *visit, state string) error {
	return c.Sessions.Begun(v.ctx(), state, cookie(v.Request, browserCookie))
}

// answer says who is there to the sign-in that was begun here.
func (c *Console) answer(v *visit, a session.Assertion) error {
	now := c.Now()
	a.ID, a.Issued, a.Expires = rand.Text(), now, now.Add(time.Minute)
	code, err := c.Sessions.Answer(v.ctx(), a, a.State)
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.Request, "/sign-in/callback?code="+url.QueryEscape(code), http.StatusSeeOther)
	return nil
}

// openIDSignIn is the signInUrl of products whose people sign in at an OpenID provider: it
// answers a sign-in that was begun here, in this browser. For a decision the provider is asked
// for a fresh one.
func (c *Console) openIDSignIn(v *visit) error {
	q := v.URL.Query()
	if err := c.begunHere(v, q.Get("state")); err != nil {
		return err
	}
	var fresh time.Duration
	if q.Get("max_age") != "" {
		fresh = session.MaxAge
	}
	sent, err := c.Linked.Identify(v.ctx(), id.Product(q.Get("product")), q.Get("state"), fresh)
	if err != nil {
		return err
	}
	setCookie(v.w, openIDCookie, sent.Browser, 10*time.Minute)
	http.Redirect(v.w, v.Request, sent.URL, http.StatusSeeOther)
	return nil
}

// openIDBack is where an OpenID provider sends browsers back, and it says who is there. Without a claim for it, the
// person is of the only site that has the product.
func (c *Console) openIDBack(v *visit) error {
	q := v.URL.Query()
	browser := cookie(v.Request, openIDCookie)
	setCookie(v.w, openIDCookie, "", 0)
	who, err := c.Linked.Identified(v.ctx(), productauth.Back{Product: id.Product(v.PathValue("product")), State: q.Get("state"), Code: q.Get("code"),
		Error: q.Get("error"), Issuer: q.Get("iss"), Browser: browser})
	if err != nil {
		return err
	}
	site, err := c.Tenancy.SiteOf(v.ctx(), who.Product, who.Site)
	if err != nil {
		return err
	}
	return c.answer(v, session.Assertion{Product: who.Product, Site: site, User: who.User, Name: who.Name, Admin: who.Admin,
		State: who.Answers, AuthTime: who.AuthTime})
}

// showAccounts shows an admin which accounts of the product that they come from are
// connected. Another product's admins are others.
func (c *Console) showAccounts(v *visit) error {
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	scope, err := tenant.ForSite(by, v.session.Site)
	if err != nil {
		return err
	}
	_, err = c.Linked.Clients.Client(v.ctx(), v.session.Product)
	if err != nil && fault.CodeOf(err) != "NO_OAUTH" {
		return err
	}
	known, otherwise := c.Tenancy.ProductByKeyOrAlias(v.ctx(), string(v.session.Product))
	if otherwise != nil {
		return otherwise
	}
	data := map[string]any{"Offered": err == nil, "OpenID": known.Users == tenancy.FromOIDC, "Name": c.productName(v.ctx(), v.session.Product)}
	accounts, err := c.Linked.Accounts(v.ctx(), scope)
	if err != nil {
		return err
	}
	var users []productauth.Account
	for _, a := range accounts {
		a.Name = quote.Line(a.Name, 80)
		switch {
		case a.Product != v.session.Product:
		case a.User == "":
			data["Service"] = a
		default:
			users = append(users, a)
		}
	}
	data["Users"] = users
	return c.render(v, http.StatusOK, "accounts.html", page{Title: "Accounts", Section: "accounts", Data: data})
}

// disconnect ends the connection of an account.
func (c *Console) disconnect(v *visit) error {
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	if err := c.Linked.Disconnect(v.ctx(), by, v.session.Site, v.session.Product, id.User(v.PostFormValue("user"))); err != nil {
		return err
	}
	http.Redirect(v.w, v.Request, "/accounts", http.StatusSeeOther)
	return nil
}
