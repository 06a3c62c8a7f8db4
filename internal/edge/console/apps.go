package console

import (
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/install"
)

// app is an installation as its site's admin reads it.
type app struct {
	ID                 id.Install
	Name, Developer    string
	Environment        string
	Production         bool
	Product            string
	Number, Waiting    string
	State, StateText   string
	Signal             signal
	Installed          time.Time
	InstalledBy        string
	Permissions        []lineSection
	Agreed             bool // by the person who looks at it
	Pages              []pageLink
	installation       install.Installation
	DevelopmentWarning string
}

func (c *Console) view(v *visit, i install.Installation) app {
	ctx := v.ctx()
	out := app{
		ID: i.ID, Name: c.appName(ctx, i.App), Developer: c.accountName(ctx, i.Owner), Environment: quote.Line(i.EnvName, 60),
		Production: i.EnvType == call.Production, Product: c.productName(ctx, i.Product), Number: i.Number, Waiting: i.WaitingNumber,
		Signal: c.signal(v, &i), Installed: i.Installed, InstalledBy: c.person(ctx, i.InstalledBy), installation: i,
	}
	out.State, out.StateText = stateOf(&i)
	if !out.Production {
		out.DevelopmentWarning = install.DevelopmentWarning
	}
	return out
}

func stateOf(i *install.Installation) (word, text string) {
	switch {
	case i.Held != nil && i.Held.Stopped:
		return "Stopped", "A backup was restored that had it installed. It stands still until you confirm what it may do."
	case i.Suspended:
		return "Suspended", "It stands still: this site takes no development apps at present."
	case i.Held != nil:
		return "Narrowed", "A backup was restored. Until you confirm, it may do what was allowed both before and after."
	case i.Waiting != "":
		return "Update waits", "A new version asks for more. The present one goes on until you decide."
	}
	return "Running", ""
}

func (c *Console) appName(ctx context.Context, a id.App) string {
	x, err := c.Registry.App(ctx, a)
	if err != nil || quote.Line(x.Name, 60) == "" {
		return string(a)
	}
	return quote.Line(x.Name, 60)
}

func (c *Console) accountName(ctx context.Context, a id.Account) string {
	x, err := c.Accounts.AccountByID(ctx, a)
	if err != nil {
		return "unknown"
	}
	return quote.Line(x.Name, 60)
}

func (c *Console) productName(ctx context.Context, p id.Product) string {
	x, err := c.Tenancy.ProductByKeyOrAlias(ctx, string(p))
	if err != nil {
		return string(p)
	}
	return quote.Line(x.Name, 60)
}

func (c *Console) words(ctx context.Context, p id.Product) perm.Words {
	w, err := c.Tenancy.Words(ctx, p)
	if err != nil {
		return nil
	}
	return w
}

// viewer is the admin whose page it is; the routes are for admins only.
func (c *Console) viewer(v *visit) (id.Principal, error) {
	p, ok, _ := v.session.Viewer(c.Now())
	if !ok {
		return id.Principal{}, fault.New(fault.Denied, "ADMIN_REQUIRED", "this page is for admins of the site")
	}
	return p, nil
}

// listed are the site's installations on the product that the admin comes from: another
// product's admins are others.
func (c *Console) listed(v *visit) ([]install.Installation, error) {
	p, err := c.viewer(v)
	if err != nil {
		return nil, err
	}
	all, err := c.Installs.List(v.ctx(), p, install.Filter{Site: v.session.Site})
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, i := range all {
		if i.Product == v.session.Product {
			out = append(out, i)
		}
	}
	return out, nil
}

// request is what a developer asks an admin to install.
type request struct {
	ID, Name, Environment, By string
	At                        time.Time
	target                    install.Target
}

func (c *Console) requests(v *visit) ([]request, error) {
	p, err := c.viewer(v)
	if err != nil {
		return nil, err
	}
	all, err := c.Installs.Requests(v.ctx(), p)
	if err != nil {
		return nil, err
	}
	var out []request
	for _, x := range all {
		if x.Target.Product == v.session.Product {
			out = append(out, request{ID: x.ID, Name: c.appName(v.ctx(), x.Target.App), Environment: quote.Line(x.Target.Environment, 60),
				By: c.accountName(v.ctx(), x.RequestedBy), At: x.RequestedAt, target: x.Target})
		}
	}
	return out, nil
}

func (c *Console) listApps(v *visit) error {
	all, err := c.listed(v)
	if err != nil {
		return err
	}
	asked, err := c.requests(v)
	if err != nil {
		return err
	}
	ended, err := c.leftOn(v)
	if err != nil {
		return err
	}
	waiting, rest := []app{}, []app{}
	for _, i := range all {
		a := c.view(v, i)
		if a.Waiting != "" || i.Held != nil {
			waiting = append(waiting, a)
		} else {
			rest = append(rest, a)
		}
	}
	return c.render(v, http.StatusOK, "apps.html", page{Title: "Connected apps", Section: "apps",
		Data: map[string]any{"Waiting": waiting, "Apps": rest, "Requests": asked, "Left": ended}})
}

// installation is the one that the path names, if it is on the admin's own site and product.
func (c *Console) installation(v *visit) (install.Installation, error) {
	all, err := c.listed(v)
	if err != nil {
		return install.Installation{}, err
	}
	for _, i := range all {
		if string(i.ID) == v.PathValue("installation") {
			return i, nil
		}
	}
	return install.Installation{}, fault.New(fault.NotFound, "NOT_INSTALLED", "there is no such app on this site, or it was uninstalled")
}

func (c *Console) showApp(v *visit) error {
	i, err := c.installation(v)
	if err != nil {
		return err
	}
	a := c.view(v, i)
	words := c.words(v.ctx(), i.Product)
	a.Permissions = lineSections(perm.Describe(i.Effective(), words))
	withheld := perm.Describe(perm.Diff(i.Granted, i.Declared), words)
	data := map[string]any{"App": a, "Withheld": withheld, "Types": egressChoices()}
	if i.EnvType == call.Development && c.Tunnels != nil {
		open, err := c.Tunnels(v.ctx(), i.Environment, i.ID)
		if err != nil {
			return err
		}
		type tunnel struct {
			Developer string
			Users     []string
		}
		var whose []tunnel
		for _, t := range open {
			one := tunnel{Developer: c.accountName(v.ctx(), t.Account)}
			for _, u := range t.Users {
				one.Users = append(one.Users, quote.Line(string(u), 60))
			}
			whose = append(whose, one)
		}
		data["Tunnels"] = whose
	}
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	d, err := c.Installs.Detail(v.ctx(), p, i.ID)
	if err != nil {
		return err
	}
	data["Pinned"], data["Hash"] = d.Installation.Pinned, d.Installation.Hash
	type configured struct {
		Type perm.EgressType
		Host string
		Line perm.Line
		By   string
		At   time.Time
	}
	var added []configured
	for _, x := range d.Installation.Configured {
		lines := perm.Describe(perm.Set{Egress: []perm.Egress{{Type: x.Type, Pattern: x.Pattern, InScopeEUD: true}}}, words)
		if len(lines) > 0 {
			added = append(added, configured{x.Type, x.Pattern.String(), lines[0], c.person(v.ctx(), x.By), x.At})
		}
	}
	data["Configured"], data["Configurable"] = added, perm.Intersect(i.Granted, i.Declared).Configurable != nil
	type past struct {
		Version  id.Version
		Number   string
		Last     time.Time
		Declined bool
		Current  bool
	}
	var versions []past
	for _, x := range d.Past {
		versions = append(versions, past{x.Version, x.Number, x.Last, x.Declined, x.Version == i.Version})
	}
	data["Versions"] = versions
	scope, err := tenant.ForInstall(p, i.Site, i.ID)
	if err != nil {
		return err
	}
	all, err := c.Consents.OfInstallation(v.ctx(), scope)
	if err != nil {
		return err
	}
	var agreements []agreement
	for _, x := range all {
		if x.Product == v.session.Product {
			agreements = append(agreements, agreement{x.User, x.Given, lineSections(perm.Describe(x.Agreed, words))})
		}
	}
	data["Agreements"] = agreements
	if i.EnvType == call.Development {
		if data["Carried"], err = c.carriedOn(v, scope); err != nil {
			return err
		}
	}
	if data["Logs"], err = c.sharingOf(v.ctx(), p, i, a.Production); err != nil {
		return err
	}
	if data["Hints"], data["Silent"], err = c.hintsOf(v.ctx(), scope, i, words); err != nil {
		return err
	}
	if data["Blocked"], err = c.blockedOf(v.ctx(), scope, i); err != nil {
		return err
	}
	data["Times"] = shareTimes
	return c.render(v, http.StatusOK, "app.html", page{Title: a.Name, Section: "apps", Data: data})
}

// egressChoice is a way of leaving as an admin chooses it.
type egressChoice struct {
	Type perm.EgressType
	Name string
}

func egressChoices() []egressChoice {
	return []egressChoice{
		{perm.Backend, "Its functions send data there"}, {perm.Client, "Its pages send data there"}, {perm.Images, "Its pages load images from there"},
		{perm.Media, "Its pages load sound and video from there"}, {perm.Fonts, "Its pages load fonts from there"}, {perm.Styles, "Its pages take style sheets from there"},
		{perm.Scripts, "Its pages run code from there"}, {perm.Frames, "Its pages embed pages from there"},
	}
}

func targetOf(i install.Installation) install.Target {
	return install.Target{App: i.App, Environment: i.EnvName, Site: i.Site, Product: i.Product}
}

// review shows what a decision would grant, thing by thing.
type review struct {
	Name, Developer, Environment string
	Product, Number, Have        string
	Action                       string // where the form goes
	Digest                       string
	Version                      id.Version
	Sections                     []section
	Growth                       int
	Gone                         []perm.Line
	Update, Restored             bool
	DevelopmentWarning           string
	Back                         string
	Signal                       signal // if all of it is allowed
}

func (c *Console) reviewOf(v *visit, t install.Target, version id.Version, have *install.Installation) (review, error) {
	p, err := c.viewer(v)
	if err != nil {
		return review{}, err
	}
	shown, err := c.Installs.PreviewOf(v.ctx(), p, t, version)
	if err != nil {
		return review{}, err
	}
	words := c.words(v.ctx(), t.Product)
	out := review{
		Name: c.appName(v.ctx(), t.App), Developer: c.accountName(v.ctx(), shown.Release.Owner), Environment: quote.Line(t.Environment, 60),
		Product: c.productName(v.ctx(), t.Product), Number: shown.Release.Number, Digest: shown.Digest, Version: version,
		DevelopmentWarning: shown.DevelopmentWarning, Restored: shown.Restored, Back: "/apps",
	}
	says, err := c.Outflow.SignalOf(v.ctx(), t.Product, shown.Release.EnvType, shown.Effective)
	if err != nil {
		return review{}, err
	}
	out.Signal = signalText(says)
	granted := perm.Set{}
	if have != nil {
		// What an admin refused is not new; it stays unticked.
		granted, out.Have = perm.Union(have.Granted, have.Declared), have.Number
		out.Update = shown.Waiting
		out.Back = "/apps/" + string(have.ID)
		out.Gone = perm.Describe(perm.Diff(shown.Proposed, have.Granted), words)
	}
	items := itemsOf(shown.Declared, words)
	for n := range items {
		items[n].New = have != nil && !perm.Covers(granted, items[n].Set)
		items[n].On = perm.Covers(shown.Proposed, items[n].Set)
		if items[n].Wild && !items[n].On {
			items[n].Hosts = items[n].narrower(shown.Proposed)
			items[n].On = items[n].Hosts != ""
		}
		if len(items[n].Set.Remotes) > 0 { // in words: where it is on this site
			items[n].Line = perm.Describe(perm.Located(items[n].Set, shown.Effective), words)[0]
		}
		if items[n].New && items[n].On {
			out.Growth++
		}
	}
	out.Sections = sections(items)
	return out, nil
}

func (c *Console) reviewApp(v *visit) error {
	i, err := c.installation(v)
	if err != nil {
		return err
	}
	out, err := c.reviewOf(v, targetOf(i), id.Version(v.URL.Query().Get("version")), &i)
	if err != nil {
		return err
	}
	out.Action = "/apps/" + string(i.ID) + "/propose"
	return c.render(v, http.StatusOK, "review.html", page{Title: "Review " + out.Name, Section: "apps", Data: out})
}

// asked is the request that the path names.
func (c *Console) asked(v *visit) (request, error) {
	all, err := c.requests(v)
	if err != nil {
		return request{}, err
	}
	for _, x := range all {
		if x.ID == v.PathValue("request") {
			return x, nil
		}
	}
	return request{}, fault.New(fault.NotFound, "NO_REQUEST", "there is no such request, or it was decided meanwhile")
}

func (c *Console) reviewRequest(v *visit) error {
	x, err := c.asked(v)
	if err != nil {
		return err
	}
	out, err := c.reviewOf(v, x.target, "", nil)
	if err != nil {
		return err
	}
	out.Action = "/requests/" + x.ID + "/propose"
	return c.render(v, http.StatusOK, "review.html", page{Title: "Install " + out.Name, Section: "apps", Data: out})
}
