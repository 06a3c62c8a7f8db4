package httpapi

import (
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/applog"
)

func (a *API) listOffers(w http.ResponseWriter, r *request) error {
	all, err := a.Registry.Offers(r.ctx(), r.caller)
	if err != nil {
		return err
	}
	out := []any{}
	for _, o := range all {
		out = append(out, map[string]any{"app": o.App.ID, "name": o.App.Name, "from": a.accountName(r.ctx(), o.App.Owner), "at": o.Created.UTC()})
	}
	writeJSON(w, http.StatusOK, map[string]any{"offers": out})
	return nil
}

func (a *API) offerApp(w http.ResponseWriter, r *request) error {
	var in struct {
		To string `json:"to"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("to", in.To); err != nil {
		return err
	}
	if _, err := a.Registry.Environments(r.ctx(), r.caller, r.app()); err != nil {
		return err // names of accounts are for who has something to offer
	}
	to, err := a.Accounts.AccountByName(r.ctx(), in.To)
	if err != nil {
		return err
	}
	if !to.Developer {
		return fault.New(fault.Conflict, "ROLE_MISSING", "%q is no developer", in.To).WithFix("an operator makes it one: annex account add NAME --developer")
	}
	if err := a.Registry.OfferApp(r.ctx(), r.caller, r.app(), to.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) withdrawOffer(w http.ResponseWriter, r *request) error {
	if err := a.Registry.OfferApp(r.ctx(), r.caller, r.app(), ""); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) acceptApp(w http.ResponseWriter, r *request) error {
	n, err := a.Registry.AcceptApp(r.ctx(), r.caller, r.app())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"installations": n})
	return nil
}

func (a *API) suspendApp(w http.ResponseWriter, r *request) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("reason", in.Reason); err != nil {
		return err
	}
	n, err := a.Registry.SuspendApp(r.ctx(), r.caller, r.app(), in.Reason)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"installations": n})
	return nil
}

func (a *API) resumeApp(w http.ResponseWriter, r *request) error {
	n, err := a.Registry.SuspendApp(r.ctx(), r.caller, r.app(), "")
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"installations": n})
	return nil
}

type sharingJSON struct {
	Shared bool       `json:"shared"`
	With   string     `json:"with,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
	By     string     `json:"by,omitempty"`
}

// sharing is the installation of a request as far as its logs are shared.
func (a *API) sharing(r *request) (tenant.Scope, id.Account, error) {
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return tenant.Scope{}, "", err
	}
	if d.EnvType != call.Production {
		return tenant.Scope{}, "", fault.New(fault.Conflict, "LOGS_OPEN", "the developer reads the logs of a development or staging app without asking")
	}
	if r.caller.Kind == id.Developer {
		scope, err := tenant.ForOwner(r.caller, d.Owner, d.Site, d.ID)
		return scope, d.Owner, err
	}
	scope, err := tenant.ForInstall(r.caller, d.Site, d.ID)
	return scope, d.Owner, err
}

func (a *API) writeSharing(w http.ResponseWriter, r *request, s *applog.Share) error {
	out := sharingJSON{}
	if s != nil {
		out = sharingJSON{true, a.accountName(r.ctx(), s.Account), &s.Since, &s.Until, s.By}
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (a *API) showLogSharing(w http.ResponseWriter, r *request) error {
	scope, _, err := a.sharing(r)
	if err != nil {
		return err
	}
	s, err := a.Logs.Shared(r.ctx(), scope)
	if err != nil {
		return err
	}
	return a.writeSharing(w, r, s)
}

func (a *API) shareLogs(w http.ResponseWriter, r *request) error {
	var in struct {
		For string `json:"for"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	how, err := rollout.Duration(in.For)
	if err != nil {
		return fault.New(fault.Usage, "SHARE_TIME", "%q is no time", in.For).WithFix("use 1m to 30d, such as 24h or 7d")
	}
	scope, owner, err := a.sharing(r)
	if err != nil {
		return err
	}
	s, err := a.Logs.ShareWith(r.ctx(), r.caller, scope, owner, how)
	if err != nil {
		return err
	}
	return a.writeSharing(w, r, &s)
}

func (a *API) unshareLogs(w http.ResponseWriter, r *request) error {
	scope, _, err := a.sharing(r)
	if err != nil {
		return err
	}
	if err := a.Logs.Unshare(r.ctx(), r.caller, scope); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
