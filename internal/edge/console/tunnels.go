package console

import (
	"net/http"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/install"
)

// A developer who runs `annex tunnel --site SITE` is shown a code. Who types it here sees
// whose tunnel asks for which app, and decides whether what they do in the app's pages runs
// on that developer's machine.

func (c *Console) showTunnels(v *visit) error {
	all, err := c.Accounts.Agreements(v.ctx(), v.session.Principal())
	if err != nil {
		return err
	}
	type line struct {
		account.Agreement
		App, Environment, Developer string
	}
	var lines []line
	for _, a := range all {
		l := line{Agreement: a, App: "an app that is not installed any more", Developer: c.accountName(v.ctx(), a.Account)}
		if i, err := c.tunnelled(v, a.TunnelOf); err == nil {
			l.App, l.Environment = c.appName(v.ctx(), i.App), quote.Line(i.EnvName, 60)
		}
		l.Note = quote.Line(l.Note, 60)
		lines = append(lines, l)
	}
	return c.render(v, http.StatusOK, "tunnels.html", page{Title: "My tunnels", Section: "programs", Data: map[string]any{"Lines": lines}})
}

// tunnelled is the installation of a person's own site and product that a tunnel asks for,
// while it is one that can be tunnelled by who asks.
func (c *Console) tunnelled(v *visit, of account.TunnelOf) (install.Installation, error) {
	all, err := c.installed(v.ctx(), v.session)
	if err != nil {
		return install.Installation{}, err
	}
	for _, i := range all {
		if i.ID == of.Install && i.EnvType == call.Development && i.Owner == of.Account {
			return i, nil
		}
	}
	return install.Installation{}, fault.New(fault.NotFound, "NOT_INSTALLED", "the tunnel is of an app that you do not have here").
		WithFix("sign in to the product and site that `annex tunnel` named")
}

// askTunnel takes the typed code and shows whose tunnel waits, and for what.
func (c *Console) askTunnel(v *visit) error {
	d, of, err := c.Accounts.TunnelByCode(v.ctx(), v.session.Principal(), v.PostFormValue("code"))
	if err != nil {
		return err
	}
	i, err := c.tunnelled(v, of)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "tunnel_ask.html", page{Title: "A tunnel asks", Section: "programs", Data: map[string]any{
		"Code": v.PostFormValue("code"), "Machine": quote.Line(d.Name, 60), "Address": quote.Line(d.Address, 60), "Asked": d.Asked, "Life": hours(account.TunnelLife),
		"App": c.appName(v.ctx(), i.App), "Environment": quote.Line(i.EnvName, 60), "Developer": c.accountName(v.ctx(), of.Account)}})
}

func (c *Console) allowTunnel(v *visit) error {
	_, of, err := c.Accounts.TunnelByCode(v.ctx(), v.session.Principal(), v.PostFormValue("code"))
	if err != nil {
		return err
	}
	if _, err := c.tunnelled(v, of); err != nil {
		return err
	}
	if err := c.Accounts.AgreeToTunnel(v.ctx(), v.session.Principal(), v.PostFormValue("code")); err != nil {
		return err
	}
	return c.done(v, "tunnel-in", "/my/tunnels")
}

func (c *Console) denyTunnel(v *visit) error {
	if err := c.Accounts.TurnTunnelAway(v.ctx(), v.session.Principal(), v.PostFormValue("code")); err != nil {
		return err
	}
	return c.done(v, "tunnel-away", "/my/tunnels")
}

func (c *Console) endTunnel(v *visit) error {
	if err := c.Accounts.EndAgreement(v.ctx(), v.session.Principal(), id.Token(v.PostFormValue("token"))); err != nil {
		return err
	}
	return c.done(v, "tunnel-end", "/my/tunnels")
}

// carriedOn is whose calls on an installation developers' tunnels may carry, for an admin.
func (c *Console) carriedOn(v *visit, scope tenant.Scope) (out []account.Agreement, err error) {
	all, err := c.Accounts.AgreementsOn(v.ctx(), scope)
	for _, a := range all {
		if a.Product == v.session.Product && !slices.ContainsFunc(out, func(x account.Agreement) bool { return x.User == a.User }) {
			out = append(out, a)
		}
	}
	return out, err
}
