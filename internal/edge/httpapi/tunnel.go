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
	if err := a.Tunnels.Serve(r.ctx(), r.caller, place, link, again); err != nil {
		a.Log.WarnContext(r.ctx(), "a tunnel failed", "app", app, "err", err)
	}
	return nil
}
