package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/provider"
)

func providerView(c provider.Configured) map[string]any {
	filledBy := "developer"
	if c.OfSite {
		filledBy = "site-admin"
	}
	if c.OfKeys {
		filledBy = "user"
	}
	return map[string]any{"key": c.Key, "name": c.Name, "type": cmp.Or(c.Type, "oauth2"), "filledBy": filledBy, "clientId": c.ClientID, "redirectUri": c.RedirectURI, "secret": c.Secret}
}

func (a *API) listProviders(w http.ResponseWriter, r *request) error {
	all, err := a.Providers.Providers(r.ctx(), r.caller, r.app(), r.PathValue("environment"))
	if err != nil {
		return err
	}
	out := []any{}
	for _, c := range all {
		out = append(out, providerView(c))
	}
	writeJSON(w, http.StatusOK, map[string]any{"providers": out})
	return nil
}

func (a *API) configureProvider(w http.ResponseWriter, r *request) error {
	var in struct {
		Secret string `json:"secret"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.Secret == "" {
		return fault.New(fault.Usage, "MISSING", "secret is missing")
	}
	c, err := a.Providers.Configure(r.ctx(), r.caller, r.app(), r.PathValue("environment"), r.PathValue("key"), in.Secret)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, providerView(c))
	return nil
}

// siteProviderJSON is a provider whose credential a site's admin gives.
type siteProviderJSON struct {
	Key    string     `json:"key"`
	Name   string     `json:"name"`
	Type   string     `json:"type"`
	Sends  []string   `json:"sends"`
	Given  bool       `json:"given"`
	Client string     `json:"client,omitempty"`
	By     string     `json:"by,omitempty"`
	ByName string     `json:"byName,omitempty"`
	At     *time.Time `json:"at,omitempty"`
}

func (a *API) siteProviderView(ctx context.Context, k provider.SiteKey) siteProviderJSON {
	out := siteProviderJSON{Key: k.Key, Name: k.Name, Type: k.Type, Sends: k.Sends, Given: k.Given, Client: k.Client, By: k.By}
	if k.Given {
		out.At, out.ByName = &k.At, a.Accounts.NameOf(ctx, k.By)
	}
	return out
}

func (a *API) listSiteProviders(w http.ResponseWriter, r *request) error {
	all, err := a.Providers.SiteKeys(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	out := []siteProviderJSON{}
	for _, k := range all {
		out = append(out, a.siteProviderView(r.ctx(), k))
	}
	writeJSON(w, http.StatusOK, map[string]any{"providers": out})
	return nil
}

func (a *API) giveProviderCredential(w http.ResponseWriter, r *request) error {
	var in struct {
		Sends  []string `json:"sends"`
		Client string   `json:"client"`
		Secret string   `json:"secret"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("secret", in.Secret); err != nil {
		return err
	}
	if len(in.Sends) == 0 {
		return fault.New(fault.Usage, "MISSING", "sends is missing").WithFix("give the origins of the list that you looked at")
	}
	k, err := a.Providers.GiveSiteKey(r.ctx(), r.caller, r.installation(), r.PathValue("key"), provider.SiteCredential{Sends: in.Sends, Client: in.Client, Secret: in.Secret})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, a.siteProviderView(r.ctx(), k))
	return nil
}

func (a *API) takeProviderCredential(w http.ResponseWriter, r *request) error {
	if err := a.Providers.TakeSiteKey(r.ctx(), r.caller, r.installation(), r.PathValue("key")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
