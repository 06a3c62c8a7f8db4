package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/manifest"
)

// pageLink is a page of an app here, for products whose own pages have no place for it.
type pageLink struct {
	URL, Title string
	Admins     bool // for the site's admins alone
	kind       string
	key        string
}

// pagesOf are the pages of an installation that the person may open.
func (c *Console) pagesOf(v *visit, i *install.Installation) ([]pageLink, error) {
	product, err := c.Tenancy.ProductByKeyOrAlias(v.ctx(), string(i.Product))
	if err != nil || !product.HasPages() {
		return nil, err
	}
	m, err := c.Registry.Manifest(v.ctx(), i.Version)
	if err != nil {
		return nil, err
	}
	site, err := c.Tenancy.SiteByID(v.ctx(), i.Site)
	if err != nil {
		return nil, err
	}
	var out []pageLink
	for _, u := range m.UIModules() {
		at := slices.IndexFunc(product.Modules, func(t tenancy.ModuleType) bool {
			return t.InPlatform() && (t.Type == u.Type || slices.Contains(t.Aliases, u.Type))
		})
		if at < 0 {
			continue
		}
		link := pageLink{Title: c.pageTitle(v, i.Version, u), Admins: product.Modules[at].Show == tenancy.ShowAdminPage, kind: product.Modules[at].Type, key: u.Key,
			URL: "/site/" + url.PathEscape(site.Name) + "/app/" + url.PathEscape(string(i.ID)) + "/" + url.PathEscape(u.Key)}
		if !link.Admins || v.session.Admin {
			out = append(out, link)
		}
	}
	return out, nil
}

func (c *Console) pageTitle(v *visit, version id.Version, u manifest.Module) string {
	for _, t := range []manifest.Text{u.Title, u.Name} {
		text := t.Text
		if t.I18n != "" {
			text = c.Registry.Text(v.ctx(), version, v.session.Locale, t.I18n)
		}
		if text = quote.Line(text, 120); text != "" {
			return text
		}
	}
	return quote.Line(u.Key, 120)
}

// pageAt is the page that the path names, if it is of the person's own site and product.
func (c *Console) pageAt(v *visit) (install.Installation, pageLink, error) {
	unknown := fault.New(fault.NotFound, "NO_PAGE", "there is no such page here, or its app was uninstalled").WithFix("open it from My apps")
	site, err := c.Tenancy.SiteByID(v.ctx(), v.session.Site)
	if err != nil {
		return install.Installation{}, pageLink{}, err
	}
	if name := v.PathValue("site"); name != site.Name && name != string(site.ID) {
		return install.Installation{}, pageLink{}, unknown
	}
	i, err := c.myInstallation(v)
	if err != nil {
		return install.Installation{}, pageLink{}, err
	}
	all, err := c.pagesOf(v, &i)
	if err != nil {
		return install.Installation{}, pageLink{}, err
	}
	at := slices.IndexFunc(all, func(p pageLink) bool { return p.key == v.PathValue("module") })
	if at < 0 {
		return install.Installation{}, pageLink{}, unknown
	}
	return i, all[at], nil
}

// showPage shows an app's page. The frame in it is of the platform's shell, which holds the
// app's own origin and nothing of this page; it is handed a ticket in place of what a
// product would sign.
func (c *Console) showPage(v *visit) error {
	i, p, err := c.pageAt(v)
	if err != nil {
		return err
	}
	if p.Admins {
		if _, ok, stale := v.session.Viewer(c.Now()); stale {
			http.Redirect(v.w, v.Request, "/sign-in?product="+url.QueryEscape(string(v.session.Product))+"&next="+url.QueryEscape(v.URL.RequestURI()), http.StatusSeeOther)
			return nil
		} else if !ok {
			return fault.New(fault.Denied, "ADMIN_REQUIRED", "this page is for admins of the site").WithFix("your own apps are under My apps")
		}
	}
	token, err := c.pageToken(v, &i, p)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Security-Policy", pagePolicy)
	return c.render(v, http.StatusOK, "page.html", page{Title: p.Title, Section: "my", Data: map[string]any{"App": c.view(v, i), "Page": p, "Token": token}})
}

// pagePolicy is that of the other pages, and lets in the shell's frame and the page's own question.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// renewPage gives the page another ticket before its session is over.
func (c *Console) renewPage(v *visit) error {
	i, p, err := c.pageAt(v)
	if err != nil {
		return err
	}
	if _, ok, _ := v.session.Viewer(c.Now()); p.Admins && !ok {
		return fault.New(fault.Denied, "ASK_AGAIN", "it is a while since the product said that you are an admin").WithFix("open the page again")
	}
	token, err := c.pageToken(v, &i, p)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = v.w.Write([]byte(token))
	return err
}

func (c *Console) pageToken(v *visit, i *install.Installation, p pageLink) (string, error) {
	extension, err := json.Marshal(map[string]any{"type": p.kind})
	if err != nil {
		return "", err
	}
	return c.Sessions.PageToken(v.ctx(), v.session, session.Page{Type: p.kind, Module: string(i.ID) + "/" + p.key, Extension: extension})
}
