package console

import (
	"context"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/session"
)

// installed are the apps of the person's own site and product. Whoever uses a product may
// know which apps run there and what they may do.
func (c *Console) installed(ctx context.Context, s *session.Session) ([]install.Installation, error) {
	all, err := c.Installs.List(ctx, id.Principal{Kind: id.SiteAdmin, Site: s.Site}, install.Filter{Site: s.Site})
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, i := range all {
		if i.Product == s.Product {
			out = append(out, i)
		}
	}
	return out, nil
}

func (c *Console) myApps(v *visit) error {
	all, err := c.installed(v.ctx(), v.session)
	if err != nil {
		return err
	}
	agreed, err := c.agreed(v)
	if err != nil {
		return err
	}
	out := []app{}
	for _, i := range all {
		a := c.view(v, i)
		_, a.Agreed = agreed[i.ID]
		if a.Pages, err = c.pagesOf(v, &i); err != nil {
			return err
		}
		out = append(out, a)
	}
	return c.render(v, http.StatusOK, "my.html", page{Title: "My apps", Section: "my", Data: map[string]any{"Apps": out}})
}

// myInstallation is the one that the path names, on the person's own site and product.
func (c *Console) myInstallation(v *visit) (install.Installation, error) {
	all, err := c.installed(v.ctx(), v.session)
	if err != nil {
		return install.Installation{}, err
	}
	for _, i := range all {
		if string(i.ID) == v.PathValue("installation") {
			return i, nil
		}
	}
	return install.Installation{}, fault.New(fault.NotFound, "NOT_INSTALLED", "there is no such app here, or it was uninstalled")
}

func (c *Console) myApp(v *visit) error {
	i, err := c.myInstallation(v)
	if err != nil {
		return err
	}
	agreed, err := c.agreed(v)
	if err != nil {
		return err
	}
	a := c.view(v, i)
	var mine agreement
	mine, a.Agreed = agreed[i.ID]
	a.Permissions = lineSections(perm.Describe(i.Effective(), c.words(v.ctx(), i.Product)))
	return c.render(v, http.StatusOK, "my_app.html", page{Title: a.Name, Section: "my", Data: map[string]any{"App": a, "Agreement": mine}})
}
