package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
)

type accessRuleJSON struct {
	ID        string     `json:"id"`
	Product   id.Product `json:"product"`
	Type      string     `json:"type"`
	Container string     `json:"container"`
	App       id.App     `json:"app,omitempty"`
	By        string     `json:"by"`
	ByName    string     `json:"byName"`
	At        time.Time  `json:"at"`
}

func (a *API) accessRuleView(ctx context.Context, r install.AccessRule) accessRuleJSON {
	return accessRuleJSON{ID: r.ID, Product: r.Product, Type: r.Container.Type, Container: r.Container.ID, App: r.App, By: r.By, ByName: a.Accounts.NameOf(ctx, r.By), At: r.At}
}

func (a *API) listAccessRules(w http.ResponseWriter, r *request) error {
	site, err := a.siteOf(r)
	if err != nil {
		return err
	}
	all, err := a.Installs.AccessRules(r.ctx(), r.caller, site)
	if err != nil {
		return err
	}
	out := []accessRuleJSON{}
	for _, x := range all {
		out = append(out, a.accessRuleView(r.ctx(), x))
	}
	writeJSON(w, http.StatusOK, map[string]any{"rules": out})
	return nil
}

func (a *API) addAccessRule(w http.ResponseWriter, r *request) error {
	var in struct {
		Product   string `json:"product"`
		Type      string `json:"type"`
		Container string `json:"container"`
		App       string `json:"app"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("product", in.Product, "type", in.Type, "container", in.Container); err != nil {
		return err
	}
	site, err := a.siteOf(r)
	if err != nil {
		return err
	}
	product, err := a.Tenancy.ProductByKeyOrAlias(r.ctx(), in.Product)
	if err != nil {
		return err
	}
	rule, err := a.Installs.Block(r.ctx(), r.caller, install.AccessRule{Site: site, Product: product.Key, App: id.App(in.App),
		Container: call.Container{Type: in.Type, ID: in.Container}})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, a.accessRuleView(r.ctx(), rule))
	return nil
}

func (a *API) removeAccessRule(w http.ResponseWriter, r *request) error {
	site, err := a.siteOf(r)
	if err != nil {
		return err
	}
	if err := a.Installs.Unblock(r.ctx(), r.caller, site, r.PathValue("rule")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
