package console

import (
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/edge/ask"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// Cookies of the ui origin. The prefix makes browsers refuse them from other hosts, with a
// domain, or without Secure; browsers take *.localhost over http for secure.
const (
	sessionCookie = "__Host-annex"
	browserCookie = "__Host-annex-sign-in"
	noticeCookie  = "__Host-annex-notice"
)

func cookie(r *http.Request, name string) string {
	all := r.CookiesNamed(name)
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// home leads on whoever is signed in, and shows others where to sign in.
func (c *Console) home(v *visit) error {
	if v.session != nil {
		http.Redirect(v.w, v.Request, home(v.session), http.StatusSeeOther)
		return nil
	}
	products, err := c.signInProducts(v)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "home.html", page{Title: "Sign in", Data: map[string]any{"Products": products, "Server": c.Server(), "Next": ""}})
}

func home(s *session.Session) string {
	if s.Admin {
		return "/apps"
	}
	return "/my/apps"
}

type product struct{ Key, Name string }

func (c *Console) signInProducts(v *visit) ([]product, error) {
	all, err := c.Tenancy.Products(v.ctx())
	if err != nil {
		return nil, err
	}
	var out []product
	for i := range all {
		if all[i].SignInURL != "" || all[i].Users == tenancy.FromOAuth2 || all[i].Users == tenancy.FromOIDC {
			out = append(out, product{string(all[i].Key), quote.Line(all[i].Name, 80)})
		}
	}
	return out, nil
}

// signIn sends the browser to the product. It changes nothing but the browser's own
// cookie, so a link may lead here.
func (c *Console) signIn(v *visit) error {
	q := v.URL.Query()
	start := session.Start{Product: q.Get("product"), Next: q.Get("next")}
	if decision := q.Get("decision"); decision != "" && v.session != nil {
		d, err := c.Sessions.Proposed(v.ctx(), v.session, decision)
		if err != nil {
			return err
		}
		start = session.Start{Product: string(v.session.Product), Session: v.session, Decision: decision, Next: "/decide/" + decision}
		if d.Kind == ask.Kind { // decided in a window of its own
			start.Next = ask.Next(decision)
		}
	}
	if start.Product == "" && v.session != nil {
		start.Product = string(v.session.Product)
	}
	if start.Product == "" {
		products, err := c.signInProducts(v)
		if err != nil {
			return err
		}
		if len(products) != 1 {
			return c.render(v, http.StatusOK, "home.html", page{Title: "Sign in",
				Data: map[string]any{"Products": products, "Server": c.Server(), "Next": session.LocalPath(start.Next)}})
		}
		start.Product = products[0].Key
	}
	handoff, err := c.Sessions.Begin(v.ctx(), start)
	if err != nil {
		return err
	}
	setCookie(v.w, browserCookie, handoff.Browser, handoff.Life)
	http.Redirect(v.w, v.Request, handoff.URL, http.StatusSeeOther)
	return nil
}

// callback is where the product sends the browser back.
func (c *Console) callback(v *visit) error {
	setCookie(v.w, browserCookie, "", 0)
	arrived, err := c.Sessions.Finish(v.ctx(), v.URL.Query().Get("code"), cookie(v.Request, browserCookie), cookie(v.Request, sessionCookie))
	if arrived.Session.ID != "" { // also when the decision is refused: the session has another secret now
		setCookie(v.w, sessionCookie, arrived.Secret, 8*time.Hour)
		v.session, v.secret = &arrived.Session, arrived.Secret
	}
	if err != nil {
		return err
	}
	next := arrived.Next
	if next == "/" {
		next = home(&arrived.Session)
	}
	http.Redirect(v.w, v.Request, next, http.StatusSeeOther)
	return nil
}

func (c *Console) signOut(v *visit) error {
	if err := c.Sessions.End(v.ctx(), v.secret); err != nil {
		return err
	}
	setCookie(v.w, sessionCookie, "", 0)
	http.Redirect(v.w, v.Request, "/", http.StatusSeeOther)
	return nil
}

func (c *Console) missing(*visit) error {
	return fault.New(fault.NotFound, "NO_PAGE", "there is no such page").WithFix("the way back is in the menu")
}
