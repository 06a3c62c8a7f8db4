package console

import (
	"net/http"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/account"
)

// A program of a user's own, an assistant for instance, shows a code. Who types it here sees
// which program asks and what it could have apps do then. A code is in no address: whoever
// is sent a link still has to type what a program shows.

func (c *Console) showPrograms(v *visit) error {
	lines, err := c.Accounts.Programs(v.ctx(), v.session.Principal())
	if err != nil {
		return err
	}
	for i := range lines {
		lines[i].Note = quote.Line(lines[i].Note, 60)
	}
	return c.render(v, http.StatusOK, "programs.html", page{Title: "My programs", Section: "programs", Data: map[string]any{"Lines": lines}})
}

// askProgram takes the typed code and shows which program waits.
func (c *Console) askProgram(v *visit) error {
	d, err := c.Accounts.ProgramByCode(v.ctx(), v.session.Principal(), v.PostFormValue("code"))
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "program_ask.html", page{Title: "A program asks", Section: "programs",
		Data: map[string]any{"Code": v.PostFormValue("code"), "Program": programOf(d), "Address": quote.Line(d.Address, 60), "Asked": d.Asked, "Life": hours(account.ProgramLife)}})
}

func (c *Console) allowProgram(v *visit) error {
	if err := c.Accounts.LetProgramIn(v.ctx(), v.session.Principal(), v.PostFormValue("code")); err != nil {
		return err
	}
	return c.done(v, "program-in", "/my/programs")
}

func (c *Console) denyProgram(v *visit) error {
	if err := c.Accounts.TurnProgramAway(v.ctx(), v.session.Principal(), v.PostFormValue("code")); err != nil {
		return err
	}
	return c.done(v, "program-away", "/my/programs")
}

func (c *Console) endProgram(v *visit) error {
	if err := c.Accounts.EndProgram(v.ctx(), v.session.Principal(), id.Token(v.PostFormValue("token"))); err != nil {
		return err
	}
	return c.done(v, "program-end", "/my/programs")
}
