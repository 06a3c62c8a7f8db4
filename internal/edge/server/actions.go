package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/bridge"
	"github.com/annexhq/annex/internal/edge/mcp"
	"github.com/annexhq/annex/internal/feature/action"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/remote"
)

// control is the control origin: its API, and beside it what programs of users have apps
// do, and the gateway on which apps' remotes act.
func (s *System) control() http.Handler {
	actions := action.New(action.Config{
		Policies: s.Installs, Versions: versions{s.Registry}, Invoker: s.Door,
		ConsentURL: func(install id.Install) string { return bridge.ConsentURL(s.Origins.UIURL(), install) },
	})
	programs := mcp.New(mcp.Config{
		URL: s.Origins.ControlURL(), UIURL: s.Origins.UIURL(), Version: s.Config.Version, Actions: actions, Programs: s.Accounts, Site: s.siteNamed, Log: s.Config.Log,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mcp.Serves(r.URL.Path) {
			programs.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, remote.GatewayPath) {
			s.Remotes.Serve(w, r)
			return
		}
		s.API.ServeHTTP(w, r)
	})
}

// siteNamed finds a site by its name, or by its id.
func (s *System) siteNamed(ctx context.Context, name string) (id.Site, error) {
	site, err := s.Tenancy.SiteByName(ctx, name)
	if fault.KindOf(err) == fault.NotFound {
		site, err = s.Tenancy.SiteByID(ctx, id.Site(name))
	}
	return site.ID, err
}

// versions tells what versions declare, and what apps are called.
type versions struct{ *registry.Service }

func (v versions) AppName(ctx context.Context, app id.App) (string, error) {
	a, err := v.App(ctx, app)
	return a.Name, err
}
