package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/registry"
)

type appJSON struct {
	ID        id.App    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

func appView(x registry.App) appJSON {
	return appJSON{ID: x.ID, Name: x.Name, CreatedAt: x.Created.UTC()}
}

// appName is an app's name for people; its id when it is gone.
func (a *API) appName(ctx context.Context, app id.App) string {
	if x, err := a.Registry.App(ctx, app); err == nil {
		return x.Name
	}
	return string(app)
}

func (a *API) listApps(w http.ResponseWriter, r *request) error {
	all, err := a.Registry.Apps(r.ctx(), r.caller)
	if err != nil {
		return err
	}
	out := []appJSON{}
	for _, x := range all {
		out = append(out, appView(x))
	}
	writeJSON(w, http.StatusOK, map[string]any{"apps": out})
	return nil
}

func (a *API) registerApp(w http.ResponseWriter, r *request) error {
	var in struct {
		Name string `json:"name"`
		ID   id.App `json:"id"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	x, err := a.Registry.RegisterApp(r.ctx(), r.caller, in.Name, in.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, appView(x))
	return nil
}

type environmentJSON struct {
	ID         id.Env     `json:"id"`
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Version    string     `json:"version,omitempty"`
	DeployedAt *time.Time `json:"deployedAt,omitempty"`
}

func environmentView(e registry.Environment) environmentJSON {
	out := environmentJSON{ID: e.ID, Name: e.Name, Type: string(e.Type), Version: e.Number}
	if !e.Deployed.IsZero() {
		at := e.Deployed.UTC()
		out.DeployedAt = &at
	}
	return out
}

func (r *request) app() id.App { return id.App(r.PathValue("app")) }

func (a *API) listEnvironments(w http.ResponseWriter, r *request) error {
	all, err := a.Registry.Environments(r.ctx(), r.caller, r.app())
	if err != nil {
		return err
	}
	out := []environmentJSON{}
	for _, e := range all {
		out = append(out, environmentView(e))
	}
	writeJSON(w, http.StatusOK, map[string]any{"environments": out})
	return nil
}

func (a *API) createEnvironment(w http.ResponseWriter, r *request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	e, err := a.Registry.CreateEnvironment(r.ctx(), r.caller, r.app(), in.Name)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, environmentView(e))
	return nil
}

func (a *API) deleteEnvironment(w http.ResponseWriter, r *request) error {
	if err := a.Registry.DeleteEnvironment(r.ctx(), r.caller, r.app(), r.PathValue("environment")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) listVersions(w http.ResponseWriter, r *request) error {
	all, err := a.Registry.Versions(r.ctx(), r.caller, r.app(), r.PathValue("environment"))
	if err != nil {
		return err
	}
	out := []any{}
	for _, v := range all {
		out = append(out, versionView(v))
	}
	writeJSON(w, http.StatusOK, map[string]any{"versions": out})
	return nil
}

func (a *API) listVariables(w http.ResponseWriter, r *request) error {
	all, err := a.Registry.Variables(r.ctx(), r.caller, r.app(), r.PathValue("environment"))
	if err != nil {
		return err
	}
	out := []any{}
	for _, v := range all {
		x := map[string]any{"key": v.Key, "sealed": v.Sealed, "updatedAt": v.Updated.UTC()}
		if !v.Sealed {
			x["value"] = v.Value
		}
		out = append(out, x)
	}
	writeJSON(w, http.StatusOK, map[string]any{"variables": out})
	return nil
}

func (a *API) setVariable(w http.ResponseWriter, r *request) error {
	var in struct {
		Value  *string `json:"value"`
		Sealed bool    `json:"sealed"`
		Unseal bool    `json:"unseal"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.Value == nil { // "" is a value, nothing is not
		return fault.New(fault.Usage, "MISSING", "value is missing")
	}
	if in.Sealed && in.Unseal {
		return fault.New(fault.Usage, "SEALED_OR_NOT", "sealed and unseal exclude each other").WithFix("keep one of the two")
	}
	app, environment, key := r.app(), r.PathValue("environment"), r.PathValue("key")
	set := func() error {
		return a.Registry.SetVariable(r.ctx(), r.caller, app, environment, key, *in.Value, in.Sealed)
	}
	if in.Unseal {
		set = func() error { return a.Registry.UnsealVariable(r.ctx(), r.caller, app, environment, key, *in.Value) }
	}
	if err := set(); err != nil {
		return err
	}
	a.Changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) unsetVariable(w http.ResponseWriter, r *request) error {
	if err := a.Registry.UnsetVariable(r.ctx(), r.caller, r.app(), r.PathValue("environment"), r.PathValue("key")); err != nil {
		return err
	}
	a.Changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
