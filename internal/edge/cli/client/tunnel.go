package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// Tunnel opens a tunnel of a development environment.
func (c *Client) Tunnel(ctx context.Context, app, environment string) (*weblink.Link, error) {
	by := *c.http
	if t, ok := by.Transport.(*http.Transport); ok {
		t = t.Clone() // a WebSocket begins as a request of HTTP/1.1
		t.ForceAttemptHTTP2, t.Protocols = false, new(http.Protocols)
		t.Protocols.SetHTTP1(true)
		by.Transport = t
	}
	header := http.Header{"Authorization": {"Bearer " + c.token}, "User-Agent": {c.agent}}
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
