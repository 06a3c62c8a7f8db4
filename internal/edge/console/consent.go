package console

import (
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// askConsent is the page that an app's NEEDS_AUTHENTICATION_ERR leads to: what the app does
// as the person who is signed in, and where it may send data.
func (c *Console) askConsent(v *visit) error {
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	q, err := c.Consents.Ask(v.ctx(), v.session.Principal(), i.ID)
	if err != nil {
		return err
	}
	a := c.view(v.ctx(), i)
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
