package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// tunnel makes the request a tunnel: calls that this developer makes in a development
// environment run at its other end. What refuses it is answered before.
func (a *API) tunnel(w http.ResponseWriter, r *request) error {
	app, environment := r.app(), r.PathValue("environment")
	place, err := a.Tunnels.May(r.ctx(), r.caller, app, environment)
	if err != nil {
		return err
	}
	offer, err := a.Tunnels.Offered(r.ctx(), r.caller, r.Header.Get("Annex-Tunnel-Key"), r.Header.Values("Annex-Tunnel-Person"))
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Sec-WebSocket-Version") != "13" || r.Header.Get("Sec-WebSocket-Key") == "" {
		return fault.New(fault.Usage, "UPGRADE_REQUIRED", "a tunnel is a WebSocket (RFC 6455)").WithFix("use annex tunnel")
	}
	token := bearer(r.Request)
	link, err := weblink.Accept(w, r.Request)
	if err != nil {
		a.Log.WarnContext(r.ctx(), "a tunnel's request was not taken", "err", err)
		return nil // it has its answer
	}
	again := func(ctx context.Context) (id.Principal, error) { return a.Accounts.Authenticate(ctx, token) }
	if err := a.Tunnels.Serve(r.ctx(), r.caller, place, offer, link, again); err != nil {
		a.Log.WarnContext(r.ctx(), "a tunnel failed", "app", app, "err", err)
	}
	return nil
}

// startTunnelLogin asks a person of a site, as RFC 8628 describes, whether what they do in the
// app's pages there may go through the developer's tunnel.
func (a *API) startTunnelLogin(w http.ResponseWriter, r *request) error {
	var in struct {
		Site    string `json:"site"`
		Product string `json:"product"`
		Name    string `json:"name"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := machineName(in.Name); err != nil {
		return err
	}
	if _, err := a.Tunnels.May(r.ctx(), r.caller, r.app(), r.PathValue("environment")); err != nil {
		return err
	}
	t, err := a.resolve(r.ctx(), target{App: r.app(), Environment: r.PathValue("environment"), Site: in.Site, Product: in.Product})
	if err != nil {
		return err
	}
	i, err := a.Installs.Find(r.ctx(), r.caller, t)
	if err != nil {
		return err
	}
	address, err := a.mayBegin(r)
	if err != nil {
		return err
	}
	started, err := a.Accounts.StartTunnel(r.ctx(), r.caller, in.Name, address, i.Site, i.ID)
	if err != nil {
		return err
	}
	a.begun(w, started, "/my/tunnels")
	return nil
}

// pollTunnelLogin is the developer's question whether the person agreed. The proof opens
// nothing by itself: it is shown when a tunnel is opened.
func (a *API) pollTunnelLogin(w http.ResponseWriter, r *request) error {
	var in struct {
		Code string `json:"device_code"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("device_code", in.Code); err != nil {
		return err
	}
	if _, err := a.Tunnels.May(r.ctx(), r.caller, r.app(), r.PathValue("environment")); err != nil {
		return err
	}
	agreed, proof, err := a.Accounts.PollTunnel(r.ctx(), r.caller, in.Code)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, map[string]any{"proof": proof, "site": agreed.Site, "product": agreed.Product, "user": agreed.User,
		"installation": agreed.Install, "expiresAt": agreed.Expires.UTC()})
	return nil
}
