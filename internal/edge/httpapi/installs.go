package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
)

// target is where an app is, or is to be, installed, by the names that people use.
type target struct {
	App         id.App `json:"app"`
	Environment string `json:"environment"`
	Site        string `json:"site"`
	Product     string `json:"product"`
}

// resolve turns names into ids.
func (a *API) resolve(ctx context.Context, t target) (install.Target, error) {
	if err := required("app", string(t.App), "environment", t.Environment, "site", t.Site, "product", t.Product); err != nil {
		return install.Target{}, err
	}
	s, err := a.site(ctx, t.Site)
	if err != nil {
		return install.Target{}, err
	}
	p, err := a.Tenancy.ProductByKeyOrAlias(ctx, t.Product)
	if err != nil {
		return install.Target{}, err
	}
	return install.Target{App: t.App, Environment: t.Environment, Site: s.ID, Product: p.Key}, nil
}

// queried is the target that a request names in its query.
func (a *API) queried(r *request) (install.Target, error) {
	q := r.URL.Query()
	return a.resolve(r.ctx(), target{App: id.App(q.Get("app")), Environment: q.Get("environment"), Site: q.Get("site"), Product: q.Get("product")})
}

func (a *API) previewInstallation(w http.ResponseWriter, r *request) error {
	var in struct {
		target
		Version id.Version `json:"version"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	t, err := a.resolve(r.ctx(), in.target)
	if err != nil {
		return err
	}
	return a.writePreview(w, r, t, in.Version)
}

// reviewInstallation is a preview of what is installed, named by its id: what approving
// the version that waits, or going back to another one, would grant.
func (a *API) reviewInstallation(w http.ResponseWriter, r *request) error {
	t, err := a.Installs.TargetOf(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	return a.writePreview(w, r, t, id.Version(r.URL.Query().Get("version")))
}

func (r *request) installation() id.Install { return id.Install(r.PathValue("installation")) }

func (a *API) writePreview(w http.ResponseWriter, r *request, t install.Target, version id.Version) error {
	p, err := a.Installs.PreviewOf(r.ctx(), r.caller, t, version)
	if err != nil {
		return err
	}
	words, err := a.Installs.ProductWords(r.ctx(), t.Product)
	if err != nil {
		return err
	}
	signal, err := a.Outflow.SignalOf(r.ctx(), t.Product, p.Release.EnvType, p.Effective)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"signal": signal, "app": p.Release.App, "appName": a.appName(r.ctx(), p.Release.App), "environment": p.Release.EnvName, "environmentType": p.Release.EnvType,
		"site": a.siteName(r.ctx(), t.Site), "product": t.Product, "version": p.Release.Version, "number": p.Release.Number,
		"declared": p.Declared, "words": lines(p.Words), "growth": lines(p.Growth), "digest": p.Digest,
		"installation": p.Installation, "developmentWarning": p.DevelopmentWarning, "restored": p.Restored,
		"hash": p.Release.Hash, "back": p.Back, "handover": a.handoverView(r.ctx(), p.Handover), "pieces": pieces(p.Proposed, words),
	})
	return nil
}

// install installs for a site's admin. A developer's wish is filed; the answer is the
// refusal of kind "waiting", with its own status.
func (a *API) install(w http.ResponseWriter, r *request) error {
	var in struct {
		target
		confirmation
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	t, err := a.resolve(r.ctx(), in.target)
	if err != nil {
		return err
	}
	if r.caller.Kind == id.Developer {
		return a.Installs.Request(r.ctx(), r.caller, t)
	}
	if err := in.bound(); err != nil {
		return err
	}
	out, err := a.Installs.Install(r.ctx(), r.caller, t, in.confirmed())
	if err != nil {
		return err
	}
	status := http.StatusOK
	if out.Created {
		status = http.StatusCreated
	}
	writeJSON(w, status, a.installationView(r.ctx(), r.caller, out.Installation, map[id.App]string{}))
	return nil
}

// confirmation is an admin's decision about what was shown.
type confirmation struct {
	Digest             string              `json:"digest"`
	ConfirmDevelopment bool                `json:"confirmDevelopment"`
	Version            id.Version          `json:"version"`
	Grant              *perm.Set           `json:"grant"`
	Without            []string            `json:"without"`
	Replace            map[string][]string `json:"replace"`
}

// bound demands the digest of what was shown.
func (c confirmation) bound() error {
	if c.Digest == "" {
		return fault.New(fault.Usage, "DIGEST_REQUIRED", "an installation is confirmed by the digest of what was shown").
			WithFix("ask for the preview, show it, and send its digest")
	}
	return nil
}

func (c confirmation) confirmed() install.Confirmation {
	return install.Confirmation{Digest: c.Digest, Grant: c.Grant, Development: c.ConfirmDevelopment, Version: c.Version, Without: c.Without, Replace: c.Replace}
}

type installationJSON struct {
	ID            id.Install `json:"id"`
	App           id.App     `json:"app"`
	AppName       string     `json:"appName"`
	Environment   string     `json:"environment"`
	Site          string     `json:"site"`
	Product       id.Product `json:"product"`
	Version       id.Version `json:"version"`
	Number        string     `json:"number"`
	WaitingNumber string     `json:"waitingNumber,omitempty"`
	WaitingReason string     `json:"waitingReason,omitempty"`
	WaitingDue    *time.Time `json:"waitingDue,omitempty"`
	Asks          bool       `json:"asks,omitempty"`
	Pinned        bool       `json:"pinned,omitempty"`
	State         string     `json:"state"`
	InstalledAt   time.Time  `json:"installedAt"`
	InstalledBy   string     `json:"installedBy,omitempty"`
	Granted       *perm.Set  `json:"granted,omitempty"`
}

// siteOnly reports whether what an installation's admins decided is kept from the
// caller: in production the developer learns neither hosts that they chose nor what they
// took away.
func siteOnly(p id.Principal, i install.Installation) bool {
	return p.Kind == id.Developer && i.EnvType == call.Production
}

func (a *API) installationView(ctx context.Context, p id.Principal, i install.Installation, names map[id.App]string) installationJSON {
	if _, known := names[i.App]; !known {
		names[i.App] = a.appName(ctx, i.App)
	}
	out := installationJSON{
		ID: i.ID, App: i.App, AppName: names[i.App], Environment: i.EnvName, Site: a.siteName(ctx, i.Site), Product: i.Product,
		Version: i.Version, Number: i.Number, WaitingNumber: i.WaitingNumber, State: stateOf(i),
		WaitingReason: string(i.WaitingReason), Asks: !perm.Empty(i.Asks()), Pinned: i.Pinned,
		InstalledAt: i.Installed.UTC(), InstalledBy: i.InstalledBy,
	}
	if !i.WaitingDue.IsZero() {
		due := i.WaitingDue.UTC()
		out.WaitingDue = &due
	}
	if !siteOnly(p, i) {
		out.Granted = &i.Granted
	}
	return out
}

// stateOf says whether an installation runs. "narrowed" runs with less than a restored
// backup had granted, "stopped" not at all, until the site's admin confirms; "handed
// over" not until an admin confirms the app's new owner; "blocked" not until an operator
// lifts the app's suspension.
func stateOf(i install.Installation) string {
	switch {
	case i.Blocked != "":
		return "blocked"
	case i.Held != nil && i.Held.Stopped:
		return "stopped"
	case i.Handover != nil:
		return "handed over"
	case i.Suspended:
		return "suspended"
	case i.Held != nil:
		return "narrowed"
	}
	return "running"
}

func (a *API) listInstallations(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	f := install.Filter{App: id.App(q.Get("app")), Environment: q.Get("environment")}
	if q.Get("site") != "" {
		s, err := a.site(r.ctx(), q.Get("site"))
		if err != nil {
			return err
		}
		f.Site = s.ID
	}
	all, err := a.Installs.List(r.ctx(), r.caller, f)
	if err != nil {
		return err
	}
	out, names := []installationJSON{}, map[id.App]string{}
	for _, i := range all {
		out = append(out, a.installationView(r.ctx(), r.caller, i, names))
	}
	writeJSON(w, http.StatusOK, map[string]any{"installations": out})
	return nil
}

func (a *API) uninstall(w http.ResponseWriter, r *request) error {
	install := id.Install(r.PathValue("installation"))
	erase, err := r.flag("erase")
	if err != nil {
		return err
	}
	now, err := r.flag("now")
	if err != nil {
		return err
	}
	end := a.Installs.Uninstall
	if now {
		end = a.Installs.UninstallNow
	}
	err = end(r.ctx(), r.caller, install)
	if erase && (err == nil || fault.KindOf(err) == fault.NotFound) { // it may have ended before
		err = a.Erasures.AtOnce(r.ctx(), r.caller, install)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) listInstallationRequests(w http.ResponseWriter, r *request) error {
	all, err := a.Installs.Requests(r.ctx(), r.caller)
	if err != nil {
		return err
	}
	out := []any{}
	for _, x := range all {
		by := string(x.RequestedBy)
		if acc, err := a.Accounts.AccountByID(r.ctx(), x.RequestedBy); err == nil {
			by = acc.Name
		}
		out = append(out, map[string]any{
			"id": x.ID, "app": x.Target.App, "appName": a.appName(r.ctx(), x.Target.App), "environment": x.Target.Environment,
			"site": a.siteName(r.ctx(), x.Target.Site), "product": x.Target.Product, "requestedBy": by, "requestedAt": x.RequestedAt.UTC(),
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"requests": out})
	return nil
}
