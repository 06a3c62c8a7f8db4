package httpapi

import (
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/provider"
)

func providerView(c provider.Configured) map[string]any {
	return map[string]any{"key": c.Key, "name": c.Name, "clientId": c.ClientID, "redirectUri": c.RedirectURI, "secret": c.Secret}
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
