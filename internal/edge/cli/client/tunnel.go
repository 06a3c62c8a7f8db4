package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// Carries is what a tunnel is to carry beside its developer's own calls.
type Carries struct {
	KeyHash string   // SHA-256 of the key of requests to web triggers, "" for none
	Proofs  []string // of persons' agreements
}

// AskTunnel asks a person of the target's site whether what they do in the app's pages there
// may go through a tunnel; name is what this machine is called.
func (c *Client) AskTunnel(ctx context.Context, t Target, name string) (DeviceLogin, error) {
	return post[DeviceLogin](ctx, c, seg("apps", t.App, "environments", t.Environment, "tunnel", "logins"),
		map[string]string{"site": t.Site, "product": t.Product, "name": name})
}

// PollTunnel asks whether the person agreed.
func (c *Client) PollTunnel(ctx context.Context, app, environment, deviceCode string) (TunnelAgreement, error) {
	return post[TunnelAgreement](ctx, c, seg("apps", app, "environments", environment, "tunnel", "logins", "token"), map[string]string{"device_code": deviceCode})
}

// Tunnel opens a tunnel of a development environment.
func (c *Client) Tunnel(ctx context.Context, app, environment string, more Carries) (*weblink.Link, error) {
	by := *c.http
	if t, ok := by.Transport.(*http.Transport); ok {
		t = t.Clone() // a WebSocket begins as a request of HTTP/1.1
		t.ForceAttemptHTTP2, t.Protocols = false, new(http.Protocols)
		t.Protocols.SetHTTP1(true)
		by.Transport = t
	}
	header := http.Header{"Authorization": {"Bearer " + c.token}, "User-Agent": {c.agent}}
	if more.KeyHash != "" {
		header.Set("Annex-Tunnel-Key", more.KeyHash)
	}
	for _, proof := range more.Proofs {
		header.Add("Annex-Tunnel-Person", proof)
	}
	link, res, err := weblink.Dial(ctx, c.base.String()+"/api/v1/apps/"+url.PathEscape(app)+"/environments/"+url.PathEscape(environment)+"/tunnel", header, &by)
	if err == nil {
		return link, nil
	}
	if ctx.Err() != nil {
		return nil, fault.Op("client.Tunnel", context.Cause(ctx))
	}
	if res == nil || res.Body == nil {
		return nil, c.unreachable(err)
	}
	text, readErr := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if readErr != nil || res.StatusCode == http.StatusSwitchingProtocols {
		return nil, c.unreachable(err)
	}
	if err := c.answer(res, text, nil); err != nil {
		return nil, err
	}
	return nil, c.notAnnex(res)
}
