package console

import (
	"context"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/erasure"
)

// What apps stored, also those that were uninstalled: taken along, brought back, erased.

// left is what an ended installation left, as its site's admin reads it.
type left struct {
	erasure.Left
	Name, Into string
	into       id.Install
	Here       bool // what has it now is one of the installed
}

// leftOn is what ended on the site and product that the admin comes from, each with the
// installation to which it could be given.
func (c *Console) leftOn(v *visit) ([]left, error) {
	p, err := c.viewer(v)
	if err != nil {
		return nil, err
	}
	all, err := c.Erasures.Left(v.ctx(), p)
	if err != nil {
		return nil, err
	}
	installed, err := c.listed(v)
	if err != nil {
		return nil, err
	}
	var out []left
	for _, l := range all {
		if l.Product != v.session.Product {
			continue
		}
		x := left{Left: l, Name: c.appName(v.ctx(), l.App)}
		for _, i := range installed {
			switch {
			case l.GivenTo != "":
				x.Here = x.Here || i.ID == l.GivenTo
			case i.App == l.App && i.Environment == l.Environment:
				x.into, x.Into = i.ID, i.Number
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// leftOf is the one that the path names.
func (c *Console) leftOf(v *visit) (left, error) {
	all, err := c.leftOn(v)
	if err != nil {
		return left{}, err
	}
	for _, l := range all {
		if string(l.Install) == v.PathValue("installation") {
			return l, nil
		}
	}
	return left{}, fault.New(fault.NotFound, "NOTHING_LEFT", "nothing is left of such an app on this site")
}

// exportStored gives what an installation stored to programs.
func (c *Console) exportStored(v *visit) error {
	install := id.Install(v.PathValue("installation"))
	if i, err := c.installation(v); err == nil {
		install = i.ID
	} else if _, err := c.leftOf(v); err != nil {
		return err
	}
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	return c.Erasures.Export(v.ctx(), p, install, &attached{ResponseWriter: v.w})
}

// attached sets the head of a file at its first byte, so that an error before it is a page.
type attached struct {
	http.ResponseWriter
	begun bool
}

func (a *attached) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.Header().Set("Content-Type", "application/x-ndjson")
		a.Header().Set("Content-Disposition", `attachment; filename="stored.ndjson"`)
	}
	return a.ResponseWriter.Write(p)
}

func (c *Console) proposeLeft(v *visit) error {
	l, err := c.leftOf(v)
	if err != nil {
		return err
	}
	p := proposal{From: l.Install, Name: l.Name, Installation: l.into}
	kind := v.PostFormValue("act")
	if kind != "erase-left" && (kind != "relink" || l.into == "") {
		return fault.New(fault.Usage, "NO_ACT", "the form asks for nothing that can be decided")
	}
	return c.vouched(v, kind, p)
}

func (c *Console) showRelink(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Give " + p.Name + " back what it stored before?", Button: "Give back", Back: "/apps", Text: []string{
		"The app that is installed now gets the values, secrets and entities of the one that was uninstalled.", "What it has stored since stays as it is.",
	}}, nil
}

func (c *Console) doRelink(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Erasures.Relink(ctx, by, p.Installation, p.From)
	return "saved", pageOf(p), err
}

func (c *Console) showEraseLeft(_ context.Context, _ id.Principal, p proposal) (summary, error) {
	return summary{Title: "Erase what " + p.Name + " left?", Button: "Erase", Danger: true, Back: "/apps",
		Text: []string{"What it stored, its secrets and its logs are gone then, and cannot be brought back."}}, nil
}

func (c *Console) doEraseLeft(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "dropped", "/apps", c.Erasures.AtOnce(ctx, by, p.From)
}
