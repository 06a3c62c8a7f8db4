package console

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/session"
)

// forCookie says whom the page was opened for, where a panel opened it.
const forCookie = "__Host-annex-for"

// comeToConsent takes in who comes from a panel. The panel's ticket says whose it is, counts
// once and stays in no address: somebody else who is signed in here is not asked in their place.
func (c *Console) comeToConsent(v *visit) error {
	ticket := v.URL.Query().Get("ticket")
	if ticket == "" {
		c.user(c.askConsent).ServeHTTP(v.w, v.Request)
		return nil
	}
	who, _, about, err := c.Sessions.TakeTicket(v.ctx(), session.ForConsent, ticket)
	if err != nil {
		return err
	}
	setCookie(v.w, forCookie, personOf(&who), 10*time.Minute)
	http.Redirect(v.w, v.Request, "/consent/"+url.PathEscape(about), http.StatusSeeOther)
	return nil
}

// personOf names a person without saying who it is.
func personOf(s *session.Session) string {
	sum := sha256.Sum256([]byte(string(s.Site) + "\x00" + string(s.Product) + "\x00" + string(s.User)))
	return hex.EncodeToString(sum[:])
}

// askConsent is the page that an app's NEEDS_AUTHENTICATION_ERR leads to: what the app does
// as the person who is signed in, and where it may send data.
func (c *Console) askConsent(v *visit) error {
	if who := cookie(v.Request, forCookie); who != "" && !equal(who, personOf(v.session)) {
		setCookie(v.w, forCookie, "", 0)
		return fault.New(fault.Denied, "ANOTHER_PERSON", "the panel that you came from is another person's than the one who is signed in here").
			WithFix("sign out here, go back to the panel and open this page again")
	}
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	q, err := c.Consents.Ask(v.ctx(), v.session.Principal(), i.ID)
	if err != nil {
		return err
	}
	a := c.view(v, i)
	return c.render(v, http.StatusOK, "consent.html", page{Title: a.Name, Section: "my", Data: map[string]any{"App": a, "Ask": q}})
}

// giveConsent agrees to what the page showed, and to nothing else.
func (c *Console) giveConsent(v *visit) error {
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	if err := c.Consents.Give(v.ctx(), v.session.Principal(), i.ID, v.PostFormValue("digest")); err != nil {
		return err
	}
	setCookie(v.w, noticeCookie, "agreed", noticeLife)
	http.Redirect(v.w, v.Request, "/my/apps/"+string(i.ID), http.StatusSeeOther)
	return nil
}

// revokeConsent takes back what the person agreed to.
func (c *Console) revokeConsent(v *visit) error {
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	me := v.session.Principal()
	if err := c.Consents.Revoke(v.ctx(), me, me.Site, i.ID, me.Product, me.User); err != nil {
		return err
	}
	setCookie(v.w, noticeCookie, "revoked", noticeLife)
	http.Redirect(v.w, v.Request, "/my/apps/"+string(i.ID), http.StatusSeeOther)
	return nil
}

// agreement is what one person agreed to of one app.
type agreement struct {
	User  id.User
	Given time.Time
	Lines []lineSection
}

// agreed are the person's own agreements by installation.
func (c *Console) agreed(v *visit) (map[id.Install]agreement, error) {
	all, err := c.Consents.OfUser(v.ctx(), v.session.Principal())
	if err != nil {
		return nil, err
	}
	out := map[id.Install]agreement{}
	for _, x := range all {
		out[x.Install] = agreement{x.User, x.Given, lineSections(perm.Describe(x.Agreed, c.words(v.ctx(), x.Product)))}
	}
	return out, nil
}
