package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

func (a *API) listProducts(w http.ResponseWriter, r *request) error {
	all, err := a.Tenancy.Products(r.ctx())
	if err != nil {
		return err
	}
	with := r.URL.Query().Get("operations")
	if with != "" && with != "true" && with != "false" {
		return fault.New(fault.Usage, "BAD_OPERATIONS", "operations is true or false")
	}
	out := []any{}
	for i := range all {
		view := productView(&all[i])
		if with == "true" {
			api, err := a.Tenancy.API(r.ctx(), all[i].Key)
			if err != nil {
				return err
			}
			view["operations"] = operationsView(api)
			view["events"] = eventsView(all[i].Events)
		}
		out = append(out, view)
	}
	writeJSON(w, http.StatusOK, map[string]any{"products": out})
	return nil
}

type operationJSON struct {
	Method string     `json:"method"`
	Path   string     `json:"path"`
	Scopes [][]string `json:"scopes,omitempty"`
	Closed bool       `json:"closed,omitempty"`
	// Contacts says that the product itself then sends to a host that the request names.
	Contacts bool `json:"contacts,omitempty"`
}

func operationsView(api *tenancy.API) []operationJSON {
	out := []operationJSON{}
	for _, op := range api.Table.Operations() {
		view := operationJSON{Method: op.Method, Path: op.Template, Closed: op.Closed != "", Contacts: len(op.Egress) > 0}
		if !view.Closed {
			view.Scopes = op.Scopes
		}
		out = append(out, view)
	}
	return out
}

type eventJSON struct {
	Names  []string `json:"names"`
	Scope  string   `json:"scope,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
}

// eventsView gives events by all their names, with the scope without which an app is not told,
// and every scope that something of them needs.
func eventsView(events []tenancy.Event) []eventJSON {
	out := []eventJSON{}
	for _, e := range events {
		view := eventJSON{Names: append([]string{e.Type}, e.Aliases...), Scope: e.Scope}
		for _, s := range append([]string{e.Scope}, slices.Sorted(maps.Values(e.Fields))...) {
			if s != "" && !slices.Contains(view.Scopes, s) {
				view.Scopes = append(view.Scopes, s)
			}
		}
		out = append(out, view)
	}
	return out
}

func productView(p *tenancy.Product) map[string]any {
	type mod struct {
		Type    string   `json:"type"`
		Aliases []string `json:"aliases,omitempty"`
	}
	modules, scopes := []mod{}, []map[string]string{}
	for _, m := range p.Modules {
		modules = append(modules, mod{m.Type, m.Aliases})
	}
	for _, s := range p.Scopes {
		scopes = append(scopes, map[string]string{"name": s.Name, "title": s.Title, "detail": s.Data, "access": s.Access, "risk": s.Risk})
	}
	return map[string]any{"key": p.Key, "name": p.Name, "aliases": orEmpty(p.Aliases), "modules": modules, "scopes": scopes}
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

type siteJSON struct {
	ID              id.Site  `json:"id"`
	Name            string   `json:"name"`
	Products        []string `json:"products"`
	DevelopmentApps bool     `json:"developmentApps"`
	Updates         string   `json:"updates"`
}

func siteView(s tenancy.Site) siteJSON {
	out := siteJSON{ID: s.ID, Name: s.Name, Products: []string{}, DevelopmentApps: s.AllowDevelopment, Updates: s.Updates.String()}
	for _, p := range s.Products {
		out.Products = append(out.Products, string(p))
	}
	return out
}

// listSites shows an admin the own site and a developer those that run the own apps.
func (a *API) listSites(w http.ResponseWriter, r *request) error {
	out := []siteJSON{}
	if r.caller.Kind == id.Developer {
		all, err := a.Installs.List(r.ctx(), r.caller, install.Filter{})
		if err != nil {
			return err
		}
		seen := map[id.Site]bool{}
		for _, i := range all {
			if seen[i.Site] {
				continue
			}
			seen[i.Site] = true
			s, err := a.Tenancy.SiteByID(r.ctx(), i.Site)
			if err != nil {
				return err
			}
			out = append(out, siteView(s))
		}
	} else {
		all, err := a.Tenancy.Sites(r.ctx(), r.caller)
		if err != nil {
			return err
		}
		for _, s := range all {
			out = append(out, siteView(s))
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"sites": out})
	return nil
}

func (a *API) addSite(w http.ResponseWriter, r *request) error {
	var in struct {
		Name            string   `json:"name"`
		Products        []string `json:"products"`
		DevelopmentApps bool     `json:"developmentApps"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	products, err := a.productKeys(r.ctx(), in.Products)
	if err != nil {
		return err
	}
	add := tenancy.NewSite{Name: in.Name, Products: products, AllowDevelopment: in.DevelopmentApps}
	s, err := a.Tenancy.AddSite(r.ctx(), r.caller, add)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, siteView(s))
	return nil
}

// productKeys are the keys of products named by key or alias, each once.
func (a *API) productKeys(ctx context.Context, names []string) ([]id.Product, error) {
	var keys []id.Product
	for _, name := range names {
		p, err := a.Tenancy.ProductByKeyOrAlias(ctx, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(keys, p.Key) {
			keys = append(keys, p.Key)
		}
	}
	return keys, nil
}

func (a *API) updateSite(w http.ResponseWriter, r *request) error {
	var in struct {
		DevelopmentApps *bool    `json:"developmentApps"`
		Updates         *string  `json:"updates"`
		Products        []string `json:"products"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.Products != nil && len(in.Products) == 0 {
		return fault.New(fault.Invalid, "NO_PRODUCT", "a site has at least one product").WithFix("name all products that it is to have")
	}
	if in.DevelopmentApps == nil && in.Updates == nil && in.Products == nil {
		return fault.New(fault.Usage, "MISSING", "developmentApps, updates or products is missing")
	}
	products, err := a.productKeys(r.ctx(), in.Products)
	if err != nil {
		return err
	}
	var updates rollout.Policy
	if in.Updates != nil {
		if updates, err = rollout.Parse(*in.Updates); err != nil {
			return err
		}
	}
	s, err := a.site(r.ctx(), r.PathValue("site"))
	if err != nil {
		return err
	}
	s, err = a.Tenancy.UpdateSite(r.ctx(), r.caller, s.ID, func(s *tenancy.Site) error {
		if in.DevelopmentApps != nil {
			s.AllowDevelopment = *in.DevelopmentApps
		}
		if in.Updates != nil {
			s.Updates = updates
		}
		if len(products) > 0 {
			s.Products = products
		}
		return nil
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, siteView(s))
	return nil
}

func (a *API) removeSite(w http.ResponseWriter, r *request) error {
	s, err := a.site(r.ctx(), r.PathValue("site"))
	if err != nil {
		return err
	}
	ended, err := a.Tenancy.RemoveSite(r.ctx(), r.caller, s.ID)
	if err != nil {
		return err
	}
	a.eraseDue(r.ctx())
	writeJSON(w, http.StatusOK, map[string]any{"site": s.ID, "name": s.Name, "installations": ended.Installations, "tokens": ended.Tokens})
	return nil
}

// eraseFor is how long an answer waits for an erasure; the sweep does what is left.
const eraseFor = 20 * time.Second

// eraseDue erases what a site left, also when its operator does not wait for it.
func (a *API) eraseDue(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseFor)
	defer cancel()
	if _, err := a.Erasures.Due(ctx); err != nil {
		a.Log.WarnContext(ctx, "erasure of what ended installations left goes on with the next sweep", "err", err)
	}
}

// site finds a site by name or id.
func (a *API) site(ctx context.Context, ref string) (tenancy.Site, error) {
	s, err := a.Tenancy.SiteByName(ctx, ref)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		if byID, idErr := a.Tenancy.SiteByID(ctx, id.Site(ref)); idErr == nil {
			return byID, nil
		}
	}
	return s, err
}

// siteName is a site's name for people; its id when it is gone.
func (a *API) siteName(ctx context.Context, site id.Site) string {
	if s, err := a.Tenancy.SiteByID(ctx, site); err == nil {
		return s.Name
	}
	return string(site)
}

func (a *API) setClientSecret(w http.ResponseWriter, r *request) error {
	var in struct {
		Secret string `json:"secret"`
		SignIn bool   `json:"signIn"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	set := a.Linked.SetSecret
	if in.SignIn {
		set = a.Linked.SetSignInSecret
	}
	if err := set(r.ctx(), r.caller, id.Product(r.PathValue("product")), in.Secret); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
