package console

import (
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/account"
)

// A command line that runs `annex login` shows a code. Who types it here sees which
// program asks and what it could do then, and decides as about everything else.

func (c *Console) showDevices(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	lines, err := c.Accounts.Persons(v.ctx(), p)
	if err != nil {
		return err
	}
	for i := range lines {
		lines[i].Note, lines[i].AccountName = quote.Line(lines[i].Note, 60), quote.Line(lines[i].AccountName, 60)
	}
	return c.render(v, http.StatusOK, "device.html", page{Title: "Command lines", Section: "device", Data: map[string]any{"Lines": lines}})
}

// askDevice takes the typed code and shows which program waits.
func (c *Console) askDevice(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	d, err := c.Accounts.DeviceByCode(v.ctx(), account.Person{Site: p.Site, Product: p.Product, User: p.User}, v.PostFormValue("code"))
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "device_ask.html", page{Title: "A command line asks", Section: "device",
		Data: map[string]any{"ID": d.ID, "Code": v.PostFormValue("code"), "Program": programOf(d), "Address": quote.Line(d.Address, 60), "Asked": d.Asked, "Life": hours(account.PersonLife)}})
}

func (c *Console) proposeDevice(v *visit) error {
	d, err := c.Accounts.DeviceByID(v.ctx(), v.PostFormValue("device"))
	if err != nil {
		return err
	}
	return c.vouched(v, "login", proposal{Device: d.ID})
}

// denyDevice turns away the command line whose code was typed; that needs no product's word.
func (c *Console) denyDevice(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	if err := c.Accounts.TurnAway(v.ctx(), account.Person{Site: p.Site, Product: p.Product, User: p.User}, v.PostFormValue("code")); err != nil {
		return err
	}
	return c.done(v, "turned-away", "/device")
}

func (c *Console) revokeDevice(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	if err := c.Accounts.RevokePerson(v.ctx(), p, id.Token(v.PostFormValue("token"))); err != nil {
		return err
	}
	return c.done(v, "ended", "/device")
}

// done goes on at a page that says what was done.
func (c *Console) done(v *visit, notice, next string) error {
	setCookie(v.w, noticeCookie, notice, noticeLife)
	http.Redirect(v.w, v.Request, next, http.StatusSeeOther)
	return nil
}

func programOf(d account.Device) string {
	if name := quote.Line(d.Name, 60); name != "" {
		return name
	}
	return "a command line without a name"
}

func (c *Console) showLogin(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	d, err := c.Accounts.DeviceByID(ctx, p.Device)
	if err != nil {
		return summary{}, err
	}
	return summary{Title: "Let “" + programOf(d) + "” decide as you?", Button: "Let it in", Danger: true, Back: "/device", Text: []string{
		"It asked at " + d.Asked.UTC().Format("15:04 UTC") + " from the address " + quote.Line(d.Address, 60) + ", and says itself what it is called.",
		"It gets an admin's token of this site: it may install, approve, narrow, revoke and uninstall apps, share logs and read the audit log, as " +
			quote.Line(string(by.User), 60) + " (" + c.productName(ctx, by.Product) + "), without asking again.",
		"That ends after " + hours(account.PersonLife) + ", when you end it here, or when " + c.productName(ctx, by.Product) + " says that you are no admin any more.",
		"If you did not run annex login yourself a moment ago, do not let it in: somebody may have sent you their code.",
	}}, nil
}

func (c *Console) doLogin(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "let-in", "/device", c.Accounts.LetIn(ctx, by, p.Device)
}

// hours says how long something lasts.
func hours(d time.Duration) string {
	n := int(d / time.Hour)
	switch {
	case n == 1:
		return "an hour"
	case n > 48 && n%24 == 0:
		return count(n/24, "days")
	}
	return count(n, "hours")
}
